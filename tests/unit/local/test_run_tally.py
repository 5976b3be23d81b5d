"""What is shown of a run only grows, whatever the readings are in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.run_tally import RunTally, VideoReading

RUN = "arn:run"

_readings = st.builds(
    VideoReading,
    media_id=st.sampled_from(["a", "b", "c"]),
    status=st.sampled_from(["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "SOMETHING_NEW"]),
    execution_id=st.sampled_from([None, RUN, "arn:another"]),
    size_bytes=st.integers(0, 100),
    held_bytes=st.integers(0, 200),
)
# A video is missing from a reading where its record was deleted, or waits for GoPro.
_histories = st.lists(st.lists(_readings, max_size=3, unique_by=lambda reading: reading.media_id), max_size=12)


def _video(status: str = "IN_PROGRESS", *, held: int = 0, size: int = 100, run: str | None = RUN) -> VideoReading:
    return VideoReading(media_id="a", status=status, execution_id=run, size_bytes=size, held_bytes=held)


def _after(*readings: VideoReading) -> RunTally:
    tally = RunTally()
    for reading in readings:
        tally.see([reading], execution_ids=frozenset({RUN}))
    return tally


@given(_histories)
def test_bytes_and_archived_videos_never_fall_and_never_exceed_what_there_is(
    history: list[list[VideoReading]],
) -> None:
    tally, before = RunTally(), (0, 0, 0)
    for readings in history:
        tally.see(readings, execution_ids=frozenset({RUN}))
        shown = (tally.moved_bytes, tally.completed, tally.total)
        assert all(now >= then for now, then in zip(shown, before, strict=True))
        assert tally.moved_bytes <= tally.total_bytes
        assert tally.completed + tally.failed <= tally.total
        before = shown


@given(_histories)
def test_no_more_is_shown_than_was_once_there(history: list[list[VideoReading]]) -> None:
    tally = RunTally()
    most: dict[str, int] = {}
    for readings in history:
        tally.see(readings, execution_ids=frozenset({RUN}))
        for one in readings:
            there = one.size_bytes if one.status == "COMPLETED" else one.held_bytes
            most[one.media_id] = max(most.get(one.media_id, 0), there)
        assert tally.moved_bytes <= sum(most.values())


def test_an_upload_that_is_completed_before_the_record_says_so_still_counts() -> None:
    tally = _after(_video(held=90), _video(held=0))

    assert (tally.moved_bytes, tally.completed) == (90, 0)


def test_an_upload_that_is_given_up_and_begun_anew_still_counts_with_the_most_that_was_there() -> None:
    assert _after(_video(held=90), _video(held=10)).moved_bytes == 90


def test_a_damaged_object_and_the_upload_that_replaces_it_count_once() -> None:
    assert _after(_video(held=160)).moved_bytes == 100


def test_a_video_that_is_reopened_stays_archived_and_gets_larger() -> None:
    tally = _after(_video("COMPLETED"), _video("PENDING", held=100, size=180))

    assert (tally.completed, tally.moved_bytes, tally.total_bytes) == (1, 100, 180)


def test_a_failed_video_that_is_tried_again_is_no_longer_failed() -> None:
    assert _after(_video("FAILED")).failed == 1
    assert _after(_video("FAILED"), _video()).failed == 0


def test_what_another_run_has_archived_is_none_of_this_run() -> None:
    assert _after(_video("COMPLETED", run="arn:another")).total == 0
