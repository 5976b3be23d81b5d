"""Resources are created here with all that the template says of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import WaiterError

from tests.integration.engine.conftest import Engine

pytestmark = pytest.mark.slow


class Stack:
    """A stack with one resource."""

    def __init__(self, engine: Engine, resource_type: str, properties: dict[str, Any]) -> None:
        self._client = engine.client("cloudformation")
        self._name = f"stack-{uuid4().hex[:12]}"
        self._resource_type = resource_type
        self._apply("create", properties)

    @property
    def physical_id(self) -> str:
        (resource,) = self._client.describe_stack_resources(StackName=self._name)["StackResources"]
        physical_id: str = resource["PhysicalResourceId"]
        return physical_id

    def update(self, properties: dict[str, Any]) -> None:
        self._apply("update", properties)

    def _apply(self, action: str, properties: dict[str, Any]) -> None:
        template = {"Resources": {"Only": {"Type": self._resource_type, "Properties": properties}}}
        getattr(self._client, f"{action}_stack")(StackName=self._name, TemplateBody=json.dumps(template))
        self._client.get_waiter(f"stack_{action}_complete").wait(StackName=self._name, WaiterConfig={"Delay": 1})


def _machine(engine: Engine, **properties: Any) -> dict[str, Any]:
    definition = {"StartAt": "Only", "States": {"Only": {"Type": "Succeed"}}}
    return {
        "RoleArn": engine.role("states.amazonaws.com", "lambda:InvokeFunction"),
        "DefinitionString": json.dumps(definition),
        **properties,
    }


def _schedule(engine: Engine, **properties: Any) -> dict[str, Any]:
    role = engine.role("scheduler.amazonaws.com", "states:StartExecution")
    return {
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:any", "RoleArn": role},
        **properties,
    }


@pytest.mark.gap
@pytest.mark.parametrize("region", ["us-east-1", "eu-south-1"])
def test_a_condition_on_the_region_holds_in_that_region_only(engine: Engine, region: str) -> None:
    client, name = engine.client("cloudformation", region=region), f"stack-{uuid4().hex[:12]}"
    template = {
        "Conditions": {
            "Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-south-1"]},
            "There": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}]},
        },
        "Resources": {"Only": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {condition: {"Value": {"Fn::If": [condition, "yes", "no"]}} for condition in ("Here", "There")},
    }
    client.create_stack(StackName=name, TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    answers = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert set(answers.values()) == {"yes" if region == "eu-south-1" else "no"}


@pytest.mark.gap
def test_a_schedule_keeps_its_time_zone_when_it_is_created_and_when_it_is_changed(engine: Engine) -> None:
    client = engine.client("scheduler")

    stack = Stack(engine, "AWS::Scheduler::Schedule", _schedule(engine, ScheduleExpressionTimezone="Europe/Berlin"))
    assert client.get_schedule(Name=stack.physical_id)["ScheduleExpressionTimezone"] == "Europe/Berlin"

    stack.update(_schedule(engine, ScheduleExpressionTimezone="America/Toronto", State="DISABLED"))
    changed = client.get_schedule(Name=stack.physical_id)
    assert (changed["ScheduleExpressionTimezone"], changed["State"]) == ("America/Toronto", "DISABLED")


@pytest.mark.gap
def test_a_schedule_in_a_time_zone_that_does_not_exist_fails_the_deployment(engine: Engine) -> None:
    with pytest.raises(WaiterError, match="terminal failure state"):
        Stack(engine, "AWS::Scheduler::Schedule", _schedule(engine, ScheduleExpressionTimezone="Mars/Olympus"))


@pytest.mark.gap
def test_a_stack_can_have_a_slack_channel(engine: Engine) -> None:
    properties = {"ConfigurationName": "any", "SlackWorkspaceId": "T012ABCDEFG", "SlackChannelId": "C012ABCDEFG"}
    stack = Stack(engine, "AWS::Chatbot::SlackChannelConfiguration", {**properties, "IamRoleArn": "arn:any"})

    assert stack.physical_id.endswith(":chat-configuration/slack-channel/any")


@pytest.mark.gap
def test_a_state_machine_keeps_its_logging_and_tracing(engine: Engine) -> None:
    log_group = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/any:*"
    logging = {
        "Level": "ALL",
        "IncludeExecutionData": False,
        "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": log_group}}],
    }
    properties = _machine(engine, LoggingConfiguration=logging, TracingConfiguration={"Enabled": True})

    arn = Stack(engine, "AWS::StepFunctions::StateMachine", properties).physical_id

    described = engine.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    assert described["tracingConfiguration"] == {"enabled": True}
    assert described["loggingConfiguration"] == {
        "level": "ALL",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": log_group}}],
    }


@pytest.mark.gap
@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Pass", "Next": "Nowhere"},
        {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Typo": 1, "End": True},
    ],
    ids=["missing target", "unknown field"],
)
def test_a_definition_that_step_functions_would_refuse_fails_the_deployment(
    engine: Engine, state: dict[str, Any]
) -> None:
    definition = json.dumps({"StartAt": "Only", "States": {"Only": state}})

    with pytest.raises(WaiterError, match="terminal failure state"):
        Stack(engine, "AWS::StepFunctions::StateMachine", _machine(engine, DefinitionString=definition))


@pytest.mark.gap
def test_a_bucket_keeps_its_default_encryption_and_its_lifecycle(engine: Engine) -> None:
    key_id = engine.client("kms").create_key()["KeyMetadata"]["KeyId"]
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_id}
    rules = [
        {
            "Id": "tier",
            "Status": "Enabled",
            "Prefix": "gopro-videos/",
            "TagFilters": [{"Key": "AutoSync", "Value": "True"}],
            "Transitions": [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 14}],
        },
        {"Id": "abort", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}},
    ]
    encryption = [{"ServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}]

    bucket = Stack(
        engine,
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {"ServerSideEncryptionConfiguration": encryption},
            "LifecycleConfiguration": {"Rules": rules},
        },
    ).physical_id

    s3 = engine.client("s3")
    kept = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    tier, abort = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert kept == [{"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}]
    assert tier["Filter"]["And"]["Tags"] == [{"Key": "AutoSync", "Value": "True"}]
    assert tier["Transitions"] == [{"Days": 14, "StorageClass": "DEEP_ARCHIVE"}]
    assert abort["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}


@pytest.mark.gap
def test_a_topic_keeps_its_key_until_the_template_names_none(engine: Engine) -> None:
    key, sns = engine.client("kms").create_key()["KeyMetadata"]["Arn"], engine.client("sns")
    named = {"TopicName": f"topic-{uuid4().hex[:12]}"}
    stack = Stack(engine, "AWS::SNS::Topic", {**named, "KmsMasterKeyId": key})
    assert sns.get_topic_attributes(TopicArn=stack.physical_id)["Attributes"]["KmsMasterKeyId"] == key

    stack.update(named)

    assert "KmsMasterKeyId" not in sns.get_topic_attributes(TopicArn=stack.physical_id)["Attributes"]


@pytest.mark.gap
def test_a_secret_with_a_rotation_schedule_is_rotated_by_its_function(engine: Engine, tmp_path: Path) -> None:
    secrets = engine.client("secretsmanager")
    arn = secrets.create_secret(Name=f"secret-{uuid4().hex[:12]}", SecretString="old")["ARN"]
    steps = tmp_path / "steps"
    name = engine.function(  # it asks the engine, which has to answer while it creates the stack
        "import json, os, urllib.request\n\ndef handler(event, context):\n"
        "    urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/_ministack/health').close()\n"
        f"    print(json.dumps(event), file=open({str(steps)!r}, 'a'))\n"
    )
    function = engine.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    properties = {
        "SecretId": arn,
        "RotationLambdaARN": function,
        "RotationRules": {"AutomaticallyAfterDays": 90},
        "RotateImmediatelyOnUpdate": False,
    }

    Stack(engine, "AWS::SecretsManager::RotationSchedule", properties)
    assert secrets.describe_secret(SecretId=arn)["RotationEnabled"]
    assert [json.loads(line)["Step"] for line in steps.read_text().splitlines()] == ["testSecret"]
    assert "AWSPENDING" not in str(secrets.describe_secret(SecretId=arn)["VersionIdsToStages"])

    version_id = secrets.rotate_secret(SecretId=arn)["VersionId"]
    deadline = time.monotonic() + 20
    while steps.read_text().count("\n") < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    taken = [json.loads(line) for line in steps.read_text().splitlines()[1:]]
    assert [event["Step"] for event in taken] == ["createSecret", "setSecret", "testSecret", "finishSecret"]
    assert {(event["SecretId"], event["ClientRequestToken"]) for event in taken} == {(arn, version_id)}
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "old"  # this function has changed nothing
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=arn, VersionId=version_id, VersionStage="AWSPENDING")


@pytest.mark.gap
def test_a_rotation_is_refused_as_long_as_an_earlier_one_has_left_its_label(engine: Engine) -> None:
    secrets = engine.client("secretsmanager")
    secret = secrets.create_secret(Name=f"secret-{uuid4().hex[:12]}", SecretString="old")
    pending = secrets.put_secret_value(SecretId=secret["ARN"], SecretString="new", VersionStages=["AWSPENDING"])
    name = engine.function("def handler(event, context): pass\n")
    function = engine.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    rotate = {"SecretId": secret["ARN"], "RotationLambdaARN": function}

    with pytest.raises(secrets.exceptions.InvalidRequestException, match="A previous rotation isn't complete"):
        secrets.rotate_secret(**rotate)

    label = {"SecretId": secret["ARN"], "VersionStage": "AWSPENDING"}
    secrets.update_secret_version_stage(
        **label, RemoveFromVersionId=pending["VersionId"], MoveToVersionId=secret["VersionId"]
    )
    assert secrets.rotate_secret(**rotate)["VersionId"], "where it stands at the current version, it is in nobody's way"


@pytest.mark.gap
def test_a_value_of_a_secret_stays_and_its_labels_move(engine: Engine) -> None:
    secrets = engine.client("secretsmanager")
    arn = secrets.create_secret(Name=f"secret-{uuid4().hex[:12]}")["ARN"]
    first = secrets.put_secret_value(SecretId=arn, SecretString="first", VersionStages=["OWN"])
    assert sorted(first["VersionStages"]) == ["AWSCURRENT", "OWN"], "the first value is current"
    second = secrets.put_secret_value(SecretId=arn, SecretString="second", VersionStages=["OWN"])
    versions = {first["VersionId"]: ["AWSCURRENT"], second["VersionId"]: ["OWN"]}
    assert secrets.describe_secret(SecretId=arn)["VersionIdsToStages"] == versions

    again = {"SecretId": arn, "ClientRequestToken": second["VersionId"], "VersionStages": ["OWN"]}
    secrets.put_secret_value(**again, SecretString="second")
    with pytest.raises(secrets.exceptions.ResourceExistsException):
        secrets.put_secret_value(**again, SecretString="another")
    with pytest.raises(secrets.exceptions.InvalidParameterException):
        secrets.update_secret_version_stage(
            SecretId=arn,
            VersionStage="AWSCURRENT",
            MoveToVersionId=first["VersionId"],
            RemoveFromVersionId=second["VersionId"],
        )
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "first"


@pytest.mark.gap
def test_a_rotation_whose_function_fails_its_test_cannot_be_deployed(engine: Engine) -> None:
    secrets = engine.client("secretsmanager")
    arn = secrets.create_secret(Name=f"secret-{uuid4().hex[:12]}")["ARN"]
    name = engine.function("def handler(event, context):\n    raise ValueError('no value: ' + event['Step'])\n")
    properties = {
        "SecretId": arn,
        "RotationLambdaARN": engine.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"],
        "RotationRules": {"AutomaticallyAfterDays": 90},
        "RotateImmediatelyOnUpdate": False,
    }
    with pytest.raises(WaiterError) as failed:
        Stack(engine, "AWS::SecretsManager::RotationSchedule", properties)
    response: Any = failed.value.last_response
    events = engine.client("cloudformation").describe_stack_events(StackName=response["Stacks"][0]["StackName"])
    assert "no value: testSecret" in str(events)
    assert "AWSPENDING" not in str(secrets.describe_secret(SecretId=arn).get("VersionIdsToStages"))


@pytest.mark.gap
def test_a_trail_is_created_with_its_event_selectors_and_is_logging(engine: Engine) -> None:
    trails = engine.client("cloudtrail")
    bucket = engine.bucket()
    selectors = [
        {
            "ReadWriteType": "All",
            "IncludeManagementEvents": True,
            "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::any/"]}],
        }
    ]
    properties = {
        "S3BucketName": bucket,
        "IsLogging": True,
        "EnableLogFileValidation": True,
        "EventSelectors": selectors,
    }

    name = Stack(engine, "AWS::CloudTrail::Trail", properties).physical_id

    assert trails.get_trail_status(Name=name)["IsLogging"]
    assert trails.get_trail(Name=name)["Trail"]["S3BucketName"] == bucket
    (kept,) = trails.get_event_selectors(TrailName=name)["EventSelectors"]
    assert kept | selectors[0] == kept
