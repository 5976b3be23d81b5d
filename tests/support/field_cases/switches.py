"""Misbehaviour that a case switches on: a switch that nobody knows is refused, and one that nobody met is told."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from typing import Any


class Switches:
    """The switches of one place, by name.

    Args:
        given: what the case switches on.
        known: the names that there are.
        where: how the place is called in messages.

    Raises:
        ValueError: there is no such switch.
    """

    def __init__(self, given: Mapping[str, Any], *, known: AbstractSet[str], where: str) -> None:
        unknown = sorted(given.keys() - known)
        if unknown:
            raise ValueError(f"{where} has no switch {', '.join(unknown)}")
        self._given = given
        self._where = where
        self._met = set[str]()

    def take(self, name: str, default: Any = None) -> Any:
        """Return what a switch is set to, at the place where that makes a difference."""
        if name not in self._given:
            return default
        self._met.add(name)
        return self._given[name]

    def __contains__(self, name: str) -> bool:
        return name in self._given

    @property
    def used(self) -> list[str]:
        """The switches that made a difference."""
        return [f"{self._where}.{name}" for name in self._given if name in self._met]

    @property
    def unused(self) -> list[str]:
        """The switches that made no difference."""
        return [f"{self._where}.{name}" for name in self._given if name not in self._met]


class SwitchesByName:
    """The switches of items, of which one that fits the item's name by a pattern is the item's.

    Args:
        given: by pattern, what the case switches on.
        known: the names that there are.
        where: how the place is called in messages.

    Raises:
        ValueError: there is no such switch.
    """

    def __init__(self, given: Mapping[str, Mapping[str, Any]], *, known: AbstractSet[str], where: str) -> None:
        self._none = Switches({}, known=known, where=where)
        self._by_pattern = {
            pattern: Switches(switches, known=known, where=f"{where}.{pattern}") for pattern, switches in given.items()
        }

    def of(self, name: str) -> Switches:
        """Return the item's switches."""
        found = (switches for pattern, switches in self._by_pattern.items() if fnmatchcase(name, pattern))
        return next(found, self._none)

    @property
    def used(self) -> list[str]:
        """The switches that made a difference."""
        return [reported for switches in self._by_pattern.values() for reported in switches.used]

    @property
    def unused(self) -> list[str]:
        """The switches that made no difference."""
        return [reported for switches in self._by_pattern.values() for reported in switches.unused]
