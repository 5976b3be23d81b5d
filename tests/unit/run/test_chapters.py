"""Which files a video has, which are to be copied, and under which keys: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.errors import IntegrityError, KeyConflictError, SourceLostError, SourceMissingError
from gopro_sync.gopro.library.download import Offer, OriginalFile
from gopro_sync.run.chapters import Chapters
from gopro_sync.table.tracker import Status, TrackerRecord
from gopro_sync.table.video import Video
from gopro_sync.values.file_id import FileId

FOLDER: Final = "gopro-videos/2026/05"
type Ids = Sequence[tuple[int, str | None]]
IDS: Final = st.lists(st.tuples(st.integers(1, 3), st.sampled_from([None, "front", "back", "left"])), unique=True)


def ids(files: Ids) -> list[FileId]:
    return [FileId(item_number=number, lens=lens) for number, lens in files]


def archived(number: int, lens: str | None, key: str) -> ArchivedFile:
    return ArchivedFile(
        item_number=number,
        lens=lens,
        s3_key=f"{FOLDER}/{key}",
        size_bytes=1,
        source_etag=None,
        s3_etag='"e"',
        checksum_crc64nvme="AAAAAAAAAAA=",
        etag_proof="MATCHED",
    )


def upload_of(number: int, lens: str | None, key: str) -> OpenUpload:
    return OpenUpload(
        item_number=number,
        lens=lens,
        s3_key=f"{FOLDER}/{key}",
        upload_id="u",
        part_size_bytes=1,
        size_bytes=1,
        source_etag="c0ffee",
    )


def chapters(
    offered: Ids,
    *files: ArchivedFile,
    name: str = "GX010456.MP4",
    upload: OpenUpload | None = None,
    missing: Ids = (),
    doubtful: Ids = (),
    item_count: int = 1,
) -> Chapters:
    video = Video(media_id="m1", filename=name, s3_key=f"{FOLDER}/{name}", item_count=item_count)
    record = TrackerRecord(
        video=video,
        status=Status.IN_PROGRESS,
        lease_owner="run",
        lease_expires_at=0,
        files=files,
        upload=upload,
        error_type=None,
        next_attempt_after=None,
    )
    offer = Offer(
        originals=tuple(OriginalFile(item_number=number, lens=lens, url="u") for number, lens in offered),
        listed=frozenset(ids([*offered, *missing, *doubtful])),
        doubtful={one: SourceMissingError("two of them") for one in ids(doubtful)},
    )
    return Chapters(video, record, offer)


def names_of(video: Chapters, *files: tuple[int, str | None]) -> list[str]:
    return [video.keys_of(one)[0].removeprefix(f"{FOLDER}/") for one in ids(files)]


@pytest.mark.parametrize("lens", [None, "front", "back"])
def test_an_only_lens_has_the_plain_names(lens: str | None) -> None:
    video = chapters([(1, lens), (2, lens)])
    assert names_of(video, (1, lens), (2, lens)) == ["GX010456.MP4", "GX020456.MP4"]


def test_a_lens_that_is_listed_without_being_there_counts_and_leaves_the_plain_name_to_the_front() -> None:
    video = chapters([(1, "back")], missing=[(1, "front")])
    assert names_of(video, (1, "back")) == ["GX010456_back.MP4"]
    assert video.count == 2


def test_the_lens_that_has_the_plain_name_already_keeps_it_for_all_chapters() -> None:
    for begun in (archived(1, "back", "GX010456.MP4"), archived(1, "back", "GX010456_m1.MP4")):
        video = chapters([(1, "front"), (2, "back"), (2, "front")], begun)
        assert names_of(video, (1, "front"), (2, "back")) == ["GX010456_front.MP4", "GX020456.MP4"]
    video = chapters([(1, "front"), (1, "back")], upload=upload_of(1, "back", "GX010456.MP4"))
    assert names_of(video, (1, "front"), (1, "back")) == ["GX010456_front.MP4", "GX010456.MP4"]


@given(IDS.filter(bool), st.sampled_from(["GX010456.MP4", "GPFR0123.MP4", "GPBK0123_ab.MP4", "holiday"]))
def test_two_files_of_a_video_never_share_a_key_nor_the_one_that_is_taken_instead(offered: Ids, name: str) -> None:
    video = chapters(offered, name=name)
    keys = [key for one in ids(offered) for key in video.keys_of(one)]
    assert len({key.casefold() for key in keys}) == len(keys)


@given(IDS.filter(bool), IDS)
def test_each_file_that_is_offered_is_copied_once_or_is_in_s3_and_nothing_that_is_there_is_forgotten(
    offered: Ids, recorded: Ids
) -> None:
    files = [archived(number, lens, f"{number}-{lens}") for number, lens in recorded]
    video = chapters(offered, *files)
    assert {file.s3_key for file in video.finished} == {file.s3_key for file in files}
    assert len(set(video.wanted())) == len(video.wanted())
    assert {*video.wanted(), *(file.file_id for file in video.finished)} >= set(ids(offered))
    assert video.count >= len({*ids(offered), *(file.file_id for file in video.finished)})


@pytest.mark.parametrize(("recorded", "at_gopro"), [(None, "front"), ("front", None)])
def test_an_only_file_of_a_chapter_is_the_same_whether_its_lens_is_named_or_not(
    recorded: str | None, at_gopro: str | None
) -> None:
    video = chapters([(1, at_gopro), (2, at_gopro)], archived(1, recorded, "GX010456.MP4"))
    assert video.wanted() == ids([(2, at_gopro)])
    assert [file.lens for file in video.finished] == [at_gopro]
    begun = chapters([(1, at_gopro)], upload=upload_of(1, recorded, "GX010456.MP4"))
    assert begun.upload_of(FileId(item_number=1, lens=at_gopro)) is not None


def test_another_lens_is_another_file() -> None:
    video = chapters([(1, "back")], archived(1, "front", "GX010456.MP4"))
    assert (video.wanted(), video.count) == (ids([(1, "back")]), 2)


def test_the_file_whose_upload_is_under_way_comes_first_and_one_that_is_left_keeps_it() -> None:
    video = chapters([(1, "front"), (1, "back")], upload=upload_of(1, "back", "GX010456_back.MP4"))
    back, front = video.wanted()
    assert (back.lens, front.lens, video.unfinished_upload) == ("back", "front", None)
    video.leave(back, SourceLostError("gone"))
    assert video.unfinished_upload == upload_of(1, "back", "GX010456_back.MP4")
    given_up = chapters([(1, "back")], upload=upload_of(1, "back", "GX010456_back.MP4"))
    given_up.leave(back, IntegrityError("damaged"))
    assert given_up.unfinished_upload is None
    not_offered = chapters([(1, "front")], upload=upload_of(1, "back", "GX010456_back.MP4"))
    assert not_offered.unfinished_upload is not None


def test_a_file_that_cannot_be_gone_on_with_comes_last() -> None:
    begun = replace(upload_of(1, None, "GX010456.MP4"), source_etag=None)
    assert chapters([(1, None), (2, None)], upload=begun).wanted() == ids([(2, None), (1, None)])


def test_a_file_that_gopro_has_replaced_is_copied_again_under_a_key_of_its_own() -> None:
    video = chapters([(1, None), (2, None)], archived(1, None, "GX010456.MP4"), archived(2, None, "GX020456_m1-3.MP4"))
    assert video.wanted() == []
    first, second = video.in_copy_order(ids([(1, None), (2, None)]))
    assert [key.rsplit("/", 1)[-1] for key in video.keys_of(first)] == ["GX010456_m1.MP4", "GX010456_m1-2.MP4"]
    with pytest.raises(KeyConflictError, match="again and again"):
        video.keys_of(second)


def test_the_first_trouble_is_reported_and_a_file_in_s3_is_none_though_gopro_offers_two_of_it_now() -> None:
    video = chapters([(2, None), (3, None)], doubtful=[(1, None)], item_count=3)
    video.leave(FileId(item_number=2), SourceLostError("gone"))
    trouble = video.first_trouble
    assert trouble is not None
    assert (str(trouble[0]), trouble[1].message) == ("chapter 1", "two of them")
    settled = chapters([(2, None)], archived(1, None, "GX010456.MP4"), doubtful=[(1, None)])
    assert settled.first_trouble is None


def test_what_is_to_take_the_place_of_a_damaged_object_is_remembered_however_the_next_copy_ends() -> None:
    begun = replace(upload_of(1, None, "GX010456.MP4"), replaces='"damaged"')
    video = chapters([(1, None), (2, None)], upload=begun)
    video.leave(FileId(item_number=1), IntegrityError("the source gave other bytes"))
    assert video.unfinished_upload == begun


def test_the_open_upload_of_a_next_edition_is_kept_while_missing_chapters_are_copied() -> None:
    begun = upload_of(1, None, "GX010456_m1.MP4")
    video = chapters([(1, None), (2, None)], archived(1, None, "GX010456.MP4"), upload=begun)
    video.add(archived(2, None, "GX020456.MP4"))
    assert video.unfinished_upload == begun
    video.add(archived(1, None, "GX010456_m1.MP4"))
    assert video.unfinished_upload is None
