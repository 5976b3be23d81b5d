"""An address of GoPro that the deployment would refuse is refused before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gates.template import template
from local import __main__ as command_line
from local.gopro_address import GOPRO_ADDRESS_PATTERN, is_gopro_address


def test_the_pattern_is_the_templates() -> None:
    assert template()["Parameters"]["GoProApiBaseUrl"]["AllowedPattern"] == f"^{GOPRO_ADDRESS_PATTERN}$"


@pytest.mark.parametrize("url", ["https://api.gopro.com", "http://127.0.0.1:9000", "http://localhost:9000/v1"])
def test_an_address_is_taken(url: str) -> None:
    assert is_gopro_address(url)


@pytest.mark.parametrize("url", ["", "nonsense", "http://x[y", "http://example.com", "https://a.example/?q=1"])
def test_what_is_no_address_is_refused_before_anything_is_started(tmp_path: Path, url: str) -> None:
    up = CliRunner().invoke(
        command_line.app, ["up", "--gopro-api-base-url", url, "--state-dir", str(tmp_path / "state")]
    )

    assert up.exit_code == 2
    assert f"{url!r} is not an address" in up.stderr
    assert list(tmp_path.iterdir()) == []
