"""``./gopro-sync local`` reaches the cloud on your machine, and says what it needs where that is missing."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from gopro_sync_cli import __main__ as command_line
from gopro_sync_cli.typed import TYPED_VARIABLE


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["gopro-sync", *arguments])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def _typed_at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TYPED_VARIABLE, "./gopro-sync")


def test_help_names_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "--help") == 0
    printed = capsys.readouterr().out
    assert "Usage: ./gopro-sync [OPTIONS]" in printed
    assert "local" in printed


def test_help_and_errors_are_its_own_and_call_it_what_was_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "local", "up", "--help") == 0
    assert "Usage: ./gopro-sync local up [OPTIONS]" in capsys.readouterr().out
    assert _run(monkeypatch, "local", "up", "--port", "70000") == 2
    assert "Usage: ./gopro-sync local up [OPTIONS]" in capsys.readouterr().err


def test_a_command_and_its_options_arrive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert _run(monkeypatch, "local", "down", "--state-dir", str(tmp_path / "none")) == 0
    assert capsys.readouterr().err == "Nothing was up.\n"
    assert _run(monkeypatch, "local", "run", "--state-dir", str(tmp_path / "none")) == 1


def test_installed_alone_it_says_that_it_needs_a_checkout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "local.__main__", raising=False)
    monkeypatch.setitem(sys.modules, "local", None)  # which makes it a package that is not there

    assert _run(monkeypatch, "local", "up") == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert "needs a checkout" in line
    assert "type: ./gopro-sync local up" in line


def test_it_can_be_installed_alone() -> None:
    modules = list(Path(command_line.__file__).parent.glob("*.py"))
    imports = re.compile(r"^\s*(from|import) local\b", re.MULTILINE)

    assert modules
    assert [file.name for file in modules if imports.search(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("started", "typed"),
    [("/x/gopro_sync_cli/__main__.py", "python -m gopro_sync_cli"), ("/home/me/.local/bin/gopro-sync", "gopro-sync")],
)
def test_without_the_wrapper_usage_names_what_was_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], started: str, typed: str
) -> None:
    monkeypatch.delenv(TYPED_VARIABLE)
    monkeypatch.setattr(sys, "argv", [started, "frobnicate"])

    with pytest.raises(SystemExit):
        command_line.main()

    assert f"Usage: {typed} [OPTIONS]" in capsys.readouterr().err
