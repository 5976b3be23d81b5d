"""The request budget and the circuit that all workers share, on moto's DynamoDB; the clock is the test's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from gopro_sync.aws.clients import make_dynamodb_client
from gopro_sync.errors import (
    AccessDeniedError,
    ConfigurationError,
    GoProUnavailableError,
    NetworkError,
    ThrottledError,
    TrackerError,
)
from gopro_sync.table.request_budget import GATE_KEY, SharedGate
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "gopro-sync-tracker"


class AtomicDynamoDB:
    """moto's client, whose conditional writes are not atomic among threads; DynamoDB's are."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self.calls = 0

    def update_item(self, **arguments: Any) -> Any:
        with self._lock:
            self.calls += 1
            return self._client.update_item(**arguments)


@dataclass(slots=True, kw_only=True)
class Night:
    """The shared record, and workers that know nothing of one another."""

    dynamodb: AtomicDynamoDB
    budget: int = 100
    now: datetime = field(default_factory=lambda: datetime(2026, 5, 2, 1, 0, 1, tzinfo=UTC))
    slept: list[float] = field(default_factory=list)

    def worker(self, **options: Any) -> SharedGate:
        return SharedGate(
            cast("DynamoDBClient", self.dynamodb),
            TABLE,
            requests_per_minute=self.budget,
            clock=lambda: self.now,
            jitter=lambda: 0.0,
            sleep=self.sleep,
            **options,
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def put(self, **attributes: Any) -> None:
        """Writes the shared record by hand."""
        make_dynamodb_client().put_item(TableName=TABLE, Item={"media_id": {"S": GATE_KEY}, **attributes})

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def wait_of(self, worker: SharedGate) -> float:
        """Return for how long a worker is told to wait; 0 if it may go."""
        try:
            worker.before_request()
        except GoProUnavailableError as error:
            return error.retry_after_seconds or -1.0
        return 0.0


@pytest.fixture
def night() -> Iterator[Night]:
    with tracker_table(TABLE) as client:
        yield Night(dynamodb=AtomicDynamoDB(client))


def test_all_workers_together_stay_within_the_minutes_budget(night: Night) -> None:
    night.budget = 30
    workers = [night.worker() for _ in range(40)]

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(night.wait_of, workers))

    assert waits.count(0.0) == 30
    assert {wait for wait in waits if wait} == {59.0}, "until the next minute"
    night.later(59)
    assert night.wait_of(night.worker()) == 0


def test_a_worker_that_takes_many_at_once_asks_the_table_seldom(night: Night) -> None:
    lister = night.worker(taken_at_once=20)

    for _ in range(60):
        lister.before_request()

    assert night.dynamodb.calls == 3 + 1, "one more for the new minute"


def test_the_lister_waits_by_itself_for_the_next_minute_as_long_as_its_patience_lasts(night: Night) -> None:
    night.budget = 20
    lister = night.worker(taken_at_once=20, patience_seconds=100)

    for _ in range(40):
        lister.before_request()

    assert night.slept == [59.0]
    assert night.wait_of(lister) == 60, "its patience is used up"


def test_what_gopro_asks_of_one_worker_holds_for_all(night: Night) -> None:
    night.worker().after_failure(ThrottledError("Too many requests", retry_after_seconds=300), "a")

    assert night.wait_of(night.worker()) == 300
    night.later(100)
    assert night.wait_of(night.worker()) == 200


def test_after_the_pause_one_worker_tries_and_the_others_go_on_when_gopro_answered_it(night: Night) -> None:
    night.worker().after_failure(ThrottledError("Too many requests"), "a")
    night.later(61)
    probe = night.worker()

    assert night.wait_of(probe) == 0
    assert [night.wait_of(night.worker()) > 0 for _ in range(5)] == [True] * 5
    probe.after_answer()
    assert [night.wait_of(night.worker()) for _ in range(5)] == [0.0] * 5


def test_the_one_that_tries_may_do_so_as_often_as_its_patience_lasts(night: Night) -> None:
    night.worker().after_failure(ThrottledError("Too many requests"), "a")
    night.later(61)
    probe = night.worker()

    assert [night.wait_of(probe) for _ in range(3)] == [0.0] * 3, "GoPro's client asks again by itself"
    probe.after_failure(ThrottledError("Too many requests", retry_after_seconds=400), "b")
    assert night.wait_of(night.worker()) == 400


def test_of_many_that_come_at_the_same_moment_exactly_one_tries(night: Night) -> None:
    night.worker().after_failure(ThrottledError("Too many requests"), "a")
    night.later(61)

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(night.wait_of, [night.worker() for _ in range(20)]))

    assert waits.count(0.0) == 1


