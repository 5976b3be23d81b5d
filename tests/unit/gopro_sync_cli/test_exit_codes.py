"""One table of exit codes: in the code, in the documents, in each command's help; and no bare numbers beside it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import NoCredentialsError
from typer.testing import CliRunner

from gopro_sync.errors import ConfigurationError, NetworkError
from gopro_sync_cli import __main__ as command_line
from gopro_sync_cli.errors import AdoptionError, RedriveError, StartUnknownError
from gopro_sync_cli.exit_codes import ExitCode
from local import __main__ as local_command_line

ROOT: Final = Path(__file__).parents[3]
_WITH_CODES: Final = ("gopro_sync_cli", "local", "docs/tools")
# Processes that a command starts: nobody types them.
_SERVERS: Final = ("local/engine/", "local/simulator/", "local/s3_server.py")


def test_the_documents_show_the_table_of_the_code() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    section = text.split("## Exit codes", 1)[1].split("\n## ", 1)[0]

    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section, re.MULTILINE)

    assert rows == [(str(code.value), code.meaning) for code in ExitCode]


@pytest.mark.parametrize(
    ("app", "command"),
    [
        *((command_line.app, (name,)) for name in ("redrive", "accept", "rebuild", "adopt")),
        *((command_line.app, ("credentials", name)) for name in ("set", "check")),
        *((local_command_line.app, (name,)) for name in ("run", "demo")),
        (command_line.app, ()),
        (local_command_line.app, ()),
    ],
)
def test_every_command_with_codes_of_its_own_names_them_in_its_help(app: Any, command: tuple[str, ...]) -> None:
    table = CliRunner().invoke(app, [*command, "--help"]).stdout.split("Exit codes:")[1]

    for code in (ExitCode.DONE, ExitCode.CANNOT_RUN, ExitCode.WRONG_USE, ExitCode.INTERRUPTED):
        assert re.search(rf"^ +{code}  \S", table, re.MULTILINE), code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("there is no such stack"), ExitCode.CANNOT_RUN),
        (NetworkError("GoPro could not be reached"), ExitCode.CANNOT_RUN),
        (NoCredentialsError(), ExitCode.CANNOT_RUN),
        (RedriveError("nothing was started"), ExitCode.CANNOT_RUN),
        (StartUnknownError("it may have started"), ExitCode.NOT_CHECKED),
        (AdoptionError("the import was rolled back"), ExitCode.FAILED),
    ],
)
def test_an_error_ends_the_command_in_one_line_and_with_its_code(
    error: Exception, code: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(command_line, "app", fail)

    with pytest.raises(SystemExit) as end:
        command_line.main()

    assert end.value.code == code
    assert capsys.readouterr().err.startswith("gopro-sync: ")


def test_no_command_ends_with_a_bare_number() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for folder in _WITH_CODES
        for file in sorted((ROOT / folder).rglob("*.py"))
        if not str(file.relative_to(ROOT)).startswith(_SERVERS)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _ends_with_a_number(node)
    ]

    assert found == []


def _ends_with_a_number(call: ast.Call) -> bool:
    name = getattr(call.func, "attr", None) or getattr(call.func, "id", "")
    given = call.args[:1]
    return name in {"Exit", "SystemExit", "exit", "_exit"} and any(
        isinstance(part, ast.Constant | ast.BinOp) for part in given
    )
