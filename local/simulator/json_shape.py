"""Turn JSON into frozen dataclasses and back, and say exactly where a value does not fit.

The admin interface and library files state items, faults and settings; a typing mistake there has to be found at once,
rather than in a test that passes because its fault never happened.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any


class MalformedDocumentError(ValueError):
    """A JSON document is not of the shape that it must have; the message says where."""


def from_json[T](kind: type[T], value: object, where: str = "value") -> T:
    """Return `value` as an instance of `kind`.

    Args:
        kind: a dataclass, a StrEnum, Path, or a plain JSON type; fields may be unions and ``tuple[X, ...]`` of these.
        value: as from `json.loads`.
        where: how a message names the value.

    Raises:
        MalformedDocumentError: a name is unknown or missing, or a value is of another type; the message says where.
    """
    return typing.cast("T", _convert(kind, value, where))


def to_json(instance: object) -> Any:
    """Return a dataclass as plain JSON, without the fields that have their default value."""
    if dataclasses.is_dataclass(instance) and not isinstance(instance, type):
        return {
            field.name: to_json(value)
            for field in dataclasses.fields(instance)
            if (value := getattr(instance, field.name)) != _default_of(field)
        }
    if isinstance(instance, tuple):
        return [to_json(entry) for entry in instance]
    return str(instance) if isinstance(instance, Path | StrEnum) else instance


def _convert(kind: Any, value: object, where: str) -> object:
    origin = typing.get_origin(kind)
    if origin in {types.UnionType, typing.Union}:
        return _convert_union(typing.get_args(kind), value, where)
    if origin is tuple:
        return _convert_tuple(typing.get_args(kind)[0], value, where)
    if dataclasses.is_dataclass(kind):
        return _convert_dataclass(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, StrEnum | Path) and isinstance(value, str):
        return _convert_text(kind, value, where)
    return _checked(origin or kind, value, where)


def _convert_union(kinds: tuple[Any, ...], value: object, where: str) -> object:
    if value is None and type(None) in kinds:
        return None
    (kind,) = [kind for kind in kinds if kind is not type(None)]
    return _convert(kind, value, where)


def _convert_tuple(kind: Any, value: object, where: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise MalformedDocumentError(f"{where} must be a list")
    return tuple(_convert(kind, entry, f"{where}[{position}]") for position, entry in enumerate(value))


def _convert_dataclass(kind: Any, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise MalformedDocumentError(f"{where} must be an object")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := value.keys() - fields.keys():
        raise MalformedDocumentError(
            f"{where} has unknown names: {', '.join(sorted(unknown))}; known are {', '.join(fields)}"
        )
    required = {name for name, field in fields.items() if _default_of(field) is dataclasses.MISSING}
    if missing := required - value.keys():
        raise MalformedDocumentError(f"{where} lacks {', '.join(sorted(missing))}")
    values = {name: _convert(hints[name], entry, f"{where}.{name}") for name, entry in value.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise MalformedDocumentError(f"{where}: {error}") from error


def _convert_text(kind: type[StrEnum | Path], value: str, where: str) -> object:
    try:
        return kind(value)
    except ValueError as error:
        raise MalformedDocumentError(f"{where}: {error}") from error


def _checked(kind: type, value: object, where: str) -> object:
    accepted: tuple[type, ...] = (int, float) if kind is float else (dict,) if kind is Mapping else (kind,)
    # JSON's true is no number, although Python's bool is an int.
    if kind is not object and (not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool)):
        raise MalformedDocumentError(f"{where} must be {kind.__name__}, not {type(value).__name__}")
    return value


def _default_of(field: dataclasses.Field[Any]) -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
