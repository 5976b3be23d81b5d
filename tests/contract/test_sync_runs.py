"""Whole runs of the state machine; the test plays the functions and services, and nothing waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

import pytest

from gates.template import Stack, state_machine
from gopro_sync.errors import MAY_LAST_FOR_MONTHS
from gopro_sync.run.never_archived import NOTHING_TO_TELL, NeverArchived
from gopro_sync.run.notices import failure_of, notice_of
from gopro_sync.run.run_end import read_run_end
from tests.support.state_machine import (
    ENTERED_AT,
    EXECUTION_ARN,
    STATE_SIZE_LIMIT_BYTES,
    Execution,
    TaskError,
    run,
    target_of,
)

RUN_DEADLINE: Final = "2026-03-01T03:55:00Z"
FAKE_TOKEN: Final = "fake-session-token"
LONGEST_ERROR_NAME: Final = "LibraryIncompleteError"
SIZE_BYTES: Final = 524_288_000

type Download = Callable[[dict[str, Any]], dict[str, Any]]


def archived(event: dict[str, Any]) -> dict[str, Any]:
    return answer("COMPLETED", SIZE_BYTES)


def answer(status: str, bytes_transferred: int = 0, bytes_sent: int = 0, **more: Any) -> dict[str, Any]:
    reported = {"bytes_transferred": bytes_transferred, "bytes_sent": bytes_sent, "transfer_duration_seconds": 2.5}
    return {"status": status, **reported, **more}


def failing_with(error: str, message: str = "It failed. Do something.") -> Download:
    def download(event: dict[str, Any]) -> dict[str, Any]:
        raise TaskError.of_function(error, message)

    return download


@dataclass(slots=True, kw_only=True)
class Cloud:
    """GoPro, the three functions and the services, as a run meets them."""

    media_ids: tuple[str, ...] = ()
    downloads: dict[str, Download] = field(default_factory=dict)
    """By media id; a video that is not named is archived at the first attempt."""
    already_synced: int = 0
    remaining: int = 0
    leased: int | None = 0
    """How many of the remaining another run is at work on; None as the function answered before it said so."""
    retry_count: int = 0
    failing: dict[str, TaskError] = field(default_factory=dict)
    """By the last part of the resource or the function's logical id: what it fails with, always."""
    failing_once: dict[str, TaskError] = field(default_factory=dict)
    """The same, but only the first time."""
    lost: tuple[str, ...] = ()
    """Media ids whose downloader gives an answer that nobody knows."""

    renewal_fails_with: TaskError | None = None
    unavailable: tuple[str, ...] = ()
    """Ids that the run was asked for and that the library does not know."""
    listing_gap: dict[str, Any] | None = None
    unrecordable: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    """Those of the media ids that were archived before."""
    never_archived: NeverArchived = NOTHING_TO_TELL
    found_without_record: int = 0
    """Ids whose record the table does not take."""
    would_do: dict[str, Any] | None = None
    """What the lister answers a dry run."""
    report_adds: dict[str, Any] = field(default_factory=lambda: {"videos_pending": 3})
    environment: str = "prod"
    kept: list[dict[str, Any]] = field(default_factory=list)
    """The summaries that were reported."""
    reports_as_before: bool = False
    """As the function did when it wrote no notices."""
    listings_refused: int = 0
    """How many listings GoPro refuses before it accepts the session."""
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def run(self, run_input: Any = None) -> Execution:
        return run(state_machine(self.environment), {} if run_input is None else run_input, self._answer)

    def sent_to(self, target: str) -> list[Any]:
        return [arguments for called, arguments in self.calls if called == target]

    def mails(self) -> list[dict[str, str]]:
        """Return what was published, as SNS sends it by e-mail: of a message in several forms, the default one."""
        return [{**sent, "Message": json.loads(sent["Message"])["default"]} for sent in self.sent_to("publish")]

    def _answer(self, task_resource: str, arguments: Any) -> Any:
        target = target_of(task_resource, arguments)
        self.calls.append((target, arguments))
        self._fail(target)
        match target:
            case "Authenticator":
                if self.renewal_fails_with and arguments["Payload"]["action"] == "renew_session":
                    raise self.renewal_fails_with
                # A slip of the authenticator must not travel on: the state machine does not look at its answer.
                return {"Payload": {"statusCode": 200, "auth_token": FAKE_TOKEN}}
            case "MediaLister" if len(self.sent_to("MediaLister")) <= self.listings_refused:
                raise TaskError.of_function("SessionRefusedError", "GoPro does not accept it")
            case "MediaLister":
                return {"Payload": self._listing()}
            case "Report":
                return {"Payload": self._report(arguments["Payload"])}
            case "getObject":
                return [self._manifest_item(media_id) for media_id in self.media_ids]
            case "VideoDownloader":
                return {"Payload": self._download(arguments["Payload"])}
            case _:
                return {}

    def _fail(self, target: str) -> None:
        if target in self.failing:
            raise self.failing[target]
        if target in self.failing_once:
            raise self.failing_once.pop(target)

    def _listing(self) -> dict[str, Any]:
        manifest = {"bucket": "archive", "key": "runs/night/manifest.json"} if self.media_ids else None
        return {
            "statusCode": 200,
            "manifest": manifest,
            "run_deadline": RUN_DEADLINE,
            "total_found": len(self.media_ids) + self.already_synced + self.remaining,
            "new_count": len(self.media_ids),
            "already_synced": self.already_synced,
            "remaining": self.remaining,
            **({} if self.leased is None else {"held_by_another_run": self.leased}),
            "postponed": 3,
            "filtered": 1,
            "skipped": {"photo": 2},
            "listing_gap": self.listing_gap,
            "unrecorded": 0,
            "unrecordable": len(self.unrecordable),
            "unrecordable_videos": [
                {"media_id": media_id, "reason": "ValidationError"} for media_id in self.unrecordable
            ],
            "reopened": len(self.reopened),
            "reopened_videos": [{"media_id": media_id, "reason": "GoPro lists 3"} for media_id in self.reopened],
            "found_without_record": self.found_without_record,
            **self.never_archived.in_summary(),
            "unavailable": len(self.unavailable),
            "unavailable_videos": [{"media_id": media_id, "reason": "not_in_library"} for media_id in self.unavailable],
            **({} if self.would_do is None else {"dry_run": self.would_do}),
        }

    def _report(self, event: dict[str, Any]) -> dict[str, Any]:
        """Tell what the report tells, without the table and S3."""
        end = read_run_end(event, execution_id=event["execution_id"], now=datetime.fromisoformat(ENTERED_AT))
        summary = {**end.summary, **self.report_adds}
        self.kept.append(summary)
        if self.reports_as_before:
            return {"statusCode": 200, "summary": summary}
        failure = failure_of(summary, end.reason)
        notice = notice_of(
            summary,
            failure,
            environment=self.environment,
            tracker_table_name="gopro-sync-tracker",
            backlog=end.backlog,
        )
        return {
            "statusCode": 200,
            "summary": summary,
            "notice": notice and asdict(notice),
            "failure": failure and asdict(failure),
        }

    def _manifest_item(self, media_id: str) -> dict[str, Any]:
        return {
            "media_id": media_id,
            "filename": f"{media_id}.MP4",
            "download_url": f"https://api.gopro.com/media/{media_id}/download",
            "file_size": SIZE_BYTES,
            "upload_date": "2026-02-28T14:23:45Z",
            "duration": None,
            "captured_at": None,
            "item_count": 1,
            "retry_count": self.retry_count,
            "s3_key": f"gopro-videos/2026/02/{media_id}.MP4",
        }

    def _download(self, event: dict[str, Any]) -> dict[str, Any]:
        if event["media_id"] in self.lost:
            return answer("GONE")
        return self.downloads.get(event["media_id"], archived)(event)


