"""The template itself, in each way to deploy it: the change set is made, executed, and leaves nothing behind."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, WaiterError

from gates.template import state_machine_text
from tests.integration.engine.conftest import Engine
from tests.support.plain_deployment import BUCKET, DEFINITION_KEY, PACKAGE_KEY, template_of_tests

# Not that of other tests, whose stacks have the same names.
REGION = "eu-west-1"
TEMPLATE_KEY = "template.json"
# Answers whatever it is asked, the test of a rotation too.
FUNCTION = "def handler(event, context):\n    return {}\n"
HANDLERS = ("authenticator", "media_lister", "video_downloader")


class Deployments:
    """CloudFormation with the template and its package in S3."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.cloudformation = self.client("cloudformation")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name in HANDLERS:
                archive.writestr(f"gopro_sync/handlers/{name}.py", FUNCTION)
        s3 = self.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for key, body in {
            PACKAGE_KEY: packed.getvalue(),
            DEFINITION_KEY: state_machine_text().encode(),
            TEMPLATE_KEY: json.dumps(template_of_tests()).encode(),
        }.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def client(self, service: str) -> Any:
        """Return a client of this region."""
        return self._engine.client(service, region=REGION)

    def change_set(self, stack: str, kind: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Make a change set; return what is told of it."""
        name = f"change-{uuid4().hex[:8]}"
        self.cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateURL=f"{self._engine.endpoint_url}/{BUCKET}/{TEMPLATE_KEY}",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        reported: dict[str, Any] = self.cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)
        return reported

    def deploy(self, stack: str, kind: str, parameters: Mapping[str, str]) -> None:
        """Make a change set, execute it and wait for its end."""
        reported = self.change_set(stack, kind, parameters)
        assert (reported["Status"], reported["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
        self.cloudformation.execute_change_set(StackName=stack, ChangeSetName=reported["ChangeSetId"])
        self._wait(stack, "stack_create_complete" if kind == "CREATE" else "stack_update_complete")

    def delete(self, stack: str) -> None:
        self.cloudformation.delete_stack(StackName=stack)
        self._wait(stack, "stack_delete_complete")

    def status(self, stack: str) -> str:
        status: str = self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return status

    def holds(self, stack: str) -> dict[str, str]:
        """Return what a stack holds: ids in the account by the names of the template."""
        resources = self.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in resources}

    def events(self, stack: str) -> list[tuple[str, str]]:
        """Return what happened to which resource, the newest first."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
        events = [event for page in pages for event in page["StackEvents"]]
        return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in events]

    def _wait(self, stack: str, waiter: str) -> None:
        config = {"Delay": 0.1, "MaxAttempts": 600}
        self.cloudformation.get_waiter(waiter).wait(StackName=stack, WaiterConfig=config)


@pytest.fixture(scope="session")
def deployments(engine: Engine) -> Deployments:
    return Deployments(engine)


@pytest.fixture(scope="session")
def network(deployments: Deployments) -> dict[str, str]:
    ec2 = deployments.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="any", Description="any")["GroupId"]
    return {"VpcSubnetIds": subnet, "VpcSecurityGroupIds": group}


@pytest.mark.slow
def test_two_stacks_live_side_by_side_in_one_account_and_region(deployments: Deployments) -> None:
    deployments.deploy("side-prod", "CREATE", {})
    deployments.deploy("side-dev", "CREATE", {"Environment": "dev"})

    production, development = deployments.holds("side-prod"), deployments.holds("side-dev")
    assert production.keys() == development.keys()
    assert not set(production.values()) & set(development.values())
    deployments.delete("side-dev")
    assert deployments.holds("side-prod") == production
    with pytest.raises(WaiterError):
        deployments.deploy("side-again", "CREATE", {})
    assert deployments.holds("side-prod") == production


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "parameters", "lacks"),
    [
        ("notrail", {"EnableCloudTrail": "false"}, "AuditTrail"),
        ("second", {"EnableCloudTrail": "data-events"}, ""),
        ("reserved", {"ReserveConcurrency": "true"}, ""),
        ("noetags", {"VerifySourceEtag": "false"}, ""),
        ("nobacklog", {"ContinueBacklog": "false"}, ""),
        ("paused", {"ScheduleState": "DISABLED"}, ""),
        ("noir", {"GlacierInstantRetrievalAfterDays": "0"}, ""),
        ("email", {"AlertEmail": "ops-team@company.com"}, ""),
        ("slack", {"SlackWorkspaceId": "T012ABCDEFG", "SlackChannelId": "C012ABCDEFG"}, ""),
        ("arm64", {"Architecture": "arm64"}, ""),
        ("eeeeeeeeeeeeeeee", {}, ""),
    ],
)
def test_each_way_to_deploy_is_created_switched_back_and_forth_and_deleted(
    deployments: Deployments, environment: str, parameters: dict[str, str], lacks: str
) -> None:
    stack = f"way-{environment}"
    deployments.deploy(stack, "CREATE", {"Environment": environment, **parameters})
    assert lacks not in deployments.holds(stack)
    kept = {name: value for name, value in deployments.holds(stack).items() if name in ("ArchiveBucket", "AuditBucket")}
    for switched in ({}, parameters, {}) if parameters else ():
        deployments.deploy(stack, "UPDATE", {"Environment": environment, **switched})
        assert kept.items() <= deployments.holds(stack).items()
    deployments.delete(stack)


