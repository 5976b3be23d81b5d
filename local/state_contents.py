"""Tell what in a state directory is ours: nothing else is ever removed, nor is a folder used that holds anything else.

A marker file says that a folder is a state directory. In such a folder these are ours:

* while a cloud is up, or after one that died, which is while there is a state file: the folders ``build``, ``tmp`` and
  ``sam`` with all that is in them, for programs fill them with files that nobody else knows; and the files
  ``build.toml``, ``samconfig.toml`` and ``simulator.json``;
* at any time: the state file itself, and in ``logs`` and ``trust`` the files that we write there, by name. What else
  lies in these two is not ours;
* a link in the place of any of them: the link is removed, never what it leads to.

A folder with a marker of its own is another cloud's state directory: it is left alone wherever it lies.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from local.engine.certificate import is_engine_certificate
from local.plain_files import read_plain

MARKER: Final = "LOCAL-CLOUD.txt"
STATE_FILE: Final = "state.json"
# Where demo, dashboard and rehearsal have clouds of their own, in the default directory of all others.
NESTED: Final = frozenset({"demo", "big-file", "dashboard", "rehearsal"})
OUR_FOLDERS: Final = frozenset({"build", "tmp", "sam", "logs", "trust"})

_SIGNATURE: Final = "gopro-s3-sync: state directory of a local cloud\n"
MARKER_TEXT: Final = (
    _SIGNATURE
    + """
This folder belongs to `./gopro-sync local`, and this file says so. `./gopro-sync local down` removes what the cloud
wrote here, and nothing else. Keep no files of yours here: the folder is not used while it holds any.
"""
)
_MACHINE_MADE: Final = frozenset({"build", "tmp", "sam"})
_WHILE_UP: Final = re.compile(r"(build\.toml|samconfig\.toml|simulator\.json)(\.new)?|simulator\.json\.\d+")
_ALWAYS: Final = re.compile(r"state\.json(\.new)?")
_INSIDE: Final = {
    "logs": re.compile(r"(engine|simulator|sam-build|sam-deploy)\.log"),
    "trust": re.compile(r"(engine\.crt|engine\.key|ca-bundle\.pem)(\.new)?|ca-bundle\.new"),
}


def is_marked(folder: Path) -> bool:
    """Whether the folder is a state directory, as far as it can be read."""
    try:
        return (read_plain(folder / MARKER) or b"").startswith(_SIGNATURE.encode())
    except OSError:
        return False


def is_free(folder: Path) -> bool:
    """Whether the folder may become a state directory: it is missing, empty, or holds what is ours beyond doubt.

    That is what versions without a marker left behind after ``down``: the engine's certificate, by its content, and the
    folders that are `NESTED`, if the same is true for them or they have a marker.
    """
    try:
        entries = list(folder.iterdir())
    except FileNotFoundError:
        return True
    return all(_is_beyond_doubt(entry) for entry in entries)


def foreign_entries(folder: Path) -> list[Path]:
    """Return what in a state directory is not ours, sorted."""
    return [entry for entry, is_ours in _entries(folder) if not is_ours]


def remove_ours(folder: Path, *, kept: Collection[str] = ()) -> None:
    """Remove what is ours except for the marker, the state file last.

    Args:
        folder: a state directory.
        kept: names of folders whose files stay; links in the place of any are removed all the same.

    Raises:
        OSError: something cannot be removed. The state file is still there then, so that it can be tried again.
    """
    state_file = folder / STATE_FILE
    for entry, is_ours in list(_entries(folder)):
        is_kept = entry.relative_to(folder).parts[0] in kept and not entry.is_symlink()
        if is_ours and not is_kept and entry != state_file:
            _remove(entry)
    for name in _INSIDE:
        if _is_folder(folder / name) and not any((folder / name).iterdir()):
            (folder / name).rmdir()
    if state_file.is_symlink() or state_file.is_file():
        state_file.unlink()


def _entries(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield each entry that somebody may own, and whether it is ours."""
    was_up = os.path.lexists(folder / STATE_FILE)
    for entry in sorted(folder.iterdir()):
        inside = _INSIDE.get(entry.name)
        if inside is not None and _is_folder(entry) and not is_marked(entry):
            yield from ((file, _is_file_of(file, inside)) for file in sorted(entry.iterdir()))
        elif entry.name != MARKER and not _is_another_cloud(entry):
            yield entry, _is_ours(entry, was_up=was_up)


def _is_ours(entry: Path, *, was_up: bool) -> bool:
    if _is_file_of(entry, _ALWAYS) or (was_up and _is_file_of(entry, _WHILE_UP)):
        return True
    if entry.is_symlink():
        return entry.name in _INSIDE or (was_up and entry.name in _MACHINE_MADE)
    return was_up and entry.name in _MACHINE_MADE and entry.is_dir() and not _holds_another_cloud(entry)


def _is_another_cloud(entry: Path) -> bool:
    """Return whether an entry is another cloud's state directory; its marker makes it foreign even under our names."""
    if entry.name in OUR_FOLDERS:
        return False
    return is_marked(entry) or (entry.name in NESTED and _is_folder(entry) and is_free(entry))


def _is_beyond_doubt(entry: Path) -> bool:
    if entry.name == MARKER:  # of an `up` that was interrupted before it had written the text
        return read_plain(entry) == b""
    if entry.name == "trust" and _is_folder(entry):
        files = list(entry.iterdir())
        ours = all(_is_file_of(file, _INSIDE["trust"]) and not file.is_symlink() for file in files)
        return ours and is_engine_certificate(entry / "engine.crt")
    return entry.name in NESTED and _is_folder(entry) and _is_another_cloud(entry)


def _is_file_of(entry: Path, names: re.Pattern[str]) -> bool:
    return names.fullmatch(entry.name) is not None and (entry.is_symlink() or entry.is_file())


def _is_folder(entry: Path) -> bool:
    return not entry.is_symlink() and entry.is_dir()


def _holds_another_cloud(folder: Path) -> bool:
    return any(MARKER in files and is_marked(Path(place)) for place, _folders, files in os.walk(folder))


def _remove(entry: Path) -> None:
    if _is_folder(entry):
        shutil.rmtree(entry)
    else:
        entry.unlink()
