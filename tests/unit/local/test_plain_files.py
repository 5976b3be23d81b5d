"""Files of ours are written and read as plain files, whatever lies in their place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.plain_files import open_log, read_plain, replace_plain
from tests.support.folder_tree import contents, plant


def test_a_file_is_replaced_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    plant(tmp_path, {"file": b"old", "file.new": b"of a write that was cut off"})

    replace_plain(tmp_path / "file", b"new")

    assert contents(tmp_path) == {"file": b"new"}
    assert (tmp_path / "file").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("link", ["file", "file.new"])
def test_a_file_is_not_written_through_a_link(tmp_path: Path, link: str) -> None:
    plant(tmp_path, {"anothers": b"precious", link: Path("anothers")})

    replace_plain(tmp_path / "file", b"ours")

    assert contents(tmp_path) == {"anothers": b"precious", "file": b"ours"}


def test_a_log_grows(tmp_path: Path) -> None:
    for line in (b"one\n", b"two\n"):
        with open_log(tmp_path / "log") as log:
            log.write(line)

    assert contents(tmp_path) == {"log": b"one\ntwo\n"}


def test_a_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    plant(tmp_path, {"anothers": b"precious", "log": Path("anothers")})

    with pytest.raises(OSError, match="symbolic links"):
        open_log(tmp_path / "log")

    assert (tmp_path / "anothers").read_bytes() == b"precious"


def test_only_a_plain_file_is_read(tmp_path: Path) -> None:
    plant(tmp_path, {"file": b"content", "folder": {}, "link": Path("file")})
    os.mkfifo(tmp_path / "pipe")

    read = {name: read_plain(tmp_path / name) for name in ("file", "folder", "link", "pipe", "missing", "file/below")}

    assert read == {"file": b"content"} | dict.fromkeys(("folder", "link", "pipe", "missing", "file/below"))
