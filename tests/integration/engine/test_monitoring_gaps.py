"""Metrics out of logs, alarms and saved queries, as our template and its tests need them."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import pytest
from botocore.exceptions import WaiterError

from tests.integration.engine.conftest import Engine


def put_lines(engine: Engine, *lines: str) -> str:
    logs, group = engine.client("logs"), f"/test/{uuid4().hex}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)
    return group


def embedded(namespace: str, value: float, **dimensions: str) -> str:
    described = {"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": [{"Name": "Failures"}]}
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [described]}
    return json.dumps({"_aws": metadata, "Failures": [value], **dimensions})


@pytest.mark.gap
def test_a_metric_in_a_line_of_a_log_can_be_read_back(engine: Engine) -> None:
    namespace = uuid4().hex
    put_lines(
        engine, "START", embedded(namespace, 2, Environment="a"), embedded(namespace, 5, Environment="b"), "{no json"
    )

    answer = engine.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName="Failures",
        Dimensions=[{"Name": "Environment", "Value": "b"}],
        StartTime=time.time() - 3600,
        EndTime=time.time() + 60,
        Period=86400,
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in answer["Datapoints"]] == [5]


@pytest.mark.gap
def test_an_alarm_looks_at_its_own_dimensions_only(engine: Engine) -> None:
    namespace, client = uuid4().hex, engine.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=namespace,
        Namespace=namespace,
        MetricName="Failures",
        Dimensions=[{"Name": "Environment", "Value": "a"}],
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=3,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )

    def state_after(environment: str) -> str:
        dimension = {"Name": "Environment", "Value": environment}
        datum = {"MetricName": "Failures", "Dimensions": [dimension], "Value": 4}
        client.put_metric_data(Namespace=namespace, MetricData=[datum])
        (alarm,) = client.describe_alarms(AlarmNames=[namespace])["MetricAlarms"]
        return str(alarm["StateValue"])

    assert [state_after("b"), state_after("a")] == ["OK", "ALARM"]


@pytest.mark.gap
def test_a_queue_tells_how_many_messages_wait(engine: Engine) -> None:
    sqs, client, name = engine.client("sqs"), engine.client("cloudwatch"), uuid4().hex
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    alarm = {
        "AlarmName": name,
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": name}],
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    client.put_metric_alarm(**alarm)

    def state() -> str:
        return str(client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])

    before = state()
    sqs.send_message(QueueUrl=url, MessageBody="a video that failed")

    assert [before, state()] == ["OK", "ALARM"]


@pytest.mark.gap
def test_an_execution_that_fails_is_reported_as_a_metric(engine: Engine) -> None:
    sfn = engine.client("stepfunctions")
    machine = sfn.create_state_machine(
        name=f"machine-{uuid4().hex[:12]}",
        definition=json.dumps({"StartAt": "Fails", "States": {"Fails": {"Type": "Fail", "Error": "Gone"}}}),
        roleArn=engine.role("states.amazonaws.com"),
    )["stateMachineArn"]
    sfn.start_execution(stateMachineArn=machine)

    def reported() -> list[float]:
        answer = engine.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/States",
            MetricName="ExecutionsFailed",
            Dimensions=[{"Name": "StateMachineArn", "Value": machine}],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 60,
            Period=86400,
            Statistics=["Sum"],
        )
        return [point["Sum"] for point in answer["Datapoints"]]

    deadline = time.monotonic() + 30
    while not reported():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert reported() == [1]


@pytest.mark.gap
def test_a_query_is_refused_and_not_answered_without_the_steps_that_are_not_understood(engine: Engine) -> None:
    logs, group, now = engine.client("logs"), put_lines(engine, "{}"), int(time.time())
    with pytest.raises(logs.exceptions.ClientError, match="aws logs filter-log-events"):
        logs.start_query(logGroupName=group, startTime=now - 60, endTime=now + 60, queryString="fields a | invent b")


@pytest.mark.gap
def test_a_stack_can_save_a_query(engine: Engine) -> None:
    properties = {"Name": f"Tests/{uuid4().hex}", "LogGroupNames": ["/any"], "QueryString": "fields @timestamp"}
    template = {"Resources": {"Query": {"Type": "AWS::Logs::QueryDefinition", "Properties": properties}}}
    name = f"stack-{uuid4().hex[:8]}"
    cloudformation = engine.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )

    found = engine.client("logs").describe_query_definitions(queryDefinitionNamePrefix=properties["Name"])

    assert [query["queryString"] for query in found["queryDefinitions"]] == ["fields @timestamp"]


@pytest.mark.gap
def test_a_stack_can_have_an_alarm_on_metric_math(engine: Engine) -> None:
    client, namespace = engine.client("cloudwatch"), f"N{uuid4().hex[:12]}"
    metrics = [
        {
            "Id": name,
            "MetricStat": {"Metric": {"Namespace": namespace, "MetricName": name}, "Period": "300", "Stat": "Sum"},
            "ReturnData": "false",
        }
        for name in ("first", "second")
    ]
    properties = {
        "AlarmName": namespace,
        "Metrics": [*metrics, {"Id": "both", "Expression": "FILL(first, 0) + FILL(second, 0)"}],
        "EvaluationPeriods": "1",
        "Threshold": "3",
        "ComparisonOperator": "GreaterThanThreshold",
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
    cloudformation = engine.client("cloudformation")
    cloudformation.create_stack(StackName=namespace, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=namespace, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )

    def described() -> dict[str, object]:
        (alarm,) = client.describe_alarms(AlarmNames=[namespace])["MetricAlarms"]
        return dict(alarm)

    before = described()
    for name in ("first", "second"):
        client.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": name, "Value": 2}])

    assert "MetricName" not in before
    assert [before["StateValue"], described()["StateValue"]] == ["OK", "ALARM"]


@pytest.mark.gap
def test_a_stack_with_an_alarm_that_cloudwatch_refuses_is_not_created(engine: Engine) -> None:
    name = f"N{uuid4().hex[:12]}"
    properties = {
        "Namespace": name,
        "MetricName": "M",
        "Statistic": "Sum",
        "Period": 86400,
        "EvaluationPeriods": 8,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
    cloudformation = engine.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    with pytest.raises(WaiterError):
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )


@pytest.mark.gap
def test_an_execution_that_starts_and_one_that_is_stopped_are_reported_as_metrics(engine: Engine) -> None:
    sfn = engine.client("stepfunctions")
    machine = sfn.create_state_machine(
        name=f"machine-{uuid4().hex[:12]}",
        definition=json.dumps({"StartAt": "Waits", "States": {"Waits": {"Type": "Wait", "Seconds": 60, "End": True}}}),
        roleArn=engine.role("states.amazonaws.com"),
    )["stateMachineArn"]
    arn = sfn.start_execution(stateMachineArn=machine)["executionArn"]
    time.sleep(0.5)
    sfn.stop_execution(executionArn=arn)

    def reported(name: str) -> list[float]:
        answer = engine.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/States",
            MetricName=name,
            Dimensions=[{"Name": "StateMachineArn", "Value": machine}],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 60,
            Period=86400,
            Statistics=["Sum"],
        )
        return [point["Sum"] for point in answer["Datapoints"]]

    deadline = time.monotonic() + 15
    while not reported("ExecutionsAborted"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert [reported("ExecutionsStarted"), reported("ExecutionsAborted"), reported("ExecutionsFailed")] == [
        [1],
        [1],
        [],
    ]
