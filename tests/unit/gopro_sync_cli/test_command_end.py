"""Whatever a command meets, it ends with one sentence and an exit code."""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gopro_sync.telemetry.logs import logger
from gopro_sync_cli import __main__ as command_line
from gopro_sync_cli.command_end import ended_in_words

ROOT = Path(__file__).parents[3]
_FULL = "no space left on the device of standard output"


def _ends_with(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    with pytest.raises(SystemExit) as ended, ended_in_words("program"):
        raise error
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "stated"),
    [
        (SystemExit(3), 3, ""),
        (KeyboardInterrupt(), 130, "program: interrupted\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, ""),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "program: no space left on the device of standard output: free some, and run it again\n",
        ),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded", "/a/b"),
            1,
            "program: no space left on the device of /a/b: free some, and run it again\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", b"/a\n\xff"),
            1,
            "program: '/a\\n\\udcff' cannot be used: Permission denied\n",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_ends_with_a_sentence(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, stated: str
) -> None:
    assert _ends_with(error, capsys) == (code, stated)


def _fail(password: str, number: int) -> None:
    try:
        assert number / 0
    except ZeroDivisionError as error:
        raise RuntimeError(f"it is {password}") from error


def test_what_nobody_reckoned_with_is_one_line_and_a_file_without_any_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended, ended_in_words("program"):
        _fail("not-to-be-shown", 1)
    stated = capsys.readouterr().err
    (details,) = tmp_path.iterdir()
    assert ended.value.code == 1
    assert re.fullmatch(
        rf"program: unexpected: RuntimeError in test_command_end.py, line \d+; details in {re.escape(str(details))}\n",
        stated,
    )
    text = details.read_text()
    assert text.index("builtins.ZeroDivisionError") < text.index("builtins.RuntimeError")
    assert "in _fail" in text
    assert "it is not-to-be-shown" not in text
    assert stat.S_IMODE(details.stat().st_mode) == 0o600


def test_it_ends_so_where_not_even_the_details_can_be_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    code, stated = _ends_with(ValueError("x"), capsys)
    assert code == 1
    assert stated.endswith("; the details could not be kept: No such file or directory\n")


@pytest.mark.parametrize(
    ("redirected", "code", "stated"),
    [
        (">/dev/full", 1, f"gopro-sync: {_FULL}: free some, and run it again\n"),
        (">&- 2>&- <&-", 0, ""),
        ("--no-such-option 2>/dev/full", 1, ""),
    ],
)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")  # noqa: PTH110
def test_output_that_cannot_be_written_ends_without_a_trace(redirected: str, code: int, stated: str) -> None:
    ended = subprocess.run(
        ["sh", "-c", f'"$0" -m gopro_sync_cli cost --gb-per-month 100 {redirected}', sys.executable],
        env={"PATH": os.defpath, "PYTHONPATH": "src:.", "LANG": "C", "TERM": "dumb"},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (code, stated)


def test_the_lines_that_functions_log_for_cloudwatch_are_not_shown_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    logged = logging.StreamHandler(written)
    shared = logging.getLogger("gopro-sync")
    monkeypatch.setattr(logging.root.manager, "disable", logging.NOTSET)  # and so again afterwards
    monkeypatch.setattr(command_line, "app", lambda **_: logger.warning("Once more"))
    shared.addHandler(logged)
    try:
        command_line.main()
    finally:
        shared.removeHandler(logged)
    assert written.getvalue() == ""
