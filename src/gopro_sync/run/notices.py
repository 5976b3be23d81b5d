"""What people are notified of: from a run's summary to the subject and the text of the notice, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gopro_sync.cost.prices import PRICES_REGION
from gopro_sync.errors import MAY_LAST_FOR_MONTHS, IncompleteSourceError, InvalidEventError
from gopro_sync.run.listing_gap import gap_in_words, lines_on_gap
from gopro_sync.run.never_archived_notice import lines_on_gone, lines_on_waiting_in_vain
from gopro_sync.run.notice_lines import MOST_NAMED, number_of, shortened
from gopro_sync.run.platform_faults import explanation_of, is_passing
from gopro_sync.telemetry.alerts import LONGEST_MESSAGE_BYTES
from gopro_sync.values.event_fields import (
    JsonObject,
    optional_count,
    optional_flag,
    optional_text,
    optional_time,
    required_count,
    required_objects,
    required_text,
)
from gopro_sync.values.outside_values import sendable_text

FAILED: Final = "FAILED"
PARTIAL_FAILURE: Final = "PARTIAL_FAILURE"

# SNS takes fewer than 100 characters, printable ASCII: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_LONGEST_SUBJECT: Final = 99
_NOT_IN_A_SUBJECT: Final = re.compile(r"[^ -~]")
_LONGEST_WHY: Final = 200
_BYTES_PER_MEGABYTE: Final = 1e6
_BYTES_PER_GIGABYTE: Final = 1e9
# The length to which the state machine cuts each video's reason (statemachine/sync.asl.json, VideoBlocked).
_LONGEST_REASON: Final = 100

# Each partition's console; the names of the others are not public.
_CONSOLES: Final = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_EXECUTION_ARN: Final = re.compile(r"arn:(?P<partition>[a-z-]+):states:(?P<region>[a-z0-9-]+):[0-9]+:execution:.+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run has failed.

    Attributes:
        error: the error's name, which docs/troubleshooting.md lists.
        message: what happened, and what a person can do.
    """

    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The chain of runs that drains a backlog, as the state machine describes it to each of them.

    Attributes:
        continues: whether this run was to start the next one if it left work.
        runs_of_day: which run of the chain this was, counted from its first of the day.
        most_runs_a_day: how many are allowed within 24 hours.
        redrives: whether failed videos were to be retried: each gets one attempt, so that failures are progress too.
    """

    continues: bool
    runs_of_day: int
    most_runs_a_day: int
    redrives: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is published to those who receive the alerts."""

    subject: str
    text: str


def failure_of(summary: JsonObject, reason: Failure | None) -> Failure | None:
    """Return why the run has failed; None if it has not.

    Args:
        summary: the run's.
        reason: the error of the question why a run was blocked; None if that was not asked, or was answered.

    Raises:
        InvalidEventError: the summary lacks a field, or has one of the wrong shape.
    """
    if required_text(summary, "status") != FAILED:
        return None
    stopped_by = required_text(summary, "stopped_by")
    message = optional_text(summary, "message")
    if message is not None:
        return Failure(error=stopped_by, message=message)
    because = _reason(optional_text(summary, "stopped_because") or "")
    if reason is not None and is_passing(reason.error):
        message = (
            f"{because}The reason cannot be given: {explanation_of(reason.error)} In this run: {_counts(summary)} left."
        )
        return Failure(error=stopped_by, message=message)
    if reason is not None:
        message = f"{reason.message} In this run: {_counts(summary)} left for the next run."
        return Failure(error=reason.error, message=message)
    return Failure(error=stopped_by, message=_why_stopped(stopped_by, because, _counts(summary)))


def got_nowhere(summary: JsonObject) -> bool:
    """Return whether videos failed in a run, and nothing of any other was archived or sent, not even by another run.

    Raises:
        InvalidEventError: the summary lacks a field, or has one of the wrong shape.
    """
    if not optional_count(summary, "failed"):
        return False
    is_any_archived = required_count(summary, "synced") > 0 or bool(optional_count(summary, "archived_by_another_run"))
    return not is_any_archived and not optional_count(summary, "bytes_unfinished")


