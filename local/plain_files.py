"""Read and write our files as plain files only: never through a link that somebody put in their place."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

# The disk is full, the user's share of it is used up, or the process may not write so much.
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_OWNER_ONLY = 0o600


def read_plain(path: Path) -> bytes | None:
    """Return what the file holds; None if there is nothing, or something other than a plain file.

    Raises:
        OSError: it cannot be read.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):  # a pipe would never answer
            return None
    except (FileNotFoundError, NotADirectoryError):
        return None
    return path.read_bytes()


def replace_plain(path: Path, content: bytes) -> None:
    """Write the file in one step, for its owner only: a reader sees either the old content or the new one.

    Raises:
        OSError: it cannot be written; then the old content is still there.
    """
    unfinished = unfinished_name(path)
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def unfinished_name(path: Path) -> Path:
    """Return the name that :func:`replace_plain` gives the file until all of it is written."""
    return path.with_name(f"{path.name}.new")


def open_log(path: Path) -> BinaryIO:
    """Open a log file for appending; create it if it does not exist.

    Raises:
        OSError: it cannot be written, or is a link.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, _OWNER_ONLY)
    return os.fdopen(descriptor, "ab")
