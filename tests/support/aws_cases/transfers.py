"""Videos on their way through real client, tracker and engine, between the simulator, moto and a strict S3."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

import httpx
import urllib3

from gopro_sync.archive.bucket_writer import BucketWriter, storage_pool
from gopro_sync.archive.engine import TransferEngine, TransferRules
from gopro_sync.archive.net.connections import SourceConnections
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.archive.source import source_pool
from gopro_sync.archive.surroundings import Surroundings
from gopro_sync.aws.clients import make_transfer_client
from gopro_sync.errors import GoProSyncError, RetryableError
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.http import RetryPolicy, open_http_client
from gopro_sync.gopro.session.session import Session
from gopro_sync.run.discovery import discover
from gopro_sync.run.video import Invocation, VideoResult, VideoStatus, VideoTransfer
from gopro_sync.table.request_budget import SharedGate
from gopro_sync.table.tracker import Tracker
from gopro_sync.table.video import Video
from gopro_sync.values.timestamps import now_utc
from local.s3_server import S3Limits
from local.simulator import Library, SimulatedItem, Simulator, SourceFile
from tests.support.answer_proxy import AnswerProxy
from tests.support.aws_environment import aws_environment
from tests.support.crews import WaitlessCrew
from tests.support.odd_answers import OddAnswer, OddAnswers
from tests.support.odd_client import OddClient
from tests.support.s3_server import TransferS3
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "gopro-sync-tracker"
OWNER: Final = "run-1"
_KIB: Final = 1024
_PART_BYTES: Final = 64 * _KIB
# Two parts and a rest, of a size that costs no time: S3 itself takes parts of 5 MiB at least.
_SIZES: Final = {"small": 16 * _KIB + 7, "large": 2 * _PART_BYTES + 12345}
_LIMITS: Final = PartLimits(
    multipart_threshold_bytes=_PART_BYTES,
    smallest_part_bytes=_PART_BYTES,
    usual_part_bytes=_PART_BYTES,
    granule_bytes=_KIB,
)
_MOST_CALLS: Final = 8


@dataclass(kw_only=True)
class TransferWorld:
    """What all cases of transfers share, since making it takes longer than most of them.

    Attributes:
        dynamodb_odd: gives odd answers of the table.
        proxy: gives those of S3.
    """

    gopro: Simulator
    s3: TransferS3
    proxy: AnswerProxy
    dynamodb: DynamoDBClient
    dynamodb_odd: OddClient
    http: httpx.Client
    source_http: SourceConnections
    storage_http: urllib3.PoolManager
    s3_client: Any
    now: datetime = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
    waits: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        """Let so much time pass, in no time."""
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)

    @property
    def tracker(self) -> Tracker:
        """The tracker, as a function has it."""
        return Tracker(self.dynamodb, TABLE, clock=lambda: self.now, sleep=self.wait)

    def begin(self, given: Mapping[str, Any]) -> list[Video]:
        """Forget the case before, and record the videos of this one."""
        self.s3.forget()
        self.proxy.forget()
        self.dynamodb_odd.forget()
        self.waits.clear()
        for item in self.dynamodb.scan(TableName=TABLE)["Items"]:
            self.dynamodb.delete_item(TableName=TABLE, Key={"media_id": item["media_id"]})
        self.gopro.admin.put_library(Library([_item(reported) for reported in given.get("videos", [given])]))
        self.s3.limits = S3Limits(smallest_part_bytes=_PART_BYTES)
        self.s3.page_size = given.get("parts_per_page", 1000)
        self.s3.answers_part_checksums = given.get("answers_part_checksums", False)
        found = discover(self.client(None), self.tracker, owner=OWNER, max_videos=100, now=self.now)
        self.dynamodb_odd.forget(odd_answers(given.get("dynamodb", [])))
        self.proxy.forget(odd_answers(given.get("s3", [])))
        return list(found.videos)

    def call(self, video: Video, *, owner: str = OWNER, is_last_try: bool = True) -> VideoResult:
        """Call the downloader once, for the same run if no other is named."""
        gate = SharedGate(
            self.dynamodb, TABLE, requests_per_minute=1000, clock=lambda: self.now, jitter=lambda: 0.0, run=owner
        )
        engine = TransferEngine(
            writer=BucketWriter(s3=self.s3_client, http=self.storage_http, bucket="archive"),
            source_http=self.source_http,
            rules=TransferRules(limits=_LIMITS, workers=2, part_size_bytes=_PART_BYTES),
            surroundings=Surroundings(
                clock=time.monotonic,
                wall_clock=now_utc,
                random=lambda: 0.5,
                crew=lambda count: WaitlessCrew(count, self.wait),
            ),
        )
        return VideoTransfer(
            client=self.client(gate),
            gate=gate,
            tracker=self.tracker,
            engine=engine,
            clock=lambda: self.now,
            invocation=Invocation(
                owner=owner,
                deadline=self.now + timedelta(minutes=110),
                seconds_left=lambda: 900.0,
                is_last_try=is_last_try,
            ),
        ).archive(video)

    def client(self, gate: SharedGate | None) -> GoProClient:
        """Return the GoPro API, as a function has it."""
        return GoProClient(
            self.http,
            Session(auth_token=self.gopro.credential["auth_token"]),
            base_url=self.gopro.api_url,
            gate=gate,
            retry_policy=RetryPolicy(attempts=2),
            sleep=self.wait,
        )

    def record(self, media_id: str) -> dict[str, Any]:
        """Return a video's record, its type tags taken off."""
        found = self.dynamodb.get_item(TableName=TABLE, Key={"media_id": {"S": media_id}}).get("Item", {})
        return {name: next(iter(value.values())) for name, value in found.items()}


