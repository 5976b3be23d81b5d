"""The local cloud, brought up once: the real template, the real functions, the simulator as GoPro."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import cloud as local_cloud
from local import running
from local.cloud import Cloud
from local.running import Execution
from local.simulator import Library, SimulatedItem, SimulatorAdmin, SourceFile
from tests.support.plain_deployment import PlainDeployment

# What of a deployed stack is looked at in `make test`; the rest is for `make slow`.
_QUICK = frozenset({"test_nightly_sync.py"})
# Deployed a second time, in another of the parallel test processes: on one cloud alone, these tests would end last.
_ON_A_SECOND_CLOUD = frozenset({"test_killed_function.py", "test_monitoring_run.py", "test_sessions_in_runs.py"})
# Bring up clouds of their own, by sam itself or by CloudFormation alone.
_ON_THEIR_OWN_CLOUDS = frozenset({"test_adopted_stack.py", "test_deployed_package.py", "test_real_deployment.py"})


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep the tests of this folder together: a deployed stack serves all tests of one process."""
    if item.path.is_relative_to(Path(__file__).parent):
        item.add_marker(pytest.mark.xdist_group(_group(item.path.name)))
        if item.path.name not in _QUICK:
            item.add_marker(pytest.mark.slow)


def _group(file: str) -> str:
    if file in _ON_THEIR_OWN_CLOUDS:
        return "third local cloud"
    return "second local cloud" if file in _ON_A_SECOND_CLOUD else "local cloud"


@pytest.fixture(autouse=True)
def _stays_with_its_cloud(request: pytest.FixtureRequest) -> None:
    """Fail where the groups are not kept together: each test process would bring up clouds of its own, unnoticed."""
    if request.config.getoption("dist", "no") == "loadgroup" and "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("local cloud")


KIB = 1024
# Not us-east-1, which AWS treats as a special case in many places.
REGION = "eu-central-1"
# The simulated account's; nothing in it opens anything outside the simulator.
LOGIN = {
    "client_id": "fake-client-id",
    "client_secret": "fake-client-secret",
    "username": "camera-owner@example.com",
    "password": "not-a-real-password",
}


