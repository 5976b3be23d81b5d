"""From a case's data to the nights that are played, each a `GoProNight`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.support.field_cases.cloud import (
    ANSWER_SWITCHES,
    CDN_SWITCHES,
    DESCRIPTOR_SWITCHES,
    LISTING_SWITCHES,
    GoProNight,
)
from tests.support.field_cases.switches import Switches, SwitchesByName

# What a given may say: of the way of playing, of the whole case, and of what a night may change.
_WAYS: Final = frozenset({"what", "nights", "run_input", "parts_of_bytes"})
_OF_A_NIGHT: Final = frozenset(
    {"rows", "descriptor", "sizes", "listing", "descriptors", "downloads", "items", "cdn_answers", "days_later"}
)
_SERIES: Final = re.compile(r"(?P<before>.*)\{(?P<first>[0-9]+)\.\.(?P<last>[0-9]+)\}(?P<after>.*)")


@dataclass(frozen=True, kw_only=True)
class NightToPlay:
    """One night.

    Attributes:
        gopro: what GoPro has and does.
        days_later: how long after the night before.
    """

    gopro: GoProNight
    days_later: int


def nights_of(case: Mapping[str, Any], given: Mapping[str, Any]) -> list[NightToPlay]:
    """Return the nights of one way of playing a case.

    Args:
        case: ``listing_items``, ``descriptor``, ``cdn`` and ``nights`` of it are used where ``given`` has nothing else.
        given: ``rows`` are differences from the case's first row (a text or a list is a row itself), ``descriptor`` is
            the whole or the list of its variations, ``sizes`` are of the CDN's files; the rest are switches. What a
            night of ``nights`` says comes before that.

    Raises:
        ValueError: there is no such field or switch.
    """
    reported = given.get("nights") or [{}] * len(case["nights"] or [{}])
    changes = case["nights"] or [{}] * len(reported)
    _refuse_unknown(given, _WAYS | _OF_A_NIGHT)
    nights = []
    for change, night in zip(changes, reported, strict=True):
        _refuse_unknown(night, _OF_A_NIGHT)
        of_given = {name: value for name, value in given.items() if name in _OF_A_NIGHT}
        nights.append(_night({**case, **change}, {**of_given, **night}))
    return nights


def _night(case: Mapping[str, Any], given: Mapping[str, Any]) -> NightToPlay:
    listed = list(_expanded(case["listing_items"]))
    rows = [_row(listed[0], row) for row in given["rows"]] if "rows" in given else listed
    gopro = GoProNight(
        rows=list(_expanded(rows)),
        descriptor=_descriptor(case["descriptor"], given.get("descriptor")),
        sizes={key: size for key, size in case["cdn"].items() if isinstance(size, int)} | given.get("sizes", {}),
        listing=Switches(given.get("listing", {}), known=LISTING_SWITCHES, where="listing"),
        descriptors=SwitchesByName(given.get("descriptors", {}), known=DESCRIPTOR_SWITCHES, where="descriptors"),
        downloads=SwitchesByName(given.get("downloads", {}), known=ANSWER_SWITCHES, where="downloads"),
        items=SwitchesByName(given.get("items", {}), known=ANSWER_SWITCHES, where="items"),
        cdn_answers=SwitchesByName(given.get("cdn_answers", {}), known=CDN_SWITCHES, where="cdn_answers"),
    )
    return NightToPlay(gopro=gopro, days_later=given.get("days_later", 1))


def _row(plain: Mapping[str, Any], reported: Any) -> Any:
    if not isinstance(reported, dict):
        return reported
    merged = {**plain, **reported}
    return {name: value for name, value in merged.items() if value != "{absent}"}


def _descriptor(of_case: Any, reported: Any) -> Any:
    if isinstance(reported, list):
        return {"filename": "", "_embedded": {"files": [], "variations": reported, "sidecar_files": [], "sprites": []}}
    chosen = of_case if reported is None else reported
    return chosen if isinstance(chosen, dict) else None


def _expanded(rows: Sequence[Any]) -> Iterator[Any]:
    """Yield the rows, one whose id is a series (``i{0..6}``) once for each of it."""
    for row in rows:
        match = _SERIES.fullmatch(str(row.get("id"))) if isinstance(row, dict) else None
        if match is None:
            yield row
            continue
        width = len(match["first"])
        for number in range(int(match["first"]), int(match["last"]) + 1):
            yield {**row, "id": f"{match['before']}{number:0{width}}{match['after']}"}


def _refuse_unknown(given: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise ValueError(f"a given has no field {', '.join(unknown)}")