@pytest.mark.parametrize(
    "run_input",
    [
        {},
        {"max_videos": 7, "filters": {"media_types": ["Video"]}, "redrive": True},
        {"dryrun": True},
        [],
        [{"dry_run": True}],
        [{}, {}],
        "dry_run",
        5,
        True,
        None,
    ],
    ids=str,
)
def test_what_a_run_is_asked_for_reaches_the_lister_as_it_was_given_and_is_checked_there(run_input: Any) -> None:
    refusal = TaskError.of_function("InvalidEventError", "There are unknown fields")
    cloud = Cloud(failing={"MediaLister": refusal})

    execution = run(state_machine(), run_input, cloud._answer)

    (call,) = cloud.sent_to("MediaLister")
    assert call["Payload"] == {
        "execution_id": EXECUTION_ARN,
        "run_started_at": "2026-03-01T02:00:00.000Z",
        "run_input": run_input,
    }
    assert (execution.status, execution.error, execution.cause) == (
        "FAILED",
        "InvalidEventError",
        "There are unknown fields",
    )
    assert not cloud.sent_to("VideoDownloader")


@pytest.mark.parametrize("dry", [False, True])
def test_ids_that_cannot_be_had_are_named_in_the_result(dry: bool) -> None:
    cloud = Cloud(unavailable=("x",), would_do={"videos": 0} if dry else None)
    output = cloud.run({"filters": {"media_ids": ["x"]}}).output
    assert output["unavailable"] == 1
    assert output["unavailable_videos"] == [{"media_id": "x", "reason": "not_in_library"}]


def test_a_dry_run_says_what_would_happen_and_changes_nothing() -> None:
    cloud = Cloud(media_ids=("a", "b"), would_do={"videos": 2, "bytes": 7})

    output = cloud.run({"dry_run": True}).output

    assert output | {"status": "DRY_RUN", "videos": 2, "bytes": 7, "already_synced": 0, "postponed": 3} == output
    assert {target for target, _ in cloud.calls} == {"Authenticator", "MediaLister"}


def test_all_new_videos_are_archived_and_the_run_says_so() -> None:
    cloud = Cloud(media_ids=("a", "b", "c"), already_synced=4)

    execution = cloud.run()

    assert execution.status == "SUCCEEDED"
    assert execution.output == {
        "execution_id": EXECUTION_ARN,
        "status": "SUCCEEDED",
        "stopped_by": None,
        "stopped_because": None,
        "started_at": "2026-03-01T02:00:00.000Z",
        "duration_seconds": 630,
        "total_found": 7,
        "already_synced": 4,
        "archived_by_another_run": 0,
        "new_count": 3,
        "synced": 3,
        "failed": 0,
        "deferred": 0,
        "held_by_another_run": 0,
        "postponed": 3,
        "filtered": 1,
        "bytes_transferred": 3 * SIZE_BYTES,
        "bytes_unfinished": 0,
        "downloader_seconds": 7.5,
        "failures": {},
        "failed_videos": [],
        "skipped": {"photo": 2},
        "listing_gap": None,
        "unrecorded": 0,
        "unrecordable": 0,
        "unrecordable_videos": [],
        "reopened": 0,
        "reopened_videos": [],
        "found_without_record": 0,
        "gone": 0,
        "gone_videos": [],
        "waiting_in_vain": 0,
        "waiting_in_vain_videos": [],
        "unavailable": 0,
        "unavailable_videos": [],
        "videos_pending": 3,
    }
    assert not cloud.sent_to("publish")


@pytest.mark.parametrize("others", [(), ("a",)])
def test_a_video_that_the_table_does_not_take_fails_no_run_and_is_reported(others: tuple[str, ...]) -> None:
    cloud = Cloud(media_ids=others, unrecordable=("odd",))

    execution = cloud.run()

    assert (execution.status, execution.output["synced"]) == ("SUCCEEDED", len(others))
    assert execution.output["unrecordable_videos"] == [{"media_id": "odd", "reason": "ValidationError"}]
    (mail,) = cloud.mails()
    assert mail["Subject"] == "GoPro Sync Videos Left Out (prod): 1 video"
    assert "  odd: ValidationError" in mail["Message"]


def test_re_opened_videos_are_counted_in_the_result_and_named_where_there_is_a_notice() -> None:
    well = Cloud(media_ids=("a", "b"), reopened=("a",))
    assert (well.run().output["reopened"], well.mails()) == (1, [])

    failing = Cloud(media_ids=("a", "b"), reopened=("a",), downloads={"b": failing_with("SourceMissingError")})
    failing.run()
    (mail,) = failing.mails()
    assert (
        "1 video was re-opened because GoPro now shows more of it; what is archived is left untouched"
        in mail["Message"]
    )
    assert "  a: GoPro lists 3\n" in mail["Message"]


@pytest.mark.parametrize("media_ids", [(), ("a", "b")])
def test_what_will_never_be_archived_is_reported_by_a_run_that_succeeds(media_ids: tuple[str, ...]) -> None:
    cloud = Cloud(
        media_ids=media_ids,
        never_archived=NeverArchived(gone={"m8": "GX010008.MP4"}, waiting_in_vain={"m9": "Hologram"}),
    )
    assert cloud.run().output["status"] == "SUCCEEDED"
    (mail,) = cloud.mails()
    assert mail["Subject"] == "GoPro Sync Videos Gone (prod): 1 video"
    assert "  m8: GX010008.MP4\n" in mail["Message"]
    assert "  m9: type Hologram\n" in mail["Message"]


GAP: Final[dict[str, Any]] = {"stated": 8, "shown": 7, "refused_from": None}


@pytest.mark.parametrize("media_ids", [(), ("a", "b")])
@pytest.mark.parametrize("is_news", [True, False])
def test_a_listing_that_lacks_items_ends_a_run_as_partial_and_is_reported_while_it_is_news(
    media_ids: tuple[str, ...], *, is_news: bool
) -> None:
    gap = {**GAP, "is_news": is_news}
    cloud = Cloud(media_ids=media_ids, listing_gap=GAP, report_adds={"listing_gap": gap})

    execution = cloud.run()

    assert (execution.status, execution.output["status"]) == ("SUCCEEDED", "PARTIAL_FAILURE")
    assert (execution.output["synced"], execution.output["listing_gap"]) == (len(media_ids), gap)
    subjects = [mail["Subject"] for mail in cloud.mails()]
    assert subjects == (["GoPro Sync Listing Incomplete (prod): GoPro counts 8, showed 7"] if is_news else [])


def test_a_dry_run_says_what_the_listing_lacks() -> None:
    assert Cloud(listing_gap=GAP, would_do={"videos": 0}).run({"dry_run": True}).output["listing_gap"] == GAP


def test_a_run_that_finds_objects_without_records_names_the_command_that_writes_them() -> None:
    cloud = Cloud(media_ids=("a",), found_without_record=1)

    execution = cloud.run()

    assert (execution.status, execution.output["found_without_record"]) == ("SUCCEEDED", 1)
    (mail,) = cloud.mails()
    assert mail["Subject"] == "GoPro Sync Records Missing (prod): run ./gopro-sync rebuild"
    assert "./gopro-sync rebuild" in mail["Message"]


