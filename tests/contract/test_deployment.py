"""What CloudFormation asks of a template before and while it deploys it, and the local engine does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import botocore.session
import pytest

from gates.template import ROOT, Stack, state_machine_text, template
from tests.support.plain_deployment import template_of_tests

# Each way to deploy that adds or takes away resources, with the longest names.
WAYS: Final = {
    "default": {},
    "longest names": {"Environment": "e" * 16},
    "e-mail": {"AlertEmail": f"{'o' * 64}@{'c' * 60}.com"},
    "no trail": {"EnableCloudTrail": "false"},
    "second trail": {"EnableCloudTrail": "data-events"},
    "reserved": {"ReserveConcurrency": "true"},
    "no ETags": {"VerifySourceEtag": "false"},
    "no backlog": {"ContinueBacklog": "false"},
    "no instant retrieval": {"GlacierInstantRetrievalAfterDays": "0"},
    "Slack": {"SlackWorkspaceId": "T" * 12, "SlackChannelId": "C" * 12},
    "VPC": {
        "VpcSubnetIds": ",".join(f"subnet-{number:017x}" for number in range(16)),
        "VpcSecurityGroupIds": ",".join(f"sg-{number:017x}" for number in range(5)),
    },
    "arm64": {"Architecture": "arm64"},
    "paused": {"ScheduleState": "DISABLED"},
}
# Where the service's model says how long a property may be: service, operation, member.
LENGTHS: Final = {
    ("AWS::CloudWatch::Alarm", "AlarmDescription"): ("cloudwatch", "PutMetricAlarm", "AlarmDescription"),
    ("AWS::CloudWatch::Alarm", "AlarmName"): ("cloudwatch", "PutMetricAlarm", "AlarmName"),
    ("AWS::IAM::Role", "RoleName"): ("iam", "CreateRole", "RoleName"),
    ("AWS::KMS::Alias", "AliasName"): ("kms", "CreateAlias", "AliasName"),
    ("AWS::KMS::Key", "Description"): ("kms", "CreateKey", "Description"),
    ("AWS::Lambda::Function", "Description"): ("lambda", "CreateFunction", "Description"),
    ("AWS::Logs::LogGroup", "LogGroupName"): ("logs", "CreateLogGroup", "logGroupName"),
    ("AWS::Logs::QueryDefinition", "Name"): ("logs", "PutQueryDefinition", "name"),
    ("AWS::Logs::QueryDefinition", "QueryString"): ("logs", "PutQueryDefinition", "queryString"),
    ("AWS::Scheduler::Schedule", "Description"): ("scheduler", "CreateSchedule", "Description"),
    ("AWS::Scheduler::Schedule", "Name"): ("scheduler", "CreateSchedule", "Name"),
    ("AWS::SecretsManager::Secret", "Description"): ("secretsmanager", "CreateSecret", "Description"),
    ("AWS::SecretsManager::Secret", "Name"): ("secretsmanager", "CreateSecret", "Name"),
    ("AWS::StepFunctions::StateMachine", "StateMachineName"): ("stepfunctions", "CreateStateMachine", "name"),
}
# Where it does not: the services' quotas pages.
OTHER_LENGTHS: Final = {
    # https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html
    ("AWS::CloudTrail::Trail", "TrailName"): 128,
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
    ("AWS::DynamoDB::Table", "TableName"): 255,
    # https://docs.aws.amazon.com/lambda/latest/dg/API_CreateFunction.html
    ("AWS::Lambda::Function", "FunctionName"): 64,
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    ("AWS::S3::Bucket", "BucketName"): 63,
    # https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
    ("AWS::SNS::Topic", "TopicName"): 256,
    ("AWS::SNS::Topic", "DisplayName"): 100,
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
    ("AWS::SQS::Queue", "QueueName"): 80,
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    # https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CreateSlackChannelConfiguration.html
    ("AWS::Chatbot::SlackChannelConfiguration", "ConfigurationName"): 128,
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
    ("AWS::IAM::ManagedPolicy", "Description"): 1000,
}
# Bytes of a policy, or of a role's inline policies together; blanks count nowhere where they are JSON's own.
POLICIES: Final = {
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    ("AWS::IAM::Role", "AssumeRolePolicyDocument"): 2048,
    ("AWS::IAM::Role", "Policies"): 10_240,
    ("AWS::IAM::ManagedPolicy", "PolicyDocument"): 6144,
    # https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
    ("AWS::KMS::Key", "KeyPolicy"): 32_768,
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
    ("AWS::S3::BucketPolicy", "PolicyDocument"): 20_480,
    # https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    ("AWS::SNS::TopicPolicy", "PolicyDocument"): 30_720,
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
    ("AWS::SQS::QueuePolicy", "PolicyDocument"): 8192,
}


plain = cache(template_of_tests)


def deployed(way: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield logical id, type and properties of each resource that a way to deploy makes."""
    stack = Stack(region="ap-southeast-1", **WAYS[way])
    for logical_id, resource in plain()["Resources"].items():
        condition = resource.get("Condition")
        if condition is None or stack.holds(condition):
            yield logical_id, resource["Type"], stack.resolve(resource.get("Properties", {}))


@cache
def longest(service: str, operation: str, member: str) -> int:
    model = botocore.session.get_session().get_service_model(service)
    members: Any = model.operation_model(operation).input_shape
    return int(members.members[member].metadata["max"])


