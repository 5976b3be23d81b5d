"""Which videos a run is asked for. Pure; without any filter, all of them.

GoPro ignores filters that it does not know, so all of them are applied here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gopro_sync.errors import InvalidEventError
from gopro_sync.gopro.library.media import TYPES_OF_VIDEOS, MediaItem
from gopro_sync.run.known_names import refuse_unknown_names
from gopro_sync.values.event_fields import JsonObject, optional_flag, optional_texts, optional_time

FILTER_FIELDS: Final = frozenset(
    {"media_ids", "media_types", "uploaded_since", "uploaded_until", "captured_since", "captured_until"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a run is asked for; None means no filter. ``since`` is the first moment included, ``until`` the first after.

    Attributes:
        media_ids: these items only.
        media_types: items of GoPro's types of these names only.
        uploaded_since: uploaded then or later.
        uploaded_until: uploaded before.
        captured_since: recorded then or later, by the camera's clock; an item without that time is left out.
        captured_until: recorded before.
        redrive: also take failed videos whose next attempt is not due yet.
        redrive_began_at: when the redrive was requested of which this is a later run: what has failed since then has
            had its attempt.
    """

    media_ids: Collection[str] | None = None
    media_types: Collection[str] | None = None
    uploaded_since: datetime | None = None
    uploaded_until: datetime | None = None
    captured_since: datetime | None = None
    captured_until: datetime | None = None
    redrive: bool = False
    redrive_began_at: datetime | None = None

    def redrives(self, failed_at: datetime | None) -> bool:
        """Return whether a video that last failed at this time is taken although its next attempt is not due yet.

        Args:
            failed_at: None if that is not known, as in records of earlier versions.
        """
        if self.redrive_began_at is None or failed_at is None:
            return self.redrive
        # A record keeps whole seconds.
        return self.redrive and failed_at < self.redrive_began_at.replace(microsecond=0)

    def takes(self, item: MediaItem) -> bool:
        """Return whether an item passes all filters."""
        return (
            (self.media_ids is None or item.media_id in self.media_ids)
            and (self.media_types is None or item.type in self.media_types)
            and _is_between(item.uploaded_at, self.uploaded_since, self.uploaded_until)
            and _is_between(item.captured_at, self.captured_since, self.captured_until)
        )


def read_selection(event: JsonObject, standing_filters: JsonObject | None = None) -> Selection:
    """Read ``filters`` and ``redrive`` of a lister's event.

    Args:
        event: a filter in it replaces the standing one of the same name, and null lifts that.
        standing_filters: those of the stack, spelled as in the event.

    Raises:
        InvalidEventError: a filter that is unknown, of the wrong shape, or for a type that no video has: a typo would
            otherwise match everything, or nothing.
    """
    asked = {} if event.get("filters") is None else event["filters"]
    if not isinstance(asked, Mapping):
        raise InvalidEventError("The event's field 'filters' is not a JSON object")
    filters = {**(standing_filters or {}), **asked}
    refuse_unknown_names(filters, FILTER_FIELDS, what="filters")
    media_types = optional_texts(filters, "media_types")
    if media_types is not None and (unknown := sorted(media_types - TYPES_OF_VIDEOS)):
        raise InvalidEventError(
            f"No video is of the type {', '.join(unknown)[:200]}; the types are {', '.join(sorted(TYPES_OF_VIDEOS))}"
        )
    times: dict[str, Any] = {
        name: optional_time(filters, name)
        for name in ("uploaded_since", "uploaded_until", "captured_since", "captured_until")
    }
    return Selection(
        media_ids=optional_texts(filters, "media_ids"),
        media_types=media_types,
        redrive=optional_flag(event, "redrive"),
        redrive_began_at=optional_time(event, "redrive_began_at"),
        **times,
    )


def _is_between(moment: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    if since is None and until is None:
        return True
    return moment is not None and (since is None or since <= moment) and (until is None or moment < until)