def test_a_run_that_decides_that_etags_prove_nothing_says_so_once_and_succeeds() -> None:
    cloud = Cloud(media_ids=("a",), report_adds={"videos_pending": 0, "source_etags_decided": True})

    execution = cloud.run()

    assert execution.status == "SUCCEEDED"
    (mail,) = cloud.mails()
    assert mail["Subject"] == "GoPro Sync Note (prod): GoPro's ETags prove nothing here"
    assert "Nothing is wrong" in mail["Message"]


def test_a_run_without_new_videos_gives_the_same_summary_with_zeros() -> None:
    busy, idle = Cloud(media_ids=("a",)), Cloud(already_synced=9)

    execution = idle.run()

    assert execution.status == "SUCCEEDED"
    assert "NoNewVideos" in execution.visited
    assert execution.output.keys() == busy.run().output.keys()
    assert {execution.output[name] for name in ("new_count", "synced", "failed", "deferred", "bytes_transferred")} == {
        0
    }
    assert execution.output["already_synced"] == 9
    assert not idle.sent_to("VideoDownloader")


def test_one_new_video_is_counted_as_one() -> None:
    # JSONata unwraps a list of one element: counts and sums must not stumble over it.
    output = Cloud(media_ids=("a",), downloads={"a": failing_with("MediaGoneError")}).run().output

    assert (output["synced"], output["failed"]) == (0, 1)
    assert output["failures"] == {"MediaGoneError": 1}
    assert output["failed_videos"] == [{"media_id": "a", "error": "MediaGoneError"}]


def test_the_downloader_gets_the_manifest_item_and_what_belongs_to_the_run() -> None:
    cloud = Cloud(media_ids=("a",))
    cloud.run()

    (call,) = cloud.sent_to("VideoDownloader")
    assert call["Payload"] == Cloud()._manifest_item("a") | {
        "execution_id": EXECUTION_ARN,
        "run_deadline": RUN_DEADLINE,
        "seconds_before": 0,
        "tries_before": 0,
        "s3_bucket": Stack().name_of("ArchiveBucket"),
    }


def test_a_video_that_needs_more_time_is_called_again_until_it_is_done() -> None:
    answers = iter(
        [
            answer("IN_PROGRESS", bytes_sent=1),
            answer("IN_PROGRESS", bytes_sent=2),
            answer("COMPLETED", SIZE_BYTES, bytes_sent=SIZE_BYTES - 3),
        ]
    )
    cloud = Cloud(media_ids=("a",), downloads={"a": lambda event: next(answers)})

    output = cloud.run().output

    calls = cloud.sent_to("VideoDownloader")
    assert [call["Payload"]["seconds_before"] for call in calls] == [0, 2.5, 5]
    assert (output["synced"], output["bytes_transferred"]) == (1, SIZE_BYTES)
    assert output["downloader_seconds"] == 7.5


def test_videos_that_do_not_fit_into_the_run_are_deferred_and_not_failed() -> None:
    cloud = Cloud(media_ids=("a", "b"), remaining=5, downloads={"b": lambda event: answer("DEFERRED")})

    output = cloud.run().output

    assert output["status"] == "SUCCEEDED"
    assert (output["synced"], output["failed"], output["deferred"]) == (1, 0, 6)


def by_another_run(status: str) -> Download:
    return lambda _event: answer(status, by_another_run=True)


def test_the_figures_of_two_runs_at_once_add_up() -> None:
    """Both have found seven videos; the second comes to each of them while, or after, the first has it."""
    videos = tuple("abcdefg")
    first = Cloud(media_ids=videos, downloads={"g": by_another_run("COMPLETED")})
    second = Cloud(
        media_ids=videos[2:],
        remaining=2,
        leased=2,
        downloads={
            **dict.fromkeys("cd", by_another_run("COMPLETED")),
            **dict.fromkeys("ef", by_another_run("DEFERRED")),
        },
    )

    outputs = [cloud.run().output for cloud in (first, second)]

    for output in outputs:
        each = ("already_synced", "synced", "failed", "deferred", "unrecordable")  # postponed and filtered: see Cloud
        assert sum(output[name] for name in each) == output["total_found"] == 7
        assert output["new_count"] == output["synced"] + output["failed"] + max(0, output["deferred"] - 2)
        assert output["status"] == "SUCCEEDED"
    assert [output["synced"] for output in outputs] == [6, 1]
    assert [output["archived_by_another_run"] for output in outputs] == [1, 2]
    assert [output["held_by_another_run"] for output in outputs] == [0, 4]


def test_what_another_run_is_at_work_on_is_no_backlog_that_stops() -> None:
    cloud = Cloud(media_ids=("a",), remaining=5, leased=5, downloads={"a": by_another_run("DEFERRED")})

    output = cloud.run(LINK).output

    assert (output["deferred"], output["held_by_another_run"]) == (6, 6)
    assert not cloud.sent_to("publish")
    assert not cloud.sent_to("startExecution")


@pytest.mark.parametrize(("remaining", "starts"), [(2, 0), (3, 1)])
def test_only_what_no_other_run_holds_makes_a_run_start_the_next(remaining: int, starts: int) -> None:
    cloud = Cloud(media_ids=("a", "b"), remaining=remaining, leased=2, downloads={"b": by_another_run("DEFERRED")})

    output = cloud.run().output

    assert (output["synced"], output["held_by_another_run"]) == (1, 3)
    assert len(cloud.sent_to("startExecution")) == starts
    assert not cloud.sent_to("publish")


def test_a_run_that_only_found_what_another_had_archived_goes_on_with_the_rest() -> None:
    cloud = Cloud(media_ids=("a",), remaining=5, downloads={"a": by_another_run("COMPLETED")})

    cloud.run()

    assert cloud.sent_to("startExecution")
    assert not cloud.sent_to("publish")


def test_a_lister_and_a_downloader_of_the_version_before_are_understood() -> None:
    cloud = Cloud(media_ids=("a", "b"), leased=None, downloads={"b": lambda _event: answer("DEFERRED")})

    output = cloud.run().output

    assert (output["synced"], output["deferred"], output["held_by_another_run"]) == (1, 1, 0)


def test_a_video_waits_without_a_function_while_gopro_is_left_alone() -> None:
    answers = iter([answer("WAITING", wait_seconds=70), answer("WAITING", wait_seconds=65), archived({})])
    cloud = Cloud(media_ids=("a",), downloads={"a": lambda event: next(answers)})

    execution = cloud.run()

    assert execution.pauses == [70, 65]
    assert execution.output["status"] == "SUCCEEDED"
    assert not execution.waits, "a pause uses up no attempt"


def test_a_run_that_gopro_never_answered_has_failed_and_no_video_is_blamed() -> None:
    cloud = Cloud(media_ids=("a", "b"), downloads={"b": failing_with("GoProUnavailableError")})

    execution = cloud.run()

    assert (execution.status, execution.error) == ("FAILED", "GoProUnavailableError")
    assert not execution.waits
    assert not cloud.sent_to("updateItem")
    assert renewals(cloud) == 0, "the session is not the trouble"
    (notice,) = cloud.mails()
    assert "1 archived, 0 failed, 1 left" in notice["Message"]


def test_the_summary_of_a_run_is_reported_and_what_the_report_adds_is_in_the_output() -> None:
    cloud = Cloud(media_ids=("a",))

    output = cloud.run().output

    (call,) = cloud.sent_to("Report")
    assert call["Payload"]["execution_id"] == EXECUTION_ARN
    assert {**call["Payload"]["summary"], "videos_pending": 3} == output