def notice_of(
    summary: JsonObject,
    failure: Failure | None,
    *,
    environment: str,
    tracker_table_name: str,
    backlog: Backlog | None = None,
) -> Notice | None:
    """Return the notice of the run; None if everything went well.

    Args:
        summary: the run's, as it is kept.
        failure: why the run has failed; None if it has not.
        environment: that of the stack.
        tracker_table_name: the table with the failed videos' records.
        backlog: the chain that the run belongs to; None if it did not get that far.

    Raises:
        InvalidEventError: the summary lacks a field, or has one of the wrong shape.
    """
    if failure is not None:
        return _sendable(f"GoPro Sync Critical Failure ({environment})", _critical(summary, failure))
    stopped = "" if backlog is None else _why_backlog_stopped(summary, backlog)
    if optional_count(summary, "failed"):
        return _sendable(_partial_subject(summary, environment), _partial(summary, tracker_table_name, stopped=stopped))
    if stopped:
        subject = f"GoPro Sync Backlog Stopped ({environment}): {_videos(summary, 'deferred')} left"
    elif optional_count(summary, "unrecordable"):
        subject = f"GoPro Sync Videos Left Out ({environment}): {_videos(summary, 'unrecordable')}"
    elif optional_count(summary, "found_without_record"):
        subject = f"GoPro Sync Records Missing ({environment}): run ./gopro-sync rebuild"
    elif news := _one_time_news(summary):
        subject = f"GoPro Sync {news[0]} ({environment}): {news[1]}"
    else:
        return None
    return _sendable(subject, _not_all(summary, tracker_table_name, stopped))


def _one_time_news(summary: JsonObject) -> tuple[str, str] | None:
    """Return what to report although no video has failed, in a few words: the kind, and the matter."""
    if optional_flag(summary, "source_etags_decided"):
        return "Note", "GoPro's ETags prove nothing here"
    if gap := gap_in_words(summary):
        return "Listing Incomplete", gap
    if gone := optional_count(summary, "gone"):
        return "Videos Gone", number_of(gone, "video")
    if waiting := optional_count(summary, "waiting_in_vain"):
        return "Items Waiting", number_of(waiting, "item")
    return None


def _partial_subject(summary: JsonObject, environment: str) -> str:
    failed, new = required_count(summary, "failed"), required_count(summary, "new_count")
    if got_nowhere(summary):
        return f"GoPro Sync Failure ({environment}): no video was archived, {failed} of {new} failed"
    return f"GoPro Sync Partial Failure ({environment}): {failed} of {new} videos"


def _why_backlog_stopped(summary: JsonObject, backlog: Backlog) -> str:
    """Return why the chain of runs ends here though work is left; empty if it continues, or was not to."""
    # What another run is working on is not left behind.
    left = (optional_count(summary, "deferred") or 0) - (optional_count(summary, "held_by_another_run") or 0)
    if not (backlog.continues and left > 0):
        return ""
    has_tried_some = backlog.redrives and bool(optional_count(summary, "failed"))
    if (
        required_count(summary, "synced") == 0
        and not optional_count(summary, "archived_by_another_run")
        and not optional_count(summary, "bytes_unfinished")
        and not has_tried_some
    ):
        return (
            "The backlog does not continue automatically now: this run neither archived a video nor sent a part of "
            f"one, and another would only repeat it. {number_of(left, 'video')} left: the next scheduled run "
            "continues. What to do: nothing if another run is working on them at this moment; otherwise, if the next "
            "run ends like this one, look up what the downloads answered in the executions of its videos (at the "
            "address below; docs/troubleshooting.md says what to do about each error)."
        )
    if backlog.runs_of_day >= backlog.most_runs_a_day:
        return (
            f"The backlog does not continue automatically now: this was its run number {backlog.runs_of_day} within 24 "
            f"hours, and the limit is {backlog.most_runs_a_day}. {number_of(left, 'video')} left: the next scheduled "
            "run continues. What to do: start a run to continue now. So many runs mean that each takes few videos: "
            "raise MaxVideosPerRun, or the input's max_videos."
        )
    return ""


