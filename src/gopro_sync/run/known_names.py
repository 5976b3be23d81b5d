"""Unknown names in somebody's input: refused, with a suggestion of what was probably meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from gopro_sync.errors import InvalidEventError

_LONGEST_LIST: Final = 300
_LEAST_LIKENESS: Final = 0.7


def refuse_unknown_names(
    given: Mapping[str, Any], known: Collection[str], *, what: str, elsewhere: Mapping[str, str] | None = None
) -> None:
    """Check that every name in ``given`` is known.

    Args:
        given: what came from outside.
        known: the names that are allowed here.
        what: what the names are, in the plural, for the message.
        elsewhere: names that are allowed in another place, and that place.

    Raises:
        InvalidEventError: lists each unknown name, the one that was probably meant, and those that exist.
    """
    unknown = sorted(str(name) for name in given.keys() - set(known))
    if not unknown:
        return
    places = {name: f"{name!r} {place}" for name, place in (elsewhere or {}).items()}
    places |= {name: repr(name) for name in sorted(known)}
    shown = ", ".join(_with_what_was_meant(name, places) for name in unknown)[:_LONGEST_LIST]
    raise InvalidEventError(f"There are unknown {what}: {shown}. The known ones are {', '.join(sorted(known))}")


def _with_what_was_meant(name: str, places: Mapping[str, str]) -> str:
    import difflib  # noqa: PLC0415 - needed for a mistake only

    plain = {_plain(known): place for known, place in places.items()}
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=_LEAST_LIKENESS)
    return f"{name!r} (did you mean {plain[found[0]]}?)" if found else repr(name)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
