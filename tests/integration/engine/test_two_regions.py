"""The template twice in one account, with the same Environment, in two regions."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from gates.template import state_machine_text, template
from tests.integration.engine.conftest import Engine

_REGIONS = ("us-east-1", "eu-central-1")
_STACK = "gopro-s3-sync"


def _deployable(bucket: str) -> str:
    """The template with one tiny package for all functions, as text."""
    document = copy.deepcopy(template())
    document["Globals"]["Function"]["CodeUri"] = {"Bucket": bucket, "Key": "package.zip"}
    machine = document["Resources"]["SyncStateMachine"]["Properties"]
    del machine["DefinitionUri"]
    machine["Definition"] = json.loads(state_machine_text())
    return json.dumps(document, default=str)


def _put_package(engine: Engine, region: str) -> str:
    bucket, packed = f"packages-{region}", io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        # Called when rotation is set up; the other functions are never called.
        archive.writestr("gopro_sync/handlers/authenticator.py", "def handler(event, context): pass")
    s3 = engine.client("s3", region=region)
    elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **elsewhere)
    s3.put_object(Bucket=bucket, Key="package.zip", Body=packed.getvalue())
    return bucket


def _deploy(engine: Engine, region: str) -> dict[str, str]:
    """The outputs of a new stack; fails with what CloudFormation says if it does not come up."""
    client, bucket = engine.client("cloudformation", region=region), _put_package(engine, region)
    engine.client("s3", region=region).put_object(Bucket=bucket, Key="template.json", Body=_deployable(bucket))
    client.create_stack(
        StackName=_STACK,
        TemplateURL=f"{engine.endpoint_url}/{bucket}/template.json",
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    try:
        client.get_waiter("stack_create_complete").wait(StackName=_STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except WaiterError as error:
        events = client.describe_stack_events(StackName=_STACK)["StackEvents"]
        raise AssertionError(
            [e.get("ResourceStatusReason") for e in events if "FAILED" in e["ResourceStatus"]]
        ) from error
    (stack,) = client.describe_stacks(StackName=_STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.mark.slow
def test_the_same_environment_lives_in_two_regions_of_one_account(engine: Engine) -> None:
    outputs: dict[str, Any] = {region: _deploy(engine, region) for region in _REGIONS}

    buckets = {bucket["Name"] for bucket in engine.client("s3").list_buckets()["Buckets"]}
    roles = {role["RoleName"] for role in engine.client("iam").list_roles()["Roles"]}
    for region in _REGIONS:
        own = outputs[region]
        assert {own["ArchiveBucketName"], own["AuditBucketName"]} <= buckets
        assert own["StateMachineArn"].split(":")[3] == region
        assert own["TrackerTableName"] in engine.client("dynamodb", region=region).list_tables()["TableNames"]
    assert {"gopro-video-downloader-role", "gopro-video-downloader-role_eu-central-1"} <= roles
    assert outputs["us-east-1"]["ArchiveBucketName"] == "gopro-archive-bucket-000000000000"
    assert outputs["eu-central-1"]["ArchiveBucketName"] == "gopro-archive-000000000000-eu-central-1"
