from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.gopro.library.media import (
    LISTING_FIELDS,
    MalformedRow,
    MediaItem,
    SkipReason,
    classify,
    is_media_id,
    parse_row,
)
from tests.support.gopro_library import video_row
from tests.support.odd_values import calendar_ends, json_values


def item(**fields: object) -> MediaItem:
    parsed = parse_row(video_row(1, **fields))
    assert isinstance(parsed, MediaItem)
    return parsed


def test_a_row_is_read_whole() -> None:
    row = {
        "id": "64d2b7f0a1b2c3d4e5f60718",
        "type": "Chaptered",
        "filename": "GX010456.MP4",
        "file_extension": "MP4",
        "file_size": 11_811_160_064,
        "captured_at": "2026-05-01T09:30:12Z",
        "created_at": "2026-05-01T18:02:44Z",
        "ready_to_view": "ready",
        "item_count": 3,
        "source_duration": "1510400",
        "gopro_user_id": "11111111-2222-4333-8444-555555555555",
    }
    assert set(row) == set(LISTING_FIELDS)
    assert parse_row(row) == MediaItem(
        media_id="64d2b7f0a1b2c3d4e5f60718",
        type="Chaptered",
        ready_to_view="ready",
        uploaded_at=datetime(2026, 5, 1, 18, 2, 44, tzinfo=UTC),
        filename="GX010456.MP4",
        file_extension="MP4",
        size_bytes=11_811_160_064,
        captured_at=datetime(2026, 5, 1, 9, 30, 12, tzinfo=UTC),
        item_count=3,
        duration_seconds=1510.4,
        user_id="11111111-2222-4333-8444-555555555555",
    )


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        (4711, "4711"),
        ("4711", "4711"),
        (True, None),
        ("", None),
        ("a\nb", None),
        ("x" * 129, None),
        ({}, None),
        (10**200, None),
    ],
    ids=repr,
)
def test_an_account_s_id_is_text_or_a_number_and_else_none(shown: object, read: str | None) -> None:
    assert item(gopro_user_id=shown).user_id == read


def test_a_null_field_may_be_absent() -> None:
    parsed = parse_row({"id": "a1", "created_at": "2026-05-01T18:02:44Z"})
    assert parsed == item(
        id="a1",
        type=None,
        filename=None,
        file_extension=None,
        file_size=None,
        captured_at=None,
        created_at="2026-05-01T18:02:44Z",
        ready_to_view=None,
        item_count=None,
        source_duration=None,
    )


@pytest.mark.parametrize("filename", [None, "", "   ", 7])
def test_an_item_without_a_file_name_is_still_a_video(filename: object) -> None:
    assert item(filename=filename).filename is None
    assert classify(item(filename=filename)) is None


@pytest.mark.parametrize("size", [None, "", -5, "big", True])
def test_an_item_without_a_readable_size_is_still_a_video(size: object) -> None:
    assert item(file_size=size).size_bytes is None
    assert classify(item(file_size=size)) is None


@pytest.mark.parametrize(("stated", "understood"), [(None, 1), (0, 1), ("0", 1), ("many", 1), (1, 1), (3, 3), ("3", 3)])
def test_the_number_of_chapters_is_at_least_one(stated: object, understood: int) -> None:
    assert item(item_count=stated).item_count == understood


@pytest.mark.parametrize("milliseconds", [None, "", -5, "long", True, 1e400, 10**12, "9" * 18])
def test_a_duration_that_no_event_could_carry_counts_as_not_given(milliseconds: object) -> None:
    assert item(source_duration=milliseconds).duration_seconds is None
    assert item(source_duration=10**12 - 1).duration_seconds == 999_999_999.999


@pytest.mark.parametrize("row", [None, 7, "text", [], {}, {"id": None}, {"id": 7}, {"id": ""}, {"id": ".."}])
def test_a_row_without_an_id_is_reported_and_not_fatal(row: object) -> None:
    parsed = parse_row(row)
    assert isinstance(parsed, MalformedRow)
    assert parsed.media_id is None


