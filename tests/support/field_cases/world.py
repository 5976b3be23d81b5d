"""Whole nights in one process: the state machine in virtual time, the real functions, moto's AWS and a strict S3."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, override

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from gates.template import ROOT, Stack, resource, state_machine
from gopro_sync import composition
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.aws.clients import make_s3_client, make_secrets_client
from gopro_sync.errors import GoProSyncError
from gopro_sync.gopro.client import GoProClient
from gopro_sync.handlers import media_lister, video_downloader
from gopro_sync.table.request_budget import SharedGate
from gopro_sync.table.tracker import Tracker
from local.s3_server import S3Limits, S3Server
from tests.support.crews import WaitlessCrew
from tests.support.field_cases.cloud import TOKEN, FieldCloud
from tests.support.field_cases.reading import nights_of
from tests.support.lambda_context import FakeLambdaContext
from tests.support.state_machine import Execution, TaskError, VirtualClock, run, target_of
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_VARIABLES: Final = json.loads((ROOT / "events" / "env.json").read_text(encoding="utf-8"))["Parameters"]
# As the state machine of the template knows them.
_NAMES: Final = Stack().resolve(resource("SyncStateMachine")["DefinitionSubstitutions"])
_TABLE: Final[str] = _NAMES["TrackerTableName"]
_FIRST_NIGHT: Final = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)
_EXTENSION: Final = re.compile(r"[^/]\.[A-Za-z0-9]{1,8}$")
_ASKED_FOR: Final = ("search", "download", "item", "account", "cdn")
_FUNCTION_SECONDS: Final = 900.0
_DATED_KEY: Final = re.compile(r"gopro-videos/([0-9]{4}/[0-9]{2}|[a-z]+)/[^/]+")


@dataclass(kw_only=True)
class FieldWorld:
    """What all cases share, since making it takes longer than a night."""

    cloud: FieldCloud
    s3: S3Server
    run_files: S3Server
    dynamodb: DynamoDBClient
    clock: VirtualClock
    limits: PartLimits = field(default_factory=PartLimits)

    def play(self, case: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Play the nights of one way of playing a case, and return what a user notices after the last one.

        Returns:
            ``run``: the last night's summary, with ``execution``, ``error`` and ``message`` of a run that fails.
            ``videos``: by id, its record: ``status``, ``error``, ``message``, ``attempts``, ``reason`` (why it waits),
            and of its objects ``keys``, ``content_types``, ``sizes`` and ``bytes``.
            ``objects``: how many there are; ``keys``, ``folders``: theirs; ``odd_years``: the keys of those whose year
            has not four digits; ``same_but_for_case`` and ``without_extension``: of those that are.
            ``notice``: subject and text, empty if there is none; ``notices``: how many.
            ``metrics``: the last value of each. ``minutes``: how long the run took.
            ``asked``: how often GoPro was asked for each kind of thing.
            ``refused_targets``: how often the CDN was asked for what it had not signed, in all nights.
            ``dead_letters``: of all nights.
            ``before``: the same of the nights before, by number from 1.
            ``unused``: the switches without effect in any night.
        """
        self._forget()
        self._cut_into(given.get("parts_of_bytes"))
        before: dict[str, Any] = {}
        seen: dict[str, Any] = {}
        used, unused = set[str](), list[str]()
        letters: list[Any] = []
        for number, night in enumerate(nights_of(case, given), start=1):
            self.clock.now = _FIRST_NIGHT if number == 1 else self.clock.now.replace(hour=1, minute=0, second=0)
            self.clock.now += timedelta(days=0 if number == 1 else night.days_later)
            self.cloud.begin(night.gopro)
            played = _Night(world=self, number=number)
            execution = played.run(given.get("run_input", {}))
            letters += played.letters
            before[str(number)] = seen = self._seen(played, execution)
            used.update(night.gopro.used)
            unused += night.gopro.unused
        del before[str(len(before))]
        return {
            **seen,
            "dead_letters": len(letters),
            "refused_targets": self.cloud.refused_targets,
            "before": before,
            "unused": [told for told in unused if told not in used],
        }

    def _cut_into(self, parts_of_bytes: int | None) -> None:
        """Let files go in parts of so many bytes; None leaves S3's own limits, by which these small files are whole."""
        composition._engine.cache_clear()  # it keeps the limits that it was made with
        if parts_of_bytes is None:
            self.limits, self.s3.limits = PartLimits(), S3Limits()
            return
        self.s3.limits = S3Limits(smallest_part_bytes=parts_of_bytes)
        self.limits = PartLimits(
            multipart_threshold_bytes=parts_of_bytes,
            smallest_part_bytes=parts_of_bytes,
            usual_part_bytes=parts_of_bytes,
            granule_bytes=1024,
        )

    def is_what_gopro_has(self, data: bytes) -> bool:
        """Return whether an object's bytes are those of one of the CDN's files."""
        return any(data == file for file in self.cloud.files.values())

    def _forget(self) -> None:
        self.s3.forget()
        self.run_files.forget()
        self.cloud.forget_files()
        for item in self.dynamodb.scan(TableName=_TABLE)["Items"]:
            self.dynamodb.delete_item(TableName=_TABLE, Key={"media_id": item["media_id"]})

    def _seen(self, played: _Night, execution: Execution) -> dict[str, Any]:
        objects = self.s3.objects
        for key, found in objects.items():
            assert self.is_what_gopro_has(found.data), f"{key} has other bytes than any file at GoPro"
        summary = dict(execution.output) if execution.output is not None else played.summary
        return {
            "run": {
                **summary,
                "execution": execution.status,
                "error": execution.error,
                "message": execution.cause or "",
            },
            "videos": {record["media_id"]: self._video(record) for record in self._records()},
            "objects": len(objects),
            "keys": sorted(objects),
            "folders": sorted({key.rpartition("/")[0] for key in objects}),
            "same_but_for_case": [key for key in objects if _many_spell(key, objects)],
            "without_extension": [key for key in objects if not _EXTENSION.search(key)],
            "odd_years": sorted(key for key in objects if not _DATED_KEY.match(key)),
            "notice": "\n".join(told for notice in played.notices for told in notice),
            "notices": len(played.notices),
            "metrics": played.metrics,
            "asked": {**dict.fromkeys(_ASKED_FOR, 0), **self.cloud.asked},
            "minutes": played.minutes,
        }

    def _records(self) -> Iterator[dict[str, Any]]:
        read = TypeDeserializer().deserialize
        for page in self.dynamodb.get_paginator("scan").paginate(TableName=_TABLE):
            for item in page["Items"]:
                record = {name: read(value) for name, value in item.items()}
                if not record["media_id"].startswith("#"):
                    yield record

    def _video(self, record: Mapping[str, Any]) -> dict[str, Any]:
        keys = [str(file["s3_key"]) for file in record.get("files", [])]
        held = [self.s3.objects[key] for key in keys]
        sizes = [found.size_bytes for found in held]
        assert record["status"] != "COMPLETED" or keys, "a video without a file is called archived"
        return {
            "status": record["status"],
            "error": record.get("error_type"),
            "message": record.get("error_message", ""),
            "attempts": int(record.get("retry_count", 0)),
            "reason": record.get("waiting_reason"),
            "keys": keys,
            "content_types": [found.headers.get("content-type") for found in held],
            "sizes": sizes,
            "bytes": sum(sizes),
        }