@contextmanager
def transfer_world() -> Iterator[TransferWorld]:
    """Make a world, and take it down."""
    with (
        Simulator() as gopro,
        TransferS3() as s3,
        AnswerProxy(s3.endpoint_url) as proxy,
        tracker_table(TABLE) as dynamodb,
        open_http_client() as http,
    ):
        source_http, storage_http = source_pool(workers=2, allows_internal_addresses=True), storage_pool(workers=2)
        with aws_environment(endpoint_url=proxy.url):
            client = make_transfer_client()
        yield TransferWorld(
            gopro=gopro,
            s3=s3,
            proxy=proxy,
            dynamodb=dynamodb,
            dynamodb_odd=OddClient(dynamodb),
            http=http,
            source_http=source_http,
            storage_http=storage_http,
            s3_client=client,
        )
        source_http.clear()
        storage_http.clear()
        client.close()


def play_transfer(world: TransferWorld, given: Mapping[str, Any]) -> dict[str, Any]:
    """Call the downloader for one video as the state machine does, until it is done or fails.

    ``given``: ``file`` (``small``, ``large`` or the sizes of the chapters), ``s3`` and ``dynamodb`` (odd answers, as
    ``OddAnswer.of`` reads them), ``retries`` (how often it is called again after an error that time may mend),
    ``answers_of_a_new_invocation`` (what S3 answers oddly after the first error instead).
    """
    (video,) = world.begin(given)
    calls: list[str] = []
    reported, error = 0, None
    retries = given.get("retries", 0)
    while len(calls) < _MOST_CALLS:
        try:
            result, error = world.call(video, is_last_try=retries == 0), None
        except GoProSyncError as failure:
            calls.append(type(failure).__name__)
            error = failure
            if isinstance(failure, RetryableError) and retries > 0:
                retries -= 1
                world.wait(max(30.0, failure.retry_after_seconds or 0))
                continue
            break
        calls.append(str(result.status))
        reported += result.bytes_archived
        if result.status is VideoStatus.WAITING:
            world.wait(result.wait_seconds or 0)
        elif result.status is not VideoStatus.IN_PROGRESS:
            break
    record = world.record(video.media_id)
    if record["status"] == "COMPLETED":
        _assert_archived(world)
    return {
        "status": calls[-1] if error is None else None,
        "calls": calls,
        "error": None if error is None else type(error).__name__,
        "message": "" if error is None else str(error),
        "is_tried_again": isinstance(error, RetryableError),
        "record": record["status"],
        "attempts": int(record["retry_count"]),
        "bytes_told": reported,
        "bytes_of_source": sum(source.size_bytes for source in world.gopro.admin.sources()),
        "is_told_right": reported == sum(source.size_bytes for source in world.gopro.admin.sources()),
        "uploads": len({answered.request.query["uploadId"] for answered in world.proxy.requests("UploadPart")}),
        "open_uploads": len(world.s3.uploads),
        "parts_stored_twice": _stored_twice(world),
        "asked": Counter(answered.request.operation for answered in list(world.proxy.answered)),
        "asked_of_dynamodb": Counter(world.dynamodb_odd.asked),
        "waited": sum(world.waits),
        "longest_wait": max(world.waits, default=0.0),
        "headers": {
            operation: dict(world.proxy.requests(operation)[-1].request.headers)
            for operation in ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
            if world.proxy.requests(operation)
        },
        "objects": len(world.s3.objects),
        "unused_answers": len(world.proxy.odd.unused()) + len(world.dynamodb_odd.odd.unused()),
    }


