"""Where a state directory can be. Folders below tmp_path stand for the real ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local import state_place as places
from local.errors import StateDirectoryError
from local.state import StateDirectory
from local.state_place import state_place


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with a home folder, in which a copy of the repository lies."""
    repository = tmp_path / "home" / "person" / "gopro-s3-sync"
    (repository / "src").mkdir(parents=True)
    monkeypatch.setattr(places, "REPOSITORY", repository)
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "person"))
    monkeypatch.chdir(repository)
    return tmp_path


def _refusal(path: Path) -> str:
    with pytest.raises(StateDirectoryError) as refusal:
        state_place(path)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("home/person", "is your home folder"),
        ("home/person/", "is your home folder"),
        ("home", "your home folder lies in"),
        ("home/person/gopro-s3-sync", "is this repository"),
        ("home/person/gopro-s3-sync/src/..", "is this repository"),
        ("home/person/gopro-s3-sync/src", "lies in this repository"),
        ("home/person/gopro-s3-sync/src/not-there-yet", "lies in this repository"),
        ("home/person/gopro-s3-sync/.git/x", "lies in this repository"),
        ("home/person/gopro-s3-sync/.local-of-mine", "lies in this repository"),
    ],
)
def test_a_folder_that_is_somebody_elses_is_refused_whatever_it_holds(machine: Path, place: str, reason: str) -> None:
    refusal = _refusal(machine / place)

    assert reason in refusal
    assert "--state-dir" in refusal


def test_the_root_of_all_folders_is_refused(machine: Path) -> None:
    assert "is a folder that your home folder lies in" in _refusal(Path("/"))


@pytest.mark.parametrize("name", [".", "", "..", "src/../../gopro-s3-sync"])
def test_a_relative_name_is_judged_by_the_folder_that_it_stands_for(machine: Path, name: str) -> None:
    _refusal(Path(name))


@pytest.mark.parametrize("name", [".local", ".local/demo", ".local/another"])
def test_the_repository_keeps_its_own_in_one_place(machine: Path, name: str) -> None:
    assert state_place(Path(name)) == Path.cwd() / name


def test_any_other_folder_will_do(machine: Path) -> None:
    assert state_place(machine / "home/person/clouds/a") == machine / "home/person/clouds/a"


def test_a_link_counts_as_what_it_leads_to(machine: Path) -> None:
    (machine / "big disk").mkdir()
    (machine / "good").symlink_to(machine / "big disk")
    (machine / "bad").symlink_to(machine / "home/person")

    assert state_place(machine / "good") == machine / "big disk"
    assert "is your home folder" in _refusal(machine / "bad")


def test_a_link_in_the_place_of_the_repositorys_own_is_followed(machine: Path) -> None:
    Path(".local").symlink_to(machine / "big disk")

    assert state_place(Path(".local")) == machine / "big disk"


def test_links_that_lead_round_in_a_circle_are_refused(machine: Path) -> None:
    (machine / "a").symlink_to(machine / "b")
    (machine / "b").symlink_to(machine / "a")

    assert "in a circle" in _refusal(machine / "a")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("file", "is a file, not a folder"), ("file/below", "Not a directory"), ("x" * 300, "too long")],
)
def test_what_cannot_be_a_folder_is_refused(machine: Path, name: str, reason: str) -> None:
    (machine / "file").write_text("", encoding="utf-8")

    assert reason in _refusal(machine / name)


def test_a_folder_that_all_users_share_is_refused(machine: Path) -> None:
    shared = machine / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    assert "is shared with other users" in _refusal(shared)


@pytest.mark.parametrize("name", ["build", "tmp", "sam", "logs", "trust"])
@pytest.mark.parametrize("below", [".", "deep/below"])
def test_a_folder_that_another_cloud_removes_is_refused(machine: Path, name: str, below: str) -> None:
    with StateDirectory(machine / "outer").claimed():
        pass

    assert f"lies in {name}/ of the state directory" in _refusal(machine / "outer" / name / below)
    assert state_place(machine / "outer" / "demo") == machine / "outer" / "demo"


def test_a_user_without_a_home_folder_can_use_any_place(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)

    assert state_place(machine / "state") == machine / "state"


def test_a_name_that_no_terminal_should_be_sent_is_shown_in_letters(machine: Path) -> None:
    (machine / "bad\x1b[2J").write_text("", encoding="utf-8")
    Path(os.fsdecode(bytes(machine) + b"/bad\xff")).write_text("", encoding="utf-8")

    assert r"bad\x1b[2J" in _refusal(machine / "bad\x1b[2J")
    assert _refusal(machine / "bad\udcff").isprintable()
