"""Encryption, exposure and audit: what the template promises and no local engine enforces."""

from __future__ import annotations

from typing import Any, Final

import pytest

from gates.template import Stack, resource, resources_of, roles_with_permissions, template
from gopro_sync.telemetry import metrics

ACCOUNT: Final = "123456789012"
VPC: Final = {"VpcSubnetIds": "subnet-0a1b2c3d,subnet-0a1b2c3e", "VpcSecurityGroupIds": "sg-0a1b2c3d"}
FUNCTIONS: Final = sorted(resources_of("AWS::Serverless::Function"))
ROLES_OF_FUNCTIONS: Final = ["AuthenticatorRole", "MediaListerRole", "VideoDownloaderRole"]
# Statements that speak of everything, each for a reason.
ACCEPTED_WILDCARDS: Final = {
    "AccountAdministersKey": "AWS: without it the key cannot be administered by anyone any more",
    "DenyWithoutTls": "a refusal, which cannot be too wide",
}
SERVICE_OF: Final = {
    "secretsmanager": "secretsmanager",
    "dynamodb": "dynamodb",
    "s3": "s3",
}


def policy_statements(stack: Stack) -> list[dict[str, Any]]:
    """Every statement of every policy in the template."""
    found: list[dict[str, Any]] = []

    def search(value: Any) -> None:
        if isinstance(value, dict):
            if "Effect" in value and "Action" in value:
                found.append(value)
            for item in value.values():
                search(item)
        elif isinstance(value, list):
            for item in value:
                search(item)

    for definition in template()["Resources"].values():
        search(stack.resolve(definition.get("Properties", {})))
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_statement_has_a_wildcard_action_but_those_that_say_why() -> None:
    with_wildcard = {
        statement["Sid"]
        for statement in policy_statements(Stack(**VPC))
        if any("*" in action for action in as_list(statement["Action"]))
    }
    assert with_wildcard == set(ACCEPTED_WILDCARDS)


def test_every_statement_has_a_name() -> None:
    assert [s for s in policy_statements(Stack(**VPC)) if "Sid" not in s and s["Action"] != "sts:AssumeRole"] == []


@pytest.mark.parametrize("role", sorted(set(roles_with_permissions()) - {"SyncScheduleRole"}))
def test_a_role_may_use_the_key_only_through_the_services_that_it_calls(role: str) -> None:
    (policy,) = Stack().resolve(resource(role)["Policies"])
    statements = policy["PolicyDocument"]["Statement"]
    (key_use,) = [statement for statement in statements if statement["Sid"] == "UseEncryptionKey"]
    called = {action.split(":")[0] for statement in statements for action in as_list(statement["Action"])}
    assert set(key_use["Condition"]["StringEquals"]["kms:ViaService"]) == {
        f"{service}.eu-west-1.amazonaws.com" for name, service in SERVICE_OF.items() if name in called
    }


@pytest.mark.parametrize("logical_id", ["EncryptionKey", "AlertsTopicPolicy", "AuditBucketPolicy"])
def test_a_service_may_act_for_this_account_only(logical_id: str) -> None:
    properties = Stack().resolve(resource(logical_id))
    document = properties.get("KeyPolicy") or properties["PolicyDocument"]
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow" and "Service" in statement["Principal"]:
            assert ACCOUNT in str(statement["Condition"]), statement["Sid"]


def test_an_alarm_can_reach_people() -> None:
    stack = Stack()
    topic = [s["Sid"] for s in stack.resolve(resource("AlertsTopicPolicy")["PolicyDocument"]["Statement"])]
    assert "CloudWatchAlarmsPublish" in topic
    for name, alarm in resources_of("AWS::CloudWatch::Alarm").items():
        assert stack.resolve(alarm["AlarmName"]).startswith("GoPro-"), name
        assert alarm["AlarmActions"] == [{"Ref": "AlertsTopic"}]


