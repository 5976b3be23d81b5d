"""Build the package of one function: the pinned dependencies, our code, and the bytecode of both.

``sam build`` runs it for each function (template.yaml, BuildMethod), in a copy of ``src/``. SAM's own Python builder
leaves the bytecode out; Lambda's file system is read-only, so every cold start would compile everything again, for more
than half of its CPU time.

The three functions have the same dependencies. They are installed once, and copied as long as neither the pins nor this
folder change.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import re
import shutil
import subprocess  # nosec B404 - runs pip, with arguments that are all in this file
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lambda_package.botocore_data import trim_botocore_data

PACKAGE = "gopro_sync"
REQUIREMENTS = "requirements.txt"
# Where Lambda unpacks the package: tracebacks show these paths, and the same code gives the same bytecode everywhere.
TASK_ROOT = "/var/task"
# Lambda's python3.12 runs on Amazon Linux 2023, whose glibc is 2.34.
PLATFORMS = {
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64"),
    "arm64": ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64", "manylinux_2_34_aarch64"),
}

_HERE = Path(__file__).resolve().parent
_CACHE = _HERE.parent / ".aws-sam" / "dependencies"
_SHOWN_CHARACTERS = 2000
_DIGEST_CHARACTERS = 16


class PackagingError(Exception):
    """The package cannot be built; the message says why."""


def build(*, source: Path, artifacts: Path, architecture: str, cache: Path = _CACHE) -> None:
    """Fill a folder with what goes to Lambda.

    Args:
        source: folder with our package and its ``requirements.txt``.
        artifacts: folder to fill; what it holds already stays.
        architecture: a key of ``PLATFORMS``.
        cache: where installed dependencies are kept; when it cannot be written, they are not.

    Raises:
        PackagingError: pip cannot install the dependencies, or a module does not compile.
    """
    with _alone_in(cache) as kept:
        dependencies = _installed(source / REQUIREMENTS, architecture, kept)
        shutil.copytree(dependencies, artifacts, dirs_exist_ok=True)
    package = artifacts / PACKAGE
    shutil.copytree(source / PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    _compile(package, root=artifacts)


@contextmanager
def _alone_in(cache: Path) -> Iterator[Path]:
    """Yield the cache, which one build uses at a time, or a temporary folder if no cache is possible."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError:
        with TemporaryDirectory() as folder:
            yield Path(folder)
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache


def _installed(requirements: Path, architecture: str, cache: Path) -> Path:
    recipe = [requirements, *sorted(_HERE.glob("*.py"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in recipe)).hexdigest()[:_DIGEST_CHARACTERS]
    dependencies = cache / f"{architecture}-{digest}"
    if dependencies.is_dir():
        return dependencies
    _remove_outdated(architecture, cache)
    unfinished = cache / f"{architecture}-unfinished"
    _install(requirements, architecture, unfinished)
    _prune(unfinished)
    _compile(unfinished, root=unfinished)
    return unfinished.rename(dependencies)


def _remove_outdated(architecture: str, cache: Path) -> None:
    """Make room; leave anything with a name that we never use, or that is not a folder: somebody else put it there."""
    ours = re.compile(rf"{architecture}-([0-9a-f]{{{_DIGEST_CHARACTERS}}}|unfinished)")
    for entry in cache.iterdir():
        if ours.fullmatch(entry.name) and entry.is_symlink():
            entry.unlink()
        elif ours.fullmatch(entry.name) and entry.is_dir():
            shutil.rmtree(entry)


def _install(requirements: Path, architecture: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--no-compile", "--only-binary=:all:", "--implementation=cp", "--python-version=3.12"]
    command += [f"--platform={platform}" for platform in PLATFORMS[architecture]]
    command += ["--target", str(target), "--requirement", str(requirements)]
    # Fixed arguments, no shell.
    result = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # nosec B603 - as above
    if result.returncode != 0:
        pip_error = result.stderr.strip()[-_SHOWN_CHARACTERS:]
        raise PackagingError(f"pip could not install {requirements.name} for {architecture}:\n{pip_error}")


def _prune(dependencies: Path) -> None:
    """Take out what Lambda does not need and what differs from one machine to the next."""
    shutil.rmtree(dependencies / "bin", ignore_errors=True)  # commands, with the path of this machine's Python
    for record in dependencies.glob("*.dist-info/RECORD"):  # lists those commands, and data that is trimmed
        record.unlink()
    trim_botocore_data(dependencies / "botocore" / "data")


def _compile(folder: Path, *, root: Path) -> None:
    # By a Python of its own: how code is written down depends on what else its process has loaded. Unchecked: Lambda's
    # files never change, and zip archives do not keep the times that a check would compare.
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-f", "-s", str(root), "-p", TASK_ROOT]
    command += ["--invalidation-mode", "unchecked-hash", str(folder)]
    # Fixed arguments, no shell.
    result = subprocess.run(command, check=False)  # noqa: S603  # nosec B603 - as above
    if result.returncode != 0:
        raise PackagingError(f"{folder.name} has modules that do not compile; the lines above name them")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build one package; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", required=True, choices=PLATFORMS)
    parser.add_argument("--source", required=True, type=Path, help="folder with gopro_sync/ and requirements.txt")
    parser.add_argument("--artifacts", required=True, type=Path, help="folder to fill")
    options = parser.parse_args(arguments)
    try:
        build(source=options.source, artifacts=options.artifacts, architecture=options.architecture)
    except PackagingError as error:
        print(f"sam build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
