"""What the command that draws says when there is no picture; the drawing itself is checked by `make docs`."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from botocore.exceptions import EndpointConnectionError
from typer.testing import CliRunner, Result

from docs.tools.dashboard import __main__ as command_line
from docs.tools.dashboard.widgets import WidgetError
from docs.tools.logs_insights import QueryError
from local.errors import StartError
from local.state import REPOSITORY


def draw(file: Path) -> Result:
    return CliRunner().invoke(command_line.app, [str(file)])


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stands for the module that draws, and for what it draws with; it does nothing yet."""
    for name in ("matplotlib", "docs.tools.dashboard.show"):
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    return module


def test_without_matplotlib_it_says_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = draw(tmp_path / "dashboard.png")
    assert result.exit_code == 1
    assert "`make docs` installs it" in result.stderr


def test_a_folder_that_is_not_there_is_noticed_before_the_nights(tmp_path: Path, show: ModuleType) -> None:
    result = draw(tmp_path / "missing" / "dashboard.png")
    assert result.exit_code == 2
    assert not hasattr(show, "show"), "nothing was called"


def test_the_nights_are_lived_through_on_no_cloud_that_a_shell_works_with(
    tmp_path: Path, show: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPRO_SYNC_STATE_DIR", str(tmp_path / "photos"))
    asked: list[dict[str, object]] = []
    show.show = lambda **named: asked.append(named)  # type: ignore[attr-defined]  # a module of our own
    assert draw(tmp_path / "dashboard.png").exit_code == 0
    assert [named["state_directory"] for named in asked] == [REPOSITORY / ".local" / "dashboard"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (StartError("The engine did not start"), "The engine did not start"),
        (WidgetError("Not known as a widget: type metric, view gauge"), "view gauge"),
        (QueryError("The step 'invent b' is not known"), "'invent b' is not known"),
        (EndpointConnectionError(endpoint_url="https://127.0.0.1:1"), "refused or did not answer"),
        (PermissionError(13, "Permission denied"), "dashboard.png could not be drawn"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_went_wrong_is_reported_in_one_line(
    tmp_path: Path, show: ModuleType, error: Exception, reported: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    show.show = fail  # type: ignore[attr-defined]  # a module of our own
    result = draw(tmp_path / "dashboard.png")
    assert result.exit_code == 1
    assert reported in result.stderr
    assert "Traceback" not in result.output


def test_an_interruption_is_no_failure(tmp_path: Path, show: ModuleType) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    show.show = interrupt  # type: ignore[attr-defined]  # a module of our own
    result = draw(tmp_path / "dashboard.png")
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")
