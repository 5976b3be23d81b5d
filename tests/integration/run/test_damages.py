"""What would end as an archived video that is not the source's, each through two attempts with the record between them.

The first attempt ends in one of the ways in which attempts end; the second one finds what the first has left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from awscrt import checksums

from gopro_sync.archive import file_transfer
from gopro_sync.archive.bucket_writer import BucketWriter
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.errors import (
    IncompleteSourceError,
    IntegrityError,
    KeyConflictError,
    NetworkError,
    NotResumableError,
    StorageError,
)
from gopro_sync.run.discovery import Discovery
from gopro_sync.run.video import VideoResult, VideoStatus
from gopro_sync.table.tracker import Tracker
from local.s3_server import S3Fault, S3Object
from local.simulator import Fault, SimulatedItem, SourceFile
from local.simulator.faults import Endpoint, FaultName
from tests.integration.run import test_video_archiving as archiving
from tests.integration.run.test_video_archiving import World

pytestmark = pytest.mark.slow

KIB = 1024
# A large file is one of five parts, whatever the number of workers.
LIMITS = PartLimits(
    multipart_threshold_bytes=100 * KIB, smallest_part_bytes=40 * KIB, usual_part_bytes=40 * KIB, granule_bytes=KIB
)
SMALL = 30 * KIB + 1
LARGE = 180 * KIB + 123
NO_ETAG = Fault(FaultName.ODD_HEADERS, headers={"ETag": ""})
KEY = "gopro-videos/2026/05/GX010456.MP4"
OTHER_KEY = "gopro-videos/2026/05/GX010456_m1.MP4"


def edition(*sizes: int, number: int = 1) -> SimulatedItem:
    """One recording; another number has other bytes of the same sizes."""
    chapters = tuple(
        SourceFile(size_bytes=size, seed=f"edition {number} of {place}") for place, size in enumerate(sizes)
    )
    return SimulatedItem(media_id="m1", filename="GX010456.MP4", created_at="2026-05-01T18:02:44Z", chapters=chapters)


def under_etag(etag: str | None, **scope: Any) -> Fault:
    return Fault(FaultName.ODD_HEADERS, headers={"ETag": f'"{etag}"' if etag else ""}, **scope)


def assert_archived_is_todays(world: World, result: VideoResult) -> None:
    """The files that the record calls archived are the source's of today, byte for byte."""
    assert result.status is VideoStatus.COMPLETED
    digests = [hashlib.sha256(world.s3.objects[file.s3_key].data).hexdigest() for file in result.files]
    assert digests == [source.sha256 for source in world.gopro.admin.sources()]
    assert world.s3.uploads == {}
    assert world.record()["status"] == "COMPLETED"


@pytest.fixture
def world() -> Iterator[World]:
    with archiving.worlds() as world:
        world.limits = world.s3.limits = LIMITS
        yield world


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Patches that end with the first attempt."""
    with monkeypatch.context() as patch:
        yield patch


def die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt  # as SIGKILL: no code of ours catches it


def dies(world: World, found: Discovery, patch: pytest.MonkeyPatch, where: object, method: str) -> None:
    """One attempt that is killed when it comes to this call."""
    patch.setattr(where, method, die)
    with pytest.raises(KeyboardInterrupt):
        world.archive(found)
    patch.undo()


def until_parts_sent(world: World, count: int) -> None:
    """Lets the invocation's time be over after so many parts."""
    before = len(world.s3.parts_sent())
    world.workers = 1
    world.seconds_left = lambda: 900.0 if len(world.s3.parts_sent()) < before + count else 29.0


def begin(world: World, found: Discovery) -> None:
    """An attempt that ends after its first part."""
    world.workers = 1
    world.s3.faults = [S3Fault(operation="UploadPart", skip=1, count=100)]
    with pytest.raises(StorageError):
        world.archive(found)
    world.s3.faults = []


