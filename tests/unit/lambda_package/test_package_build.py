"""The package that Lambda gets: complete, compiled, the same everywhere, and built once for the three functions."""

from __future__ import annotations

import importlib.util
import marshal
from pathlib import Path

import pytest

from lambda_package import build as packaging
from tests.support.folder_tree import Tree, contents, plant

_HEADER_BYTES = 16
_UNCHECKED_HASH = 0b01


@pytest.fixture
def source(tmp_path: Path) -> Path:
    package = tmp_path / "a copy of src" / "gopro_sync"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""Ours."""\n')
    (package / "prices.json").write_text("{}\n")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"of another Python")
    (package.parent / "requirements.txt").write_text("dependency==1.0\n")
    return package.parent


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for pip; collects the architectures that it was asked for."""
    asked: list[str] = []

    def install(requirements: Path, architecture: str, target: Path) -> None:
        asked.append(architecture)
        for name in ("bin/command", "dependency-1.0.dist-info/METADATA", "dependency-1.0.dist-info/RECORD"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text("")
        (target / "dependency").mkdir()
        (target / "dependency" / "__init__.py").write_text(requirements.read_text().replace("==1.0", " = 1"))
        (target / "botocore" / "data").mkdir(parents=True)
        (target / "botocore" / "data" / "endpoints.json").write_text('{"partitions": []}')

    monkeypatch.setattr(packaging, "_install", install)
    return asked


def build(source: Path, artifacts: Path, *, architecture: str = "x86_64") -> list[str]:
    packaging.build(source=source, artifacts=artifacts, architecture=architecture, cache=source.parent / "cache")
    return sorted(str(file.relative_to(artifacts)) for file in artifacts.rglob("*") if file.is_file())


@pytest.mark.usefixtures("installs")
def test_the_package_holds_the_dependencies_our_code_the_bytecode_of_both_and_no_leftovers(
    source: Path, tmp_path: Path
) -> None:
    assert build(source, tmp_path / "artifacts") == [
        "botocore/data/endpoints.json",
        "dependency-1.0.dist-info/METADATA",
        "dependency/__init__.py",
        "dependency/__pycache__/__init__.cpython-312.pyc",
        "gopro_sync/__init__.py",
        "gopro_sync/__pycache__/__init__.cpython-312.pyc",
        "gopro_sync/prices.json",
    ]


@pytest.mark.usefixtures("installs")
def test_bytecode_is_used_unchecked_and_names_the_paths_of_lambda(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "artifacts")
    for module in ("dependency/__init__.py", "gopro_sync/__init__.py"):
        compiled = Path(importlib.util.cache_from_source(str(tmp_path / "artifacts" / module))).read_bytes()
        assert compiled[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(compiled[4:8], "little") == _UNCHECKED_HASH
        assert marshal.loads(compiled[_HEADER_BYTES:]).co_filename == f"/var/task/{module}"


def test_dependencies_are_installed_once_for_all_functions_and_again_when_a_pin_changes(
    source: Path, tmp_path: Path, installs: list[str]
) -> None:
    build(source, tmp_path / "first")
    build(source, tmp_path / "second")
    assert installs == ["x86_64"]

    (source / "requirements.txt").write_text("dependency==1.0\nanother==1.0\n")
    build(source, tmp_path / "third")
    assert installs == ["x86_64", "x86_64"]
    assert "another" in (tmp_path / "third" / "dependency" / "__init__.py").read_text()


def test_each_processor_has_its_own_dependencies(source: Path, tmp_path: Path, installs: list[str]) -> None:
    for architecture in ("x86_64", "arm64", "x86_64"):
        build(source, tmp_path / f"{architecture}-{len(installs)}", architecture=architecture)
    assert installs == ["x86_64", "arm64"]


def test_an_installation_that_was_cut_off_is_not_taken_for_a_whole_one(
    source: Path, tmp_path: Path, installs: list[str]
) -> None:
    leftover = tmp_path / "cache" / "x86_64-unfinished"
    leftover.mkdir(parents=True)
    (leftover / "half.py").write_text("")
    assert "half.py" not in build(source, tmp_path / "artifacts")
    assert installs == ["x86_64"]


def test_only_what_an_earlier_build_has_cached_makes_room_for_new_dependencies(
    source: Path, tmp_path: Path, installs: list[str]
) -> None:
    cache = tmp_path / "cache"
    plant(tmp_path / "anothers", {"module.py": b"1"})
    foreign: Tree = {"x86_64-backup": {"a": b"1"}, "x86_64-notes.txt": b"2", f"x86_64-{'0' * 17}": {"a": b"3"}}
    links: Tree = {"x86_64-unfinished": tmp_path / "anothers", f"x86_64-{'0' * 16}": tmp_path / "anothers"}
    plant(cache, {**foreign, **links, "arm64-unfinished": {"half.py": b"4"}, f"x86_64-{'f' * 16}": {"old.py": b"5"}})

    build(source, tmp_path / "artifacts")

    assert {entry.name for entry in cache.iterdir()} >= {*foreign, "arm64-unfinished"}
    assert not [entry.name for entry in cache.iterdir() if entry.is_symlink() or "f" * 16 in entry.name]
    assert contents(tmp_path / "anothers") == {"module.py": b"1"}
    assert installs == ["x86_64"]


def test_where_there_can_be_no_cache_the_package_is_built_all_the_same(
    source: Path, tmp_path: Path, installs: list[str]
) -> None:
    (source.parent / "cache").write_text("a file where the folder should be")
    assert "gopro_sync/__init__.py" in build(source, tmp_path / "artifacts")
    assert installs == ["x86_64"]


@pytest.mark.usefixtures("installs")
def test_a_module_that_does_not_compile_stops_the_build(source: Path, tmp_path: Path) -> None:
    (source / "gopro_sync" / "broken.py").write_text("def\n")
    with pytest.raises(packaging.PackagingError, match="gopro_sync"):
        build(source, tmp_path / "artifacts")


def test_pins_that_pip_cannot_install_stop_the_build_with_what_pip_said(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packaging, "_CACHE", tmp_path / "cache")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (source / "requirements.txt").write_text("no-such-package-for-gopro-sync==1.0\n")
    arguments = ["--architecture", "x86_64", "--source", str(source), "--artifacts", str(tmp_path / "artifacts")]
    monkeypatch.setattr(packaging.build, "__kwdefaults__", {"cache": tmp_path / "cache"})

    assert packaging.main(arguments) == 1
    assert "no-such-package-for-gopro-sync" in capsys.readouterr().err
