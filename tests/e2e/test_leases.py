"""The tracker's lease under real concurrency, on the deployed table."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.errors import TrackerError
from gopro_sync.table.tracker import ClaimOutcome, Tracker
from gopro_sync.table.video import Video
from gopro_sync.values.timestamps import now_utc
from tests.e2e.conftest import Stack

NEW_VIDEO = Video(
    media_id="m1",
    filename="GX010001.MP4",
    s3_key="gopro-videos/2026/05/GX010001.MP4",
    uploaded_at=None,
    size_bytes=None,
    duration_seconds=None,
)
FILE = ArchivedFile(
    item_number=1,
    s3_key=NEW_VIDEO.s3_key,
    size_bytes=1,
    source_etag=None,
    s3_etag='"e"',
    checksum_crc64nvme="AAAAAAAAAAA=",
    etag_proof="unknown",
)


def test_of_many_runs_at_once_exactly_one_gets_the_video(stack: Stack) -> None:
    tracker = Tracker(stack.cloud.client("dynamodb"), stack.output("TrackerTableName"), clock=now_utc, sleep=time.sleep)
    tracker.add_pending([NEW_VIDEO])

    with ThreadPoolExecutor(max_workers=8) as pool:
        claims = list(pool.map(lambda n: tracker.claim("m1", owner=f"run-{n}", lease=timedelta(minutes=5)), range(24)))

    assert [claim.outcome for claim in claims].count(ClaimOutcome.CLAIMED) == 1
    assert {claim.record.lease_owner for claim in claims} == {stack.tracker()["m1"]["lease_owner"]}


def test_of_many_that_take_over_an_expired_lease_one_gets_it_and_the_late_one_changes_nothing(stack: Stack) -> None:
    dynamodb, table = stack.cloud.client("dynamodb"), stack.output("TrackerTableName")
    three_hours_ago = Tracker(dynamodb, table, clock=lambda: now_utc() - timedelta(hours=3), sleep=time.sleep)
    three_hours_ago.add_pending([NEW_VIDEO])
    three_hours_ago.claim("m1", owner="died", lease=timedelta(minutes=16))
    tracker = Tracker(dynamodb, table, clock=now_utc, sleep=time.sleep)

    with ThreadPoolExecutor(max_workers=8) as pool:
        claims = list(pool.map(lambda n: tracker.claim("m1", owner=f"run-{n}", lease=timedelta(minutes=5)), range(24)))

    assert [claim.outcome for claim in claims].count(ClaimOutcome.CLAIMED) == 1
    # It was not dead, only slow: what it has to say is about a video that is another's now.
    with pytest.raises(TrackerError, match="Another run has taken this video over"):
        three_hours_ago.save_progress("m1", owner="died", files=[], upload=None)
    with pytest.raises(TrackerError, match="Another run has taken this video over"):
        three_hours_ago.complete("m1", owner="died", files=[FILE])
    assert stack.tracker()["m1"]["status"] == "IN_PROGRESS"
