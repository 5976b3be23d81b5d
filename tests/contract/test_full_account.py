"""Nights in which Lambda has no place for the functions, or does not run them to their end, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from gates.template import state_machine
from gopro_sync.run.notices import notice_of
from gopro_sync.run.platform_faults import FUNCTION_DIED, LAMBDA_NOT_READY
from gopro_sync.run.run_end import read_run_end
from tests.support.state_machine import STARTED_AT, Execution, TaskError, VirtualClock, run, target_of

pytestmark = pytest.mark.slow  # whole nights, in virtual time

BEGAN: Final = datetime.fromisoformat(STARTED_AT)
PLANNED_MINUTES: Final = 110
NO_PLACE: Final = "Lambda.TooManyRequestsException"
DENIED: Final = "Lambda.AccessDeniedException"
# What AWS's model does not have: spelt as some sources spell it, and one that may come.
ODD_WEATHER: Final = ("Lambda.TooManyRequests", "Lambda.ENINotReady", "Lambda.ConcurrentInvocationLimitExceeded")
EVERY_FUNCTION: Final = ("Authenticator", "MediaLister", "VideoDownloader", "Report", "Count")
DOWNLOAD_SECONDS: Final = 20


@dataclass(slots=True, kw_only=True)
class Night:
    """A run among other users of the account; every call that Lambda takes succeeds.

    Attributes:
        media_ids: the new videos.
        error: what Lambda refuses with.
        refused: the functions that it refuses.
        minutes: from when to when, after the run's start.
        hangs: the functions that never answer, in those minutes.
        called: each call, with when it was made.
    """

    media_ids: tuple[str, ...] = ("a", "b", "c")
    error: str = NO_PLACE
    refused: tuple[str, ...] = EVERY_FUNCTION
    minutes: tuple[float, float] = (0, 0)
    hangs: tuple[str, ...] = ()
    times: int | None = None
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(BEGAN))
    called: list[tuple[str, Any]] = field(default_factory=list)

    def run(self) -> Execution:
        return run(state_machine(), {}, self._answer, clock=self.clock)

    def sent_to(self, target: str) -> list[Any]:
        return [arguments for called, arguments in self.called if called == target]

    def notices(self) -> list[str]:
        return [json.loads(sent["Message"])["default"] for sent in self.sent_to("publish")]

    @property
    def minutes_gone(self) -> float:
        return (self.clock.now - BEGAN) / timedelta(minutes=1)

    def _answer(self, task_resource: str, arguments: Any) -> Any:
        target = target_of(task_resource, arguments)
        self.called.append((target, arguments))
        if self.minutes[0] <= self.minutes_gone < self.minutes[1]:
            self._refuse(target)
        match target:
            case "MediaLister":
                return {"Payload": self._listing()}
            case "VideoDownloader":
                return {"Payload": self._download(arguments["Payload"])}
            case "getObject":
                return [
                    {"media_id": media_id, "filename": "a.MP4", "s3_key": "gopro-videos/a.MP4", "retry_count": 0}
                    for media_id in self.media_ids
                ]
            case "Report":
                return {"Payload": self._report(arguments["Payload"])}
            case _:
                return {"Payload": {}}

    def _refuse(self, target: str) -> None:
        if target in self.hangs:
            self.clock.pass_by(24 * 3600)
        if target in self.refused and self.times != 0:
            self.times = None if self.times is None else self.times - 1
            raise TaskError(self.error, "Rate Exceeded. (Service: Lambda, Status Code: 429)")

    def _listing(self) -> dict[str, Any]:
        deadline = BEGAN + timedelta(minutes=PLANNED_MINUTES)
        counts = dict.fromkeys(("already_synced", "remaining", "postponed", "filtered", "unavailable"), 0)
        return {
            "manifest": {"bucket": "archive", "key": "runs/night/manifest.json"},
            "run_deadline": deadline.isoformat().replace("+00:00", "Z"),
            "total_found": len(self.media_ids),
            "new_count": len(self.media_ids),
            **counts,
            "skipped": {},
            "unavailable_videos": [],
        }

    def _download(self, event: dict[str, Any]) -> dict[str, Any]:
        if datetime.fromisoformat(event["run_deadline"]) - self.clock.now < timedelta(seconds=45):
            return {"status": "DEFERRED", "bytes_transferred": 0, "bytes_sent": 0, "transfer_duration_seconds": 0}
        self.clock.pass_by(DOWNLOAD_SECONDS)
        return {
            "status": "COMPLETED",
            "bytes_transferred": 5,
            "bytes_sent": 5,
            "transfer_duration_seconds": DOWNLOAD_SECONDS,
        }

    def _report(self, event: dict[str, Any]) -> dict[str, Any]:
        end = read_run_end(event, execution_id=event["execution_id"], now=self.clock.now)
        failure = end.failure
        notice = notice_of(end.summary, failure, environment="prod", tracker_table_name="tracker", backlog=end.backlog)
        return {
            "summary": end.summary,
            "notice": notice and asdict(notice),
            "failure": failure and asdict(failure),
        }


def assert_no_video_is_blamed(night: Night) -> None:
    keys = [update["Key"]["media_id"]["S"] for update in night.sent_to("updateItem")]
    assert not [key for key in keys if not key.startswith("#")], "no attempt is counted"
    assert not night.sent_to("sendMessage"), "no video is a dead letter"


@pytest.mark.parametrize("minutes", [5, 15, 60])
@pytest.mark.parametrize("began", [0, 0.4])
def test_an_account_that_is_full_for_a_while_costs_that_time_and_nothing_else(minutes: float, began: float) -> None:
    night = Night(media_ids=tuple(f"id-{number}" for number in range(10)), minutes=(began, began + minutes))

    execution = night.run()

    assert (execution.status, execution.output["status"]) == ("SUCCEEDED", "SUCCEEDED")
    assert (execution.output["synced"], execution.output["deferred"]) == (10, 0)
    assert_no_video_is_blamed(night)
    assert not night.notices()
    # The last try may have come just too early; then come the ten videos, five at a time.
    assert night.minutes_gone < began + minutes + 3 + 10 / 5 * DOWNLOAD_SECONDS / 60 + 1


@pytest.mark.parametrize("error", [*sorted(LAMBDA_NOT_READY), *ODD_WEATHER])
def test_whatever_lambda_calls_it_fifteen_minutes_of_it_fail_nothing(error: str) -> None:
    for began in (0, 0.2):
        night = Night(error=error, minutes=(began, began + 15))
        assert night.run().output["synced"] == 3
        assert_no_video_is_blamed(night)
        assert not night.notices()


def test_videos_for_which_there_is_no_place_until_the_run_ends_are_left_to_the_next_run() -> None:
    night = Night(media_ids=tuple("abcdefgh"), refused=("VideoDownloader",), minutes=(0.2, 130))

    execution = night.run()

    assert execution.output["synced"] == 5, "five came before it"
    assert (execution.output["deferred"], execution.output["failed"]) == (3, 0)
    assert (execution.status, execution.output["status"]) == ("SUCCEEDED", "SUCCEEDED")
    assert_no_video_is_blamed(night)
    assert PLANNED_MINUTES - 2 < night.minutes_gone < PLANNED_MINUTES + 2


def test_a_night_without_a_place_for_any_video_fails_the_run_with_this_reason_and_one_notice() -> None:
    night = Night(refused=("VideoDownloader",), minutes=(0, 130))

    execution = night.run()

    assert (execution.status, execution.error) == ("FAILED", NO_PLACE)
    assert_no_video_is_blamed(night)
    (reported,) = night.notices()
    assert "AWS Lambda had no free capacity for the function for as long as the run could wait" in reported
    assert "0 archived, 0 failed, 3 left for the next run" in reported
    assert not night.sent_to("Authenticator")[1:], "the session is not the trouble"


def test_however_many_videos_find_no_place_the_run_ends_in_its_time() -> None:
    night = Night(media_ids=tuple(f"id-{number}" for number in range(30)), refused=("VideoDownloader",))
    night.minutes = (0, 130)

    execution = night.run()

    assert (execution.status, execution.error) == ("FAILED", NO_PLACE)
    assert night.minutes_gone < PLANNED_MINUTES + 3, "those that have not begun do not begin to wait"
    assert "0 archived, 0 failed, 30 left for the next run" in night.notices()[0]


@pytest.mark.parametrize("target", ["Authenticator", "MediaLister"])
def test_a_run_that_could_not_begin_ends_as_failed_with_this_reason_and_one_notice(target: str) -> None:
    night = Night(refused=(target,), minutes=(0, 130))

    execution = night.run()

    assert (execution.status, execution.error) == ("FAILED", NO_PLACE)
    assert night.minutes_gone > 60, "it waited for as long as it could"
    (reported,) = night.notices()
    assert "AWS Lambda had no free capacity for the function for as long as the run could wait" in reported
    assert "credential" not in reported
    (report,) = night.sent_to("Report")
    assert not read_run_end(report["Payload"], execution_id="night", now=night.clock.now).lost_session
    assert not night.sent_to("VideoDownloader")
    assert_no_video_is_blamed(night)


def test_a_night_without_a_place_for_anything_is_reported_by_the_state_machine_itself() -> None:
    night = Night(minutes=(0, 200))

    execution = night.run()

    assert (execution.status, execution.error) == ("FAILED", NO_PLACE)
    assert night.minutes_gone < 120
    (reported,) = night.notices()
    assert reported.startswith(f"{NO_PLACE}. No report: {NO_PLACE}. AWS Lambda did not run the function for it until")
    assert_no_video_is_blamed(night)


def test_what_no_waiting_mends_is_not_told_as_a_full_account() -> None:
    night = Night(error=DENIED, minutes=(0, 200))

    execution = night.run()

    assert (execution.status, execution.error) == ("FAILED", DENIED)
    assert night.minutes_gone < 10, "nothing waits for a person"
    (reported,) = night.notices()
    assert reported.startswith(f"{DENIED}. No report: {DENIED}. AWS Lambda could not run the function for it")
    assert "docs/troubleshooting.md" in reported
    assert "resumes" not in reported, "nor does the next run get any further"


def test_a_report_waits_for_its_place() -> None:
    night = Night(refused=("Report",), minutes=(0, 60))

    execution = night.run()

    assert (execution.status, execution.output["synced"]) == ("SUCCEEDED", 3)
    assert 60 <= night.minutes_gone < 62


def test_a_report_for_which_there_is_no_place_to_the_end_does_not_cost_the_run_its_success() -> None:
    night = Night(refused=("Report", "Count"), minutes=(0, 200))

    execution = night.run()

    assert (execution.status, execution.output["synced"]) == ("SUCCEEDED", 3)
    assert night.minutes_gone < 120


@pytest.mark.parametrize("target", EVERY_FUNCTION[:4])
def test_what_a_person_has_to_mend_is_not_waited_for(target: str) -> None:
    night = Night(error=DENIED, refused=(target,), minutes=(0, 200))

    execution = night.run()

    assert night.minutes_gone < 5
    assert_no_video_is_blamed(night)
    assert (execution.error == DENIED) is (target != "Report")


@pytest.mark.parametrize("target", EVERY_FUNCTION[:4])
@pytest.mark.parametrize("error", [*sorted(FUNCTION_DIED), "States.TaskFailed", "States.NewName", "Weather.Unknown"])
def test_a_function_s_death_whatever_its_name_is_tried_once_more(target: str, error: str) -> None:
    once = Night(error=error, refused=(target,), minutes=(0, 200), times=1)
    twice = Night(media_ids=("a",), error=error, refused=(target,), minutes=(0, 200), times=2)

    assert once.run().output["synced"] == 3
    assert_no_video_is_blamed(once)
    assert not once.notices()
    ended = twice.run()
    assert len(twice.sent_to(target)) == 2
    assert (ended.status == "FAILED") is (target in {"Authenticator", "MediaLister"})


def test_a_video_whose_function_dies_again_has_failed_and_people_are_reported_of_what() -> None:
    night = Night(media_ids=("a",), error="Runtime.OutOfMemory", refused=("VideoDownloader",), minutes=(0, 200))

    assert night.run().output["failures"] == {"Runtime.OutOfMemory": 1}
    (reported,) = night.notices()
    assert "The function ran out of memory. Raise its MemoryMegabytes in template.yaml" in reported
    assert len(night.sent_to("sendMessage")) == 1


@dataclass(slots=True, kw_only=True)
class Playing(Night):
    """A night whose downloads the test plays."""

    media_ids: tuple[str, ...] = ("a",)
    download: Callable[[VirtualClock], str]

    def _download(self, event: dict[str, Any]) -> dict[str, Any]:
        return {
            "status": self.download(self.clock),
            "bytes_transferred": 5,
            "bytes_sent": 5,
            "transfer_duration_seconds": 1,
        }


def test_each_invocation_of_a_long_video_may_die_once() -> None:
    answers = iter(["", "IN_PROGRESS", "", "IN_PROGRESS", "", "COMPLETED"])

    def download(clock: VirtualClock) -> str:
        answer = next(answers)
        if not answer:
            raise TaskError("Sandbox.Timedout")
        return answer

    assert Playing(download=download).run().output["synced"] == 1


@pytest.mark.parametrize("began", [0, 90, 105, 109, 110])
def test_a_downloader_that_never_answers_does_not_outlast_the_run(began: float) -> None:
    def download(clock: VirtualClock) -> str:
        clock.pass_by(60 if clock.now < BEGAN + timedelta(minutes=began) else 24 * 3600)
        return "IN_PROGRESS"

    night = Playing(download=download)

    execution = night.run()

    assert execution.status != "TIMED_OUT"
    assert night.minutes_gone < 112
    assert execution.output["failed"] == (1 if began < 100 else 0), "the time was up before it had its second try"


def test_a_renewal_for_which_there_is_no_place_is_made_later_and_uses_up_none() -> None:
    def download(clock: VirtualClock) -> str:
        clock.pass_by(1)
        if clock.now < BEGAN + timedelta(minutes=15):
            raise TaskError.of_function("SessionRefusedError", "GoPro does not accept the session")
        return "COMPLETED"

    night = Playing(download=download, refused=("Authenticator",), minutes=(0.001, 15))

    assert night.run().output["synced"] == 1
    assert len(night.sent_to("Authenticator")) > 10
    assert_no_video_is_blamed(night)
