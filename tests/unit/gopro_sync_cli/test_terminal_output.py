"""What is printed is what was meant, letter for letter, and no name from outside commands the terminal."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from rich.progress import Progress
from rich.table import Table
from typer.testing import CliRunner

from gopro_sync_cli import __main__ as command_line
from gopro_sync_cli.terminal_output import (
    CommandGroup,
    VerbatimColumn,
    VerbatimConsole,
    new_command_line,
    output_console,
    print_table,
    shown,
    working,
)
from local import __main__ as local_command_line

ROOT = Path(__file__).parents[3]
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gopro/credentials-AbCdEf"
COPIED: Final = (
    ARN,
    "arn:aws:iam::123456789012:role:key:warning:x",
    "aws s3 cp 's3://b/[bold]x[/bold].MP4' . # [link=https://example.com]",
    f"gopro-videos/2026/04/{'GX010127' * 25}.MP4",
    "./gopro-sync accept 4kBA2Zd 12345 0x1F https://example.com/?a=[1] True",
    "a  b   c " * 30,
)
# Cleared screen, cursor moves, a bell, a title, a link, C1, a carriage return, text that runs the other way.
HOSTILE: Final = (
    "\x1b[2J\x1b[31mGX.MP4",
    "a\rb\x08c\x07",
    "\x1b]0;title\x07",
    "\x1b]8;;https://x\x1b\\x",
    "\x9b31m",
    "GX\u202egpj.MP4",
    "a\x00b\tc",
    "\ud800",
)


def _terminal(width: int) -> tuple[VerbatimConsole, io.StringIO]:
    written = io.StringIO()
    screen = VerbatimConsole(
        file=written, width=width, force_terminal=True, color_system=None, emoji=False, markup=False, highlight=False
    )
    screen.soft_wrap = True
    return screen, written


@pytest.mark.parametrize("text", COPIED)
@pytest.mark.parametrize("width", [40, 200])
def test_a_line_is_printed_as_it_is_and_not_folded(text: str, width: int) -> None:
    screen, written = _terminal(width)

    screen.print(text)
    screen.print(text, style="red")

    assert written.getvalue() == f"{text}\n{text}\n"


@pytest.mark.parametrize("text", COPIED)
@pytest.mark.parametrize("width", [40, 2000])
def test_a_table_holds_each_of_its_texts_in_one_piece(text: str, width: int) -> None:
    screen, written = _terminal(width)
    table = Table("video", "S3 key", title=text)
    table.add_row(text, f"key {text}")

    print_table(screen, table)

    shown_there = written.getvalue()
    assert shown_there.count(text) == 3, shown_there
    assert f"key {text}" in shown_there


def test_a_table_in_a_pipe_is_as_wide_as_it_needs_to_be() -> None:
    written = io.StringIO()
    table = Table("S3 key")
    table.add_row(COPIED[3])

    print_table(output_console(written), table)

    assert COPIED[3] in written.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_terminal_would_obey_is_shown_by_every_way_of_printing(text: str) -> None:
    screen, written = _terminal(60)
    table = Table(text, "key", title=text)
    table.add_row(text, text, style="red")

    screen.print(text)
    for width in (30, 400):
        screen.width = width
        print_table(screen, table)

    assert written.getvalue().isprintable() or set(_unprintable(written.getvalue())) == {"\n"}
    assert shown(text) in written.getvalue()


@pytest.mark.parametrize("text", [*HOSTILE, "[bold]x[/bold] :secret: [/x]"])
def test_a_progress_display_shows_such_a_text_too(text: str) -> None:
    screen, written = _terminal(200)
    with Progress(VerbatimColumn("{task.description}"), console=screen, auto_refresh=False) as display:
        display.add_task(text)
        display.refresh()
    with working(screen, text) as show:
        show(f"then {text}")

    assert shown(text) in written.getvalue()
    assert text.isprintable() or text not in written.getvalue()


def _unprintable(text: str) -> list[str]:
    return [letter for letter in text if not letter.isprintable()]


def test_what_may_be_in_a_name_stays() -> None:
    name = "Grüße, 日本語 🏂 \\x1b.MP4"

    assert shown(name) == name
    assert shown("one\r\ntwo\n") == "one\ntwo\n"


@pytest.mark.parametrize("app", [command_line.app, local_command_line.app], ids=["gopro-sync", "local"])
@pytest.mark.parametrize("argument", ["--\x1b[31mx", "\x1b[2J", f"--{'x' * 300}"])
def test_a_usage_error_is_printed_so_too(app: typer.Typer, argument: str) -> None:
    result = CliRunner().invoke(app, [argument])

    assert result.exit_code == 2
    assert shown(argument) in result.stderr.replace("\\\\", "\\")
    assert _unprintable(result.stderr.replace("\n", "")) == []


def test_the_values_to_choose_from_are_named_and_no_tab_is_spelled_out() -> None:
    # typer 0.29 lists them below the message, each after a tab; 0.28 names them in it.
    result = CliRunner().invoke(local_command_line.app, ["gopro", "expire"])

    assert result.exit_code == 2
    assert "access_tokens" in result.stderr.partition("Missing argument")[2]
    assert "\\t" not in result.stderr


@pytest.mark.parametrize("app", [command_line.app, local_command_line.app], ids=["gopro-sync", "local"])
def test_help_is_plain_text_in_a_narrow_terminal(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "40", "FORCE_COLOR": "1"})

    assert result.exit_code == 0
    assert _unprintable(result.stdout.replace("\n", "")) == []
    assert not {"╭", "│"} & set(result.stdout)


def test_a_path_in_a_usage_error_is_in_one_piece(tmp_path: Path) -> None:
    missing = tmp_path / ("folder" * 12) / ("file" * 12)

    result = CliRunner().invoke(local_command_line.app, ["run", "--input", str(missing)], env={"COLUMNS": "40"})

    assert result.exit_code == 2
    assert str(missing) in result.stderr


def test_a_name_that_the_encoding_lacks_does_not_end_the_command() -> None:
    program = (
        "import typer\n"
        "from gopro_sync_cli.terminal_output import new_command_line, output_console\n"
        "app = new_command_line('x')\n"
        "app.command()(lambda: output_console().print('Gr\\u00fc\\u00dfe'))\n"
        "app.command('other')(lambda: None)\n"
        "app(['<lambda>'])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stdout) == (0, "Gr\\xfc\\xdfe\n"), result.stderr


def test_a_command_line_without_arguments_shows_its_help() -> None:
    app = new_command_line("What it is for.")
    app.command("one")(lambda: None)
    app.command("two")(lambda: None)

    result = CliRunner().invoke(app, [])

    assert result.exit_code == 2
    assert "What it is for." in result.stderr
    assert issubclass(app.info.cls or type(None), CommandGroup)


# --- no other way of printing ----------------------------------------------------------------------------------------

_COMMAND_LINES: Final = ("gopro_sync_cli", "local")
_THE_WAY: Final = "gopro_sync_cli/terminal_output.py"
# A process of its own, whose output a program reads.
_FOR_PROGRAMS: Final = ("local/s3_server.py",)
_CALLS: Final = {"print", "Console", "TextColumn", "Status", "Typer", "echo", "secho", "style", "status", "from_markup"}


def test_all_that_the_command_lines_print_goes_that_way() -> None:
    files = [file for folder in _COMMAND_LINES for file in sorted((ROOT / folder).rglob("*.py"))]
    found = [
        f"{file.relative_to(ROOT)}:{call}"
        for file in files
        if str(file.relative_to(ROOT)) not in {_THE_WAY, *_FOR_PROGRAMS}
        for call in _other_ways(ast.parse(file.read_text(encoding="utf-8")))
    ]

    assert len(files) > 50
    assert found == []


def _other_ways(tree: ast.AST) -> list[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [f"{call.lineno} {name}" for call in calls if (name := _name(call.func)) in _CALLS and not _is_ours(call)]


def _name(function: Any) -> str:
    return str(getattr(function, "attr", getattr(function, "id", "")))


def _is_ours(call: ast.Call) -> bool:
    """Whether it is the `print` of a console, without options that would change a text."""
    options = {word.arg for word in call.keywords}
    return isinstance(call.func, ast.Attribute) and call.func.attr == "print" and options <= {"style"}
