"""What people are told of a run, word for word."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from gopro_sync.errors import InvalidEventError
from gopro_sync.run.notices import Backlog, Failure, Notice, failure_of, notice_of

EXECUTION: Final = "arn:aws:states:eu-central-1:123456789012:execution:gopro-sync-orchestrator:night"
CONSOLE: Final = (
    "https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/" + EXECUTION
)
SUMMARY: Final[dict[str, Any]] = {
    "execution_id": EXECUTION,
    "status": "PARTIAL_FAILURE",
    "stopped_by": None,
    "started_at": "2026-03-01T02:00:00.000Z",
    "duration_seconds": 630,
    "total_found": 9,
    "already_synced": 4,
    "new_count": 5,
    "synced": 1,
    "failed": 3,
    "deferred": 1,
    "bytes_transferred": 524_288_000,
    "failures": {"SourceMissingError": 1, "IntegrityError": 2},
    "failed_videos": [
        {
            "media_id": "b",
            "error": "SourceMissingError",
            "filename": "GX010456.MP4",
            "reason": "GoPro offers no camera original, only: 'high_res_proxy_mp4'. Open the item on gopro.com.",
            "attempts": 3,
            "next_attempt_after": "2026-03-04T22:10:00Z",
        },
        {"media_id": "c", "error": "IntegrityError"},
        {"media_id": "d", "error": "IntegrityError"},
    ],
    "megabytes_per_second": 0.83,
    "cost_usd": 0.0123,
}
BLOCKED: Final = SUMMARY | {"status": "FAILED", "failed": 0, "failures": {}, "failed_videos": []}


def notice(
    summary: dict[str, Any],
    *,
    reason: Failure | None = None,
    environment: str = "prod",
    backlog: Backlog | None = None,
) -> Notice:
    """Return the notice of a run that has one."""
    reported = notice_of(
        summary,
        failure_of(summary, reason),
        environment=environment,
        tracker_table_name="gopro-sync-tracker",
        backlog=backlog,
    )
    assert reported is not None
    return reported


def message(stopped_by: str, reason: Failure | None = None, because: str | None = None) -> str:
    """Return what people are told of a run that something stopped."""
    failure = failure_of(BLOCKED | {"stopped_by": stopped_by, "stopped_because": because}, reason)
    assert failure is not None
    assert failure.error == (reason.error if reason else stopped_by)
    return failure.message


def test_a_partial_failure_is_reported_with_what_failed_and_where_to_look() -> None:
    assert notice(SUMMARY) == Notice(
        subject="GoPro Sync Partial Failure (prod): 3 of 5 videos",
        text=f"""\
3 of 5 due videos could not be archived. In this run: 1 archived, 3 failed, 1 left.
9 videos found, 4 of them archived before. 524.3 MB in 630 seconds: 0.8 MB/s, about $0.01 at us-east-1's prices.

Failures by error:
  SourceMissingError: 1
  IntegrityError: 2

Videos:
  GX010456.MP4 (b): SourceMissingError, attempt 3, due again from 2026-03-04 22:10 UTC
    GoPro offers no camera original, only: 'high_res_proxy_mp4'. Open the item on gopro.com.
  c: IntegrityError
  d: IntegrityError

Each is marked FAILED in the table gopro-sync-tracker and has a message in the dead letter queue (one that may keep \
failing for months has one for its first failure only, which stays there for 14 days). What to do: see \
docs/troubleshooting.md for each error. They are retried automatically when due; ./gopro-sync redrive retries those in \
the queue now.

