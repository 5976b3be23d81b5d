"""Whether the disk has room for what is about to be written: said before anything is begun."""

from __future__ import annotations

import shutil
from pathlib import Path

from local.errors import DiskSpaceError

_GIGABYTE = 1_000_000_000


def free_bytes(folder: Path) -> int:
    """Return how much can be written into a folder, which may not exist yet.

    Raises:
        OSError: the disk cannot be asked.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def require_space(folder: Path, needed_bytes: int) -> None:
    """Return if a folder has room for so many bytes.

    Raises:
        DiskSpaceError: it has not; or the disk cannot be asked.
    """
    try:
        free = free_bytes(folder)
    except OSError as error:
        raise DiskSpaceError(f"The disk of {folder} cannot be asked for its free space: {error.strerror}") from error
    if free < needed_bytes:
        raise DiskSpaceError(
            f"Nothing was begun: this needs {in_gigabytes(needed_bytes)} of disk in {folder}, "
            f"and {in_gigabytes(free)} are free there"
        )


def in_gigabytes(size_bytes: int) -> str:
    """Return a size as a person reads it."""
    return f"{size_bytes / _GIGABYTE:,.1f} GB"
