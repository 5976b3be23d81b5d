"""What is known of a stack, from which `status_verdict.py` judges: each fact may be one that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gopro_sync.gopro.session.credentials import CredentialMode
from gopro_sync.table.video_counts import VideoCounts
from gopro_sync_cli.run_history import Run
from gopro_sync_cli.schedule_times import NotReadableError, read_cron, read_rate

_UTC: Final = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A fact that could not be read.

    Attributes:
        permission: what the AWS credentials must allow for it.
        why: what happened, in words.
        is_denied: whether they do not.
    """

    permission: str
    why: str
    is_denied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedVideos:
    """All videos of the table.

    Attributes:
        counts: as they are now.
        as_of: when the records were counted, one by one.
        is_recount: whether that was just now, and not at the end of the last run.
        failed_by_error: the failed ones, without those that are gone.
        next_due: when the first of these is tried again.
    """

    counts: VideoCounts
    as_of: datetime
    is_recount: bool
    failed_by_error: Mapping[str, int]
    next_due: datetime | None

    @property
    def to_archive(self) -> int:
        """How many videos there are to archive, the archived ones included: all that GoPro has, or had in time."""
        return self.counts.total - self.counts.gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When runs start.

    Attributes:
        is_enabled: whether they do.
        expression: cron(...) or rate(...).
        zone_name: whose clock it goes by.
        changed_at: since when it is as it is.
    """

    is_enabled: bool
    expression: str
    zone_name: str = _UTC
    changed_at: datetime | None = None

    def next_after(self, now: datetime, last_start: datetime | None) -> datetime | None:
        """Return when the next run starts; None if it does not, or that is not known."""
        if not self.is_enabled:
            return None
        try:
            return read_cron(self.expression, self.zone_name).after(now)
        except NotReadableError:
            every = self._every()
            return None if every is None or last_start is None else max(now, last_start + every)

    def last_due(self, moment: datetime) -> datetime | None:
        """Return the last time until a moment at which a run should have started by this schedule; None if unknown."""
        try:
            due = read_cron(self.expression, self.zone_name).before(moment)
        except NotReadableError:
            every = self._every()
            due = None if every is None else moment - every
        return None if due is None or (self.changed_at is not None and due <= self.changed_at) else due

    @property
    def is_readable(self) -> bool:
        """Whether its times are known here."""
        try:
            read_cron(self.expression, self.zone_name)
        except NotReadableError:
            return self._every() is not None
        return True

    def _every(self) -> timedelta | None:
        try:
            return read_rate(self.expression)
        except NotReadableError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The GoPro login that the secret holds.

    Attributes:
        mode: its kind; None if nothing is stored.
        expires_at: when the session ends.
        stored_at: when it was stored, by a person or by a renewal.
        fault: why what is stored cannot be a login; None if it can.
    """

    mode: CredentialMode | None
    expires_at: datetime | None = None
    stored_at: datetime | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """Who gets the alerts.

    Attributes:
        confirmed: how many addresses do.
        unconfirmed: how many have not followed AWS's link yet.
        has_slack: whether a Slack channel does.
    """

    confirmed: int
    unconfirmed: int
    has_slack: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthCost:
    """What the runs of this month have cost, by their summaries.

    Attributes:
        usd: that, without storage.
        runs: how many have said it.
        others: how many have not, or could not be read.
    """

    usd: float
    runs: int
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of a stack.

    Attributes:
        now: the time.
        stack_name: the stack.
        stack_status: CloudFormation's word.
        state_machine_arn: what a run is an execution of.
        program: what people type to run this command line.
        stack_option: what they add to name this stack; empty where it is found without.
        runs: the last ones, as far as they are known, those that began last first.
        executions: why Step Functions listed none of them; None if it did.
        summaries: why none of their summaries was read; None if they were.
        videos: the table's.
        schedule: when runs start.
        login: at GoPro.
        alerts: who gets them.
        storage: bytes in the bucket, by storage class; None if CloudWatch has not measured them yet.
        cost: of this month.
    """

    now: datetime
    stack_name: str
    stack_status: str
    state_machine_arn: str
    program: str
    stack_option: str
    runs: tuple[Run, ...]
    executions: Unread | None
    summaries: Unread | None
    videos: CountedVideos | Unread
    schedule: Schedule | Unread
    login: Login | Unread
    alerts: Alerts | Unread
    storage: Mapping[str, int] | Unread | None
    cost: MonthCost | Unread

    def unread(self) -> dict[str, Unread]:
        """Return what could not be read, by its name."""
        facts = {name: getattr(self, name) for name in FACTS}
        return {name: fact for name, fact in facts.items() if isinstance(fact, Unread)}


# By name, as they are shown to people and programs.
FACTS: Final = ("executions", "summaries", "videos", "schedule", "login", "alerts", "storage", "cost")