def _videos(summary: JsonObject, name: str) -> str:
    return number_of(required_count(summary, name), "video")


def _why_stopped(error: str, because: str, counts: str) -> str:
    left = f"No video is marked for it: {counts} left for the next run."
    match error:
        case "AccessDeniedError":
            return (
                f"{because}A person has to act before videos can be archived. Deploying the stack again restores the "
                "roles; if they are as in template.yaml, look at the policies of the bucket and of the key "
                f"(docs/troubleshooting.md), then start the run again. {left}"
            )
        case _ if explanation := explanation_of(error):
            return f"{because}{explanation} {left}"
        case _ if error.startswith(("Runtime.", "Sandbox.", "States.")):
            return f"{because}AWS ended the call of a function. docs/troubleshooting.md says what to do. {left}"
        case "ConfigurationError" if because:
            return f"{because}docs/troubleshooting.md says what to do about {error}; then start the run again. {left}"
        case "GoProUnavailableError":
            return (
                f"GoPro asked for fewer requests, or did not answer, until the run had to end: {counts} left. "
                "No video is lost or marked for it, and the next run resumes automatically."
            )
        case _:
            return (
                f"GoPro accepts the session now: start the run again, or wait for the next one. If {error} comes back, "
                f"docs/troubleshooting.md says what to do. In this run: {counts} left for the next run."
            )


def _reason(reason: str) -> str:
    """Return the reason as whole sentences, followed by a blank; what is cut off ends before AWS's own words."""
    if len(reason) < _LONGEST_REASON:
        return f"{reason} " if reason.endswith(".") else f"{reason}. " if reason else ""
    words, has_own_words, _ = reason.partition(" (")
    return f"{words}. " if has_own_words else f"{reason}... "


def _counts(summary: JsonObject) -> str:
    synced, failed = required_count(summary, "synced"), required_count(summary, "failed")
    return f"{synced} archived, {failed} failed, {required_count(summary, 'deferred')}"


def _critical(summary: JsonObject, failure: Failure) -> str:
    execution_id = required_text(summary, "execution_id")
    return "\n".join(
        [
            "The GoPro sync run failed. Videos that are archived already are safe.",
            "",
            f"{failure.error}: {failure.message}",
            "",
            # Reported once, even by a run that failed later.
            *lines_on_gone(summary),
            *lines_on_waiting_in_vain(summary),
            f"Execution: {execution_id}",
            f"Started: {required_text(summary, 'started_at')}",
            *_console_address(execution_id),
        ]
    )


def _not_all(summary: JsonObject, tracker_table_name: str, stopped: str) -> str:
    execution_id = required_text(summary, "execution_id")
    return "\n".join(
        [
            *([stopped, ""] if stopped else []),
            *_reopened(summary),
            *_left_out(summary, tracker_table_name),
            *_records_missing(summary, tracker_table_name),
            *_etags_decided(summary, tracker_table_name),
            *lines_on_gap(summary),
            *lines_on_gone(summary),
            *lines_on_waiting_in_vain(summary),
            *_waiting(summary),
            f"In this run: {_counts(summary)} left. {_transferred(summary)}.",
            "",
            f"Execution: {execution_id}",
            *_console_address(execution_id),
        ]
    )


def _partial(summary: JsonObject, tracker_table_name: str, *, stopped: str) -> str:
    failed, new = required_count(summary, "failed"), required_count(summary, "new_count")
    execution_id = required_text(summary, "execution_id")
    return "\n".join(
        [
            f"{failed} of {new} due videos could not be archived. In this run: {_counts(summary)} left.",
            f"{_videos(summary, 'total_found')} found, {required_count(summary, 'already_synced')} "
            f"of them archived before. {_transferred(summary)}.",
            "",
            "Failures by error:",
            *_failures_by_error(summary),
            "",
            *_hint(summary),
            *_failed_videos(summary),
            f"Each is marked FAILED in the table {tracker_table_name} and has a message in the dead letter queue"
            f"{_which_dead_letters(summary)}. What to do: see docs/troubleshooting.md for each error. They are "
            "retried automatically when due; ./gopro-sync redrive retries those in the queue now.",
            "",
            *([stopped, ""] if stopped else []),
            *_reopened(summary),
            *_left_out(summary, tracker_table_name),
            *_records_missing(summary, tracker_table_name),
            *_etags_decided(summary, tracker_table_name),
            *lines_on_gap(summary),
            *lines_on_gone(summary),
            *lines_on_waiting_in_vain(summary),
            *_waiting(summary),
            f"Execution: {execution_id}",
            *_console_address(execution_id),
        ]
    )


