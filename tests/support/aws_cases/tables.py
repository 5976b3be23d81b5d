"""The table: new records at the rates of a new table, and what the tracker, the guard and the gate read and write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from gopro_sync.errors import GoProSyncError
from gopro_sync.table.request_budget import GATE_KEY, SharedGate
from gopro_sync.table.session_guard import SessionGuard
from gopro_sync.table.tracker import Tracker
from gopro_sync.table.video import Video
from tests.support.aws_cases.transfers import OWNER, TABLE, TransferWorld, odd_answers
from tests.support.throttled_dynamodb import ThrottledDynamoDB, VirtualTime

_LEASE: Final = timedelta(minutes=16)
_UPLOADED: Final = datetime(2026, 5, 1, tzinfo=UTC)


def play_table(world: TransferWorld, given: Mapping[str, Any]) -> dict[str, Any]:
    """Do something with the table while it answers oddly.

    ``given``: ``videos`` (the ids of records that are there), ``does`` (one of the names below), ``dynamodb`` (odd
    answers), ``new`` (the ids of what is to be recorded).
    """
    world.begin({"videos": []})
    world.tracker.add_pending([_video(media_id) for media_id in given.get("videos", [])])
    world.dynamodb_odd.forget(odd_answers(given.get("dynamodb", [])))
    world.waits.clear()
    new = [_video(media_id) for media_id in given.get("new", [])]
    actions: dict[str, Callable[[], object]] = {
        "claim": lambda: world.tracker.claim("m1", owner=OWNER, lease=_LEASE).outcome.value,
        "record": lambda: world.tracker.record_new(new),
        "count the pending": lambda: world.tracker.pending().count,
        "read": lambda: sorted(world.tracker.get_many(given.get("videos", []))),
        "take the guard": lambda: _guard(world).take() is not None,
        "ask the gate": lambda: _ask_the_gate(world, given.get("times", 1)),
    }
    value, error = None, None
    try:
        value = actions[given["does"]]()
    except GoProSyncError as failure:
        error = failure
    asked, unused = Counter(world.dynamodb_odd.asked), len(world.dynamodb_odd.odd.unused())
    world.dynamodb_odd.forget()
    records = {item["media_id"]["S"]: item for item in world.dynamodb.scan(TableName=TABLE)["Items"]}
    recorded = {media_id for media_id, item in records.items() if "status" in item}
    return {
        "value": value if isinstance(value, bool | str | int | list) else None,
        "error": None if error is None else type(error).__name__,
        "message": "" if error is None else str(error),
        "recorded": sorted(recorded),
        "refused": sorted(getattr(value, "refused", {})),
        "left": sorted(getattr(value, "left", [])),
        "asked": asked,
        "waited": sum(world.waits),
        "requests_counted": int(records.get(GATE_KEY, {}).get("requests_used", {"N": "0"})["N"]),
        "unused_answers": unused,
    }


def play_backfill(given: Mapping[str, Any]) -> dict[str, Any]:
    """Record a whole library in a new table, in virtual time.

    ``given``: ``videos`` (how many), ``minutes`` (of the lister's time).
    """
    time = VirtualTime()
    table = ThrottledDynamoDB(time)
    tracker = Tracker(cast("Any", table), TABLE, clock=time.now, sleep=time.sleep, jitter=lambda: 0.5)
    videos = [_video(f"m{number:06}") for number in range(given["videos"])]
    recording = tracker.record_new(videos, until=time.now() + timedelta(minutes=given["minutes"]))
    return {
        "recorded": len(table.items),
        "error": None if recording.trouble is None else type(recording.trouble).__name__,
        "seconds": time.seconds,
        "in_the_index": sum("sync_timestamp" in item for item in table.items.values()),
    }


def _guard(world: TransferWorld) -> SessionGuard:
    return SessionGuard(world.dynamodb, TABLE, owner=OWNER, clock=lambda: world.now)


def _ask_the_gate(world: TransferWorld, times: int) -> None:
    for _ in range(times):
        _gate(world).before_request()


def _gate(world: TransferWorld) -> SharedGate:
    return SharedGate(world.dynamodb, TABLE, requests_per_minute=60, clock=lambda: world.now, jitter=lambda: 0.0)


def _video(media_id: str) -> Video:
    return Video(
        media_id=media_id,
        filename="GX010456.MP4",
        s3_key=f"gopro-videos/2026/05/{media_id}.MP4",
        uploaded_at=_UPLOADED,
        size_bytes=123,
    )
