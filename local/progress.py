"""How far a run is, and what it waits for, from what AWS shows: nothing is asked of the functions."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from gopro_sync.values.outside_values import one_line
from local.cloud import Cloud
from local.run_tally import RunTally, VideoReading
from local.waiting import States, Waiting, waiting_of

# Children of the map are asked why they wait: of many, only the first ones.
_CHILDREN_LOOKED_AT = 10
# Enough for all attempts of one state.
_EVENTS_LOOKED_AT = 100
# What a wait is for seldom changes, and each child is a request: so much of the time, and no more often than that, or
# how far the run is would be seen too seldom.
_SHARE_FOR_REASONS = 0.05
_SECONDS_BETWEEN_REASONS = 3.0
_LONGEST_NAME_BYTES = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Something that waits.

    Attributes:
        line: what, and for what, such as "GX010042.MP4: refused by the CDN (429), attempt 1 of 6, next within 40 s".
        which: names this wait, and stays the same while its seconds run.
    """

    line: str
    which: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        step: the state that the state machine is in.
        total: videos of this run that are known so far.
        completed: of these, archived and verified.
        failed: of these, given up.
        total_bytes: their size by GoPro's listing.
        moved_bytes: what S3 has of them, unfinished uploads included; it never falls.
        seconds: since the run started.
        waits: what waits at this moment.
    """

    step: str
    total: int
    completed: int
    failed: int
    total_bytes: int
    moved_bytes: int
    seconds: float
    waits: tuple[Wait, ...] = ()


@dataclass(slots=True)
class _Reasons:
    found: list[tuple[str, Waiting]] = field(default_factory=list)
    due_at: float = float("-inf")

    def has_one_over(self, now: dt.datetime) -> bool:
        """Return whether something may have ended its wait since."""
        return any(waiting.until is not None and waiting.until <= now for _, waiting in self.found)


class ProgressWatch:
    """Look at a run again and again.

    What cannot be read at a moment (throttled, a key that is switched off) is as it was when it was read last.

    Args:
        cloud: where it runs.
        execution_arn: which one.
        now: tells the time, in UTC.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        execution_arn: str,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._now = now
        self._execution_arn = execution_arn
        self._executions = frozenset({execution_arn})
        self._machine = cloud.outputs["StateMachineArn"]
        self._table = cloud.outputs["TrackerTableName"]
        self._bucket = cloud.outputs["ArchiveBucketName"]
        self._tracker = cloud.client("dynamodb")
        self._s3 = cloud.client("s3")
        self._step_functions = cloud.client("stepfunctions")
        self._started = time.monotonic()
        self._tally = RunTally()
        self._held: dict[str, int] = {}
        self._step = ""
        self._names: dict[str, str] = {}
        self._states: tuple[States, States] | None = None
        self._reasons = _Reasons()

    def go_on_with(self, execution_arn: str) -> None:
        """From now on, look at another execution, which resumes this one's backlog.

        Args:
            execution_arn: the execution; what was counted stays counted.
        """
        self._execution_arn = execution_arn
        self._executions |= {execution_arn}
        self._step, self._reasons = "", _Reasons()

    def look(self) -> Progress:
        """Return how far it is now."""
        with suppress(ClientError):
            self._tally.see(list(self._readings()), execution_ids=self._executions)
        with suppress(ClientError):
            self._look_at_history()
        now = self._now()
        return Progress(
            step=self._step,
            total=self._tally.total,
            completed=self._tally.completed,
            failed=self._tally.failed,
            total_bytes=self._tally.total_bytes,
            moved_bytes=self._tally.moved_bytes,
            seconds=time.monotonic() - self._started,
            waits=tuple(
                Wait(line=f"{subject}: {waiting.words(now)}", which=f"{subject} {waiting.reason} {waiting.until}")
                for subject, waiting in self._reasons.found
            ),
        )

    # --- how far ------------------------------------------------------------------------------------------------------

    def _readings(self) -> Iterator[VideoReading]:
        pages = self._tracker.get_paginator("scan").paginate(
            TableName=self._table,
            ProjectionExpression="media_id, #status, file_size, execution_id, files, #upload.s3_key, #upload.upload_id",
            # An item without a status is not a video, and one that waits for GoPro is not part of this run.
            FilterExpression="attribute_exists(#status) AND attribute_not_exists(waiting_reason)",
            ExpressionAttributeNames={"#status": "status", "#upload": "upload"},
        )
        for page in pages:
            for item in page["Items"]:
                yield VideoReading(
                    media_id=item["media_id"]["S"],
                    status=item["status"]["S"],
                    execution_id=item.get("execution_id", {}).get("S"),
                    size_bytes=_number(item, "file_size"),
                    held_bytes=_finished_bytes(item) + self._bytes_in_upload(item),
                )

    def _bytes_in_upload(self, item: Mapping[str, Any]) -> int:
        upload = item.get("upload", {}).get("M", {})
        upload_id = upload.get("upload_id", {}).get("S")
        if not upload_id or item["status"]["S"] == "COMPLETED":
            return 0
        if item["status"]["S"] != "IN_PROGRESS" and upload_id in self._held:  # nobody works on it
            return self._held[upload_id]
        with suppress(ClientError):  # it has been completed or abandoned since
            pages = self._s3.get_paginator("list_parts").paginate(
                Bucket=self._bucket, Key=upload["s3_key"]["S"], UploadId=upload_id
            )
            self._held[upload_id] = sum(part["Size"] for page in pages for part in page.get("Parts", []))
        return self._held.get(upload_id, 0)

    # --- where, and what it waits for ---------------------------------------------------------------------------------

    def _look_at_history(self) -> None:
        events = self._events(self._execution_arn, with_data=False)
        names = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        self._step = names[-1] if names else self._step
        began = time.monotonic()
        if began >= self._reasons.due_at or self._reasons.has_one_over(self._now()):
            found = list(self._waits(events))
            now = time.monotonic()
            self._reasons = _Reasons(
                found=found, due_at=now + max(_SECONDS_BETWEEN_REASONS, (now - began) / _SHARE_FOR_REASONS)
            )

    def _waits(self, events: list[dict[str, Any]]) -> Iterator[tuple[str, Waiting]]:
        machine, map_states = self._definition()
        if (waiting := waiting_of(events, machine)) is not None:
            yield self._step, waiting
            return
        if machine.get(self._step, {}).get("Type") != "Map":
            return
        for arn in self._running_children():
            waiting = waiting_of(self._events(arn, with_data=True), map_states)
            if waiting is not None:
                yield self._name(arn), waiting

    def _events(self, arn: str, *, with_data: bool) -> list[dict[str, Any]]:
        history = self._step_functions.get_execution_history(
            executionArn=arn, reverseOrder=True, maxResults=_EVENTS_LOOKED_AT, includeExecutionData=with_data
        )
        return list(reversed(history["events"]))

    def _running_children(self) -> list[str]:
        runs = self._step_functions.list_map_runs(executionArn=self._execution_arn)["mapRuns"]
        return [
            child["executionArn"]
            for run in runs
            for child in self._step_functions.list_executions(
                mapRunArn=run["mapRunArn"], statusFilter="RUNNING", maxResults=_CHILDREN_LOOKED_AT
            )["executions"]
        ]

    def _name(self, arn: str) -> str:
        """Return the name of the video that a child of the map is about."""
        if arn not in self._names:
            video = json.loads(self._step_functions.describe_execution(executionArn=arn)["input"])["video"]
            self._names[arn] = one_line(video.get("filename") or video["media_id"], longest_bytes=_LONGEST_NAME_BYTES)
        return self._names[arn]

    def _definition(self) -> tuple[States, States]:
        if self._states is None:
            machine = self._step_functions.describe_state_machine(stateMachineArn=self._machine)
            states: States = json.loads(machine["definition"])["States"]
            maps = [state for state in states.values() if state["Type"] == "Map"]
            of_map: States = maps[0]["ItemProcessor"]["States"] if maps else {}
            self._states = states, of_map
        return self._states


def _number(item: Mapping[str, Any], name: str) -> int:
    return int(item.get(name, {"N": "0"})["N"])


def _finished_bytes(item: Mapping[str, Any]) -> int:
    return sum(_number(file["M"], "size_bytes") for file in item.get("files", {}).get("L", []))
