"""What a folder holds, to be compared before and after; and folders made from a description."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# A file's content, a folder's entries, or where a link leads.
type Tree = Mapping[str, bytes | Path | Tree]


def plant(folder: Path, tree: Tree) -> None:
    """Makes what the tree describes; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, entry in tree.items():
        if isinstance(entry, bytes):
            (folder / name).write_bytes(entry)
        elif isinstance(entry, Path):
            (folder / name).symlink_to(entry)
        else:
            plant(folder / name, entry)


def contents(folder: Path) -> dict[str, bytes | str]:
    """Every entry below a folder: a file with its bytes, a link with its target, a folder as such."""
    return {str(entry.relative_to(folder)): _content(entry) for entry in sorted(folder.rglob("*"))}


def files(folder: Path) -> list[str]:
    """The files below a folder, sorted."""
    return sorted(name for name, content in contents(folder).items() if isinstance(content, bytes))


def _content(entry: Path) -> bytes | str:
    if entry.is_symlink():
        return f"link to {entry.readlink()}"
    return entry.read_bytes() if entry.is_file() else "folder"