class _Context(FakeLambdaContext):
    """An invocation in virtual time."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_FUNCTION_SECONDS)
        self._clock = clock
        self._began = clock.now

    @override
    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # as in the class that it stands for
        gone = (self._clock.now - self._began).total_seconds()
        return int((self.seconds_left - gone) * 1000)


@dataclass(kw_only=True)
class _Night:
    """One execution of the state machine, its tasks done by the functions' handlers and the services' stand-ins."""

    world: FieldWorld
    number: int
    notices: list[tuple[str, str]] = field(default_factory=list)
    letters: list[Any] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    minutes: float = 0.0

    def run(self, run_input: Any) -> Execution:
        began = self.world.clock.now
        name = f"arn:aws:states:eu-central-1:123456789012:execution:gopro-sync-orchestrator:night-{self.number}"
        execution = run(_one_at_a_time(), run_input, self._answer, execution_arn=name, clock=self.world.clock)
        self.minutes = (self.world.clock.now - began) / timedelta(minutes=1)
        return execution

    def _answer(self, resource: str, arguments: Any) -> Any:
        target = target_of(resource, arguments)
        answers: dict[str, Callable[[Any], Any]] = {
            "Authenticator": lambda _: {"Payload": {}},
            "MediaLister": partial(self._invoke, media_lister.handler),
            "VideoDownloader": partial(self._invoke, video_downloader.handler),
            "Report": self._report,
            "Count": partial(self._invoke, media_lister.handler),
            "getObject": lambda told: json.loads(self.world.run_files.objects[told["Key"]].data),
            "updateItem": self._update,
            "startExecution": lambda _: {},
            "sendMessage": lambda told: self.letters.append(told["MessageBody"]),
            "publish": lambda told: self.notices.append((told["Subject"], json.loads(told["Message"])["default"])),
        }
        assert target in answers, f"the state machine asks for {target}"
        return answers[target](arguments)

    def _report(self, arguments: Mapping[str, Any]) -> Any:
        reported = self._invoke(media_lister.handler, arguments)
        self.summary = reported["Payload"]["summary"]
        return reported

    def _invoke(self, handler: Callable[..., dict[str, Any]], arguments: Mapping[str, Any]) -> Any:
        with redirect_stdout(io.StringIO()) as told:
            try:
                answer = handler(json.loads(json.dumps(arguments["Payload"])), _Context(self.world.clock))
            except GoProSyncError as error:
                raise TaskError.of_function(type(error).__name__, str(error)) from error
            finally:
                self._read_metrics(told.getvalue())
        return json.loads(json.dumps({"Payload": answer}))

    def _read_metrics(self, told: str) -> None:
        for line in told.splitlines():
            document = json.loads(line) if '"_aws"' in line else None
            if document is not None and "ErrorType" not in document:
                (metric,) = document["_aws"]["CloudWatchMetrics"][0]["Metrics"]
                (self.metrics[metric["Name"]],) = document[metric["Name"]]

    def _update(self, arguments: Mapping[str, Any]) -> Any:
        try:
            self.world.dynamodb.update_item(**arguments)
        except ClientError as error:
            raise TaskError(f"DynamoDB.{error.response['Error']['Code']}", str(error)) from error
        return {}


def _many_spell(key: str, keys: Iterable[str]) -> bool:
    spelt = unicodedata.normalize("NFC", key).casefold()
    return sum(unicodedata.normalize("NFC", other).casefold() == spelt for other in keys) > 1


def _one_at_a_time() -> dict[str, Any]:
    # The interpreter plays the videos one after the other; several at once would meet each other's future in the table.
    machine = state_machine()
    machine["States"]["DownloadVideos"]["MaxConcurrency"] = 1
    return machine


@contextmanager
def field_world() -> Iterator[FieldWorld]:
    """Make a world, and take it down."""
    clock = VirtualClock(_FIRST_NIGHT)
    with (
        pytest.MonkeyPatch.context() as patch,
        FieldCloud() as cloud,
        S3Server() as s3,
        S3Server(is_strict=False) as run_files,  # the strict one is for the proofs that videos travel with
        tracker_table(_TABLE) as dynamodb,
    ):
        world = FieldWorld(cloud=cloud, s3=s3, run_files=run_files, dynamodb=dynamodb, clock=clock)
        _set_environment(patch, cloud)
        _set_time(patch, clock)
        patch.setattr(composition, "part_limits", lambda: world.limits)
        patch.setenv("AWS_ENDPOINT_URL_S3", run_files.endpoint_url)
        run_files_client = make_s3_client()
        patch.setenv("AWS_ENDPOINT_URL_S3", s3.endpoint_url)
        patch.setattr(composition, "s3_client", cache(lambda: run_files_client))
        composition.forget()
        make_secrets_client().create_secret(
            Name=_VARIABLES["CREDENTIALS_SECRET_ID"], SecretString=json.dumps({"auth_token": TOKEN})
        )
        yield world
        with suppress(AttributeError):
            composition._http_client().close()
        composition.forget()


def _set_environment(patch: pytest.MonkeyPatch, cloud: FieldCloud) -> None:
    own = {
        "GOPRO_API_BASE_URL": cloud.api_url,
        "TRANSFER_WORKERS": "2",
        "TRACKER_TABLE_NAME": _TABLE,
        "ARCHIVE_BUCKET_NAME": _NAMES["ArchiveBucketName"],
    }
    for name, value in {**_VARIABLES, **own}.items():
        patch.setenv(name, value)


def _set_time(patch: pytest.MonkeyPatch, clock: VirtualClock) -> None:
    """Let all waits pass in no time, and every clock tell the virtual time."""

    def now() -> datetime:
        return clock.now

    waits = {"sleep": clock.pass_by}
    for module in (composition, media_lister):
        patch.setattr(module, "now_utc", now)
    told = {**waits, "now": now, "jitter": lambda: 0.0}
    patch.setattr("gopro_sync.gopro.client.GoProClient", _made_with(GoProClient, told))
    patch.setattr("gopro_sync.table.request_budget.SharedGate", _made_with(SharedGate, waits))
    patch.setattr("gopro_sync.table.tracker.Tracker", _made_with(Tracker, waits))
    patch.setattr("gopro_sync.archive.thread_crew.ThreadCrew", lambda count: WaitlessCrew(count, clock.pass_by))


def _made_with(made: Callable[..., Any], fixed: Mapping[str, Any]) -> Callable[..., Any]:
    return lambda *given, **named: made(*given, **{**named, **fixed})