def needs(value: Any) -> Iterator[str]:
    """Yield the names that a resource refers to, in whatever way CloudFormation counts as a dependency."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from (name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", text))
        case {"Fn::Sub": [str(text), extra]}:
            yield from (name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", text))
            yield from needs(extra)
        case dict():
            for item in value.values():
                yield from needs(item)
        case list():
            for item in value:
                yield from needs(item)


def dependencies(logical_id: str) -> set[str]:
    """Return the resources that are there before this one is created."""
    resources, open_ends = plain()["Resources"], [logical_id]
    found: set[str] = set()
    while open_ends:
        resource = resources[open_ends.pop()]
        named = resource.get("DependsOn", [])
        direct = {*([named] if isinstance(named, str) else named), *needs(resource)} & resources.keys()
        open_ends += sorted(direct - found)
        found |= direct
    return found


# --- order -----------------------------------------------------------------------------------------------------------


def test_nothing_locked_is_written_before_all_else_is_there() -> None:
    """What a trail has written can be deleted by nobody for a year, nor can its bucket by a roll-back."""
    others = plain()["Resources"].keys() - {"AuditTrail"}
    assert others - dependencies("AuditTrail") == set(), "put these into the DependsOn of AuditTrail"


def test_what_a_switch_takes_out_of_the_stack_is_not_kept_outside_of_it() -> None:
    """It would be in the way of the same switch, switched back."""
    kept = [name for name, resource in template()["Resources"].items() if "DeletionPolicy" in resource]
    assert len(kept) == 5
    assert not [name for name in kept if "Condition" in template()["Resources"][name]]


def test_nothing_that_is_kept_survives_a_first_deployment_that_failed() -> None:
    """With Retain it would, and be in the way of the second attempt."""
    policies = {resource.get("DeletionPolicy") for resource in template()["Resources"].values()}
    assert policies == {None, "RetainExceptOnCreate"}
    for resource in template()["Resources"].values():
        assert ("DeletionPolicy" in resource) == (resource.get("UpdateReplacePolicy") == "Retain")


# --- limits ----------------------------------------------------------------------------------------------------------


def test_descriptions_and_defaults_are_within_the_quotas() -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    document = plain()
    assert len(document["Description"].encode()) <= 1024
    for parameter in document["Parameters"].values():
        assert len(parameter["Description"]) <= 4000
        assert len(str(parameter["Default"])) <= 4096
    for output in document["Outputs"].values():
        assert len(output["Description"]) <= 1024
    # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    assert len(state_machine_text()) <= 1_048_576


@pytest.mark.parametrize("way", WAYS)
def test_no_name_and_no_description_is_too_long(way: str) -> None:
    for logical_id, kind, properties in deployed(way):
        for (of_kind, field), shape in LENGTHS.items():
            if of_kind == kind and field in properties:
                assert len(properties[field]) <= longest(*shape), (logical_id, field)
        for (of_kind, field), length in OTHER_LENGTHS.items():
            if of_kind == kind and field in properties:
                assert len(properties[field]) <= length, (logical_id, field)


@pytest.mark.parametrize("way", WAYS)
def test_no_policy_is_too_large(way: str) -> None:
    for logical_id, kind, properties in deployed(way):
        for (of_kind, field), most in POLICIES.items():
            if of_kind == kind and field in properties:
                text = json.dumps(properties[field], separators=(",", ":"))
                # An ARN's stand-in is short; the longest here is a log group's.
                assert len(re.sub(r"\b\w+\.(Arn|Id)\b", "a" * 150, text).encode()) <= most, (logical_id, field)


def test_every_name_and_description_has_a_limit_here() -> None:
    fields = re.compile(r"(Name|Description)$")
    not_a_name = {"MetricName", "FunctionName"}  # of another thing
    listed = LENGTHS.keys() | OTHER_LENGTHS.keys()
    named = {
        (resource["Type"], field)
        for resource in plain()["Resources"].values()
        for field in resource.get("Properties", {})
        if fields.search(field)
    }
    of_others = {(kind, field) for kind, field in named if field in not_a_name and kind != "AWS::Lambda::Function"}
    assert named - listed - of_others <= {("AWS::CloudTrail::Trail", "S3BucketName")}


def test_every_policy_has_a_limit_here() -> None:
    held = {
        (resource["Type"], field)
        for resource in plain()["Resources"].values()
        for field in resource.get("Properties", {})
        if field in {"PolicyDocument", "KeyPolicy", "Policies", "AssumeRolePolicyDocument"}
    }
    assert held == POLICIES.keys()


# --- the page about it -----------------------------------------------------------------------------------------------


def test_the_page_names_all_that_stays_when_the_stack_is_deleted() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    kept = {name for name, resource in template()["Resources"].items() if "DeletionPolicy" in resource}
    names = {
        Stack(region="us-east-1").name_of(name).replace("123456789012", "ACCOUNT") for name in kept - {"EncryptionKey"}
    }
    (table,) = re.findall(r"\| kept \|.*?\n\n", page, re.DOTALL)
    assert table.count("\n| ") == len(kept)
    assert not [name for name in names if f"`{name}`" not in table]


def test_the_page_quotes_the_template_where_parameters_exclude_each_other() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    reported = [rule["Assertions"][0]["AssertDescription"] for rule in template()["Rules"].values()]
    quoted = [quote.strip(" .") for quote in re.findall(r"`([^`]*)`", page)]
    assert len(reported) == 3
    assert all(any(quote in text for quote in quoted if len(quote.split()) > 3) for text in reported)
