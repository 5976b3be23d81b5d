"""Nights in which the downloader is killed: the real state machine calls the real handler, in processes that die.

Everything else stands around them on loopback and sees all that happens: the simulator as GoPro, a strict S3, and
DynamoDB. A kill is SIGKILL from outside, at the very moment at which one of these servers is at a point of a request.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from multiprocessing import connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import TYPE_CHECKING, Any, Final

import boto3
import httpx
import pytest
from moto import mock_aws

from gates.template import ROOT, Stack, state_machine
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.http import open_http_client
from gopro_sync.gopro.session.session import Session
from gopro_sync.run.discovery import Discovery, discover
from gopro_sync.run.video_event import as_event
from gopro_sync.table.tracker import Tracker
from gopro_sync.values.timestamps import iso_utc
from local.s3_server import S3Part, S3Server, S3Upload
from local.simulator import Library, SimulatedItem, Simulator, SourceFile
from tests.chaos import downloader_process
from tests.chaos.downloader_process import LIMITS, Invocation, Raised
from tests.support.dynamodb_server import DynamoDBServer
from tests.support.state_machine import Execution, TaskError, run

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WORKERS: Final = 3
# The smallest that S3 takes. GoPro's files were once uploaded in such parts, too, so ours follow theirs.
PART_SIZE_BYTES: Final = LIMITS.smallest_part_bytes
TABLE: Final = Stack().name_of("TrackerTable")
LEGAL_CHANGES: Final = {
    ("PENDING", "IN_PROGRESS"),
    ("IN_PROGRESS", "IN_PROGRESS"),
    ("IN_PROGRESS", "FAILED"),
    ("FAILED", "IN_PROGRESS"),
    ("IN_PROGRESS", "COMPLETED"),
}
_AWS: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
_ENVIRONMENT: Final = json.loads((ROOT / "events" / "env.json").read_text())["Parameters"] | {
    "TRACKER_TABLE_NAME": TABLE,
    "ARCHIVE_BUCKET_NAME": Stack().name_of("ArchiveBucket"),
    "TRANSFER_WORKERS": str(WORKERS),
    "VERIFY_SOURCE_ETAG": "true",
    **_AWS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """When a process is killed, if it lives that long.

    Attributes:
        operation: of S3 or DynamoDB; None is any.
        moment: of the request: asked (the server acts all the same), receiving (after each block of the body), acted
            (not answered yet); None is any.
        nth: how many such moments it comes to, the last one included.
        after_seconds: instead of all that: so long after its start.
        ends_the_run: whether the state machine's execution ends with it, so that nobody calls again in this run.
    """

    operation: str | None = None
    moment: str | None = None
    nth: int = 1
    after_seconds: float | None = None
    ends_the_run: bool = False


class RunEndedError(Exception):
    """The state machine's execution was stopped."""


