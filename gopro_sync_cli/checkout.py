"""The checkout that the command line runs from, where it does: installed alone, it has none."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Final

from gopro_sync_cli.errors import NoCheckoutError

PROJECT: Final = "gopro-s3-sync"
_HERE: Final = Path(__file__).resolve().parents[1]


def checkout_folder(command: str) -> Path:
    """Return the folder of the checkout, for a command that needs what only a checkout has.

    Args:
        command: what was asked for, as it is typed after the program's name.

    Raises:
        NoCheckoutError: there is none.
    """
    if _project(_HERE) is None:
        raise NoCheckoutError(
            f"{command} needs a checkout of {PROJECT}, and this command line was installed without one: clone the "
            f"repository (git clone), and in its folder type ./gopro-sync {command}"
        )
    return _HERE


def version(folder: Path = _HERE) -> str:
    """Return the version: pyproject.toml's, which an installation has kept.

    Args:
        folder: where the package lies.
    """
    project = _project(folder)
    return metadata.version(PROJECT) if project is None else project["version"]


def _project(folder: Path) -> dict[str, str] | None:
    """Return what pyproject.toml says of this project; None where there is no such file, or it is another's."""
    try:
        document = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    project: dict[str, str] = document.get("project", {})
    return project if project.get("name") == PROJECT else None
