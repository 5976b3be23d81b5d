"""An account in which a deleted stack has left what it keeps, as ``./gopro-sync adopt`` looks at it.

CloudFormation's rules of an import, from its guide: every resource to import has a deletion policy and an identifier of
its type, exists, and belongs to no stack; nothing else may be added; what the stack has stays as it was.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
"""

# ruff: noqa: N803  # the names of boto3's arguments
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

from tests.support.sqs import Call, Moment, VirtualClock, refusal

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-west-1"
KEY_ID: Final = "0b7f2c1e-5d0e-4f62-9c55-7a3f1f0e9a10"
KEY_ARN: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}"
SECRET_ARN: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:gopro/credentials-AbCdEf"
BUCKET: Final = f"gopro-archive-{ACCOUNT}-{REGION}"
AUDIT_BUCKET: Final = f"gopro-audit-{ACCOUNT}-{REGION}"
TABLE: Final = "gopro-sync-tracker"
STACK: Final = "gopro-s3-sync"
_IDENTIFIERS: Final = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::KMS::Key": "KeyId",
    "AWS::SecretsManager::Secret": "Id",
}

Blow = Callable[[int, str, Moment], None]


class KeptAccount:
    """The account; stands for ``boto3.Session`` and for every client that it makes.

    Args:
        clock: each call takes some of it.

    Attributes:
        buckets: the region, the owner's account and whether objects are locked, by name.
        tables: the key of each, by name.
        secrets: what DescribeSecret answers, by name.
        key: what DescribeKey answers; nothing where it is gone.
        stacks: status, description, parameters, template and what they hold, by name.
        calls: the operations that were called, in their order.
        writes: those of them that change something.
        refuses: why CloudFormation refuses a change set; None if it does not.
        rolls_back: whether an import fails in its middle.
        blow: called at both moments of each call with the call's number; what it raises comes out of the call.
    """

    region_name: str | None = REGION

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.buckets: dict[str, dict[str, Any]] = {
            BUCKET: {"region": REGION, "owner": ACCOUNT, "locks": False},
            AUDIT_BUCKET: {"region": REGION, "owner": ACCOUNT, "locks": True},
        }
        self.tables = {TABLE: KEY_ARN}
        self.secrets: dict[str, dict[str, Any]] = {
            "gopro/credentials": {"ARN": SECRET_ARN, "Name": "gopro/credentials", "KmsKeyId": KEY_ARN}
        }
        self.key = {
            "KeyId": KEY_ID,
            "KeyManager": "CUSTOMER",
            "KeyState": "Enabled",
            "Description": "gopro-s3-sync (prod) - videos and more",
        }
        self.stacks: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.writes: list[str] = []
        self.refuses: str | None = None
        self.rolls_back = False
        self.blow: Blow = lambda _number, _operation, _moment: None
        self._change_sets: dict[str, dict[str, Any]] = {}
        self._numbers = count(1)

    def client(self, _service: str) -> KeptAccount:
        return self

    def holds(self, stack: str = STACK) -> dict[str, str]:
        """Return what a stack holds: ids in the account by the names of the template."""
        held: dict[str, str] = self.stacks[stack]["holds"]
        return held

    def add_stack(self, status: str, name: str = STACK, **members: Any) -> None:
        """Put a stack there."""
        template: dict[str, Any] = {"Resources": {}}
        described = {"description": "gopro-s3-sync - copies", "parameters": {}, "holds": {}, "template": template}
        stack_id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{next(self._numbers)}"
        self.stacks[name] = {"status": status, "id": stack_id, **described, **members}

    # --- what is looked at -------------------------------------------------------------------------------------------

    def get_caller_identity(self) -> dict[str, str]:
        with self._call("GetCallerIdentity"):
            return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/operator"}

    def head_bucket(self, *, Bucket: str, ExpectedBucketOwner: str) -> dict[str, str]:
        with self._call("HeadBucket"):
            if Bucket not in self.buckets:
                raise refusal("HeadBucket", "404", "Not Found", status=404)
            if self.buckets[Bucket]["owner"] != ExpectedBucketOwner:
                raise refusal("HeadBucket", "403", "Forbidden", status=403)
            return {"BucketRegion": self.buckets[Bucket]["region"]}

    def get_bucket_versioning(self, *, Bucket: str) -> dict[str, str]:
        with self._call("GetBucketVersioning"):
            return {"Status": "Enabled"}

    def get_object_lock_configuration(self, *, Bucket: str) -> dict[str, Any]:
        with self._call("GetObjectLockConfiguration"):
            if not self.buckets[Bucket]["locks"]:
                raise refusal("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", status=404)
            return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}

    def get_bucket_encryption(self, *, Bucket: str) -> dict[str, Any]:
        with self._call("GetBucketEncryption"):
            key = self.buckets[Bucket].get("key", KEY_ARN)
            if key is None:
                raise refusal("GetBucketEncryption", "ServerSideEncryptionConfigurationNotFoundError", status=404)
            by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
            rules = [{"ApplyServerSideEncryptionByDefault": by_default}]
            return {"ServerSideEncryptionConfiguration": {"Rules": rules}}

    def describe_table(self, *, TableName: str) -> dict[str, Any]:
        with self._call("DescribeTable"):
            if TableName not in self.tables:
                raise refusal("DescribeTable", "ResourceNotFoundException")
            index = {
                "IndexName": "status-sync_timestamp-index",
                "KeySchema": [{"AttributeName": "status", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
                "IndexArn": "arn:any",
                "ItemCount": 7,
            }
            return {
                "Table": {
                    "TableName": TableName,
                    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
                    "AttributeDefinitions": [{"AttributeName": "media_id", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "media_id", "KeyType": "HASH"}],
                    "GlobalSecondaryIndexes": [index],
                    "SSEDescription": {"Status": "ENABLED", "KMSMasterKeyArn": self.tables[TableName]},
                }
            }

    def describe_continuous_backups(self, *, TableName: str) -> dict[str, Any]:
        with self._call("DescribeContinuousBackups"):
            status = {"PointInTimeRecoveryStatus": "ENABLED"}
            return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": status}}

    def describe_time_to_live(self, *, TableName: str) -> dict[str, Any]:
        with self._call("DescribeTimeToLive"):
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}}

    def describe_secret(self, *, SecretId: str) -> dict[str, Any]:
        with self._call("DescribeSecret"):
            if SecretId not in self.secrets:
                raise refusal("DescribeSecret", "ResourceNotFoundException")
            return self.secrets[SecretId]

    def describe_key(self, *, KeyId: str) -> dict[str, Any]:
        with self._call("DescribeKey"):
            if not self.key:
                raise refusal("DescribeKey", "NotFoundException", f"Key '{KeyId}' does not exist")
            found = KeyId.rsplit("/", 1)[-1]
            return {"KeyMetadata": {**self.key, "KeyId": found}}

    def get_key_policy(self, *, KeyId: str, PolicyName: str) -> dict[str, str]:
        with self._call("GetKeyPolicy"):
            assert (KeyId, PolicyName) == (KEY_ID, "default")
            return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        with self._call("DescribeStacks"):
            stack = self._stack(StackName)
            self._move_on(stack)
            parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in stack["parameters"].items()]
            described = {
                "StackName": StackName,
                "StackId": stack["id"],
                "StackStatus": stack["status"],
                "Parameters": parameters,
            }
            return {"Stacks": [{**described, "Description": stack["description"]}]}

    def describe_stack_resources(self, *, PhysicalResourceId: str) -> dict[str, Any]:
        with self._call("DescribeStackResources"):
            held = [
                {"StackName": name, "PhysicalResourceId": PhysicalResourceId, "ResourceStatus": "CREATE_COMPLETE"}
                for name, stack in self.stacks.items()
                if PhysicalResourceId in stack["holds"].values()
            ]
            if not held:
                raise refusal("DescribeStackResources", "ValidationError", "Stack for it does not exist")
            return {"StackResources": held}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, *, StackName: str) -> Iterator[dict[str, Any]]:
        with self._call("ListStackResources"):
            for logical_id, physical_id in self._stack(StackName)["holds"].items():
                summary = {"LogicalResourceId": logical_id, "PhysicalResourceId": physical_id}
                yield {"StackResourceSummaries": [{**summary, "ResourceStatus": "CREATE_COMPLETE"}]}

    def get_template(self, *, StackName: str) -> dict[str, Any]:
        with self._call("GetTemplate"):
            return {"TemplateBody": json.loads(json.dumps(self._stack(StackName)["template"]))}

    def describe_stack_events(self, *, StackName: str) -> dict[str, Any]:
        with self._call("DescribeStackEvents"):
            failed = {"LogicalResourceId": "TrackerTable", "ResourceStatus": "IMPORT_FAILED"}
            return {"StackEvents": [{**failed, "ResourceStatusReason": "the reason of the event"}]}

    # --- what is changed ---------------------------------------------------------------------------------------------

    def create_change_set(self, **asked: Any) -> None:
        with self._call("CreateChangeSet", writes=True):
            template = json.loads(asked["TemplateBody"])
            assert asked["ChangeSetType"] == "IMPORT"
            assert template.keys() <= {"AWSTemplateFormatVersion", "Description", "Resources"}, "nothing else"
            stack = self.stacks.get(asked["StackName"])
            if stack is None:
                self.add_stack("REVIEW_IN_PROGRESS", asked["StackName"], description="")
            elif stack["status"] not in {"REVIEW_IN_PROGRESS", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}:
                raise refusal("CreateChangeSet", "ValidationError", f"Stack is in {stack['status']} state")
            stack = self._stack(asked["StackName"])
            asked_for = asked["ResourcesToImport"]
            imported = {item["LogicalResourceId"]: self._identified(item, template) for item in asked_for}
            before = stack["template"]["Resources"]
            assert template["Resources"].keys() == imported.keys() | before.keys(), "every new resource is imported"
            assert all(template["Resources"][name] == before[name] for name in before), "what is there stays as it is"
            status = {"Status": "CREATE_PENDING", "looks": 0, "template": template, "imported": imported}
            assert self._change_sets.get(asked["ChangeSetName"]) is None
            self._change_sets[asked["ChangeSetName"]] = status

    def describe_change_set(self, *, StackName: str, ChangeSetName: str) -> dict[str, Any]:
        with self._call("DescribeChangeSet"):
            change_set = self._change_sets[ChangeSetName]
            change_set["looks"] += 1
            if change_set["looks"] < 2:
                return {"Status": "CREATE_IN_PROGRESS"}
            if self.refuses:
                return {"Status": "FAILED", "StatusReason": self.refuses}
            change_set["Status"] = "CREATE_COMPLETE"
            return {"Status": "CREATE_COMPLETE"}

    def execute_change_set(self, *, StackName: str, ChangeSetName: str) -> None:
        with self._call("ExecuteChangeSet", writes=True):
            change_set = self._change_sets.pop(ChangeSetName)
            assert change_set["Status"] == "CREATE_COMPLETE"
            stack = self._stack(StackName)
            stack.update(status="IMPORT_IN_PROGRESS", looks=0, next="IMPORT_COMPLETE")
            if self.rolls_back:
                stack["next"] = "IMPORT_ROLLBACK_COMPLETE"
                return
            stack.update(template=change_set["template"], description=change_set["template"]["Description"])
            stack["holds"].update(change_set["imported"])

    def delete_stack(self, *, StackName: str) -> None:
        with self._call("DeleteStack", writes=True):
            for name, stack in self.stacks.items():  # of a stack that is gone already, nothing happens
                if StackName in {name, stack["id"]}:
                    stack.update(status="DELETE_IN_PROGRESS", looks=0, next="DELETE_COMPLETE")

    def _stack(self, name: str) -> dict[str, Any]:
        if name not in self.stacks or self.stacks[name]["status"] == "DELETE_COMPLETE":
            raise refusal("DescribeStacks", "ValidationError", f"Stack with id {name} does not exist")
        return self.stacks[name]

    def _move_on(self, stack: dict[str, Any]) -> None:
        """What is under way is over when it was looked at twice."""
        if "next" in stack:
            stack["looks"] += 1
            if stack["looks"] > 1:
                stack["status"] = stack.pop("next")
        if stack["status"] == "DELETE_COMPLETE":
            self.stacks.pop(STACK)
            raise refusal("DescribeStacks", "ValidationError", f"Stack with id {STACK} does not exist")

    def _identified(self, item: dict[str, Any], template: dict[str, Any]) -> str:
        declared = template["Resources"][item["LogicalResourceId"]]
        assert (declared["Type"], declared["DeletionPolicy"]) == (item["ResourceType"], "Retain")
        ((name, physical_id),) = item["ResourceIdentifier"].items()
        assert name == _IDENTIFIERS[item["ResourceType"]]
        there = {*self.buckets, *self.tables, KEY_ID, *(secret["ARN"] for secret in self.secrets.values())}
        assert physical_id in there, "it exists"
        assert all(physical_id not in stack["holds"].values() for stack in self.stacks.values()), "no stack has it"
        return str(physical_id)

    def _call(self, operation: str, *, writes: bool = False) -> Call:
        def watch(called: str, moment: Moment) -> None:
            if moment == "asked":
                self.calls.append(called)
            elif writes:
                self.writes.append(called)
            self.blow(len(self.calls) - 1, called, moment)

        return Call(operation, self._clock, watch)
