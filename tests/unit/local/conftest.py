"""No test of this folder meets the real home folder, the repository's own state directory, or the current folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _somewhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "home").mkdir()
    monkeypatch.setenv("HOME", str(elsewhere / "home"))
    monkeypatch.setenv("GOPRO_SYNC_STATE_DIR", str(elsewhere / "state"))
    monkeypatch.chdir(tmp_path)