def _left_out(summary: JsonObject, tracker_table_name: str) -> list[str]:
    """Name the videos that have no usable record."""
    if not optional_count(summary, "unrecordable"):
        return []
    return [
        f"Left out: {_videos(summary, 'unrecordable')}; the others are not affected. The table {tracker_table_name} "
        "does not accept the record, or holds one that cannot be read; each run tries again. What to do: see "
        f"docs/troubleshooting.md, A video is left out (at most {MOST_NAMED} are listed):",
        *_named(summary, "unrecordable_videos", "reason"),
        "",
    ]


def _waiting(summary: JsonObject) -> list[str]:
    """Name what cannot be archived yet. It is no reason for a notice, but completes one that is sent anyway."""
    if not optional_count(summary, "waiting"):
        return []
    return [
        f"Not archived yet: {_videos(summary, 'waiting')}. GoPro is processing them, or their state or type is not "
        "known. What to do: nothing; docs/troubleshooting.md, A video is missing from the archive, says what each "
        f"reason means (at most {MOST_NAMED} are listed):",
        *_named(summary, "waiting_videos", "reason"),
        "",
    ]


def _reopened(summary: JsonObject) -> list[str]:
    """Name the videos that were archived, and are tried again because GoPro shows more of them."""
    count = optional_count(summary, "reopened")
    if not count:
        return []
    announcement = (
        "1 video was re-opened because GoPro now shows more of it"
        if count == 1
        else f"{count} videos were re-opened because GoPro now shows more of them"
    )
    return [
        f"{announcement}; what is archived is left untouched (at most {MOST_NAMED} are listed):",
        *_named(summary, "reopened_videos", "reason"),
        "",
    ]


def _which_dead_letters(summary: JsonObject) -> str:
    failures = summary.get("failures")
    if isinstance(failures, Mapping) and any(error.__name__ in failures for error in MAY_LAST_FOR_MONTHS):
        return (
            " (one that may keep failing for months has one for its first failure only, which stays there for 14 days)"
        )
    return ""


def _records_missing(summary: JsonObject, tracker_table_name: str) -> list[str]:
    """Report that the table is lost, or older than the bucket."""
    if not optional_count(summary, "found_without_record"):
        return []
    return [
        f"Records are missing: the bucket holds videos that the table {tracker_table_name} has no record of "
        f"({_videos(summary, 'found_without_record')} found; a run checks at most 20). Was the table deleted, or "
        "restored to an earlier time? Runs copy such videos again. What to do: ./gopro-sync rebuild writes the records "
        "again (docs/troubleshooting.md, The table is lost).",
        "",
    ]


def _etags_decided(summary: JsonObject, tracker_table_name: str) -> list[str]:
    """Report, once, that the library's ETags are no longer compared."""
    if not optional_flag(summary, "source_etags_decided"):
        return []
    return [
        "Nothing is wrong: the ETags that GoPro's servers give this library's files are not the MD5s of their bytes. "
        "For three files, bytes were read a second time and were the same. From now on, videos are no longer compared "
        "with their ETags; size and checksum still are. What to do: nothing. To have the ETags evaluated again, delete "
        f"the item #source-etags from the table {tracker_table_name} (docs/reliability.md, The source's ETag).",
        "",
    ]


def _hint(summary: JsonObject) -> list[str]:
    if not got_nowhere(summary):
        return []
    return [
        "Nothing was archived. When all videos fail in the same way, the cause is rarely a video: look up the most "
        "frequent error in docs/troubleshooting.md first, then retry them.",
        "",
    ]


