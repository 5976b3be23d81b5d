"""The session in docs/local-cloud.md: its commands exist, with the options that they have there."""

from __future__ import annotations

import re
import shlex
from typing import Final

import pytest
from typer.testing import CliRunner

from docs.tools.rehearsal import PAGE, STEPS, commands_of, session_of
from gopro_sync_cli.__main__ import app as operators_command_line
from local.__main__ import app as local_command_line
from local.simulator import FaultName

SESSION: Final = session_of(PAGE.read_text(encoding="utf-8"))
PROGRAM: Final = "./gopro-sync"


def test_the_page_shows_the_commands_that_the_script_types() -> None:
    assert commands_of(SESSION) == [step.command for step in STEPS]


def typed_lines() -> list[str]:
    """Return what is typed after the program's name, without what the shell makes of it."""
    found = [re.search(r"\./gopro-sync ([^>|;)]+)", command) for command in commands_of(SESSION)]
    return [match[1].strip() for match in found if match]


def test_every_command_is_one_of_the_two_command_lines() -> None:
    assert len(typed_lines()) == len(STEPS)


@pytest.mark.parametrize("line", dict.fromkeys(typed_lines()))
def test_a_command_exists_with_its_options(line: str) -> None:
    command, *arguments = shlex.split(line)
    command_line = local_command_line if command == "local" else operators_command_line
    typed = arguments if command == "local" else [command, *arguments]

    # An option or a command that there is not is an error before the help is printed.
    result = CliRunner().invoke(command_line, [*typed, "--help"])

    assert (result.exit_code, result.stderr) == (0, "")


def test_the_faults_of_the_session_exist() -> None:
    names = re.findall(r"fault on (\S+)", "\n".join(typed_lines()))

    assert names
    assert set(names) <= set(FaultName)


def test_the_session_holds_a_failure_its_mail_and_a_redrive_that_mends_it() -> None:
    for words in ("fault on", "Subject: GoPro Sync Partial Failure", "Started arn:", "is archived by now"):
        assert words in SESSION
    assert "/tmp" not in SESSION
