"""A small interpreter of the part of the Amazon States Language that sync.asl.json uses, for tests without a cloud.

Tasks are answered by a function of the test; retries wait for nothing and are noted instead. It is strict: a field that
it does not know is an error, and so are, as on AWS, an undefined expression and an output beyond 256 KiB. A child of
the map that fails comes back whole.

With a `VirtualClock` the waits pass on it, and so does what a test lets its tasks take: a task beyond its time limit
times out, so does the run, and the children of the map have the time that they would have, several at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from local.engine.jsonata import QueryEvaluationError, evaluate

STATE_SIZE_LIMIT_BYTES: Final = 256 * 1024
_DATA_LIMIT_EXCEEDED: Final = "States.DataLimitExceeded"
EXECUTION_ARN: Final = "arn:aws:states:eu-west-1:123456789012:execution:gopro-sync-orchestrator:night"
STARTED_AT: Final = "2026-03-01T02:00:00.000Z"
ENTERED_AT: Final = "2026-03-01T02:10:30.250Z"

_KNOWN_FIELDS: Final = {
    "Task": {"Resource", "Arguments", "TimeoutSeconds", "Retry", "Catch"},
    "Map": {
        *("Label", "ItemReader", "ItemSelector", "ItemProcessor", "MaxConcurrency", "ToleratedFailurePercentage"),
        *("ToleratedFailureCount", "Retry", "Catch"),
    },
    "Pass": set(),
    "Wait": {"Seconds"},
    "Choice": {"Choices", "Default"},
    "Fail": {"Error", "Cause"},
    "Succeed": set(),
}
_MOST_STATES: Final = 200_000
_COMMON_FIELDS: Final = {"Type", "Comment", "Next", "End", "Output", "Assign"}


class TaskError(Exception):
    """What a task fails with: the name that Retry and Catch match, and the cause."""

    def __init__(self, error: str, cause: str | None = None) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause

    @classmethod
    def of_function(cls, error: str, message: str) -> TaskError:
        """Return the error as Step Functions reports an exception that a Python function raised."""
        trace = ['  File "/var/task/gopro_sync/handlers/entry_point.py", line 36, in handler\n']
        return cls(error, json.dumps({"errorMessage": message, "errorType": error, "stackTrace": trace}))

    def as_error_output(self) -> dict[str, str]:
        """Return what ``$states.errorOutput`` holds."""
        return {"Error": self.error} | ({} if self.cause is None else {"Cause": self.cause})


@dataclass(slots=True, kw_only=True)
class Execution:
    """How an execution went."""

    status: str = "RUNNING"
    output: Any = None
    error: str | None = None
    cause: str | None = None
    visited: list[str] = field(default_factory=list)
    waits: list[tuple[str, float]] = field(default_factory=list)
    """State and seconds of every wait before a retry, without jitter."""
    pauses: list[float] = field(default_factory=list)
    """Seconds of every Wait state."""
    outcomes: list[Any] = field(default_factory=list)
    """What the children of the map put out; a child that failed put out nothing."""
    results: list[Any] = field(default_factory=list)
    """The same with those that failed, each of them whole: what the map works with."""


class RunTimedOutError(Exception):
    """The run has reached its own time limit, which nothing in it can catch."""


class VirtualClock:
    """A time that passes by being waited for.

    Args:
        now: where it begins.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now

    def pass_by(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += timedelta(seconds=seconds)

    @property
    def text(self) -> str:
        """The time as Step Functions writes it."""
        return self.now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


type TaskAnswer = Callable[[str, Any], Any]
"""From the task's resource and arguments to its result; raises TaskError."""


@dataclass(slots=True, kw_only=True)
class _Scope:
    """What an execution, or a child of the map, can see."""

    states: Mapping[str, Any]
    context: dict[str, Any]
    variables: dict[str, Any]
    clock: VirtualClock | None = None
    ends_at: datetime | None = None


def target_of(task_resource: str, arguments: Any) -> str:
    """Return who a task asks: a function, by what it is asked for, or an action of another service."""
    target = task_resource.rsplit(":", 1)[-1]
    if target != "invoke":
        return target
    function: str = arguments["FunctionName"].removesuffix("Function.Arn")
    return {"report_run": "Report", "count_run": "Count"}.get(arguments["Payload"].get("action"), function)


def run(
    definition: Mapping[str, Any],
    run_input: Any,
    answer: TaskAnswer,
    *,
    execution_arn: str = EXECUTION_ARN,
    started_at: str = STARTED_AT,
    entered_at: str = ENTERED_AT,
    clock: VirtualClock | None = None,
) -> Execution:
    """Run a definition, its substitutions already made, to its end.

    Args:
        definition: the parsed state machine.
        run_input: the execution's input.
        answer: what the tasks and the item reader answer.
        execution_arn: the execution's name.
        started_at: when it starts.
        entered_at: when each of its states is entered.
        clock: what tells when it starts and when its states are entered, instead of these two.
    """
    if clock is not None:
        started_at = entered_at = clock.text
    ends_at = None if clock is None else clock.now + timedelta(seconds=definition["TimeoutSeconds"])
    context = {
        "Execution": {
            "Id": execution_arn,
            "Input": run_input,
            "Name": execution_arn.rsplit(":", 1)[-1],
            "StartTime": started_at,
        },
        "StateMachine": {"Id": "arn:aws:states:eu-west-1:123456789012:stateMachine:gopro-sync-orchestrator"},
        "State": {"EnteredTime": entered_at, "RetryCount": 0},
    }
    execution = Execution()
    scope = _Scope(states=definition["States"], context=context, variables={}, clock=clock, ends_at=ends_at)
    try:
        _run_states(scope, definition["StartAt"], run_input, answer, execution)
    except RunTimedOutError:
        execution.status = "TIMED_OUT"
    return execution


def _run_states(scope: _Scope, name: str | None, state_input: Any, answer: TaskAnswer, execution: Execution) -> None:
    try:
        while name is not None:
            execution.visited.append(name)
            assert len(execution.visited) < _MOST_STATES, "it goes round and round: does it wait for time to pass?"
            _enter(scope)
            state = scope.states[name]
            unknown = state.keys() - _COMMON_FIELDS - _KNOWN_FIELDS[state["Type"]]
            assert not unknown, f"{name}: the test's interpreter does not know {unknown}"
            if state["Type"] == "Fail":
                _fail(scope, state, state_input, execution)
                return
            name, state_input = _run_state(scope, name, state_input, answer, execution)
            assert len(json.dumps(state_input)) <= STATE_SIZE_LIMIT_BYTES, "States.DataLimitExceeded"
        execution.status, execution.output = "SUCCEEDED", state_input
    except TaskError as error:
        execution.status, execution.error, execution.cause = "FAILED", error.error, error.cause


def _enter(scope: _Scope) -> None:
    if scope.clock is None:
        return
    if scope.ends_at is not None and scope.clock.now >= scope.ends_at:
        raise RunTimedOutError
    scope.context = scope.context | {"State": {"EnteredTime": scope.clock.text}}


def _pass_by(scope: _Scope, seconds: float) -> None:
    if scope.clock is not None:
        scope.clock.pass_by(seconds)


def _fail(scope: _Scope, state: Mapping[str, Any], state_input: Any, execution: Execution) -> None:
    execution.status = "FAILED"
    execution.error = _fill(scope, state["Error"], {"input": state_input})
    execution.cause = _fill(scope, state["Cause"], {"input": state_input})


def _run_state(
    scope: _Scope, name: str, state_input: Any, answer: TaskAnswer, execution: Execution
) -> tuple[str | None, Any]:
    state = scope.states[name]
    if state["Type"] == "Choice":
        return _choose(scope, state, state_input), state_input
    if state["Type"] in {"Pass", "Succeed"}:
        return _leave(scope, state, {"input": state_input}, default=state_input)
    if state["Type"] == "Wait":
        execution.pauses.append(_fill(scope, state["Seconds"], {"input": state_input}))
        _pass_by(scope, execution.pauses[-1])
        return _leave(scope, state, {"input": state_input}, default=state_input)
    run_once = _run_map if state["Type"] == "Map" else _run_task
    attempts: dict[int, int] = {}
    while True:
        scope.context["State"] = {**scope.context["State"], "RetryCount": sum(attempts.values())}
        try:
            result = run_once(scope, state, state_input, answer, execution)
            return _leave(scope, state, {"input": state_input, "result": result}, default=result)
        except TaskError as error:
            wait = _wait_before_retry(state, error, attempts)
            if wait is not None:
                execution.waits.append((name, wait))
                _pass_by(scope, wait)
                continue
            catcher = _matching(state["Catch"], error)
            if catcher is None:
                raise
            visible = {"input": state_input, "errorOutput": error.as_error_output()}
            return _leave(scope, catcher[1], visible, default=error.as_error_output())


def _run_task(
    scope: _Scope, state: Mapping[str, Any], state_input: Any, answer: TaskAnswer, execution: Execution
) -> Any:
    del execution
    timeout_seconds = _fill(scope, state["TimeoutSeconds"], {"input": state_input})
    assert timeout_seconds > 0
    latest_end = None if scope.clock is None else scope.clock.now + timedelta(seconds=timeout_seconds)
    try:
        return answer(state["Resource"], _fill(scope, state["Arguments"], {"input": state_input}))
    finally:
        if scope.clock is not None and latest_end is not None and scope.clock.now > latest_end:
            scope.clock.now = latest_end
            raise TaskError("States.Timeout")


def _run_map(
    scope: _Scope, state: Mapping[str, Any], state_input: Any, answer: TaskAnswer, execution: Execution
) -> Any:
    visible = {"input": state_input}
    assert _fill(scope, state["MaxConcurrency"], visible) > 0
    assert state["ToleratedFailurePercentage"] == 100, "the interpreter of the test looks at the count alone"
    reader, processor = state["ItemReader"], state["ItemProcessor"]
    items = answer(reader["Resource"], _fill(scope, reader["Arguments"], visible))
    results = execution.results
    failed = 0
    places = _Places(scope.clock, _fill(scope, state["MaxConcurrency"], visible))
    for index, item in enumerate(items):
        places.take()
        selecting = _Scope(
            states={}, context=scope.context | {"Map": {"Item": {"Value": item}}}, variables=scope.variables
        )
        child_input = _fill(selecting, state["ItemSelector"], visible)
        # A child of a distributed map is an execution of its own: it sees neither the parent's variables nor its name.
        parent = scope.context["Execution"]["Id"]
        identity = {"Id": f"{parent}/{state['Label']}:{index}", "StartTime": scope.context["State"]["EnteredTime"]}
        context = scope.context | {"Execution": identity}
        child = _Scope(states=processor["States"], context=context, variables={}, clock=scope.clock)
        outcome = Execution(visited=execution.visited, waits=execution.waits, pauses=execution.pauses)
        _run_states(child, processor["StartAt"], child_input, answer, outcome)
        places.give_back()
        if outcome.status == "SUCCEEDED":
            results.append(outcome.output)
            execution.outcomes.append(outcome.output)
            continue
        failed += 1
        if failed > state["ToleratedFailureCount"]:
            raise TaskError(
                "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
            )
        results.append(_whole(identity, child_input, outcome))
    places.wait_for_all()
    if len(json.dumps(results)) > STATE_SIZE_LIMIT_BYTES:
        raise TaskError(_DATA_LIMIT_EXCEEDED, "The state/task returned a result with a size exceeding the limit")
    return results


class _Places:
    """How many children of a map run at once; played one after the other, each in its own time."""

    def __init__(self, clock: VirtualClock | None, count: int) -> None:
        self._clock = clock
        self._free_at = [] if clock is None else [clock.now] * count

    def take(self) -> None:
        """Set the clock back to when the next child starts."""
        if self._clock is not None:
            self._clock.now = min(self._free_at)
            self._free_at.remove(self._clock.now)

    def give_back(self) -> None:
        if self._clock is not None:
            self._free_at.append(self._clock.now)

    def wait_for_all(self) -> None:
        if self._clock is not None:
            self._clock.now = max(self._free_at)


def _whole(identity: Mapping[str, str], child_input: Any, outcome: Execution) -> dict[str, Any]:
    """A failed child among the results of its map.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
    """
    return {
        "ExecutionArn": identity["Id"],
        "Input": json.dumps(child_input),
        "InputDetails": {"Included": True},
        "Name": identity["Id"].rsplit(":", 1)[-1],
        "OutputDetails": {"Included": True},
        "RedriveCount": 0,
        "RedriveStatus": "REDRIVABLE",
        "StartDate": identity["StartTime"],
        "StateMachineArn": identity["Id"].rsplit(":", 1)[0],
        "Status": "FAILED",
        "StopDate": identity["StartTime"],
        "Error": outcome.error,
        "Cause": outcome.cause,
    }


def _choose(scope: _Scope, state: Mapping[str, Any], state_input: Any) -> str:
    visible = {"input": state_input}
    for choice in state["Choices"]:
        if _fill(scope, choice["Condition"], visible) is True:
            scope.variables |= _fill(scope, choice.get("Assign", {}), visible)
            return str(choice["Next"])
    if "Default" not in state:
        raise TaskError("States.NoChoiceMatched")
    return str(state["Default"])


def _leave(
    scope: _Scope, leaving: Mapping[str, Any], visible: Mapping[str, Any], *, default: Any
) -> tuple[str | None, Any]:
    # Assign and Output see the same values: neither sees what the other makes.
    output = _fill(scope, leaving["Output"], visible) if "Output" in leaving else default
    scope.variables |= _fill(scope, leaving.get("Assign", {}), visible)
    return leaving.get("Next"), output


def _wait_before_retry(state: Mapping[str, Any], error: TaskError, attempts: dict[int, int]) -> float | None:
    found = _matching(state["Retry"], error)
    if found is None:
        return None
    index, retrier = found
    attempt = attempts.get(index, 0)
    if attempt >= retrier["MaxAttempts"]:
        return None
    attempts[index] = attempt + 1
    wait = retrier["IntervalSeconds"] * retrier.get("BackoffRate", 2.0) ** attempt
    return float(min(wait, retrier.get("MaxDelaySeconds", wait)))


def _matching(rules: list[dict[str, Any]], error: TaskError) -> tuple[int, dict[str, Any]] | None:
    wildcards = {"States.ALL"} | (set() if error.error.startswith("States.") else {"States.TaskFailed"})
    if error.error == _DATA_LIMIT_EXCEEDED:
        wildcards = set()  # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    for index, rule in enumerate(rules):
        if {error.error, *wildcards} & set(rule["ErrorEquals"]):
            return index, rule
    return None


def _fill(scope: _Scope, template: Any, visible: Mapping[str, Any]) -> Any:
    """Evaluate every ``{% %}`` in a JSON value."""
    if isinstance(template, dict):
        return {key: _fill(scope, value, visible) for key, value in template.items()}
    if isinstance(template, list):
        return [_fill(scope, value, visible) for value in template]
    if not (isinstance(template, str) and template.startswith("{%")):
        return template
    expression = template.removeprefix("{%").removesuffix("%}")
    try:
        return evaluate(expression, states={**visible, "context": scope.context}, variables=scope.variables)
    except QueryEvaluationError as error:
        raise TaskError("States.QueryEvaluationError", str(error)) from error
