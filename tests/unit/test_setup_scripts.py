"""The scripts that remove folders remove those that they have made, in their own working copy, and no other.

Each runs in a folder below tmp_path that stands for a working copy; another one stands for a home folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
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
  "-c "*fcntl*) exec "$REAL_PYTHON" "$@" ;;
  "-m pip "*--dry-run*) echo "  ${PIP_SAYS_WHEN_ASKED:-}" ;;
  "-m pip "*)
    case "$*" in
      *"${PIP_FAILS:-nothing}"*) echo "${PIP_SAYS:-ERROR: pip is broken}"; exit 1 ;;
      *"${PIP_HANGS:-nothing}"*) echo hangs > "$CALLS.hangs"; while [ -e "$CALLS.hangs" ]; do sleep 0.02; done ;;
    esac
    mkdir -p .venv/bin
    echo "WARNING: The index is odd" >&2 ;;
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
        self._hangs = folder / "calls.hangs"
        for name in (
            "requirements/setup.sh",
            "requirements/installing.sh",
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
        process = self.start(*command, cwd=cwd, **environment)
        output, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def start(self, *command: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHON": str(self.python),
            "CALLS": str(self._calls),
            "REAL_PYTHON": sys.executable,
        }
        return subprocess.Popen(
            command,
            cwd=cwd or self.root,
            env={**variables, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_pip_hangs(self) -> None:
        deadline = time.monotonic() + 30
        while not self._hangs.exists():
            assert time.monotonic() < deadline, "pip was not called"
            time.sleep(0.01)

    def let_pip_end(self) -> None:
        self._hangs.unlink()

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
    assert copy.run("requirements/setup.sh", PIP_FAILS="install").returncode != 0
    (copy.root / ".venv" / "half").write_text("", encoding="utf-8")

    assert copy.run("requirements/setup.sh").returncode == 0
    assert not (copy.root / ".venv" / "half").exists()


def test_set_up_says_what_each_step_installs_and_nothing_of_what_pip_warns_of(copy: WorkingCopy) -> None:
    result = copy.run("requirements/setup.sh")

    lines = result.stdout.splitlines()
    assert lines[0].startswith("setup: making .venv with ")
    assert [line.partition(":")[2].partition(":")[0].strip() for line in lines[1:-1]] == [
        f"step {number} of 4" for number in (1, 2, 3, 4)
    ]
    assert "the local cloud: 1 packages (usually " in lines[2]
    assert all(line.endswith(" s") for line in lines[1:])
    assert "WARNING" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("pip_says", "what_to_do"),
    [
        ("Retrying after connection broken by 'NewConnectionError'", "cannot be reached: check the network"),
        ("403 Client Error: Forbidden for url: https://index/", "refuses this machine"),
        ("ERROR: HTTP error 401 while getting https://index/a.whl", "refuses this machine"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "is not trusted here: set PIP_CERT"),
        ("OSError: [Errno 28] No space left on device", "no space is left on this disk"),
        ("ERROR: No matching distribution found for a==1.0", "does not have what the lock file names"),
        ("ERROR: something that nobody has seen before", "pip's lines above say what is wrong"),
    ],
)
def test_a_set_up_that_fails_shows_pips_own_words_and_what_to_do(
    copy: WorkingCopy, pip_says: str, what_to_do: str
) -> None:
    result = copy.run("requirements/setup.sh", PIP_FAILS="dev.txt", PIP_SAYS=pip_says)

    assert result.returncode == 1
    assert "step 2 of 4" in result.stdout
    assert f"  {pip_says}\n" in result.stderr
    assert what_to_do in result.stderr.splitlines()[-1]


def test_an_index_that_refuses_is_reported_from_one_that_has_not_got_it(copy: WorkingCopy) -> None:
    result = copy.run(
        "requirements/setup.sh",
        PIP_FAILS="dev.txt",
        PIP_SAYS="ERROR: Could not find a version that satisfies the requirement a==1.0 (from versions: none)",
        # pragma: allowlist nextline secret - made up
        PIP_SAYS_WHEN_ASKED="Could not fetch URL https://me:hunter2@index/a/: 403 Client Error: Forbidden - skipping",
    )

    assert "refuses this machine" in result.stderr.splitlines()[-1]
    assert "hunter2" not in result.stderr


def test_a_set_up_that_fails_shows_no_password_of_an_index(copy: WorkingCopy) -> None:
    result = copy.run("requirements/setup.sh", PIP_FAILS="dev.txt", PIP_SAYS="ERROR: https://me:hunter2@index/simple")

    assert "https://***@index/simple" in result.stderr
    assert "hunter2" not in result.stdout + result.stderr


def test_a_set_up_after_one_that_failed_resumes_after_what_is_installed(copy: WorkingCopy) -> None:
    assert copy.run("requirements/setup.sh", PIP_FAILS="lambda-runtime.txt").returncode == 1
    before = len(copy.calls)

    again = copy.run("requirements/setup.sh")

    assert again.returncode == 0
    assert again.stdout.startswith("setup: resuming")
    assert not [call for call in copy.calls[before:] if "dev.txt" in call]
    assert [call for call in copy.calls[before:] if "lambda-runtime.txt" in call]


def test_what_was_installed_by_halves_is_not_taken_for_installed(copy: WorkingCopy) -> None:
    assert copy.run("requirements/setup.sh", PIP_FAILS="sam.txt").returncode == 1
    half = copy.root / ".venv" / "sam" / "half"
    half.write_text("", encoding="utf-8")

    assert copy.run("requirements/setup.sh").returncode == 0
    assert not half.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_set_up_that_is_interrupted_ends_at_once_with_what_it_has_started(
    copy: WorkingCopy, number: signal.Signals
) -> None:
    process = copy.start("requirements/setup.sh", PIP_HANGS="dev.txt")
    copy.wait_until_pip_hangs()
    process.send_signal(number)

    _, errors = process.communicate(timeout=20)  # returns when nobody holds the pipes any more: pip is gone as well

    assert process.returncode == 130
    assert errors.strip() == "setup: interrupted; the next set-up resumes after the steps that are done"
    assert copy.run("requirements/setup.sh").returncode == 0


def test_of_two_set_ups_at_once_the_second_waits_for_the_first_and_finds_all_done(copy: WorkingCopy) -> None:
    first = copy.start("requirements/setup.sh", PIP_HANGS="dev.txt")
    copy.wait_until_pip_hangs()
    second = copy.start("requirements/setup.sh")
    assert second.stdout is not None
    assert second.stdout.readline() == "setup: another set-up of this folder is at work: waiting until it has ended\n"

    copy.let_pip_end()

    assert (first.wait(timeout=20), second.wait(timeout=20)) == (0, 0)
    assert len([call for call in copy.calls if call.startswith("-m venv")]) == 3
    first.communicate()
    second.communicate()


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
    assert copy.run("requirements/docs.sh", PIP_FAILS="install").returncode != 0
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

    result = copy.run("make", "clean")

    assert result.stdout == "clean: removed: .aws-sam .coverage .mypy_cache .venv\n"
    assert result.returncode == 0
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
