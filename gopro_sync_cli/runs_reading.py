"""Reads the runs that there were: from Step Functions, and from the summaries in the archive bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from gopro_sync.aws.answers import code_of
from gopro_sync.errors import ConfigurationError
from gopro_sync_cli.execution_history import last_executions
from gopro_sync_cli.run_history import Execution, Run, matching, merged, short_ids
from gopro_sync_cli.stack import execution_arn, find_stack, shown_names
from gopro_sync_cli.status_facts import Unread
from gopro_sync_cli.status_reading import Clients, attempt
from gopro_sync_cli.summary_store import KeptSummary, SummaryStore

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_MOST_EXECUTIONS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRuns:
    """Runs, and what could not be read of them.

    Attributes:
        runs: those that began last first.
        unread: why Step Functions, or the summaries, could not be read.
    """

    runs: tuple[Run, ...]
    unread: tuple[Unread, ...]


class RunsReader:
    """The runs of a stack.

    Args:
        clients: reach AWS.
        stack_name: the stack.

    Raises:
        ConfigurationError: there is no such stack.
        ClientError, BotoCoreError: CloudFormation could not be asked.
    """

    def __init__(self, clients: Clients, stack_name: str) -> None:
        outputs = find_stack(clients.cloudformation, stack_name, "ArchiveBucketName", "StateMachineArn").outputs
        self._step_functions: SFNClient = clients.step_functions
        self._state_machine_arn = outputs["StateMachineArn"]
        self._store = SummaryStore(clients.s3, outputs["ArchiveBucketName"])
        self._kept: Sequence[KeptSummary] | None = None

    def last(self, most: int) -> ReadRuns:
        """Return the last runs, with their summaries."""
        known, unread = self._known(most)
        return self._with_summaries(known[:most], unread)

    def find(self, typed: str) -> ReadRuns:
        """Return the one run that somebody has named, with its summary.

        Args:
            typed: its name, its ARN, its short id, or the first letters of its name.

        Raises:
            ConfigurationError: there is none, or more than one; says what there is.
        """
        known, unread = self._known(_MOST_EXECUTIONS)
        names = [run.name for run in known]
        found = matching(names, typed)
        if not found and unread:
            raise ConfigurationError(f"No run {typed!r} was found, and not all could be read: {unread[0].why}")
        if not found:
            last = shown_names(list(short_ids(names).values())) or "none"
            raise ConfigurationError(f"There is no run {typed!r}; the last ones are {last}")
        if len(found) > 1:
            raise ConfigurationError(f"{typed!r} may be {shown_names(found)}: type more of it")
        return self._with_summaries([run for run in known if run.name == found[0]], unread)

    def why_it_ended(self, name: str) -> str | None:
        """Return what Step Functions says of the end of a run that has no summary; None if it says nothing."""
        try:
            described = self._step_functions.describe_execution(
                executionArn=execution_arn(self._state_machine_arn, name)
            )
        except ClientError as error:
            return f"Step Functions does not say ({code_of(error)})"
        return ": ".join(part for part in (described.get("error"), described.get("cause")) if part) or None

    def _known(self, most: int) -> tuple[Sequence[Run], list[Unread]]:
        executions = attempt("states:ListExecutions", lambda: self._executions(most))
        kept = attempt("s3:ListBucket", self._store.kept)
        unread = [part for part in (executions, kept) if isinstance(part, Unread)]
        self._kept = None if isinstance(kept, Unread) else kept
        return merged([] if isinstance(executions, Unread) else executions, _began(self._kept), {}), unread

    def _executions(self, most: int) -> list[Execution]:
        return last_executions(self._step_functions, self._state_machine_arn, most=most)

    def _with_summaries(self, runs: Sequence[Run], unread: list[Unread]) -> ReadRuns:
        wanted = {run.name for run in runs}
        kept = None if self._kept is None else [summary for summary in self._kept if summary.name in wanted]
        read = attempt("s3:GetObject", lambda: self._store.read(kept or []))
        summaries = {} if isinstance(read, Unread) else read
        executions = [run.execution for run in runs if run.execution is not None]
        return ReadRuns(
            runs=merged(executions, _began(kept), summaries),
            unread=(*unread, *([read] if isinstance(read, Unread) else [])),
        )


def _began(kept: Sequence[KeptSummary] | None) -> dict[str, datetime] | None:
    return None if kept is None else {summary.name: summary.started_at for summary in kept}
