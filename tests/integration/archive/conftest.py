"""A CDN, an S3 and an engine between them, all on loopback; small enough that a test takes a fraction of a second."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from gopro_sync.archive.bucket_writer import BucketWriter, storage_pool
from gopro_sync.archive.engine import (
    Archived,
    ArchivedFile,
    FileToArchive,
    KnownEtags,
    OpenUpload,
    Paused,
    TransferEngine,
    TransferRules,
)
from gopro_sync.archive.net.connections import SourceConnections
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.archive.source import source_pool
from gopro_sync.archive.surroundings import Crew, Surroundings
from gopro_sync.values.timestamps import now_utc
from tests.support.crews import WaitlessCrew
from tests.support.s3_server import TransferS3
from tests.support.source_server import SourceServer

MIB = 1024 * 1024
KEY = "gopro-videos/2026/06/GX010456.MP4"
FALLBACK_KEY = "gopro-videos/2026/06/GX010456_ab01.MP4"
BUCKET = "archive"


@dataclass(slots=True, kw_only=True)
class Bench:
    """One engine between one source and one S3, and what its callbacks were told."""

    source: SourceServer
    s3: TransferS3
    slept: list[float] = field(default_factory=list)
    created: list[OpenUpload] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    limits: PartLimits = field(default_factory=PartLimits)
    seconds_left: Callable[[], float] = lambda: 900.0
    crew: Callable[[int], Crew] | None = None
    sign: Callable[[], str] | None = None
    record: Callable[[OpenUpload], None] | None = None
    known_etags: KnownEtags = field(default_factory=KnownEtags)

    def waitless_crew(self, count: int) -> Crew:
        """Threads; their waits are noted instead of waited."""
        return WaitlessCrew(count, self.slept.append)

    def engine(self, *, source_http: SourceConnections | None = None, **rules: Any) -> TransferEngine:
        """An engine with two workers whose waits take no time."""
        defaults: dict[str, Any] = {"limits": self.limits, "workers": 2, "part_size_bytes": 5 * MIB}
        return TransferEngine(
            writer=BucketWriter(s3=self.s3.client, http=storage_pool(workers=2), bucket=BUCKET),
            source_http=source_http or source_pool(workers=2, allows_internal_addresses=True),
            rules=TransferRules(**(defaults | rules)),
            surroundings=Surroundings(
                clock=self.clock, wall_clock=now_utc, random=lambda: 0.5, crew=self.crew or self.waitless_crew
            ),
        )

    def transfer(self, *, resume: OpenUpload | None = None, media_id: str = "ab01", **options: Any) -> Archived:
        """Copies the source's file to ``KEY``, to its end."""
        result = self.call(resume=resume, media_id=media_id, **options)
        assert isinstance(result, Archived)
        return result

    def pause(self, *, resume: OpenUpload | None = None, **options: Any) -> Paused:
        """Copies the source's file to ``KEY``, as far as time allows, which is not its end."""
        result = self.call(resume=resume, **options)
        assert isinstance(result, Paused)
        return result

    def call(self, *, resume: OpenUpload | None = None, media_id: str = "ab01", **options: Any) -> Archived | Paused:
        """Copies the source's file to ``KEY``, or as much of it as time allows."""
        return self.engine(**options).transfer(
            FileToArchive(
                media_id=media_id,
                item_number=1,
                key=KEY,
                fallback_key=FALLBACK_KEY,
                tags={"Source": "GoPro", "AutoSync": "True", "UploadDate": "2026-06-14"},
                captured_at=datetime(2026, 6, 13, 8, tzinfo=UTC),
            ),
            resolve_url=self.sign or self.source.sign,
            resume=resume,
            seconds_left=self.seconds_left,
            on_upload_changed=self.record or self.note,
            known_etags=self.known_etags,
        )

    def compare(self, file: ArchivedFile, **options: Any) -> ArchivedFile | None:
        """Looks whether the source still has what was archived of it."""
        return self.engine(**options).compared_with_source(
            "ab01", file, resolve_url=self.source.sign, seconds_left=self.seconds_left
        )

    def note(self, upload: OpenUpload) -> None:
        """Keeps what an engine tells of its uploads, each as it was told last."""
        if self.created and self.created[-1].upload_id == upload.upload_id:
            self.created[-1] = upload
        else:
            self.created.append(upload)

    def assert_archived(self, key: str = KEY) -> None:
        """The object has the source's bytes, and nothing is left open."""
        assert self.s3.objects[key].data == self.source.content
        assert self.s3.uploads == {}


@pytest.fixture(scope="session")
def video() -> bytes:
    """Three parts of 5 MiB and a rest."""
    return random.Random(7).randbytes(15 * MIB + 12345)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[TransferS3]:
    """One for all tests, since making a boto3 client takes longer than most of them."""
    with TransferS3() as server:
        yield server


@pytest.fixture
def s3(s3_server: TransferS3) -> TransferS3:
    s3_server.forget()
    return s3_server


@pytest.fixture
def bench(video: bytes, s3: TransferS3) -> Iterator[Bench]:
    """Multipart from 10 MiB on, so that no test needs 100 MB."""
    with SourceServer(video) as source:
        yield Bench(source=source, s3=s3, limits=PartLimits(multipart_threshold_bytes=10 * MIB))


@pytest.fixture
def small_bench(s3: TransferS3) -> Iterator[Bench]:
    """A file that is one PutObject."""
    with SourceServer(random.Random(8).randbytes(3 * MIB + 7)) as source:
        yield Bench(source=source, s3=s3)