Execution: {EXECUTION}
{CONSOLE}""",
    )


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({"bytes_transferred": 0}, "0 MB in 630 seconds."),
        ({"bytes_transferred": 12_000_000, "megabytes_per_second": 2.0}, "12 MB in 630 seconds: 2 MB/s."),
        ({"bytes_transferred": 5 * 10**15}, "5000000 GB in 630 seconds."),
        ({"bytes_transferred": 49_999}, "0 MB in 630 seconds."),
        ({"bytes_transferred": 0, "duration_seconds": 1}, "0 MB in 1 second."),
        ({"cost_usd": 0}, "524.3 MB in 630 seconds, about $0.00 at us-east-1's prices."),
    ],
)
def test_numbers_are_as_long_as_people_need_them(known: dict[str, Any], sentence: str) -> None:
    summary = {name: value for name, value in SUMMARY.items() if name not in {"megabytes_per_second", "cost_usd"}}
    assert f"archived before. {sentence}\n" in notice(summary | known).text


def test_where_another_run_archived_some_the_failure_of_the_others_is_partial() -> None:
    alone = {**SUMMARY, "synced": 0, "bytes_transferred": 0, "bytes_unfinished": 0}

    assert "no video was archived" in notice(alone).subject
    beside = notice({**alone, "archived_by_another_run": 3})
    assert "Partial Failure" in beside.subject
    assert "Nothing was archived" not in beside.text


def test_videos_that_were_lost_without_a_word_are_counted_though_none_can_be_named() -> None:
    text = notice(SUMMARY | {"failures": {"NoOutcome": 3}, "failed_videos": []}).text
    assert "Failures by error:\n  NoOutcome: 3\n\n  not listed here: NoOutcome 3\n\nEach is" in text


def test_a_critical_failure_is_reported_with_its_cause_and_where_to_look() -> None:
    early = {
        "execution_id": EXECUTION,
        "status": "FAILED",
        "stopped_by": "AuthenticationError",
        "message": "The session is over. Run a command.",
        "started_at": "2026-03-01T02:00:00.000Z",
    }
    assert notice(early) == Notice(
        subject="GoPro Sync Critical Failure (prod)",
        text=f"""\
The GoPro sync run failed. Videos that are archived already are safe.

AuthenticationError: The session is over. Run a command.

Execution: {EXECUTION}
Started: 2026-03-01T02:00:00.000Z
{CONSOLE}""",
    )


def test_a_dead_credential_is_reported_with_since_when_and_what_to_type() -> None:
    reason = Failure(
        error="AuthenticationError",
        message="GoPro refuses the password, since 2026-03-01T02:00:00Z. To fix it, run: ./gopro-sync credentials set "
        "--secret-id gopro/credentials. Then start the run again, or wait for the next one; what is archived stays "
        "archived.",
    )
    assert notice(BLOCKED | {"stopped_by": "SessionRefusedError"}, reason=reason) == Notice(
        subject="GoPro Sync Critical Failure (prod)",
        text=f"""\
The GoPro sync run failed. Videos that are archived already are safe.

AuthenticationError: GoPro refuses the password, since 2026-03-01T02:00:00Z. To fix it, run: ./gopro-sync credentials \
set --secret-id gopro/credentials. Then start the run again, or wait for the next one; what is archived stays \
archived. In this run: 1 archived, 0 failed, 1 left for the next run.

Execution: {EXECUTION}
Started: 2026-03-01T02:00:00.000Z
{CONSOLE}""",
    )


def test_a_night_in_which_every_video_failed_is_reported_as_such_with_where_to_look_first() -> None:
    summary = SUMMARY | {
        "new_count": 3,
        "synced": 0,
        "deferred": 0,
        "bytes_transferred": 0,
        "failures": {"IntegrityError": 3},
        "failed_videos": [{"media_id": media_id, "error": "IntegrityError"} for media_id in "bcd"],
    }
    assert notice(summary) == Notice(
        subject="GoPro Sync Failure (prod): no video was archived, 3 of 3 failed",
        text=f"""\
3 of 3 due videos could not be archived. In this run: 0 archived, 3 failed, 0 left.
9 videos found, 4 of them archived before. 0 MB in 630 seconds: 0.8 MB/s, about $0.01 at us-east-1's prices.

Failures by error:
  IntegrityError: 3

Nothing was archived. When all videos fail in the same way, the cause is rarely a video: look up the most frequent \
error in docs/troubleshooting.md first, then retry them.

Videos:
  b: IntegrityError
  c: IntegrityError
  d: IntegrityError

Each is marked FAILED in the table gopro-sync-tracker and has a message in the dead letter queue. What to do: see \
docs/troubleshooting.md for each error. They are retried automatically when due; ./gopro-sync redrive retries those in \
the queue now.

