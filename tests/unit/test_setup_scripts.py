"""The scripts that remove folders remove those that they have made, in their own working copy, and no other.

Each runs in a folder below tmp_path that stands for a working copy; another one stands for a home folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.state import REPOSITORY
from tests.support.folder_tree import Tree, contents, plant

# Stands for a Python: notes how it is called, makes environments, and takes clouds down unless it is told not to.
_PYTHON = r"""#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m local down "*) [ -z "${DOWN_FAILS:-}" ] || exit 1; rm -- "$5/state.json" ;;
  "-m pip "*) [ -z "${PIP_FAILS:-}" ] || exit 1; mkdir -p .venv/bin ;;
esac
"""
_BUILT: Tree = {".aws-sam": {"cache": b"1"}, ".mypy_cache": {"a": b"2"}, ".coverage": b"3"}
_MADE_BY_SETUP: Tree = {".locks-installed": b"as it was once", "bin": {}, "old": b""}
_SCRIPTS = ("requirements/setup.sh", "requirements/docs.sh", "gates/run.sh", "requirements/clean.sh")


class WorkingCopy:
    """A folder with the real scripts, and a Python that only notes what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "copy"
        self.home = folder / "home"
        self.python = folder / "python"
        self._calls = folder / "calls"
        for name in (
            "requirements/setup.sh",
            "requirements/clean.sh",
            "requirements/docs.sh",
            "gates/run.sh",
            "Makefile",
        ):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, self.root / name)
        for name in (
            "src/requirements",
            *(f"requirements/{lock}" for lock in ("dev", "docs", "sam", "lambda-runtime")),
        ):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / f"{name}.txt").write_text(f"{name}==1.0\n", encoding="utf-8")
        (self.root / "gates" / "gates.txt").write_text("gates==1.0\n", encoding="utf-8")
        plant(
            self.home,
            {
                ".venv": {"bin": {"python": b"mine"}, "gates": {"a": b"mine"}},
                ".local": {"share": {"letters": b"mine"}},
                **_BUILT,
            },
        )
        self.python.write_text(_PYTHON, encoding="utf-8")
        self.python.chmod(0o755)

    def run(self, *command: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.home), "PYTHON": str(self.python)}
        return subprocess.run(
            command,
            cwd=cwd or self.root,
            env={**variables, "CALLS": str(self._calls), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def with_venv(self) -> None:
        plant(self.root / ".venv", _MADE_BY_SETUP)
        shutil.copy(self.python, self.root / ".venv" / "bin" / "python")

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text(encoding="utf-8").splitlines() if self._calls.exists() else []


@pytest.fixture
def copy(tmp_path: Path) -> WorkingCopy:
    return WorkingCopy(tmp_path)


def test_set_up_makes_an_environment_and_makes_it_anew_when_a_pin_changes(copy: WorkingCopy) -> None:
    for pin, expected in (("1.0", 3), ("1.0", 3), ("1.1", 6)):
        (copy.root / "src" / "requirements.txt").write_text(f"src==={pin}\n", encoding="utf-8")
        result = copy.run("requirements/setup.sh")
        assert (result.returncode, result.stderr) == (0, "")
        assert len([call for call in copy.calls if call.startswith("-m venv")]) == expected


def test_set_up_that_was_cut_off_can_be_done_again(copy: WorkingCopy) -> None:
    assert copy.run("requirements/setup.sh", PIP_FAILS="yes").returncode != 0
    (copy.root / ".venv" / "half").write_text("", encoding="utf-8")

    assert copy.run("requirements/setup.sh").returncode == 0
    assert not (copy.root / ".venv" / "half").exists()


def test_what_draws_is_installed_when_it_is_asked_for_and_again_when_a_pin_or_the_environment_changes(
    copy: WorkingCopy,
) -> None:
    def installs() -> int:
        return sum(call.endswith("-r requirements/docs.txt") for call in copy.calls)

    for lock, expected in (("requirements/docs", 1), (None, 1), ("requirements/docs", 2), ("requirements/dev", 3)):
        if lock:
            with (copy.root / f"{lock}.txt").open("a", encoding="utf-8") as file:
                file.write("one-more==1.0\n")
        assert copy.run("requirements/setup.sh").returncode == 0
        assert copy.run("requirements/docs.sh").returncode == 0
        assert installs() == expected


def test_what_draws_is_not_taken_for_installed_when_that_failed(copy: WorkingCopy) -> None:
    copy.with_venv()
    assert copy.run("requirements/docs.sh", PIP_FAILS="yes").returncode != 0
    assert copy.run("requirements/docs.sh").returncode == 0
    assert len(copy.calls) == 2


@pytest.mark.parametrize("script", _SCRIPTS)
@pytest.mark.parametrize(
    "venv",
    [{"bin": {"python": b"another's"}, "gates": {"notes": b"1"}}, Path("../anothers")],
    ids=["another's", "a link"],
)
def test_an_environment_that_set_up_has_not_made_is_left_alone(
    copy: WorkingCopy, tmp_path: Path, script: str, venv: Tree | Path
) -> None:
    plant(tmp_path / "anothers", {**_MADE_BY_SETUP, "gates": {"notes": b"1"}})
    plant(copy.root, {".venv": venv})
    before = contents(copy.root), contents(tmp_path / "anothers")

    result = copy.run(script)

    assert "is a link, or was not made by" in result.stderr
    assert result.returncode == (0 if "clean" in script else 1)
    assert (contents(copy.root), contents(tmp_path / "anothers")) == before


@pytest.mark.parametrize("script", _SCRIPTS)
def test_an_exported_cdpath_leads_no_script_elsewhere(copy: WorkingCopy, script: str) -> None:
    (copy.home / "requirements").mkdir()
    (copy.home / "gates").mkdir()
    copy.with_venv()
    before = contents(copy.home)

    copy.run(script, CDPATH=str(copy.home))

    assert contents(copy.home) == before
    assert not (copy.root / ".venv" / "old").exists() or script in {"gates/run.sh", "requirements/docs.sh"}


@pytest.mark.parametrize("script", _SCRIPTS)
def test_a_link_to_a_script_leads_it_nowhere(copy: WorkingCopy, script: str) -> None:
    plant(copy.home, {"bin": {"script": copy.root / script}, ".venv": {".locks-installed": b""}})
    before = contents(copy.home)

    result = copy.run(str(copy.home / "bin" / "script"))

    assert result.returncode == 1
    assert "is a link: run the script that it leads to" in result.stderr
    assert contents(copy.home) == before


@pytest.mark.parametrize("script", ["setup.sh", "clean.sh"])
def test_a_script_works_on_its_own_working_copy_from_anywhere(copy: WorkingCopy, script: str) -> None:
    copy.with_venv()
    before = contents(copy.home)

    for cwd, name in (
        (copy.home, str(copy.root / "requirements" / script)),
        (copy.root / "requirements", f"./{script}"),
    ):
        assert copy.run(name, cwd=cwd).returncode == 0

    assert contents(copy.home) == before
    assert not (copy.root / ".venv" / "old").exists()
    assert len([call for call in copy.calls if call.startswith("-m venv")]) == (3 if script == "setup.sh" else 0)


def test_clean_removes_what_was_built_and_nothing_else(copy: WorkingCopy) -> None:
    before = contents(copy.root)
    copy.with_venv()
    plant(copy.root, {**_BUILT, "footage.mp4": b"mine", ".local": {"trust": {"engine.crt": b"trusted"}}})

    assert copy.run("make", "clean").returncode == 0

    after = contents(copy.root)
    kept = {"footage.mp4", ".local", ".local/trust", ".local/trust/engine.crt"}
    assert after.keys() == before.keys() | kept
    assert copy.calls == []


def test_clean_by_another_folders_makefile_leaves_the_current_folder_alone(copy: WorkingCopy) -> None:
    before = contents(copy.home)

    assert copy.run("make", "-f", str(copy.root / "Makefile"), "clean", cwd=copy.home).returncode != 0

    assert contents(copy.home) == before


def test_clean_takes_every_cloud_down_before_it_removes_what_they_run_from(copy: WorkingCopy) -> None:
    copy.with_venv()
    plant(
        copy.root, {".local": {"state.json": b"{}", "demo": {"state.json": b"{}"}, "another": {"trust": {}}}, **_BUILT}
    )

    assert copy.run("make", "clean").returncode == 0

    assert copy.calls == ["-m local down --state-dir .local", "-m local down --state-dir .local/demo/"]
    assert not (copy.root / ".venv").exists()


@pytest.mark.parametrize("reason", ["down fails", "there is no .venv"])
def test_clean_removes_nothing_while_a_cloud_may_be_up(copy: WorkingCopy, reason: str) -> None:
    plant(copy.root, {".local": {"state.json": b"{}"}, **_BUILT})
    if reason == "down fails":
        copy.with_venv()
    before = contents(copy.root)

    result = copy.run("make", "clean", DOWN_FAILS="yes")

    assert result.returncode != 0
    assert "a local cloud may still be up" in result.stderr
    assert contents(copy.root) == before
