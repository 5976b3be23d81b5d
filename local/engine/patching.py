"""Replacement of names inside the engine's packages, which fails loudly if they are not as the patches expect."""

from __future__ import annotations

from collections.abc import MutableMapping
from importlib.metadata import version

PINNED_VERSIONS = {"ministack": "1.5.33", "moto": "5.2.5"}


class EnginePatchError(RuntimeError):
    """The installed engine is not the one that the patches were written against."""


def assert_pinned_versions() -> None:
    """Refuse to start with packages that the patches were never tried on.

    Raises:
        EnginePatchError: naming the package, the version found and the version wanted.
    """
    for package, wanted in PINNED_VERSIONS.items():
        found = version(package)
        if found != wanted:
            raise EnginePatchError(f"{package} is {found}, the patches of local/engine need {wanted}: run `make setup`")


def replace(owner: object, name: str, replacement: object) -> None:
    """Set ``owner.name``, which must exist.

    Raises:
        EnginePatchError: the name is gone, so whatever the patch relied on has changed.
    """
    if not hasattr(owner, name):
        raise EnginePatchError(f"{getattr(owner, '__name__', owner)!s}.{name} is gone: look at this patch again")
    setattr(owner, name, replacement)


def replace_entry(table: MutableMapping[str, object], key: str, replacement: object) -> None:
    """Set ``table[key]``, which must exist.

    Raises:
        EnginePatchError: the entry is gone.
    """
    if key not in table:
        raise EnginePatchError(f"the engine's entry {key!r} is gone: look at this patch again")
    table[key] = replacement


def add_entry(table: MutableMapping[str, object], key: str, entry: object) -> None:
    """Set ``table[key]``, which must not exist.

    Raises:
        EnginePatchError: there is an entry, so the engine has closed the gap itself.
    """
    if key in table:
        raise EnginePatchError(f"the engine has an entry {key!r} of its own now: this patch can go")
    table[key] = entry
