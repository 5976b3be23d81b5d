"""Where the command line runs from: a checkout is told from an installation, whatever else lies beside the latter."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from gopro_sync_cli import __main__ as command_line
from gopro_sync_cli import checkout


@pytest.mark.parametrize("beside", [None, '[project]\nname = "another"\nversion = "9.9"\n', "[tool]\n", "no TOML ["])
def test_an_installation_goes_by_what_was_installed(
    beside: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages of others leave files such as pyproject.toml in site-packages."""
    if beside is not None:
        (tmp_path / "pyproject.toml").write_text(beside)
    monkeypatch.setattr(metadata, "version", lambda name: f"{name} 1.2.3")
    assert checkout.version(tmp_path) == "gopro-s3-sync 1.2.3"


def test_a_checkout_goes_by_its_own_file_whatever_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "gopro-s3-sync"\nversion = "4.5.6"\n')
    monkeypatch.setattr(metadata, "version", lambda _name: "1.2.3")
    assert checkout.version(tmp_path) == "4.5.6"


def test_installed_alone_adopt_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkout, "_HERE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["gopro-sync", "adopt"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 1
    assert "in its folder type ./gopro-sync adopt" in capsys.readouterr().err
