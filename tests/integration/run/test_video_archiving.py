"""One video, all its chapters: real client, tracker and engine between the simulator, moto and a strict S3."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
import urllib3

from gopro_sync.archive.bucket_writer import BucketWriter, storage_pool
from gopro_sync.archive.engine import TransferEngine, TransferRules
from gopro_sync.archive.net.connections import SourceConnections
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.archive.proof import identity_in
from gopro_sync.archive.second_object import SECOND_KEY
from gopro_sync.archive.source import source_pool
from gopro_sync.archive.surroundings import Surroundings
from gopro_sync.errors import (
    AccessDeniedError,
    ConfigurationError,
    GoProApiChangedError,
    GoProSyncError,
    GoProUnavailableError,
    IncompleteSourceError,
    IntegrityError,
    ItemRefusedError,
    ItemUnreadableError,
    MediaGoneError,
    NetworkError,
    ObjectRefusedError,
    RequestRefusedError,
    SessionRefusedError,
    SourceLostError,
    SourceMissingError,
    SourceResponseError,
    StorageError,
    ThrottledError,
)
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.http import RetryPolicy, open_http_client
from gopro_sync.gopro.library.download import Offer
from gopro_sync.gopro.session.session import Session
from gopro_sync.run.discovery import Discovery, discover
from gopro_sync.run.source_etags import LibraryEtags
from gopro_sync.run.video import Invocation, VideoResult, VideoStatus, VideoTransfer
from gopro_sync.table.request_budget import GATE_KEY, SharedGate
from gopro_sync.table.source_etags import SourceEtagRecord
from gopro_sync.table.tracker import Status, Tracker
from gopro_sync.values.file_id import FileId
from gopro_sync.values.timestamps import now_utc
from local.s3_server import S3Fault
from local.simulator import Fault, Library, SimulatedItem, Simulator, SourceFile
from local.simulator.faults import Endpoint, FaultName
from tests.support.crews import WaitlessCrew
from tests.support.s3_server import TransferS3
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "gopro-sync-tracker"
MIB = 1024 * 1024
# Multipart from 20 MiB on, so that no test needs 100 MB.
LIMITS = PartLimits(multipart_threshold_bytes=20 * MIB)
LARGE = 20 * MIB + 1234
HUGE = 101 * 1000 * 1000  # just over the threshold of real transfers


@dataclass(kw_only=True)
class World:
    """Everything around the use case, on loopback; the waits take no time."""

    gopro: Simulator
    s3: TransferS3
    dynamodb: DynamoDBClient
    http: httpx.Client
    source_http: SourceConnections
    storage_http: urllib3.PoolManager
    now: datetime = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
    seconds_left: Callable[[], float] = lambda: 900.0
    waits: list[float] = field(default_factory=list)
    workers: int = 4
    limits: PartLimits = LIMITS
    verifies_etags: bool = False

    @property
    def etag_record(self) -> SourceEtagRecord:
        return SourceEtagRecord(self.dynamodb, TABLE, clock=lambda: self.now)

    @property
    def tracker(self) -> Tracker:
        return Tracker(self.dynamodb, TABLE, clock=lambda: self.now, sleep=self.waits.append)

    def gate(self, requests_per_minute: int = 1000, run: str | None = None) -> SharedGate:
        return SharedGate(
            self.dynamodb,
            TABLE,
            requests_per_minute=requests_per_minute,
            clock=lambda: self.now,
            jitter=lambda: 0.0,
            run=run,
        )

    def client(self, gate: SharedGate | None = None) -> GoProClient:
        return GoProClient(
            self.http,
            Session(auth_token=self.gopro.credential["auth_token"]),
            base_url=self.gopro.api_url,
            gate=gate,
            retry_policy=RetryPolicy(attempts=2),
            sleep=self.waits.append,
        )

    def put(self, *items: SimulatedItem) -> None:
        self.gopro.admin.put_library(Library(list(items)))

    def fail(self, *faults: Fault) -> None:
        self.gopro.admin.set_faults(*faults)

    def discover(self, owner: str = "run-1", max_videos: int = 1000) -> Discovery:
        return discover(self.client(), self.tracker, owner=owner, max_videos=max_videos, now=self.now)

    def archive(
        self,
        found: Discovery,
        owner: str = "run-1",
        deadline: datetime | None = None,
        *,
        is_last_try: bool = True,
    ) -> VideoResult:
        (video,) = found.videos
        engine = TransferEngine(
            writer=BucketWriter(s3=self.s3.client, http=self.storage_http, bucket="archive"),
            source_http=self.source_http,
            rules=TransferRules(limits=self.limits, workers=self.workers, verify_source_etag=self.verifies_etags),
            surroundings=Surroundings(
                clock=time.monotonic,
                wall_clock=now_utc,
                random=lambda: 0.5,
                crew=lambda count: WaitlessCrew(count, self.waits.append),
            ),
        )
        gate = self.gate(run=owner)
        transfer = VideoTransfer(
            client=self.client(gate),
            gate=gate,
            tracker=self.tracker,
            engine=engine,
            clock=lambda: self.now,
            invocation=Invocation(
                owner=owner, deadline=deadline, seconds_left=self.seconds_left, is_last_try=is_last_try
            ),
            etags=LibraryEtags(self.etag_record, run=owner, environment="test") if self.verifies_etags else None,
        )
        return transfer.archive(video)

    def record(self) -> dict[str, Any]:
        (item,) = [item for item in self.dynamodb.scan(TableName=TABLE)["Items"] if item["media_id"] != {"S": GATE_KEY}]
        return {name: next(iter(value.values())) for name, value in item.items()}

    def assert_archived_whole(self) -> None:
        """Every chapter is one object with the source's bytes, nothing is left open, and the tracker says so."""
        digests = sorted(hashlib.sha256(found.data).hexdigest() for found in self.s3.objects.values())
        assert digests == sorted(source.sha256 for source in self.gopro.admin.sources())
        assert self.s3.uploads == {}
        assert self.record()["status"] == "COMPLETED"


@contextmanager
def worlds() -> Iterator[World]:
    """One world, for as long as it is needed."""
    with Simulator() as gopro, TransferS3() as s3, tracker_table(TABLE) as dynamodb, open_http_client() as http:
        source_http, storage_http = source_pool(workers=4, allows_internal_addresses=True), storage_pool(workers=4)
        yield World(
            gopro=gopro, s3=s3, dynamodb=dynamodb, http=http, source_http=source_http, storage_http=storage_http
        )
        source_http.clear()
        storage_http.clear()
        s3.client.close()


