"""A bad day of AWS on the deployed stack: a proxy between the functions and the services loses and spoils answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from local.simulator import SimulatedItem, SourceFile
from tests.e2e.conftest import LOGIN, Stack, video
from tests.support.answer_proxy import AnswerProxy
from tests.support.odd_answers import AwsRequest, OddAnswer, OddAnswers

FUNCTIONS: Final = ("Authenticator", "MediaLister", "VideoDownloader")
# All that a run's functions write when nothing fails; SNS is written by the rotation only.
WRITES: Final = {
    *("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "PutObject"),
    *("UpdateItem", "TransactWriteItems"),
    "PutSecretValue",
}
HTML: Final = b"<html><body><h1>Please sign in</h1></body></html>"
PRECONDITION_FAILED: Final = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>PreconditionFailed</Code><Message>At least one of the conditions does not hold</Message></Error>"""
ODD_OF_SMALL: Final = (
    OddAnswer(operation="PutObject", status=500),
    OddAnswer(operation="PutObject", status=500, acted=True),
    OddAnswer(operation="PutObject", status=503, headers={"Retry-After": "2"}),
    OddAnswer(operation="PutObject", status=200),
    OddAnswer(operation="PutObject", status=200, body=HTML),
    OddAnswer(operation="PutObject", status=403),
    OddAnswer(operation="PutObject", status=200, body=PRECONDITION_FAILED),
    OddAnswer(operation="PutObject", without=("ETag",)),
    OddAnswer(operation="HeadObject", status=500),
    OddAnswer(operation="HeadObject", status=403),
    OddAnswer(operation="HeadObject", without=("ETag",)),
    OddAnswer(operation="HeadObject", without=("Content-Length",)),
    OddAnswer(operation="HeadObject", without=("x-amz-checksum-crc64nvme",)),
    OddAnswer(operation="UpdateItem", status=500),
    OddAnswer(operation="UpdateItem", status=200),
    OddAnswer(operation="UpdateItem", status=200, body=HTML),
    OddAnswer(operation="UpdateItem", status=200, acted=True),
    OddAnswer(operation="UpdateItem", status=403),
    OddAnswer(operation="UpdateItem", without=("Attributes",)),
    OddAnswer(operation="UpdateItem", status=200, skip=1),
    OddAnswer(operation="UpdateItem", status=200, body=HTML, acted=True, skip=1),
)
ODD_OF_LARGE: Final = (
    OddAnswer(operation="CreateMultipartUpload", status=200),
    OddAnswer(operation="CreateMultipartUpload", without=("UploadId",)),
    OddAnswer(operation="UploadPart", without=("ETag",)),
    OddAnswer(operation="UploadPart", status=200, body=HTML),
    OddAnswer(operation="CompleteMultipartUpload", status=200),
    OddAnswer(operation="CompleteMultipartUpload", status=200, body=PRECONDITION_FAILED),
)
SERVICES: Final = ("S3", "DYNAMODB", "SECRETS_MANAGER", "SNS")
READS: Final = ("Get", "Head", "List", "BatchGet", "Query", "Scan", "Describe", "GET", "HEAD")
LARGE_BYTES: Final = 101 * 1000 * 1000  # just over the multipart threshold


@pytest.fixture
def proxy(stack: Stack) -> Iterator[AnswerProxy]:
    """A proxy that the three functions ask instead of AWS."""
    functions = stack.cloud.client("lambda")
    names = [stack.output(f"{function}FunctionName") for function in FUNCTIONS]
    before = {
        name: functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"] for name in names
    }
    with AnswerProxy(stack.cloud.endpoint_url, ca_bundle=stack.cloud.ca_bundle) as started:
        addresses = {f"AWS_ENDPOINT_URL_{service}": started.url for service in SERVICES}
        for name in names:
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": before[name] | addresses}
            )
        yield started
        for name in names:
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": before[name]})


def is_write(request: AwsRequest) -> bool:
    return not request.operation.startswith(READS)


