"""The runs there were: what Step Functions says of each, and what its summary in S3 says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from typing import Final
from uuid import UUID

from gopro_sync_cli.run_summary import RunSummary

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FEWEST_LETTERS: Final = 8


@unique
class RunState(StrEnum):
    """How a run ended, or that it has not."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL_FAILURE = "PARTIAL_FAILURE"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"
    DRY_RUN = "DRY_RUN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What Step Functions says of a run.

    Attributes:
        name: the execution's name.
        arn: its ARN.
        status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING_REDRIVE.
        started_at: when it began.
        stopped_at: when it ended; None if it has not.
    """

    name: str
    arn: str
    status: str
    started_at: datetime
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, by all that is known of it.

    Attributes:
        name: the execution's name.
        execution: what Step Functions says; None if it does not know the run any more, or could not be asked.
        kept_since: when it began, by the address of its summary; None if none is kept.
        summary: that, if it was read.
        may_be_kept: whether it is not known which summaries are kept.
    """

    name: str
    execution: Execution | None
    kept_since: datetime | None
    summary: RunSummary | None
    may_be_kept: bool = False

    @property
    def state(self) -> RunState:
        """How it ended."""
        status = None if self.execution is None else self.execution.status
        if status == "RUNNING":
            return RunState.RUNNING
        if self.kept_since is not None:
            stated = None if self.summary is None else self.summary.status
            return RunState(stated) if stated in set(RunState) else RunState.UNKNOWN
        if status == "SUCCEEDED":  # the report is made of each run but of these, or the run fails
            return RunState.UNKNOWN if self.may_be_kept else RunState.DRY_RUN
        return RunState(status) if status in set(RunState) else RunState.UNKNOWN

    @property
    def started_at(self) -> datetime | None:
        """When it began."""
        return self.kept_since if self.execution is None else self.execution.started_at

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None if it has not, or nobody knows."""
        if self.execution is not None:
            return self.execution.stopped_at
        if self.summary is None or self.kept_since is None or self.summary.duration_seconds is None:
            return None
        return self.kept_since + timedelta(seconds=self.summary.duration_seconds)

    @property
    def is_notice_lost(self) -> bool:
        """Whether the run itself went well, and ended as failed since its notice could not be sent."""
        has_failed = self.execution is not None and self.execution.status == "FAILED"
        return has_failed and self.state in {RunState.SUCCEEDED, RunState.PARTIAL_FAILURE}


def merged(
    executions: Iterable[Execution], kept: Mapping[str, datetime] | None, summaries: Mapping[str, RunSummary]
) -> tuple[Run, ...]:
    """Return all runs, those that began last first.

    Args:
        executions: what Step Functions lists.
        kept: the names of the runs whose summaries are kept, and when they began; None if that is not known.
        summaries: those that were read, by name.
    """
    known = {execution.name: execution for execution in executions}
    since = kept or {}
    runs = [
        Run(
            name=name,
            execution=known.get(name),
            kept_since=since.get(name),
            summary=summaries.get(name),
            may_be_kept=kept is None,
        )
        for name in {**known, **since}
    ]
    return tuple(sorted(runs, key=lambda run: (run.started_at or _LONG_AGO, run.name), reverse=True))


def last_ended(runs: Iterable[Run]) -> Run | None:
    """Return the run that ended last, dry runs apart; None if none has."""
    ended = [run for run in runs if run.state not in {RunState.RUNNING, RunState.DRY_RUN}]
    return max(ended, key=lambda run: run.ended_at or run.started_at or _LONG_AGO, default=None)


def last_listing(runs: Iterable[Run]) -> Run | None:
    """Return the last run that has seen the whole library, and has said so; None if none has."""
    return next((run for run in runs if run.summary is not None and run.summary.total_found is not None), None)


def short_id(name: str) -> str:
    """Return a run's name as a person types it: the first letters of a UUID, and which link of a chain it is.

    Names that somebody has chosen stay as they are.
    """
    uuid, link = name[:36], name[36:]
    try:
        UUID(uuid)
    except ValueError:
        return name
    return uuid[:_FEWEST_LETTERS] + link if not link or link[1:].isdecimal() else name


def short_ids(names: Sequence[str]) -> dict[str, str]:
    """Return the short id of each name; the whole name where two have the same one."""
    ids = [short_id(name) for name in names]
    return {name: brief if ids.count(brief) == 1 else name for name, brief in zip(names, ids, strict=True)}


def matching(names: Iterable[str], typed: str) -> list[str]:
    """Return the names that a person may mean: the one that it is, else those it is short for, else all it begins."""
    names = list(names)
    typed = typed.rsplit(":", 1)[-1]  # of an ARN
    for is_meant in (
        lambda name: name == typed,
        lambda name: short_id(name) == typed,
        lambda name: name.startswith(typed),
    ):
        if found := [name for name in names if is_meant(name)]:
            return found
    return []
