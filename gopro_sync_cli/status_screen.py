"""What `status` prints: lines for people, and one JSON record for programs (docs/cli.md). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from gopro_sync.gopro.session.credentials import CredentialMode
from gopro_sync.run.waiting import WAITING_REASONS
from gopro_sync.table.video_counts import VideoCounts
from gopro_sync.values.timestamps import iso_utc
from gopro_sync_cli.figures import clock, counted, dollars, length, size
from gopro_sync_cli.run_history import Run, RunState, last_ended, last_listing
from gopro_sync_cli.run_records import run_record
from gopro_sync_cli.status_facts import Alerts, CountedVideos, Facts, Login, MonthCost, Schedule, Unread
from gopro_sync_cli.status_verdict import Verdict

_SECONDS_PER_HOUR: Final = 3600
# The summary's words for what will never be archived; the others become due, or are shown as waiting.
_NEVER_ARCHIVED: Final = {"photo": "photo", "edit": "edit", "audio": "audio file"}
_KINDS_OF_LOGIN: Final = {
    CredentialMode.PASSWORD: "e-mail and password, renews itself",
    CredentialMode.REFRESH_TOKEN: "refresh token, renews itself",
    CredentialMode.PASTED_TOKEN: "pasted token, which only a person can replace",
}

Line = tuple[str, str]


def headline(facts: Facts, verdict: Verdict) -> str:
    """Return the first line: the word, and how much of the library is archived."""
    if isinstance(facts.videos, Unread):
        return f"{verdict.word}  how many videos are archived could not be read"
    videos = facts.videos
    stored = "" if not isinstance(facts.storage, dict) else f" ({size(sum(facts.storage.values()))})"
    archived = f"{videos.counts.completed:,} of {counted(videos.to_archive, 'video')} archived{stored}"
    return f"{verdict.word}  {archived}"


def lines(facts: Facts, verdict: Verdict) -> list[Line]:
    """Return the lines below it, each with its label; what does not exist has none."""
    zone = zone_of(facts.schedule)
    last = last_ended(facts.runs)
    return [
        *(("why", finding.text) for finding in verdict.findings if not finding.is_in_figures),
        *_stack(facts),
        *_runs(facts, last, zone),
        *_next_run(facts, zone),
        *_videos(facts, last, zone),
        *_storage(facts),
        *_login(facts, zone),
        *_alerts(facts),
        *_cost(facts),
        *_not_ours(facts),
        *_as_of(facts, zone),
    ]


def zone_of(schedule: object) -> tzinfo:
    """Return the schedule's time zone; UTC where it is not known."""
    if isinstance(schedule, Schedule):
        with suppress(KeyError, ValueError, OSError):
            return ZoneInfo(schedule.zone_name)
    return UTC


def record(facts: Facts, verdict: Verdict) -> dict[str, Any]:
    """Return the same as a JSON record; what is not known is null."""
    last = last_ended(facts.runs)
    listing = last_listing(facts.runs)
    running = next((run for run in facts.runs if run.state is RunState.RUNNING), None)
    videos = facts.videos if isinstance(facts.videos, CountedVideos) else None
    schedule = facts.schedule if isinstance(facts.schedule, Schedule) else None
    login = facts.login if isinstance(facts.login, Login) else None
    cost = facts.cost if isinstance(facts.cost, MonthCost) else None
    next_run = None if schedule is None else schedule.next_after(facts.now, _last_start(facts))
    return {
        "type": "status",
        "verdict": verdict.word,
        "reasons": [finding.text for finding in verdict.findings],
        "next": verdict.command,
        "stack": facts.stack_name,
        "stack_status": facts.stack_status,
        "as_of": iso_utc(facts.now),
        "counted_at": None if videos is None else iso_utc(videos.as_of),
        "videos": None if videos is None else _numbers(videos.counts),
        "failed_by_error": None if videos is None else dict(videos.failed_by_error),
        "next_attempt_at": None if videos is None or videos.next_due is None else iso_utc(videos.next_due),
        "last_run": None if last is None else run_record(last),
        "running": None if running is None else run_record(running),
        "schedule": None if schedule is None else _schedule_record(schedule),
        "next_run_at": None if next_run is None else iso_utc(next_run),
        "login": None if login is None else _login_record(login),
        "alerts": asdict(facts.alerts) if isinstance(facts.alerts, Alerts) else None,
        "storage_bytes": dict(facts.storage) if isinstance(facts.storage, dict) else None,
        "month_cost_usd": None if cost is None else round(cost.usd, 4),
        "month_runs_without_cost": None if cost is None else cost.others,
        "not_archived": None if listing is None or listing.summary is None else dict(listing.summary.skipped),
        "unread": {name: fact.why for name, fact in facts.unread().items()},
    }


