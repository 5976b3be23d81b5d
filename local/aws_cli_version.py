"""Check whether the ``aws`` command that a shell would use can be pointed at a local cloud at all."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Final

# The versions that read AWS_ENDPOINT_URL; older ones ignore it without a word.
# https://github.com/aws/aws-cli/pull/3309 (a maintainer's last comment: 1.29.0 and 2.13.0),
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
_FIRST_MINOR_VERSION: Final = {1: 29, 2: 13}
_NEEDED: Final = "2.13.0 or later (1.29.0 or later of version 1)"
# `aws-cli/1.22.34 Python/3.10.12 Linux/... botocore/1.27.96`; with Python 2 it went to stderr.
_VERSION: Final = re.compile(r"\baws-cli/((\d+)\.(\d+)[\w.]*)")
_SECONDS: Final = 10.0
_LONGEST_ANSWER: Final = 10_000  # bytes


def aws_cli_warning(environ: Mapping[str, str], *, seconds: float = _SECONDS) -> str | None:
    """Return what to warn of; None if there is no ``aws``, or one that reads ``AWS_ENDPOINT_URL``.

    Args:
        environ: of the shell that would use it.
        seconds: how long to wait for its answer.
    """
    program = shutil.which("aws", path=environ.get("PATH", ""))
    if program is None:
        return None
    try:
        # A file, not a pipe: a program that it has started would keep a pipe open when it is ended for being slow.
        with tempfile.TemporaryFile() as answer:
            subprocess.run(
                [program, "--version"],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
            answer.seek(0)
            version_line = answer.read(_LONGEST_ANSWER).decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        version_line = ""
    return warning_about(program, version_line)


def warning_about(program: str, version_line: str) -> str | None:
    """Return what to warn of, by what ``aws --version`` printed."""
    found = _VERSION.search(version_line)
    if found is None:
        return (
            f"Warning: {program} does not report its version. If it is older than {_NEEDED}, it ignores "
            "AWS_ENDPOINT_URL and talks to the real AWS instead of this cloud"
        )
    version, major, minor = found[1], int(found[2]), int(found[3])
    if major > max(_FIRST_MINOR_VERSION) or minor >= _FIRST_MINOR_VERSION.get(major, minor + 1):
        return None
    return (
        f"Warning: {program} is version {version}, which ignores AWS_ENDPOINT_URL: it would talk to the real AWS "
        f'instead of this cloud. Use {_NEEDED}, or add --endpoint-url "$AWS_ENDPOINT_URL" to every command'
    )
