"""Check, before anything begins, that the disk has room for what is about to be written."""

from __future__ import annotations

import shutil
from pathlib import Path

from local.errors import DiskSpaceError

_GIGABYTE = 1_000_000_000


def free_bytes(folder: Path) -> int:
    """Return how many bytes can be written into a folder, which may not exist yet.

    Raises:
        OSError: the free space cannot be read.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def require_space(folder: Path, needed_bytes: int) -> None:
    """Raise unless a folder has room for so many bytes.

    Raises:
        DiskSpaceError: it has no room, or its free space cannot be read.
    """
    try:
        free = free_bytes(folder)
    except OSError as error:
        raise DiskSpaceError(f"The free disk space of {folder} cannot be read: {error.strerror}") from error
    if free < needed_bytes:
        raise DiskSpaceError(
            f"Nothing was started: this needs {in_gigabytes(needed_bytes)} of disk space in {folder}, "
            f"and only {in_gigabytes(free)} are free there"
        )


def in_gigabytes(size_bytes: int) -> str:
    """Return a size as a person reads it."""
    return f"{size_bytes / _GIGABYTE:,.1f} GB"
