"""Events of the wrong shape: a named error before anything else happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from gopro_sync import composition
from gopro_sync.errors import ConfigurationError, InvalidEventError
from gopro_sync.handlers import authenticator, media_lister, video_downloader
from gopro_sync.telemetry.json_lines import function_logger
from tests.support.lambda_context import FakeLambdaContext

EVENTS = Path(__file__).parents[3] / "events"
VIDEO = json.loads((EVENTS / "video-downloader.json").read_text())
# No such endpoint: an event that gets past the checks fails differently, not silently.
ENVIRONMENT = json.loads((EVENTS / "env.json").read_text())["Parameters"] | {
    "AWS_ENDPOINT_URL": "https://unreachable.invalid",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    composition.forget()
    yield
    composition.forget()


@pytest.mark.parametrize("handler", [authenticator.handler, media_lister.handler, video_downloader.handler])
@pytest.mark.parametrize("event", [None, [], "text", 5])
def test_an_event_that_is_no_object_is_refused(handler: Any, event: Any) -> None:
    with pytest.raises(InvalidEventError, match="not a JSON object"):
        handler(event, FakeLambdaContext())


@pytest.mark.parametrize("event", [{}, {"action": None}, {"action": 5}, {"action": "logout"}])
def test_the_authenticator_takes_two_actions_only(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError, match="action"):
        authenticator.handler(event, FakeLambdaContext())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_videos", "10"),
        ("max_videos", 0),
        ("max_videos", -5),
        ("run_started_at", "today"),
        ("auth_token", 5),
        ("execution_id", {}),
    ],
)
def test_the_lister_names_the_field_that_is_wrong(field: str, value: Any) -> None:
    with pytest.raises(InvalidEventError, match=field):
        media_lister.handler({"auth_token": "fake-token", "execution_id": "e", field: value}, FakeLambdaContext())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("media_id", None),
        ("media_id", 5),
        ("filename", None),
        ("filename", ".."),
        ("filename", "\u200b"),
        ("s3_prefix", None),
        ("s3_prefix", "elsewhere/"),
        ("s3_key", "runs/x/manifest.json"),
        ("s3_key", "gopro-videos/../runs/x"),
        ("file_size", "large"),
        ("file_size", -1),
        ("upload_date", "2026-13-01"),
        ("duration", "long"),
        ("duration", float("nan")),
        ("captured_at", "2026-05-01T18:02:44"),
        ("item_count", 1.5),
        ("retry_count", "many"),
        ("run_deadline", 5),
    ],
)
def test_the_downloader_names_the_field_that_is_wrong(field: str, value: Any) -> None:
    with pytest.raises(InvalidEventError, match=r"S3 key" if field == "s3_key" or value == "elsewhere/" else field):
        video_downloader.handler({**VIDEO, "auth_token": "fake-token", field: value}, FakeLambdaContext())


def test_the_downloader_writes_to_its_own_bucket_only() -> None:
    with pytest.raises(InvalidEventError, match="s3_bucket"):
        video_downloader.handler({**VIDEO, "auth_token": "fake", "s3_bucket": "someone-elses"}, FakeLambdaContext())


@pytest.mark.parametrize(
    "url",
    [
        "https://attacker.example/media/64d2b7f0a1b2c3d4e5f60718/download",
        "https://api.gopro.com/media/another-item/download",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_the_downloader_sends_the_token_to_no_other_address(url: str) -> None:
    with pytest.raises(InvalidEventError, match="download_url") as caught:
        video_downloader.handler({**VIDEO, "auth_token": "fake-token", "download_url": url}, FakeLambdaContext())

    assert url not in str(caught.value)


@pytest.mark.parametrize(
    "event",
    [
        {"action": "reportrun"},
        {"action": "dry_run"},
        {"run_input": {}, "dry_run": True},
        {"run_input": {"dry_run": True}, "max_videos": 1},
        {"dryrun": True},
        {"run_input": [{"dry_run": True}]},
    ],
)
def test_the_lister_passes_over_nothing_that_it_is_asked_for(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError):
        media_lister.handler({"auth_token": "fake-token", **event}, FakeLambdaContext())


@pytest.mark.parametrize("handler", [authenticator.handler, media_lister.handler, video_downloader.handler])
def test_an_unset_variable_is_named(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACKER_TABLE_NAME")

    with pytest.raises(ConfigurationError, match="TRACKER_TABLE_NAME"):
        handler({**VIDEO, "action": "ensure_session", "max_videos": 1}, FakeLambdaContext())


def test_a_failure_is_logged_with_its_error_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    monkeypatch.setattr(function_logger.registered_handler, "stream", stream)

    with pytest.raises(InvalidEventError):
        video_downloader.handler({**VIDEO, "execution_id": "run-7", "media_id": ""}, FakeLambdaContext())

    line = json.loads(stream.getvalue().splitlines()[-1])
    assert line["level"] == "ERROR"
    assert line["event_type"] == "video_download_failed"
    assert line["error_type"] == "InvalidEventError"
    assert InvalidEventError.remedy in line["error_message"]
    assert line["correlation_id"] == "run-7"


def test_a_failure_that_knows_of_no_video_is_logged_with_the_one_that_the_invocation_was_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = StringIO()
    monkeypatch.setattr(function_logger.registered_handler, "stream", stream)

    with pytest.raises(InvalidEventError):
        video_downloader.handler({**VIDEO, "auth_token": "fake-token", "s3_bucket": "another"}, FakeLambdaContext())

    line = json.loads(stream.getvalue().splitlines()[-1])
    assert (line["media_id"], line["filename"]) == (VIDEO["media_id"], VIDEO["filename"])
