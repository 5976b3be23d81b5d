"""What does not fit is refused before it begins, in words that say how much is missing where."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from local.disk_space import free_bytes, require_space
from local.errors import DiskSpaceError


def test_a_folder_that_does_not_exist_yet_has_the_room_of_the_one_that_it_will_be_in(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
    require_space(tmp_path / "not" / "yet", 1)


def test_what_does_not_fit_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=3_140_000_000))
    with pytest.raises(DiskSpaceError) as refused:
        require_space(tmp_path, 12_000_000_001)
    assert str(refused.value) == (
        f"Nothing was started: this needs 12.0 GB of disk space in {tmp_path}, and only 3.1 GB are free there"
    )


def test_a_disk_that_cannot_be_asked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_folder: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    with pytest.raises(DiskSpaceError, match="Input/output error"):
        require_space(tmp_path, 1)
