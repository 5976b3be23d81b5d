"""``gopro-sync status``: one word on the archive, and what there is to know of it."""

from __future__ import annotations

import json
import textwrap
from typing import Final

from gopro_sync.values.timestamps import now_utc
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.interruption import Interruptions
from gopro_sync_cli.status_reading import make_clients, read_facts
from gopro_sync_cli.status_screen import Line, headline, lines, record
from gopro_sync_cli.status_verdict import Word, judge
from gopro_sync_cli.terminal_output import VerbatimConsole, output_console, print_document
from gopro_sync_cli.typed import typed_program

_LABEL_WIDTH: Final = 11
_STYLES: Final = {
    Word.SAFE: "bold green",
    Word.BEHIND: "bold yellow",
    Word.UNKNOWN: "bold magenta",
    Word.BROKEN: "bold red",
}


def show_status(stack_name: str, *, region: str | None, as_json: bool, is_quiet: bool, counts_anew: bool) -> ExitCode:
    """Print how a stack is.

    Args:
        stack_name: the stack.
        region: where it is; None for that of the AWS configuration.
        as_json: print one JSON record.
        is_quiet: print the word alone.
        counts_anew: count the table's records one by one.

    Returns:
        What the command ends with.

    Raises:
        ConfigurationError, ClientError, BotoCoreError: as `read_facts`.
    """
    with Interruptions():
        facts = read_facts(
            make_clients(region), stack_name, program=typed_program(), now=now_utc(), counts_anew=counts_anew
        )
    verdict, output = judge(facts), output_console()
    if as_json:
        print_document(json.dumps(record(facts, verdict)))
    elif is_quiet:
        output.print_line(verdict.word)
    else:
        output.print_line(headline(facts, verdict), style=_STYLES[verdict.word])
        print_labelled(output, lines(facts, verdict))
        output.print_line(f"next: {verdict.command}")  # not folded: it is to be copied
    return verdict.exit_code


def print_labelled(output: VerbatimConsole, labelled: list[Line]) -> None:
    """Print lines with a label each; in a terminal, folded between words."""
    for label, text in labelled:
        head = label.ljust(_LABEL_WIDTH)
        if not output.is_terminal:
            output.print_line(head + text)
            continue
        folded = textwrap.wrap(
            text,
            width=max(output.width, 2 * _LABEL_WIDTH),
            initial_indent=head,
            subsequent_indent=" " * _LABEL_WIDTH,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in folded:
            output.print_line(line)
