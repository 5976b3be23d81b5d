"""What outlives a stack: CloudFormation's refusals that protect it, and the import that restores it.

The engine as published overwrites a table or a secret whose name is taken, deletes a bucket with all that is in it,
knows a secret by its name where AWS knows it by its ARN, and imports no secret. A stack created by a
change set has no description.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import dynamodb, s3, secretsmanager
from ministack.services.cloudformation import changesets, provisioners

from local.engine.patching import add_entry, replace, replace_entry

# What a handler returns: the resource's physical id and the attributes that Fn::GetAtt finds.
Created = tuple[str, dict[str, Any]]
_SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type, not a secret


def apply() -> None:
    """Refuse what AWS refuses, and let a stack import a secret."""
    table = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    replace_entry(table, "create", _refusing_taken_name(table["create"], "TableName", dynamodb._tables))

    bucket = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    replace_entry(bucket, "delete", _refusing_full_bucket(bucket["delete"]))

    secret = provisioners._RESOURCE_HANDLERS[_SECRET]
    create, update, delete = secret["create"], secret["update"], secret["delete"]
    replace_entry(secret, "create", _known_by_arn(_refusing_taken_name(create, "Name", secretsmanager._secrets)))
    replace_entry(secret, "update", _known_by_arn(lambda arn, *rest: update(_name(arn), *rest)))
    replace_entry(secret, "delete", lambda arn, properties: delete(_name(arn), properties))
    add_entry(
        secret, "import", lambda identifier: (identifier["Id"], {"Id": identifier["Id"], "Arn": identifier["Id"]})
    )
    add_entry(changesets._IMPORT_LOOKUPS, _SECRET, (("Id",), _import_problem))
    replace(changesets, "_track_change_set_execution", _describing(changesets._track_change_set_execution))


def _refusing_taken_name(stock: Callable[..., Created], name_property: str, taken: Any) -> Callable[..., Created]:
    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Created:
        if (name := properties.get(name_property)) in taken:
            raise ValueError(f"{name} already exists")
        return stock(logical_id, properties, stack_name)

    return create


def _refusing_full_bucket(stock: Callable[..., None]) -> Callable[..., None]:
    def delete(name: str, properties: dict[str, Any]) -> None:
        if s3._buckets.get(name, {}).get("objects") or s3._bucket_has_versions(name):
            raise ValueError(
                f"The bucket you tried to delete is not empty (Service: S3, Status Code: 409, Bucket: {name})"
            )
        stock(name, properties)

    return delete


def _known_by_arn(stock: Callable[..., Created]) -> Callable[..., Created]:
    def handler(*arguments: Any) -> Created:
        _name_of_secret, attributes = stock(*arguments)
        return attributes["Id"], attributes

    return handler


def _describing(stock: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def execute(change_set: dict[str, Any], stack: dict[str, Any], deployment: Awaitable[None]) -> None:
        stack["Description"] = change_set["_template"].get("Description", "")
        await stock(change_set, stack, deployment)

    return execute


def _name(arn: str) -> str:
    """Return the name of a secret, under which the engine keeps it; for one that is gone, its ARN."""
    return next((name for name, secret in secretsmanager._secrets.items() if secret["ARN"] == arn), arn)


def _import_secret(identifier: dict[str, str]) -> Created:
    arn = identifier["Id"]
    return arn, {"Id": arn, "Arn": arn}


def _import_problem(arn: str) -> str | None:
    if _name(arn) != arn:
        return None
    return str(changesets._IMPORT_NOT_FOUND.format(type=_SECRET, value=arn))