@pytest.mark.parametrize("created_at", [None, "", "recently", 1_777_658_564])
def test_a_row_without_an_upload_time_is_reported_with_its_id(created_at: object) -> None:
    parsed = parse_row(video_row(1, created_at=created_at))
    assert isinstance(parsed, MalformedRow)
    assert parsed.media_id == "video000001"
    assert "created_at" in parsed.problem


@given(st.dictionaries(st.sampled_from(LISTING_FIELDS), json_values | calendar_ends.map(datetime.isoformat)))
def test_no_row_raises(row: dict[str, object]) -> None:
    parsed = parse_row({"id": "a1", "created_at": "2026-05-01T18:02:44Z", **row})
    if isinstance(parsed, MediaItem):
        classify(parsed)


@pytest.mark.parametrize("media_id", ["ab01Cd23Ef45G", "64d2b7f0a1b2c3d4e5f60718", "x", "a.b", ".a", "a/b", "a..."])
def test_ids_of_any_form_are_taken(media_id: str) -> None:
    assert is_media_id(media_id)


@pytest.mark.parametrize("media_id", [None, 7, "", ".", "..", "...", "a b", "a\n", "a\x00", "ä", "a" * 129])
def test_what_would_be_dangerous_in_an_address_is_no_id(media_id: object) -> None:
    assert not is_media_id(media_id)


@pytest.mark.parametrize(
    "kind",
    [
        "Video",
        "LoopedVideo",
        "TimeLapseVideo",
        "BurstVideo",
        "Chaptered",
        "Looped",
        "ExternalVideo",
        "Livestream",
        "Session",
    ],
)
def test_every_kind_of_video_is_ours(kind: str) -> None:
    assert classify(item(type=kind)) is None


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Photo", SkipReason.PHOTO),
        ("Burst", SkipReason.PHOTO),
        ("TimeLapse", SkipReason.PHOTO),
        ("NightLapse", SkipReason.PHOTO),
        ("MultiClipEdit", SkipReason.EDIT),
        ("Edit", SkipReason.EDIT),
        ("Audio", SkipReason.AUDIO),
        ("HologramVideo", SkipReason.UNKNOWN_TYPE),
        ("", SkipReason.UNKNOWN_TYPE),
        (None, SkipReason.UNKNOWN_TYPE),
    ],
)
def test_every_other_kind_is_skipped_with_its_reason_whatever_its_state(kind: object, reason: SkipReason) -> None:
    assert classify(item(type=kind)) is reason
    assert classify(item(type=kind, ready_to_view="transcoding")) is reason


@pytest.mark.parametrize(
    ("extension", "filename", "reason"),
    [
        ("MP4", None, None),
        ("mp4", "GX010001.MP4", None),
        ("360", None, None),
        (None, "GX010001.MP4", None),
        (".mov", None, None),
        ("jpg", "GX010001.MP4", SkipReason.PHOTO),
        ("GPR", None, SkipReason.PHOTO),
        (None, None, SkipReason.UNKNOWN_TYPE),
        ("zip", None, SkipReason.UNKNOWN_TYPE),
    ],
)
def test_continuous_is_what_its_extension_says(
    extension: str | None, filename: str | None, reason: SkipReason | None
) -> None:
    assert classify(item(type="Continuous", file_extension=extension, filename=filename)) is reason


@pytest.mark.parametrize("state", ["ready", "failure"])
def test_a_video_in_a_final_state_is_ours_even_if_gopro_could_not_make_its_proxies(state: str) -> None:
    assert classify(item(ready_to_view=state)) is None


@pytest.mark.parametrize(
    "state",
    [
        "registered",
        "uploading",
        "loading",
        "processing",
        "pretranscoding",
        "transcoding",
        "stabilizing",
        "updating",
        "live",
    ],
)
def test_a_video_that_gopro_is_still_working_on_waits(state: str) -> None:
    assert classify(item(ready_to_view=state)) is SkipReason.NOT_READY


@pytest.mark.parametrize("state", ["unknown", "quantum", "", None, True, 3])
def test_a_state_that_nobody_knows_is_skipped_with_that_reason(state: object) -> None:
    assert classify(item(ready_to_view=state)) is SkipReason.UNKNOWN_STATE
