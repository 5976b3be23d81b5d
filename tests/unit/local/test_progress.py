"""A look at a run shows what AWS shows, and what was seen last where AWS does not answer."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.progress import ProgressWatch

RUN = "arn:run"
NOW = dt.datetime(2026, 11, 28, 1, 2, 3, tzinfo=dt.UTC)
DEFINITION = {
    "States": {
        "ListMedia": {
            "Type": "Task",
            "Retry": [{"ErrorEquals": ["ThrottledError"], "IntervalSeconds": 60, "MaxAttempts": 3, "BackoffRate": 2.0}],
        },
        "DownloadVideos": {
            "Type": "Map",
            "ItemProcessor": {"States": {"WaitForLambda": {"Type": "Wait", "Seconds": 30}}},
        },
    }
}


class Aws:
    """A cloud of which each answer can be set, and refused."""

    def __init__(self) -> None:
        self.outputs = {"StateMachineArn": "arn:machine", "TrackerTableName": "table", "ArchiveBucketName": "bucket"}
        self.records: list[dict[str, Any]] = []
        self.parts: dict[str, list[int]] = {}
        self.histories: dict[str, list[dict[str, Any]]] = {RUN: [_entered("DownloadVideos", "Map")]}
        self.children: list[str] = []
        self.refused: set[str] = set()
        self.calls: list[str] = []

    def client(self, _service: str) -> Aws:
        return self

    def get_paginator(self, name: str) -> Paginator:
        return Paginator(lambda **asked: self._page(name, asked))

    def describe_state_machine(self, **_: Any) -> dict[str, Any]:
        return self._answer("describe_state_machine", {"definition": json.dumps(DEFINITION)})

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - the API's name
        video = {"media_id": executionArn, "filename": f"GX\x1b[2J{executionArn}.MP4"}
        return self._answer("describe_execution", {"input": json.dumps({"video": video})})

    def get_execution_history(self, *, executionArn: str, maxResults: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        events = list(reversed(self.histories[executionArn]))[:maxResults]
        return self._answer("get_execution_history", {"events": events})

    def list_map_runs(self, **_: Any) -> dict[str, Any]:
        return self._answer("list_map_runs", {"mapRuns": [{"mapRunArn": "arn:map"}]})

    def list_executions(self, *, maxResults: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        found = [{"executionArn": arn} for arn in self.children[:maxResults]]
        return self._answer("list_executions", {"executions": found})

    def _page(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        if name == "scan":
            return self._answer(name, {"Items": self.records})
        if asked["UploadId"] not in self.parts:
            raise ClientError({"Error": {"Code": "NoSuchUpload"}}, "ListParts")
        return self._answer(name, {"Parts": [{"Size": size} for size in self.parts[asked["UploadId"]]]})

    def _answer(self, name: str, answer: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(name)
        if name in self.refused:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, name)
        return answer


class Paginator:
    def __init__(self, page: Callable[..., dict[str, Any]]) -> None:
        self._page = page

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        return [self._page(**asked)]


def _entered(name: str, kind: str = "Task") -> dict[str, Any]:
    return {"type": f"{kind}StateEntered", "timestamp": NOW, "stateEnteredEventDetails": {"name": name}}


def _failed(error: str) -> dict[str, Any]:
    return {"type": "TaskFailed", "timestamp": NOW, "taskFailedEventDetails": {"error": error}}


def _record(media_id: str, status: str, *, size: int = 100, upload: str | None = None, done: int = 0) -> dict[str, Any]:
    record: dict[str, Any] = {
        "media_id": {"S": media_id},
        "status": {"S": status},
        "file_size": {"N": str(size)},
        "execution_id": {"S": RUN},
        "files": {"L": [{"M": {"size_bytes": {"N": str(done)}}}] if done else []},
    }
    if upload is not None:
        record["upload"] = {"M": {"s3_key": {"S": "key"}, "upload_id": {"S": upload}}}
    return record


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def watch(aws: Aws) -> ProgressWatch:
    return ProgressWatch(aws, execution_arn=RUN, now=lambda: NOW)  # type: ignore[arg-type]  # stands for a cloud


def test_finished_chapters_parts_of_open_uploads_and_archived_videos_count(aws: Aws, watch: ProgressWatch) -> None:
    aws.records = [_record("a", "COMPLETED"), _record("b", "IN_PROGRESS", upload="u", done=30), _record("c", "PENDING")]
    aws.parts = {"u": [10, 15]}

    seen = watch.look()

    assert (seen.moved_bytes, seen.total_bytes) == (155, 300)
    assert (seen.step, seen.completed, seen.total) == ("DownloadVideos", 1, 3)


def test_an_upload_that_is_completed_between_the_record_and_the_parts_still_counts(
    aws: Aws, watch: ProgressWatch
) -> None:
    aws.records, aws.parts = [_record("a", "IN_PROGRESS", upload="u")], {"u": [60, 40]}
    watch.look()
    aws.parts = {}
    assert watch.look().moved_bytes == 100
    aws.records = [_record("a", "IN_PROGRESS")]  # the chapter is finished, and not yet recorded
    assert watch.look().moved_bytes == 100


@pytest.mark.parametrize("refused", ["scan", "list_parts", "get_execution_history", "list_map_runs"])
def test_what_cannot_be_read_is_as_it_was_when_it_was_read_last(aws: Aws, watch: ProgressWatch, refused: str) -> None:
    aws.records, aws.parts = [_record("a", "IN_PROGRESS", upload="u")], {"u": [60]}
    before = watch.look()
    aws.refused = {refused}

    after = watch.look()

    assert (after.moved_bytes, after.total, after.step) == (before.moved_bytes, before.total, before.step)


def test_a_video_that_waits_is_named_with_what_it_waits_for(aws: Aws, watch: ProgressWatch) -> None:
    aws.children = ["m1", "m2"]
    aws.histories |= {"m1": [_failed("Lambda.ServiceException"), _entered("WaitForLambda", "Wait")], "m2": []}

    (wait,) = watch.look().waits

    # An escape sequence in a name does nothing to a terminal.
    assert wait.line.startswith("GX[2Jm1.MP4: Lambda.ServiceException, next in ")


def test_a_step_before_any_video_that_waits_is_named(aws: Aws, watch: ProgressWatch) -> None:
    aws.histories[RUN] = [_entered("ListMedia"), _failed("ThrottledError")]

    (wait,) = watch.look().waits

    assert wait.line.startswith("ListMedia: ThrottledError, attempt 1 of 4, next in ")


def test_of_a_thousand_children_a_few_are_asked_and_not_with_every_look(aws: Aws, watch: ProgressWatch) -> None:
    aws.children = [f"m{number}" for number in range(1000)]
    aws.histories |= {child: [_entered("WaitForLambda", "Wait")] for child in aws.children}

    for _ in range(5):
        assert len(watch.look().waits) == 10

    assert aws.calls.count("list_executions") == 1
    assert aws.calls.count("get_execution_history") == 5 + 10
