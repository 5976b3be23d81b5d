"""One word for a stack: SAFE, BEHIND, BROKEN or UNKNOWN, why, and what to type next. Pure.

What could not be read never counts as good. What is known to be bad comes before what is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from gopro_sync.errors import AuthenticationError, SessionRefusedError
from gopro_sync.gopro.session.credentials import CredentialMode
from gopro_sync.values.timestamps import iso_utc
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.run_history import Run, RunState, last_ended, short_id
from gopro_sync_cli.status_facts import CountedVideos, Facts, Login, Schedule

# The schedule's own retries (template.yaml, SyncSchedule) may start a run this much later.
_GRACE: Final = timedelta(hours=1)
# Nobody expects more of runs that are started by hand, or by a schedule whose times are not known here.
_RECENT: Final = timedelta(hours=26)
_SESSION_ERRORS: Final = frozenset({AuthenticationError.__name__, SessionRefusedError.__name__})
# The verdict depends on these; the others are only shown.
_DECISIVE: Final = ("executions", "summaries", "videos", "schedule", "login")


@unique
class Word(StrEnum):
    """What there is to say of an archive; the later one outweighs the earlier."""

    SAFE = "SAFE"
    BEHIND = "BEHIND"
    UNKNOWN = "UNKNOWN"
    BROKEN = "BROKEN"


_WEIGHT: Final = {word: weight for weight, word in enumerate(Word)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that keeps the archive from being SAFE.

    Attributes:
        word: what it makes of it.
        text: what it is.
        command: what to type about it; None if there is nothing to do.
        is_in_figures: whether the figures, which are shown anyway, say it.
    """

    word: Word
    text: str
    command: str | None = None
    is_in_figures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of a stack.

    Attributes:
        word: the one word.
        findings: why, the weightiest first.
        command: what to type next.
        exit_code: of the command that says it.
    """

    word: Word
    findings: tuple[Finding, ...]
    command: str
    exit_code: ExitCode


def judge(facts: Facts) -> Verdict:
    """Judge a stack by what is known of it."""
    found = sorted(_findings(facts), key=lambda finding: -_WEIGHT[finding.word])
    word = found[0].word if found else Word.SAFE
    commands = [finding.command for finding in found if finding.word is word and finding.command is not None]
    return Verdict(
        word=word,
        findings=tuple(found),
        command=next(iter(commands), f"{facts.program} runs{facts.stack_option}"),
        exit_code=_exit_code(word, facts),
    )


def _exit_code(word: Word, facts: Facts) -> ExitCode:
    has_failed_videos = isinstance(facts.videos, CountedVideos) and facts.videos.counts.failed > 0
    match word:
        case Word.BROKEN:
            return ExitCode.FAILED
        case Word.UNKNOWN:
            return ExitCode.NOT_CHECKED
        case Word.BEHIND if has_failed_videos:
            return ExitCode.FAILED
    return ExitCode.DONE


def _findings(facts: Facts) -> Iterator[Finding]:
    yield from _of_stack(facts)
    yield from _of_what_is_unread(facts)
    if isinstance(facts.login, Login):
        yield from _of_login(facts, facts.login)
    yield from _of_last_run(facts)
    if isinstance(facts.schedule, Schedule) and facts.executions is None:
        yield from _of_schedule(facts, facts.schedule)
    if isinstance(facts.videos, CountedVideos):
        yield from _of_videos(facts, facts.videos)


def _of_stack(facts: Facts) -> Iterator[Finding]:
    status = facts.stack_status
    if status.endswith("_FAILED") or status.startswith("DELETE_"):
        yield Finding(
            word=Word.BROKEN,
            text=f"the stack is {status}",
            command=f"aws cloudformation describe-stack-events --stack-name {facts.stack_name} --max-items 20",
        )


def _of_what_is_unread(facts: Facts) -> Iterator[Finding]:
    unread = facts.unread()
    for name in _DECISIVE:
        if (fact := unread.get(name)) is not None:
            again = f"{facts.program} status{facts.stack_option}"
            allow = f"allow {fact.permission} to these AWS credentials, then {again}"
            yield Finding(
                word=Word.UNKNOWN,
                text=f"{name} could not be read: {fact.why}",
                command=allow if fact.is_denied else again,
                is_in_figures=True,
            )


def _of_login(facts: Facts, login: Login) -> Iterator[Finding]:
    if login.fault is not None or login.mode is None:
        text = "no GoPro login is stored" if login.fault is None else f"the stored GoPro login is none: {login.fault}"
        yield Finding(word=Word.BROKEN, text=text, command=_set_credentials(facts))
    elif (
        login.mode is CredentialMode.PASTED_TOKEN
        and login.expires_at is not None
        and login.expires_at <= facts.now
        and not _was_accepted_since(facts, login.expires_at)
    ):
        yield Finding(
            word=Word.BROKEN,
            text=f"the pasted token ended at {iso_utc(login.expires_at)}, and only a person can replace it",
            command=_set_credentials(facts),
        )


def _was_accepted_since(facts: Facts, moment: datetime) -> bool:
    """Whether a run was let in by GoPro after that: the end of a pasted token is an estimate."""
    good = (run for run in facts.runs if run.state in {RunState.SUCCEEDED, RunState.PARTIAL_FAILURE})
    return any(run.started_at is not None and run.started_at > moment for run in good)


def _of_last_run(facts: Facts) -> Iterator[Finding]:
    last = last_ended(facts.runs)
    if last is None:
        if facts.executions is not None or facts.summaries is not None:
            return  # which is shown as such
        is_running = any(run.state is RunState.RUNNING for run in facts.runs)
        text = "the first run has not ended yet" if is_running else "no run yet: nothing is known of the library"
        yield Finding(word=Word.UNKNOWN, text=text, command=None if is_running else _start(facts))
        return
    show = f"{facts.program} run {short_id(last.name)}{facts.stack_option}"
    yield from _of_its_end(facts, last, show)
    yield from _beside_its_end(last, show)


def _of_its_end(facts: Facts, last: Run, show: str) -> Iterator[Finding]:
    match last.state:
        case RunState.FAILED:
            yield Finding(word=Word.BROKEN, text=_why_failed(last), command=_after_failure(facts, last) or show)
        case RunState.TIMED_OUT:
            yield Finding(word=Word.BROKEN, text="the last run ran out of time, and was ended", command=show)
        case RunState.ABORTED:
            yield Finding(word=Word.BEHIND, text="the last run was stopped by somebody", command=_start(facts))
        case RunState.UNKNOWN if facts.summaries is None:
            yield Finding(word=Word.UNKNOWN, text="how the last run ended is not known", command=show)


def _beside_its_end(last: Run, show: str) -> Iterator[Finding]:
    if last.is_notice_lost:
        yield Finding(word=Word.BROKEN, text="the notice of the last run could not be sent", command=show)
    if last.summary is not None and last.summary.unrecordable:
        yield Finding(
            word=Word.BEHIND,
            text=f"{last.summary.unrecordable} videos cannot be recorded, and are left out",
            command=show,
        )
    if last.summary is not None and last.summary.lacking:
        yield Finding(
            word=Word.BEHIND, text=f"GoPro counts {last.summary.lacking} items more than it shows", command=show
        )


def _why_failed(run: Run) -> str:
    error = None if run.summary is None else run.summary.stopped_by
    because = None if run.summary is None else run.summary.stopped_because
    return ": ".join(["the last run failed", *(part for part in (error, because) if part)])


def _after_failure(facts: Facts, run: Run) -> str | None:
    """Return what to type after a run that failed by the login; None for all others."""
    if run.summary is None or run.summary.stopped_by not in _SESSION_ERRORS:
        return None
    stored_at = facts.login.stored_at if isinstance(facts.login, Login) else None
    is_replaced = stored_at is not None and run.ended_at is not None and stored_at > run.ended_at
    return _start(facts) if is_replaced else _set_credentials(facts)


def _of_schedule(facts: Facts, schedule: Schedule) -> Iterator[Finding]:
    starts = [run.started_at for run in facts.runs if run.started_at is not None and run.state is not RunState.DRY_RUN]
    last_start = max(starts, default=None)
    is_recent = last_start is not None and last_start >= facts.now - _RECENT
    if not schedule.is_enabled:
        if not is_recent and last_start is not None:
            text = f"paused: the schedule is disabled, and what is new since {iso_utc(last_start)} is not archived"
            yield Finding(word=Word.BEHIND, text=text, command=_start(facts))
        return
    if not schedule.is_readable:
        if not is_recent:
            yield Finding(
                word=Word.UNKNOWN, text=f"when a run was due is not known here: {schedule.expression}", command=None
            )
        return
    due = schedule.last_due(facts.now - _GRACE)
    if due is not None and (last_start is None or last_start < due - timedelta(minutes=1)):
        since = "no run has ever started" if last_start is None else f"no run has started since {iso_utc(last_start)}"
        yield Finding(word=Word.BROKEN, text=f"{since}, and one was due at {iso_utc(due)}", command=_start(facts))


def _of_videos(facts: Facts, videos: CountedVideos) -> Iterator[Finding]:
    counts = videos.counts
    last = last_ended(facts.runs)
    show = None if last is None else f"{facts.program} run {short_id(last.name)}{facts.stack_option}"
    if counts.failed:
        yield Finding(word=Word.BEHIND, text=f"{_videos(counts.failed)} failed", command=show, is_in_figures=True)
    if left := counts.pending + counts.in_progress:
        yield Finding(word=Word.BEHIND, text=f"{_videos(left)} not archived yet", is_in_figures=True)
    if counts.unreadable:
        yield Finding(word=Word.BEHIND, text=f"{_videos(counts.unreadable)} with a record that cannot be read")


def _videos(number: int) -> str:
    return f"{number:,} video" + ("" if number == 1 else "s")


def _set_credentials(facts: Facts) -> str:
    return f"{facts.program} credentials set{facts.stack_option}"


def _start(facts: Facts) -> str:
    return f"aws stepfunctions start-execution --state-machine-arn {facts.state_machine_arn}"
