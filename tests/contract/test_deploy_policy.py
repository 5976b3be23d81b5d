"""docs/deploy-policy.json: who deploys may make all that the template has, and read none of what is kept in it."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any, Final

import pytest

from gates.template import ROOT
from tests.contract.test_deployment import WAYS, deployed, plain

POLICY: Final = json.loads((ROOT / "docs" / "deploy-policy.json").read_text(encoding="utf-8"))
REGION: Final = "ap-southeast-1"
ACCOUNT: Final = "123456789012"
STACK: Final = "gopro-s3-sync"
# Of each type: the ARN of what is named, and what CloudFormation does in the deploying person's name to make, change
# and delete it, after the handlers in its registry's schemas. Not tried on AWS.
# https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
TYPES: Final[dict[str, tuple[str, str]]] = {
    "AWS::Chatbot::SlackChannelConfiguration": (
        "arn:aws:chatbot::{account}:chat-configuration/slack-channel/{ConfigurationName}",
        "chatbot:CreateSlackChannelConfiguration chatbot:UpdateSlackChannelConfiguration "
        "chatbot:DeleteSlackChannelConfiguration chatbot:DescribeSlackChannelConfigurations",
    ),
    "AWS::CloudTrail::Trail": (
        "arn:aws:cloudtrail:{region}:{account}:trail/{TrailName}",
        "cloudtrail:CreateTrail cloudtrail:UpdateTrail cloudtrail:DeleteTrail cloudtrail:PutEventSelectors "
        "cloudtrail:StartLogging cloudtrail:StopLogging cloudtrail:GetTrail cloudtrail:AddTags",
    ),
    "AWS::CloudWatch::Alarm": (
        "arn:aws:cloudwatch:{region}:{account}:alarm:{AlarmName}",
        "cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms cloudwatch:DescribeAlarms",
    ),
    "AWS::CloudWatch::Dashboard": (
        "arn:aws:cloudwatch::{account}:dashboard/{DashboardName}",
        "cloudwatch:PutDashboard cloudwatch:GetDashboard cloudwatch:DeleteDashboards",
    ),
    "AWS::DynamoDB::Table": (
        "arn:aws:dynamodb:{region}:{account}:table/{TableName}",
        "dynamodb:CreateTable dynamodb:UpdateTable dynamodb:DeleteTable dynamodb:DescribeTable "
        "dynamodb:UpdateTimeToLive dynamodb:UpdateContinuousBackups dynamodb:DescribeContinuousBackups "
        "dynamodb:DescribeTimeToLive dynamodb:ListTagsOfResource dynamodb:TagResource",
    ),
    "AWS::IAM::ManagedPolicy": (
        "arn:aws:iam::{account}:policy/{stack}-NetworkInterfacesPolicy-AB12",
        "iam:CreatePolicy iam:GetPolicy iam:CreatePolicyVersion iam:DeletePolicyVersion iam:ListPolicyVersions "
        "iam:DeletePolicy",
    ),
    "AWS::IAM::Role": (
        "arn:aws:iam::{account}:role/{RoleName}",
        "iam:CreateRole iam:GetRole iam:DeleteRole iam:PutRolePolicy iam:GetRolePolicy iam:DeleteRolePolicy "
        "iam:AttachRolePolicy iam:DetachRolePolicy iam:ListRolePolicies iam:UpdateAssumeRolePolicy iam:PassRole "
        "iam:TagRole",
    ),
    "AWS::KMS::Alias": (
        "arn:aws:kms:{region}:{account}:{AliasName}",
        "kms:CreateAlias kms:UpdateAlias kms:DeleteAlias kms:ListAliases",
    ),
    "AWS::KMS::Key": (
        "arn:aws:kms:{region}:{account}:key/any",
        "kms:CreateKey kms:DescribeKey kms:EnableKeyRotation kms:GetKeyRotationStatus kms:PutKeyPolicy "
        "kms:GetKeyPolicy kms:UpdateKeyDescription kms:ScheduleKeyDeletion kms:TagResource kms:CreateGrant",
    ),
    "AWS::Lambda::EventInvokeConfig": (
        "arn:aws:lambda:{region}:{account}:function:{FunctionName}",
        "lambda:PutFunctionEventInvokeConfig lambda:UpdateFunctionEventInvokeConfig "
        "lambda:DeleteFunctionEventInvokeConfig",
    ),
    "AWS::Lambda::Function": (
        "arn:aws:lambda:{region}:{account}:function:{FunctionName}",
        "lambda:CreateFunction lambda:GetFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration "
        "lambda:DeleteFunction lambda:PutFunctionConcurrency lambda:DeleteFunctionConcurrency lambda:TagResource",
    ),
    "AWS::Lambda::Permission": (
        "arn:aws:lambda:{region}:{account}:function:{FunctionName}",
        "lambda:AddPermission lambda:RemovePermission lambda:GetPolicy",
    ),
    "AWS::Logs::LogGroup": (
        "arn:aws:logs:{region}:{account}:log-group:{LogGroupName}",
        "logs:CreateLogGroup logs:DeleteLogGroup logs:PutRetentionPolicy logs:AssociateKmsKey logs:DescribeLogGroups "
        "logs:TagResource",
    ),
    "AWS::Logs::QueryDefinition": (
        "*",
        "logs:PutQueryDefinition logs:DescribeQueryDefinitions logs:DeleteQueryDefinition",
    ),
    "AWS::S3::Bucket": (
        "arn:aws:s3:::{BucketName}",
        "s3:CreateBucket s3:DeleteBucket s3:PutBucketVersioning s3:PutEncryptionConfiguration "
        "s3:PutLifecycleConfiguration s3:PutBucketPublicAccessBlock s3:PutBucketOwnershipControls "
        "s3:PutBucketObjectLockConfiguration",
    ),
    "AWS::S3::BucketPolicy": ("arn:aws:s3:::{Bucket}", "s3:PutBucketPolicy s3:GetBucketPolicy s3:DeleteBucketPolicy"),
    "AWS::SNS::Subscription": ("arn:aws:sns:{region}:{account}:{TopicArn}", "sns:Subscribe sns:Unsubscribe"),
    "AWS::SNS::Topic": (
        "arn:aws:sns:{region}:{account}:{TopicName}",
        "sns:CreateTopic sns:DeleteTopic sns:GetTopicAttributes sns:SetTopicAttributes sns:TagResource",
    ),
    "AWS::SNS::TopicPolicy": ("arn:aws:sns:{region}:{account}:gopro-sync-alerts", "sns:SetTopicAttributes"),
    "AWS::SQS::Queue": (
        "arn:aws:sqs:{region}:{account}:{QueueName}",
        "sqs:CreateQueue sqs:DeleteQueue sqs:GetQueueAttributes sqs:SetQueueAttributes sqs:GetQueueUrl sqs:TagQueue",
    ),
    "AWS::SQS::QueuePolicy": ("arn:aws:sqs:{region}:{account}:gopro-sync-dead-letters", "sqs:SetQueueAttributes"),
    "AWS::Scheduler::Schedule": (
        "arn:aws:scheduler:{region}:{account}:schedule/default/{Name}",
        "scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule scheduler:DeleteSchedule",
    ),
    "AWS::SecretsManager::RotationSchedule": (
        "arn:aws:secretsmanager:{region}:{account}:secret:gopro/credentials-AbCdEf",
        "secretsmanager:RotateSecret secretsmanager:CancelRotateSecret secretsmanager:DescribeSecret",
    ),
    "AWS::SecretsManager::Secret": (
        "arn:aws:secretsmanager:{region}:{account}:secret:{Name}-AbCdEf",
        "secretsmanager:CreateSecret secretsmanager:DescribeSecret secretsmanager:UpdateSecret "
        "secretsmanager:DeleteSecret secretsmanager:TagResource",
    ),
    "AWS::StepFunctions::StateMachine": (
        "arn:aws:states:{region}:{account}:stateMachine:{StateMachineName}",
        "states:CreateStateMachine states:DescribeStateMachine states:UpdateStateMachine states:DeleteStateMachine "
        "states:TagResource",
    ),
}
# What a deployment needs beside its resources, and what `adopt` and `credentials` look at.
BESIDE: Final = {
    f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/1": (
        "cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet cloudformation:DescribeStacks "
        "cloudformation:DescribeChangeSet cloudformation:DeleteStack cloudformation:GetTemplate "
        "cloudformation:ListStackResources cloudformation:DescribeStackEvents"
    ),
    f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31": "cloudformation:CreateChangeSet",
    "*": "cloudformation:DescribeStackResources cloudformation:GetTemplateSummary ec2:DescribeSubnets",
    "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-1/package": "s3:PutObject s3:GetObject",
    f"arn:aws:s3:::gopro-archive-bucket-{ACCOUNT}": (
        "s3:ListBucket s3:GetBucketVersioning s3:GetEncryptionConfiguration s3:GetBucketObjectLockConfiguration"
    ),
    f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gopro-authenticator": "lambda:InvokeFunction",
}
# Whoever deploys need not see what is kept.
FORBIDDEN: Final = {
    f"arn:aws:s3:::gopro-archive-bucket-{ACCOUNT}/gopro-videos/2026/01/GX010001.MP4": (
        "s3:GetObject s3:DeleteObject s3:DeleteObjectVersion s3:PutObject s3:BypassGovernanceRetention"
    ),
    f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/gopro-sync-tracker": (
        "dynamodb:GetItem dynamodb:Query dynamodb:Scan dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem"
    ),
    f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:gopro/credentials-AbCdEf": "secretsmanager:GetSecretValue",
    f"arn:aws:iam::{ACCOUNT}:role/administrator": "iam:PassRole iam:PutRolePolicy iam:CreateRole",
    f"arn:aws:s3:::another-bucket-{ACCOUNT}": "s3:DeleteBucket s3:PutBucketPolicy",
}


def allows(action: str, resource: str) -> bool:
    return any(
        any(fnmatchcase(action, pattern) for pattern in as_list(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
        for statement in POLICY["Statement"]
    )


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def test_each_type_of_the_template_is_known_here() -> None:
    assert {resource["Type"] for resource in plain()["Resources"].values()} == TYPES.keys()


@pytest.mark.parametrize("way", WAYS)
def test_who_deploys_may_make_change_and_delete_each_resource(way: str) -> None:
    for logical_id, kind, properties in deployed(way):
        arn, actions = TYPES[kind]
        # What CloudFormation names begins with the stack's name.
        named = {"RoleName": f"{STACK}-{logical_id}-AB12", **properties}
        resource = arn.format(region=REGION, account=ACCOUNT, stack=STACK, **named)
        refused = [action for action in actions.split() if not allows(action, resource)]
        assert not refused, f"{logical_id}: {resource}"


@pytest.mark.parametrize("resource", BESIDE)
def test_who_deploys_may_do_what_sam_and_adopt_do_beside_it(resource: str) -> None:
    assert not [action for action in BESIDE[resource].split() if not allows(action, resource)]


@pytest.mark.parametrize("resource", FORBIDDEN)
def test_who_deploys_may_not_read_or_delete_what_is_kept(resource: str) -> None:
    assert not [action for action in FORBIDDEN[resource].split() if allows(action, resource)]


def test_it_fits_into_a_managed_policy() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    assert len(json.dumps(POLICY, separators=(",", ":"))) <= 6144
