"""Decide where a state directory may be: not in a place that belongs to somebody else, whatever is in it now."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from local.errors import StateDirectoryError
from local.state import REPOSITORY, shown
from local.state_contents import OUR_FOLDERS, is_marked

_LOCAL = ".local"
# The kernel's: folders that it makes up, and devices.
_OF_THE_SYSTEM = (Path("/proc"), Path("/sys"), Path("/dev"))
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system for everybody, below a folder that is not
_LONGEST_SHOWN = 300
_ANOTHER_PLACE = "Choose a missing or empty folder with --state-dir"


def state_place(path: Path) -> Path:
    """Return the folder that a name stands for, absolute and with every link followed.

    Args:
        path: as it was given, relative to the current folder.

    Raises:
        StateDirectoryError: no state directory can be there.
    """
    try:
        place = Path(os.path.realpath(path))
        for refusal in _refusals(place):
            raise StateDirectoryError(f"{shown(place)} {refusal}. {_ANOTHER_PLACE}")
    except OSError as error:
        reason = "its links lead round in a circle" if error.errno == errno.ELOOP else error.strerror
        name = shown(path)
        name = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
        raise StateDirectoryError(f"{name} cannot be a state directory: {reason}. {_ANOTHER_PLACE}") from error
    return place


def _refusals(place: Path) -> Iterator[str]:
    yield from _refusals_by_position(place)
    yield from _refusals_by_system(place)
    yield from _refusals_by_outer_cloud(place)
    yield from _refusals_by_kind(place)


def _refusals_by_position(place: Path) -> Iterator[str]:
    repository = REPOSITORY.resolve()
    for owned, what in ((_home(), "your home folder"), (repository, "this repository")):
        if place == owned:
            yield f"is {what}"
        elif owned is not None and owned.is_relative_to(place):
            yield f"is a folder that {what} lies in"
    if place.is_relative_to(repository) and not place.is_relative_to(repository / _LOCAL):
        yield f"lies in this repository, which keeps its state directories in {_LOCAL}/ only"


def _refusals_by_system(place: Path) -> Iterator[str]:
    for folder in _OF_THE_SYSTEM:
        if place.is_relative_to(folder) and not place.is_relative_to(_SHARED_MEMORY):
            yield f"lies in {folder}, which is the system's own"


def _refusals_by_outer_cloud(place: Path) -> Iterator[str]:
    for outer in place.parents:
        if is_marked(outer) and (name := place.relative_to(outer).parts[0]) in OUR_FOLDERS:
            yield f"lies in {name}/ of the state directory {shown(outer)}, whose cloud removes what is in there"


def _refusals_by_kind(place: Path) -> Iterator[str]:
    try:
        status = place.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode):
        yield "is a file, not a folder"
    elif status.st_mode & stat.S_ISVTX:
        yield "is shared with other users"


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except RuntimeError:  # a user that the machine does not know has none
        return None
