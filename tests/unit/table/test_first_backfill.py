"""A whole library at once: at the rates of a new table, with an item that it does not take, with too little time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from gopro_sync.errors import AccessDeniedError, TrackerError
from gopro_sync.table.tracker import Recording, Tracker
from gopro_sync.table.video import Video
from tests.support.throttled_dynamodb import ThrottledDynamoDB, VirtualTime

TABLE = "t"
# What is left of the lister's five minutes, after the listing and before the manifest.
LISTERS_SECONDS = 200


def tracker(client: Any, time: VirtualTime) -> Tracker:
    return Tracker(cast("Any", client), TABLE, clock=time.now, sleep=time.sleep, jitter=lambda: 0.5)


def library(count: int) -> list[Video]:
    uploaded = datetime(2020, 5, 1, tzinfo=UTC)
    return [
        Video(
            media_id=f"m{number:06}",
            filename=f"GX{number:06}.MP4",
            s3_key=f"gopro-videos/2020/05/GX{number:06}.MP4",
            uploaded_at=uploaded,
            size_bytes=1_000_000_000,
            duration_seconds=60,
        )
        for number in range(count)
    ]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gopro_sync.table.batches.log_retry", lambda *_args, **_fields: None)


@pytest.mark.parametrize(("count", "most_seconds"), [(20_000, 15), pytest.param(100_000, 75, marks=pytest.mark.slow)])
def test_a_new_table_takes_a_whole_library(count: int, most_seconds: float) -> None:
    time = VirtualTime()
    client = ThrottledDynamoDB(time)
    videos = library(count)
    known = tracker(client, time)
    until = time.now() + timedelta(seconds=LISTERS_SECONDS)

    found = known.look_up((video.media_id for video in videos), until=until)
    read_seconds = time.seconds
    recording = known.record_new(videos, until=until)

    print(
        f"{len(client.items):,} of {count:,} recorded in {time.seconds - read_seconds:.0f} s "
        f"({client.calls['TransactWriteItems']:,} transactions), looked up before in {read_seconds:.0f} s; "
        f"{client.throttled} calls throttled"
    )
    assert not found.records
    assert recording == Recording(left=frozenset(), refused={}, trouble=None)
    assert len(client.items) == count
    assert time.seconds < most_seconds
    assert client.throttled < count / 100, "it slows down instead of knocking"


def test_what_the_time_does_not_suffice_for_is_left_and_recorded_by_the_next_run() -> None:
    time = VirtualTime()
    client = ThrottledDynamoDB(time, slower=200)  # 20 writes a second
    videos = library(3_000)

    counts = []
    for _night in range(3):
        known = tracker(client, time).look_up(video.media_id for video in videos).records
        begun = time.seconds
        new = [video for video in videos if video.media_id not in known]
        recording = tracker(client, time).record_new(new, until=time.now() + timedelta(seconds=LISTERS_SECONDS))
        assert time.seconds - begun <= LISTERS_SECONDS + 1
        assert len(client.items) + len(recording.left) == 3_000
        assert (recording.trouble is not None) == bool(recording.left)
        counts.append(len(client.items))

    assert 1_000 < counts[0] < counts[1] <= counts[2] == 3_000
    assert {video.media_id for video in videos[:1_000]} <= client.items.keys(), "the first ones first"


def test_one_item_that_dynamodb_does_not_take_is_that_items_trouble() -> None:
    time = VirtualTime()
    client = ThrottledDynamoDB(time)
    videos = library(1_000)
    videos[333] = Video(media_id="too-large", filename="x" * 500_000, s3_key="gopro-videos/2020/05/x.MP4")

    recording = tracker(client, time).record_new(videos)

    assert recording.refused.keys() == {"too-large"}
    assert "ValidationError" in recording.refused["too-large"]
    assert not recording.left
    assert len(client.items) == 999


class Cancelling(ThrottledDynamoDB):
    """Cancels each transaction with one id in it, for a reason of that item."""

    def __init__(self, time: VirtualTime, code: str, bad: str, *, slower: float) -> None:
        super().__init__(time, slower=slower)
        self._code, self._bad = code, bad

    def transact_write_items(self, *, TransactItems: Any) -> dict[str, Any]:  # noqa: N803
        media_ids = [write["Put"]["Item"]["media_id"]["S"] for write in TransactItems]
        if self._bad not in media_ids:
            return super().transact_write_items(TransactItems=TransactItems)
        reasons = [{"Code": self._code if media_id == self._bad else "None"} for media_id in media_ids]
        answer: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(answer, "TransactWriteItems")


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded", "AReasonThatNobodyKnows"])
@pytest.mark.parametrize("slower", [1, 20])
def test_whatever_an_item_is_refused_for_the_others_of_its_transaction_are_recorded(code: str, slower: float) -> None:
    time = VirtualTime()
    client = Cancelling(time, code, "m000500", slower=slower)

    recording = tracker(client, time).record_new(library(1_000))

    assert recording == Recording(left=frozenset(), refused={"m000500": code}, trouble=None)
    assert len(client.items) == 999


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "None"])
def test_an_item_for_which_there_is_only_weather_is_left_and_not_refused(code: str) -> None:
    time = VirtualTime()
    client = Cancelling(time, code, "m000500", slower=1)

    recording = tracker(client, time).record_new(library(1_000))

    assert recording.left == {"m000500"}
    assert not recording.refused
    assert len(client.items) == 999
    assert time.seconds < 70


class Refusing(ThrottledDynamoDB):
    """Refuses the whole call for one id in it, and does not say for which."""

    def __init__(self, time: VirtualTime, code: str, *bad: str) -> None:
        super().__init__(time)
        self._code, self._bad = code, bad

    def transact_write_items(self, *, TransactItems: Any) -> dict[str, Any]:  # noqa: N803
        self._refuse([write["Put"]["Item"]["media_id"]["S"] for write in TransactItems])
        return super().transact_write_items(TransactItems=TransactItems)

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        self._refuse([key["media_id"]["S"] for key in RequestItems[TABLE]["Keys"]])
        return super().batch_get_item(RequestItems=RequestItems)

    def _refuse(self, media_ids: list[str]) -> None:
        if not self._bad or set(self._bad) & set(media_ids):
            raise ClientError({"Error": {"Code": self._code, "Message": "One item is not valid"}}, "any")


@pytest.mark.parametrize(
    "code", ["ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException"]
)
def test_where_dynamodb_does_not_say_which_item_it_is_the_item_is_found(code: str) -> None:
    time = VirtualTime()
    client = Refusing(time, code, "m000150", "m000151")
    known = tracker(client, time)
    videos = library(300)

    recording = known.record_new(videos)
    found = known.look_up(video.media_id for video in videos)

    reason = f"{code}: One item is not valid"
    assert recording.refused == found.unreadable == {"m000150": reason, "m000151": reason}
    assert len(client.items) == len(found.records) == 298


def test_a_table_that_takes_nothing_is_no_items_trouble() -> None:
    time = VirtualTime()
    with pytest.raises(TrackerError, match="refuses all records: ValidationException: One item is not valid"):
        tracker(Refusing(time, "ValidationException"), time).record_new(library(10_000))


def test_a_role_that_may_not_write_is_reported_at_once() -> None:
    time = VirtualTime()
    with pytest.raises(AccessDeniedError):
        tracker(Refusing(time, "AccessDeniedException"), time).record_new(library(1_000))
    assert time.seconds == 0


def test_a_table_that_throttles_everything_is_waited_for_and_not_for_ever() -> None:
    time = VirtualTime()
    recording = tracker(Refusing(time, "ThrottlingException"), time).record_new(
        library(100), until=time.now() + timedelta(seconds=LISTERS_SECONDS)
    )
    assert len(recording.left) == 100
    assert "fewer requests" in str(recording.trouble)
    assert time.seconds == pytest.approx(LISTERS_SECONDS)


def test_a_record_that_cannot_be_read_is_that_records_trouble() -> None:
    time = VirtualTime()
    client = ThrottledDynamoDB(time)
    known = tracker(client, time)
    known.record_new(library(150))
    client.items["m000007"] = {**client.items["m000007"], "status": {"S": "DONE"}}
    client.items["m000008"] = {**client.items["m000008"], "retry_count": {"N": "many"}}

    found = known.look_up(client.items)

    assert len(found.records) == 148
    assert found.unreadable.keys() == {"m000007", "m000008"}