Execution: {EXECUTION}
{CONSOLE}""",
    )


ODD: Final = {"unrecordable": 1, "unrecordable_videos": [{"media_id": "odd", "reason": "ValidationError: no"}]}
LEFT_OUT: Final = """\
Left out: 1 video; the others are not affected. The table gopro-sync-tracker does not accept the record, or holds one \
that cannot be read; each run tries again. What to do: see docs/troubleshooting.md, A video is left out (at most \
20 are listed):
  odd: ValidationError: no

"""


def test_a_video_that_was_left_out_is_reported_beside_whatever_else_there_is_to_tell() -> None:
    well = SUMMARY | {"status": "SUCCEEDED", "failed": 0, "failures": {}, "failed_videos": [], "deferred": 0}
    alone = notice(well | ODD)
    assert alone == Notice(
        subject="GoPro Sync Videos Left Out (prod): 1 video",
        text=f"""\
{LEFT_OUT}In this run: 1 archived, 0 failed, 0 left. 524.3 MB in 630 seconds: 0.8 MB/s, \
about $0.01 at us-east-1's prices.

Execution: {EXECUTION}
{CONSOLE}""",
    )
    assert LEFT_OUT in notice(SUMMARY | ODD).text
    assert notice(SUMMARY | ODD).subject == notice(SUMMARY).subject


def test_re_opened_videos_are_named_beside_what_else_there_is_to_tell_and_are_no_notice_of_their_own() -> None:
    reopened = {"reopened": 2, "reopened_videos": [{"media_id": name, "reason": "GoPro lists 3"} for name in "ab"]}
    reported = """\
2 videos were re-opened because GoPro now shows more of them; what is archived is left untouched (at most 20 are \
listed):
  a: GoPro lists 3
  b: GoPro lists 3

"""
    assert reported in notice(SUMMARY | reopened).text
    assert reported in notice(WELL | ODD | reopened).text
    assert notice_of(WELL | reopened, None, environment="prod", tracker_table_name="t") is None


@pytest.mark.parametrize("error", ["IncompleteSourceError", "SourceLostError", "ItemRefusedError"])
def test_what_stays_as_it_is_at_gopro_is_not_looked_for_among_the_dead_letters_for_ever(error: str) -> None:
    summary = SUMMARY | {"failures": {error: 1}, "failed_videos": [{"media_id": "b", "error": error}]}
    reported = notice(summary).text
    assert ("./gopro-sync accept b\n" in reported) is (error == "IncompleteSourceError")
    assert (
        "in the dead letter queue (one that may keep failing for months has one for its first failure only" in reported
    )


WELL: Final = SUMMARY | {"status": "SUCCEEDED", "failed": 0, "failures": {}, "failed_videos": [], "deferred": 5}
FIFTH: Final = Backlog(continues=True, runs_of_day=5, most_runs_a_day=48)


def test_a_chain_that_got_nowhere_is_reported_with_what_happens_next() -> None:
    assert notice(WELL | {"synced": 0, "bytes_transferred": 0}, backlog=FIFTH) == Notice(
        subject="GoPro Sync Backlog Stopped (prod): 5 videos left",
        text=f"""\
The backlog does not continue automatically now: this run neither archived a video nor sent a part of one, and another \
would only repeat it. 5 videos left: the next scheduled run continues. What to do: nothing if another run is working \
on them at this moment; otherwise, if the next run ends like this one, look up what the downloads answered in the \
executions of its videos (at the address below; docs/troubleshooting.md says what to do about each error).

In this run: 0 archived, 0 failed, 5 left. 0 MB in 630 seconds: 0.8 MB/s, about $0.01 at us-east-1's prices.

