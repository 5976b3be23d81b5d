"""The option that names a real file for the simulator to serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from local.state import shown


def _media(path: Path | None) -> Path | None:
    # It is read again and again, in pieces, by another process.
    if path is not None and not path.is_file():
        raise typer.BadParameter(f"{shown(path)} is no plain file")
    if path is not None and not path.stat().st_size:
        raise typer.BadParameter(f"{shown(path)} is empty (or no file on a disk): there is nothing to archive")
    return path


MediaFile = Annotated[
    Path | None,
    typer.Option(
        "--media",
        exists=True,
        dir_okay=False,
        readable=True,
        callback=_media,
        help="One more real file for the simulator to serve.",
    ),
]
