"""The JSON of one media item, as the listing and ``GET /media/{id}`` return it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local.simulator.library import SimulatedItem

EDIT_TYPES = frozenset({"MultiClipEdit", "Edit"})
IMAGE_TYPES = frozenset({"Photo", "Burst", "TimeLapse", "NightLapse"})
_WITHOUT_FILES = frozenset({"registered", "uploading", "loading"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDefects:
    """What is wrong with a record on purpose.

    Args:
        size_error_bytes: the stated size is off by this much, as seen after reprocessing.
        numbers_as_strings: numbers arrive as text, as sometimes seen.
        nulls_absent: null fields are left out, as seen when ``fields`` are asked for.
    """

    size_error_bytes: int = 0
    numbers_as_strings: bool = False
    nulls_absent: bool = False


def media_record(item: SimulatedItem, *, user_id: str | None, defects: RecordDefects) -> dict[str, object]:
    """Return the full record of `item`."""
    record = _plain_record(item, user_id)
    if isinstance(size := record["file_size"], int):
        record["file_size"] = size + defects.size_error_bytes
    if defects.numbers_as_strings:
        record = {name: _number_as_text(value) for name, value in record.items()}
    record.update(item.row_overrides)
    return {name: value for name, value in record.items() if value is not None} if defects.nulls_absent else record


def chosen_fields(record: Mapping[str, object], fields: frozenset[str] | None) -> dict[str, object]:
    """Return the requested fields of a record; names that GoPro does not know are ignored silently."""
    return {name: value for name, value in record.items() if fields is None or name in fields}


def _plain_record(item: SimulatedItem, user_id: str | None) -> dict[str, object]:
    is_edit = item.type in EDIT_TYPES
    return {
        "id": item.media_id,
        "type": item.type,
        "filename": item.filename,
        "file_extension": item.extension,
        "file_size": item.size_bytes if item.chapters else None,
        "captured_at": item.captured_at or item.created_at,
        "captured_at_timezone": None,
        "created_at": item.created_at,
        "updated_at": item.updated_at or item.created_at,
        "reprocessed_at": None,
        "ready_to_view": item.ready_to_view,
        "ready_to_edit": item.ready_to_view == "ready",
        "item_count": len(item.chapters) or None,
        # Milliseconds, and really a string.
        "source_duration": None if item.duration_milliseconds is None else str(item.duration_milliseconds),
        "camera_model": item.camera_model,
        "width": item.width,
        "height": item.height,
        "resolution": item.height and f"{item.height}p",
        "fov": None if is_edit else "w",
        "orientation": 1,
        "moments_count": 0,
        "play_as": "edl" if is_edit else "video",
        "mce_type": "auto_edit" if item.type == "MultiClipEdit" else None,
        "composition": None,
        "available_labels": _labels(item),
        "content_title": None,
        "content_type": None,
        "gopro_user_id": user_id,
        "token": f"fake-thumbnail-token-{item.media_id}",
    }


def _labels(item: SimulatedItem) -> list[str]:
    if item.ready_to_view in _WITHOUT_FILES:
        return []
    original = ["source"] if item.chapters else ["baked_source"] if item.baked_source else []
    joined = ["concat"] if len(item.chapters) > 1 and item.type not in IMAGE_TYPES else []
    return [*original, *joined, "high_res_proxy_mp4", "gpmf", "mediainfo", "sprite"]


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
