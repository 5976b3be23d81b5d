"""The option that says which local cloud a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from local.state import STATE_DIRECTORY_VARIABLE


def _folder(name: str) -> Path:
    # An empty name would be the current folder, which is nobody's wish: it comes of a shell variable that is not set.
    if not name:
        raise typer.BadParameter("an empty name names no folder")
    return Path(name)


StateDirectory = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="FOLDER",
        parser=_folder,
        show_default=".local/ at the repository's root",
        envvar=STATE_DIRECTORY_VARIABLE,
        help="Where ports, process numbers and logs are kept, and nothing else may be; one cloud per folder.",
    ),
]