def play_names(world: TransferWorld, given: Mapping[str, Any]) -> dict[str, Any]:
    """Archive videos of odd names, ids or ETags.

    ``given``: ``videos``, each with fields of a simulated item. A row that GoPro's listing may not have is skipped.
    """
    videos = world.begin(given)
    results = [world.call(video) for video in videos]
    _assert_archived(world, only=len(videos))
    keys = sorted(world.s3.objects)
    return {
        "archived": sum(result.status is VideoStatus.COMPLETED for result in results),
        "refused_rows": len(given["videos"]) - len(videos),
        "longest_key_bytes": max(len(key.encode()) for key in keys),
        "odd_keys": [key for key in keys if {"", ".", ".."} & set(key.split("/")) or not key.isprintable()],
        "metadata_is_ascii": all(
            value.isascii() and value == value.strip() and "  " not in value
            for found in world.s3.objects.values()
            for value in found.metadata.values()
        ),
        "recorded_names_are_text": all(_is_text(world.record(video.media_id)["filename"]) for video in videos),
        "tags": sorted({found.headers["x-amz-tagging"] for found in world.s3.objects.values()}),
    }


def play_two_runs(world: TransferWorld, given: Mapping[str, Any]) -> dict[str, Any]:
    """Let a second run find and call the same video while the first one is at work on it."""
    (video,) = world.begin(given)
    held = world.tracker.claim(video.media_id, owner=OWNER, lease=timedelta(minutes=16)).outcome
    found = discover(world.client(None), world.tracker, owner="run-2", max_videos=100, now=world.now)
    second = world.call(video, owner="run-2")
    first = world.call(video)
    _assert_archived(world)
    return {
        "first_run": [str(held), str(first.status)],
        "second_run_finds": len(found.videos),
        "second_run_leaves": found.remaining,
        "second_run": str(second.status),
        "objects": len(world.s3.objects),
    }


def _item(reported: Mapping[str, Any]) -> SimulatedItem:
    media_id = reported.get("media_id", "m1")
    size = reported.get("file", "small")
    sizes = [_SIZES.get(size)] if isinstance(size, str) else size
    chapters = tuple(
        SourceFile(size_bytes=size_bytes, seed=f"{media_id}/{number}", **reported.get("source", {}))
        for number, size_bytes in enumerate(sizes)
    )
    fields = {"filename": "GX010456.MP4", "created_at": "2026-05-01T18:02:44Z", **reported.get("item", {})}
    return SimulatedItem(media_id=media_id, chapters=chapters, **fields)


def odd_answers(reported: Sequence[Mapping[str, Any]]) -> OddAnswers:
    """Read odd answers as the cases write them; a Retry-After of ``in N seconds`` is the date that it is then."""
    return OddAnswers(OddAnswer.of(_dated(answer)) for answer in reported)


def _dated(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    headers = dict(answer.get("headers", {}))
    asked = headers.get("Retry-After", "")
    if asked.startswith("in "):
        moment = datetime.now(UTC) + timedelta(seconds=int(asked.split()[1]))
        headers["Retry-After"] = format_datetime(moment, usegmt=True)
    return {**answer, "headers": headers}


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return name.isprintable()


def _stored_twice(world: TransferWorld) -> int:
    stored = Counter(
        (answered.request.query["uploadId"], answered.request.query["partNumber"])
        for answered in world.proxy.requests("UploadPart")
        if answered.status == 200
    )
    return sum(count - 1 for count in stored.values())


def _assert_archived(world: TransferWorld, *, only: int | None = None) -> None:
    stored = [hashlib.sha256(found.data).hexdigest() for found in world.s3.objects.values()]
    sources = [source.sha256 for source in world.gopro.admin.sources()]
    assert len(stored) == (len(sources) if only is None else only)
    assert set(stored) <= set(sources), "an object has other bytes than the source"