def large(media_id: str, filename: str) -> SimulatedItem:
    return SimulatedItem(
        media_id=media_id,
        filename=filename,
        created_at="2026-05-01T18:02:44Z",
        chapters=(SourceFile(size_bytes=LARGE_BYTES, seed=media_id),),
    )


def assert_archived_whole(stack: Stack) -> None:
    digests = sorted(hashlib.sha256(stack.read(key)).hexdigest() for key in stack.object_keys())
    assert digests == sorted(source.sha256 for source in stack.gopro.sources())


def test_every_write_s_answer_is_lost_once_and_what_is_reported_is_what_was_done(
    stack: Stack, proxy: AnswerProxy, secret: None
) -> None:
    stack.put_library(
        video("one"), video("three", "GX010002.MP4", chapters=3), large("parts", "GX010003.MP4"), video("four", "A.MP4")
    )
    # No session yet: the run begins with a login, which writes the secret.
    stack.put_secret(json.dumps(LOGIN))
    proxy.forget(OddAnswers(loses=is_write))
    before = measured(stack)

    execution = stack.run()

    lost = {answered.request.operation for answered in proxy.answered if answered.status is None}
    assert lost >= WRITES, "the run did not write everything that a run can write"
    assert execution.output is not None, execution
    assert_told(stack, execution.output, synced=4, before=before)
    assert_archived_whole(stack)
    assert {record["retry_count"] for record in stack.tracker().values()} == {"0"}
    assert stack.dead_letters() == []


def test_one_odd_answer_for_each_file_costs_none_of_them(stack: Stack, proxy: AnswerProxy) -> None:
    items = [video(f"odd-{number}", f"GX01{number:04}.MP4") for number in range(len(ODD_OF_SMALL))]
    items += [large(f"large-{number}", f"GX02{number:04}.MP4") for number in range(len(ODD_OF_LARGE))]
    stack.put_library(*items)
    answers = [*ODD_OF_SMALL, *ODD_OF_LARGE]
    odd = OddAnswers(replace(answer, holding=_mark(item, answer)) for item, answer in zip(items, answers, strict=True))
    proxy.forget(odd)
    before = measured(stack)

    execution = stack.run()

    assert odd.unused() == []
    assert execution.output is not None, execution
    assert execution.output["failures"] == {}
    assert_told(stack, execution.output, synced=len(items), before=before)
    assert_archived_whole(stack)
    assert {record["retry_count"] for record in stack.tracker().values()} == {"0"}
    assert stack.dead_letters() == []


def _mark(item: SimulatedItem, answer: OddAnswer) -> str:
    """What of a request says that it is about the item, and of a record, which of its writes it is."""
    if answer.operation == "UpdateItem":
        return item.media_id
    assert item.filename is not None
    return item.filename


def assert_told(stack: Stack, summary: dict[str, Any], *, synced: int, before: Mapping[str, float]) -> None:
    """What the run says, what its metrics say and what its records say is what was moved."""
    moved = sum(source.size_bytes for source in stack.gopro.sources())
    reported = {name: summary[name] for name in ("synced", "failed", "deferred", "bytes_transferred")}
    assert reported == {"synced": synced, "failed": 0, "deferred": 0, "bytes_transferred": moved}
    assert sum(int(record["file_size"]) for record in stack.tracker().values()) == moved
    assert set(stack.statuses().values()) == {"COMPLETED"}
    after = measured(stack)
    assert {name: after[name] - before[name] for name in after} == {"BytesTransferred": moved, "VideosSynced": synced}


def measured(stack: Stack) -> dict[str, float]:
    """Return the sums of what the functions have told so far: other tests' runs, too."""
    cloudwatch, now = stack.cloud.client("cloudwatch"), datetime.now(UTC)
    sums = {}
    for metric in ("BytesTransferred", "VideosSynced"):
        found = cloudwatch.get_metric_statistics(
            Namespace="GoProSync",
            MetricName=metric,
            Dimensions=[{"Name": "Environment", "Value": "local"}],
            StartTime=now - timedelta(days=1),
            EndTime=now + timedelta(days=1),
            Period=3600,
            Statistics=["Sum"],
        )
        sums[metric] = float(sum(point["Sum"] for point in found["Datapoints"]))
    return sums