def _numbers(counts: VideoCounts) -> dict[str, int]:
    return {name: number for name, number in asdict(counts).items() if name != "just_completed"}


def _schedule_record(schedule: Schedule) -> dict[str, Any]:
    return {"enabled": schedule.is_enabled, "expression": schedule.expression, "zone": schedule.zone_name}


def _login_record(login: Login) -> dict[str, Any]:
    return {"kind": login.mode, "expires_at": None if login.expires_at is None else iso_utc(login.expires_at)}


def _unread(label: str, fact: Unread) -> Line:
    return label, f"could not be read: {fact.why}"


def _stack(facts: Facts) -> Iterator[Line]:
    if facts.stack_status.endswith("_IN_PROGRESS"):
        yield "stack", f"is being changed at this moment ({facts.stack_status})"


def _runs(facts: Facts, last: Run | None, zone: tzinfo) -> Iterator[Line]:
    if facts.executions is not None:
        yield _unread("runs", facts.executions)
    if facts.summaries is not None:
        yield _unread("summaries", facts.summaries)
    for run in facts.runs:
        if run.state is RunState.RUNNING and run.started_at is not None:
            since = length((facts.now - run.started_at).total_seconds())
            yield "running", f"since {clock(run.started_at, facts.now, zone)}, for {since}"
    if last is not None and last.started_at is not None:
        yield "last run", ", ".join([clock(last.started_at, facts.now, zone), *_what_came_of(last)])


def _what_came_of(run: Run) -> Iterator[str]:
    summary = run.summary
    if run.state not in {RunState.SUCCEEDED, RunState.PARTIAL_FAILURE}:
        yield run.state.replace("_", " ")
    if summary is not None and summary.synced is not None:
        yield f"{summary.synced:,} archived"
    if summary is not None and summary.failed:
        yield f"{summary.failed:,} failed"
    if summary is not None and summary.deferred:
        yield f"{summary.deferred:,} left to the next"
    if run.ended_at is not None and run.started_at is not None:
        yield length((run.ended_at - run.started_at).total_seconds())


def _last_start(facts: Facts) -> datetime | None:
    return max((run.started_at for run in facts.runs if run.started_at is not None), default=None)


def _next_run(facts: Facts, zone: tzinfo) -> Iterator[Line]:
    schedule = facts.schedule
    if isinstance(schedule, Unread):
        yield _unread("next run", schedule)
    elif not schedule.is_enabled:
        yield "next run", "none: the schedule is disabled"
    elif (moment := schedule.next_after(facts.now, _last_start(facts))) is not None:
        yield "next run", f"{clock(moment, facts.now, zone)} {schedule.zone_name}"
    else:
        yield "next run", f"by {schedule.expression} {schedule.zone_name}"


def _videos(facts: Facts, last: Run | None, zone: tzinfo) -> Iterator[Line]:
    videos = facts.videos
    if isinstance(videos, Unread):
        yield _unread("videos", videos)
        return
    counts = videos.counts
    if counts.pending or counts.in_progress:
        begun = f", {counts.in_progress:,} of them begun" if counts.in_progress else ""
        yield "waiting", f"{counts.pending + counts.in_progress:,}{_reasons_to_wait(videos, last)}{begun}"
    if counts.failed:
        errors = ", ".join(
            error if number == counts.failed else f"{error} {number:,}"
            for error, number in sorted(videos.failed_by_error.items(), key=lambda pair: (-pair[1], pair[0]))
        )
        due = "" if videos.next_due is None else f", next try {_due(videos.next_due, facts.now, zone)}"
        yield "failed", f"{counts.failed:,} ({errors}){due}"
    if counts.unreadable:
        yield "unreadable", counted(counts.unreadable, "record")
    summary = None if last is None else last.summary
    is_left = counts.pending or counts.in_progress or counts.failed
    if is_left and summary is not None and summary.oldest_pending_age_hours and summary.counted_at == videos.as_of:
        age = summary.oldest_pending_age_hours * _SECONDS_PER_HOUR + (facts.now - videos.as_of).total_seconds()
        yield "oldest", f"not archived for {length(age)}"


