"""The option that chooses the local cloud that a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from local.state import STATE_DIRECTORY_VARIABLE


def _folder(name: str) -> Path:
    # An empty name would be the current folder, which nobody wants: it comes from a shell variable that is not set.
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