Execution: {EXECUTION}
{CONSOLE}""",
    )


def test_a_chain_that_has_had_its_runs_of_the_day_is_reported_with_their_number() -> None:
    backlog = Backlog(continues=True, runs_of_day=48, most_runs_a_day=48)
    reported = notice(WELL | {"deferred": 1}, backlog=backlog)
    assert reported.subject == "GoPro Sync Backlog Stopped (prod): 1 video left"
    assert reported.text.startswith(
        "The backlog does not continue automatically now: this was its run number 48 within 24 hours, and the limit "
        "is 48. 1 video left: the next scheduled run continues. What to do: start a run to continue now. "
    )


@pytest.mark.parametrize(
    ("summary", "backlog"),
    [
        (WELL, FIFTH),
        (WELL | {"synced": 0, "bytes_unfinished": 5}, FIFTH),
        (WELL | {"synced": 0, "deferred": 0}, FIFTH),
        (WELL | {"synced": 0}, Backlog(continues=False, runs_of_day=1, most_runs_a_day=48)),
        (WELL | {"synced": 0}, None),
    ],
    ids=[
        "it goes on",
        "a part was sent",
        "nothing is left",
        "it was not to go on",
        "no chain",
    ],
)
def test_a_backlog_that_goes_on_or_is_done_is_not_told(summary: dict[str, Any], backlog: Backlog | None) -> None:
    assert notice_of(summary, None, environment="prod", tracker_table_name="t", backlog=backlog) is None


@pytest.mark.parametrize("redrives", [True, False])
def test_of_a_redrive_whose_videos_failed_again_nobody_is_notified_that_it_stops(*, redrives: bool) -> None:
    backlog = Backlog(continues=True, runs_of_day=1, most_runs_a_day=48, redrives=redrives)
    reported = notice_of(SUMMARY | {"synced": 0}, None, environment="prod", tracker_table_name="t", backlog=backlog)
    assert reported is not None
    assert ("does not continue automatically" in reported.text) is not redrives


def test_a_chain_that_failed_is_reported_once() -> None:
    stopped = BLOCKED | {"stopped_by": "AccessDeniedError", "synced": 0}
    assert notice(stopped, backlog=FIFTH).subject == "GoPro Sync Critical Failure (prod)"


@pytest.mark.parametrize(
    ("because", "reported"),
    [
        ("AccessDenied: S3 refused PutObject, which needs s3:PutObject (AccessDenied)", None),
        ("AccessDenied: S3 refused it.", "AccessDenied: S3 refused it. "),
        (
            "AccessDenied: S3 refused PutObject, which needs s3:PutObject (AccessDenied: User: arn:aws:sts::1234567",
            "AccessDenied: S3 refused PutObject, which needs s3:PutObject. ",
        ),
        ("x" * 100, "x" * 100 + "... "),
        ("", ""),
    ],
)
def test_rights_that_are_missing_are_for_a_person(because: str, reported: str | None) -> None:
    assert message("AccessDeniedError", because=because) == (
        f"{because + '. ' if reported is None else reported}A person has to act before videos can be archived. "
        "Deploying the stack again restores the roles; if they are as in template.yaml, look at the policies of the "
        "bucket and of the key (docs/troubleshooting.md), then start the run again. No video is marked for it: 1 "
        "archived, 0 failed, "
        "1 left for the next run."
    )


def test_a_broken_setting_is_reported_with_what_is_broken() -> None:
    assert message("ConfigurationError", because="There is no such bucket (NoSuchBucket on PutObject)") == (
        "There is no such bucket (NoSuchBucket on PutObject). docs/troubleshooting.md says what to do about "
        "ConfigurationError; then start the run again. No video is marked for it: 1 archived, 0 failed, 1 left for the "
        "next run."
    )


def test_a_function_that_cannot_be_run_is_reported_with_aws_s_words() -> None:
    assert message("Lambda.KMSDisabledException", because="The key is disabled.") == (
        "The key is disabled. AWS Lambda could not run the function, for any video. docs/troubleshooting.md says what "
        "to do about Lambda.KMSDisabledException; then start the run again. No video is marked for it: 1 archived, "
        "0 failed, 1 left for the next run."
    )


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        ("Lambda.TooManyRequestsException", "no free capacity for the function for as long as the run could wait"),
        ("Lambda.SubnetIPAddressLimitReachedException", "VpcSubnetIds need free addresses"),
        ("Lambda.ServiceException", "look at the AWS Health Dashboard"),
        ("Lambda.SomethingNewException", "look at the AWS Health Dashboard"),
        ("Runtime.OutOfMemory", "Raise its MemoryMegabytes in template.yaml"),
        ("Runtime.ExitError", "Raise its MemoryMegabytes in template.yaml"),
        ("Runtime.ImportModuleError", "Build and deploy the stack again"),
        ("Sandbox.Timedout", "did not answer within its time"),
        ("States.Timeout", "did not answer within its time"),
        ("Lambda.Unknown", "does not know how the call ended"),
        ("States.TaskFailed", "does not know how the call ended"),
    ],
)
def test_what_aws_itself_fails_with_is_reported_as_what_it_is(error: str, reported: str) -> None:
    assert reported in message(error)
    assert "GoPro accepts the session" not in message(error)
    assert reported in notice(SUMMARY | {"failures": {error: 1}}).text


def test_a_session_that_was_refused_is_not_called_accepted_where_nobody_could_ask() -> None:
    reason = Failure(error="Lambda.TooManyRequestsException", message="Rate Exceeded.")
    failure = failure_of(BLOCKED | {"stopped_by": "SessionRefusedError"}, reason)
    assert failure is not None
    assert failure.error == "SessionRefusedError"
    assert failure.message.startswith("The reason cannot be given: AWS Lambda had no free capacity for the function")
    assert failure.message.endswith("In this run: 1 archived, 0 failed, 1 left.")


def test_a_gopro_that_never_answered_needs_nobody() -> None:
    assert message("GoProUnavailableError") == (
        "GoPro asked for fewer requests, or did not answer, until the run had to end: 1 archived, 0 failed, 1 left. "
        "No video is lost or marked for it, and the next run resumes automatically."
    )


def test_a_blocked_run_is_reported_with_what_the_authenticator_says() -> None:
    reason = Failure(error="AuthenticationError", message="GoPro refuses the password. Run a command.")
    assert message("SessionRefusedError", reason) == (
        "GoPro refuses the password. Run a command. In this run: 1 archived, 0 failed, 1 left for the next run."
    )


def test_a_blocked_run_whose_session_is_accepted_again_can_be_started_again() -> None:
    assert message("SessionRefusedError") == (
        "GoPro accepts the session now: start the run again, or wait for the next one. If SessionRefusedError comes "
        "back, docs/troubleshooting.md says what to do. In this run: 1 archived, 0 failed, 1 left for the next run."
    )


def test_a_failed_run_is_reported_once_and_not_as_a_partial_failure_too() -> None:
    reported = notice(SUMMARY | {"status": "FAILED", "stopped_by": "AccessDeniedError"})
    assert reported.subject == "GoPro Sync Critical Failure (prod)"


@pytest.mark.parametrize("status", ["SUCCEEDED", "PARTIAL_FAILURE"])
def test_a_run_without_a_failure_is_not_told(status: str) -> None:
    summary = SUMMARY | {"status": status, "failed": 0}
    assert failure_of(summary, None) is None
    assert notice_of(summary, None, environment="prod", tracker_table_name="t") is None


def test_a_subject_is_one_that_sns_takes() -> None:
    counts = {"new_count": 10**18 - 1, "failed": 10**18 - 1}
    for environment in ("e" * 16, "e" * 200, "two\nlines", "zażółć"):
        subject = notice(SUMMARY | counts, environment=environment).subject
        assert len(subject) < 100
        assert subject.isascii()
        assert subject.isprintable()


def test_the_notice_of_ten_thousand_failures_names_twenty_counts_the_rest_and_is_far_below_the_limit() -> None:
    videos = [
        {
            "media_id": f"{number:05d}" + "x" * 2000,
            "error": "IntegrityError",
            "filename": "n" * 100,
            "reason": "r" * 400,
            "attempts": 10**17,
            "next_attempt_after": "2026-03-04T22:10:00Z",
        }
        for number in range(10_000)
    ]
    failures = {"IntegrityError": 9_000} | {f"{number:03d}" + "E" * 300: 1 for number in range(1000)}
    summary = SUMMARY | {"failed": 10_000, "new_count": 10_000, "failed_videos": videos, "failures": failures}

    reported = notice(summary)

    assert len(json.dumps([reported.subject, reported.text])) < 24 * 1024
    assert reported.text.count(": IntegrityError, attempt") == 20
    assert "  not listed here: IntegrityError 8980, " in reported.text
    assert "  and 981 other errors\n" in reported.text
    assert f"Execution: {EXECUTION}" in reported.text


@pytest.mark.parametrize(
    ("arn", "address"),
    [
        (
            "arn:aws-cn:states:cn-north-1:123456789012:execution:sync:night",
            "https://cn-north-1.console.amazonaws.cn/states/home?region=cn-north-1#/v2/executions/details/",
        ),
        (
            "arn:aws-us-gov:states:us-gov-west-1:123456789012:execution:sync:night",
            "https://us-gov-west-1.console.amazonaws-us-gov.com/states/home?region=us-gov-west-1#/v2/executions/details/",
        ),
    ],
)
def test_the_address_is_that_of_the_partition_s_own_console(arn: str, address: str) -> None:
    assert notice(SUMMARY | {"execution_id": arn}).text.endswith(f"Execution: {arn}\n{address}{arn}")


@pytest.mark.parametrize("execution_id", ["request-1", "arn:aws-iso:states:us-iso-east-1:1:execution:sync:night"])
def test_no_address_is_made_up(execution_id: str) -> None:
    assert notice(SUMMARY | {"execution_id": execution_id}).text.endswith(f"Execution: {execution_id}")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            (name, None)
            for name in ("execution_id", "total_found", "already_synced", "new_count", "synced", "deferred")
        ),
        ("bytes_transferred", "many"),
        ("duration_seconds", -1),
        ("failures", None),
        ("failures", {"IntegrityError": "two"}),
        ("failed_videos", None),
        ("failed_videos", ["b"]),
        ("failed_videos", [{"media_id": "b"}]),
    ],
)
def test_a_notice_is_not_made_of_a_summary_that_lacks_what_it_tells(field: str, value: object) -> None:
    with pytest.raises(InvalidEventError):
        notice(SUMMARY | {field: value})


def test_a_failure_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidEventError, match="stopped_by"):
        failure_of(BLOCKED, None)


def test_what_waits_is_named_where_there_is_a_notice_and_is_no_reason_for_one() -> None:
    named = [{"media_id": f"m{number:02}", "reason": "not_ready"} for number in range(20)]
    waiting = {"waiting": 31, "waiting_videos": named}
    lines = notice(SUMMARY | waiting).text.splitlines()
    (reported,) = (at for at, line in enumerate(lines) if line.startswith("Not archived yet: 31 videos."))
    assert lines[reported + 1 : reported + 21] == [f"  m{number:02}: not_ready" for number in range(20)]
    quiet = SUMMARY | {"failed": 0, "failures": {}, "failed_videos": [], "synced": 4}
    assert notice_of(quiet | waiting, None, environment="prod", tracker_table_name="tracker") is None


def test_what_the_listing_lacks_is_reported_with_what_to_do() -> None:
    gap = {"stated": 8, "shown": 7, "refused_from": None, "is_news": True}
    quiet = SUMMARY | {"failed": 0, "failures": {}, "failed_videos": [], "synced": 4}
    alone = notice(quiet | {"listing_gap": gap})
    assert alone.subject == "GoPro Sync Listing Incomplete (prod): GoPro counts 8, showed 7"
    lines = alone.text.splitlines()
    assert lines[0].startswith(
        "The listing of the library is incomplete: GoPro counts 8, showed 7 items, on every attempt."
    )
    assert "What to do: compare" in lines[0]
    assert "from row 10001 on" in notice(quiet | {"listing_gap": gap | {"refused_from": 10_001}}).text
    nameless = notice(quiet | {"listing_gap": gap | {"shown": 8, "nameless": 2}})
    assert nameless.subject == "GoPro Sync Listing Incomplete (prod): GoPro counts 8, showed 8, 2 of them without an id"
    assert "2 of these rows have no id" in notice(quiet | {"listing_gap": gap | {"nameless": 2}}).text
    # Beside failed videos it is a paragraph of theirs.
    beside = notice(SUMMARY | {"listing_gap": gap})
    assert beside.subject == "GoPro Sync Partial Failure (prod): 3 of 5 videos"
    assert lines[0] in beside.text.splitlines()