@pytest.fixture
def world() -> Iterator[World]:
    with worlds() as world:
        yield world


def recording(*sizes: int, media_id: str = "m1", **fields: Any) -> SimulatedItem:
    return SimulatedItem(
        media_id=media_id,
        filename="GX010456.MP4",
        created_at="2026-05-01T18:02:44Z",
        chapters=tuple(SourceFile(size_bytes=size, seed=f"{media_id}/{number}") for number, size in enumerate(sizes)),
        **fields,
    )


def test_all_chapters_arrive_each_under_its_camera_name(world: World) -> None:
    world.put(recording(MIB, LARGE, 3))

    result = world.archive(world.discover())

    assert result.status is VideoStatus.COMPLETED
    assert result.bytes_archived == result.bytes_sent == MIB + LARGE + 3
    assert sorted(world.s3.objects) == [f"gopro-videos/2026/05/GX0{n}0456.MP4" for n in (1, 2, 3)]
    world.assert_archived_whole()


def test_a_second_call_for_an_archived_video_sends_nothing(world: World) -> None:
    world.put(recording(MIB))
    found = world.discover()
    world.archive(found)

    again = world.archive(found, owner="run-2")

    assert again.status is VideoStatus.COMPLETED
    assert (again.bytes_sent, again.bytes_archived) == (0, 0)
    assert world.s3.count("PutObject") == 1
    assert world.discover().already_synced == 1


def test_a_video_that_does_not_fit_into_one_call_is_gone_on_with_and_no_part_is_sent_twice(world: World) -> None:
    world.limits = PartLimits()
    world.put(recording(MIB, HUGE))
    found = world.discover()
    # Each question for the time costs a second, and there is one a block: it runs out in the second chapter.
    world.workers = 1
    left = iter(range(180, -100, -1))
    world.seconds_left = lambda: float(next(left))

    first = world.archive(found)
    world.seconds_left = lambda: 900.0
    second = world.archive(found)

    assert first.status is VideoStatus.IN_PROGRESS
    assert 0 < first.bytes_sent < MIB + HUGE
    assert second.status is VideoStatus.COMPLETED
    assert second.bytes_archived == MIB + HUGE
    assert len(world.s3.parts_sent()) == len(set(world.s3.parts_sent()))
    assert world.s3.count("CreateMultipartUpload") == 1
    assert world.s3.count("PutObject") == 1
    world.assert_archived_whole()


def test_a_function_that_died_is_gone_on_with_by_the_same_run(world: World) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    world.s3.faults = [S3Fault(operation="UploadPart", skip=1, count=100)]
    with pytest.raises(StorageError):
        world.archive(found)
    world.s3.faults = []
    before = len(world.s3.parts_sent())

    result = world.archive(found)

    assert before > 0
    assert result.status is VideoStatus.COMPLETED
    assert len(world.s3.parts_sent()) == len(set(world.s3.parts_sent()))
    world.assert_archived_whole()


def test_a_death_between_completion_and_record_makes_no_second_object(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put(recording(LARGE))
    found = world.discover()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "complete", die)
        with pytest.raises(KeyboardInterrupt):
            world.archive(found)
    sent = len(world.s3.parts_sent())

    result = world.archive(found)

    assert result.status is VideoStatus.COMPLETED
    assert len(world.s3.parts_sent()) == sent
    world.assert_archived_whole()


@pytest.mark.parametrize("key", [None, {"NULL": True}, {"S": ""}])
def test_a_video_whose_record_has_lost_its_key_gets_one_and_is_archived(
    world: World, key: dict[str, Any] | None
) -> None:
    world.put(recording(MIB))
    world.dynamodb.put_item(
        TableName=TABLE,
        Item={"media_id": {"S": "m1"}, "status": {"S": "PENDING"}, **({} if key is None else {"s3_key": key})},
    )

    result = world.archive(world.discover())

    assert result.files[0].s3_key == "gopro-videos/2026/05/GX010456.MP4"
    world.assert_archived_whole()


def test_another_run_leaves_a_leased_video_alone_and_takes_it_when_the_lease_is_over(world: World) -> None:
    world.put(recording(MIB))
    found = world.discover()
    world.tracker.claim("m1", owner="run-1", lease=timedelta(minutes=16))

    held = world.archive(found, owner="run-2")
    elsewhere = world.discover(owner="run-2")
    world.now += timedelta(minutes=17)
    taken = world.archive(world.discover(owner="run-2"), owner="run-2")

    assert held.status is VideoStatus.DEFERRED
    assert (held.reason, held.is_another_runs) == ("another run is at work on it", True)
    assert (elsewhere.videos, elsewhere.remaining) == ((), 1)
    assert taken.status is VideoStatus.COMPLETED
    world.assert_archived_whole()


def test_of_two_runs_that_found_a_video_one_has_archived_it(world: World) -> None:
    world.put(recording(MIB))
    found = world.discover()

    archived = world.archive(found, owner="run-1")
    elsewhere = world.archive(found, owner="run-2")
    repeated = world.archive(found, owner="run-1")

    assert {archived.status, elsewhere.status, repeated.status} == {VideoStatus.COMPLETED}
    assert [result.is_another_runs for result in (archived, elsewhere, repeated)] == [False, True, False]
    assert [result.bytes_archived for result in (archived, elsewhere, repeated)] == [MIB, 0, MIB]


def test_a_video_is_left_to_the_next_run_when_this_one_is_over(world: World) -> None:
    world.put(recording(MIB))

    result = world.archive(world.discover(), deadline=world.now + timedelta(seconds=10))

    assert result.status is VideoStatus.DEFERRED
    assert world.record()["status"] == "PENDING"
    assert world.s3.requests == []


def test_a_video_in_the_middle_when_the_run_ends_is_released_for_the_next_one(world: World) -> None:
    world.limits = PartLimits()
    world.put(recording(HUGE))
    found = world.discover()
    deadline = world.now + timedelta(seconds=180)
    world.workers = 1

    def passing() -> float:
        world.now += timedelta(seconds=1)
        return 900.0

    world.seconds_left = passing
    first = world.archive(found, deadline=deadline)
    world.seconds_left = lambda: 900.0
    second = world.archive(world.discover(owner="run-2"), owner="run-2")

    assert first.status is VideoStatus.DEFERRED
    assert first.bytes_sent > 0
    assert second.status is VideoStatus.COMPLETED
    assert len(world.s3.parts_sent()) == len(set(world.s3.parts_sent()))
    world.assert_archived_whole()


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (Fault(FaultName.MISSING_SOURCE), SourceMissingError, "no camera original"),
        (Fault(FaultName.UNAVAILABLE_SOURCE), SourceMissingError, "0 of 2"),
        (Fault(FaultName.NOT_FOUND, endpoint=Endpoint.DOWNLOAD), MediaGoneError, "m1"),
    ],
)
def test_a_video_without_all_its_originals_is_an_error_and_nothing_else_is_taken_instead(
    world: World, fault: Fault, error: type[GoProSyncError], says: str
) -> None:
    world.put(recording(MIB, MIB))
    found = world.discover()
    world.fail(fault)

    with pytest.raises(error, match=says):
        world.archive(found)

    assert world.s3.objects == {}
    assert world.record()["status"] == "IN_PROGRESS"


