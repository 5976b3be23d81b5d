"""template.yaml in every region: names that do not collide in an account and fit, ARNs and hosts of the partition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import combinations, product
from typing import Any, Final

import pytest

from gates.template import Stack, partitions, resource, resources_of, state_machine, template

PARTITIONS: Final = {
    "us-east-1": ("aws", "amazonaws.com"),
    "eu-central-1": ("aws", "amazonaws.com"),
    "eu-south-1": ("aws", "amazonaws.com"),  # opt-in
    "us-gov-west-1": ("aws-us-gov", "amazonaws.com"),
    "cn-north-1": ("aws-cn", "amazonaws.com.cn"),
}
EVERYTHING_ON: Final = {
    "AlertEmail": "ops-team@company.com",
    "SlackWorkspaceId": "T012ABCDEFG",
    "SlackChannelId": "C012ABCDEFG",
    "VpcSubnetIds": "subnet-0a1b2c3d",
    "VpcSecurityGroupIds": "sg-0a1b2c3d",
}
# The namespaces that all regions of an account (or all accounts) share.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-multi-region-trails.html (seen in every region)
# https://docs.aws.amazon.com/chatbot/latest/adminguide/what-is.html (a global service)
SHARED_BY_ALL_REGIONS: Final = {
    "AWS::IAM::Role": "RoleName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::CloudTrail::Trail": "TrailName",
    "AWS::Chatbot::SlackChannelConfiguration": "ConfigurationName",
}
_DASHES: Final = r"[A-Za-z0-9_-]+"
# What AWS takes for a name, from the API reference of each service: field, longest, pattern.
NAMES: Final = {
    "AWS::IAM::Role": ("RoleName", 64, r"[\w+=,.@-]+"),
    "AWS::S3::Bucket": ("BucketName", 63, r"[a-z0-9][a-z0-9-]*[a-z0-9]"),
    # Starts and ends with a letter or digit, and has no two of these signs side by side.
    "AWS::CloudTrail::Trail": ("TrailName", 128, r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*"),
    "AWS::Chatbot::SlackChannelConfiguration": ("ConfigurationName", 128, _DASHES),
    "AWS::Serverless::Function": ("FunctionName", 64, _DASHES),
    "AWS::Serverless::StateMachine": ("Name", 80, _DASHES),
    "AWS::SNS::Topic": ("TopicName", 256, _DASHES),
    "AWS::SQS::Queue": ("QueueName", 80, _DASHES),
    "AWS::Scheduler::Schedule": ("Name", 64, r"[0-9A-Za-z_.-]+"),
    "AWS::CloudWatch::Alarm": ("AlarmName", 255, _DASHES),
    "AWS::CloudWatch::Dashboard": ("DashboardName", 255, _DASHES),
    "AWS::DynamoDB::Table": ("TableName", 255, r"[a-zA-Z0-9_.-]{3,}"),
    "AWS::SecretsManager::Secret": ("Name", 512, r"[A-Za-z0-9/_+=.@-]+"),
    "AWS::KMS::Alias": ("AliasName", 256, r"alias/[A-Za-z0-9/_-]+"),
    "AWS::Logs::LogGroup": ("LogGroupName", 512, r"[.\-_/#A-Za-z0-9]+"),
    "AWS::Logs::QueryDefinition": ("Name", 255, r"[^:*]+"),
}


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a document, the keys as well."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from texts(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def names(type_name: str, field: str, stack: Stack) -> list[str]:
    return [str(stack.resolve(properties[field])) for properties in resources_of(type_name).values()]


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("type_name", "field"), SHARED_BY_ALL_REGIONS.items())
def test_stacks_of_one_account_share_no_name_whatever_their_regions_and_environments(
    type_name: str, field: str
) -> None:
    environments = ("prod", "dev", "eu-central-1", "e" * 16)
    stacks = [
        set(names(type_name, field, Stack(region=region, Environment=environment)))
        for region, environment in product(("us-east-1", "eu-central-1", "eu-central-2", "eu-south-1"), environments)
    ]
    assert all(not one & other for one, other in combinations(stacks, 2))


def test_outside_us_east_1_the_names_that_regions_share_have_the_region() -> None:
    for type_name, field in SHARED_BY_ALL_REGIONS.items():
        for environment in ("prod", "dev"):
            elsewhere = names(type_name, field, Stack(region="eu-south-1", Environment=environment))
            assert elsewhere
            assert all("eu-south-1" in name for name in elsewhere)
            at_home = names(type_name, field, Stack(region="us-east-1", Environment=environment))
            assert not any("us-east-1" in name for name in at_home)


def test_a_name_within_a_region_is_the_same_in_partitions() -> None:
    for type_name in NAMES.keys() - SHARED_BY_ALL_REGIONS.keys():
        field, *_ = NAMES[type_name]
        assert names(type_name, field, Stack(region="us-east-1")) == names(type_name, field, Stack(region="eu-south-1"))


@pytest.mark.parametrize("type_name", NAMES)
@pytest.mark.parametrize("environment", ["prod", "e" * 16, "a-1" * 5])
def test_every_name_is_one_that_aws_takes_in_every_region(type_name: str, environment: str) -> None:
    field, longest, pattern = NAMES[type_name]
    for region in partitions():
        for name in names(type_name, field, Stack(region=region, Environment=environment)):
            assert len(name) <= longest, name
            assert re.fullmatch(pattern, name), name


def test_no_resource_has_a_name_that_these_tests_do_not_look_at() -> None:
    fields = {field for field, *_ in NAMES.values()}
    named = {d["Type"] for d in template()["Resources"].values() if fields & d.get("Properties", {}).keys()}
    assert named - {"AWS::Lambda::Permission"} == NAMES.keys()  # that one names another resource


# --- partitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", PARTITIONS)
def test_every_arn_is_of_the_region_s_partition(region: str) -> None:
    partition, _ = PARTITIONS[region]
    deployed = [Stack(region=region, **EVERYTHING_ON).resolve(template()["Resources"]), state_machine(region=region)]
    arns = [text for text in texts(deployed) if text.startswith("arn:")]
    assert {arn.split(":")[2] for arn in arns} >= {"iam", "states", "cloudtrail", "logs"}
    assert {arn.split(":")[1] for arn in arns} == {partition}


@pytest.mark.parametrize("region", PARTITIONS)
def test_every_service_is_called_what_the_region_calls_it(region: str) -> None:
    _, suffix = PARTITIONS[region]
    deployed = Stack(region=region, **EVERYTHING_ON).resolve(template()["Resources"])
    services = {text for text in texts(deployed) if re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", text)}
    # Service principals are the same everywhere, but for that of CloudWatch Logs.
    # https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/region-info/lib/default.ts
    of_a_region = {f"{name}.{region}.{suffix}" for name in ("logs", "s3", "dynamodb", "secretsmanager")}
    everywhere = {"lambda", "states", "scheduler", "cloudwatch", "cloudtrail", "chatbot", "secretsmanager"}
    assert services == of_a_region | {f"{name}.amazonaws.com" for name in everywhere}


def test_no_other_address_of_aws_names_a_region() -> None:
    text = json.dumps(Stack(region="eu-south-1", **EVERYTHING_ON).resolve(template()["Resources"]))
    text = text.replace("of the runs, by prices of us-east-1", "")  # whose prices these are
    mentioned = {region for region in partitions() if re.search(rf"(?<![a-z0-9-]){region}(?![a-z0-9-])", text)}
    assert mentioned == {"eu-south-1"}


def test_every_public_region_has_every_resource_type() -> None:
    """The lists are CloudFormation's own, region by region, as cfn-lint packs them."""
    transformed = {
        "AWS::Serverless::Function": "AWS::Lambda::Function",
        "AWS::Serverless::StateMachine": "AWS::StepFunctions::StateMachine",
    }
    types = {transformed.get(d["Type"], d["Type"]) for d in template()["Resources"].values()}
    missing = {
        file.name.removesuffix(".json"): types - json.loads(file.read_text()).keys()
        for file in files("cfnlint.data.schemas.providers").iterdir()
        if re.fullmatch(r"[a-z]{2}-[a-z]+-\d\.json|(cn|us-gov)-[a-z]+-1\.json", file.name)
    }
    assert len(missing) > 30
    slack = {"AWS::Chatbot::SlackChannelConfiguration"}
    assert {region: types for region, types in missing.items() if types} == dict.fromkeys(
        ("cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1"), slack
    )


# --- the trail of a second stack -------------------------------------------------------------------------------------


def test_a_second_trail_can_leave_out_what_the_first_records() -> None:
    trail = Stack(region="eu-south-1", EnableCloudTrail="data-events").resolve(resource("AuditTrail"))
    (selector,) = trail["EventSelectors"]
    assert selector["DataResources"]
    # AWS refuses a trail of all regions without the events of global services.
    recorded = (selector["IncludeManagementEvents"], trail["IsMultiRegionTrail"], trail["IncludeGlobalServiceEvents"])
    assert recorded == (False, False, False)
    assert Stack(EnableCloudTrail="data-events").resolve(resource("EncryptionKey")["KeyPolicy"]) == Stack().resolve(
        resource("EncryptionKey")["KeyPolicy"]
    )
