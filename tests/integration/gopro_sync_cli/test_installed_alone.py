"""The command line installed as pipx does it, outside of the checkout. Needs the package index."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
LARGEST_BYTES: Final = 80_000_000
VERSION: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

type Run = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("installed alone")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but the command line, in the versions that the tests run with."""
    folder = tmp_path_factory.mktemp("installed") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    command += ["--constraint", str(ROOT / "requirements" / "dev.txt"), str(ROOT)]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    """Run the program in an empty folder, without AWS settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GOPRO_", "PYTHON"))}
    inherited |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    inherited["AWS_EC2_METADATA_DISABLED"] = "true"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(installed / "bin" / "gopro-sync"), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=inherited, capture_output=True, text=True, check=False)

    return run


def test_it_is_small(installed: Path) -> None:
    files = [file for file in installed.rglob("*") if file.is_file() and not file.is_symlink()]
    size = sum(file.stat().st_blocks * 512 for file in files)  # what it takes on the disk, as du says it
    print(f"{size / 1e6:.0f} MB in {len(files)} files")
    assert size < LARGEST_BYTES


def test_it_says_its_version_and_forecasts_costs(run: Run) -> None:
    assert run("--version").stdout == f"{VERSION}\n"
    assert "Prices looked up on" in run("cost", "--gb-per-month", "100").stdout
    assert "Usage: gopro-sync [OPTIONS]" in run("--help").stdout


@pytest.mark.parametrize("command", [("redrive",), ("accept", "m1"), ("rebuild",), ("credentials", "check")])
def test_every_command_starts_and_says_what_it_lacks(command: tuple[str, ...], run: Run) -> None:
    ended = run(*command)
    assert re.fullmatch(r"gopro-sync: There is no AWS region: .*--region.*\n", ended.stderr), ended.stderr


@pytest.mark.parametrize("command", ["adopt", "local"])
def test_what_needs_a_checkout_says_what_to_type(command: str, run: Run) -> None:
    ended = run(command)
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert "needs a checkout" in line
    assert f"./gopro-sync {command}" in line
