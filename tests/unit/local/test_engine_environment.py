"""Two engines do not meet, and nothing of the caller's environment reaches one."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.engine.environment import engine_environment


def _environment(directory: Path, port: int) -> dict[str, str]:
    return engine_environment(
        port=port,
        region="eu-south-1",
        listening_socket=5,
        certificate=directory / "engine.crt",
        private_key=directory / "engine.key",
        ca_bundle=directory / "ca-bundle.pem",
        lambda_python=Path("/runtime/bin/python"),
        temporary_directory=directory / "tmp",
    )


def test_iam_is_enforced_and_tls_is_on(tmp_path: Path) -> None:
    environment = _environment(tmp_path, 4566)

    assert (environment["AUTH"], environment["USE_SSL"]) == ("true", "1")
    assert environment["AWS_ENDPOINT_URL"] == "https://127.0.0.1:4566"


def test_nothing_of_the_callers_environment_comes_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "company")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")

    environment = _environment(tmp_path, 4566)

    assert not {"AWS_PROFILE", "HTTPS_PROXY"} & environment.keys()
    assert environment["HOME"] == str(tmp_path / "tmp")


def test_each_engine_has_its_own_temporary_files(tmp_path: Path) -> None:
    first, second = _environment(tmp_path / "a", 1), _environment(tmp_path / "b", 2)

    assert first["TMPDIR"] != second["TMPDIR"]


def test_the_engine_writes_nothing_outside_of_its_temporary_files(tmp_path: Path) -> None:
    environment = _environment(tmp_path, 4566)

    assert {environment[name].startswith(str(tmp_path / "tmp")) for name in ("HOME", "TMPDIR", "STATE_DIR")} == {True}
