"""No secret of a run is anywhere but in the secret: a full-text search through everything that the run left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from local.simulator.faults import Fault, FaultName
from tests.e2e.conftest import LOGIN, Stack, video

# Any signed URL of the simulated CDN names this key, as CloudFront's do theirs.
KEY_PAIR_ID = "KSIMULATEDKEYPAIR"
SIGNATURE = re.compile(r"Signature=(?!\[redacted\])[\w~-]{8}")


def secret_values(stack: Stack) -> set[str]:
    """Every value that every version of the secret ever held and that opens anything."""
    secrets, arn = stack.cloud.client("secretsmanager"), stack.output("CredentialsSecretArn")
    versions = secrets.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]
    held = [
        json.loads(secrets.get_secret_value(SecretId=arn, VersionId=version["VersionId"])["SecretString"])
        for version in versions
        if version.get("VersionStages")
    ]
    names = ("auth_token", "refresh_token", "password", "client_secret")
    return {content[name] for content in held for name in names if content.get(name)}


def everything_left_behind(stack: Stack, execution_arn: str, alerts: str) -> Iterator[tuple[str, str]]:
    """Each place, and its whole content as text."""
    logs, s3, bucket = stack.cloud.client("logs"), stack.cloud.client("s3"), stack.output("ArchiveBucketName")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for stream in logs.describe_log_streams(logGroupName=name)["logStreams"]:
            events = logs.get_log_events(logGroupName=name, logStreamName=stream["logStreamName"], startFromHead=True)
            yield name, "\n".join(event["message"] for event in events["events"])
    yield "execution history", stack.history(execution_arn)
    table = stack.cloud.client("dynamodb").scan(TableName=stack.output("TrackerTableName"))["Items"]
    yield "tracker", json.dumps(table)
    for key in stack.object_keys("runs/") + stack.object_keys("summaries/"):
        yield key, stack.read(key).decode()
    for key in stack.object_keys():
        yield f"metadata of {key}", json.dumps(s3.head_object(Bucket=bucket, Key=key)["Metadata"])
    yield "metrics", json.dumps(stack.cloud.client("cloudwatch").list_metrics()["Metrics"], default=str)
    yield "dead letters", json.dumps(stack.dead_letters())
    yield "alerts", json.dumps(stack.take_messages(alerts))


def found(secrets: set[str], text: str) -> list[str]:
    """What of the secrets is in a text; the first characters only, since this ends up in a test's output."""
    hits = [secret[:6] for secret in secrets if secret in text]
    return hits + [match[0][:14] for match in SIGNATURE.finditer(text)] + ([KEY_PAIR_ID] if KEY_PAIR_ID in text else [])


@pytest.mark.usefixtures("secret")
def test_no_secret_of_a_run_is_in_anything_that_it_leaves_behind(stack: Stack, alerts: str) -> None:
    stack.put_library(*[video(f"m{n}", f"GX01000{n}.MP4") for n in range(1, 5)])
    # One video fails, so that the queue and the notice are used; one has its link refused by the CDN, and renews it.
    stack.gopro.set_faults(
        Fault(FaultName.MISSING_SOURCE, media_id="m1"), Fault(FaultName.EXPIRED, media_id="m2", count=1)
    )
    stack.put_secret(json.dumps(LOGIN))
    stack.invoke("Authenticator", {"action": "ensure_session"})
    first = secret_values(stack)
    stack.gopro.expire("access_tokens")  # so that the run renews, and there are old and new tokens to look for

    execution = stack.run()

    assert execution.output is not None
    assert (execution.output["synced"], execution.output["failed"]) == (3, 1)
    secrets = first | secret_values(stack)
    assert len(secrets) >= 2 + 2 + 2  # password, client's secret, and two tokens of each kind
    places = list(everything_left_behind(stack, execution.arn, alerts))
    names = {name for name, text in places if len(text) > 2}
    assert {"execution history", "tracker", "dead letters", "alerts"} <= names
    assert sum(name.startswith("/aws/lambda/") for name in names) == 3
    assert {name.partition("/")[0] for name in names} >= {"runs", "summaries"}
    assert {name: hits for name, text in places if (hits := found(secrets, text))} == {}


@pytest.mark.parametrize(
    "planted", ["a password-in-the-open", "x?Signature=abcdefgh-~&y", f"?Key-Pair-Id={KEY_PAIR_ID}"]
)
def test_the_search_would_find_one(planted: str) -> None:
    text: Any = json.dumps({"message": f"something {planted} something"})
    assert found({"password-in-the-open"}, text)
