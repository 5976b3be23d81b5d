"""Whatever is raised inside a function leaves it as an error of the closed set, told once, without secrets."""

from __future__ import annotations

import json
import subprocess
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import urllib3.exceptions
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gopro_sync import composition
from gopro_sync.errors import ConfigurationError, GoProSyncError, NetworkError, UnexpectedError
from gopro_sync.handlers import authenticator, media_lister, video_downloader
from gopro_sync.telemetry.json_lines import function_logger
from tests.support.lambda_context import FakeLambdaContext

EVENTS: Final = Path(__file__).parents[3] / "events"
SECRET: Final = "fakeSecretValue0123456789"
SIGNED_URL: Final = f"https://cdn.example/source/1.mp4?Expires=1&Signature={SECRET}&Key-Pair-Id={SECRET}"
TEXTS: Final = (
    SIGNED_URL,
    f"HTTPSConnectionPool(host='cdn.example', port=443): Max retries exceeded with url: /1.mp4?Signature={SECRET}",
    f"Authorization: Bearer {SECRET}",
    json.dumps({"refresh_token": SECRET}),
    repr({"password": SECRET}),
    f"half a letter \udcff {SIGNED_URL}",
)


class UnreadableError(Exception):
    """An exception that fails to say what it is."""

    def __str__(self) -> str:
        raise ValueError(SIGNED_URL)


MAKERS: Final[tuple[Callable[[str], BaseException], ...]] = (
    RuntimeError,
    ValueError,
    KeyError,
    OSError,
    TimeoutError,
    MemoryError,
    RecursionError,
    AssertionError,
    SystemExit,
    KeyboardInterrupt,
    httpx.InvalidURL,
    urllib3.exceptions.LocationValueError,
    NetworkError,
    lambda text: ClientError({"Error": {"Code": text, "Message": text}}, "PutObject"),
    lambda text: EndpointConnectionError(endpoint_url=text),
    lambda text: subprocess.CalledProcessError(1, text),
    lambda text: UnicodeDecodeError("utf-8", text.encode(errors="replace"), 0, 1, text),
    lambda text: json.JSONDecodeError(text, text, 0),
    lambda text: ExceptionGroup(text, [ValueError(text)]),
    UnreadableError,
)


@dataclass(frozen=True)
class Function:
    """A function of the system, an event for it, and what its failures are logged as."""

    handler: Any
    event_file: str
    failure_event: str

    def event(self) -> dict[str, Any]:
        """An event that makes the function look for the stored session."""
        event = json.loads((EVENTS / self.event_file).read_text())
        return {name: value for name, value in event.items() if name != "auth_token"} | {"execution_id": "e"}


FUNCTIONS: Final = (
    Function(authenticator.handler, "authenticator.json", "session_failed"),
    Function(media_lister.handler, "media-lister.json", "library_listing_failed"),
    Function(video_downloader.handler, "video-downloader.json", "video_download_failed"),
)


def test_a_library_of_another_processor_is_the_deployment_s_fault_and_not_the_video_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = ImportError("/var/task/_awscrt.abi3.so: cannot open shared object file", name="_awscrt")
    function = FUNCTIONS[2]
    error, log = failure_of(function.handler, function.event(), broken, monkeypatch)
    assert isinstance(error, ConfigurationError)
    assert "_awscrt" in str(error)
    assert "one Architecture" in str(error)
    assert "cannot open shared object file" in log


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in json.loads((EVENTS / "env.json").read_text())["Parameters"].items():
        monkeypatch.setenv(name, value)
    composition.forget()
    yield
    composition.forget()


def failure_of(
    handler: Any, event: Any, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> tuple[BaseException, str]:
    """Let the first thing that the function needs raise this; return what left the function, and its log."""
    written = BytesIO()
    stream = TextIOWrapper(written, encoding="utf-8", write_through=True)  # as strict as Lambda's

    def fail(*_: Any, **__: Any) -> Any:
        raise error from LookupError(f"what came before: {SIGNED_URL}")

    with monkeypatch.context() as patch:
        for needed in ("renewal", "stored_session", "settings", "gopro_gate"):
            patch.setattr(composition, needed, fail)
        patch.setattr(function_logger.registered_handler, "stream", stream)
        with pytest.raises(BaseException) as raised:
            handler(event, FakeLambdaContext())
    return raised.value, written.getvalue().decode()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.failure_event)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    make=st.sampled_from(MAKERS),
    text=st.builds("{} {}".format, st.text(max_size=20), st.sampled_from(TEXTS)),
)
def test_whatever_is_raised_leaves_as_a_named_error_without_secrets_and_is_reported_once(
    function: Function, make: Callable[[str], BaseException], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, log = failure_of(function.handler, function.event(), make(text), monkeypatch)

    assert isinstance(error, GoProSyncError)
    assert (error.__cause__, error.__context__) == (None, None)
    assert SECRET not in "".join(traceback.format_exception(error)) + log
    lines = [json.loads(line) for line in log.split("\n") if '"ERROR"' in line]
    reported = [(line["event_type"], line["error_type"]) for line in lines]
    assert reported == [(function.failure_event, type(error).__name__)]


def test_the_log_tells_what_was_unexpected_and_the_error_where(monkeypatch: pytest.MonkeyPatch) -> None:
    event = {"action": "ensure_session"}
    error, log = failure_of(authenticator.handler, event, RuntimeError(f"odd: {SIGNED_URL}"), monkeypatch)

    assert isinstance(error, UnexpectedError)
    assert error.message.startswith("RuntimeError at authenticator.py:")
    assert "cdn.example" not in str(error)
    (line,) = [json.loads(line) for line in log.split("\n") if '"ERROR"' in line]
    assert line["unexpected"] == "RuntimeError"
    assert line["unexpected_text"] == "odd: https://cdn.example/source/1.mp4?[redacted]"


def test_an_unexpected_failure_names_its_video(monkeypatch: pytest.MonkeyPatch) -> None:
    event = FUNCTIONS[2].event()
    error, log = failure_of(video_downloader.handler, event, KeyError("ETag"), monkeypatch)

    assert f"(media item {event['media_id']})" in str(error)
    assert json.loads(log.split("\n")[-2])["media_id"] == event["media_id"]


def test_an_error_of_ours_keeps_its_name_and_what_the_operator_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    error, _ = failure_of(
        authenticator.handler, {"action": "ensure_session"}, NetworkError(f"{SIGNED_URL} broke off"), monkeypatch
    )
    assert isinstance(error, NetworkError)
    assert str(error) == f"https://cdn.example/source/1.mp4?[redacted] broke off. {NetworkError.remedy}"
