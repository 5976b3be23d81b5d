"""What sam is started with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.deployment import sam_environment
from local.state import REPOSITORY, StateDirectory


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    for name, value in {
        "AWS_PROFILE": "company",
        "AWS_CONFIG_FILE": "/home/somebody/.aws/config",
        "AWS_SESSION_TOKEN": "fake-session-token",
        "SAM_CLI_CONFIG": "x",
        "PYTHONPATH": "/somewhere",
        "PIP_INDEX_URL": "https://packages.example/simple",
        "SSL_CERT_FILE": "/etc/ssl/company.pem",
        "NO_PROXY": "intranet.example",
    }.items():
        monkeypatch.setenv(name, value)
    return sam_environment(StateDirectory(tmp_path))


def test_nothing_leads_to_a_real_account(environment: dict[str, str]) -> None:
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "SAM_CLI_CONFIG", "PYTHONPATH"} & environment.keys()
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_pip_finds_the_callers_package_index(environment: dict[str, str]) -> None:
    assert environment["PIP_INDEX_URL"] == "https://packages.example/simple"
    assert environment["SSL_CERT_FILE"] == "/etc/ssl/company.pem"


def test_python_3_12_is_found_by_name(environment: dict[str, str]) -> None:
    assert environment["PATH"].split(os.pathsep)[0] == str(REPOSITORY / ".venv" / "bin")


def test_a_proxy_is_not_asked_for_this_machine(environment: dict[str, str]) -> None:
    assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet.example,127.0.0.1,localhost"


@pytest.mark.parametrize("variable", ["__SAM_CLI_APP_DIR", "TMPDIR"])
def test_nothing_is_written_outside_of_the_state_directory(
    environment: dict[str, str], tmp_path: Path, variable: str
) -> None:
    assert environment[variable].startswith(str(tmp_path))