def test_the_pause_is_doubled_up_to_ten_minutes_while_gopro_does_not_recover(night: Night) -> None:
    night.worker().after_failure(ThrottledError("Too many requests"), "a")
    pauses = []
    for _ in range(5):
        pauses.append(night.wait_of(night.worker()))
        night.later(pauses[-1] + 1)
        probe = night.worker()
        probe.before_request()
        probe.after_failure(NetworkError("GoPro answered with status 503"), "b")

    assert pauses == [60, 120, 240, 480, 600]


def test_a_probe_that_died_is_followed_by_another(night: Night) -> None:
    night.worker().after_failure(ThrottledError("Too many requests"), "a")
    night.later(61)
    night.worker().before_request()

    assert night.wait_of(night.worker()) > 0
    night.later(121)
    assert night.wait_of(night.worker()) == 0


def test_one_video_without_an_answer_stops_nobody_and_two_are_an_outage(night: Night) -> None:
    broken = NetworkError("GoPro answered with status 500")
    for _ in range(4):
        night.worker().after_failure(broken, "a")
    assert night.wait_of(night.worker()) == 0

    night.worker().after_failure(broken, "b")

    assert night.wait_of(night.worker()) == 60


@dataclass(slots=True)
class Neutral:
    """A question that has nothing to do with any video; counts how often it was asked."""

    is_answered: bool = True
    asked: int = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.is_answered


BROKEN = NetworkError("GoPro answered with status 500")
THROTTLED = ThrottledError("Too many requests")


def item(night: Night, media_id: str, *, has_failed_before: bool = False) -> SharedGate:
    """The worker of one video of the run."""
    worker = night.worker(run="run-1")
    worker.speaks_for(media_id, has_failed_before=has_failed_before)
    return worker


def fails(night: Night, media_id: str, error: NetworkError | ThrottledError = BROKEN, **options: Any) -> None:
    """A video asks, and fails in the end."""
    answering = options.pop("is_answering", Neutral())
    worker = item(night, media_id, **options)
    worker.before_request()
    worker.after_failure(error, media_id, is_answering=answering)


def gets_on(night: Night, media_id: str) -> None:
    worker = item(night, media_id)
    worker.before_request()
    worker.after_answer()
    worker.after_success()


def test_a_few_items_that_always_fail_stop_nobody_while_gopro_answers(night: Night) -> None:
    for _ in range(4):
        for media_id in "ab":
            fails(night, media_id)
        night.later(30)
        assert night.wait_of(item(night, "c")) == 0


def test_two_items_are_an_outage_if_gopro_answers_nothing_else_either(night: Night) -> None:
    for media_id in "ab":
        fails(night, media_id, is_answering=Neutral(is_answered=False))

    assert night.wait_of(item(night, "c")) == 60


def test_many_different_items_in_a_row_are_an_outage_whatever_else_is_answered(night: Night) -> None:
    for media_id in "abcde":
        fails(night, media_id)

    assert night.wait_of(item(night, "f")) == 60


def test_an_outage_of_downloads_alone_costs_one_item_a_pause(night: Night) -> None:
    for media_id in "abcde":
        fails(night, media_id)

    pauses = []
    for number in range(5):
        pauses.append(night.wait_of(item(night, "z")))
        night.later(pauses[-1] + 1)
        fails(night, f"probe-{number}")

    assert pauses == [60, 120, 240, 480, 600]


def test_failures_with_successes_between_them_are_no_outage(night: Night) -> None:
    for number in range(30):
        fails(night, f"odd-{number}")
        if number % 4 == 3:
            gets_on(night, f"good-{number}")

    assert night.wait_of(item(night, "f")) == 0


def test_items_that_failed_while_others_got_on_count_no_more(night: Night) -> None:
    for media_id in "abcd":
        fails(night, media_id)
    gets_on(night, "good")
    for media_id in "abcde":
        fails(night, media_id)

    assert night.wait_of(item(night, "f")) == 0


def test_items_that_failed_in_earlier_runs_are_an_outage_only_if_gopro_answers_nothing(night: Night) -> None:
    for media_id in "abcdefgh":
        fails(night, media_id, has_failed_before=True)
    assert night.wait_of(item(night, "z")) == 0

    fails(night, "a", has_failed_before=True, is_answering=Neutral(is_answered=False))
    assert night.wait_of(item(night, "z")) == 60


def throttles_all(night: Night, media_id: str) -> None:
    fails(night, media_id, THROTTLED, is_answering=Neutral(is_answered=False))


def test_one_item_that_is_throttled_stops_nobody_while_gopro_answers(night: Night) -> None:
    for _ in range(5):
        fails(night, "a", THROTTLED)
        night.later(60)
        assert night.wait_of(item(night, "b")) == 0


def gets_no_file(night: Night, media_id: str) -> None:
    """GoPro tells where the file is, and its CDN does not give it."""
    worker = item(night, media_id)
    worker.before_request()
    worker.after_answer()
    worker.after_failure(THROTTLED, media_id, is_answering=Neutral())