def test_a_run_that_fails_before_it_has_counts_is_reported_too() -> None:
    cloud = Cloud(failing={"MediaLister": TaskError.of_function("AccessDeniedError", "No. Look.")})

    cloud.run()

    (summary,) = cloud.kept
    assert (summary["status"], summary["stopped_by"], summary["message"]) == (
        "FAILED",
        "AccessDeniedError",
        "No. Look.",
    )


@pytest.mark.parametrize("media_ids", [("a",), ()])
def test_a_report_that_cannot_be_made_changes_nothing_else(media_ids: tuple[str, ...]) -> None:
    broken = {"Report": TaskError.of_function("StorageError", "S3 is down")}

    execution = Cloud(media_ids=media_ids, failing=broken).run()

    assert execution.status == "SUCCEEDED"
    assert execution.output["synced"] == len(media_ids)


def test_a_failed_run_sends_its_notice_even_when_it_cannot_be_reported() -> None:
    down = TaskError.of_function("ConfigurationError", "A variable is missing")
    cloud = Cloud(failing={"MediaLister": down, "Report": down})

    assert cloud.run().error == "ConfigurationError"
    (notice,) = cloud.mails()
    assert notice["Subject"] == "GoPro Sync FAILED (prod)"
    reported = "ConfigurationError: A variable is missing. No report: ConfigurationError."
    assert notice["Message"] == f"{reported} {EXECUTION_ARN}"


def test_what_to_do_about_the_key_is_reported_even_when_the_run_cannot_be_reported() -> None:
    stated = (
        'Secrets Manager cannot use the stack\'s key: enable it in KMS, or cancel its deletion. Then start "again".'
    )
    key = TaskError.of_function("ConfigurationError", stated)
    cloud = Cloud(failing={"Authenticator": key, "Report": TaskError.of_function("TrackerError", "DynamoDB is down")})

    assert cloud.run().error == "ConfigurationError"
    (notice,) = cloud.mails()
    assert notice["Message"].startswith(
        "ConfigurationError: Secrets Manager cannot use the stack's key: enable it in KMS, or cancel its deletion. Then"
    )
    assert notice["Message"].endswith(f"No report: TrackerError. {EXECUTION_ARN}")


@pytest.mark.parametrize(
    ("error", "subject", "message"),
    [
        (
            "MediaGoneError",
            "GoPro Sync PARTIAL_FAILURE (prod)",
            "1 archived, 1 failed, 0 left. No report: TrackerError.",
        ),
        (
            "GoProUnavailableError",
            "GoPro Sync FAILED (prod)",
            "GoProUnavailableError. 1 archived, 0 failed, 1 left. No report: TrackerError.",
        ),
    ],
)
def test_people_are_reported_the_counts_when_the_run_cannot_be_reported(error: str, subject: str, message: str) -> None:
    down = TaskError.of_function("TrackerError", "The table is down")
    cloud = Cloud(media_ids=("a", "b"), downloads={"b": failing_with(error)}, failing={"Report": down})

    cloud.run()

    (notice,) = cloud.mails()
    assert (notice["Subject"], notice["Message"]) == (subject, f"{message} {EXECUTION_ARN}")


def test_in_the_minutes_of_an_update_a_function_that_writes_no_notices_yet_costs_nobody_the_notice() -> None:
    cloud = Cloud(media_ids=("a", "b"), downloads={"b": failing_with("MediaGoneError")}, reports_as_before=True)

    assert cloud.run().output["synced"] == 1
    (notice,) = cloud.mails()
    assert "1 archived, 1 failed, 0 left" in notice["Message"]


def test_a_notice_is_in_no_result() -> None:
    cloud = Cloud(media_ids=("a", "b"), downloads={"b": failing_with("MediaGoneError")})
    output = cloud.run().output
    assert cloud.sent_to("publish")
    assert not {"notice", "failure"} & output.keys()


def test_a_failed_video_is_recorded_reported_and_stops_no_other() -> None:
    message = 'GoPro offers no original of "GX01" (media item b). Open the item on gopro.com.'
    cloud = Cloud(media_ids=("a", "b", "c"), downloads={"b": failing_with("SourceMissingError", message)})

    execution = cloud.run()

    assert execution.status == "SUCCEEDED"
    assert execution.output["status"] == "PARTIAL_FAILURE"
    assert (execution.output["synced"], execution.output["failed"]) == (2, 1)
    (update,) = cloud.sent_to("updateItem")
    assert update["Key"] == {"media_id": {"S": "b"}}
    assert update["ExpressionAttributeValues"][":error_message"] == {"S": message}
    (letter,) = cloud.sent_to("sendMessage")
    assert letter["MessageBody"] == {
        "media_id": "b",
        "filename": "b.MP4",
        "s3_key": "gopro-videos/2026/02/b.MP4",
        "error": "SourceMissingError",
        "cause": message,
        "execution_id": EXECUTION_ARN,
    }


@pytest.mark.parametrize(
    ("error", "retry_count", "letters"),
    [
        *((error, 0, 1) for error in sorted(kind.__name__ for kind in MAY_LAST_FOR_MONTHS)),
        *((error, 1, 0) for error in sorted(kind.__name__ for kind in MAY_LAST_FOR_MONTHS)),
        ("SourceMissingError", 7, 0),
        ("IntegrityError", 7, 1),
        ("KeyConflictError", 7, 1),
        ("NetworkError", 7, 1),
    ],
)
def test_a_video_that_fails_for_what_stays_as_it_is_at_gopro_is_one_dead_letter_in_all(
    error: str, retry_count: int, letters: int
) -> None:
    cloud = Cloud(media_ids=("a", "b"), retry_count=retry_count, downloads={"b": failing_with(error)})

    output = cloud.run().output

    assert len(cloud.sent_to("sendMessage")) == letters
    assert (output["failed"], output["failed_videos"]) == (1, [{"media_id": "b", "error": error}])
    assert len(cloud.sent_to("updateItem")) == 1


def test_the_partial_failure_notice_tells_a_person_what_failed_and_where_to_look() -> None:
    failed = {
        "b": failing_with("SourceMissingError"),
        "c": failing_with("IntegrityError"),
        "d": failing_with("IntegrityError"),
    }
    cloud = Cloud(
        media_ids=("a", "b", "c", "d"),
        already_synced=1,
        downloads=failed,
        report_adds={"megabytes_per_second": 0.83, "cost_usd": 0.0123},
    )
    cloud.run()

    (notice,) = cloud.mails()
    assert notice["Subject"] == "GoPro Sync Partial Failure (prod): 3 of 4 videos"
    assert "  SourceMissingError: 1\n  IntegrityError: 2" in notice["Message"]
    assert "5 videos found, 1 of them archived before" in notice["Message"]
    assert "524.3 MB in 630 seconds: 0.8 MB/s, about $0.01 at us-east-1's prices." in notice["Message"]
    assert "  b: SourceMissingError" in notice["Message"]
    assert EXECUTION_ARN in notice["Message"]


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        ("NetworkError", [30, 60, 120]),
        ("TimeoutError", [30, 60, 120]),
        ("StorageError", [30, 60, 120]),
        ("ThrottledError", [60, 120, 120, 120, 120]),
        ("IntegrityError", [30]),
        ("ItemRefusedError", [30]),
        ("ItemUnreadableError", [30]),
        ("SourceMissingError", []),
        ("KeyError", []),
    ],
)
def test_a_download_is_retried_as_often_as_its_error_deserves(error: str, waits: list[int]) -> None:
    execution = Cloud(media_ids=("a",), downloads={"a": failing_with(error)}).run()

    assert [seconds for _, seconds in execution.waits] == waits
    assert execution.output["failures"] == {error: 1}