@pytest.mark.slow
def test_a_changed_environment_makes_an_empty_archive_and_leaves_the_old_one(deployments: Deployments) -> None:
    """Why docs/deploy.md says not to; what was kept comes back by `gopro-sync adopt`."""
    deployments.deploy("way-renamed", "CREATE", {"Environment": "before"})
    before = deployments.holds("way-renamed")["ArchiveBucket"]
    deployments.client("s3").put_object(Bucket=before, Key="gopro-videos/video.mp4", Body=b"video")

    deployments.deploy("way-renamed", "UPDATE", {"Environment": "after"})

    s3, after = deployments.client("s3"), deployments.holds("way-renamed")["ArchiveBucket"]
    assert before != after
    assert s3.get_object(Bucket=before, Key="gopro-videos/video.mp4")["Body"].read() == b"video"
    assert "Contents" not in s3.list_objects_v2(Bucket=after)


@pytest.mark.slow
def test_a_changed_schedule_is_changed_in_place(deployments: Deployments) -> None:
    environment = {"Environment": "hours"}
    deployments.deploy("way-hours", "CREATE", environment)
    before = deployments.holds("way-hours")
    changed = {"ScheduleExpression": "rate(12 hours)", "ScheduleTimezone": "Europe/Berlin", "ScheduleState": "DISABLED"}

    deployments.deploy("way-hours", "UPDATE", {**environment, **changed})

    schedule = deployments.client("scheduler").get_schedule(Name=before["SyncSchedule"])
    reported = (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"], schedule["State"])
    assert reported == tuple(changed.values())
    assert deployments.holds("way-hours") == before


@pytest.mark.slow
def test_it_is_deployed_into_a_network(deployments: Deployments, network: dict[str, str]) -> None:
    deployments.deploy("way-vpc", "CREATE", {"Environment": "vpc", **network})

    assert "NetworkInterfacesPolicy" in deployments.holds("way-vpc")
    deployments.delete("way-vpc")


@pytest.mark.slow
def test_a_late_roll_back_leaves_nothing_and_the_next_attempt_works(deployments: Deployments) -> None:
    """CloudFormation finds out about a time zone when it makes the schedule, which needs almost everything else."""
    stack, environment = "way-late", {"Environment": "late"}
    with pytest.raises(WaiterError):
        deployments.deploy(stack, "CREATE", {**environment, "ScheduleTimezone": "Mars/Olympus"})

    assert deployments.status(stack) == "ROLLBACK_COMPLETE"
    assert ("AuditBucket", "CREATE_COMPLETE") in deployments.events(stack)
    assert not [status for name, status in deployments.events(stack) if name == "AuditTrail"], "nothing was locked"
    deployments.delete(stack)
    deployments.deploy(stack, "CREATE", environment)


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"DeepArchiveAfterDays": "7"}, "DeepArchiveAfterDays must be more"),
        ({"SlackChannelId": "C012ABCDEFG"}, "or neither"),
        ({"SlackWorkspaceId": "T012ABCDEFG"}, "or neither"),
        ({"VpcSubnetIds": "subnet-0123456789abcdef0"}, "or neither"),
        ({"VpcSecurityGroupIds": "sg-0123456789abcdef0"}, "or neither"),
        ({"Environment": "Prod"}, "1 to 16 lower-case letters"),
        ({"MaxConcurrentDownloads": "41"}, "1 to 40"),
    ],
)
def test_parameters_that_exclude_each_other_are_refused_before_anything_is_made(
    deployments: Deployments, parameters: dict[str, str], refusal: str
) -> None:
    stack = f"refused-{uuid4().hex[:8]}"

    with pytest.raises(ClientError, match=refusal):
        deployments.change_set(stack, "CREATE", parameters)

    with pytest.raises(ClientError, match="does not exist"):
        deployments.status(stack)