class Victim:
    """A process with a death in store.

    Args:
        process: not yet started.
        death: None lets it live.
    """

    def __init__(self, process: ForkServerProcess, death: Death | None) -> None:
        self._process = process
        self._death = death
        self._moments_left = death.nth if death and death.after_seconds is None else None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts it; no moment passes before its number is known."""
        with self._lock:
            self._process.start()

    def come_to(self, operation: str, moment: str) -> None:
        """Tells that the process has come to that moment of a request; returns after its death, if this was it."""
        with self._lock:
            if self._death is None or self._moments_left is None:
                return
            if self._death.operation in {None, operation} and self._death.moment in {None, moment}:
                self._moments_left -= 1
            if self._moments_left == 0:
                self._moments_left = None
                self._kill()

    def outcome(self, answer: connection.Connection) -> Any:
        """Waits for the end; returns what was answered, None if nothing was."""
        seconds = self._death.after_seconds if self._death else None
        if seconds is not None and not connection.wait([answer], timeout=seconds):
            self._kill()
        try:
            return answer.recv()
        except EOFError:
            return None
        finally:
            self._process.join()

    @property
    def was_killed(self) -> bool:
        """Whether it died by our hand, after its end."""
        return self._process.exitcode == -signal.SIGKILL

    def _kill(self) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGKILL)
        connection.wait([self._process.sentinel])


@dataclass(kw_only=True)
class World:
    """GoPro with one recording, the cloud around it, and the deaths to come, one for each invocation."""

    gopro: Simulator
    s3: S3Server = field(repr=False)
    dynamodb: DynamoDBClient
    http: httpx.Client
    processes: ForkServerContext
    environment: dict[str, str] = field(default_factory=dict)
    deaths: list[Death | None] = field(default_factory=list)

    now: datetime = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
    nights: int = 0
    invocations: int = 0
    killed: int = 0
    moments_of_lives: list[tuple[str, str]] = field(default_factory=list)
    answers_to_lose: list[tuple[str, int]] = field(default_factory=list)  # of which operation, the how manieth
    statuses: list[str] = field(default_factory=list)
    _victim: Victim | None = None
    _held_at_death: list[tuple[S3Upload, dict[int, S3Part]]] = field(default_factory=list, repr=False)

    def watch(self, operation: str, moment: str) -> None:
        """Told by the servers where in a request they are."""
        if self._victim is not None:
            self.moments_of_lives.append((operation, moment))
        if moment == "acted" and operation in {"PutItem", "UpdateItem"}:
            self._note_status()
        if self._victim is not None:
            self._victim.come_to(operation, moment)
            self._lose_answer(operation, moment)

    def _lose_answer(self, operation: str, moment: str) -> None:
        given = self.moments_of_lives.count((operation, "acted"))
        if moment == "acted" and (operation, given) in self.answers_to_lose:
            self.answers_to_lose.remove((operation, given))
            raise ConnectionResetError  # the server's: the client sees its connection closed

    def put_recording(self, *chapter_sizes: int) -> None:
        """Let GoPro hold one recording with chapters of these sizes, in bytes."""
        chapters = tuple(
            SourceFile(size_bytes=size, seed=f"{n}", etag_part_size_bytes=PART_SIZE_BYTES)
            for n, size in enumerate(chapter_sizes)
        )
        item = SimulatedItem(
            media_id="m1", filename="GX010456.MP4", created_at="2026-05-01T18:02:44Z", chapters=chapters
        )
        self.gopro.admin.put_library(Library([item]))

    def night(self) -> Execution | None:
        """One run of the real state machine; None if it was ended from outside."""
        self.nights += 1
        try:
            return run(
                state_machine(),
                {},
                self._answer,
                execution_arn=self._execution_id,
                started_at=self.now.isoformat(),
                entered_at=self.now.isoformat(),
            )
        except RunEndedError:
            return None

    def nights_until_archived(self) -> None:
        """Night after night, until the video is archived or it is clear that it never will be."""
        for _ in range(len(self.deaths) + 1):
            self.night()
            if self.record()["status"] == "COMPLETED":
                return
            self.now += timedelta(days=1)
        pytest.fail(f"not archived: {self.statuses}")

    def record(self) -> dict[str, Any]:
        """The tracker's record of the video."""
        item = self.dynamodb.get_item(TableName=TABLE, Key={"media_id": {"S": "m1"}})["Item"]
        return {name: next(iter(value.values())) for name, value in item.items()}

    def assert_archived_once(self) -> None:
        """Every chapter is one object with the source's bytes, nothing is left over, and no work was done in vain."""
        self._assert_truthful()
        assert self.statuses[0] == "PENDING"
        assert self.statuses[-1] == "COMPLETED"
        assert set(pairwise(self.statuses)) <= LEGAL_CHANGES
        assert self.s3.uploads == {}
        sizes = [source.size_bytes for source in self.gopro.admin.sources()]
        needed = sum(-(-size // PART_SIZE_BYTES) for size in sizes if size > LIMITS.multipart_threshold_bytes)
        assert needed <= len(self.s3.parts_sent()) <= needed + WORKERS * self.killed
        for upload, held in self._held_at_death:
            sent_again = [number for number, part in held.items() if upload.parts[number] is not part]
            assert not sent_again, "S3 had these parts when the function died"
        assert not self._discover().videos

    def _assert_truthful(self) -> None:
        """What is called archived is archived, whole."""
        if self.record()["status"] != "COMPLETED":
            return
        digests = sorted(hashlib.sha256(found.data).hexdigest() for found in self.s3.objects.values())
        assert digests == sorted(source.sha256 for source in self.gopro.admin.sources())

    @property
    def _execution_id(self) -> str:
        return f"arn:aws:states:eu-central-1:123456789012:execution:gopro-sync-orchestrator:night-{self.nights}"

    @property
    def _client(self) -> GoProClient:
        return GoProClient(
            self.http, Session(auth_token=self.gopro.credential["auth_token"]), base_url=self.gopro.api_url
        )

    def _discover(self) -> Discovery:
        tracker = Tracker(self.dynamodb, TABLE, clock=lambda: self.now, sleep=lambda _: None)
        return discover(self._client, tracker, owner=self._execution_id, max_videos=1000, now=self.now)

    def _note_status(self) -> None:
        # The request budget is kept in the same table, so not every write is a change of this record.
        if (status := self.record()["status"]) != (self.statuses[-1] if self.statuses else None):
            self.statuses.append(status)

    # --- what the state machine calls ---

    def _answer(self, task_resource: str, arguments: Any) -> Any:
        target = task_resource.rsplit(":", 1)[-1]
        if target == "invoke":
            target = arguments["FunctionName"].removesuffix("Function.Arn")
        match target:
            case "MediaLister" if arguments["Payload"].get("action") == "report_run":
                summary = arguments["Payload"]["summary"]
                notice = {"subject": "A night", "text": "A video failed."} if summary["failed"] else None
                return {"Payload": {"statusCode": 200, "summary": summary, "notice": notice, "failure": None}}
            case "MediaLister":
                return {"Payload": self._list()}
            case "getObject":
                return [
                    as_event(video, download_url=self._client.download_url(video.media_id))
                    for video in self._discover().videos
                ]
            case "VideoDownloader":
                return {"Payload": self._download(arguments["Payload"])}
            case "updateItem":
                try:
                    self.dynamodb.update_item(**arguments)
                except self.dynamodb.exceptions.ConditionalCheckFailedException as error:
                    raise TaskError("DynamoDB.ConditionalCheckFailedException") from error
                self._note_status()
        return {}

    def _list(self) -> dict[str, Any]:
        found = self._discover()
        if not self.statuses:
            self._note_status()
        return {
            "statusCode": 200,
            "manifest": {"bucket": "archive", "key": "runs/night/manifest.json"},
            "run_deadline": iso_utc(self.now + timedelta(minutes=115)),
            "total_found": found.total_found,
            "new_count": len(found.videos),
            "already_synced": found.already_synced,
            "remaining": found.remaining,
            "postponed": found.postponed,
            "filtered": found.filtered,
            "skipped": dict(found.skipped),
            "unrecorded": found.unrecorded,
            "unrecordable": len(found.unrecordable),
            "unrecordable_videos": [],
            "found_without_record": 0,
            "unavailable": len(found.unavailable),
            "unavailable_videos": [],
        }

    def _download(self, event: dict[str, Any]) -> dict[str, Any]:
        """Invokes the downloader in a process of its own, which dies as foreseen."""
        self.invocations += 1
        death = self.deaths.pop(0) if self.deaths else None
        receiver, sender = self.processes.Pipe(duplex=False)
        invocation = Invocation(
            event=event | {"auth_token": self.gopro.credential["auth_token"]},
            environment=self.environment,
            now=self.now,
        )
        self._victim = Victim(self.processes.Process(target=downloader_process.run, args=(invocation, sender)), death)
        self._victim.start()
        sender.close()
        answer = self._victim.outcome(receiver)
        receiver.close()
        self._assert_truthful()
        if answer is None:
            assert self._victim.was_killed, "the function ended by itself without an answer"
            self.killed += 1
            with self.s3.lock:
                self._held_at_death += [(upload, dict(upload.parts)) for upload in self.s3.uploads.values()]
            if death is not None and death.ends_the_run:
                raise RunEndedError
            raise TaskError("Runtime.ExitError", json.dumps({"errorMessage": "Runtime exited: signal: killed"}))
        if isinstance(answer, Raised):
            raise TaskError.of_function(answer.error, answer.message)
        return dict(answer)


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Makes processes in milliseconds: forks of one that has imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.preloaded"])
    with pytest.MonkeyPatch.context() as patch:
        # The process whose forks they are reads these at its start; multiprocessing does not tell it our import path.
        patch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep}{ROOT}")
        for name, value in _AWS.items():
            patch.setenv(name, value)
        process = context.Process(target=os.getpid)
        process.start()
        process.join()
    return context


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with open_http_client() as client:
        yield client


@pytest.fixture
def world(processes: ForkServerContext, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in _AWS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with Simulator() as gopro, S3Server() as s3, mock_aws():
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "media_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "media_id", "AttributeType": "S"}],
        )
        world = World(gopro=gopro, s3=s3, dynamodb=dynamodb, http=http, processes=processes)
        with DynamoDBServer(dynamodb, watch=world.watch) as dynamodb_server:
            s3.watch = world.watch
            world.environment = _ENVIRONMENT | {
                "GOPRO_API_BASE_URL": gopro.api_url,
                "AWS_ENDPOINT_URL_S3": s3.endpoint_url,
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_server.endpoint_url,
            }
            yield world
