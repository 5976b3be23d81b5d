"""What is kept of a local cloud between two commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local.processes import ProcessRecord
from local.state import REPOSITORY, CloudState, StateDirectory, default_state_directory

_ENGINE = ProcessRecord(name="engine", pid=4711, started="12345")


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    state = replace(
        CloudState().with_process(_ENGINE),
        endpoint_url="https://127.0.0.1:4566",
        simulator_url="http://127.0.0.1:4001",
        outputs={"ArchiveBucketName": "bucket"},
    )

    directory.write(state)

    assert directory.read() == state


def test_nothing_is_up_where_nothing_was_written(tmp_path: Path) -> None:
    assert StateDirectory(tmp_path / "absent").read() is None


def test_a_cloud_without_outputs_is_not_complete() -> None:
    assert not CloudState().with_process(_ENGINE).is_complete


def test_others_cannot_read_the_directory(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path / "state")

    directory.prepare()

    assert directory.path.stat().st_mode & 0o077 == 0


def test_removing_keeps_only_what_shells_may_still_use(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    directory.prepare()
    directory.write(CloudState())
    directory.trust.mkdir()

    directory.remove()

    assert [entry.name for entry in tmp_path.iterdir()] == ["trust"]


def test_logs_can_be_kept_to_be_looked_at(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    directory.prepare()
    directory.log("engine").write_text("it failed", encoding="utf-8")

    directory.remove(keep_logs=True)

    assert directory.log("engine").read_text(encoding="utf-8") == "it failed"


def test_the_state_directory_is_in_the_repository_unless_the_environment_names_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOPRO_SYNC_STATE_DIR", raising=False)
    assert default_state_directory() == REPOSITORY / ".local"

    monkeypatch.setenv("GOPRO_SYNC_STATE_DIR", str(tmp_path))
    assert default_state_directory() == tmp_path