def test_what_the_cdn_gives_nobody_is_asked_for_by_one_until_a_file_comes(night: Night) -> None:
    for media_id in "abcde":
        gets_no_file(night, media_id)
    assert night.wait_of(item(night, "f")) == 60
    for number, pause in enumerate((120, 240)):
        night.later(601)
        gets_no_file(night, f"probe-{number}")
        assert night.wait_of(item(night, "f")) == pause, "that GoPro answers says nothing of its CDN"

    night.later(601)
    probe = item(night, "g")
    probe.before_request()
    probe.after_answer()
    assert night.wait_of(item(night, "h")) > 0
    probe.after_success()
    assert night.wait_of(item(night, "h")) == 0


def test_many_different_items_that_are_throttled_in_a_row_stop_all_whatever_else_is_answered(night: Night) -> None:
    for media_id in "abcde":
        assert night.wait_of(item(night, "f")) == 0
        fails(night, media_id, THROTTLED)

    assert night.wait_of(item(night, "f")) == 60


def test_an_item_that_is_throttled_again_after_others_got_on_stops_nobody(night: Night) -> None:
    throttles_all(night, "a")
    assert night.wait_of(item(night, "b")) == 60
    night.later(61)
    gets_on(night, "b")
    night.later(30)

    fails(night, "a", THROTTLED)
    assert night.wait_of(item(night, "c")) == 0
    throttles_all(night, "c")
    assert night.wait_of(item(night, "d")) == 60


@pytest.mark.parametrize("has_failed_before", [True, False])
def test_a_probe_does_not_ride_on_an_item_that_failed_before(night: Night, has_failed_before: bool) -> None:
    throttles_all(night, "a")
    night.later(61)
    failed = item(night, "y" if has_failed_before else "a", has_failed_before=has_failed_before)

    assert night.wait_of(failed) > 0
    assert night.wait_of(item(night, "b")) == 0, "the probe"
    assert night.wait_of(item(night, "c")) > 0


def test_where_there_is_no_other_an_item_that_failed_before_tries(night: Night) -> None:
    throttles_all(night, "a")
    night.later(61)
    wait = night.wait_of(item(night, "a"))
    assert 0 < wait <= 20
    night.later(wait)

    gets_on(night, "a")

    assert night.wait_of(item(night, "b")) == 0


def test_a_probe_that_fails_by_itself_does_not_double_the_pause(night: Night) -> None:
    throttles_all(night, "a")
    night.later(61)

    fails(night, "b")

    assert night.wait_of(item(night, "c")) == 0, "another one tries at once"


def test_what_is_odd_in_one_run_is_none_of_the_next_ones_business(night: Night) -> None:
    throttles_all(night, "a")
    night.later(61)
    gets_on(night, "b")
    worker = night.worker(run="run-2")
    worker.speaks_for("a", has_failed_before=False)

    worker.after_failure(THROTTLED, "a")

    assert night.wait_of(item(night, "c")) == 60


def test_a_neutral_question_is_asked_only_where_it_matters(night: Night) -> None:
    neutral = Neutral()
    fails(night, "a", is_answering=neutral)
    assert neutral.asked == 0
    fails(night, "b", is_answering=neutral)
    assert neutral.asked == 1


