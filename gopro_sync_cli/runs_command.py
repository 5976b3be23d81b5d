"""``gopro-sync runs`` and ``gopro-sync run ID``: what earlier runs came to."""

from __future__ import annotations

import json

from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.interruption import Interruptions
from gopro_sync_cli.run_history import RunState
from gopro_sync_cli.run_records import failed_video_record, run_record
from gopro_sync_cli.runs_reading import ReadRuns, RunsReader
from gopro_sync_cli.runs_screen import failures_of, lines_of, table_of
from gopro_sync_cli.status_command import print_labelled
from gopro_sync_cli.status_reading import make_clients
from gopro_sync_cli.terminal_output import error_console, output_console, print_document, print_table

_TOLD_BY_SUMMARY = frozenset({RunState.SUCCEEDED, RunState.PARTIAL_FAILURE, RunState.RUNNING, RunState.DRY_RUN})


def list_runs(stack_name: str, *, region: str | None, most: int, as_json: bool, is_quiet: bool) -> ExitCode:
    """Print the last runs, the latest first.

    Args:
        stack_name: the stack.
        region: where it is; None for that of the AWS configuration.
        most: how many.
        as_json: print a JSON record for each.
        is_quiet: print their names alone.

    Returns:
        What the command ends with.

    Raises:
        ConfigurationError, ClientError, BotoCoreError: as `RunsReader`.
    """
    with Interruptions():
        read = RunsReader(make_clients(region), stack_name).last(most)
    output = output_console()
    if as_json:
        for run in read.runs:
            print_document(json.dumps(run_record(run)))
    elif is_quiet:
        for run in read.runs:
            output.print_line(run.name)
    elif read.runs:
        print_table(output, table_of(read.runs))
    elif not read.unread:
        output.print_line("There has been no run yet.")
    return _code_after(read)


def show_run(stack_name: str, typed: str, *, region: str | None, as_json: bool, is_quiet: bool) -> ExitCode:
    """Print one run: how it ended, its figures, its failures and its cost.

    Args:
        stack_name: the stack.
        typed: the run, as `RunsReader.find` takes it.
        region: where the stack is; None for that of the AWS configuration.
        as_json: print JSON records: the run, and each video that failed in it.
        is_quiet: print how it ended alone.

    Returns:
        What the command ends with.

    Raises:
        ConfigurationError: no such run; the rest as `RunsReader`.
        ClientError, BotoCoreError: as `RunsReader`.
    """
    with Interruptions():
        reader = RunsReader(make_clients(region), stack_name)
        read = reader.find(typed)
        (run,) = read.runs
        is_told = run.summary is not None or run.state in _TOLD_BY_SUMMARY
        why = None if is_told else reader.why_it_ended(run.name)
    output = output_console()
    failed = [] if run.summary is None else run.summary.failed_videos
    if as_json:
        summary = None if run.summary is None else run.summary.document
        print_document(json.dumps(run_record(run) | {"summary": summary}))
        for video in failed:
            print_document(json.dumps(failed_video_record(run, video)))
    elif is_quiet:
        output.print_line(run.state)
    else:
        print_labelled(output, lines_of(run, why))
        for line in [] if run.summary is None else failures_of(run.summary):
            output.print_line(line)
    return _code_after(read)


def _code_after(read: ReadRuns) -> ExitCode:
    for unread in read.unread:
        error_console().print_line(f"gopro-sync: not all could be read: {unread.why}")
    return ExitCode.NOT_CHECKED if read.unread else ExitCode.DONE
