"""A customer key that cannot be used is refused by whatever needs it, with the error that AWS has for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.integration.engine.conftest import Engine

ABSENT = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-4333-8444-555555555555"


class Key:
    """A customer key, and resources under it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.kms = engine.client("kms")
        self.arn: str = self.kms.create_key()["KeyMetadata"]["Arn"]

    def disable(self) -> None:
        self.kms.disable_key(KeyId=self.arn)

    def schedule_deletion(self) -> None:
        self.kms.schedule_key_deletion(KeyId=self.arn, PendingWindowInDays=7)

    def bucket(self) -> str:
        name = self.engine.bucket()
        by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.arn}
        self.engine.client("s3").put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_default}]},
        )
        return name

    def table(self) -> str:
        name = f"table-{uuid4().hex[:12]}"
        self.engine.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": self.arn},
        )
        return name


@pytest.fixture
def key(engine: Engine) -> Key:
    return Key(engine)


def refused(call: Callable[..., object], **request: Any) -> tuple[str, int]:
    """Make a call that is refused, and return the code and the status of the answer."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.gap
def test_s3_refuses_what_needs_a_disabled_key_and_takes_it_again_when_it_is_enabled(engine: Engine, key: Key) -> None:
    s3, bucket = engine.client("s3"), key.bucket()
    here = {"Bucket": bucket, "Key": "a"}
    s3.put_object(**here, Body=b"before")
    part = {**here, "UploadId": s3.create_multipart_upload(**here)["UploadId"], "PartNumber": 1, "Body": b"part"}
    key.disable()

    disabled = ("KMS.DisabledException", 400)
    assert refused(s3.put_object, **here, Body=b"after") == disabled
    assert refused(s3.create_multipart_upload, **here) == disabled
    assert refused(s3.upload_part, **part) == disabled
    assert refused(s3.get_object, **here) == disabled
    assert refused(s3.head_object, **here, ChecksumMode="ENABLED") == ("400", 400)
    assert s3.head_object(**here)["ContentLength"] == 6
    s3.put_object(**{**here, "Key": "b"}, Body=b"under no customer key", ServerSideEncryption="AES256")

    key.kms.enable_key(KeyId=key.arn)
    assert s3.get_object(**here)["Body"].read() == b"before"
    s3.upload_part(**part)


@pytest.mark.gap
def test_s3_tells_a_key_that_waits_for_its_deletion_from_one_that_is_gone(engine: Engine, key: Key) -> None:
    s3, bucket = engine.client("s3"), key.bucket()
    key.schedule_deletion()

    assert refused(s3.put_object, Bucket=bucket, Key="a") == ("KMS.KMSInvalidStateException", 400)
    absent = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": ABSENT}
    assert refused(s3.put_object, Bucket=bucket, Key="a", **absent) == ("KMS.NotFoundException", 400)


@pytest.mark.gap
def test_a_table_cannot_be_used_without_its_key_and_says_so(engine: Engine, key: Key) -> None:
    dynamodb, table = engine.client("dynamodb"), key.table()
    item = {"id": {"S": "1"}}
    key.disable()

    denied = ("AccessDeniedException", 400)
    assert refused(dynamodb.put_item, TableName=table, Item=item) == denied
    assert refused(dynamodb.get_item, TableName=table, Key=item) == denied
    assert refused(dynamodb.scan, TableName=table) == denied
    assert refused(dynamodb.batch_get_item, RequestItems={table: {"Keys": [item]}}) == denied
    write = {"Put": {"TableName": table, "Item": item}}
    assert refused(dynamodb.transact_write_items, TransactItems=[write]) == denied
    status = dynamodb.describe_table(TableName=table)["Table"]["TableStatus"]
    assert status == "INACCESSIBLE_ENCRYPTION_CREDENTIALS"

    key.kms.enable_key(KeyId=key.arn)
    dynamodb.put_item(TableName=table, Item=item)


@pytest.mark.gap
def test_a_secret_can_neither_be_read_nor_written_without_its_key(engine: Engine, key: Key) -> None:
    secrets, name = engine.client("secretsmanager"), f"secret-{uuid4().hex[:12]}"
    secrets.create_secret(Name=name, SecretString="fake", KmsKeyId=key.arn)
    key.disable()

    assert refused(secrets.get_secret_value, SecretId=name) == ("DecryptionFailure", 400)
    assert refused(secrets.put_secret_value, SecretId=name, SecretString="new") == ("EncryptionFailure", 400)


@pytest.mark.gap
def test_a_topic_and_a_queue_take_no_message_without_their_key(engine: Engine, key: Key) -> None:
    sns, sqs, name = engine.client("sns"), engine.client("sqs"), f"name-{uuid4().hex[:12]}"
    topic = sns.create_topic(Name=name, Attributes={"KmsMasterKeyId": key.arn})["TopicArn"]
    queue = sqs.create_queue(QueueName=name, Attributes={"KmsMasterKeyId": key.arn})["QueueUrl"]
    key.disable()

    assert refused(sns.publish, TopicArn=topic, Message="fake") == ("KMSDisabled", 400)
    with pytest.raises(sqs.exceptions.KmsDisabled):
        sqs.send_message(QueueUrl=queue, MessageBody="fake")

    key.schedule_deletion()
    assert refused(sns.publish, TopicArn=topic, Message="fake") == ("KMSInvalidState", 400)
    with pytest.raises(sqs.exceptions.KmsInvalidState):
        sqs.receive_message(QueueUrl=queue)


@pytest.mark.gap
def test_an_alarm_whose_topic_has_lost_its_key_tells_nobody(engine: Engine, key: Key) -> None:
    sns, sqs, cloudwatch = engine.client("sns"), engine.client("sqs"), engine.client("cloudwatch")
    name = f"name-{uuid4().hex[:12]}"
    topic = sns.create_topic(Name=name, Attributes={"KmsMasterKeyId": key.arn})["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    key.disable()

    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="Any",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[topic],
    )
    cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "Any", "Value": 1.0}])

    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


@pytest.mark.gap
def test_what_is_logged_without_the_key_is_lost_and_so_are_its_metrics(engine: Engine, key: Key) -> None:
    logs, cloudwatch, name = engine.client("logs"), engine.client("cloudwatch"), f"group-{uuid4().hex[:12]}"
    logs.create_log_group(logGroupName=name, kmsKeyId=key.arn)
    logs.create_log_stream(logGroupName=name, logStreamName="one")
    stream = {"logGroupName": name, "logStreamName": "one"}

    def log(value: int) -> None:
        now = int(time.time() * 1000)
        metric = {"Namespace": name, "Dimensions": [[]], "Metrics": [{"Name": "Any"}]}
        line = {"_aws": {"Timestamp": now, "CloudWatchMetrics": [metric]}, "Any": value}
        logs.put_log_events(**stream, logEvents=[{"timestamp": now, "message": json.dumps(line)}])

    log(1)
    key.disable()
    log(10)
    assert refused(logs.get_log_events, **stream) == ("AccessDeniedException", 400)
    key.kms.enable_key(KeyId=key.arn)

    (event,) = logs.get_log_events(**stream)["events"]
    assert json.loads(event["message"])["Any"] == 1
    points = cloudwatch.get_metric_statistics(
        Namespace=name,
        MetricName="Any",
        StartTime=time.time() - 300,
        EndTime=time.time() + 60,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 1
