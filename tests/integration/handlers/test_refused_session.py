"""Videos whose session GoPro refuses at the same moment: the downloader as the state machine calls it, moto's table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from gopro_sync import composition
from gopro_sync.errors import AuthenticationError, SessionRefusedError
from gopro_sync.gopro.session.credentials import Credentials, StoredCredentials
from gopro_sync.gopro.session.renewal import Refusal
from gopro_sync.gopro.session.session import Session
from gopro_sync.handlers import video_downloader
from gopro_sync.run.video import VideoResult
from gopro_sync.table.renewal_claim import RenewalClaim
from gopro_sync.table.session_guard import SessionGuard
from gopro_sync.table.video import Video
from gopro_sync.telemetry.logs import EventType
from gopro_sync.values.timestamps import iso_utc, now_utc
from tests.support.lambda_context import FakeLambdaContext
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "gopro-sync-tracker"
EVENTS: Final = Path(__file__).parents[3] / "events"
FORTY: Final = [f"id-{number}" for number in range(40)]
RENEW: Final = "RenewSession"


@dataclass(slots=True, kw_only=True)
class World:
    """GoPro, which accepts one token, and the secret."""

    dynamodb: DynamoDBClient
    accepted: str = "fake-2"
    stored: str = "fake-1"
    expires_at: datetime | None = None
    later: timedelta = timedelta(0)
    deadline: datetime = field(default_factory=lambda: now_utc() + timedelta(hours=1))
    used: str | None = None

    def load(self) -> StoredCredentials:
        credentials = Credentials(auth_token=self.stored, refresh_token="fake", expires_at=self.expires_at)
        return StoredCredentials(credentials=credentials, version_id=f"version of {self.stored}")

    def video_transfer(self, session: Session, _invocation: object) -> World:
        self.used = session.auth_token
        return self

    def archive(self, _video: Video) -> VideoResult:
        if self.used != self.accepted:
            raise SessionRefusedError("GoPro does not accept the session (status 401)")
        return VideoResult(event=EventType.VIDEO_DOWNLOAD_COMPLETE)

    def renewal_claim(self, owner: str) -> RenewalClaim:
        return RenewalClaim(self.dynamodb, TABLE, owner=owner, clock=lambda: now_utc() + self.later)

    def remember_refusal(self) -> None:
        guard = SessionGuard(self.dynamodb, TABLE, owner="authenticator", clock=now_utc)
        guard.take()
        refused = Refusal(
            version_id=self.load().version_id, since=now_utc(), last_tried_at=now_utc(), reason="GoPro refuses it"
        )
        guard.release_refused(refused)

    def call(self, media_id: str, *, renewals: int = 0, **more: Any) -> str:
        """Call the downloader as the state machine does; return the answered status, or that it would renew."""
        event = {
            "media_id": media_id,
            "s3_key": "gopro-videos/2026/05/a.MP4",
            "execution_id": "night",
            "run_deadline": iso_utc(self.deadline),
            **({"renewals": renewals} if renewals else {}),
            **more,
        }
        try:
            answer = video_downloader.handler(event, FakeLambdaContext())
        except SessionRefusedError:
            return RENEW
        assert answer["status"] != "WAITING" or 0 < answer["wait_seconds"] <= 20
        return str(answer["status"])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in json.loads((EVENTS / "env.json").read_text())["Parameters"].items():
        monkeypatch.setenv(name, value)
    composition.forget()
    with tracker_table(TABLE) as client, monkeypatch.context() as patch:
        here = World(dynamodb=client)
        patch.setattr(composition, "credential_store", lambda: here)
        patch.setattr(composition, "stored_session", lambda: here.load().credentials.living_session(now_utc()))
        patch.setattr(composition, "video_transfer", here.video_transfer)
        patch.setattr(composition, "renewal_claim", here.renewal_claim)
        yield here
    composition.forget()


@pytest.mark.parametrize("is_over", [False, True])
def test_of_forty_videos_that_are_refused_at_once_one_has_the_session_renewed(world: World, is_over: bool) -> None:
    world.expires_at = now_utc() - timedelta(minutes=1) if is_over else None

    answers = [world.call(media_id) for media_id in FORTY]

    assert answers == [RENEW] + ["WAITING"] * 39
    assert [world.call(media_id) for media_id in FORTY[1:]] == ["WAITING"] * 39, "it takes a while"
    world.stored, world.expires_at = "fake-2", None
    assert [world.call(media_id) for media_id in FORTY] == ["COMPLETED"] * 40


def test_a_video_that_began_with_the_old_session_looks_for_the_new_one_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = world.load().credentials.session()
    world.stored = "fake-2"
    with monkeypatch.context() as patch:
        patch.setattr(composition, "stored_session", lambda: old)
        assert world.call("a") == "WAITING"
    assert world.call("a") == "COMPLETED"


def test_the_next_session_that_ends_is_renewed_by_whoever_meets_it_first(world: World) -> None:
    assert [world.call("a"), world.call("b")] == [RENEW, "WAITING"]
    world.stored, world.accepted = "fake-2", "fake-3"
    assert [world.call("b"), world.call("a")] == [RENEW, "WAITING"]


def test_the_one_whose_turn_it_is_may_ask_again_and_after_its_time_another(world: World) -> None:
    assert [world.call("a"), world.call("a"), world.call("b")] == [RENEW, RENEW, "WAITING"]
    world.later = timedelta(minutes=4)
    assert [world.call("b"), world.call("c")] == [RENEW, "WAITING"]


def test_nobody_waits_where_renewing_has_not_helped(world: World) -> None:
    assert [world.call("a"), world.call("b")] == [RENEW, "WAITING"]
    assert world.call("a", renewals=1) == RENEW
    assert [world.call(media_id) for media_id in "bcd"] == [RENEW] * 3


def test_that_gopro_gives_no_session_any_more_is_asked_once(world: World) -> None:
    assert world.call("a") == RENEW
    world.remember_refusal()
    for media_id in "abc":
        with pytest.raises(AuthenticationError, match="GoPro refuses it"):
            world.call(media_id)
    world.stored = "fake-2"
    assert world.call("a") == "COMPLETED"


def test_a_video_that_the_run_has_no_time_for_is_left_to_the_next(world: World) -> None:
    world.deadline = now_utc() + timedelta(seconds=70)
    assert world.call("a") == "DEFERRED"


def test_a_token_that_the_event_brings_is_nobody_s_to_renew(world: World) -> None:
    assert [world.call("a", auth_token="fake-9"), world.call("b", auth_token="fake-9")] == [RENEW, RENEW]