def _transferred(summary: JsonObject) -> str:
    size, seconds = _size(required_count(summary, "bytes_transferred")), required_count(summary, "duration_seconds")
    text = f"{size} in {number_of(seconds, 'second')}"
    if "megabytes_per_second" in summary:
        text += f": {_one_decimal(summary['megabytes_per_second'])} MB/s"
    if "cost_usd" in summary:
        text += f", about ${summary['cost_usd']:.2f} at {PRICES_REGION}'s prices"
    return text


def _size(size_bytes: int) -> str:
    if size_bytes < _BYTES_PER_GIGABYTE:
        return f"{_one_decimal(size_bytes / _BYTES_PER_MEGABYTE)} MB"
    return f"{_one_decimal(size_bytes / _BYTES_PER_GIGABYTE)} GB"


def _failures_by_error(summary: JsonObject) -> list[str]:
    failures = summary.get("failures")
    if not isinstance(failures, Mapping):
        raise InvalidEventError("The event's field 'failures' is not a JSON object")
    lines = [_failures_by(error, required_count(failures, error)) for error in failures]
    more = len(lines) - MOST_NAMED
    return lines[:MOST_NAMED] + ([f"  and {more} other errors"] if more > 0 else [])


def _failures_by(error: str, count: int) -> str:
    explanation = explanation_of(error)
    return f"  {shortened(error)}: {count}" + (f"\n    {explanation}" if explanation else "")


def _failed_videos(summary: JsonObject) -> list[str]:
    """Name the first videos with everything known about them, and count the others by error."""
    videos = required_objects(summary, "failed_videos")[:MOST_NAMED]
    lines = [line for video in videos for line in _failed_video(video)]
    rest = Counter({error: required_count(summary["failures"], error) for error in summary["failures"]})
    rest.subtract(required_text(video, "error") for video in videos)
    others = [f"{shortened(error)} {count}" for error, count in rest.most_common(MOST_NAMED) if count > 0]
    if others:
        lines.append(f"  not listed here: {', '.join(others)}")
    return [*(["Videos:"] if videos else []), *lines, ""] if lines else []


def _failed_video(video: JsonObject) -> list[str]:
    media_id, error = shortened(required_text(video, "media_id")), required_text(video, "error")
    filename, reason = optional_text(video, "filename"), optional_text(video, "reason")
    name = media_id if filename is None else f"{filename} ({media_id})"
    lines = [f"  {name}: {shortened(error)}{_attempts(video)}"]
    if reason is not None:
        lines.append(f"    {reason}")
    if error == IncompleteSourceError.__name__:
        lines.append(f"    To accept what is archived as the whole video: ./gopro-sync accept {media_id}")
    return lines


def _attempts(video: JsonObject) -> str:
    attempts, due = optional_count(video, "attempts"), optional_time(video, "next_attempt_after")
    text = "" if not attempts else f", attempt {attempts}"
    return text if due is None else f"{text}, due again from {due:%Y-%m-%d %H:%M} UTC"


def _named(summary: JsonObject, name: str, why: str) -> list[str]:
    return [
        f"  {shortened(required_text(video, 'media_id'))}: {required_text(video, why)[:_LONGEST_WHY]}"
        for video in required_objects(summary, name)[:MOST_NAMED]
    ]


def _console_address(execution_id: str) -> list[str]:
    """Return the execution's address in the AWS console, on a line of its own; no line for what is no execution."""
    arn = _EXECUTION_ARN.fullmatch(execution_id)
    if arn is None or arn["partition"] not in _CONSOLES:
        return []
    region = arn["region"]
    console = f"https://{region}.{_CONSOLES[arn['partition']]}"
    return [f"{console}/states/home?region={region}#/v2/executions/details/{execution_id}"]


def _sendable(subject: str, text: str) -> Notice:
    return Notice(
        subject=_NOT_IN_A_SUBJECT.sub("?", subject)[:_LONGEST_SUBJECT],
        text=sendable_text(text, longest_bytes=LONGEST_MESSAGE_BYTES),
    )


def _one_decimal(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