def test_people_are_reported_of_a_key_that_cannot_be_used_by_what_does_not_use_it() -> None:
    # Alarms may not use AWS's own key for SNS: https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
    assert [name for name, topic in resources_of("AWS::SNS::Topic").items() if "KmsMasterKeyId" in topic] == []
    for name, queue in resources_of("AWS::SQS::Queue").items():
        assert "KmsMasterKeyId" not in queue, name
        assert queue["SqsManagedSseEnabled"] is True, name
    # Where the system's own metrics are lost with its logs, Step Functions still tells what becomes of a run.
    queries = resource("RunStoppedAlarm")["Metrics"]
    stopped = [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
    assert {metric["Namespace"] for metric in [resource("ExecutionFailedAlarm"), *stopped]} == {"AWS/States"}
    # Silence, which is what a lost log leaves, is no success.
    assert resource("NoSuccessfulRunAlarm")["TreatMissingData"] == "breaching"


@pytest.mark.parametrize("bucket", sorted(resources_of("AWS::S3::Bucket")))
def test_every_bucket_is_private_versioned_encrypted_and_without_acls(bucket: str) -> None:
    properties = resource(bucket)
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": ["EncryptionKey", "Arn"]}


@pytest.mark.parametrize(
    "type_name", ["AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"], ids=lambda name: name.rsplit("::", 1)[-1]
)
def test_whatever_holds_data_refuses_to_be_reached_without_tls(type_name: str) -> None:
    policies = [
        policy
        for kind in ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
        for policy in resources_of(kind).values()
    ]
    for name in resources_of(type_name):
        (statements,) = [
            policy["PolicyDocument"]["Statement"]
            for policy in policies
            if {"Ref": name} in [policy.get("Bucket"), *policy.get("Topics", []), *policy.get("Queues", [])]
        ]
        denial = statements[0]
        assert (denial["Effect"], denial["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


# --- audit -----------------------------------------------------------------------------------------------------------


def test_every_access_to_a_video_the_table_and_the_functions_is_recorded_and_the_record_is_sealed() -> None:
    trail = Stack().resolve(resource("AuditTrail"))
    assert (trail["IsLogging"], trail["EnableLogFileValidation"], trail["IsMultiRegionTrail"]) == (True, True, True)
    assert trail["KMSKeyId"] == "EncryptionKey.Arn"
    (selector,) = trail["EventSelectors"]
    assert (selector["ReadWriteType"], selector["IncludeManagementEvents"]) == ("All", True)
    functions = ["AuthenticatorFunction.Arn", "MediaListerFunction.Arn", "VideoDownloaderFunction.Arn"]
    assert selector["DataResources"] == [
        {"Type": "AWS::S3::Object", "Values": ["ArchiveBucket.Arn/"]},
        {"Type": "AWS::DynamoDB::Table", "Values": ["TrackerTable.Arn"]},
        {"Type": "AWS::Lambda::Function", "Values": functions},
    ]


def test_nobody_deletes_an_audit_record_within_a_year_and_none_stays_much_longer() -> None:
    bucket = resource("AuditBucket")
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Days"] == 365
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 366


@pytest.mark.parametrize("environment", ["prod", "dev"])
def test_only_this_trail_may_write_records_and_it_may_use_the_key(environment: str) -> None:
    stack = Stack(Environment=environment)
    arn = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/{stack.resolve(resource('AuditTrail')['TrailName'])}"
    _, *allowed = stack.resolve(resource("AuditBucketPolicy")["PolicyDocument"]["Statement"])
    grants = [*allowed, *stack.resolve(resource("EncryptionKey")["KeyPolicy"]["Statement"])]
    of_trail = [g for g in grants if "cloudtrail" in str(g["Principal"])]
    assert len(of_trail) == 3
    for grant in of_trail:
        assert grant["Condition"]["StringEquals"]["aws:SourceArn"] == arn


def test_cloudtrail_may_decrypt_since_its_bucket_has_a_bucket_key() -> None:
    """Without kms:Decrypt AWS refuses to create the trail, and the first deployment rolls back."""
    (encryption,) = resource("AuditBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["BucketKeyEnabled"] is True
    statements = Stack().resolve(resource("EncryptionKey")["KeyPolicy"]["Statement"])
    (of_trail,) = [statement for statement in statements if "cloudtrail" in str(statement["Principal"])]
    assert set(of_trail["Action"]) == {"kms:GenerateDataKey", "kms:DescribeKey", "kms:Decrypt"}


def test_the_audit_can_be_left_to_a_trail_that_is_there_already() -> None:
    stack = Stack(EnableCloudTrail="false")
    assert template()["Resources"]["AuditTrail"]["Condition"] == "AuditsCalls"
    assert "cloudtrail" not in str(stack.resolve(resource("EncryptionKey")["KeyPolicy"]))


# --- network ---------------------------------------------------------------------------------------------------------


def test_the_functions_are_in_no_vpc_unless_one_is_named() -> None:
    settings = template()["Globals"]["Function"]
    assert "VpcConfig" not in Stack().resolve(settings)
    assert Stack(**VPC).resolve(settings)["VpcConfig"] == {
        "SubnetIds": VPC["VpcSubnetIds"],
        "SecurityGroupIds": VPC["VpcSecurityGroupIds"],
    }


@pytest.mark.parametrize("role", ROLES_OF_FUNCTIONS)
def test_only_functions_in_a_vpc_may_manage_network_interfaces(role: str) -> None:
    assert "ManagedPolicyArns" not in Stack().resolve(resource(role))
    assert Stack(**VPC).resolve(resource(role))["ManagedPolicyArns"] == ["NetworkInterfacesPolicy"]


# --- the credential --------------------------------------------------------------------------------------------------


def test_the_secret_is_rotated_every_90_days_and_not_before_it_has_a_value() -> None:
    schedule = Stack().resolve(resource("CredentialsRotation"))
    assert schedule["RotationRules"] == {"AutomaticallyAfterDays": "90"}
    assert schedule["RotateImmediatelyOnUpdate"] is False
    assert schedule["RotationLambdaARN"] == "AuthenticatorFunction.Arn"
    permission = Stack().resolve(resource("AuthenticatorRotationPermission"))
    assert permission["Principal"] == "secretsmanager.amazonaws.com"
    assert permission["SourceArn"] == "CredentialsSecret.Id"


def test_a_pasted_token_near_its_end_raises_an_alarm_and_nothing_else_does() -> None:
    alarm = Stack().resolve(resource("CredentialExpiringAlarm"))
    assert (alarm["Namespace"], alarm["MetricName"]) == (metrics.NAMESPACE, metrics.Metric.CREDENTIAL_EXPIRES_IN_HOURS)
    assert alarm["Dimensions"] == [{"Name": "Environment", "Value": "prod"}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 48)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert "./gopro-sync credentials set --secret-id" in alarm["AlarmDescription"]


def test_the_authenticator_touches_one_record_of_the_tracker_only() -> None:
    (policy,) = Stack().resolve(resource("AuthenticatorRole")["Policies"])
    (statement,) = [s for s in policy["PolicyDocument"]["Statement"] if "dynamodb" in str(s["Action"])]
    assert statement["Action"] == "dynamodb:UpdateItem"
    assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["#gopro-session"]}}
