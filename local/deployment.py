"""Deploy the repository's real template to the local engine, with the real ``sam build`` and ``sam deploy``."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.engine.environment import DEFAULT_REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY
from local.errors import DeploymentError
from local.lifeline import LIFELINE_VARIABLE, bound, lifeline
from local.plain_files import open_log, replace_plain
from local.state import REPOSITORY, StateDirectory

STACK_NAME = "gopro-sync-local"
_BIN = REPOSITORY / ".venv" / "bin"
# What all local clouds of this working copy share, so that an unchanged build is fast: sam's cache, the packages (which
# sam keeps in the folder it is started in), and the index of both (which it keeps beside each build).
_SHARED = REPOSITORY / ".aws-sam" / "local"
_CACHE_INDEX = "build.toml"
_LINES_SHOWN = 15
_FULL_DISK = os.strerror(errno.ENOSPC)


def build(directory: StateDirectory) -> None:
    """Package the functions for this machine's processor.

    Raises:
        DeploymentError: with the end of sam's output.
    """
    arguments = ["build", "--template-file", str(REPOSITORY / "template.yaml"), "--base-dir", str(REPOSITORY)]
    arguments += ["--build-dir", str(directory.build), "--cached", "--cache-dir", str(_SHARED / "cache")]
    arguments += ["--parameter-overrides", f"Architecture={_architecture()}"]
    with _one_at_a_time():
        shared_index, index = _SHARED / _CACHE_INDEX, directory.build.parent / _CACHE_INDEX
        if shared_index.exists():
            shutil.copy(shared_index, index)
        _sam("sam-build", arguments, directory, sam_environment(directory), working_directory=_SHARED)
        shutil.copy(index, shared_index)


def deploy(
    directory: StateDirectory, *, region: str, endpoint_url: str, ca_bundle: Path, parameters: Mapping[str, str]
) -> None:
    """Create or update the stack.

    Args:
        directory: holds the build, gets the log.
        region: where the stack goes.
        endpoint_url: of the engine.
        ca_bundle: the file that its certificate is checked against.
        parameters: of the template, beyond those that every local deployment sets.

    Raises:
        DeploymentError: with the end of sam's output.
    """
    arguments = ["deploy", "--template-file", str(directory.build / "template.yaml"), "--stack-name", STACK_NAME]
    arguments += ["--resolve-s3", "--capabilities", "CAPABILITY_NAMED_IAM", "--no-confirm-changeset"]
    arguments += ["--no-fail-on-empty-changeset", "--region", region, "--parameter-overrides"]
    arguments += [f"{name}={value}" for name, value in stack_parameters(parameters).items()]
    environment = {
        **sam_environment(directory),
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_CA_BUNDLE": str(ca_bundle),
        "AWS_ACCESS_KEY_ID": ROOT_ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET_ACCESS_KEY,
    }
    _sam("sam-deploy", arguments, directory, environment, working_directory=directory.path)


def stack_parameters(further: Mapping[str, str]) -> dict[str, str]:
    """Return the template's parameters that every local deployment sets, and further ones."""
    return {"Environment": "local", "ScheduleState": "DISABLED", "Architecture": _architecture(), **further}


def sam_environment(directory: StateDirectory) -> dict[str, str]:
    """Return the caller's environment, which pip needs, without anything that could lead to a real AWS account.

    Temporary files go into the state directory, since sam leaves some behind.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_", "PYTHON"))}
    without_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"]))
    return {
        **inherited,
        "PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",  # sam looks for `python3.12` by name
        "TMPDIR": str(directory.temporary),
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
        "AWS_DEFAULT_REGION": DEFAULT_REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "1",
        "__SAM_CLI_APP_DIR": str(directory.path / "sam"),  # else sam writes to the home directory
    }


def _sam(
    name: str,
    arguments: Sequence[str],
    directory: StateDirectory,
    environment: Mapping[str, str],
    *,
    working_directory: Path,
) -> None:
    # samconfig.toml is for real accounts; its profiles must not reach the local cloud.
    configuration = directory.path / "samconfig.toml"
    replace_plain(configuration, b"version = 0.1\n")
    command = [str(_BIN / "sam"), *arguments, "--config-file", str(configuration)]
    log = directory.log(name)
    with open_log(log) as output, lifeline() as far_end:
        process = subprocess.Popen(
            bound(command),
            env={**environment, LIFELINE_VARIABLE: str(far_end)},
            pass_fds=[far_end],
            cwd=working_directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # sam and the pip that it started
            process.wait()
            raise
    if status != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(_FULL_DISK in line for line in lines):
            raise DeploymentError(
                f"No space left on the device that `sam {arguments[0]}` writes to ({directory.path} and "
                f"{_SHARED}; its log is {log}). Free some and run it again; nothing of it was kept"
            )
        telling = [line.expandtabs(2) for line in lines if line.strip() and "Uploading to" not in line]
        shown = "\n  ".join(telling[-_LINES_SHOWN:])
        raise DeploymentError(f"`sam {arguments[0]}` failed; the whole log is {log}\n  {shown}")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two builds at once would spoil the cache."""
    _SHARED.mkdir(parents=True, exist_ok=True)
    with (_SHARED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _architecture() -> str:
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
