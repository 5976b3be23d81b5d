"""Print everything that the command lines print, letter for letter as it was meant.

What a person may copy (ids, ARNs, keys, commands) is neither decorated nor folded: ``:secret:`` in an ARN is no emoji,
``[bold]`` in a name no markup, and a long line is the terminal's to wrap. What a name from outside could do to the
terminal (control characters, escape sequences, letters that turn the direction of writing) is shown and not obeyed.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TextIO

import typer
from rich.console import Console
from rich.progress import TextColumn
from rich.table import Column, Table
from rich.text import Text
from typer.core import TyperGroup

from gopro_sync_cli.exit_codes import ExitCode

# C0 but the line feed, DEL, C1, what turns the direction of writing (Unicode TR 36), other line ends, half surrogates.
_OBEYED: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ANY_WIDTH: Final = 100_000  # columns
_WIDEST_HELP: Final = 120  # columns
_TAB: Final = 2  # columns


def shown(text: str) -> str:
    """Return the text with each character that a terminal would obey spelled out as Python would spell it."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


class VerbatimConsole(Console):
    """A console that prints every text as it is; made by `output_console` and `error_console`."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text, as `shown` gives it, whatever emoji, markup or highlighting is asked for."""
        asked: dict[str, Any] = options | {"emoji": False, "markup": False, "highlight": False, "highlighter": None}
        return super().render_str(shown(text), **asked)

    def print_line(self, text: str, *, style: str | None = None) -> None:
        """Print one line: a line feed in it, such as in a name that would forge a line of ours, is spelled out too."""
        self.print(text.replace("\n", "\\n"), style=style)


def output_console(file: TextIO | None = None, *, width: int | None = None) -> VerbatimConsole:
    """Return the console for results: standard output.

    Args:
        file: replaces standard output.
        width: of the terminal; None asks the terminal.
    """
    return _console(file=file, width=width)


def error_console() -> VerbatimConsole:
    """Return the console for errors and progress: standard error."""
    return _console(stderr=True)


def _console(**where: Any) -> VerbatimConsole:
    return VerbatimConsole(**where, emoji=False, markup=False, highlight=False, soft_wrap=True)


def print_document(text: str) -> None:
    """Print what a program or a shell reads, such as JSON, byte for byte on standard output."""
    typer.echo(text)


def print_table(console: VerbatimConsole, table: Table) -> None:
    """Print a table without folding or cutting its cells; in a terminal too narrow for it, print a line for each cell.

    Args:
        console: where to print it.
        table: the table; its cells, headings and title are texts.
    """
    for column in table.columns:
        column.no_wrap, column.overflow = True, "crop"
    table.title_justify = "left"
    needed = console.measure(table, options=console.options.update(width=_ANY_WIDTH)).maximum
    if not console.is_terminal:
        console.width = max(console.width, needed)  # a file or a pipe has no width
    if needed <= console.width:
        console.print(table)
        return
    headings = [column.header for column in table.columns]
    console.print(table.title or "")
    for row, cells in zip(table.rows, zip(*(column.cells for column in table.columns), strict=True), strict=True):
        style = None if row.style is None else str(row.style)
        console.print_line(str(cells[0]), style=style)
        for heading, cell in zip(headings[1:], cells[1:], strict=True):
            console.print_line(f"  {heading}: {cell}", style=style)


@contextmanager
def working(console: VerbatimConsole, text: str) -> Iterator[Callable[[str], None]]:
    """Show in a terminal what is going on; yield a function to call with each later text."""
    with console.status(Text(shown(text))) as status:
        yield lambda later: status.update(Text(shown(later)))


class VerbatimColumn(TextColumn):
    """A column of a progress display that shows its text as it is."""

    def __init__(self, text_format: str, *, table_column: Column | None = None) -> None:
        super().__init__(text_format, markup=False, table_column=table_column)

    def render(self, task: Any) -> Text:
        """Return the text for this moment."""
        return Text(shown(super().render(task).plain))


class CommandGroup(TyperGroup):
    """The commands of a command line; its own errors, such as of wrong use, are printed verbatim too."""

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run the command that the arguments name, and exit with its code."""
        _spell_out_what_the_encoding_lacks()
        try:
            code = super().main(*arguments, **(options | {"standalone_mode": False}))
        except typer.TyperException as error:
            error_console().print(_message_of(error))
            sys.exit(error.exit_code)
        except typer.Abort:
            error_console().print("Aborted.")
            sys.exit(ExitCode.CANNOT_RUN)
        sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def new_command_line(help_text: str, *, add_completion: bool = False) -> typer.Typer:
    """Return a command line without commands as yet, whose help and errors are plain text.

    Args:
        help_text: what it is for.
        add_completion: whether it has the options that let a shell complete its commands and options.
    """
    return typer.Typer(
        cls=CommandGroup,
        help=help_text,
        context_settings={"max_content_width": _WIDEST_HELP},
        no_args_is_help=True,
        add_completion=add_completion,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,  # they show the values of variables
    )


def _message_of(error: typer.TyperException) -> str:
    # How a usage error shows itself, with the usage before it, is no public method of the base class.
    show, text = getattr(error, "show", None), io.StringIO()
    if show is not None:
        show(file=text)
    # The tabs are click's own, before the values to choose from; one in what was typed is quoted.
    return text.getvalue().rstrip().expandtabs(_TAB) or f"Error: {error.format_message()}"


def _spell_out_what_the_encoding_lacks() -> None:
    """Let a name that the terminal's encoding does not have be printed, spelled out, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
