"""Services that take a request and never answer: the function says so before its time is over, and is not killed."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from moto import mock_aws

from gates.template import ROOT
from gopro_sync import composition, errors
from gopro_sync.aws.clients import make_secrets_client
from gopro_sync.handlers import authenticator, media_lister, video_downloader
from gopro_sync.handlers.last_word import RESERVE_SECONDS
from gopro_sync.table.session_guard import GUARD_KEY
from tests.support.lambda_context import FakeLambdaContext
from tests.support.tracker_table import tracker_table

pytestmark = pytest.mark.slow

ENVIRONMENT: Final = json.loads((ROOT / "events" / "env.json").read_text())["Parameters"]
SECRET: Final = ENVIRONMENT["CREDENTIALS_SECRET_ID"]
LOGIN: Final = {"username": "a@example.com", "password": "fake", "client_id": "fake-id", "client_secret": "fake"}
LASTING: Final = {"auth_token": "fake-token", "expires_at": "2099-01-01T00:00:00Z"}
VIDEO: Final = {
    "media_id": "m1",
    "filename": "GX010456.MP4",
    "s3_key": "gopro-videos/2026/05/GX010456.MP4",
    "execution_id": "arn:run-1",
}
# How long the function has before it has to speak, in a test that really waits.
PATIENCE_SECONDS: Final = 2.0  # a client that is made meanwhile takes its time on a busy machine


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts connections, takes what it is sent and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with tracker_table(ENVIRONMENT["TRACKER_TABLE_NAME"]) as dynamodb, mock_aws():
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        composition.forget()
        yield dynamodb
        composition.forget()


def put_secret(content: dict[str, str]) -> None:
    make_secrets_client().create_secret(Name=SECRET, SecretString=json.dumps(content))


type Call = tuple[Any, Callable[[], None], dict[str, Any], dict[str, str]]
AUTHENTICATOR: Final[Call] = (
    authenticator.handler,
    composition.prepare_authenticator,
    {"action": "ensure_session"},
    LOGIN,
)
LISTER: Final[Call] = (media_lister.handler, composition.prepare_media_lister, {}, LASTING)
DOWNLOADER: Final[Call] = (video_downloader.handler, composition.prepare_video_downloader, VIDEO, LASTING)
HANGING: Final = [
    (*AUTHENTICATOR, "AWS_ENDPOINT_URL_SECRETS_MANAGER", "Secrets Manager"),
    (*AUTHENTICATOR, "AWS_ENDPOINT_URL_DYNAMODB", "DynamoDB"),
    (*AUTHENTICATOR, "GOPRO_API_BASE_URL", "The GoPro API"),
    (*LISTER, "AWS_ENDPOINT_URL_SECRETS_MANAGER", "Secrets Manager"),
    (*LISTER, "GOPRO_API_BASE_URL", "The GoPro API"),
    (*DOWNLOADER, "AWS_ENDPOINT_URL_SECRETS_MANAGER", "Secrets Manager"),
]


@pytest.mark.parametrize(("handler", "prepare", "event", "secret", "variable", "named"), HANGING)
def test_a_service_that_never_answers_is_named_in_time(
    world: Any,
    silent: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    handler: Any,
    prepare: Callable[[], None],
    event: dict[str, Any],
    secret: dict[str, str],
    variable: str,
    named: str,
) -> None:
    put_secret(secret)
    monkeypatch.setenv(variable, silent)
    prepare()

    began = time.monotonic()
    with pytest.raises(errors.RetryableError, match=f"{named} had not answered") as failure:
        handler(event, FakeLambdaContext(seconds_left=PATIENCE_SECONDS + RESERVE_SECONDS))

    assert time.monotonic() - began < PATIENCE_SECONDS + RESERVE_SECONDS
    assert [vars(record)["event_type"] for record in caplog.records if record.levelname == "WARNING"] == ["time_is_up"]
    reported = [vars(record)["error_type"] for record in caplog.records if record.levelname == "ERROR"]
    assert reported == [type(failure.value).__name__]


def test_what_was_held_is_given_back(world: Any, silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put_secret(LOGIN)
    monkeypatch.setenv("GOPRO_API_BASE_URL", silent)
    with pytest.raises(errors.NetworkError):
        authenticator.handler(
            {"action": "ensure_session"}, FakeLambdaContext(seconds_left=PATIENCE_SECONDS + RESERVE_SECONDS)
        )
    guard = world.get_item(TableName=ENVIRONMENT["TRACKER_TABLE_NAME"], Key={"media_id": {"S": GUARD_KEY}})["Item"]
    assert "lease_owner" not in guard


def test_nothing_is_left_behind_that_could_end_a_later_invocation(world: Any) -> None:
    put_secret({**LOGIN, **LASTING})
    authenticator.handler({"action": "ensure_session"}, FakeLambdaContext(seconds_left=60))
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
