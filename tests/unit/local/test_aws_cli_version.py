"""An ``aws`` command that would talk to the real AWS is warned of; none is waited for without end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.aws_cli_version import aws_cli_warning, warning_about


@pytest.mark.parametrize(
    "line",
    [
        "aws-cli/1.29.0 Python/3.11.4 Linux/6.1 botocore/1.31.0",
        "aws-cli/1.45.11 Python/3.11.7 Linux/6.18 botocore/1.43.11",
        "aws-cli/2.13.0 Python/3.11.4 Linux/5.15 exe/x86_64.ubuntu.22 prompt/off",
        "aws-cli/2.27.20 Python/3.13.3 Darwin/24.0 source/arm64",
        "aws-cli/3.0.0 Python/3.14",
    ],
)
def test_an_aws_command_that_reads_the_variable_is_not_warned_of(line: str) -> None:
    assert warning_about("/usr/bin/aws", line) is None


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("aws-cli/1.22.34 Python/3.10.12 Linux/5.15 botocore/1.27.96", "1.22.34"),
        ("aws-cli/1.28.99 Python/3.8", "1.28.99"),
        ("aws-cli/2.12.7 Python/3.11.4", "2.12.7"),
        ("aws-cli/2.0.0dev0 Python/3.7.3", "2.0.0dev0"),
        ("warning: something\naws-cli/1.9 Python/2.7.6", "1.9"),
        ("aws-cli/0.6.0 Python/2.7", "0.6.0"),
    ],
)
def test_an_older_one_is_warned_of_with_what_to_do(line: str, version: str) -> None:
    warning = warning_about("/usr/bin/aws", line)
    assert warning is not None
    assert f"/usr/bin/aws is version {version}, which ignores AWS_ENDPOINT_URL" in warning
    assert '--endpoint-url "$AWS_ENDPOINT_URL"' in warning


@pytest.mark.parametrize(
    "script", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec /bin/sleep 60\n", "#!/no/such/shell\n", "\0"]
)
def test_one_that_does_not_say_its_version_is_warned_of_in_time(tmp_path: Path, script: str) -> None:
    program = tmp_path / "aws"
    program.write_text(script)
    program.chmod(0o755)
    warning = aws_cli_warning({"PATH": str(tmp_path)}, seconds=0.2)
    assert warning is not None
    assert "does not report its version" in warning


def test_a_version_on_stderr_is_read(tmp_path: Path) -> None:
    program = tmp_path / "aws"
    program.write_text("#!/bin/sh\necho aws-cli/1.14.44 Python/2.7 >&2\n")
    program.chmod(0o755)
    assert "1.14.44" in (aws_cli_warning({"PATH": str(tmp_path)}) or "")


@pytest.mark.parametrize("path", ["", os.devnull, "/nonexistent"])
def test_where_there_is_none_nothing_is_reported(path: str) -> None:
    assert aws_cli_warning({"PATH": path}) is None
