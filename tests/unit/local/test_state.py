"""What is kept of a local cloud between two commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from local.errors import AlreadyRunningError, DamagedStateError, ForeignFilesError, NoStateDirectoryError
from local.processes import ProcessRecord
from local.state import REPOSITORY, CloudState, StateDirectory, default_state_directory
from local.state_contents import MARKER, foreign_entries
from tests.support.folder_tree import contents, files, plant
from tests.support.full_disk import full_disk

_ENGINE = ProcessRecord(name="engine", pid=4711, started="12345")


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    """A state directory in which nothing is up."""
    directory = StateDirectory(tmp_path / "state")
    with directory.claimed():
        return directory


def test_what_was_written_is_read_back(directory: StateDirectory) -> None:
    state = replace(
        CloudState().with_process(_ENGINE),
        region="eu-south-1",
        endpoint_url="https://127.0.0.1:4566",
        simulator_url="http://127.0.0.1:4001",
        outputs={"ArchiveBucketName": "bucket"},
    )

    directory.write(state)

    assert directory.read() == state


def test_a_state_that_an_older_version_wrote_is_of_the_only_region_that_it_knew(directory: StateDirectory) -> None:
    written = CloudState().with_process(_ENGINE).to_json()
    del written["region"]
    (directory.path / "state.json").write_text(json.dumps(written))

    assert directory.read() == replace(CloudState().with_process(_ENGINE), region="us-east-1")


def test_nothing_is_up_where_nothing_was_written(tmp_path: Path) -> None:
    assert StateDirectory(tmp_path / "absent").read() is None


def test_a_cloud_without_outputs_is_not_complete() -> None:
    assert not CloudState().with_process(_ENGINE).is_complete


def test_others_cannot_read_the_directory(directory: StateDirectory) -> None:
    directory.prepare(CloudState())

    assert directory.path.stat().st_mode & 0o077 == 0


def test_the_state_file_is_there_before_anything_that_goes_with_it(directory: StateDirectory) -> None:
    directory.prepare(CloudState())

    assert directory.read() == CloudState()
    assert foreign_entries(directory.path) == []


def test_removing_keeps_only_what_shells_may_still_use(directory: StateDirectory) -> None:
    directory.prepare(CloudState())
    plant(directory.trust, {"ca-bundle.pem": b"trusted"})

    assert directory.remove() == []

    assert files(directory.path) == [MARKER, "trust/ca-bundle.pem"]


def test_logs_can_be_kept_to_be_looked_at(directory: StateDirectory) -> None:
    directory.prepare(CloudState())
    directory.log("engine").write_text("it failed", encoding="utf-8")

    directory.remove(keep_logs=True)

    assert directory.log("engine").read_text(encoding="utf-8") == "it failed"


@pytest.mark.parametrize("action", ["prepare", "write", "remove"])
def test_nothing_is_written_or_removed_without_a_marker(tmp_path: Path, action: str) -> None:
    plant(tmp_path / "photos", {"state.json": b"{}", "logs": {"engine.log": b"1"}})
    directory, before = StateDirectory(tmp_path / "photos"), contents(tmp_path)

    with pytest.raises(NoStateDirectoryError, match="photos is no state directory"):
        getattr(directory, action)(*([] if action == "remove" else [CloudState()]))

    assert contents(tmp_path) == before


def test_the_marker_says_what_the_folder_is(directory: StateDirectory) -> None:
    text = (directory.path / MARKER).read_text(encoding="utf-8")

    assert "./gopro-sync local down" in text


def test_a_folder_that_holds_something_else_is_not_claimed(tmp_path: Path) -> None:
    plant(tmp_path / "photos", {f"{number}.jpg": b"1" for number in range(20)})
    before = contents(tmp_path)

    with pytest.raises(ForeignFilesError) as refusal, StateDirectory(tmp_path / "photos").claimed():
        pass

    assert "0.jpg, 1.jpg" in str(refusal.value)
    assert "and 12 more" in str(refusal.value)
    assert contents(tmp_path) == before


def test_a_state_directory_is_used_by_one_command_at_a_time(directory: StateDirectory) -> None:
    with directory.claimed():
        for hold in (directory.claimed, directory.held):
            with pytest.raises(AlreadyRunningError, match="another command"), hold():
                pass

    with directory.claimed():
        pass


def test_a_new_folder_is_claimed_by_one_command_at_a_time(tmp_path: Path) -> None:
    with (
        StateDirectory(tmp_path / "new").claimed(),
        pytest.raises(AlreadyRunningError),
        StateDirectory(tmp_path / "new").claimed(),
    ):
        pass


def test_a_marker_that_cannot_be_written_is_taken_back(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(OSError, match="File too large"), StateDirectory(tmp_path / "new").claimed():
        pass

    assert list((tmp_path / "new").iterdir()) == []


def test_a_state_that_cannot_be_written_leaves_the_last_one(directory: StateDirectory) -> None:
    directory.write(CloudState().with_process(_ENGINE))

    with full_disk(), pytest.raises(OSError, match="File too large"):
        directory.write(CloudState())

    assert directory.read() == CloudState().with_process(_ENGINE)
    assert files(directory.path) == [MARKER, "state.json"]


_WELL_FORMED = CloudState().with_process(_ENGINE).to_json()
_DAMAGED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "binary": bytes(range(256)),
    "too deep": b"[" * 100_000,
    "a list": b"[]",
    "a number": b"7",
    "no processes": b"{}",
    "another field's type": json.dumps({**_WELL_FORMED, "outputs": []}).encode(),
    "an output that is no text": json.dumps({**_WELL_FORMED, "outputs": {"a": 1}}).encode(),
    **{
        f"a process with {field} {value!r}": json.dumps(
            {**_WELL_FORMED, "processes": [{**_ENGINE.to_json(), field: value}]}
        ).encode()
        for field, value in (
            ("pid", "4711"),
            ("pid", 0),
            ("pid", 1),
            ("pid", -1),
            ("pid", True),
            ("pid", 4711.0),
            ("pid", None),
            ("started", 12345),
            ("name", ["engine"]),
        )
    },
    "a process that is none": json.dumps({**_WELL_FORMED, "processes": ["engine"]}).encode(),
}


@pytest.mark.parametrize("content", _DAMAGED.values(), ids=_DAMAGED)
def test_a_damaged_state_file_is_called_so_and_names_no_process(directory: StateDirectory, content: bytes) -> None:
    (directory.path / "state.json").write_bytes(content)

    with pytest.raises(DamagedStateError, match=r"state\.json is damaged .* local down --state-dir"):
        directory.read()

    assert all(process == _ENGINE for process in directory.recorded_processes())


def test_a_state_file_that_is_a_link_is_not_followed(directory: StateDirectory, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text(json.dumps(_WELL_FORMED), encoding="utf-8")
    (directory.path / "state.json").symlink_to(tmp_path / "elsewhere.json")

    with pytest.raises(DamagedStateError, match="no plain file"):
        directory.read()


def test_the_processes_that_can_be_read_from_a_damaged_state_file_are_known(directory: StateDirectory) -> None:
    processes = [{"name": "engine", "pid": "x"}, _ENGINE.to_json(), 7]
    (directory.path / "state.json").write_text(json.dumps({"processes": processes}), encoding="utf-8")

    assert directory.recorded_processes() == (_ENGINE,)


def test_advice_names_the_directory_unless_every_shell_uses_it_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(REPOSITORY)
    default = StateDirectory((REPOSITORY / ".local").resolve())
    monkeypatch.delenv("GOPRO_SYNC_STATE_DIR")
    assert default.command("down") == "./gopro-sync local down"
    assert StateDirectory(tmp_path / "a b").command("up") == f"./gopro-sync local up --state-dir '{tmp_path}/a b'"

    # It may have been set for this one command.
    monkeypatch.setenv("GOPRO_SYNC_STATE_DIR", str(tmp_path / "usual"))
    assert StateDirectory(tmp_path / "usual").command("down").endswith(f" down --state-dir {tmp_path}/usual")
    assert default.command("down").endswith(f" down --state-dir {default.path}")


def test_the_state_directory_is_in_the_repository_unless_the_environment_names_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOPRO_SYNC_STATE_DIR", raising=False)
    assert default_state_directory() == REPOSITORY / ".local"

    monkeypatch.setenv("GOPRO_SYNC_STATE_DIR", str(tmp_path))
    assert default_state_directory() == tmp_path
