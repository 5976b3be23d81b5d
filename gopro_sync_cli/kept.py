"""Find what an earlier stack left in the account, by its names, and describe it as it is.

What is found is described as it is rather than as the template has it, since CloudFormation trusts an import: what the
import calls set is not set by the deployment that follows, and an index that it leaves out is created once more.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import ClientError

from gopro_sync.aws.answers import code_of
from gopro_sync.errors import ConfigurationError
from gopro_sync_cli.template import KeptResource

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

_ABSENT: Final = frozenset({"404", "NoSuchBucket", "ResourceNotFoundException"})
_NO_CONFIGURATION: Final = frozenset(
    {"ServerSideEncryptionConfigurationNotFoundError", "ObjectLockConfigurationNotFoundError"}
)
_KMS_KEY: Final = "AWS::KMS::Key"
# How the descriptions of our stacks and their keys begin in template.yaml: anything else is not ours.
OUR_DESCRIPTION: Final = "gopro-s3-sync"


class Keys(Protocol):
    """The KMS calls that are needed."""

    def describe_key(self, *, KeyId: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Return a key's metadata."""

    def get_key_policy(self, *, KeyId: str, PolicyName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """Return a key's policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A kept resource that is there.

    Attributes:
        resource: its entry in the template.
        physical_id: its id in a stack that holds it.
        identifier: its identifier in an import.
        properties: its properties in an import.
        key_id: id or ARN of the KMS key that it is encrypted with, if there is one.
    """

    resource: KeptResource
    physical_id: str
    identifier: Mapping[str, str]
    properties: Mapping[str, Any]
    key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account and region to look in, and the clients that reach them."""

    account_id: str
    region: str
    s3: S3Client
    dynamodb: DynamoDBClient
    secretsmanager: SecretsManagerClient
    kms: Keys

    def find(self, resources: Sequence[KeptResource]) -> list[Found]:
        """Return those that exist, in their order; the key is the one that the others are encrypted with.

        Raises:
            ConfigurationError: one exists and cannot be adopted; the message says why, and what to do.
            ClientError: a call was refused.
        """
        named = [
            found
            for resource in resources
            if resource.name is not None
            if (found := self._find_named(resource, resource.name))
        ]
        keys = [
            found for resource in resources if resource.type == _KMS_KEY if (found := self._find_key(resource, named))
        ]
        there = {found.resource.logical_id: found for found in (*named, *keys)}
        return [there[resource.logical_id] for resource in resources if resource.logical_id in there]

    def _find_named(self, resource: KeptResource, name: str) -> Found | None:
        looks = {
            "AWS::S3::Bucket": self._bucket,
            "AWS::DynamoDB::Table": self._table,
            "AWS::SecretsManager::Secret": self._secret,
        }
        try:
            return looks[resource.type](resource, name)
        except ClientError as error:
            if code_of(error) in _ABSENT:
                return None
            raise

    def _bucket(self, resource: KeptResource, name: str) -> Found:
        try:
            head = self.s3.head_bucket(Bucket=name, ExpectedBucketOwner=self.account_id)
        except ClientError as error:
            if code_of(error) == "403":
                raise ConfigurationError(
                    f"There is a bucket {name}, and AWS does not let you look at it: either it belongs to another "
                    "account (bucket names are global; then deploy with another Environment), or you lack s3:ListBucket"
                ) from error
            raise
        if (there := head.get("BucketRegion", self.region)) != self.region:
            raise ConfigurationError(f"The bucket {name} is in {there}, not in {self.region}: say --region {there}")
        properties: dict[str, Any] = {"BucketName": name}
        if status := self.s3.get_bucket_versioning(Bucket=name).get("Status"):
            properties["VersioningConfiguration"] = {"Status": status}
        if self._is_locking(name):
            properties["ObjectLockEnabled"] = True
        return Found(
            resource=resource,
            physical_id=name,
            identifier={"BucketName": name},
            properties=properties,
            key_id=self._key_of_bucket(name),
        )

    def _is_locking(self, name: str) -> bool:
        try:
            self.s3.get_object_lock_configuration(Bucket=name)
        except ClientError as error:
            if code_of(error) in _NO_CONFIGURATION:
                return False
            raise
        return True

    def _key_of_bucket(self, name: str) -> str | None:
        try:
            answer = self.s3.get_bucket_encryption(Bucket=name)
        except ClientError as error:
            if code_of(error) in _NO_CONFIGURATION:
                return None
            raise
        (rule, *_) = answer["ServerSideEncryptionConfiguration"]["Rules"]
        return rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")

    def _table(self, resource: KeptResource, name: str) -> Found:
        table = self.dynamodb.describe_table(TableName=name)["Table"]
        backups = self.dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        ttl = self.dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"
        key = table.get("SSEDescription", {}).get("KMSMasterKeyArn")
        properties: dict[str, Any] = {
            "TableName": name,
            "BillingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            "AttributeDefinitions": table["AttributeDefinitions"],
            "KeySchema": table["KeySchema"],
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery},
        }
        if indexes := table.get("GlobalSecondaryIndexes"):
            properties["GlobalSecondaryIndexes"] = [
                {member: index[member] for member in ("IndexName", "KeySchema", "Projection")} for index in indexes
            ]
        if ttl.get("TimeToLiveStatus") == "ENABLED":
            properties["TimeToLiveSpecification"] = {"AttributeName": ttl["AttributeName"], "Enabled": True}
        if key:
            properties["SSESpecification"] = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
        return Found(
            resource=resource, physical_id=name, identifier={"TableName": name}, properties=properties, key_id=key
        )

    def _secret(self, resource: KeptResource, name: str) -> Found:
        secret: Mapping[str, Any] = self.secretsmanager.describe_secret(SecretId=name)
        if "DeletedDate" in secret:
            raise ConfigurationError(
                f"The secret {name} is scheduled for deletion. Cancel that to keep the credentials: aws secretsmanager "
                f"restore-secret --secret-id {name} --region {self.region}"
            )
        properties = {"Name": name}
        properties |= {member: secret[member] for member in ("Description", "KmsKeyId") if secret.get(member)}
        arn = secret["ARN"]
        return Found(
            resource=resource,
            physical_id=arn,
            identifier={"Id": arn},
            properties=properties,
            key_id=secret.get("KmsKeyId"),
        )

    def _find_key(self, resource: KeptResource, named: Sequence[Found]) -> Found | None:
        """Return the key of what was found: a new key could not decrypt it.

        KMS is asked about each name, since ids, ARNs and aliases may all mean one key.
        """
        keys: dict[str, dict[str, Any]] = {}
        whose: list[str] = []
        for found in named:
            if found.key_id is None:
                continue
            key = self._key_of(found.resource, found.key_id)
            if key["KeyManager"] == "CUSTOMER":  # not AWS's own, which is in every account
                keys[key["KeyId"]] = key
                whose.append(f"{found.resource.name}: {key['KeyId']}")
        if len(keys) > 1:
            raise ConfigurationError(
                f"What was kept is encrypted with different keys, but a stack has only one ({'; '.join(whose)}): keep "
                "what holds the videos, and delete or rename the rest by hand"
            )
        if not keys:
            return None
        ((key_id, key),) = keys.items()
        self._refuse_foreign(key)
        self._refuse_unusable(key)
        policy = self.kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
        return Found(
            resource=resource,
            physical_id=key_id,
            identifier={"KeyId": key_id},
            properties={"KeyPolicy": json.loads(policy)},
        )

    def _key_of(self, resource: KeptResource, key_id: str) -> dict[str, Any]:
        try:
            key: dict[str, Any] = self.kms.describe_key(KeyId=key_id)["KeyMetadata"]
        except ClientError as error:
            if code_of(error) == "NotFoundException":
                raise ConfigurationError(
                    f"The key {key_id}, with which {resource.name} is encrypted, is gone, and nobody can read what it "
                    "encrypted any more: delete that for good as docs/deploy.md says, then deploy again"
                ) from error
            raise
        return key

    def _refuse_foreign(self, key: Mapping[str, Any]) -> None:
        """Raise ConfigurationError for a key that no stack of ours made: a deployment would change its policy."""
        description = key.get("Description", "")
        if not description.startswith(OUR_DESCRIPTION):
            raise ConfigurationError(
                f"The key {key['KeyId']}, with which what was kept is encrypted, does not belong to this system "
                f"({description or 'it has no description'}), and a stack that imports it replaces its policy. If it "
                f"is yours alone: aws kms update-key-description --key-id {key['KeyId']} --region {self.region} "
                f"--description {OUR_DESCRIPTION}"
            )

    def _refuse_unusable(self, key: Mapping[str, Any]) -> None:
        """Raise ConfigurationError for a key that is disabled: CloudFormation could not use it either."""
        state, enable = key["KeyState"], f"aws kms enable-key --key-id {key['KeyId']} --region {self.region}"
        if state == "PendingDeletion":
            cancel = enable.replace("enable-key", "cancel-key-deletion")
            raise ConfigurationError(
                f"The key {key['KeyId']}, without which nobody can read the videos again, is scheduled for "
                f"deletion. Cancel that: {cancel} && {enable}"
            )
        if state == "Disabled":
            raise ConfigurationError(f"The key {key['KeyId']} is disabled. Enable it: {enable}")