def _reasons_to_wait(videos: CountedVideos, last: Run | None) -> str:
    """Return what keeps videos from being archived as yet, where the last run has found that out."""
    if last is None or last.summary is None or last.summary.counted_at != videos.as_of:
        return ""
    reasons = [(name, last.summary.skipped.get(name, 0)) for name in sorted(WAITING_REASONS)]
    named = ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in reasons if number)
    return f" ({named})" if named else ""


def _due(moment: datetime, now: datetime, zone: tzinfo) -> str:
    return "in the next run" if moment <= now else f"from {clock(moment, now, zone)} on"


def _storage(facts: Facts) -> Iterator[Line]:
    if isinstance(facts.storage, Unread):
        yield _unread("storage", facts.storage)
    elif facts.storage:
        sizes = sorted(facts.storage.items(), key=lambda pair: -pair[1])
        yield "storage", ", ".join(f"{name} {size(number)}" for name, number in sizes)


def _login(facts: Facts, zone: tzinfo) -> Iterator[Line]:
    login = facts.login
    if isinstance(login, Unread):
        yield _unread("login", login)
        return
    if login.mode is None:
        return  # which is why
    parts = [_KINDS_OF_LOGIN[login.mode]]
    if login.expires_at is not None:
        verb = "ended" if login.expires_at <= facts.now else "good until"
        parts.append(f"{verb} {clock(login.expires_at, facts.now, zone)}")
    listing = last_listing(facts.runs)
    if listing is not None and listing.started_at is not None:
        parts.append(f"last used {clock(listing.started_at, facts.now, zone)}")
    yield "login", ", ".join(parts)


def _alerts(facts: Facts) -> Iterator[Line]:
    alerts = facts.alerts
    if isinstance(alerts, Unread):
        yield _unread("alerts", alerts)
    elif alerts.unconfirmed:
        yield "alerts", f"{counted(alerts.unconfirmed, 'address')} not confirmed: follow the link in AWS's e-mail"
    elif not alerts.confirmed and not alerts.has_slack:
        yield "alerts", "reach nobody: set AlertEmail in samconfig.toml, and deploy again"


def _cost(facts: Facts) -> Iterator[Line]:
    if isinstance(facts.cost, Unread):
        if facts.summaries is None:
            yield _unread("cost", facts.cost)
    elif facts.cost.runs:
        others = f"; {counted(facts.cost.others, 'more run')} did not say" if facts.cost.others else ""
        of_runs = counted(facts.cost.runs, "run")
        yield "cost", f"{dollars(facts.cost.usd)} this month ({of_runs}, estimate, without storage{others})"


def _not_ours(facts: Facts) -> Iterator[Line]:
    listing = last_listing(facts.runs)
    summary = None if listing is None else listing.summary
    skipped = {} if summary is None else summary.skipped
    parts = [counted(skipped[name], thing) for name, thing in _NEVER_ARCHIVED.items() if skipped.get(name)]
    if summary is not None and summary.filtered:
        parts.append(f"{counted(summary.filtered, 'video')} outside your filters")
    if isinstance(facts.videos, CountedVideos) and facts.videos.counts.gone:
        parts.append(f"{counted(facts.videos.counts.gone, 'video')} gone at GoPro too early")
    if parts:
        yield "not ours", f"{', '.join(parts)}: NOT archived"


def _as_of(facts: Facts, zone: tzinfo) -> Iterator[Line]:
    if isinstance(facts.videos, Unread):
        return
    now = clock(facts.now, facts.now, zone)
    how = f"by the count of {clock(facts.videos.as_of, facts.now, zone)} and the changes since"
    yield "as of", f"{now}, {'all records counted' if facts.videos.is_recount else how}"