def video(media_id: str, filename: str | None = "GX010001.MP4", chapters: int = 1, **fields: Any) -> SimulatedItem:
    files = tuple(SourceFile(size_bytes=96 * KIB + number, seed=f"{media_id}/{number}") for number in range(chapters))
    return SimulatedItem(
        media_id=media_id,
        filename=filename,
        chapters=files,
        **{"created_at": "2026-05-01T18:02:44Z", **fields},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The deployed stack as a test looks at it."""

    cloud: Cloud
    gopro: SimulatorAdmin

    def run(self, run_input: dict[str, Any] | None = None) -> Execution:
        """Start one run and wait for its end."""
        return running.run(self.cloud, run_input or {})

    def output(self, name: str) -> str:
        """Return an output of the stack."""
        return self.cloud.outputs[name]

    def put_library(self, *items: SimulatedItem) -> None:
        """Let GoPro hold these items and nothing else."""
        self.gopro.put_library(Library(list(items)))

    def tracker(self) -> dict[str, dict[str, Any]]:
        """Return the records of all videos, by media id, with DynamoDB's type tags taken off.

        What has no status is no video: the session's guard, and the mark of a chain of runs.
        """
        return {media_id: record for media_id, record in self._table().items() if "status" in record}

    def _table(self) -> dict[str, dict[str, Any]]:
        scan = self.cloud.client("dynamodb").get_paginator("scan")
        return {
            item["media_id"]["S"]: {name: next(iter(value.values())) for name, value in item.items()}
            for page in scan.paginate(TableName=self.output("TrackerTableName"))
            for item in page["Items"]
        }

    def statuses(self) -> dict[str, str]:
        """Return the status of each video."""
        return {media_id: record["status"] for media_id, record in self.tracker().items()}

    def object_keys(self, prefix: str = "gopro-videos/") -> list[str]:
        """Return the keys of the bucket's objects."""
        pages = (
            self.cloud.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.output("ArchiveBucketName"), Prefix=prefix)
        )
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        body: bytes = (
            self.cloud.client("s3").get_object(Bucket=self.output("ArchiveBucketName"), Key=key)["Body"].read()
        )
        return body

    def invoke(self, function: str, event: Any) -> tuple[Any, str | None]:
        """Invoke a function by itself; return its answer and, if it failed, its error's name."""
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.output(f"{function}FunctionName"), Payload=json.dumps(event).encode()
        )
        payload = json.loads(answer["Payload"].read())
        return payload, payload["errorType"] if "FunctionError" in answer else None

    def put_secret(self, value: str) -> None:
        """Put a value into the secret."""
        self.cloud.client("secretsmanager").put_secret_value(
            SecretId=self.output("CredentialsSecretArn"), SecretString=value
        )

    def secret(self) -> str:
        """Return the secret's value."""
        value: str = self.cloud.client("secretsmanager").get_secret_value(SecretId=self.output("CredentialsSecretArn"))[
            "SecretString"
        ]
        return value

    def current_version(self) -> str:
        """Return the id of the secret's current version."""
        version: str = self.cloud.client("secretsmanager").get_secret_value(
            SecretId=self.output("CredentialsSecretArn")
        )["VersionId"]
        return version

    def history(self, execution_arn: str) -> str:
        """Return everything that the engine keeps of an execution and its children."""
        sfn = self.cloud.client("stepfunctions")
        arns = [execution_arn]
        for map_run in sfn.list_map_runs(executionArn=execution_arn)["mapRuns"]:
            children = sfn.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
            arns += [child["executionArn"] for child in children]
        documents: list[Any] = []
        for arn in arns:
            documents.append(sfn.describe_execution(executionArn=arn))
            for page in sfn.get_paginator("get_execution_history").paginate(executionArn=arn):
                documents += page["events"]
        return json.dumps(documents, default=str)

    def sign_in(self) -> str:
        """Let the account's owner sign in; return a secret with a token as a browser would have it."""
        assert self.cloud.simulator_url is not None
        answer = httpx.post(
            f"{self.cloud.simulator_url}/v1/oauth2/token", data={"grant_type": "password", **LOGIN}, trust_env=False
        )
        self.gopro.clear_requests()
        tokens = answer.json()
        return json.dumps({"auth_token": tokens["access_token"], "user_id": tokens["resource_owner_id"]})

    def take_messages(self, queue_url: str) -> list[dict[str, Any]]:
        """Receive and delete what is in a queue."""
        sqs = self.cloud.client("sqs")
        messages: list[dict[str, Any]] = []
        while received := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", []):
            for message in received:
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
                messages.append(json.loads(message["Body"]))
        return messages

    def take_notices(self, queue_url: str) -> list[dict[str, Any]]:
        """Receive and delete what is in a queue of alerts; return what runs and functions have told, without alarms."""
        return [message for message in self.take_messages(queue_url) if not message["Subject"].startswith("ALARM")]

    def dead_letters(self) -> list[dict[str, Any]]:
        """Take what is in the dead letter queue."""
        return self.take_messages(self.output("DeadLetterQueueUrl"))

    def clear(self) -> None:
        """Empty the tracker, the bucket and the dead letter queue, and let GoPro behave."""
        dynamodb, s3 = self.cloud.client("dynamodb"), self.cloud.client("s3")
        for batch in batched(self._table(), 25):
            deletions = [{"DeleteRequest": {"Key": {"media_id": {"S": media_id}}}} for media_id in batch]
            dynamodb.batch_write_item(RequestItems={self.output("TrackerTableName"): deletions})
        bucket = self.output("ArchiveBucketName")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in page.get("Versions", []) + page.get("DeleteMarkers", []):
                s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        self.dead_letters()
        self.gopro.set_faults()
        self.gopro.clear_requests()


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, deployed once for all tests of one process."""
    deployer, directory = PlainDeployment(packages(tmp_path_factory)), tmp_path_factory.mktemp("cloud")
    with local_cloud.running(owner="test", state_directory=directory, region=REGION, deployer=deployer) as cloud:
        assert cloud.simulator_url is not None
        yield Stack(cloud=cloud, gopro=SimulatorAdmin(cloud.simulator_url))


def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for the functions' package that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "packages"


@pytest.fixture
def stack(deployed: Stack) -> Stack:
    """The stack with an empty archive and a well-behaved GoPro that holds nothing."""
    deployed.clear()
    deployed.put_library()
    return deployed


@pytest.fixture
def alerts(stack: Stack) -> Iterator[str]:
    """A queue that gets what the alerts topic publishes; its address."""
    sqs, sns = stack.cloud.client("sqs"), stack.cloud.client("sns")
    topic = stack.output("AlertsTopicArn")
    url: str = sqs.create_queue(QueueName="test-alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    yield url
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def secret(stack: Stack) -> Iterator[None]:
    """Put a secret that works back afterwards."""
    yield
    stack.put_secret(stack.sign_in())
