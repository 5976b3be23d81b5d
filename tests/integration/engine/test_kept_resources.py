"""What outlives a stack blocks the next one by its name, as on AWS, and comes back into it by an import."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.integration.engine.conftest import Engine

KEY_SCHEMA = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


class Stacks:
    """CloudFormation with one stack's name."""

    def __init__(self, engine: Engine) -> None:
        self.client = engine.client("cloudformation")
        self.name = f"stack-{uuid4().hex[:12]}"

    def create(self, resources: Mapping[str, Any]) -> None:
        self.client.create_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}))
        self._wait("stack_create_complete")

    def update(self, resources: Mapping[str, Any]) -> None:
        self.client.update_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}))
        self._wait("stack_update_complete")

    def delete(self) -> None:
        self.client.delete_stack(StackName=self.name)
        self._wait("stack_delete_complete")

    def prepare_import(self, template: Mapping[str, Any], identifiers: Mapping[str, Mapping[str, str]]) -> Any:
        """Make the change set; return what is told of it."""
        self.client.create_change_set(
            StackName=self.name,
            ChangeSetName="import",
            ChangeSetType="IMPORT",
            TemplateBody=json.dumps(template),
            ResourcesToImport=[
                {
                    "LogicalResourceId": logical_id,
                    "ResourceType": template["Resources"][logical_id]["Type"],
                    "ResourceIdentifier": dict(identifier),
                }
                for logical_id, identifier in identifiers.items()
            ],
        )
        return self.client.describe_change_set(StackName=self.name, ChangeSetName="import")

    def execute_import(self) -> None:
        self.client.execute_change_set(StackName=self.name, ChangeSetName="import")
        self._wait("stack_import_complete")

    def status(self) -> str:
        (stack,) = self.client.describe_stacks(StackName=self.name)["Stacks"]
        status: str = stack["StackStatus"]
        return status

    def _wait(self, waiter: str) -> None:
        self.client.get_waiter(waiter).wait(StackName=self.name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


@pytest.fixture
def stacks(engine: Engine) -> Stacks:
    return Stacks(engine)


def secret(name: str, **properties: str) -> dict[str, Any]:
    properties = {"Name": name, **properties}
    return {"Type": "AWS::SecretsManager::Secret", "DeletionPolicy": "Retain", "Properties": properties}


def table(name: str) -> dict[str, Any]:
    properties = {"TableName": name, **KEY_SCHEMA}
    return {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": properties}


def new_name() -> str:
    return f"kept-{uuid4().hex[:12]}"


@pytest.mark.gap
@pytest.mark.parametrize("resource", [secret, table])
def test_a_name_that_is_taken_fails_the_deployment_and_what_has_it_stays(
    engine: Engine, stacks: Stacks, resource: Any
) -> None:
    name = new_name()
    secrets, tables = engine.client("secretsmanager"), engine.client("dynamodb")
    secrets.create_secret(Name=name, SecretString="kept")
    tables.create_table(TableName=name, **KEY_SCHEMA)
    tables.put_item(TableName=name, Item={"id": {"S": "kept"}})

    with pytest.raises(WaiterError):
        stacks.create({"Only": resource(name)})

    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "kept"
    assert tables.scan(TableName=name)["Count"] == 1


@pytest.mark.gap
def test_a_bucket_with_something_in_it_is_not_deleted_with_its_stack(engine: Engine, stacks: Stacks) -> None:
    name = new_name()
    stacks.create({"Only": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}})
    engine.client("s3").put_object(Bucket=name, Key="kept", Body=b"kept")

    with pytest.raises(WaiterError):
        stacks.delete()

    assert stacks.status() == "DELETE_FAILED"
    assert engine.client("s3").get_object(Bucket=name, Key="kept")["Body"].read() == b"kept"


@pytest.mark.gap
def test_a_bucket_of_a_stack_locks_what_is_put_into_it(engine: Engine, stacks: Stacks) -> None:
    name = new_name()
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 365}}}
    properties = {
        "BucketName": name,
        "VersioningConfiguration": {"Status": "Enabled"},
        "ObjectLockEnabled": True,
        "ObjectLockConfiguration": lock,
    }
    stacks.create({"Only": {"Type": "AWS::S3::Bucket", "Properties": properties}})
    s3 = engine.client("s3")
    version = s3.put_object(Bucket=name, Key="record", Body=b"record")["VersionId"]

    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=name, Key="record", VersionId=version)


@pytest.mark.gap
def test_a_secret_that_outlived_its_stack_is_imported_with_its_value_and_updated_in_place(
    engine: Engine, stacks: Stacks
) -> None:
    name = new_name()
    secrets = engine.client("secretsmanager")
    stacks.create({"Only": secret(name)})
    secrets.put_secret_value(SecretId=name, SecretString="kept")
    stacks.delete()
    arn = secrets.describe_secret(SecretId=name)["ARN"]

    template = {"Description": "what was kept", "Resources": {"Only": secret(name)}}
    prepared = stacks.prepare_import(template, {"Only": {"Id": arn}})
    assert (prepared["Status"], prepared["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert stacks.status() == "REVIEW_IN_PROGRESS"
    stacks.execute_import()
    (stack,) = stacks.client.describe_stacks(StackName=stacks.name)["Stacks"]
    assert (stack["StackStatus"], stack["Description"]) == ("IMPORT_COMPLETE", "what was kept")
    stacks.update({"Only": secret(name, Description="changed")})

    (imported,) = stacks.client.describe_stack_resources(StackName=stacks.name)["StackResources"]
    assert imported["PhysicalResourceId"] == arn
    described = secrets.describe_secret(SecretId=name)
    assert (described["ARN"], described["Description"]) == (arn, "changed")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "kept"


@pytest.mark.gap
def test_a_secret_that_a_stack_holds_or_that_is_not_there_fails_the_change_set(engine: Engine, stacks: Stacks) -> None:
    name = new_name()
    stacks.create({"Only": secret(name)})
    arn = engine.client("secretsmanager").describe_secret(SecretId=name)["ARN"]

    held = Stacks(engine).prepare_import({"Resources": {"Only": secret(name)}}, {"Only": {"Id": arn}})
    absent = Stacks(engine).prepare_import({"Resources": {"Only": secret(name)}}, {"Only": {"Id": f"{arn}x"}})

    assert (held["Status"], absent["Status"]) == ("FAILED", "FAILED")
    assert "already exists in stack" in held["StatusReason"]
    assert "was not found" in absent["StatusReason"]


@pytest.mark.parametrize(
    ("section", "refusal"),
    [
        ({"Outputs": {"Name": {"Value": "any"}}}, r"you cannot modify or add \[Outputs\]"),
        ({"Resources": {"Only": {**table("none"), "DeletionPolicy": None}}}, "must have DeletionPolicy"),
    ],
    ids=["outputs", "no deletion policy"],
)
def test_an_import_is_refused_as_on_aws(engine: Engine, stacks: Stacks, section: dict[str, Any], refusal: str) -> None:
    name = new_name()
    engine.client("dynamodb").create_table(TableName=name, **KEY_SCHEMA)
    template = {"Resources": {"Only": table(name)}, **section}
    template["Resources"] = {
        logical_id: {key: value for key, value in resource.items() if value is not None}
        for logical_id, resource in template["Resources"].items()
    }

    with pytest.raises(ClientError, match=refusal):
        stacks.prepare_import(template, {"Only": {"TableName": name}})
