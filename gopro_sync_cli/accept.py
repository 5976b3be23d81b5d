"""Accept incomplete videos as complete, when a person says that there is no more of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import typer

from gopro_sync.errors import TrackerError
from gopro_sync.table.acceptance import accept_incomplete, objection_to_accepting
from gopro_sync.table.tracker import Tracker, TrackerRecord
from gopro_sync.values.timestamps import now_utc
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.terminal_output import VerbatimConsole

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Acceptance:
    """One call of the command.

    Args:
        dynamodb: reaches the table.
        table_name: the stack's output TrackerTableName.
        caller: returns who is calling: the ARN that AWS knows the caller by.
        output: where results are printed.
        errors: where errors are printed.
    """

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        table_name: str,
        *,
        caller: Callable[[], str],
        output: VerbatimConsole,
        errors: VerbatimConsole,
    ) -> None:
        self._dynamodb = dynamodb
        self._table_name = table_name
        self._caller = caller
        self._output = output
        self._errors = errors

    def accept(self, media_ids: Sequence[str], *, asks: bool) -> None:
        """Accept each video that can be accepted, and name the others.

        Args:
            media_ids: the videos.
            asks: whether to ask a person first.

        Raises:
            typer.Exit: one was not accepted, the answer is no, or there is nobody to ask.
            GoProSyncError: what the tracker raises.
        """
        wanted = list(dict.fromkeys(media_ids))
        tracker = Tracker(self._dynamodb, self._table_name, clock=now_utc, sleep=time.sleep)
        records = tracker.get_many(wanted)
        objections = {media_id: objection_to_accepting(records.get(media_id)) for media_id in wanted}
        for media_id, objection in objections.items():
            if objection is not None:
                self._refuse(media_id, objection)
        found = [records[media_id] for media_id, objection in objections.items() if objection is None]
        if found and asks:
            self._ask(found)
        if not self._accept_all(found) or len(found) < len(wanted):
            raise typer.Exit(ExitCode.FAILED)

    def _ask(self, records: Sequence[TrackerRecord]) -> None:
        for record in records:
            self._say(f"{record.video.media_id} ({record.video.filename}): {_figures(record)}")
        if sys.stdin is None or not sys.stdin.isatty():
            self._errors.print(
                "Nothing was accepted: there is no terminal to ask on. With --yes it is done without asking."
            )
            raise typer.Exit(ExitCode.WRONG_USE)
        videos = "this video" if len(records) == 1 else f"these {len(records)} videos"
        if not typer.confirm(f"Mark {videos} as archived, and stop looking for the rest?"):
            raise typer.Exit(ExitCode.CANNOT_RUN)

    def _accept_all(self, records: Sequence[TrackerRecord]) -> bool:
        accepted_by = self._caller() if records else ""
        all_accepted = True
        for record in records:
            media_id = record.video.media_id
            try:
                accept_incomplete(self._dynamodb, self._table_name, record, accepted_by=accepted_by, now=now_utc())
            except TrackerError as error:
                self._refuse(media_id, error.message)
                all_accepted = False
            else:
                self._say(f"{media_id}: accepted with {_figures(record)}.")
        return all_accepted

    def _refuse(self, media_id: str, why: str) -> None:
        self._errors.print_line(f"{media_id}: not accepted. {why}.")

    def _say(self, line: str) -> None:
        self._output.print_line(line)


def _figures(record: TrackerRecord) -> str:
    archived = sum(file.size_bytes for file in record.files)
    listed = "an unknown number of" if record.video.size_bytes is None else str(record.video.size_bytes)
    files = "1 file" if len(record.files) == 1 else f"{len(record.files)} files"
    return f"{archived} of {listed} bytes in {files}"
