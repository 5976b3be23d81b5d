"""Comparing what was noticed with what ``then`` says."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "at_least": lambda seen, bound: seen is not None and operator.ge(seen, bound),
    "at_most": lambda seen, bound: seen is not None and operator.le(seen, bound),
    "any_of": lambda seen, allowed: seen in allowed,
    "none_of": lambda seen, refused: seen not in refused,
    "contains": lambda seen, parts: all(part in seen for part in parts),
    "lacks": lambda seen, parts: not any(part in seen for part in parts),
}


def differences(then: Mapping[str, Any], seen: Mapping[str, Any], *, where: str = "") -> list[str]:
    """Return in what the two differ, in words; of ``seen``, only what ``then`` speaks of counts."""
    found: list[str] = []
    for name, wanted in then.items():
        place = f"{where}{name}"
        if name not in seen:
            found.append(f"{place}: the driver does not tell it (it tells {', '.join(map(str, seen))})")
        elif isinstance(wanted, dict) and wanted and wanted.keys() <= _COMPARISONS.keys():
            found += [
                f"{place} is {seen[name]!r}, not {comparison} {bound!r}"
                for comparison, bound in wanted.items()
                if not _COMPARISONS[comparison](seen[name], bound)
            ]
        elif isinstance(wanted, dict):
            found += differences(wanted, seen[name], where=f"{place}.")
        elif seen[name] != wanted:
            found.append(f"{place} is {seen[name]!r}, not {wanted!r}")
    return found