def test_a_video_that_got_on_has_got_on_whatever_the_record_is(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(night, "a")
    worker = item(night, "b")
    worker.before_request()

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateItem")

    monkeypatch.setattr(night.dynamodb, "update_item", refuse)
    worker.after_success()


def test_the_record_stays_small(night: Night) -> None:
    for number in range(15):
        for place in range(3):
            fails(night, f"odd-{number}-{place}")
        gets_on(night, "good")

    record = make_dynamodb_client().get_item(TableName=TABLE, Key={"media_id": {"S": GATE_KEY}})["Item"]
    assert len(record["odd_items"]["L"]) == 40


@pytest.mark.parametrize("spoilt", [{"N": "5"}, {"S": "a"}, {"L": [{"N": "5"}, {"NULL": True}]}])
def test_notes_that_somebody_spoilt_count_as_none(night: Night, spoilt: dict[str, Any]) -> None:
    night.put(failed_items=spoilt, odd_items=spoilt, odd_run={"S": "run-1"}, failed_at={"N": "99999999999"})
    fails(night, "a")
    gets_on(night, "b")
    assert night.wait_of(item(night, "c")) == 0


def test_two_failures_far_apart_are_no_outage(night: Night) -> None:
    night.worker().after_failure(NetworkError("GoPro answered with status 500"), "a")
    night.later(600)
    night.worker().after_failure(NetworkError("GoPro answered with status 500"), "b")

    assert night.wait_of(night.worker()) == 0


def test_workers_that_fail_together_make_one_pause_and_not_a_longer_one_each(night: Night) -> None:
    for media_id in "abcdefgh":
        night.worker().after_failure(ThrottledError("Too many requests"), media_id)

    assert night.wait_of(night.worker()) == 60


def test_no_server_stops_a_night_with_one_header(night: Night) -> None:
    night.worker().after_failure(ThrottledError("Too many requests", retry_after_seconds=1e9), "a")

    assert night.wait_of(night.worker()) == 3600


@pytest.mark.parametrize(
    "record",
    [
        {"pause_seconds": {"N": "60"}},
        {"pause_seconds": {"N": "60"}, "paused_until": {"S": "tomorrow"}},
        {"pause_seconds": {"N": "60"}, "paused_until": {"N": "1.5"}},
        {"pause_seconds": {"N": "60"}, "paused_until": {"N": "1E+100"}},
        {"budget_minute": {"S": "now"}, "requests_used": {"N": "1"}},
        {"budget_minute": {"N": "1E+20"}, "requests_used": {"N": "1"}},
        {"budget_minute": {"N": "99999999999"}, "requests_used": {"N": "1"}},
    ],
)
def test_a_record_that_was_changed_by_hand_is_named_with_what_to_do(night: Night, record: dict[str, Any]) -> None:
    night.put(**record)

    with pytest.raises(TrackerError, match="delete it, and it is created again"):
        night.worker().before_request()


def test_the_budget_of_a_worker_whose_clock_is_ahead_is_no_reason_to_stop(night: Night) -> None:
    here = night.now
    night.later(60)
    night.worker().before_request()
    night.now = here + timedelta(seconds=58)
    behind = night.worker(patience_seconds=100)

    behind.before_request()

    assert night.now > here + timedelta(seconds=58), "it waited until it was there too"


@pytest.mark.parametrize("change", [{"paused_until": {"S": "tomorrow"}}, {"pause_seconds": {"S": "many"}}])
def test_trouble_is_noted_in_a_record_that_was_changed_by_hand_or_the_record_is_named(
    night: Night, change: dict[str, Any]
) -> None:
    night.put(**change)

    with pytest.raises(TrackerError, match="delete it, and it is created again"):
        night.worker().after_failure(ThrottledError("Too many requests"), "a")


@pytest.mark.parametrize("failed_at", [{"S": "just now"}, {"N": "1.5"}, None])
def test_a_failure_whose_time_cannot_be_read_is_not_one_of_just_now(
    night: Night, failed_at: dict[str, Any] | None
) -> None:
    night.put(failed_items={"L": [{"S": "a"}]}, **({} if failed_at is None else {"failed_at": failed_at}))

    night.worker().after_failure(NetworkError("GoPro answered with status 500"), "b")

    assert night.wait_of(night.worker()) == 0


def test_a_refusal_of_the_table_is_named(night: Night) -> None:
    class Forbidden:
        def update_item(self, **arguments: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateItem")

    night.dynamodb = cast("AtomicDynamoDB", Forbidden())
    with pytest.raises(AccessDeniedError):
        night.worker().before_request()


@pytest.mark.parametrize("error", [AccessDeniedError("S3 refused PutObject"), ConfigurationError("There is no bucket")])
@pytest.mark.parametrize("later", [0, 61])
def test_what_is_true_of_all_videos_is_met_by_the_other_workers_of_the_run_and_by_nobody_else(
    night: Night, error: AccessDeniedError | ConfigurationError, later: float
) -> None:
    first, second = night.worker(run="run-1"), night.worker(run="run-1")
    first.before_request()

    first.stop_run(error)
    night.later(later)

    for _ in range(2):
        with pytest.raises(type(error), match=error.message):
            second.before_request()
    night.worker().before_request()
    night.worker(run="run-2").before_request()


def test_a_worker_that_met_what_stopped_the_run_does_not_tell_it_again(night: Night) -> None:
    night.worker(run="run-1").stop_run(AccessDeniedError("no"))
    second = night.worker(run="run-1")
    with pytest.raises(AccessDeniedError) as met:
        second.before_request()
    calls = night.dynamodb.calls

    second.stop_run(met.value)

    assert night.dynamodb.calls == calls


def test_a_note_that_somebody_spoilt_still_stops_the_run(night: Night) -> None:
    night.put(stopped_run={"S": "run-1"}, stopped_by={"N": "7"})
    with pytest.raises(ConfigurationError, match="Another video of this run"):
        night.worker(run="run-1").before_request()


def test_a_run_is_stopped_even_when_it_cannot_be_noted(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateItem")

    monkeypatch.setattr(night.dynamodb, "update_item", refuse)
    night.worker(run="run-1").stop_run(AccessDeniedError("no"))
