"""Runs of the state machine in virtual time; what its tasks fail with is given, all else succeeds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from gates.template import state_machine
from gopro_sync.run.notices import notice_of
from gopro_sync.run.run_end import read_run_end
from tests.support.state_machine import STARTED_AT, Execution, TaskError, VirtualClock, run, target_of

_BEGAN: Final = datetime.fromisoformat(STARTED_AT)
_PLANNED_MINUTES: Final = 110
_SIZE_BYTES: Final = 5
_RETRY_COUNT: Final = ":retry_count"
# What a state writes into the history: a task its entry, schedule, start, success and exit; any other entry and exit.
_EVENTS_OF_A_TASK: Final = 5
_EVENTS_OF_A_STATE: Final = 2


@dataclass(kw_only=True)
class _Night:
    given: Mapping[str, Any]
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(_BEGAN))
    called: list[tuple[str, Any]] = field(default_factory=list)
    met: Counter[int] = field(default_factory=Counter)

    def answer(self, task_resource: str, arguments: Any) -> Any:
        target = target_of(task_resource, arguments)
        self.called.append((target, arguments))
        self._fail(target, arguments)
        match target:
            case "MediaLister":
                return {"Payload": self._listing()}
            case "VideoDownloader":
                return {"Payload": self._download(arguments["Payload"])}
            case "getObject":
                return [self._manifest_item(number) for number in range(self.given.get("videos", 1))]
            case "Report":
                return {"Payload": self._report(arguments["Payload"])}
            case _:
                return {"Payload": {}}

    def sent_to(self, target: str) -> list[Any]:
        return [arguments for called, arguments in self.called if called == target]

    @property
    def minutes_gone(self) -> float:
        return (self.clock.now - _BEGAN) / timedelta(minutes=1)

    def _fail(self, target: str, arguments: Any) -> None:
        for index, failure in enumerate(self.given.get("failures", [])):
            if failure["at"] != target or failure.get("of", "") not in json.dumps(arguments):
                continue
            begin, end = failure.get("minutes", [0, 24 * 60])
            if not begin <= self.minutes_gone < end or self.met[index] >= failure.get("times", 10**6):
                continue
            self.met[index] += 1
            raise TaskError(failure["error"], _cause(failure.get("cause", "no")))

    def _listing(self) -> dict[str, Any]:
        deadline = _BEGAN + timedelta(minutes=_PLANNED_MINUTES)
        nothing = ("already_synced", "postponed", "filtered", "unavailable", "unrecorded", "unrecordable")
        videos, remaining = self.given.get("videos", 1), self.given.get("remaining", 0)
        return {
            "manifest": {"bucket": "archive", "key": "runs/night/manifest.json"},
            "run_deadline": deadline.isoformat().replace("+00:00", "Z"),
            **dict.fromkeys(nothing, 0),
            "total_found": videos + remaining,
            "new_count": videos,
            "remaining": remaining,
            "skipped": {},
            "unavailable_videos": [],
            "unrecordable_videos": [],
        }

    def _manifest_item(self, number: int) -> dict[str, Any]:
        media_id = f"id-{number:04}".ljust(self.given.get("length_of_ids", 7), "x")
        return {
            "media_id": media_id,
            "filename": "GX010456.MP4",
            "s3_key": f"gopro-videos/2026/02/{media_id}.MP4",
            "retry_count": 0,
        }

    def _download(self, event: dict[str, Any]) -> dict[str, Any]:
        reported = {"bytes_transferred": 0, "bytes_sent": 0, "transfer_duration_seconds": 1}
        if datetime.fromisoformat(event["run_deadline"]) - self.clock.now < timedelta(seconds=45):
            return {"status": "DEFERRED", **reported}
        if "waits_seconds" in self.given:
            return {"status": "WAITING", "wait_seconds": self.given["waits_seconds"], **reported}
        self.clock.pass_by(20)
        return {"status": "COMPLETED", **reported, "bytes_transferred": _SIZE_BYTES, "bytes_sent": _SIZE_BYTES}

    def _report(self, event: dict[str, Any]) -> dict[str, Any]:
        end = read_run_end(event, execution_id=event["execution_id"], now=self.clock.now)
        notice = notice_of(
            end.summary,
            end.failure,
            environment=self.given.get("environment", "prod"),
            tracker_table_name="tracker",
            backlog=end.backlog,
        )
        return {
            "summary": end.summary,
            "notice": notice and asdict(notice),
            "failure": end.failure and asdict(end.failure),
        }


def play_night(given: Mapping[str, Any]) -> dict[str, Any]:
    """Run the state machine once.

    ``given``: ``videos`` (how many), ``remaining``, ``failures`` (``at`` which task, ``error``, ``cause``, ``minutes``
    from and to, ``times``, ``of`` whose text), ``waits_seconds`` (the downloader answers WAITING all night),
    ``environment`` and ``length_of_ids``.
    """
    night = _Night(given=given)
    execution = run(state_machine(given.get("environment", "prod")), {}, night.answer, clock=night.clock)
    summary = _summary(night, execution)
    marks = [update for update in night.sent_to("updateItem") if _RETRY_COUNT in str(update)]
    mails = night.sent_to("publish")
    taken = [mail for mail in mails if not _is_refused(given, "publish")]
    subjects = [mail["Subject"] for mail in mails]
    return {
        "status": execution.status,
        "error": execution.error,
        "message": execution.cause or "",
        **{name: summary.get(name) for name in ("synced", "failed", "deferred", "bytes_transferred", "failures")},
        "marked": len({json.dumps(mark["Key"]) for mark in marks}),
        "attempts": [int(mark["ExpressionAttributeValues"][_RETRY_COUNT]["N"]) for mark in marks],
        "longest_error_message": max((len(reported) for reported in _messages(marks)), default=0),
        "dead_letters": len({json.dumps(letter["MessageBody"]) for letter in night.sent_to("sendMessage")}),
        "notices": len({mail["Message"] for mail in taken}),
        "notice": json.loads(mails[0]["Message"])["default"] if mails else "",
        "longest_subject": max((len(subject) for subject in subjects), default=0),
        "subjects_are_plain": all(subject.isascii() and subject.isprintable() for subject in subjects),
        "asked": Counter(target for target, _ in night.called),
        "minutes": night.minutes_gone,
        "waits": [seconds for _, seconds in execution.waits] + execution.pauses,
        "bytes_of_a_thousand_outcomes": 1000
        * max((len(json.dumps(reported)) for reported in execution.outcomes), default=0),
        "events": _events(execution),
        "next_runs": len({start["Name"] for start in night.sent_to("startExecution")}),
    }


def _cause(reported: Any) -> str | None:
    """Return a cause, a long one written as what is repeated and how often."""
    if isinstance(reported, dict):
        return str(reported["begins"]) + str(reported["repeats"]) * int(reported["times"]) + str(reported["ends"])
    return None if reported is None else str(reported)


def _messages(marks: Sequence[Mapping[str, Any]]) -> list[str]:
    return [mark["ExpressionAttributeValues"][":error_message"]["S"] for mark in marks]


def _summary(night: _Night, execution: Execution) -> dict[str, Any]:
    if execution.output is not None:
        return dict(execution.output)
    reports = night.sent_to("Report")
    return dict(reports[-1]["Payload"].get("summary", {})) if reports else {}


def _is_refused(given: Mapping[str, Any], target: str) -> bool:
    return any(failure["at"] == target and "times" not in failure for failure in given.get("failures", []))


def _events(execution: Execution) -> int:
    machine = state_machine()["States"]
    tasks = {name for name, state in machine.items() if state["Type"] == "Task"}
    tasks |= {
        name for name, state in machine["DownloadVideos"]["ItemProcessor"]["States"].items() if state["Type"] == "Task"
    }
    return sum(_EVENTS_OF_A_TASK if name in tasks else _EVENTS_OF_A_STATE for name in execution.visited)
