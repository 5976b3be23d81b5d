"""How long the lister waits for the table: as long as it has, less what the manifest and the answer need."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from gopro_sync import composition
from gopro_sync.errors import TrackerError
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.library.media import MediaItem
from gopro_sync.gopro.session.session import Session
from gopro_sync.handlers import media_lister
from gopro_sync.table.tracker import Lookup, Recording
from gopro_sync.table.unarchived import UnarchivedVideo
from gopro_sync.table.video import Video
from tests.support.lambda_context import FakeLambdaContext

ENVIRONMENT: Final = json.loads((Path(__file__).parents[3] / "events" / "env.json").read_text())["Parameters"]
MAY: Final = datetime(2026, 5, 1, tzinfo=UTC)


class Library:
    """GoPro's library of five videos, and a table that takes the first two in time and not the third at all."""

    def __init__(self) -> None:
        self.until: list[datetime] = []

    def list_library(self) -> LibraryListing:
        fields: dict[str, Any] = {"type": "Video", "ready_to_view": "ready", "uploaded_at": MAY}
        return LibraryListing(items=tuple(MediaItem(media_id=name, **fields) for name in "abcde"), malformed=())

    def download_url(self, media_id: str) -> str:
        return f"https://api.gopro.com/media/{media_id}/download"

    def each(self) -> list[UnarchivedVideo]:
        return []

    def look_up(self, _media_ids: object, *, until: datetime) -> Lookup:
        self.until.append(until)
        return Lookup(records={}, unreadable={})

    def record_new(self, _videos: Sequence[Video], *, until: datetime) -> Recording:
        self.until.append(until)
        return Recording(left=frozenset("de"), refused={"c": "No \ud83c"}, trouble=TrackerError("It throttles"))


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    composition.forget()
    library = Library()
    monkeypatch.setattr(media_lister, "session_for", lambda _event: Session(auth_token="fake-token"))
    monkeypatch.setattr(composition, "gopro_gate", lambda **_: None)
    monkeypatch.setattr(composition, "gopro_client", lambda _session, _gate: library)
    monkeypatch.setattr(composition, "tracker", lambda: library)
    monkeypatch.setattr(composition, "owner_record", lambda: None)
    monkeypatch.setattr(composition, "unarchived_videos", lambda: library)
    monkeypatch.setattr(composition, "s3_client", lambda: None)
    monkeypatch.setattr(media_lister, "unrecorded_objects", lambda *_, **__: {"found_without_record": 0})
    yield library
    monkeypatch.undo()
    composition.forget()


def test_the_lister_waits_for_the_table_as_long_as_it_can_and_says_what_is_left(library: Library) -> None:
    before = datetime.now(UTC)

    answer: dict[str, Any] = media_lister.handler({}, FakeLambdaContext(seconds_left=200))

    for until in library.until:
        assert timedelta(seconds=165) < until - before < timedelta(seconds=175)
    assert [video["media_id"] for video in answer["new_videos"]] == ["a", "b"]
    assert (answer["new_count"], answer["remaining"], answer["unrecorded"], answer["total_found"]) == (2, 2, 2, 5)
    assert answer["unrecordable_videos"] == [{"media_id": "c", "reason": "No "}]
    json.dumps(answer, ensure_ascii=False).encode()
