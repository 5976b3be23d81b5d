from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.object_key import assign_keys
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
        "composition": None,
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


@pytest.mark.parametrize("row", [None, 7, "text", [], {}, {"id": None}, {"id": True}, {"id": ""}, {"id": ".."}])
def test_a_row_without_an_id_is_reported_and_not_fatal(row: object) -> None:
    parsed = parse_row(row)
    assert isinstance(parsed, MalformedRow)
    assert parsed.media_id is None


@pytest.mark.parametrize(("media_id", "read"), [(123456789, "123456789"), (0, "0"), ("123", "123")])
def test_an_id_may_be_a_number(media_id: object, read: str) -> None:
    assert item(id=media_id).media_id == read


@pytest.mark.parametrize("media_id", ["#gopro-account", "#", "#gopro-session", 1.5, -7, 10**30])
def test_no_id_can_be_a_record_of_the_table_s_own_or_no_id_at_all(media_id: object) -> None:
    assert isinstance(parse_row(video_row(1, id=media_id)), MalformedRow)
    assert not is_media_id(media_id)


MAY = datetime(2026, 5, 1, 18, 2, 44, tzinfo=UTC)
NO_TIMES: Final[list[object]] = [
    None,
    "",
    "recently",
    True,
    [],
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "0000-00-00T00:00:00Z",
    "2026-02-30T10:00:00Z",
    "12743-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    0,
    12,
    10**17,
    -1_777_658_564,
]


@pytest.mark.parametrize(
    ("created_at", "read"),
    [
        ("2026-05-01T18:02:44Z", MAY),
        ("2026-05-01T20:02:44+02:00", MAY),
        ("2026-05-01 18:02:44 UTC", MAY),
        ("2026-05-01T18:02:44 GMT", MAY),
        (1_777_658_564, MAY),
        ("1777658564", MAY),
        (1_777_658_564_000, MAY),
        ("2026-05-01T24:00:00Z", datetime(2026, 5, 2, tzinfo=UTC)),
        ("  2026-05-01T18:02:44Z ", MAY),
        ("2026-05-31 24:00", datetime(2026, 6, 1, tzinfo=UTC)),
    ],
    ids=repr,
)
def test_a_time_may_be_spelled_in_other_ways(created_at: object, read: datetime) -> None:
    assert item(created_at=created_at).uploaded_at == read
    assert item(captured_at=created_at).captured_at == read


@pytest.mark.parametrize("created_at", NO_TIMES, ids=repr)
def test_without_an_upload_time_an_item_is_of_the_day_on_which_it_was_recorded(created_at: object) -> None:
    assert item(created_at=created_at).uploaded_at == datetime(2025, 12, 31, 9, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize("moment", NO_TIMES, ids=repr)
def test_an_item_without_any_date_that_can_be_is_ours_and_lies_in_a_folder_of_its_own(moment: object) -> None:
    undated = item(created_at=moment, captured_at=moment)
    assert (undated.uploaded_at, undated.captured_at, classify(undated)) == (None, None, None)
    assert assign_keys([undated], {}) == {"video000001": "gopro-videos/undated/GX010001.MP4"}


@pytest.mark.parametrize(
    ("field", "beyond", "expected"),
    [
        ("item_count", 1_001, {"item_count": 1}),
        ("item_count", 10**17, {"item_count": 1}),
        ("item_count", -3, {"item_count": 1}),
        ("file_size", 2**60, {"size_bytes": None}),
        ("file_size", "9" * 400, {"size_bytes": None}),
        ("source_duration", 10**17, {"duration_seconds": None}),
        ("filename", "\x00\n", {"filename": None}),
        ("gopro_user_id", "x" * 500, {"user_id": None}),
    ],
)
def test_a_value_beyond_its_bound_is_dropped_and_the_item_stays(
    field: str, beyond: object, expected: dict[str, object]
) -> None:
    odd = item(**{field: beyond})
    assert classify(odd) is None
    assert {name: getattr(odd, name) for name in expected} == expected


@pytest.mark.parametrize("field", ["filename", "file_extension", "type", "ready_to_view", "composition"])
def test_no_text_of_a_row_is_long(field: str) -> None:
    odd = item(**{field: "x" * 100_000})
    assert len(str(odd)) < 2_000


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
    ("kind", "extension", "reason"),
    [
        ("Photo", "JPG", SkipReason.PHOTO),
        ("Photo", "MP4", SkipReason.PHOTO),  # of photos GoPro offers no camera original as it does of videos
        ("Burst", "JPG", SkipReason.PHOTO),
        ("TimeLapse", "GPR", SkipReason.PHOTO),
        ("NightLapse", None, SkipReason.PHOTO),
        ("Hologram", "JPG", SkipReason.PHOTO),
        ("MultiClipEdit", "json", SkipReason.EDIT),
        ("Edit", "MP4", SkipReason.EDIT),
        ("Audio", "wav", SkipReason.AUDIO),
        ("Hologram", "hol", SkipReason.UNKNOWN_TYPE),
        ("HologramVideo", None, SkipReason.UNKNOWN_TYPE),
        (None, None, SkipReason.UNKNOWN_TYPE),
    ],
)
def test_every_other_kind_is_skipped_with_its_reason_whatever_its_state(
    kind: object, extension: str | None, reason: SkipReason
) -> None:
    for state in ("ready", "transcoding"):
        other = item(type=kind, file_extension=extension, filename=None, ready_to_view=state)
        assert classify(other) is reason


def test_what_gopro_has_rendered_of_a_video_is_an_edit() -> None:
    assert classify(item(composition="export")) is SkipReason.EDIT
    assert classify(item(composition="anything_else")) is None


@pytest.mark.parametrize(
    "kind", ["TimeLapse", "Burst", "NightLapse", "Continuous", "Audio", "HologramVideo", "", None, 7]
)
@pytest.mark.parametrize(
    ("extension", "filename"),
    [("MP4", None), (360, None), ("mp4", "GX010001.MP4"), ("360", None), (None, "a.MP4"), (".mov", None)],
)
def test_what_ends_like_a_video_is_one_whatever_its_kind_and_its_count_may_be_of_frames(
    kind: object, extension: object, filename: str | None
) -> None:
    video = item(type=kind, file_extension=extension, filename=filename, item_count=480)
    assert (classify(video), video.chapter_count) == (None, 1)


@pytest.mark.parametrize("state", ["ready", "failure", "READY"])
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


@pytest.mark.parametrize("text", [" ", "2026-05-01T00:00:00" + " " * 100_000 + "x", "\x00" * 100_000, "9" * 200_000])
def test_no_text_however_long_keeps_the_reader_of_dates_busy(text: str) -> None:
    began = time.process_time()
    parsed = parse_row({"id": "m1", "created_at": text, "captured_at": "a" + " " * 200_000 + "b"})
    assert isinstance(parsed, MediaItem)
    assert parsed.uploaded_at is None
    assert time.process_time() - began < 1