class SpoiltLater(dict[str, S3Object]):
    """Objects of which the first ``count`` are not what was sent, although S3 has taken them."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    def __setitem__(self, key: str, value: S3Object) -> None:
        if self.left:
            self.left -= 1
            spoilt = bytes([value.data[0] ^ 1]) + value.data[1:]
            value = replace(value, data=spoilt, crc64nvme="AAAAAAAAAAA=")
        super().__setitem__(key, value)


# --- (a), (b): a damaged object ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_damaged_object_whose_proof_the_invocation_did_not_live_to_see(
    world: World, dying: pytest.MonkeyPatch, size: int
) -> None:
    world.put(edition(size))
    found = world.discover()
    world.s3.objects = SpoiltLater(1)
    dies(world, found, dying, BucketWriter, "describe_object")
    assert list(world.s3.objects) == [KEY], "it lies there, of the right size and with the right metadata"

    assert_archived_is_todays(world, world.archive(found))


@pytest.mark.parametrize("sizes", [(SMALL,), (LARGE,), (LARGE, SMALL)])
def test_objects_that_are_damaged_in_both_copies_of_an_attempt_are_replaced_by_the_next(
    world: World, sizes: tuple[int, ...]
) -> None:
    world.put(edition(*sizes))
    found = world.discover()
    world.s3.objects = SpoiltLater(2)
    with pytest.raises(IntegrityError):
        world.archive(found)

    result = world.archive(found)

    assert_archived_is_todays(world, result)
    assert set(world.s3.objects) == {file.s3_key for file in result.files}, "nothing damaged is left under any key"


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_damaged_object_that_the_invocation_did_not_live_to_replace(
    world: World, dying: pytest.MonkeyPatch, size: int
) -> None:
    world.put(edition(size))
    found = world.discover()
    world.s3.objects = SpoiltLater(1)
    dies(world, found, dying, file_transfer, "log_retry")  # it has found the damage, and begins again

    assert_archived_is_todays(world, world.archive(found))
    assert list(world.s3.objects) == [KEY]


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_damaged_object_of_an_attempt_that_nobody_remembers(
    world: World, dying: pytest.MonkeyPatch, size: int
) -> None:
    world.put(edition(size))
    found = world.discover()
    world.s3.objects = SpoiltLater(1)
    dies(world, found, dying, BucketWriter, "describe_object")
    world.dynamodb.delete_item(TableName=archiving.TABLE, Key={"media_id": {"S": "m1"}})

    assert_archived_is_todays(world, world.archive(world.discover(owner="run-2"), owner="run-2"))


@pytest.mark.parametrize("etag", ["same", None])
def test_a_completed_object_of_an_older_edition_that_nobody_recorded(
    world: World, dying: pytest.MonkeyPatch, etag: str | None
) -> None:
    world.put(edition(LARGE))
    world.fail(under_etag(etag))
    found = world.discover()
    dies(world, found, dying, Tracker, "complete")
    world.put(edition(LARGE, number=2))
    world.fail(under_etag(etag and "another"))

    result = world.archive(found)

    assert_archived_is_todays(world, result)
    assert [file.s3_key for file in result.files] == [OTHER_KEY]


# --- (c): a part that S3 holds otherwise ------------------------------------------------------------------------------


@pytest.mark.parametrize("ends_by", ["an error", "its time", "a kill"])
def test_a_part_that_s3_holds_otherwise_than_it_was_sent(world: World, dying: pytest.MonkeyPatch, ends_by: str) -> None:
    world.put(edition(LARGE))
    found = world.discover()
    if ends_by == "an error":
        begin(world, found)
    elif ends_by == "its time":
        until_parts_sent(world, 2)
        assert world.archive(found).status is VideoStatus.IN_PROGRESS
    else:
        dies(world, found, dying, BucketWriter, "complete_upload")
    (upload,) = world.s3.uploads.values()
    spoilt = bytes([upload.parts[1].data[0] ^ 1]) + upload.parts[1].data[1:]
    crc = checksums.crc64nvme(spoilt)
    upload.parts[1] = replace(upload.parts[1], data=spoilt, crc=crc, etag=f'"{crc:032x}"')
    world.seconds_left = lambda: 900.0

    assert_archived_is_todays(world, world.archive(found))


# --- (d): the source is replaced while an upload is open --------------------------------------------------------------


@pytest.mark.parametrize("etags", [("one", "two"), (None, None), ("one", None), (None, "two"), ("W/one", "W/two")])
def test_a_source_that_is_replaced_by_one_of_the_same_size_while_an_upload_is_open(
    world: World, etags: tuple[str | None, str | None]
) -> None:
    world.put(edition(LARGE))
    world.fail(under_etag(etags[0]))
    found = world.discover()
    begin(world, found)
    world.put(edition(LARGE, number=2))
    world.fail(under_etag(etags[1]))

    assert_archived_is_todays(world, world.archive(found))


def test_the_same_source_under_another_etag_is_gone_on_with_and_nothing_is_sent_twice(world: World) -> None:
    world.put(edition(LARGE))
    world.fail(under_etag("one"))
    found = world.discover()
    begin(world, found)
    world.fail(under_etag("two"))

    result = world.archive(found)

    assert_archived_is_todays(world, result)
    assert len(world.s3.parts_sent()) == len(set(world.s3.parts_sent()))
    assert world.s3.count("CreateMultipartUpload") == 1
    assert [file.source_etag for file in result.files] == ["two"]


# --- (e): the source is replaced after one of its chapters was archived -----------------------------------------------


def archive_first_chapter(world: World, *sizes: int, etag: str | None = "one") -> Discovery:
    """An attempt after which chapter 1 is recorded, and chapter 2 is not there yet."""
    world.put(edition(*sizes))
    found = world.discover()
    world.fail(Fault(FaultName.FEWER_SOURCES), under_etag(etag))
    with pytest.raises(IncompleteSourceError):
        world.archive(found)
    world.gopro.admin.clear_requests()
    return found


def reads_of_chapter_1(world: World) -> int:
    return sum(request.item_number == 1 for request in world.gopro.admin.requests(Endpoint.CDN))


@pytest.mark.parametrize("etags", [("one", "two"), (None, None), ("one", None), (None, "two")])
def test_a_source_that_is_replaced_after_its_first_chapter_was_archived(
    world: World, etags: tuple[str | None, str | None]
) -> None:
    found = archive_first_chapter(world, LARGE, SMALL, etag=etags[0])
    older = world.s3.objects[KEY]
    world.put(edition(LARGE, SMALL, number=2))
    world.fail(under_etag(etags[1]))

    result = world.archive(found)

    assert_archived_is_todays(world, result)
    assert [file.s3_key for file in result.files] == [OTHER_KEY, "gopro-videos/2026/05/GX020456.MP4"]
    assert world.s3.objects[KEY] is older, "what is archived is never touched"


@pytest.mark.parametrize("size", [SMALL - 1, SMALL + 1, LARGE])
def test_an_archived_chapter_of_another_size_is_copied_anew_whatever_its_etag_says(world: World, size: int) -> None:
    found = archive_first_chapter(world, SMALL, SMALL)
    world.put(edition(size, SMALL, number=2))
    world.fail(under_etag("one"))

    assert_archived_is_todays(world, world.archive(replace(found, videos=world.discover().videos)))


def test_an_archived_chapter_that_is_still_the_source_s_costs_one_request(world: World) -> None:
    found = archive_first_chapter(world, LARGE, SMALL)
    world.fail(under_etag("one"))

    assert_archived_is_todays(world, world.archive(found))
    assert (reads_of_chapter_1(world), world.s3.count("GetObject", 206)) == (1, 0)


def test_an_archived_chapter_under_another_etag_is_kept_if_its_bytes_are_the_same(world: World) -> None:
    found = archive_first_chapter(world, LARGE, SMALL)
    world.fail(under_etag("two"))

    result = world.archive(found)

    assert_archived_is_todays(world, result)
    assert (result.bytes_sent, result.files[0].source_etag) == (SMALL, "two")
    assert reads_of_chapter_1(world) == 2, "the probe and one piece"


@pytest.mark.parametrize("number", [1, 2])
def test_an_archived_chapter_that_has_sunk_into_an_archive_class_is_compared_by_its_checksum(
    world: World, number: int
) -> None:
    found = archive_first_chapter(world, LARGE, SMALL)
    world.put(edition(LARGE, SMALL, number=number))
    world.fail(under_etag("two"))
    world.s3.faults = [S3Fault(operation="GetObject", status=403, code="InvalidObjectState", count=99)]

    result = world.archive(found)

    assert_archived_is_todays(world, result)
    assert result.bytes_sent == (SMALL if number == 1 else LARGE + SMALL)


def test_what_gopro_has_no_longer_condemns_nothing_that_is_archived(world: World) -> None:
    found = archive_first_chapter(world, LARGE, SMALL)
    world.fail(Fault(FaultName.NOT_FOUND, endpoint=Endpoint.CDN, item_number=1))

    assert_archived_is_todays(world, world.archive(found))


def test_an_archived_chapter_that_cannot_be_asked_for_now_is_asked_for_in_the_next_try_and_kept_after_the_last(
    world: World,
) -> None:
    found = archive_first_chapter(world, LARGE, SMALL)
    world.fail(Fault(FaultName.SERVER_ERROR, endpoint=Endpoint.CDN, item_number=1))
    with pytest.raises(NetworkError):
        world.archive(found, is_last_try=False)
    assert world.record()["status"] == "IN_PROGRESS"

    assert_archived_is_todays(world, world.archive(found))


def test_a_comparison_that_takes_longer_than_an_invocation_keeps_no_other_chapter_from_being_archived(
    world: World,
) -> None:
    found = archive_first_chapter(world, LARGE, SMALL)
    world.fail(under_etag("two"))
    world.s3.faults = [S3Fault(operation="GetObject", status=403, code="InvalidObjectState", count=99)]
    world.seconds_left = lambda: 900.0 if world.s3.count("GetObject", 403) == 0 else 29.0

    with pytest.raises(NetworkError):
        world.archive(found, is_last_try=False)
    assert [file["M"]["item_number"]["N"] for file in world.record()["files"]] == ["1", "2"]
    world.s3.requests.clear()

    result = world.archive(found)

    assert_archived_is_todays(world, result)
    assert result.bytes_sent == 0


def test_a_copy_in_the_place_of_an_older_edition_is_gone_on_with(world: World) -> None:
    found = archive_first_chapter(world, LARGE, SMALL)
    world.put(edition(LARGE, SMALL, number=2))
    world.fail(under_etag("two"))
    sent_before = len(world.s3.parts_sent())
    begin(world, found)

    assert_archived_is_todays(world, world.archive(found))
    sent = world.s3.parts_sent()[sent_before:]
    assert len(sent) == len(set(sent))


def test_a_source_that_is_another_one_each_time_fills_no_bucket(world: World) -> None:
    found = archive_first_chapter(world, SMALL, SMALL)
    for number in range(2, 5):
        world.put(edition(SMALL, SMALL, number=number))
        world.fail(Fault(FaultName.FEWER_SOURCES), under_etag(f"edition-{number}"))
        with pytest.raises(IncompleteSourceError):
            world.archive(found)
    kept = set(world.s3.objects)
    world.put(edition(SMALL, SMALL, number=5))
    world.fail(Fault(FaultName.FEWER_SOURCES), under_etag("edition-5"))

    with pytest.raises(KeyConflictError, match="Chapter 1: GoPro has replaced chapter 1 again and again"):
        world.archive(found)
    world.fail(under_etag("edition-5"))
    with pytest.raises(KeyConflictError, match="its older edition is archived"):
        world.archive(found)

    assert set(world.s3.objects) == kept | {"gopro-videos/2026/05/GX020456.MP4"}
    assert len(kept) == 4


# --- a file that no later invocation can go on with -------------------------------------------------------------------


def test_a_file_without_an_etag_that_one_invocation_is_not_enough_for_is_not_begun_for_ever(world: World) -> None:
    world.put(edition(LARGE))
    world.fail(NO_ETAG)
    found = world.discover()
    until_parts_sent(world, 1)

    with pytest.raises(NotResumableError, match=r"no ETag .* copied only \d+ bytes") as raised:
        world.archive(found)

    assert "MemoryMegabytes" in str(raised.value)
    assert world.s3.uploads == {}
    world.seconds_left = lambda: 900.0
    assert_archived_is_todays(world, world.archive(found))


@pytest.mark.parametrize("stop", ["key_is_taken", "object_is_damaged"])
def test_a_fresh_start_that_this_invocation_has_no_time_for_is_made_by_the_next(world: World, stop: str) -> None:
    world.put(edition(LARGE))
    found = world.discover()
    if stop == "key_is_taken":
        world.s3.objects[KEY] = S3Object(data=b"x", size_bytes=1, crc64nvme="AAAAAAAAAAA=", headers={})
    else:
        world.s3.objects = SpoiltLater(1)

    def completion_was_asked_for() -> bool:
        return any(request.operation == "CompleteMultipartUpload" for request in world.s3.requests)

    world.seconds_left = lambda: 29.0 if completion_was_asked_for() else 900.0

    first = world.archive(found)
    world.seconds_left = lambda: 900.0

    assert first.status is VideoStatus.IN_PROGRESS
    assert_archived_is_todays(world, world.archive(found))


def test_a_file_without_an_etag_that_the_end_of_the_run_interrupts_is_left_to_the_next_run(world: World) -> None:
    world.put(edition(LARGE))
    world.fail(NO_ETAG)
    found = world.discover()
    until_parts_sent(world, 1)
    given = world.seconds_left

    def passing() -> float:
        world.now = found_at if given() > 29.0 else found_at + timedelta(seconds=880)
        return 900.0

    found_at = world.now
    world.seconds_left = passing
    result = world.archive(found, deadline=found_at + timedelta(seconds=900))

    assert (result.status, world.s3.uploads) == (VideoStatus.DEFERRED, {})


def test_a_file_without_an_etag_that_came_after_another_one_gets_an_invocation_of_its_own(world: World) -> None:
    world.put(edition(SMALL, LARGE))
    world.fail(NO_ETAG)
    found = world.discover()
    until_parts_sent(world, 1)

    first = world.archive(found)
    world.seconds_left = lambda: 900.0

    assert first.status is VideoStatus.IN_PROGRESS
    assert_archived_is_todays(world, world.archive(found))


def test_a_file_that_never_comes_to_its_end_keeps_no_other_from_being_archived(world: World) -> None:
    world.put(edition(LARGE, SMALL))
    world.fail(NO_ETAG)
    found = world.discover()
    until_parts_sent(world, 1)
    with pytest.raises(NotResumableError):
        world.archive(found)
    until_parts_sent(world, 1)

    assert world.archive(found).status is VideoStatus.IN_PROGRESS
    assert [file["M"]["item_number"]["N"] for file in world.record()["files"]] == ["2"]
