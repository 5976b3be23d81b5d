"""`status`, `runs` and `run` ask AWS for much at once: what is refused spoils nothing else."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gopro_sync.errors import ConfigurationError
from gopro_sync.run.run_files import summary_key
from gopro_sync.table.video_counts import VideoCounts
from gopro_sync.values.timestamps import iso_utc
from gopro_sync_cli.runs_reading import RunsReader
from gopro_sync_cli.status_facts import CountedVideos, Facts, Login, MonthCost, Unread
from gopro_sync_cli.status_reading import Clients, read_facts
from gopro_sync_cli.status_verdict import Word, judge

STACK: Final = "gopro-s3-sync"
MACHINE: Final = "arn:aws:states:eu-central-1:123456789012:stateMachine:gopro-sync-orchestrator"
EXECUTIONS: Final = MACHINE.replace("stateMachine", "execution")
OUTPUTS: Final = {
    "ArchiveBucketName": "archive",
    "TrackerTableName": "tracker",
    "CredentialsSecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gopro/credentials-abcdef",
    "StateMachineArn": MACHINE,
    "ScheduleName": "nightly",
    "AlertsTopicArn": "arn:aws:sns:eu-central-1:123456789012:alerts",
}
NONE_OF_THESE: Final = ("pending", "in_progress", "failed", "gone", "unreadable", "just_completed")
NOW: Final = datetime(2026, 11, 28, 1, 30, tzinfo=UTC)


class FakeClient:
    """An AWS client whose calls are functions of a test's, also where they are made page by page."""

    def __init__(self, **calls: Callable[..., Any]) -> None:
        self._calls = calls
        self.exceptions = SimpleNamespace(NoSuchKey=KeyError)
        self.meta = SimpleNamespace(region_name="eu-central-1", endpoint_url="https://x.eu-central-1.amazonaws.com")

    def __getattr__(self, name: str) -> Any:
        return self._calls[name]

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=lambda **asked: iter([self._calls[name](**asked)]))

    def refusing(self, name: str, error: Exception) -> FakeClient:
        """Return the same client, one of whose calls is refused."""

        def refuse(**_: Any) -> Any:
            raise error

        return FakeClient(**{**self._calls, name: refuse})


