"""How items that GoPro counts but does not show are reported: once, and again when their number changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gopro_sync.errors import InvalidEventError
from gopro_sync.table.listing_record import ListingRecord
from gopro_sync.values.event_fields import JsonObject, optional_count, optional_flag, required_count

_GAP: Final = "listing_gap"


def remember_gap(summary: JsonObject, memory: ListingRecord, *, run: str) -> dict[str, Any]:
    """Return ``listing_gap`` of a run's summary with ``is_news``: whether people have not heard of it yet.

    Args:
        summary: as the state machine made it. A run that did not list the library neither has a gap nor lacks one.
        memory: what was reported before; afterwards it knows this gap.
        run: the run that reports it.

    Raises:
        InvalidEventError: the summary's gap has a field of the wrong shape.
        GoProSyncError: what the memory raises.
    """
    if _GAP not in summary:
        return {}
    gap = _gap_in(summary)
    if gap is None:
        memory.is_news(0, run=run)
        return {}
    lacking = required_count(gap, "stated") - required_count(gap, "shown") + (optional_count(gap, "nameless") or 0)
    return {_GAP: {**gap, "is_news": memory.is_news(lacking, run=run)}}


def gap_in_words(summary: JsonObject) -> str:
    """Return the gap in a few words; empty if there is none, or people know it already.

    Raises:
        InvalidEventError: the summary's gap has a field of the wrong shape.
    """
    gap = _gap_in(summary)
    if gap is None or not optional_flag(gap, "is_news"):
        return ""
    nameless = optional_count(gap, "nameless")
    return _numbers(gap) + (f", {nameless} of them without an id" if nameless else "")


def lines_on_gap(summary: JsonObject) -> list[str]:
    """Return the lines of the notice that say what is hidden and what to do; none if there is nothing to report.

    Raises:
        InvalidEventError: the summary's gap has a field of the wrong shape.
    """
    gap = _gap_in(summary)
    if gap is None or not gap_in_words(summary):
        return []
    refused_from, nameless = optional_count(gap, "refused_from"), optional_count(gap, "nameless")
    limit = "" if refused_from is None else f" It refuses the pages of its listing from row {refused_from} on."
    have_no_id = "has no id" if nameless == 1 else "have no id"
    of_no_id = f" {nameless} of these rows {have_no_id} and cannot be requested." if nameless else ""
    return [
        f"The listing of the library is incomplete: {_numbers(gap)} items, on every attempt.{of_no_id}{limit} All "
        "others are archived as usual. A total that includes an item twice, or a deleted one, looks the same. What to "
        "do: compare the number of items on gopro.com with the total; a video that you see there but not in the "
        "archive can be downloaded by hand. You are notified again when the difference changes.",
        "",
    ]


def _numbers(gap: JsonObject) -> str:
    return f"GoPro counts {required_count(gap, 'stated')}, showed {required_count(gap, 'shown')}"


def _gap_in(summary: JsonObject) -> JsonObject | None:
    gap = summary.get(_GAP)
    if gap is None:
        return None
    if not isinstance(gap, Mapping):
        raise InvalidEventError(f"The event's field {_GAP!r} is not a JSON object")
    return gap
