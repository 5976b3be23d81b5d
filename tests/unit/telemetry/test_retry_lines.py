"""Each try inside a function that follows a failed one is a WARN line: what, which try it is, and when."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import httpx
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, EndpointConnectionError

from gopro_sync import composition
from gopro_sync.archive.retries import Retries
from gopro_sync.aws.clients import aws_session, make_dynamodb_client
from gopro_sync.errors import StorageError
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.session.session import Session
from gopro_sync.telemetry.retries import log_retries_of

SECRET = "fake-token-value-0123456789"


def retries_in(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    lines = [vars(record) for record in caplog.records if vars(record).get("event_type") == "retry"]
    assert {line["levelno"] for line in lines} <= {logging.WARNING}
    return lines


def test_of_a_transfer(caplog: pytest.LogCaptureFixture) -> None:
    outcomes = iter([StorageError("S3 answered UploadPart with 500"), StorageError("again"), None])

    def work() -> str:
        if (error := next(outcomes)) is not None:
            raise error
        return "done"

    waits: list[float] = []
    retries = Retries(sleep=waits.append, random=lambda: 0.5, seconds_left=lambda: 900.0)
    assert retries.call("copy part 3", work) == "done"

    first, second = retries_in(caplog)
    assert (first["what"], first["attempt"], first["error_type"]) == ("copy part 3", 2, "StorageError")
    assert first["error_message"].startswith("S3 answered UploadPart with 500")
    assert [first["wait_seconds"], second["wait_seconds"]] == waits
    assert second["attempt"] == 3


def test_of_a_request_to_gopro(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([httpx.Response(503), httpx.Response(200, json={"filename": "GX.MP4", "_embedded": {}})])
    client = GoProClient(
        httpx.Client(transport=httpx.MockTransport(lambda _: next(answers))),
        Session(auth_token=SECRET, user_id="u"),
        base_url="https://api.example",
        sleep=lambda _: None,
    )
    client.get_download("m1")

    (line,) = retries_in(caplog)
    assert (line["what"], line["attempt"], line["error_type"]) == ("GET /media/m1/download", 2, "NetworkError")
    assert SECRET not in caplog.text


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for name, value in {**dict.fromkeys(names, SECRET), "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("time.sleep", lambda _: None)


def test_of_botocore_by_the_answer_s_code(caplog: pytest.LogCaptureFixture) -> None:
    log_retries_of(aws_session())
    client = make_dynamodb_client()
    answer_with(
        client, [refusal(400, "ThrottlingException"), refusal(500, "InternalServerError"), refusal(400, "Last")]
    )
    with pytest.raises(ClientError, match="Last"):
        client.update_item(TableName="t", Key={"media_id": {"S": "m"}})

    lines = retries_in(caplog)
    assert [(line["what"], line["attempt"], line["error_type"]) for line in lines] == [
        ("dynamodb UpdateItem", 2, "ThrottlingException"),
        ("dynamodb UpdateItem", 3, "InternalServerError"),
    ]
    assert SECRET not in caplog.text


def test_of_botocore_without_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    client = composition.sns_client()
    answer_with(client, [EndpointConnectionError(endpoint_url="https://sns.example")] * 5)
    with pytest.raises(EndpointConnectionError):
        client.publish(TopicArn="arn:aws:sns:us-east-1:123456789012:t", Message="m")

    assert [(line["attempt"], line["error_type"]) for line in retries_in(caplog)] == [
        (attempt, "EndpointConnectionError") for attempt in range(2, 6)
    ]


def answer_with(client: BaseClient, answers: Sequence[AWSResponse | Exception]) -> None:
    """Make an AWS client answer without a socket."""
    left = iter(answers)

    def answer(**_: Any) -> Any:
        following = next(left)
        if isinstance(following, Exception):
            raise following
        return following

    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"before-send.{service}", answer)


class _Body(BytesIO):
    def stream(self, **_: Any) -> list[bytes]:
        return [self.read()]


def refusal(status: int, code: str) -> AWSResponse:
    body = _Body(json.dumps({"__type": code, "message": "no"}).encode())
    return AWSResponse("https://dynamodb.example", status, HTTPHeaders(), body)