class World:
    """A stack of which `status` can read all: two archived videos."""

    def __init__(self) -> None:
        self.executions: list[dict[str, Any]] = []
        self.objects: dict[str, bytes] = {}
        self.secret: str | None = None
        self.clients = Clients(
            cloudformation=FakeClient(describe_stacks=self._stacks),  # type: ignore[arg-type]
            step_functions=FakeClient(list_executions=self._list_executions),  # type: ignore[arg-type]
            s3=FakeClient(list_objects_v2=self._list_objects, get_object=self._object),  # type: ignore[arg-type]
            dynamodb=FakeClient(query=self._query, scan=self._scan, describe_table=self._table),  # type: ignore[arg-type]
            scheduler=FakeClient(get_schedule=self._schedule),
            secrets_manager=FakeClient(get_secret_value=self._secret),  # type: ignore[arg-type]
            sns=FakeClient(list_subscriptions_by_topic=lambda **_: {"Subscriptions": []}),  # type: ignore[arg-type]
            cloudwatch=FakeClient(get_metric_data=lambda **_: {"MetricDataResults": []}),  # type: ignore[arg-type]
        )

    def refuse(self, service: str, method: str, error: Exception) -> None:
        self.clients = replace(self.clients, **{service: getattr(self.clients, service).refusing(method, error)})

    def store_login(self) -> None:
        login = {"username": "a@example.com", "password": "p", "client_id": "i", "client_secret": "s"}
        self.secret = json.dumps(login)

    def run(self, name: str, *, is_over: bool = True, **more: Any) -> None:
        """Let there have been a run, whose summary is kept; or let there be one."""
        execution = {
            "name": name,
            "executionArn": f"{EXECUTIONS}:{name}",
            "status": "SUCCEEDED" if is_over else "RUNNING",
            "startDate": NOW - timedelta(minutes=2),
        }
        self.executions.append(execution | ({"stopDate": NOW - timedelta(minutes=1)} if is_over else {}))
        summary = {
            "execution_id": execution["executionArn"],
            "status": "SUCCEEDED",
            "started_at": iso_utc(NOW - timedelta(minutes=2)),
            "duration_seconds": 60,
            "total_found": 2,
            "synced": 2,
            "failed": 0,
            "cost_usd": 1.5,
            "counted_at": iso_utc(NOW - timedelta(minutes=1)),
            "videos": {"total": 2, "completed": 2} | dict.fromkeys(NONE_OF_THESE, 0),
        }
        if is_over:
            self.keep(summary | more)

    def keep(self, summary: dict[str, Any]) -> None:
        key = summary_key(summary["execution_id"], datetime.fromisoformat(summary["started_at"]))
        self.objects[key] = json.dumps(summary).encode()

    def facts(self, **more: Any) -> Facts:
        return read_facts(self.clients, STACK, program="gopro-sync", now=NOW, **more)

    def _stacks(self, **asked: Any) -> Any:
        if asked.get("StackName", STACK) != STACK:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "no"}}, "DescribeStacks")
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in OUTPUTS.items()]
        return {"Stacks": [{"StackName": STACK, "StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}]}

    def _list_executions(self, **asked: Any) -> Any:
        wanted = asked.get("statusFilter")
        return {"executions": [item for item in self.executions if wanted in {None, item["status"]}]}

    def _list_objects(self, **asked: Any) -> Any:
        after = asked.get("StartAfter", "")
        return {"Contents": [{"Key": key} for key in sorted(self.objects) if key > after]}

    def _object(self, **asked: Any) -> Any:
        return {"Body": io.BytesIO(self.objects[asked["Key"]])}

    def _query(self, **_: Any) -> Any:
        return {"Count": 0, "ScannedCount": 0, "Items": []}  # nothing has changed since

    def _scan(self, **asked: Any) -> Any:
        return {"ScannedCount": 2 if asked["Segment"] == 0 else 0, "Items": []}

    def _table(self, **_: Any) -> Any:
        return {"Table": {"CreationDateTime": NOW - timedelta(days=500)}}

    def _schedule(self, **_: Any) -> Any:
        return {"State": "ENABLED", "ScheduleExpression": "cron(0 1 * * ? *)", "ScheduleExpressionTimezone": "UTC"}

    def _secret(self, **_: Any) -> Any:
        if self.secret is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetSecretValue")
        return {"SecretString": self.secret, "CreatedDate": NOW}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.delenv("GOPRO_SYNC_STACK", raising=False)
    return World()


def denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)


def test_a_new_stack_has_no_login_and_no_run(world: World) -> None:
    facts = world.facts()
    assert (facts.login, facts.runs, facts.unread()) == (Login(mode=None), (), {})
    assert judge(facts).command == "gopro-sync credentials set"


def test_all_that_is_known_of_a_stack_is_read(world: World) -> None:
    world.store_login()
    world.run("night")

    facts = world.facts()

    assert facts.unread() == {}
    assert isinstance(facts.videos, CountedVideos)
    assert (facts.videos.counts, facts.videos.is_recount) == (VideoCounts(total=2, completed=2), False)
    assert facts.cost == MonthCost(usd=1.5, runs=1, others=0)
    assert judge(facts).word is Word.SAFE


@pytest.mark.parametrize(
    ("service", "method", "fact"),
    [
        ("step_functions", "list_executions", "executions"),
        ("s3", "list_objects_v2", "summaries"),
        ("s3", "get_object", "summaries"),
        ("scheduler", "get_schedule", "schedule"),
        ("secrets_manager", "get_secret_value", "login"),
        ("sns", "list_subscriptions_by_topic", "alerts"),
        ("cloudwatch", "get_metric_data", "storage"),
    ],
)
@pytest.mark.parametrize("why", ["denied", "unreachable"])
def test_one_call_that_is_refused_leaves_the_others(
    world: World, service: str, method: str, fact: str, why: str
) -> None:
    world.store_login()
    world.run("night")
    error = denied("X") if why == "denied" else EndpointConnectionError(endpoint_url="https://x.example")
    world.refuse(service, method, error)

    facts = world.facts()

    assert facts.unread().keys() - {"cost"} == {fact}
    assert isinstance(facts.videos, CountedVideos)
    assert facts.videos.counts.completed == 2
    assert facts.unread()[fact].is_denied is (why == "denied")
    is_decisive = fact not in {"alerts", "storage"}
    assert judge(facts).word is (Word.UNKNOWN if is_decisive else Word.SAFE)


@pytest.mark.parametrize("method", ["query", "describe_table"])
def test_where_the_index_cannot_be_read_the_table_is_counted(world: World, method: str) -> None:
    world.run("night")
    world.refuse("dynamodb", method, denied("Query"))
    videos = world.facts().videos
    assert isinstance(videos, CountedVideos)
    assert (videos.is_recount, videos.counts.completed) == (True, 2)


def test_where_neither_can_be_read_the_counts_are_not_known(world: World) -> None:
    world.store_login()
    world.run("night")
    for method in ("query", "scan"):
        world.refuse("dynamodb", method, denied(method))
    facts = world.facts()
    assert isinstance(facts.videos, Unread)
    assert judge(facts).word is Word.UNKNOWN


def a_run_at_work(world: World) -> None:
    world.run("now", is_over=False)


def a_run_that_was_stopped(world: World) -> None:
    world.run("stopped", is_over=False)
    world.executions[-1] |= {"status": "ABORTED", "stopDate": NOW}


def no_counts(world: World) -> None:
    for text in list(world.objects.values()):
        summary = json.loads(text)
        del summary["videos"]
        world.keep(summary)


@pytest.mark.parametrize("change", [a_run_at_work, a_run_that_was_stopped, no_counts])
def test_where_the_last_count_says_too_little_the_table_is_counted(
    world: World, change: Callable[[World], None]
) -> None:
    world.run("night")
    change(world)
    videos = world.facts().videos
    assert isinstance(videos, CountedVideos)
    assert videos.is_recount


def test_a_person_can_ask_for_a_recount(world: World) -> None:
    world.run("night")
    videos = world.facts(counts_anew=True).videos
    assert isinstance(videos, CountedVideos)
    assert videos.is_recount


def test_a_secret_that_is_no_login_is_told_as_one(world: World) -> None:
    world.secret = "my-password"
    facts = world.facts()
    verdict = judge(facts)
    assert verdict.word is Word.BROKEN
    assert "my-password" not in str(facts) + str(verdict)


def test_what_lies_among_the_summaries_and_is_none_is_passed_over(world: World) -> None:
    world.store_login()
    world.run("night")
    for name in ("summaries/", "summaries/readme.txt", "summaries/2026/01/20261399T000000000Z-x.json"):
        world.objects[name] = b"x"
    assert judge(world.facts()).word is Word.SAFE


def test_a_stack_that_is_paused_for_months_still_has_its_last_run(world: World) -> None:
    began = NOW - timedelta(days=300)
    world.keep({"execution_id": f"{EXECUTIONS}:old", "status": "SUCCEEDED", "started_at": iso_utc(began), "synced": 2})
    (run,) = world.facts().runs
    assert (run.name, run.started_at) == ("old", began)


def test_there_is_no_stack(world: World) -> None:
    with pytest.raises(ConfigurationError, match="There is no stack 'other'"):
        read_facts(world.clients, "other", program="gopro-sync", now=NOW)


def test_runs_and_one_of_them(world: World) -> None:
    world.run("night-1")
    world.run("night-2", synced=5)
    reader = RunsReader(world.clients, STACK)
    last = reader.last(20)
    assert ({run.name for run in last.runs}, last.unread) == ({"night-1", "night-2"}, ())
    assert len(reader.last(1).runs) == 1
    (run,) = reader.find("night-2").runs
    assert run.summary is not None
    assert run.summary.synced == 5
    with pytest.raises(ConfigurationError, match="type more of it"):
        reader.find("night")
    with pytest.raises(ConfigurationError, match="There is no run 'x'; the last ones are night-"):
        reader.find("x")


@pytest.mark.parametrize(("service", "method"), [("step_functions", "list_executions"), ("s3", "list_objects_v2")])
def test_of_runs_what_can_be_read_is_shown(world: World, service: str, method: str) -> None:
    world.run("night")
    world.refuse(service, method, denied("X"))
    read = RunsReader(world.clients, STACK).last(20)
    assert [run.name for run in read.runs] == ["night"]
    assert len(read.unread) == 1