def test_what_gopro_offers_of_an_incomplete_video_is_archived_and_kept_and_the_rest_comes_later(world: World) -> None:
    world.put(recording(MIB, 2 * MIB))
    found = world.discover()
    world.fail(Fault(FaultName.FEWER_SOURCES))

    with pytest.raises(IncompleteSourceError, match=f"archived: {MIB} of {3 * MIB} bytes, chapters 1 of 2"):
        world.archive(found)

    record = world.record()
    assert (record["status"], record["file_size"]) == ("IN_PROGRESS", str(3 * MIB)), "the state machine marks it"
    assert [file["M"]["item_number"]["N"] for file in record["files"]] == ["1"]
    world.fail()
    sent_before = len(world.s3.objects)
    assert world.archive(world.discover()).bytes_sent == 2 * MIB
    assert (sent_before, len(world.s3.objects)) == (1, 2)
    world.assert_archived_whole()


@pytest.mark.parametrize("stated", [4 * MIB, MIB + MIB // 50])
def test_a_video_with_fewer_bytes_than_gopro_lists_is_not_called_archived(world: World, stated: int) -> None:
    world.put(recording(MIB, row_overrides={"file_size": stated}))

    with pytest.raises(IncompleteSourceError, match=f"{MIB} of {stated} bytes, chapters 1 of 1") as caught:
        world.archive(world.discover())

    assert "./gopro-sync accept ID" in str(caught.value)
    assert (world.record()["status"], world.record()["file_size"]) == ("IN_PROGRESS", str(stated))
    assert len(world.s3.objects) == 1, "what came is kept"


@pytest.mark.parametrize("stated", [MIB + 3072, MIB - 3072, 0])
def test_a_listed_size_that_is_some_kilobytes_off_or_none_condemns_no_video(world: World, stated: int) -> None:
    world.put(recording(MIB, row_overrides={"file_size": stated}))

    assert world.archive(world.discover()).status is VideoStatus.COMPLETED


@pytest.mark.parametrize("media_type", ["TimeLapseVideo", "BurstVideo", "Continuous"])
def test_a_count_of_frames_is_no_count_of_chapters(world: World, media_type: str) -> None:
    world.put(recording(MIB, row_overrides={"type": media_type, "item_count": 480}))

    assert world.archive(world.discover()).status is VideoStatus.COMPLETED


def test_a_chapter_that_the_cdn_lacks_keeps_no_other_from_being_archived(world: World) -> None:
    world.put(recording(MIB, 2 * MIB, 3 * MIB))
    found = world.discover()
    world.fail(Fault(FaultName.NOT_FOUND, endpoint=Endpoint.CDN, skip=2, count=1))

    with pytest.raises(SourceLostError, match=r"Chapter 2: .*archived: .* chapters 2 of 3"):
        world.archive(found)

    assert [file["M"]["item_number"]["N"] for file in world.record()["files"]] == ["1", "3"]
    world.fail()
    assert world.archive(world.discover()).bytes_sent == 2 * MIB
    world.assert_archived_whole()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultName.SERVER_ERROR), NetworkError),
        (Fault(FaultName.SERVER_ERROR, status=400), SourceResponseError),
        (Fault(FaultName.HTML_PAGE), SourceResponseError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_chapter_that_the_cdn_never_gives_keeps_no_other_from_being_archived_after_the_last_try(
    world: World, fault: Fault, error: type[GoProSyncError]
) -> None:
    world.put(recording(MIB, 2 * MIB))
    found = world.discover()
    world.fail(replace(fault, endpoint=Endpoint.CDN, item_number=1))
    with pytest.raises(error):
        world.archive(found, is_last_try=False)
    assert world.s3.objects == {}, "time may mend it"
    world.now += timedelta(hours=1)  # a pause for all, if there was one, is over

    with pytest.raises(error, match=r"Chapter 1: .*archived: .* chapters 1 of 2"):
        world.archive(found)

    assert [file["M"]["item_number"]["N"] for file in world.record()["files"]] == ["2"]
    world.fail()
    world.now += timedelta(hours=1)
    assert world.archive(found).bytes_sent == MIB
    world.assert_archived_whole()


def test_a_chapter_that_takes_all_the_time_ends_as_an_error_and_not_as_a_pause_for_ever(world: World) -> None:
    world.put(recording(MIB, 2 * MIB))
    found = world.discover()
    world.seconds_left = lambda: 900.0 if not world.gopro.admin.requests(Endpoint.CDN) else 29.0
    world.fail(Fault(FaultName.SERVER_ERROR, endpoint=Endpoint.CDN, item_number=1))

    with pytest.raises(NetworkError):
        world.archive(found)


def test_an_address_that_is_none_keeps_no_other_chapter_from_being_archived(world: World) -> None:
    world.put(recording(MIB, 2 * MIB))
    found = world.discover()
    with pytest.MonkeyPatch.context() as patch:
        given = Offer.urls
        patch.setattr(Offer, "urls", lambda offer: given(offer) | {FileId(item_number=1): "ftp://cdn.example/1.mp4"})
        with pytest.raises(GoProApiChangedError, match=r"Chapter 1: .*archived: .* chapters 1 of 2"):
            world.archive(found)

    assert [file["M"]["item_number"]["N"] for file in world.record()["files"]] == ["2"]


@pytest.mark.parametrize("item_count", [1, 2])
def test_each_lens_of_a_fusion_is_archived_under_the_name_that_the_camera_gave_it(
    world: World, item_count: int
) -> None:
    fusion = recording(MIB, LARGE, lenses=("front", "back"), row_overrides={"item_count": item_count})
    world.put(replace(fusion, filename="GPFR0123.MP4"))

    result = world.archive(world.discover())

    assert result.status is VideoStatus.COMPLETED
    assert [(file.lens, file.s3_key, file.size_bytes) for file in result.files] == [
        ("front", "gopro-videos/2026/05/GPFR0123.MP4", MIB),
        ("back", "gopro-videos/2026/05/GPBK0123.MP4", LARGE),
    ]
    assert [
        identity.lens
        for key in sorted(world.s3.objects)
        if (identity := identity_in(world.s3.objects[key].metadata)) is not None
    ] == ["back", "front"]
    world.assert_archived_whole()
    assert world.tracker.get_many(["m1"])["m1"].files == result.files


@pytest.mark.parametrize(
    ("name", "stored_as", "content_type"),
    [
        ("GS010012.360", "GS010012.360", "application/octet-stream"),
        ("IMG_0001.mov", "IMG_0001.mov", "video/quicktime"),
        ("Surf day", "Surf day.MP4", "video/mp4"),
    ],
)
def test_the_name_and_the_content_type_of_an_object_are_those_of_its_kind_of_file(
    world: World, name: str, stored_as: str, content_type: str
) -> None:
    world.put(replace(recording(1234), filename=name))
    world.archive(world.discover())
    ((key, stored),) = world.s3.objects.items()
    assert (key.rpartition("/")[2], stored.headers["content-type"]) == (stored_as, content_type)


@pytest.mark.parametrize("said", [{}, {"x-amz-meta-camera-position": "front"}], ids=["lens not said", "another lens"])
def test_an_object_of_the_same_bytes_is_the_lens_that_it_says_or_that_nobody_said(
    world: World, said: dict[str, str]
) -> None:
    world.put(recording(MIB, 2 * MIB, lenses=("front", "back")))
    world.archive(world.discover())
    back = world.s3.objects["gopro-videos/2026/05/GX010456_back.MP4"]
    del back.headers["x-amz-meta-camera-position"]
    back.headers.update(said)
    world.dynamodb.delete_item(TableName=TABLE, Key={"media_id": {"S": "m1"}})

    result = world.archive(world.discover())

    assert [file.lens for file in result.files] == ["front", "back"]
    other = [] if not said else ["GX010456_back_m1.MP4"]
    names = [key.rpartition("/")[2] for key in world.s3.objects]
    assert sorted(names) == sorted(["GX010456.MP4", "GX010456_back.MP4", *other])


def test_a_lens_that_the_cdn_lacks_is_named_and_fetched_once_it_is_there(world: World) -> None:
    world.put(recording(MIB, 2 * MIB, 3 * MIB, LARGE, lenses=("front", "back"), row_overrides={"item_count": 2}))
    found = world.discover()
    world.fail(Fault(FaultName.NOT_FOUND, endpoint=Endpoint.CDN, skip=4, count=1))

    with pytest.raises(SourceLostError, match=r"Chapter 2, lens front: .*archived: .* files 3 of 4"):
        world.archive(found)

    world.fail()
    result = world.archive(world.discover())
    assert (result.status, result.bytes_sent) == (VideoStatus.COMPLETED, 3 * MIB)
    assert [file.s3_key.rpartition("/")[2] for file in result.files] == [
        "GX010456.MP4",
        "GX010456_back.MP4",
        "GX020456.MP4",
        "GX020456_back.MP4",
    ]
    world.assert_archived_whole()


def test_an_only_lens_keeps_the_plain_name_and_another_one_that_comes_later_gets_its_own(world: World) -> None:
    listed = {"file_size": 3 * MIB, "item_count": 1}
    world.put(recording(MIB, lenses=("back",), row_overrides=listed))
    with pytest.raises(IncompleteSourceError):
        world.archive(world.discover())
    world.put(recording(MIB, 2 * MIB, lenses=("back", "front"), row_overrides=listed))

    result = world.archive(world.discover())

    assert (result.status, result.bytes_sent) == (VideoStatus.COMPLETED, 2 * MIB)
    assert {file.lens: file.s3_key.rpartition("/")[2] for file in result.files} == {
        "front": "GX010456_front.MP4",
        "back": "GX010456.MP4",
    }
    world.assert_archived_whole()


def test_an_upload_of_one_lens_is_gone_on_with_for_this_lens_only(world: World) -> None:
    world.put(recording(LARGE, LARGE, lenses=("front", "back"), row_overrides={"item_count": 1}))
    found = world.discover()
    world.s3.faults = [S3Fault(operation="UploadPart", skip=1, count=100)]
    with pytest.raises(StorageError):
        world.archive(found)
    world.s3.faults = []

    assert world.archive(found).status is VideoStatus.COMPLETED
    assert world.s3.count("CreateMultipartUpload") == 2
    assert len(world.s3.parts_sent()) == 2 * len(set(world.s3.parts_sent())), "two lenses of as many parts"
    world.assert_archived_whole()


def test_what_was_archived_before_lenses_were_recorded_is_not_copied_again(world: World) -> None:
    world.put(recording(MIB, row_overrides={"file_size": 3 * MIB, "item_count": 2}))
    with pytest.raises(IncompleteSourceError):
        world.archive(world.discover())
    grown = recording(MIB, 2 * MIB, lenses=("front",), row_overrides={"item_count": 2})
    world.put(grown)

    result = world.archive(world.discover())

    assert (result.status, result.bytes_sent) == (VideoStatus.COMPLETED, 2 * MIB)
    assert [(file.item_number, file.lens) for file in result.files] == [(1, "front"), (2, "front")]
    assert sorted(world.s3.objects) == [f"gopro-videos/2026/05/GX0{n}0456.MP4" for n in (1, 2)]


def test_a_chapter_that_was_copied_short_is_copied_again_once_gopro_has_more_of_it(world: World) -> None:
    listed = {"file_size": LARGE}
    world.put(recording(MIB, row_overrides=listed))
    with pytest.raises(IncompleteSourceError):
        world.archive(world.discover())
    with pytest.raises(IncompleteSourceError):
        world.archive(world.discover())
    assert world.s3.count("PutObject") == 1, "as long as GoPro has no more, nothing is copied again"
    world.put(recording(LARGE, row_overrides=listed))

    result = world.archive(world.discover())

    assert (result.status, result.bytes_sent) == (VideoStatus.COMPLETED, LARGE)
    (file,) = result.files
    assert (file.size_bytes, file.s3_key) == (LARGE, "gopro-videos/2026/05/GX010456_m1.MP4")
    assert len(world.s3.objects["gopro-videos/2026/05/GX010456.MP4"].data) == MIB, "nothing is written over"
    assert world.record()["s3_key"] == file.s3_key
    assert (len(world.s3.parts_sent()), world.s3.uploads) == (len(set(world.s3.parts_sent())), {})


def test_a_copy_in_the_place_of_a_short_one_is_gone_on_with(world: World) -> None:
    listed = {"file_size": LARGE}
    world.put(recording(MIB, row_overrides=listed))
    with pytest.raises(IncompleteSourceError):
        world.archive(world.discover())
    world.put(recording(LARGE, row_overrides=listed))
    world.s3.faults = [S3Fault(operation="UploadPart", skip=1, count=100)]
    with pytest.raises(StorageError):
        world.archive(world.discover())
    assert len(world.record()["files"]) == 1, "the short one is kept until there is a better one"
    world.s3.faults = []

    assert world.archive(world.discover()).status is VideoStatus.COMPLETED
    assert len(world.s3.parts_sent()) == len(set(world.s3.parts_sent()))
    assert world.s3.count("CreateMultipartUpload") == 1


def test_the_chapter_whose_upload_is_under_way_comes_first_so_that_none_of_its_parts_is_sent_twice(
    world: World,
) -> None:
    world.put(recording(LARGE, LARGE + 1))
    found = world.discover()
    world.fail(Fault(FaultName.NOT_FOUND, endpoint=Endpoint.CDN, count=1))
    world.s3.faults = [S3Fault(operation="UploadPart", skip=1, count=100)]
    with pytest.raises(StorageError):
        world.archive(found)  # chapter 1 is not there, chapter 2 is begun
    world.fail()
    world.s3.faults = [S3Fault(operation="CompleteMultipartUpload", count=100)]
    with pytest.raises(StorageError):
        world.archive(found)
    world.s3.faults = []

    assert world.archive(found).status is VideoStatus.COMPLETED
    assert len(world.s3.parts_sent()) == 2 * len(set(world.s3.parts_sent())), "two chapters of as many parts"
    assert world.s3.count("CreateMultipartUpload") == 2
    world.assert_archived_whole()


@pytest.mark.parametrize("sizes", [(MIB, HUGE), (HUGE, MIB)])
def test_the_upload_of_a_chapter_in_trouble_is_gone_on_with_although_the_others_were_recorded(
    world: World, sizes: tuple[int, int]
) -> None:
    world.limits = PartLimits()
    world.put(recording(*sizes))
    world.workers = 1
    found = world.discover()
    place = sizes.index(HUGE) + 1
    # Its probe and its first part come through, and then the CDN has it no more; that of the other chapter does.
    world.fail(Fault(FaultName.NOT_FOUND, endpoint=Endpoint.CDN, skip=2 * place, count=1))
    with pytest.raises(SourceLostError, match=f"Chapter {place}: "):
        world.archive(found)
    world.fail()

    assert world.archive(found).status is VideoStatus.COMPLETED
    assert len(world.s3.parts_sent()) == len(set(world.s3.parts_sent()))
    assert world.s3.count("CreateMultipartUpload") == 1
    world.assert_archived_whole()


def test_the_upload_of_a_chapter_that_is_not_offered_for_a_while_is_gone_on_with(world: World) -> None:
    world.put(recording(MIB, LARGE))
    found = world.discover()
    world.s3.faults = [S3Fault(operation="UploadPart", skip=1, count=100)]
    with pytest.raises(StorageError):
        world.archive(found)
    world.s3.faults = []
    world.fail(Fault(FaultName.FEWER_SOURCES))
    with pytest.raises(IncompleteSourceError):
        world.archive(found)
    world.fail()

    assert world.archive(found).status is VideoStatus.COMPLETED
    assert len(world.s3.parts_sent()) == len(set(world.s3.parts_sent()))
    world.assert_archived_whole()


def test_a_dead_session_gives_the_lease_back(world: World) -> None:
    world.put(recording(MIB))
    found = world.discover()
    world.fail(Fault(FaultName.DEAD_TOKEN))

    with pytest.raises(SessionRefusedError):
        world.archive(found)

    assert "lease_owner" not in world.record()
    world.fail()
    assert world.archive(world.discover(owner="run-2"), owner="run-2").status is VideoStatus.COMPLETED


FAILED_BEFORE: dict[str, Any] = {
    "media_id": {"S": "m1"},
    "status": {"S": "FAILED"},
    "retry_count": {"N": "2"},
    "error_type": {"S": "SourceMissingError"},
    "error_message": {"S": "GoPro offers 0 of 1 chapters"},
    "next_attempt_after": {"S": "2026-05-20T00:00:00Z"},
}
OF_THE_VIDEO = ("status", "retry_count", "error_type", "error_message", "next_attempt_after", "lease_owner")


def refusing(operation: Any, code: str = "AccessDenied", *, count: int = 99, status: int = 403) -> S3Fault:
    return S3Fault(operation=operation, code=code, status=status, count=count)


@pytest.mark.slow
@pytest.mark.parametrize("failed_before", [False, True])
@pytest.mark.parametrize(
    ("size", "fault", "error"),
    [
        (
            LARGE,
            refusing("CreateMultipartUpload"),
            "AccessDenied: S3 refused CreateMultipartUpload, which needs s3:PutObject",
        ),
        (LARGE, refusing("UploadPart"), "AccessDenied: S3 refused UploadPart, which needs s3:PutObject"),
        (LARGE, refusing("ListMultipartUploads"), "AccessDenied: .* needs s3:ListBucketMultipartUploads"),
        (MIB, refusing("HeadObject"), "AccessDenied: .* needs s3:GetObject, or s3:ListBucket"),
        (
            LARGE,
            refusing("CreateMultipartUpload", "KMS.DisabledException", status=400),
            "S3 cannot use the stack's key",
        ),
        (LARGE, refusing("CreateMultipartUpload", "NoSuchBucket", status=404), "There is no such bucket"),
    ],
)
def test_what_s3_refuses_for_any_object_is_the_runs_trouble_and_the_video_is_as_before(
    world: World, size: int, fault: S3Fault, error: str, failed_before: bool
) -> None:
    world.put(recording(size))
    if failed_before:
        world.dynamodb.put_item(TableName=TABLE, Item=FAILED_BEFORE)
    found = world.discover()
    before = {name: world.record().get(name) for name in OF_THE_VIDEO}
    world.s3.faults = [fault]

    with pytest.raises((AccessDeniedError, ConfigurationError), match=error):
        world.archive(found)

    assert {name: world.record().get(name) for name in OF_THE_VIDEO} == before
    assert all(upload.key != SECOND_KEY for upload in world.s3.uploads.values())
    world.s3.faults = []
    assert world.archive(world.discover(owner="run-2"), owner="run-2").status is VideoStatus.COMPLETED
    world.assert_archived_whole()


def test_an_object_that_s3_refuses_alone_is_its_video_s_own_trouble(world: World) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    world.s3.faults = [refusing("CreateMultipartUpload", count=1)]

    with pytest.raises(ObjectRefusedError, match=r"s3:PutObject.* but S3 takes other objects"):
        world.archive(found)

    assert world.record()["status"] == "IN_PROGRESS", "the state machine marks it"
    assert (world.s3.uploads, world.s3.objects) == ({}, {}), "the second object leaves nothing behind"


@pytest.mark.parametrize(
    ("size", "operation", "code"),
    [
        (LARGE, "CompleteMultipartUpload", "EntityTooSmall"),
        (LARGE, "UploadPart", "InvalidRequest"),
        (MIB, "PutObject", "MalformedXML"),
    ],
)
def test_what_s3_will_never_take_is_asked_for_once_and_condemns_no_other_video(
    world: World, size: int, operation: Any, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.put(recording(size))
    found = world.discover()
    world.s3.faults = [refusing(operation, code, count=1, status=400)]

    with pytest.raises(RequestRefusedError, match=f"{code}.* retrying does not help"):
        world.archive(found)

    reported = [line for line in caplog.records if code in str(getattr(line, "error_message", ""))]
    assert reported == [], "nothing was asked for again"
    assert world.record()["status"] == "IN_PROGRESS", "the state machine marks it"


def test_what_s3_takes_of_no_object_is_the_runs_trouble(world: World) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    world.s3.faults = [refusing("CreateMultipartUpload", "InvalidRequest", status=400)]

    with pytest.raises(ConfigurationError, match=r"InvalidRequest.* refuses other objects as well"):
        world.archive(found)

    assert world.record()["status"] == "PENDING"


def test_a_key_that_is_disabled_for_one_object_alone_stops_no_run(world: World) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    world.s3.faults = [refusing("CreateMultipartUpload", "KMS.DisabledException", count=1, status=400)]

    with pytest.raises(ObjectRefusedError, match="enable it in KMS"):
        world.archive(found)


@pytest.mark.parametrize(
    ("size", "operation"), [(LARGE, "UploadPart"), (LARGE, "CreateMultipartUpload"), (MIB, "HeadObject")]
)
def test_a_403_that_does_not_say_why_is_asked_again_and_denies_in_the_end_only(
    world: World, size: int, operation: Any
) -> None:
    world.put(recording(size))
    found = world.discover()
    world.s3.faults = [refusing(operation, "", count=1)]
    assert world.archive(found).status is VideoStatus.COMPLETED

    world.s3.objects.clear()
    world.dynamodb.delete_item(TableName=TABLE, Key={"media_id": {"S": "m1"}})
    found = world.discover(owner="run-2")
    world.s3.faults = [refusing(operation, "")]
    with pytest.raises(StorageError, match=r"403 without giving a reason.* the role lacks s3:"):
        world.archive(found, owner="run-2", is_last_try=False)
    with pytest.raises(AccessDeniedError, match=r"AccessDenied: S3 refused .* which needs s3:"):
        world.archive(found, owner="run-2")
    assert world.record()["status"] == "PENDING", "true of every video"


def asked_to_wait(world: World, whom: str, retry_after: str) -> None:
    if whom == "S3":
        world.s3.faults = [
            S3Fault(operation="UploadPart", status=503, code="SlowDown", count=1, headers={"Retry-After": retry_after})
        ]
    else:
        world.fail(Fault(FaultName.SERVER_ERROR, endpoint=Endpoint.CDN, status=503, retry_after=retry_after, count=1))


@pytest.mark.parametrize("whom", ["S3", "the CDN"])
def test_a_long_wait_that_is_asked_for_is_waited_for_outside_and_then_it_goes_on(world: World, whom: str) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    asked_to_wait(world, whom, "300")

    waiting = world.archive(found, deadline=world.now + timedelta(seconds=3600))

    assert (waiting.status, waiting.wait_seconds) == (VideoStatus.WAITING, 300)
    assert world.record()["status"] == "PENDING", "no attempt is counted"
    assert max(world.waits, default=0) <= 30
    world.now += timedelta(seconds=300 + 20)  # others that wait for the same server are let in first
    assert world.archive(found).status is VideoStatus.COMPLETED
    assert len(world.s3.parts_sent()) == len(set(world.s3.parts_sent())), "what S3 holds is used"
    world.assert_archived_whole()


def test_a_wait_may_be_asked_for_as_a_date(world: World) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    asked_to_wait(world, "S3", format_datetime(now_utc() + timedelta(seconds=400), usegmt=True))

    waiting = world.archive(found, deadline=world.now + timedelta(seconds=3600))

    assert waiting.status is VideoStatus.WAITING
    assert 390 <= (waiting.wait_seconds or 0) <= 400


@pytest.mark.parametrize("whom", ["S3", "the CDN"])
def test_a_wait_beyond_the_runs_end_leaves_the_video_to_the_next_run(world: World, whom: str) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    asked_to_wait(world, whom, "3600")

    deferred = world.archive(found, deadline=world.now + timedelta(seconds=3600))

    assert deferred.status is VideoStatus.DEFERRED
    assert "is to wait for 3600 seconds, more than the run has" in (deferred.reason or "")
    assert (world.record()["status"], "lease_owner" in world.record()) == ("PENDING", False)


def test_nobody_is_blamed_as_long_as_s3_does_not_answer_for_a_second_object(world: World) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    world.s3.faults = [refusing("CreateMultipartUpload", count=1), S3Fault(operation="UploadPart", count=99)]

    with pytest.raises(StorageError):
        world.archive(found)


def test_what_dynamodb_refuses_is_the_runs_trouble_whatever_s3_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put(recording(LARGE))
    found = world.discover()

    def refuse(*_: object, **__: object) -> None:
        raise AccessDeniedError("AccessDenied: DynamoDB refused UpdateItem")

    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "save_progress", refuse)
        with pytest.raises(AccessDeniedError):
            world.archive(found)

    assert world.record()["status"] == "PENDING"


def test_once_a_run_is_stopped_gopro_is_not_asked_for_its_other_videos(world: World) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    world.s3.faults = [refusing("CreateMultipartUpload")]
    with pytest.raises(AccessDeniedError):
        world.archive(found)
    asked, sent = len(world.gopro.admin.requests()), len(world.s3.requests)

    with pytest.raises(AccessDeniedError, match="CreateMultipartUpload"):
        world.archive(found)

    assert (len(world.gopro.admin.requests()), len(world.s3.requests)) == (asked, sent)
    assert world.record()["status"] == "PENDING"


def test_bytes_that_were_changed_in_s3_are_never_called_archived(world: World) -> None:
    world.put(recording(MIB))
    found = world.discover()
    world.s3.faults = [S3Fault(operation="PutObject", effect="corrupt", count=2)]

    with pytest.raises(IntegrityError):
        world.archive(found)

    assert world.record()["status"] == "IN_PROGRESS"
    assert world.archive(world.discover()).status is VideoStatus.COMPLETED
    archived = world.s3.objects[world.record()["s3_key"]]
    assert hashlib.sha256(archived.data).hexdigest() == world.gopro.admin.sources()[0].sha256


@pytest.mark.parametrize(("owner", "bytes_archived"), [("run-1", MIB), ("run-2", 0)])
def test_a_video_whose_completion_nobody_heard_of_counts_in_the_run_that_completed_it(
    world: World, owner: str, bytes_archived: int
) -> None:
    world.put(recording(MIB))
    found = world.discover()
    world.archive(found)

    again = world.archive(found, owner=owner)

    assert (again.status, again.bytes_archived, again.bytes_sent) == (VideoStatus.COMPLETED, bytes_archived, 0)


def test_a_refused_url_is_renewed_and_no_header_of_ours_reaches_the_cdn(world: World) -> None:
    world.put(recording(LARGE))
    found = world.discover()
    world.fail(Fault(FaultName.EXPIRED, skip=1, count=1))

    assert world.archive(found).status is VideoStatus.COMPLETED

    assert world.gopro.admin.header_leaks() == []
    assert world.gopro.admin.mutations() == []
    world.assert_archived_whole()


def test_the_listing_decides_neither_the_size_nor_the_number_of_chapters(world: World) -> None:
    world.put(recording(MIB, 2 * MIB, row_overrides={"file_size": 17, "item_count": None}))

    result = world.archive(world.discover())

    assert result.bytes_archived == 3 * MIB
    assert len(result.files) == 2
    world.assert_archived_whole()


def test_a_taken_key_is_left_alone_and_the_video_gets_the_key_with_its_id(world: World) -> None:
    world.put(recording(MIB))
    found = world.discover()
    world.s3.client.put_object(
        Bucket="archive",
        Key="gopro-videos/2026/05/GX010456.MP4",
        Body=b"somebody else's",
        ChecksumAlgorithm="CRC64NVME",
    )

    result = world.archive(found)

    assert result.files[0].s3_key == "gopro-videos/2026/05/GX010456_m1.MP4"
    assert result.files[0].s3_etag == world.s3.client.head_object(Bucket="archive", Key=result.files[0].s3_key)["ETag"]
    assert world.record()["s3_key"] == "gopro-videos/2026/05/GX010456_m1.MP4"
    assert world.s3.objects["gopro-videos/2026/05/GX010456.MP4"].data == b"somebody else's"


def test_the_start_names_the_recorded_key_and_the_tag_the_recorded_day_whatever_the_event_says(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.put(recording(MIB))
    found = world.discover()
    (video,) = found.videos
    proposed = (replace(video, s3_key="gopro-videos/1999/01/X.MP4", uploaded_at=None),)

    world.archive(replace(found, videos=proposed))

    (start,) = [vars(record) for record in caplog.records if vars(record).get("event_type") == "video_download_start"]
    assert (start["s3_key"], start["s3_bucket"]) == ("gopro-videos/2026/05/GX010456.MP4", "archive")
    (stored,) = world.s3.objects.values()
    assert "UploadDate=2026-05-01" in stored.headers["x-amz-tagging"]


def test_discovery_records_each_new_video_once_oldest_first(world: World) -> None:
    items = [
        SimulatedItem(
            media_id=f"m{n}",
            filename="GX010001.MP4",
            created_at=f"2026-05-{n:02}T00:00:00Z",
            chapters=(SourceFile(size_bytes=1, seed=str(n)),),
        )
        for n in range(1, 8)
    ]
    world.put(*items)

    found = world.discover(max_videos=3)

    assert [video.media_id for video in found.videos] == ["m1", "m2", "m3"]
    assert (found.total_found, found.remaining, found.already_synced) == (7, 4, 0)
    records = world.tracker.get_many([item.media_id for item in items])
    assert {record.status for record in records.values()} == {Status.PENDING}
    assert len({record.video.s3_key for record in records.values()}) == 7
    assert world.discover(max_videos=3) == found


def test_a_gopro_that_throttles_everything_makes_all_wait_and_is_no_failure_of_theirs(world: World) -> None:
    world.put(recording(MIB))
    found = world.discover()
    world.fail(Fault(FaultName.THROTTLED))
    for _ in range(6):
        throttled = world.archive(found)
        assert throttled.status is VideoStatus.WAITING
        world.now += timedelta(seconds=1 + (throttled.wait_seconds or 0))
    world.fail()
    asked = len(world.gopro.admin.requests())

    waiting = world.archive(found)

    assert waiting.status is VideoStatus.WAITING
    assert len(world.gopro.admin.requests()) == asked, "GoPro is left alone"
    assert (world.record()["status"], "lease_owner" in world.record()) == ("PENDING", False)
    world.now += timedelta(seconds=(waiting.wait_seconds or 0) + 20)  # the others are let in first
    assert world.archive(found).status is VideoStatus.COMPLETED


THROTTLES: Final = {
    "GoPro": Fault(FaultName.THROTTLED, endpoint=Endpoint.DOWNLOAD, media_id="odd"),
    "its CDN": Fault(FaultName.THROTTLED, endpoint=Endpoint.CDN, media_id="odd"),
    "a busy CDN": Fault(FaultName.SERVER_ERROR, endpoint=Endpoint.CDN, status=503, media_id="odd", retry_after="120"),
    "a wall": Fault(FaultName.BLOCK_PAGE, endpoint=Endpoint.DOWNLOAD, media_id="odd"),
}


@pytest.mark.parametrize("whom", THROTTLES)
def test_a_file_that_is_throttled_for_good_is_its_videos_failure_and_no_other_waits(world: World, whom: str) -> None:
    world.put(recording(MIB, media_id="odd"), *(recording(MIB, media_id=f"good{number}") for number in range(3)))
    world.fail(THROTTLES[whom])
    found = world.discover()

    for number in range(3):
        waiting = world.archive(only(found, "odd"))
        assert waiting.status is VideoStatus.WAITING
        assert 60 <= (waiting.wait_seconds or 0) <= 600
        assert world.tracker.get_many(["odd"])["odd"].status is Status.PENDING, "no attempt is counted"
        assert world.archive(only(found, f"good{number}")).status is VideoStatus.COMPLETED
        world.now += timedelta(seconds=waiting.wait_seconds or 0)
    for _ in range(2):
        with pytest.raises(ItemRefusedError, match=r"(127\.0\.0\.1|GoPro) answered .*(429|503|403).* again after"):
            world.archive(only(found, "odd"))
    assert len([asked for asked in world.gopro.admin.requests() if "odd" in str(asked)]) < 60


def test_of_a_video_with_a_throttled_chapter_the_others_are_archived_and_the_video_says_which_is_not(
    world: World,
) -> None:
    world.put(recording(MIB, 2 * MIB, 3 * MIB))
    found = world.discover()
    for skip in (2, 1, 1):  # chapter 1 is copied, and from then on looked at
        world.fail(Fault(FaultName.THROTTLED, endpoint=Endpoint.CDN, skip=skip, count=5))
        assert world.archive(found).status is VideoStatus.WAITING
        world.now += timedelta(seconds=600)

    world.fail(Fault(FaultName.THROTTLED, endpoint=Endpoint.CDN, skip=1, count=5))
    with pytest.raises(ItemRefusedError, match=r"Chapter 2: 127\.0\.0\.1 answered 429.*archived: .* of 3"):
        world.archive(found)

    assert [file["M"]["item_number"]["N"] for file in world.record()["files"]] == ["1", "3"]
    world.fail()
    assert world.archive(world.discover()).bytes_sent == 2 * MIB
    world.assert_archived_whole()


def test_a_cdn_that_throttles_everything_makes_all_wait_and_nobody_fails(world: World) -> None:
    world.put(*(recording(MIB, media_id=f"m{number}") for number in range(7)))
    found = world.discover()
    world.fail(Fault(FaultName.THROTTLED, endpoint=Endpoint.CDN))

    for turn in range(6):
        asked = len(world.gopro.admin.requests())
        waiting = [world.archive(only(found, f"m{number}")) for number in range(7)]
        assert {result.status for result in waiting} == {VideoStatus.WAITING}
        assert turn == 0 or len(world.gopro.admin.requests()) - asked < 10, "one alone tries"
        world.now += timedelta(seconds=max(result.wait_seconds or 0 for result in waiting) + 20)

    world.fail()
    results = [world.archive(only(found, f"m{number}")) for number in range(7)]
    assert {result.status for result in results} == {VideoStatus.COMPLETED}


def test_with_what_comes_further_patience_begins_anew(world: World) -> None:
    world.put(recording(*[MIB] * 6))
    found = world.discover()

    for _ in range(5):
        # One is looked at and copied; what is archived already is compared with GoPro's at the end only.
        world.fail(Fault(FaultName.THROTTLED, endpoint=Endpoint.CDN, skip=2))
        waiting = world.archive(found)
        assert (waiting.status, waiting.wait_seconds) == (VideoStatus.WAITING, 60)
        world.now += timedelta(seconds=60)

    world.fail()
    assert world.archive(found).status is VideoStatus.COMPLETED


def test_a_wait_that_the_run_has_no_time_for_ends_it(world: World) -> None:
    world.put(recording(MIB))
    found = world.discover()
    world.gate().after_failure(ThrottledError("Too many requests", retry_after_seconds=600), "another")

    with pytest.raises(GoProUnavailableError):
        world.archive(found, deadline=world.now + timedelta(seconds=500))

    assert world.record()["status"] == "PENDING"
    assert world.archive(found, deadline=world.now + timedelta(seconds=900)).status is VideoStatus.WAITING


def only(found: Discovery, media_id: str) -> Discovery:
    """What was found, as if that one had been all."""
    return replace(found, videos=tuple(video for video in found.videos if video.media_id == media_id))


def test_two_items_that_always_answer_500_delay_nobody(world: World) -> None:
    world.put(*(recording(MIB, media_id=media_id) for media_id in ("poison1", "poison2", "later1", "later2")))
    world.fail(*(Fault(FaultName.SERVER_ERROR, endpoint=Endpoint.DOWNLOAD, media_id=f"poison{n}") for n in (1, 2)))
    found = world.discover()

    for later in ("later1", "later2"):
        for poison in ("poison1", "poison2"):
            with pytest.raises(NetworkError, match="status 500"):
                world.archive(only(found, poison), is_last_try=False)
        assert world.archive(only(found, later)).status is VideoStatus.COMPLETED
    for poison in ("poison1", "poison2"):
        with pytest.raises(ItemRefusedError, match="status 500 in every try, and answers others"):
            world.archive(only(found, poison))


def test_a_download_that_no_item_gets_makes_all_wait(world: World) -> None:
    world.put(*(recording(MIB, media_id=f"m{number}") for number in range(6)))
    world.fail(Fault(FaultName.SERVER_ERROR, endpoint=Endpoint.DOWNLOAD))
    found = world.discover()

    for number in range(5):
        with pytest.raises(NetworkError):
            world.archive(only(found, f"m{number}"), is_last_try=False)

    assert world.archive(only(found, "m5")).status is VideoStatus.WAITING


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *((Fault(FaultName.SERVER_ERROR, status=status), ItemRefusedError) for status in (401, 402, 403, 422, 451)),
        (Fault(FaultName.NOT_FOUND), MediaGoneError),
        (Fault(FaultName.ODD_BODY, text="not JSON"), ItemUnreadableError),
        (Fault(FaultName.EMPTY_BODY), ItemUnreadableError),
        (Fault(FaultName.HTML_PAGE), ItemUnreadableError),
    ],
)
def test_what_gopro_answers_for_one_item_is_that_items_trouble(
    world: World, fault: Fault, error: type[GoProSyncError]
) -> None:
    world.put(recording(MIB, media_id="odd"), recording(MIB, media_id="good"))
    world.fail(replace(fault, endpoint=Endpoint.DOWNLOAD, media_id="odd"))
    found = world.discover()

    for _ in range(2):
        with pytest.raises(error) as raised:
            world.archive(only(found, "odd"))
        assert raised.value.media_id == "odd"
    assert world.archive(only(found, "good")).status is VideoStatus.COMPLETED


def test_a_session_that_is_refused_for_all_is_refused(world: World) -> None:
    world.put(recording(MIB))
    found = world.discover()
    world.fail(Fault(FaultName.DEAD_TOKEN))
    with pytest.raises(SessionRefusedError):
        world.archive(found)


def test_odd_urls_lead_to_the_original(world: World) -> None:
    world.put(recording(MIB, LARGE))
    world.fail(Fault(FaultName.ODD_URL, text="&disposition=%3b[1]|caf\u00e9 {2}^"))
    assert world.archive(world.discover()).status is VideoStatus.COMPLETED
    world.assert_archived_whole()
