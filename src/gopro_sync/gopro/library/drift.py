"""Whether GoPro's API is still what this client was written against: noticed in the first night, not by lost footage.

The parser tolerates a lot (`outside_values.py`), since one odd value must not stop a run. What it tolerates is recorded
here, as where and what, with a sample that shows the shape of the value and nothing of its content.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique

from gopro_sync.values.outside_values import moment_or_none, whole_number_or_none

_ROWS = "_embedded.media[]"
_CDN_ETAG = "ETag of the file at the CDN"
_SOURCES = "_embedded.variations[label=source]"
# Given a list of fields GoPro leaves out null ones, so a small library may have none of a field by chance.
_LEAST_ROWS_TO_MISS_A_FIELD = 20
_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")


@unique
class DriftKind(StrEnum):
    """What has changed."""

    FIELD_VANISHED = "field_vanished"
    TYPE_CHANGED = "type_changed"
    UNKNOWN_VALUE = "unknown_value"
    SOURCES_MISSING = "sources_missing"
    ETAG_MISMATCH = "etag_mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFinding:
    """One thing that GoPro's API did not do before.

    Attributes:
        path: its place in the answer.
        kind: what is different.
        sample: what was found, with nothing that belongs to the user.
        count: the number of rows.
    """

    path: str
    kind: DriftKind
    sample: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsExamined:
    """What a page's rows have; pages are examined in several threads and merged afterwards."""

    rows: int = 0
    fields: frozenset[str] = frozenset()
    odd: Mapping[tuple[str, DriftKind, str], int] = field(default_factory=dict)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole_number(value: object) -> bool:
    return whole_number_or_none(value) is not None


def _is_moment(value: object) -> bool:
    return moment_or_none(value) is not None


# The requested fields (`media.LISTING_FIELDS`) and their types so far; digits as text are known.
_KNOWN: Mapping[str, Callable[[object], bool]] = {
    "id": _is_text,
    "type": _is_text,
    "ready_to_view": _is_text,
    "filename": _is_text,
    "file_extension": _is_text,
    "file_size": _is_whole_number,
    "captured_at": _is_moment,
    "created_at": _is_moment,
    "item_count": _is_whole_number,
    "source_duration": _is_whole_number,
}


def examine(rows: Sequence[object], known_values: Mapping[str, frozenset[str]]) -> RowsExamined:
    """Examine the rows of a page.

    Args:
        rows: as GoPro sent them.
        known_values: by field, the words seen in it so far.
    """
    fields: set[str] = set()
    odd: Counter[tuple[str, DriftKind, str]] = Counter()
    for row in rows:
        if not isinstance(row, dict):
            odd[(_ROWS, DriftKind.TYPE_CHANGED, shape_of(row))] += 1
            continue
        for name, is_known in _KNOWN.items():
            value = row.get(name)
            if value is None:
                continue
            fields.add(name)
            path = f"{_ROWS}.{name}"
            if not is_known(value):
                odd[(path, DriftKind.TYPE_CHANGED, shape_of(value))] += 1
            elif name in known_values and value not in known_values[name]:
                odd[(path, DriftKind.UNKNOWN_VALUE, _word_of(value))] += 1
    return RowsExamined(rows=len(rows), fields=frozenset(fields), odd=odd)


def findings(pages: Iterable[RowsExamined]) -> tuple[DriftFinding, ...]:
    """Return what has changed in a whole listing: one finding for each place and kind, with a sample."""
    rows, fields, odd = 0, set[str](), Counter[tuple[str, DriftKind, str]]()
    for page in pages:
        rows += page.rows
        fields |= page.fields
        odd.update(page.odd)
    by_place: dict[tuple[str, DriftKind], DriftFinding] = {}
    for (path, kind, sample), count in odd.most_common():
        before = by_place.get((path, kind))
        by_place[(path, kind)] = DriftFinding(
            path=path,
            kind=kind,
            sample=before.sample if before else sample,
            count=count + (before.count if before else 0),
        )
    vanished = sorted(_KNOWN.keys() - fields) if rows >= _LEAST_ROWS_TO_MISS_A_FIELD else []
    return (
        *by_place.values(),
        *(
            DriftFinding(path=f"{_ROWS}.{name}", kind=DriftKind.FIELD_VANISHED, sample="absent", count=rows)
            for name in vanished
        ),
    )


def sources_missing() -> DriftFinding:
    """Create the finding for a video with fewer camera originals than the listing states."""
    return DriftFinding(path=_SOURCES, kind=DriftKind.SOURCES_MISSING, sample="fewer than item_count", count=1)


def etag_mismatch() -> DriftFinding:
    """Create the finding for a file whose ETag does not match its bytes, in a library where many others did."""
    return DriftFinding(path=_CDN_ETAG, kind=DriftKind.ETAG_MISMATCH, sample="no MD5 of the bytes", count=1)


def shape_of(value: object) -> str:
    """Return a value's JSON type and size, and nothing of its content."""
    match value:
        case None | bool():
            return "null" if value is None else "boolean"
        case str():
            return f"text({len(value)})"
        case int() | float():
            return "number"
        case list():
            return f"list({len(value)})"
        case dict():
            return f"object({len(value)})"
    return type(value).__name__


def _word_of(value: object) -> str:
    # GoPro's own words for kinds and states; anything longer or odder might be the user's.
    return value if isinstance(value, str) and _WORD.fullmatch(value) else shape_of(value)