def test_slack_gets_the_notice_that_a_person_gets() -> None:
    cloud = Cloud(media_ids=("a",), downloads={"a": failing_with("SourceMissingError")})
    cloud.run()
    ((sent,), (mail,)) = cloud.sent_to("publish"), cloud.mails()
    assert sent["MessageStructure"] == "json"
    # https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    shown = json.loads(json.loads(sent["Message"])["https"])
    assert (shown["version"], shown["source"]) == ("1.0", "custom")
    assert shown["content"]["title"] == mail["Subject"]
    assert shown["content"]["description"] == mail["Message"][:3000]


def test_a_download_that_recovers_is_not_a_failure() -> None:
    attempts = iter([failing_with("NetworkError"), failing_with("Lambda.Unknown"), archived])

    def download(event: dict[str, Any]) -> dict[str, Any]:
        return next(attempts)(event)

    cloud = Cloud(media_ids=("a",), downloads={"a": download})

    assert cloud.run().output["status"] == "SUCCEEDED"
    assert not cloud.sent_to("updateItem")


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (
            '{"errorMessage": "No original. Look.", "errorType": "X", "stackTrace": ["File \\"x.py\\""]}',
            "No original. Look.",
        ),
        ('{"errorMessage":"It said \\"no\\"","errorType":"X"}', 'It said "no"'),
        ('{"errorMessage": "cut off by the limit of a cause", "stackTr', "cut off by the limit of a cause"),
        ("The Lambda function is throttled (Service: Lambda; Status Code: 429)", None),
        ('{"errorType": "X"}', None),
        ("", "No cause was given."),
        (None, "No cause was given."),
    ],
)
def test_what_an_error_says_is_kept_without_its_stack_trace_whatever_the_cause_looks_like(
    cause: str | None, message: str | None
) -> None:
    def fail(event: dict[str, Any]) -> dict[str, Any]:
        raise TaskError("SomeError", cause)

    of_a_video = Cloud(media_ids=("a",), downloads={"a": fail})
    of_a_video.run()
    (update,) = of_a_video.sent_to("updateItem")
    of_the_run = Cloud(failing={"MediaLister": TaskError("SomeError", cause)}).run()

    expected = cause if message is None else message
    assert update["ExpressionAttributeValues"][":error_message"] == {"S": expected}
    assert of_the_run.cause == expected


def test_a_long_error_is_cut_so_that_it_fits_into_a_record() -> None:
    cloud = Cloud(media_ids=("a",), downloads={"a": failing_with("KeyError", "x" * 30_000)})
    cloud.run()

    (update,) = cloud.sent_to("updateItem")
    assert update["ExpressionAttributeValues"][":error_message"] == {"S": "x" * 1000}


def test_a_video_that_another_run_has_is_deferred_without_an_alarm() -> None:
    refused = TaskError("DynamoDB.ConditionalCheckFailedException", "The conditional request failed")
    cloud = Cloud(media_ids=("a",), downloads={"a": failing_with("TrackerError")}, failing={"updateItem": refused})

    output = cloud.run().output

    assert (output["failed"], output["deferred"]) == (0, 1)
    assert len(cloud.sent_to("updateItem")) == 1, "a refused condition is not retried"
    assert not cloud.sent_to("sendMessage")


@pytest.mark.parametrize("broken", ["updateItem", "sendMessage"])
def test_a_failed_video_is_counted_even_when_recording_it_fails(broken: str) -> None:
    down = TaskError("DynamoDB.InternalServerErrorException", "down")
    cloud = Cloud(media_ids=("a", "b"), downloads={"a": failing_with("MediaGoneError")}, failing={broken: down})

    output = cloud.run().output

    assert output["failures"] == {"MediaGoneError": 1}
    assert output["synced"] == 1
    assert len(cloud.sent_to(broken)) > 1, "it is tried again first"
    assert cloud.sent_to("sendMessage")


def test_a_child_that_ends_without_an_outcome_is_counted_as_failed() -> None:
    output = Cloud(media_ids=("a", "b"), lost=("b",)).run().output

    assert output["status"] == "PARTIAL_FAILURE"
    assert (output["synced"], output["failed"]) == (1, 1)
    assert output["failures"] == {"NoOutcome": 1}


def ends_its_child(event: dict[str, Any]) -> dict[str, Any]:
    """An answer that no Catch catches: the state that waits cannot be evaluated."""
    return answer("WAITING")


def many(count: int) -> tuple[str, ...]:
    return tuple(f"id-{number:04d}" for number in range(count))


def test_a_few_children_that_end_by_themselves_come_back_whole_and_cost_the_others_nothing() -> None:
    cloud = Cloud(media_ids=many(12), downloads=dict.fromkeys(many(10), ends_its_child))

    output = cloud.run().output

    assert (output["status"], output["synced"], output["failed"]) == ("PARTIAL_FAILURE", 2, 10)
    assert output["failures"] == {"NoOutcome": 10}


