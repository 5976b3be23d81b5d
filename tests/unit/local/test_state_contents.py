"""What in a state directory is ours, and what survives because it is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.engine.certificate import ensure_trust
from local.state_contents import MARKER, MARKER_TEXT, foreign_entries, is_free, is_marked, remove_ours
from tests.support.folder_tree import Tree, contents, files, plant
from tests.support.local_cloud import WRITTEN_BY_A_CLOUD

_MARKED: Tree = {MARKER: MARKER_TEXT.encode()}


def _plant_cloud(folder: Path) -> None:
    """A state directory as it is while a cloud is up."""
    for name in WRITTEN_BY_A_CLOUD:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"a cloud's {name}", encoding="utf-8")
    plant(folder, _MARKED)


def _foreign(folder: Path) -> list[str]:
    return [str(entry.relative_to(folder)) for entry in foreign_entries(folder)]


def test_a_folder_is_a_state_directory_by_what_its_marker_says_not_by_a_name(tmp_path: Path) -> None:
    plant(tmp_path / "empty", {MARKER: b""})
    plant(tmp_path / "anothers", {MARKER: b"Notes about the local cloud of my town"})
    plant(tmp_path / "linked", {MARKER: tmp_path / "ours" / MARKER})
    plant(tmp_path / "folder", {MARKER: {}})
    plant(tmp_path / "ours", _MARKED)

    assert [folder.name for folder in sorted(tmp_path.iterdir()) if is_marked(folder)] == ["ours"]


def test_everything_that_a_cloud_writes_is_ours_and_goes_but_for_the_marker(tmp_path: Path) -> None:
    _plant_cloud(tmp_path)
    plant(tmp_path, {"state.json.new": b"", "simulator.json.4711": b"", "samconfig.toml.new": b""})
    plant(tmp_path / "trust", {"ca-bundle.new": b"", "engine.key.new": b""})
    assert _foreign(tmp_path) == []

    remove_ours(tmp_path)

    assert list(contents(tmp_path)) == [MARKER]


@pytest.mark.parametrize("kept", ["trust", "logs"])
def test_a_folder_can_be_kept(tmp_path: Path, kept: str) -> None:
    _plant_cloud(tmp_path)
    before = [name for name in files(tmp_path) if name.startswith(kept)]

    remove_ours(tmp_path, kept={kept})

    assert files(tmp_path) == [MARKER, *before]


def test_notes_among_our_files_survive_and_are_named(tmp_path: Path) -> None:
    _plant_cloud(tmp_path)
    foreign: Tree = {
        "notes.txt": b"1",
        "state.json.bak": b"2",
        "photos": {"a.jpg": b"3", "empty": {}},
        "logs": {"notes.txt": b"4", "old": {"engine.log": b"5"}},
        "trust": {"company.pem": b"6"},
    }
    plant(tmp_path, foreign)
    named = ["logs/notes.txt", "logs/old", "notes.txt", "photos", "state.json.bak", "trust/company.pem"]
    assert _foreign(tmp_path) == named

    remove_ours(tmp_path)

    assert _foreign(tmp_path) == named
    plant(tmp_path / "expected", foreign)
    expected = contents(tmp_path / "expected")
    assert {name: content for name, content in contents(tmp_path).items() if "expected" not in name} == {
        MARKER: MARKER_TEXT.encode(),
        **expected,
    }


def test_what_lies_where_programs_write_as_they_like_goes_with_it(tmp_path: Path) -> None:
    _plant_cloud(tmp_path)
    plant(tmp_path, {"build": {"notes.txt": b""}, "tmp": {"notes.txt": b""}, "sam": {"notes.txt": b""}})
    assert _foreign(tmp_path) == []

    remove_ours(tmp_path)

    assert list(contents(tmp_path)) == [MARKER]


@pytest.mark.parametrize("name", ["build", "tmp", "sam"])
def test_a_folder_of_the_same_name_is_not_ours_when_no_cloud_was_up(tmp_path: Path, name: str) -> None:
    plant(tmp_path, {**_MARKED, name: {"thesis.tex": b"years of work"}, "build.toml": b"mine"})
    before = contents(tmp_path)
    assert _foreign(tmp_path) == sorted([name, "build.toml"])

    remove_ours(tmp_path)

    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", ["a file for a folder", "a folder for a file", "a pipe"])
def test_another_kind_of_thing_in_the_place_of_ours_is_not_ours(tmp_path: Path, kind: str) -> None:
    plant(tmp_path, {**_MARKED, "state.json": b"{}"})
    match kind:
        case "a file for a folder":
            plant(tmp_path, {"build": b"make all", "logs": b"felled"})
            named = ["build", "logs"]
        case "a folder for a file":
            plant(tmp_path, {"simulator.json": {"a": b""}, "logs": {"engine.log": {"a": b""}}})
            named = ["logs/engine.log", "simulator.json"]
        case _:
            os.mkfifo(tmp_path / "simulator.json")
            named = ["simulator.json"]
    assert _foreign(tmp_path) == named

    remove_ours(tmp_path)

    assert _foreign(tmp_path) == named


def test_a_state_file_that_is_a_folder_is_left_alone(tmp_path: Path) -> None:
    plant(tmp_path, {**_MARKED, "state.json": {"a": b"1"}})
    before = contents(tmp_path)

    remove_ours(tmp_path)

    assert contents(tmp_path) == before


_LINKABLE = sorted({name for path in WRITTEN_BY_A_CLOUD if path != MARKER for name in (path.split("/")[0], path)})
_INSIDE_MACHINE_MADE = ("build/", "sam/", "tmp/")


@pytest.mark.parametrize("name", _LINKABLE)
@pytest.mark.parametrize("target", ["file", "folder", "nothing"])
def test_a_link_in_the_place_of_ours_goes_and_what_it_leads_to_stays(tmp_path: Path, name: str, target: str) -> None:
    state, outside = tmp_path / "state", tmp_path / "outside"
    _plant_cloud(state)
    plant(outside, {"file": b"1", "folder": {"engine.log": b"2", "engine.key": b"3", "module.py": b"4"}})
    before = contents(outside)
    _remove_for_test(state / name)
    (state / name).symlink_to(outside / target)

    remove_ours(state, kept={"trust"})

    assert not (state / name).is_symlink()
    assert contents(outside) == before


@pytest.mark.parametrize(
    "tree", [{"loop": Path("loop")}, {"demo": Path()}, {"up": Path("..")}], ids=["loop", "demo", "up"]
)
def test_a_foreign_link_is_neither_followed_nor_removed(tmp_path: Path, tree: Tree) -> None:
    plant(tmp_path / "outside", {"file": b"1"})
    plant(tmp_path / "outside" / "state", {**_MARKED, **tree})
    before = contents(tmp_path)

    remove_ours(tmp_path / "outside" / "state")

    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["demo", "dashboard", "another"])
def test_another_clouds_state_directory_inside_is_left_alone_and_in_nobodys_way(tmp_path: Path, name: str) -> None:
    _plant_cloud(tmp_path)
    _plant_cloud(tmp_path / name)
    before = contents(tmp_path / name)
    assert _foreign(tmp_path) == []

    remove_ours(tmp_path)

    assert contents(tmp_path / name) == before


@pytest.mark.parametrize("place", ["build", "tmp/deep/inside", "logs", "trust"])
def test_a_state_directory_that_was_moved_to_where_we_write_is_left_alone_and_named(tmp_path: Path, place: str) -> None:
    _plant_cloud(tmp_path)
    _remove_for_test(tmp_path / place)
    _plant_cloud(tmp_path / place)
    before = contents(tmp_path / place)
    assert _foreign(tmp_path) == [place.split("/", maxsplit=1)[0]]

    remove_ours(tmp_path)

    assert contents(tmp_path / place) == before


def test_what_cannot_be_removed_leaves_the_state_file_so_that_it_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant_cloud(tmp_path)

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)

    with pytest.raises(PermissionError):
        remove_ours(tmp_path)

    assert (tmp_path / "state.json").exists()


def _with_old_trust(folder: Path) -> Path:
    ensure_trust(folder / "trust", environ={})
    return folder


def test_a_missing_or_empty_folder_is_free_and_so_is_one_whose_up_was_cut_off_at_its_first_step(tmp_path: Path) -> None:
    plant(tmp_path, {"empty": {}, "begun": {MARKER: b""}})

    assert [is_free(tmp_path / name) for name in ("missing", "empty", "begun")] == [True, True, True]


def test_what_versions_without_a_marker_left_is_free(tmp_path: Path) -> None:
    _with_old_trust(tmp_path / "after down")
    _with_old_trust(tmp_path / "after demo" / "demo")
    _with_old_trust(_with_old_trust(tmp_path / "after both") / "demo")
    plant(tmp_path / "after a new demo", {"demo": _MARKED, "dashboard": {}, "rehearsal": _MARKED})

    assert [folder.name for folder in tmp_path.iterdir() if not is_free(folder)] == []


def test_a_folder_that_only_looks_like_that_is_not_free(tmp_path: Path) -> None:
    plant(tmp_path / "another's trust", {"trust": {"engine.crt": b"pem", "engine.key": b"pem"}})
    plant(tmp_path / "an empty trust", {"trust": {}})
    plant(tmp_path / "another's demo", {"demo": {"talk.odp": b"slides"}})
    plant(tmp_path / "a linked demo", {"demo": tmp_path / "an empty trust"})
    plant(tmp_path / "another folder", {"pictures": _MARKED})
    plant(tmp_path / "logs", {"logs": {"engine.log": b""}})
    plant(_with_old_trust(tmp_path / "a guest"), {"notes.txt": b""})
    plant(_with_old_trust(tmp_path / "a guest in trust") / "trust", {"company.pem": b""})

    assert [folder.name for folder in tmp_path.iterdir() if is_free(folder)] == []


# --- any tree ----------------------------------------------------------------------------------------------------

_OUR_NAMES = sorted({part for name in WRITTEN_BY_A_CLOUD for part in name.split("/")} - {MARKER})
_NAMES = st.one_of(
    st.sampled_from([*_OUR_NAMES, "demo", "dashboard", "notes.txt", "engine.log.1", "Build", "state.json.bak", "-rf"]),
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=8).filter(
        lambda name: name not in {".", ".."}
    ),
)
_LINKS = st.sampled_from([Path("../outside"), Path("../outside/file"), Path(), Path(".."), Path("missing")])


def _trees(names: st.SearchStrategy[str] = _NAMES) -> st.SearchStrategy[Tree]:
    deeper = st.recursive(
        st.binary(max_size=4) | _LINKS, lambda entry: st.dictionaries(_NAMES, entry, max_size=3), max_leaves=6
    )
    return st.dictionaries(names, deeper, max_size=5)


def _survives(before: dict[str, bytes | str], after: dict[str, bytes | str], is_foreign: Any) -> bool:
    return all(after.get(name) == content for name, content in before.items() if is_foreign(name))


def _is_foreign_beside_a_cloud(name: str) -> bool:
    top, _, inside = name.partition("/")
    if top in {"logs", "trust"}:
        return inside != "" and f"{top}/{inside}" not in WRITTEN_BY_A_CLOUD
    return top not in {path.split("/")[0] for path in WRITTEN_BY_A_CLOUD}


@settings(max_examples=80)
@given(
    top=_trees(_NAMES.filter(lambda name: _is_foreign_beside_a_cloud(name) and name not in {"logs", "trust"})),
    logs=_trees(_NAMES.filter(lambda name: not name.endswith(".log"))),
    trust=_trees(_NAMES.filter(lambda name: not name.startswith(("engine.", "ca-bundle")))),
    was_up=st.booleans(),
)
def test_whatever_lies_among_our_files_survives_with_its_content(
    tmp_path_factory: pytest.TempPathFactory, top: Tree, logs: Tree, trust: Tree, was_up: bool
) -> None:
    place = tmp_path_factory.mktemp("any")
    plant(place / "outside", {"file": b"precious", "folder": {"deep": b"too"}})
    plant(place / "state", _MARKED)
    if was_up:
        _plant_cloud(place / "state")
    plant(place / "state", {**top, "logs": logs, "trust": trust})
    outside, before = contents(place / "outside"), contents(place / "state")

    remove_ours(place / "state", kept={"trust"})

    after = contents(place / "state")
    assert contents(place / "outside") == outside
    assert _survives(before, after, _is_foreign_beside_a_cloud)
    assert not [name for name in after if name in WRITTEN_BY_A_CLOUD and not name.startswith((MARKER, "trust/"))]


@settings(max_examples=80)
@given(tree=_trees(st.sampled_from(_OUR_NAMES) | _NAMES))
def test_whatever_lies_in_a_state_directory_where_no_cloud_was_up_survives_but_for_logs(
    tmp_path_factory: pytest.TempPathFactory, tree: Tree
) -> None:
    ours = {"state.json", "state.json.new", "logs", "trust"}
    place = tmp_path_factory.mktemp("any")
    plant(place / "outside", {"file": b"precious", "folder": {"deep": b"too"}})
    plant(place / "state", {**{name: entry for name, entry in tree.items() if name not in ours}, **_MARKED})
    before = contents(place)

    remove_ours(place / "state")

    assert contents(place) == before


def _remove_for_test(path: Path) -> None:
    """Removes something below tmp_path, so that a test can put something else there."""
    if path.is_dir():
        for entry in path.iterdir():
            _remove_for_test(entry)
        path.rmdir()
    elif path.exists():
        path.unlink()
