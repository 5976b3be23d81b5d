"""The commands that messages name: they can be typed as they stand, where the message was read."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local import hints
from local.state import StateDirectory

_ODD_NAMES = ("plain", "two words", "it's", '$HOME `id` "x"', "café", "new\nline", "esc\x1b[31m'\\", "-x", "caf\udce9")


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout whose gopro-sync prints its arguments, each with a NUL behind it, and whose Makefile its folder."""
    folder = tmp_path / "a check'out"
    folder.mkdir()
    (folder / "gopro-sync").write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n", encoding="utf-8")
    (folder / "gopro-sync").chmod(0o755)
    (folder / "Makefile").write_text("setup:\n\t@printf made-here\n", encoding="utf-8")
    monkeypatch.setattr(hints, "_CHECKOUT", folder)
    return folder


def _typed(hint: str, cwd: Path, shell: str = "bash") -> bytes:
    return subprocess.run([shell, "-c", os.fsencode(hint)], cwd=cwd, check=True, capture_output=True).stdout


@pytest.mark.parametrize("is_at_the_root", [True, False])
@pytest.mark.parametrize("name", _ODD_NAMES)
def test_a_command_about_a_state_directory_names_it_for_the_shell(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, is_at_the_root: bool
) -> None:
    cwd = checkout if is_at_the_root else tmp_path
    monkeypatch.chdir(cwd)

    hint = StateDirectory(tmp_path / name).command("down")

    assert hint.isprintable()
    assert hint.startswith("./gopro-sync local ") == is_at_the_root
    words = [b"local", b"down", b"--state-dir", os.fsencode(tmp_path / name), b""]
    assert _typed(hint, cwd).split(b"\0") == words
    if shutil.which("zsh"):
        assert _typed(hint, cwd, "zsh").split(b"\0") == words


@pytest.mark.parametrize("is_at_the_root", [True, False])
def test_a_make_command_is_about_the_checkout(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_at_the_root: bool
) -> None:
    cwd = checkout if is_at_the_root else tmp_path
    monkeypatch.chdir(cwd)

    hint = hints.make_command("setup")

    assert (hint == "make setup") == is_at_the_root
    assert b"made-here" in _typed(hint, cwd)


def test_where_the_current_folder_is_gone_a_command_names_the_checkout(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert _typed(hints.local_command("up"), tmp_path) == b"local\0up\0"
    monkeypatch.chdir(tmp_path)