def test_a_thousand_children_that_end_by_themselves_end_the_run_with_one_notice() -> None:
    cloud = Cloud(media_ids=many(1000), downloads=dict.fromkeys(many(1000), ends_its_child))

    execution = cloud.run()

    assert (execution.status, execution.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert len(cloud.sent_to("VideoDownloader")) == 11, "the others are not tried"
    (notice,) = cloud.sent_to("publish")
    assert "States.ExceedToleratedFailureThreshold" in notice["Message"]


def test_the_largest_results_that_a_run_goes_on_with_fit_into_the_state() -> None:
    blocked = failing_with("Lambda.InvalidParameterValueException", "x" * 1000)
    downloads = dict.fromkeys(many(11), ends_its_child) | {"id-0010": blocked}

    results = Cloud(media_ids=many(11), downloads=downloads).run().results

    *whole, outcome = [len(json.dumps(result)) for result in results]
    assert len(whole) == 10
    # A child's input and its cause can be longer than here, but hardly four times as long.
    assert 4 * sum(whole) + 990 * (outcome + 2) < STATE_SIZE_LIMIT_BYTES


def test_results_that_do_not_fit_into_the_state_end_the_run_with_one_notice() -> None:
    definition = state_machine()
    definition["States"]["DownloadVideos"]["ToleratedFailureCount"] = 1000
    long_ids = tuple(f"{number:02}" + "x" * 4000 for number in range(20))
    cloud = Cloud(media_ids=long_ids, downloads=dict.fromkeys(long_ids, ends_its_child))

    execution = run(definition, {}, cloud._answer)

    assert (execution.status, execution.error) == ("FAILED", "States.DataLimitExceeded")
    assert len(cloud.sent_to("publish")) == 1


def refused(times: int) -> Download:
    """A download that is refused so many times, and then goes on."""
    left = iter(range(times))

    def download(event: dict[str, Any]) -> dict[str, Any]:
        if next(left, None) is not None:
            raise TaskError.of_function("SessionRefusedError", "GoPro does not accept the session (status 401)")
        return archived(event)

    return download


def renewals(cloud: Cloud) -> int:
    return sum(call["Payload"]["action"] == "renew_session" for call in cloud.sent_to("Authenticator"))


NEEDS_A_PERSON: Final = (
    "GoPro refuses the password, since 2026-03-01T02:00:00Z. To fix it, run: ./gopro-sync credentials set"
)


@pytest.mark.parametrize("times", [1, 2])
def test_a_session_that_dies_in_mid_run_is_renewed_and_the_video_goes_on(times: int) -> None:
    cloud = Cloud(media_ids=("a", "b"), downloads={"b": refused(times)})

    output = cloud.run().output

    assert (output["status"], output["synced"]) == ("SUCCEEDED", 2)
    assert renewals(cloud) == times
    calls = [call["Payload"] for call in cloud.sent_to("VideoDownloader") if call["Payload"]["media_id"] == "b"]
    assert [payload.get("renewals", 0) for payload in calls] == [*range(times + 1)]
    assert not cloud.sent_to("updateItem")
    assert not cloud.sent_to("publish")


def test_a_session_that_is_refused_for_ever_is_not_renewed_for_ever() -> None:
    cloud = Cloud(media_ids=("a", "b"), downloads={"b": refused(100)})

    execution = cloud.run()

    assert (execution.status, execution.error) == ("FAILED", "SessionRefusedError")
    assert len(cloud.sent_to("VideoDownloader")) == 1 + 3
    assert not cloud.sent_to("updateItem")


def test_a_listing_that_is_refused_is_renewed_once() -> None:
    cloud = Cloud(failing={"MediaLister": TaskError.of_function("SessionRefusedError", "GoPro does not accept it")})

    execution = cloud.run()

    assert (execution.status, execution.error) == ("FAILED", "SessionRefusedError")
    assert len(cloud.sent_to("MediaLister")) == 2
    assert renewals(cloud) == 1
    (notice,) = cloud.mails()
    assert "GoPro does not accept it" in notice["Message"]


def test_a_listing_that_is_refused_once_goes_on_with_the_renewed_session() -> None:
    cloud = Cloud(media_ids=("a",), listings_refused=1)

    assert cloud.run().output["synced"] == 1
    assert [call["Payload"]["action"] for call in cloud.sent_to("Authenticator")] == ["ensure_session", "renew_session"]
    assert not cloud.sent_to("publish")


def test_a_refused_listing_whose_session_cannot_be_renewed_tells_why() -> None:
    error = TaskError.of_function("AuthenticationError", NEEDS_A_PERSON)
    cloud = Cloud(listings_refused=9, renewal_fails_with=error)

    execution = cloud.run()

    assert (execution.error, execution.cause) == ("AuthenticationError", NEEDS_A_PERSON)
    assert len(cloud.sent_to("MediaLister")) == 1
    (notice,) = cloud.mails()
    assert f"AuthenticationError: {NEEDS_A_PERSON}" in notice["Message"]


def test_what_the_run_was_asked_for_survives_a_renewal() -> None:
    cloud = Cloud(failing={"MediaLister": TaskError.of_function("SessionRefusedError", "no")})
    cloud.run({"max_videos": 7})
    assert [call["Payload"]["run_input"] for call in cloud.sent_to("MediaLister")] == [{"max_videos": 7}] * 2


@pytest.mark.parametrize("error", ["AuthenticationError", "ConfigurationError"])
def test_a_session_that_cannot_be_renewed_fails_the_run_marks_no_video_and_sends_one_notice(error: str) -> None:
    cloud = Cloud(
        media_ids=("a", "b", "c"),
        downloads={"b": refused(100), "c": refused(100)},
        renewal_fails_with=TaskError.of_function(error, NEEDS_A_PERSON),
    )

    execution = cloud.run()

    assert (execution.status, execution.error) == ("FAILED", error)
    assert "1 archived, 0 failed, 2 left for the next run" in (execution.cause or "")
    assert not cloud.sent_to("updateItem")
    assert not cloud.sent_to("sendMessage")
    (notice,) = cloud.mails()
    assert f"{error}: {NEEDS_A_PERSON}" in notice["Message"]


def test_a_wrong_configuration_fails_the_run_but_marks_no_video() -> None:
    cloud = Cloud(media_ids=("a", "b"), downloads={"b": failing_with("ConfigurationError")})

    execution = cloud.run()

    assert (execution.status, execution.error) == ("FAILED", "ConfigurationError")
    assert not cloud.sent_to("updateItem")
    (notice,) = cloud.mails()
    assert "docs/troubleshooting.md" in notice["Message"]


@pytest.mark.parametrize(
    ("run_input", "next_input"),
    [
        ({}, {"link": 2}),
        ({"chain": "first-run", "link": 2, "continue_backlog": True}, {"chain": "first-run", "link": 3}),
        ({"filters": {"media_ids": ["a", "b"]}}, {"link": 2, "filters": {"media_ids": ["a", "b"]}}),
        ({"max_videos": 1, "continue_backlog": True}, {"link": 2, "max_videos": 1}),
        (
            {"redrive": True, "filters": {"media_ids": ["a", "b"]}},
            {
                "link": 2,
                "redrive": True,
                "redrive_began_at": "2026-03-01T02:00:00.000Z",
                "filters": {"media_ids": ["a", "b"]},
            },
        ),
        (
            {"chain": "first-run", "link": 2, "redrive": True, "redrive_began_at": "2026-03-01T00:30:00.000Z"},
            {"link": 3, "redrive": True, "redrive_began_at": "2026-03-01T00:30:00.000Z"},
        ),
        ({"redrive": False}, {"link": 2}),
        ({"chain": None, "link": None, "continue_backlog": None, "max_videos": None}, {"link": 2, "max_videos": None}),
    ],
)
def test_a_run_with_work_left_starts_the_next(run_input: dict[str, Any], next_input: dict[str, Any]) -> None:
    cloud = Cloud(media_ids=("a",), remaining=5)

    execution = cloud.run(run_input)

    assert execution.status == "SUCCEEDED"
    assert execution.output["deferred"] == 5
    (started,) = cloud.sent_to("startExecution")
    chain = run_input.get("chain") or EXECUTION_ARN.rsplit(":", 1)[-1]
    day = {"day_began_at": "2026-03-01T02:00:00.000Z", "runs_of_day": 2}
    assert started["Input"] == {"chain": chain, "continue_backlog": True, **day, **next_input}
    assert started["Name"] == f"{chain}-{next_input['link']}"
    (held,) = cloud.sent_to("updateItem")
    assert held["Key"] == {"media_id": {"S": "#sync-chain"}}
    assert held["ExpressionAttributeValues"][":chain"] == {"S": chain}


def test_a_redrive_whose_videos_failed_again_tries_the_others_in_its_next_run() -> None:
    cloud = Cloud(media_ids=("a",), remaining=5, downloads={"a": failing_with("SourceMissingError")})

    cloud.run({"redrive": True})

    (started,) = cloud.sent_to("startExecution")
    assert started["Input"]["redrive"] is True
    (mail,) = cloud.mails()
    assert "does not go on" not in mail["Message"]


def test_a_run_that_made_progress_with_videos_too_large_for_it_starts_the_next() -> None:
    parts = iter([answer("IN_PROGRESS", bytes_sent=5), answer("IN_PROGRESS", bytes_sent=7), answer("DEFERRED")])
    cloud = Cloud(media_ids=("a",), downloads={"a": lambda event: next(parts)})

    output = cloud.run().output

    assert (output["synced"], output["bytes_transferred"], output["bytes_unfinished"]) == (0, 0, 12)
    assert cloud.sent_to("startExecution")


@pytest.mark.parametrize(
    ("cloud", "run_input"),
    [
        (Cloud(media_ids=("a",)), {}),
        (Cloud(media_ids=("a",), remaining=5, downloads={"a": lambda event: answer("DEFERRED")}), {}),
        (Cloud(media_ids=("a",), remaining=5, downloads={"a": failing_with("MediaGoneError")}), {}),
        (Cloud(media_ids=("a",), remaining=5), {"max_videos": 1}),
        (Cloud(media_ids=("a",), remaining=5), {"continue_backlog": False}),
    ],
    ids=[
        "nothing is left",
        "nothing was sent",
        "nothing was archived",
        "so many were asked for",
        "it was asked not to",
    ],
)
def test_no_other_run_is_started(cloud: Cloud, run_input: dict[str, Any]) -> None:
    assert cloud.run(run_input).status == "SUCCEEDED"
    assert not cloud.sent_to("startExecution")


LINK: Final = {"chain": "first", "link": 7, "continue_backlog": True}


def test_a_chain_whose_run_got_nowhere_stops_and_says_so() -> None:
    cloud = Cloud(media_ids=("a",), remaining=5, downloads={"a": lambda event: answer("DEFERRED")})

    assert cloud.run(LINK).status == "SUCCEEDED"

    assert not cloud.sent_to("startExecution")
    (notice,) = cloud.sent_to("publish")
    assert notice["Subject"] == "GoPro Sync Backlog Stopped (prod): 6 videos left"
    assert "neither archived a video nor sent a part of one" in notice["Message"]


def test_a_chain_that_stops_since_its_videos_failed_is_reported_with_them_in_one_notice() -> None:
    cloud = Cloud(media_ids=("a",), remaining=5, downloads={"a": failing_with("MediaGoneError")})

    cloud.run(LINK)

    (notice,) = cloud.sent_to("publish")
    assert notice["Subject"] == "GoPro Sync Failure (prod): no video was archived, 1 of 1 failed"
    assert "The backlog does not continue automatically now" in notice["Message"]


@pytest.mark.parametrize(
    ("day_began_at", "goes_on"),
    [("2026-03-01T01:00:00.000Z", False), ("2026-02-28T02:00:01.000Z", False), ("2026-02-28T02:00:00.000Z", True)],
)
def test_there_are_at_most_48_runs_of_a_chain_a_day(day_began_at: str, goes_on: bool) -> None:
    cloud = Cloud(media_ids=("a",), remaining=5)

    assert cloud.run(LINK | {"day_began_at": day_began_at, "runs_of_day": 48}).status == "SUCCEEDED"

    notices = cloud.sent_to("publish")
    if goes_on:
        (started,) = cloud.sent_to("startExecution")
        assert started["Input"]["runs_of_day"] == 2
        assert started["Input"]["day_began_at"] == "2026-03-01T02:00:00.000Z"
        assert not notices
    else:
        assert not cloud.sent_to("startExecution")
        assert "the limit is 48" in notices[0]["Message"]


def test_the_last_run_but_one_of_a_day_starts_the_last() -> None:
    cloud = Cloud(media_ids=("a",), remaining=5)
    cloud.run(LINK | {"day_began_at": "2026-03-01T01:00:00.000Z", "runs_of_day": 47})
    (started,) = cloud.sent_to("startExecution")
    assert (started["Input"]["runs_of_day"], started["Input"]["link"]) == (48, 8)


@pytest.mark.parametrize("run_input", [{"max_videos": 1}, {"continue_backlog": False}])
def test_a_run_that_was_not_to_go_on_says_nothing_of_a_backlog(run_input: dict[str, Any]) -> None:
    cloud = Cloud(media_ids=("a",), remaining=5, downloads={"a": lambda event: answer("DEFERRED")})
    cloud.run(run_input)
    assert not cloud.sent_to("publish")


def test_of_two_chains_one_goes_on() -> None:
    held = TaskError("DynamoDB.ConditionalCheckFailedException", "The conditional request failed")
    cloud = Cloud(media_ids=("a",), remaining=5, failing={"updateItem": held})

    assert cloud.run().status == "SUCCEEDED"
    assert not cloud.sent_to("startExecution")
    assert len(cloud.sent_to("updateItem")) == 1, "a refused condition is not retried"


def test_archived_videos_stay_a_success_when_the_next_run_cannot_be_started() -> None:
    down = TaskError("StepFunctions.ExecutionLimitExceeded", "too many")
    execution = Cloud(media_ids=("a",), remaining=5, failing={"startExecution": down}).run()
    assert (execution.status, execution.output["synced"]) == ("SUCCEEDED", 1)


TRUE_OF_ALL_VIDEOS: Final = [
    (
        "AccessDeniedError",
        "AccessDenied: S3 refused CreateMultipartUpload, which needs s3:PutObject (AccessDenied: User: arn:aws:sts)",
        "AccessDenied: S3 refused CreateMultipartUpload, which needs s3:PutObject. A person has to act",
    ),
    (
        "AccessDeniedError",
        "AccessDenied: DynamoDB refused UpdateItem, which needs dynamodb:UpdateItem (AccessDeniedException).",
        "AccessDenied: DynamoDB refused UpdateItem, which needs dynamodb:UpdateItem (AccessDeniedException). A person",
    ),
    (
        "ConfigurationError",
        "S3 cannot use the stack's key for PutObject (KMS.DisabledException): enable it in KMS. Correct it.",
        "S3 cannot use the stack's key for PutObject (KMS.DisabledException): enable it in KMS. Correct it.",
    ),
    ("Lambda.AccessDeniedException", "User is not authorized to perform: lambda:InvokeFunction", "InvokeFunction. AWS"),
    ("Lambda.KMSDisabledException", "The key is disabled.", "The key is disabled. AWS Lambda could not run the"),
]


@pytest.mark.parametrize(("error", "message", "reported"), TRUE_OF_ALL_VIDEOS)
def test_what_is_true_of_all_videos_fails_the_run_marks_none_and_is_reported_once(
    error: str, message: str, reported: str
) -> None:
    cloud = Cloud(media_ids=("a", "b", "c"), downloads=dict.fromkeys("bc", failing_with(error, message)))

    execution = cloud.run()

    assert (execution.status, execution.error) == ("FAILED", error)
    assert not cloud.sent_to("updateItem"), "no record is touched"
    assert not cloud.sent_to("sendMessage"), "no video is a dead letter"
    (notice,) = cloud.sent_to("publish")
    assert reported in notice["Message"]
    assert "1 archived, 0 failed, 2 left for the next run" in notice["Message"]
    assert "start the run again" in notice["Message"]


def test_one_refused_video_among_others_is_a_partial_failure() -> None:
    execution = Cloud(media_ids=("a", "b"), downloads={"a": failing_with("ObjectRefusedError")}).run()

    assert execution.status == "SUCCEEDED"
    assert execution.output["failures"] == {"ObjectRefusedError": 1}


@pytest.mark.parametrize("broken", ["Authenticator", "MediaLister"])
def test_a_critical_error_ends_in_failure_and_one_notice_that_says_what_to_do(broken: str) -> None:
    error = TaskError.of_function("AuthenticationError", "The session is over. Put a fresh credential into the secret.")
    cloud = Cloud(media_ids=("a",), failing={broken: error})

    execution = cloud.run()

    assert execution.status == "FAILED"
    assert execution.error == "AuthenticationError"
    assert execution.cause == "The session is over. Put a fresh credential into the secret."
    (notice,) = cloud.mails()
    assert notice["Subject"] == "GoPro Sync Critical Failure (prod)"
    assert "AuthenticationError: The session is over. Put a fresh credential into the secret." in notice["Message"]
    assert EXECUTION_ARN in notice["Message"]


def test_a_manifest_that_cannot_be_read_fails_the_run() -> None:
    cloud = Cloud(media_ids=("a",), failing={"getObject": TaskError("States.ItemReaderFailed", "Access Denied")})

    execution = cloud.run()

    assert (execution.status, execution.error, execution.cause) == (
        "FAILED",
        "States.ItemReaderFailed",
        "Access Denied",
    )
    assert cloud.sent_to("publish")


def test_a_run_whose_report_cannot_be_made_is_counted_all_the_same() -> None:
    down = TaskError.of_function("StorageError", "S3 is down")
    cloud = Cloud(media_ids=("a", "b"), downloads={"a": failing_with("MediaGoneError")}, failing={"Report": down})

    cloud.run()

    (call,) = cloud.sent_to("Count")
    end = read_run_end(call["Payload"], execution_id="night", now=datetime.fromisoformat(ENTERED_AT))
    assert (end.summary["failures"], end.made_progress) == ({"MediaGoneError": 1}, True)
    assert not Cloud(media_ids=("a",)).run().visited.count("CountRun")


def test_a_failed_run_stays_failed_when_its_notice_cannot_be_sent() -> None:
    cloud = Cloud(
        failing={
            "Authenticator": TaskError("ConfigurationError", "No secret"),
            "publish": TaskError("SNS.Down", "down"),
        }
    )

    execution = cloud.run()

    assert execution.error == "ConfigurationError"
    assert "The notice could not be sent: SNS.Down" in (execution.cause or "")


def test_a_notice_that_cannot_be_sent_is_seen_at_the_end_of_the_run_and_the_backlog_goes_on() -> None:
    cloud = Cloud(
        media_ids=("a", "b"),
        remaining=5,
        downloads={"a": failing_with("MediaGoneError")},
        failing={"publish": TaskError("SNS.Down", "down")},
    )

    execution = cloud.run()

    assert (execution.status, execution.error) == ("FAILED", "NoticeNotSent")
    assert "what is archived is safe" in (execution.cause or "")
    assert "(SNS.Down)" in (execution.cause or "")
    assert "a: MediaGoneError" in (execution.cause or "")
    assert cloud.sent_to("startExecution")


@pytest.mark.parametrize(
    "lost",
    [TaskError("States.Timeout"), TaskError("SNS.InternalErrorException", "500"), TaskError("SNS.ThrottledException")],
    ids=lambda error: error.error,
)
@pytest.mark.parametrize(
    "cloud",
    [
        lambda: Cloud(media_ids=("a", "b"), downloads={"a": failing_with("MediaGoneError")}),
        lambda: Cloud(failing={"MediaLister": TaskError.of_function("AccessDeniedError", "No. Look.")}),
    ],
    ids=["a video failed", "the run failed"],
)
def test_a_notice_whose_answer_was_lost_is_sent_again(cloud: Callable[[], Cloud], lost: TaskError) -> None:
    met = cloud()
    met.failing_once["publish"] = lost

    execution = met.run()

    first, second = met.sent_to("publish")
    assert first == second
    assert execution.error != "NoticeNotSent"
    assert "could not be sent" not in (execution.cause or "")


@pytest.mark.parametrize("report_fails", [False, True])
def test_a_dead_credential_counts_once_in_a_run_however_many_videos_meet_it(report_fails: bool) -> None:
    media_ids = tuple("abcdefgh")
    cloud = Cloud(
        media_ids=media_ids,
        downloads={media_id: refused(100) for media_id in media_ids},
        renewal_fails_with=TaskError.of_function("AuthenticationError", NEEDS_A_PERSON),
        failing={"Report": TaskError.of_function("StorageError", "S3 is down")} if report_fails else {},
    )

    cloud.run()

    calls = cloud.sent_to("Authenticator")
    assert len(calls) > len(media_ids)
    assert all(call["Payload"]["execution_id"] for call in calls), "those that have one count nothing themselves"
    counting = cloud.sent_to("Count" if report_fails else "Report")
    assert [call["Payload"]["authentication_failed"] for call in counting] == [True]


@pytest.mark.parametrize(
    ("cloud", "is_lost"),
    [
        (Cloud(failing={"Authenticator": TaskError.of_function("AuthenticationError", NEEDS_A_PERSON)}), True),
        (Cloud(failing={"Authenticator": TaskError.of_function("NetworkError", "GoPro is away")}), True),
        (Cloud(listings_refused=9), True),
        (Cloud(failing={"MediaLister": TaskError.of_function("NetworkError", "GoPro is away")}), False),
        (Cloud(media_ids=("a",), failing={"getObject": TaskError("States.ItemReaderFailed", "no")}), False),
    ],
    ids=["refused", "GoPro is away", "refused after a renewal", "the listing", "the map"],
)
def test_a_report_is_reported_whether_authentication_is_what_a_run_ended_by(cloud: Cloud, is_lost: bool) -> None:
    cloud.run()

    (call,) = cloud.sent_to("Report")
    end = read_run_end(call["Payload"], execution_id="night", now=datetime.fromisoformat(ENTERED_AT))
    assert end.lost_session is is_lost


def test_a_session_that_ends_when_the_run_s_time_is_nearly_up_is_the_next_run_s() -> None:
    cloud = Cloud(media_ids=("a",), downloads={"a": refused(100)})

    execution = run(state_machine(), {}, cloud._answer, entered_at="2026-03-01T03:46:00.000Z")

    assert (execution.status, execution.output["deferred"]) == ("SUCCEEDED", 1)
    assert not renewals(cloud)


@pytest.mark.parametrize(
    "download",
    [archived, failing_with(LONGEST_ERROR_NAME), failing_with("ConfigurationError", 'é"\\' * 500)],
    ids=["archived", "failed", "blocked"],
)
def test_a_thousand_outcomes_stay_far_below_the_limit_of_a_state(download: Download) -> None:
    long_id = "x" * 64  # GoPro's have 14 characters
    (outcome,) = Cloud(media_ids=(long_id,), downloads={long_id: download}).run().outcomes

    assert len(json.dumps(outcome)) * 1000 < STATE_SIZE_LIMIT_BYTES / 1.5


def test_the_notice_of_many_failures_lists_twenty_and_fits_into_sns() -> None:
    media_ids = tuple(f"id-{number:04d}" for number in range(40))
    cloud = Cloud(media_ids=media_ids, downloads=dict.fromkeys(media_ids, failing_with(LONGEST_ERROR_NAME)))

    output = cloud.run().output

    assert output["failed"] == 40
    assert len(output["failed_videos"]) == 20
    (notice,) = cloud.mails()
    assert len(notice["Subject"]) <= 100
    assert notice["Message"].count("id-00") == 20


def test_the_longest_subject_fits_into_what_sns_takes() -> None:
    media_ids = ("a", "b")
    cloud = Cloud(media_ids=media_ids, downloads={"a": failing_with("MediaGoneError")}, environment="e" * 16)
    cloud.run()

    (notice,) = cloud.mails()
    assert len(notice["Subject"].replace("1 of 2", "1000 of 1000")) <= 100


def test_no_token_reaches_a_payload_even_when_a_function_lets_one_slip() -> None:
    cloud = Cloud(media_ids=("a", "b"), downloads={"b": failing_with("MediaGoneError")})

    execution = cloud.run()

    assert FAKE_TOKEN not in json.dumps([cloud.calls, execution.output])
