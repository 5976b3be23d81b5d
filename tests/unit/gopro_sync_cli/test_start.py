"""The command line answers at once: what only some commands need is not loaded by the others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gopro_sync_cli.typed import TYPED_VARIABLE

ROOT = Path(__file__).parents[3]
HEAVY = {"boto3", "botocore", "httpx", "urllib3", "tenacity", "awscrt", "_awscrt", "aws_lambda_powertools", "yaml"}
RUN = """
import contextlib, sys
from gopro_sync_cli.__main__ import main
for arguments in sys.argv[1:]:
    sys.argv = ["gopro-sync", *arguments.split()]
    with contextlib.suppress(SystemExit):
        main()
print("loaded:", *sys.modules, file=sys.stderr)
"""
PROGRAM = "#!{python}\nimport sys\nsys.path[:0] = {path}\nfrom gopro_sync_cli.__main__ import main\nmain()\n"
COMPLETE = """
eval "$(gopro-sync --show-completion)"
COMP_WORDS=({words}) COMP_CWORD={index}
_gopro_sync_completion gopro-sync
echo "${{COMPREPLY[*]}}"
complete -p gopro-sync
"""


def environment(**further: str) -> dict[str, str]:
    """Return one without AWS settings, in which the packages are found."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GOPRO_"))}
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    none = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return inherited | {"PYTHONPATH": path, "AWS_EC2_METADATA_DISABLED": "true"} | none | further


def after(*commands: str) -> tuple[str, str, set[str]]:
    """Run commands in one process; return what they print, and what is loaded then."""
    ended = subprocess.run(
        [sys.executable, "-c", RUN, *commands], env=environment(), capture_output=True, text=True, check=True
    )
    errors, _, loaded = ended.stderr.partition("loaded: ")
    return ended.stdout, errors, {module.split(".")[0] for module in loaded.split()}


def test_help_version_and_forecast_load_nothing_that_talks_to_aws() -> None:
    printed, errors, loaded = after("--help", "--version", "redrive --help", "cost --gb-per-month 100", "frobnicate")

    assert "Retry the failed videos in the dead letter queue now" in printed
    assert "Prices looked up on" in printed
    assert "No such command 'frobnicate'" in errors
    assert loaded & HEAVY == set()


def test_a_command_that_asks_aws_loads_the_sdk_and_nothing_of_the_functions() -> None:
    _, errors, loaded = after("redrive --yes")

    assert "There is no AWS region" in errors
    assert {"boto3", "botocore"} <= loaded
    assert loaded & {"_awscrt", "aws_lambda_powertools", "yaml"} == set()


@pytest.fixture
def on_path(tmp_path: Path) -> Path:
    """A folder with the program as an installation makes it."""
    program = tmp_path / "bin" / "gopro-sync"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable, path=[str(ROOT / "src"), str(ROOT)]))
    program.chmod(0o755)
    return program.parent


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("gopro-sync re", "redrive rebuild"),
        ("gopro-sync credentials c", "check"),
        ("gopro-sync redrive --st", "--stack-name"),
    ],
)
def test_bash_completes_commands_and_options(words: str, completed: str, on_path: Path, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    script = COMPLETE.format(words=words, index=len(words.split()) - 1)
    path = f"{on_path}{os.pathsep}{os.environ['PATH']}"

    ended = subprocess.run(
        [bash, "--norc", "-c", script],
        env=environment(PATH=path, HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stderr == ""
    replies, registered = ended.stdout.splitlines()
    assert set(replies.split()) == set(completed.split())
    assert registered.endswith("_gopro_sync_completion gopro-sync")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(shell: str, on_path: Path) -> None:
    ended = subprocess.run(
        [on_path / "gopro-sync", "--show-completion", shell],
        env=environment(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"),  # it goes by the shell that it is typed in
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"_GOPRO_SYNC_COMPLETE=complete_{shell}" in ended.stdout


def test_in_a_checkout_there_is_no_completion_that_could_not_work() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gopro_sync_cli", "--help"],
        env=environment(**{TYPED_VARIABLE: "./gopro-sync"}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--version" in ended.stdout
    assert "completion" not in ended.stdout
