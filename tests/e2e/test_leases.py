"""The tracker's lease under real concurrency, on the deployed table."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from gopro_sync.timestamps import now_utc
from gopro_sync.tracker import ClaimOutcome, NewVideo, Tracker
from tests.e2e.conftest import Stack


def test_of_many_runs_at_once_exactly_one_gets_the_video(stack: Stack) -> None:
    tracker = Tracker(stack.cloud.client("dynamodb"), stack.output("TrackerTableName"), clock=now_utc, sleep=time.sleep)
    video = NewVideo(
        media_id="m1",
        filename="GX010001.MP4",
        s3_key="gopro-videos/2026/05/GX010001.MP4",
        upload_date=None,
        size_bytes=None,
        duration_seconds=None,
    )
    tracker.add_pending([video])

    with ThreadPoolExecutor(max_workers=8) as pool:
        claims = list(pool.map(lambda n: tracker.claim("m1", owner=f"run-{n}", lease=timedelta(minutes=5)), range(24)))

    assert [claim.outcome for claim in claims].count(ClaimOutcome.CLAIMED) == 1
    assert {claim.record.lease_owner for claim in claims} == {stack.tracker()["m1"]["lease_owner"]}
