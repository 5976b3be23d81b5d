"""A cloud that comes up and goes down, one that does neither, and what leads other programs to one that is up."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local import cloud, processes
from local.cloud import Cloud
from local.engine.certificate import ensure_trust
from local.errors import (
    AlreadyRunningError,
    CredentialsFileError,
    DamagedStateError,
    ForeignFilesError,
    NoStateDirectoryError,
    NotRunningError,
    StartError,
    StateDirectoryError,
    StopError,
)
from local.processes import ProcessRecord
from local.state import CloudState, StateDirectory
from local.state_contents import MARKER
from tests.support.folder_tree import Tree, contents, files, plant
from tests.support.full_disk import full_disk
from tests.support.local_cloud import WRITTEN_BY_A_CLOUD, FakeMachine

_DEAD = ProcessRecord(name="engine", pid=2**22 + 1, started="1")  # no process can have this number on Linux


_AFTER_DOWN = [MARKER, "trust/ca-bundle.pem", "trust/engine.crt", "trust/engine.key"]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    return FakeMachine(monkeypatch)


def _left_behind(state_directory: Path, state: CloudState) -> None:
    """Makes a state directory as a cloud leaves it that did not go down."""
    directory = StateDirectory(state_directory)
    with directory.claimed():
        directory.prepare(CloudState())
        directory.write(state)


def _start(state_directory: Path) -> Cloud:
    return cloud.start(state_directory=state_directory)


def _cloud(directory: Path) -> Cloud:
    return Cloud(
        state_directory=directory,
        endpoint_url="https://127.0.0.1:4566",
        ca_bundle=directory / "trust" / "ca-bundle.pem",
        region="us-east-1",
        gopro_api_base_url="http://127.0.0.1:4001",
        simulator_url="http://127.0.0.1:4001",
        outputs={"ArchiveBucketName": "bucket", "DeadLetterQueueUrl": "https://queue"},
    )


def test_the_environment_leads_to_the_engine_and_names_the_stacks_outputs(tmp_path: Path) -> None:
    environment = _cloud(tmp_path).environment()

    assert environment["AWS_ENDPOINT_URL"] == "https://127.0.0.1:4566"
    assert environment["GOPRO_API_BASE_URL"] == "http://127.0.0.1:4001"
    assert environment["GOPRO_SYNC_STACK"] == "gopro-sync-local"
    assert environment["GOPRO_SYNC_ARCHIVE_BUCKET_NAME"] == "bucket"
    assert environment["GOPRO_SYNC_DEAD_LETTER_QUEUE_URL"] == "https://queue"


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_every_kind_of_program_is_reported_whom_to_trust(tmp_path: Path, variable: str) -> None:
    assert _cloud(tmp_path).environment()[variable] == str(tmp_path / "trust" / "ca-bundle.pem")


def test_a_cloud_that_was_never_started_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match=" local up"):
        cloud.load(tmp_path)


def test_a_cloud_whose_engine_has_ended_is_not_running_and_what_is_lost_is_reported(
    machine: FakeMachine, tmp_path: Path
) -> None:
    cloud.start(state_directory=tmp_path)
    machine.end("engine")

    with pytest.raises(NotRunningError, match=r"engine .* has ended, and all that it held is gone: the archive") as why:
        cloud.load(tmp_path)

    assert str(why.value).endswith(f"local up --state-dir {tmp_path}")


def test_a_cloud_whose_simulator_has_ended_is_not_running_but_its_archive_is_not_called_lost(
    machine: FakeMachine, tmp_path: Path
) -> None:
    cloud.start(state_directory=tmp_path)
    machine.end("simulator")

    with pytest.raises(NotRunningError, match=r"The simulator .* has ended .* The archive is on its engine until"):
        cloud.load(tmp_path)
    with pytest.raises(AlreadyRunningError, match="is up already"):
        cloud.start(state_directory=tmp_path)


def test_up_after_the_engine_has_ended_says_what_is_lost_and_starts_anew(machine: FakeMachine, tmp_path: Path) -> None:
    cloud.start(state_directory=tmp_path)
    plant(tmp_path / "tmp", {"part of an object": b"big"})
    machine.end("engine")
    stated: list[str] = []

    cloud.start(state_directory=tmp_path, report=stated.append)

    assert re.search(r"engine .* has ended, and all that it held is gone: the archive, .* A new, empty one", stated[0])
    assert sorted(process.name for process in machine.alive) == ["engine", "simulator"]
    assert files(tmp_path) == list(WRITTEN_BY_A_CLOUD)
    assert cloud.load(tmp_path)


def _kill_owner(state_directory: Path) -> None:
    """Leave the state of a cloud whose command was killed: no process can have its number."""
    state = json.loads((state_directory / "state.json").read_text(encoding="utf-8"))
    state["owner"]["pid"] = _DEAD.pid
    (state_directory / "state.json").write_text(json.dumps(state), encoding="utf-8")


def test_what_a_killed_command_left_is_gone_before_the_disk_is_asked(machine: FakeMachine, tmp_path: Path) -> None:
    cloud.start(state_directory=tmp_path, owner="demo")
    plant(tmp_path / "tmp", {"part of an object": b"big"})
    _kill_owner(tmp_path)
    said: list[str] = []

    cloud.reclaim(tmp_path, report=said.append)

    assert (files(tmp_path), machine.alive) == (_AFTER_DOWN, set())
    assert len(said) == 1
    assert "`demo`" in said[0]
    cloud.reclaim(tmp_path, report=said.append)
    assert len(said) == 1


def test_a_cloud_that_is_in_use_is_not_reclaimed(machine: FakeMachine, tmp_path: Path) -> None:
    cloud.start(state_directory=tmp_path / "of a demo", owner="demo")
    cloud.start(state_directory=tmp_path / "of up")
    plant(tmp_path / "of nobody", {"state.json": b"{}"})
    before = contents(tmp_path)

    for name in ("of a demo", "of up", "of nobody", "missing"):
        cloud.reclaim(tmp_path / name)

    assert contents(tmp_path) == before
    assert len(machine.alive) == 4


@pytest.mark.parametrize("are_alive", [True, False], ids=["its processes run", "its processes have ended"])
def test_what_a_killed_command_left_is_cleared_away_by_the_next_one_and_that_is_reported(
    machine: FakeMachine, tmp_path: Path, are_alive: bool
) -> None:
    cloud.start(state_directory=tmp_path, owner="demo")
    _kill_owner(tmp_path)
    plant(tmp_path, {"build": {"old.py": b""}, "tmp": {"part of an object": b"big"}})
    before = set(machine.alive)
    if not are_alive:
        machine.alive.clear()
    stated: list[str] = []

    with cloud.running(state_directory=tmp_path, owner="demo", report=stated.append):
        assert "`demo` (process " in stated[0]
        assert "has ended without cleaning up" in stated[0]
        assert not before & machine.alive
        assert files(tmp_path) == list(WRITTEN_BY_A_CLOUD)

    assert machine.alive == set()
    assert files(tmp_path) == _AFTER_DOWN


def test_what_a_killed_command_left_is_taken_down_by_down(machine: FakeMachine, tmp_path: Path) -> None:
    cloud.start(state_directory=tmp_path, owner="demo")
    _kill_owner(tmp_path)
    with pytest.raises(NotRunningError, match=r"`demo`, which the local cloud in .* belonged to, has ended"):
        cloud.load(tmp_path)

    assert cloud.stop(tmp_path) is True

    assert machine.alive == set()
    assert files(tmp_path) == _AFTER_DOWN


def test_what_a_killed_command_left_among_foreign_files_is_left_alone(machine: FakeMachine, tmp_path: Path) -> None:
    cloud.start(state_directory=tmp_path, owner="demo")
    _kill_owner(tmp_path)
    plant(tmp_path, {"notes.txt": b"1"})
    before, alive = contents(tmp_path), set(machine.alive)

    for action in (cloud.start, lambda *, state_directory: cloud.reclaim(state_directory)):
        with pytest.raises(ForeignFilesError, match="Nothing was started or changed"):
            action(state_directory=tmp_path)

    assert (contents(tmp_path), machine.alive) == (before, alive)


def test_a_command_that_still_runs_is_named_and_nothing_of_it_is_touched(machine: FakeMachine, tmp_path: Path) -> None:
    cloud.start(state_directory=tmp_path, owner="demo")
    before, alive = contents(tmp_path), set(machine.alive)

    with pytest.raises(
        AlreadyRunningError, match=rf"`demo` is running .* \(process {os.getpid()}, .* kill {os.getpid()}"
    ):
        cloud.start(state_directory=tmp_path)

    assert (contents(tmp_path), machine.alive) == (before, alive)


def test_a_cloud_that_is_coming_up_is_not_called_interrupted(machine: FakeMachine, tmp_path: Path) -> None:
    asked: list[NotRunningError] = []

    def meanwhile() -> None:
        with pytest.raises(NotRunningError, match=f"is still coming up .process {os.getpid()}.") as refusal:
            cloud.load(tmp_path)
        asked.append(refusal.value)

    machine.meanwhile["deploy"] = meanwhile
    cloud.start(state_directory=tmp_path)

    assert len(asked) == 1
    assert cloud.load(tmp_path)


def test_a_cloud_that_was_interrupted_while_it_came_up_is_not_running(tmp_path: Path) -> None:
    _left_behind(tmp_path, CloudState())

    with pytest.raises(NotRunningError, match="interrupted"):
        cloud.load(tmp_path)


@pytest.mark.parametrize("exists", [False, True])
def test_stopping_what_is_not_up_does_nothing(tmp_path: Path, exists: bool) -> None:
    state = tmp_path / "state"
    if exists:
        state.mkdir()

    assert cloud.stop(state) is False

    assert list(tmp_path.rglob("*")) == [state] * exists


def test_stopping_removes_what_dead_processes_left(tmp_path: Path) -> None:
    _left_behind(tmp_path, CloudState(processes=(_DEAD,)))

    assert cloud.stop(tmp_path) is True
    assert files(tmp_path) == [MARKER]


def test_a_cloud_that_went_up_and_down_leaves_its_marker_and_what_shells_trust(
    machine: FakeMachine, tmp_path: Path
) -> None:
    cloud.start(state_directory=tmp_path)
    assert files(tmp_path) == list(WRITTEN_BY_A_CLOUD)
    assert cloud.load(tmp_path).outputs == {"CredentialsSecretArn": "arn"}

    assert cloud.stop(tmp_path) is True

    assert files(tmp_path) == _AFTER_DOWN
    assert machine.alive == set()
    assert cloud.stop(tmp_path) is False


def test_the_next_cloud_in_the_same_place_has_the_same_certificate(machine: FakeMachine, tmp_path: Path) -> None:
    for _ in range(2):
        cloud.start(state_directory=tmp_path)
        certificate = (tmp_path / "trust" / "engine.crt").read_bytes()
        cloud.stop(tmp_path)

    assert (tmp_path / "trust" / "engine.crt").read_bytes() == certificate
    assert files(tmp_path) == _AFTER_DOWN


_FOREIGN: dict[str, Tree] = {
    "photos": {"GX010001.MP4": b"footage", "trip": {"a.jpg": b"1"}},
    "names like ours": {"build": {"a": b"1"}, "simulator.json": b"{}", "tmp": {}, "samconfig.toml": b"2"},
    "one empty folder": {"later": {}},
    "a hidden file": {".profile": b"1"},
    "a link": {"link": Path("../elsewhere")},
}


@pytest.mark.parametrize("tree", _FOREIGN.values(), ids=_FOREIGN)
@pytest.mark.parametrize("was_up", [False, True], ids=["no state directory", "a state directory"])
def test_a_cloud_does_not_come_up_among_foreign_files(
    machine: FakeMachine, tmp_path: Path, tree: Tree, was_up: bool
) -> None:
    state = tmp_path / "state"
    if was_up:
        cloud.start(state_directory=state)
        cloud.stop(state)
        machine.started.clear()
    plant(tmp_path, {"state": tree, "elsewhere": {"file": b"precious"}})
    state.chmod(0o755)
    before = contents(tmp_path)

    with pytest.raises(ForeignFilesError, match="Nothing was started or changed"):
        cloud.start(state_directory=state)

    assert machine.started == []
    assert contents(tmp_path) == before
    assert state.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("tree", _FOREIGN.values(), ids=_FOREIGN)
@pytest.mark.parametrize("action", [cloud.load, cloud.stop], ids=["looked at", "taken down"])
def test_a_folder_without_a_marker_is_neither_looked_at_nor_taken_down(
    tmp_path: Path, tree: Tree, action: Callable[[Path], object]
) -> None:
    plant(tmp_path / "folder", tree)
    before = contents(tmp_path)

    with pytest.raises(NoStateDirectoryError, match="folder is no state directory"):
        action(tmp_path / "folder")

    assert contents(tmp_path) == before


def test_foreign_files_survive_a_cloud_that_is_taken_down_and_are_named(machine: FakeMachine, tmp_path: Path) -> None:
    stated: list[str] = []
    cloud.start(state_directory=tmp_path)
    plant(tmp_path, {"notes.txt": b"1", "logs": {"notes.txt": b"2"}, "trust": {"company.pem": b"3"}})

    assert cloud.stop(tmp_path, report=stated.append) is True

    (line,) = stated
    assert "logs/notes.txt, notes.txt, trust/company.pem" in line
    assert files(tmp_path) == sorted([*_AFTER_DOWN, "logs/notes.txt", "notes.txt", "trust/company.pem"])
    assert machine.alive == set()


def test_a_running_cloud_among_foreign_files_is_called_running(machine: FakeMachine, tmp_path: Path) -> None:
    cloud.start(state_directory=tmp_path)
    plant(tmp_path, {"notes.txt": b"1"})

    with pytest.raises(AlreadyRunningError, match=" local down --state-dir"):
        cloud.start(state_directory=tmp_path)

    assert len(machine.alive) == 2
    assert files(tmp_path) == sorted([*WRITTEN_BY_A_CLOUD, "notes.txt"])


def test_a_dead_cloud_is_in_nobodys_way(machine: FakeMachine, tmp_path: Path) -> None:
    cloud.start(state_directory=tmp_path)
    plant(tmp_path / "build", {"old.py": b""})
    machine.alive.clear()

    cloud.start(state_directory=tmp_path)

    assert files(tmp_path) == list(WRITTEN_BY_A_CLOUD)


@pytest.mark.parametrize("nested", ["demo", "dashboard", "another"])
@pytest.mark.parametrize("is_running", [True, False], ids=["running", "down"])
def test_a_cloud_inside_survives_the_outer_one(
    machine: FakeMachine, tmp_path: Path, nested: str, is_running: bool
) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "outer" / nested
    cloud.start(state_directory=outer)
    cloud.start(state_directory=inner)
    if not is_running:
        cloud.stop(inner)
    before, alive = contents(inner), len(machine.alive)

    cloud.stop(outer)
    cloud.start(state_directory=outer)
    cloud.stop(outer)

    assert contents(inner) == before
    assert len(machine.alive) == alive - 2


def test_a_cloud_comes_up_where_only_the_demonstration_was_before(machine: FakeMachine, tmp_path: Path) -> None:
    cloud.start(state_directory=tmp_path / "state" / "demo")

    cloud.start(state_directory=tmp_path / "state")

    assert len(machine.alive) == 4


def test_what_a_version_without_markers_left_is_taken_over_and_that_is_reported(
    machine: FakeMachine, tmp_path: Path
) -> None:
    certificate = ensure_trust(tmp_path / "trust", environ={}).certificate.read_bytes()
    stated: list[str] = []
    assert cloud.stop(tmp_path) is False

    cloud.start(state_directory=tmp_path, report=stated.append)

    assert "older version" in stated[0]
    assert (tmp_path / "trust" / "engine.crt").read_bytes() == certificate


def test_a_cloud_of_a_version_without_markers_is_left_alone_and_how_to_go_on_is_reported(tmp_path: Path) -> None:
    ensure_trust(tmp_path / "trust", environ={})
    plant(tmp_path, {"state.json": b"{}", "build": {"template.yaml": b""}})
    before = contents(tmp_path)

    for action in (cloud.stop, _start):
        with pytest.raises(StateDirectoryError, match=r"older version .* then delete the folder"):
            action(tmp_path)

    assert contents(tmp_path) == before


def test_two_commands_at_the_same_moment_do_not_share_a_state_directory(machine: FakeMachine, tmp_path: Path) -> None:
    refused: list[AlreadyRunningError] = []

    def meanwhile() -> None:
        for action in (cloud.stop, _start):
            with pytest.raises(AlreadyRunningError, match="`up` is running in another terminal") as refusal:
                action(tmp_path)
            refused.append(refusal.value)

    machine.meanwhile["deploy"] = meanwhile
    cloud.start(state_directory=tmp_path)

    assert len(refused) == 2
    assert machine.started == ["engine", "simulator"]


_STEPS = ["start_engine", "start_simulator", "build", "wait_until_ready", "deploy", "put_secret_value"]


@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (StartError("no"), StartError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), StateDirectoryError),
    ],
    ids=["error", "interruption", "full disk"],
)
def test_a_cloud_that_fails_on_its_way_up_leaves_no_process(
    machine: FakeMachine, tmp_path: Path, step: str, failure: BaseException, raised: type[BaseException]
) -> None:
    machine.fails_at[step] = failure

    with pytest.raises(raised):
        cloud.start(state_directory=tmp_path)

    assert machine.alive == set()
    assert [file for file in files(tmp_path) if not file.startswith("logs/")] == _AFTER_DOWN
    cloud.stop(tmp_path)
    assert files(tmp_path) == _AFTER_DOWN


@pytest.mark.parametrize("started", [1, 2], ids=["the engine", "the simulator"])
def test_a_process_is_ended_even_if_the_disk_is_too_full_to_write_that_it_runs(
    machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: int
) -> None:
    write = StateDirectory.write
    written: list[CloudState] = []

    def write_until_full(directory: StateDirectory, state: CloudState) -> None:
        if len(machine.started) == started:
            with full_disk():
                write(directory, state)
        write(directory, state)
        written.append(state)

    monkeypatch.setattr(StateDirectory, "write", write_until_full)

    with pytest.raises(StateDirectoryError, match=r"No space left on the device of .*Free some"):
        cloud.start(state_directory=tmp_path)

    assert (len(machine.started), len(written)) == (started, started)
    assert machine.alive == set()


def test_a_folder_on_a_full_disk_is_called_so_and_nothing_is_started(machine: FakeMachine, tmp_path: Path) -> None:
    with full_disk(), pytest.raises(StateDirectoryError, match="No space left on the device of"):
        cloud.start(state_directory=tmp_path)

    assert machine.started == []
    assert files(tmp_path) == []


@pytest.mark.parametrize("refused", ["mkdir", "iterdir"])
def test_a_folder_that_cannot_be_written_or_read_is_called_so_and_nothing_is_started(
    machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def refuse(path: Path, **_: object) -> Iterator[Path]:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, refused, refuse)

    with pytest.raises(StateDirectoryError, match=rf"Read-only file system \({tmp_path}/state\)"):
        cloud.start(state_directory=tmp_path / "state")

    assert machine.started == []


def test_a_damaged_state_file_stops_the_next_cloud_until_down_has_cleared_it_away(
    machine: FakeMachine, tmp_path: Path
) -> None:
    cloud.start(state_directory=tmp_path)
    (engine,) = [process for process in machine.alive if process.name == "engine"]
    damaged = {"processes": [engine.to_json(), {"name": "simulator", "pid": -1, "started": "1"}]}
    (tmp_path / "state.json").write_text(json.dumps(damaged), encoding="utf-8")
    machine.started.clear()

    for action in (cloud.load, _start):
        with pytest.raises(DamagedStateError, match=r"state\.json is damaged .*: .* local down"):
            action(tmp_path)
    assert machine.started == []

    with pytest.raises(DamagedStateError, match="What belongs to a local cloud was removed"):
        cloud.stop(tmp_path)

    assert engine not in machine.alive
    assert files(tmp_path) == _AFTER_DOWN
    assert cloud.stop(tmp_path) is False


def test_a_process_that_cannot_be_ended_is_named_and_the_state_is_kept(
    machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.start(state_directory=tmp_path)

    def refuse(record: ProcessRecord) -> None:
        if record.name == "engine":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        machine.alive.discard(record)

    monkeypatch.setattr(processes, "stop", refuse)

    with pytest.raises(StopError, match=r"The engine \(process \d+\) of the local cloud cannot be ended"):
        cloud.stop(tmp_path)

    assert [process.name for process in machine.alive] == ["engine"]
    assert files(tmp_path) == list(WRITTEN_BY_A_CLOUD)


_ANY_NAME = st.sampled_from(["notes.txt", "build", "logs", "trust", "engine.log", "engine.key", "state.json", "a b"])
_ANY_TREE = st.dictionaries(
    _ANY_NAME,
    st.recursive(
        st.binary(max_size=3) | st.sampled_from([Path("../outside"), Path("../outside/file"), Path(), Path("gone")]),
        lambda entry: st.dictionaries(_ANY_NAME, entry, max_size=3),
        max_leaves=5,
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=_ANY_TREE)
def test_whatever_a_folder_without_a_marker_holds_stays_as_it_is(
    machine: FakeMachine, tmp_path_factory: pytest.TempPathFactory, tree: Tree
) -> None:
    place = tmp_path_factory.mktemp("any")
    plant(place / "outside", {"file": b"precious"})
    plant(place / "folder", tree)
    before = contents(place)

    for action in (cloud.stop, cloud.load, _start):
        with pytest.raises(StateDirectoryError):
            action(place / "folder")

    assert contents(place) == before
    assert machine.started == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=_ANY_TREE.map(lambda tree: {f"foreign {name}": entry for name, entry in tree.items()}))
def test_whatever_was_put_beside_a_cloud_is_there_when_it_is_down_and_up_again_is_refused(
    machine: FakeMachine, tmp_path_factory: pytest.TempPathFactory, tree: Tree
) -> None:
    place = tmp_path_factory.mktemp("any")
    plant(place / "outside", {"file": b"precious"})
    cloud.start(state_directory=place / "state")
    plant(place / "state", {**tree, "logs": tree, "trust": tree})
    foreign = {name: content for name, content in contents(place).items() if "foreign" in name or "outside" in name}

    cloud.stop(place / "state")
    assert files(place / "state") == sorted(
        [*_AFTER_DOWN, *(name for name in files(place / "state") if "foreign" in name)]
    )
    with pytest.raises(ForeignFilesError):
        cloud.start(state_directory=place / "state")

    assert foreign == {name: entry for name, entry in contents(place).items() if name in foreign}
    assert machine.alive == set()


@pytest.mark.parametrize(
    "content", ["", "fake-access-token", '["fake-access-token"]'], ids=["empty", "no JSON", "a list"]
)
def test_a_credentials_file_that_is_no_json_object_is_refused_before_anything_is_started(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(CredentialsFileError, match="one JSON object") as refusal:
        cloud.start(state_directory=tmp_path / "state", credentials=file)

    assert "fake-access-token" not in str(refusal.value)
    assert not (tmp_path / "state").exists()


def test_a_call_that_fails_because_the_engine_has_ended_says_so(machine: FakeMachine, tmp_path: Path) -> None:
    here = cloud.start(state_directory=tmp_path)

    with pytest.raises(EndpointConnectionError), cloud.needed(here):
        raise EndpointConnectionError(endpoint_url=here.endpoint_url)  # the engine runs: it is something else

    machine.end("engine")
    with pytest.raises(NotRunningError, match="has ended, and all that it held is gone"), cloud.needed(here):
        raise EndpointConnectionError(endpoint_url=here.endpoint_url)
