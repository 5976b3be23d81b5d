"""Children of a distributed map as executions of their own, which they are on AWS.

moto's interpreter runs them as part of their parent: they see its variables and its identity, and leave no history. On
AWS a child sees neither, and ``ListExecutions`` of the map run finds it with its history, which grows while it runs.

It also tolerates any number of failed children and puts nothing in their place. On AWS the state fails when there are
more than it tolerates, and within that a failed child is returned whole, its input included
(https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html), within the limit of a payload.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from ministack.core.responses import new_uuid, now_iso
from ministack.services import stepfunctions
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext, EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped
from moto.stepfunctions.parser.asl.eval.states import ExecutionData
from moto.stepfunctions.parser.quotas import is_within_size_quota

from local.engine.history import as_json, events_of
from local.engine.patching import replace

_PACKAGE = "moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor"
_Worker = import_module(f"{_PACKAGE}.distributed_item_processor_worker").DistributedItemProcessorWorker
# Of each child that runs, what its history is written to.
_running: dict[str, EventManager] = {}


def apply() -> None:
    """Give each child its own identity, variables and history, and count those that fail."""
    stock_input, stock_job = _Worker._eval_input, _Worker._eval_job
    stock_map_run = DistributedIterationComponent._map_run
    stock_history = stepfunctions._get_execution_history

    def evaluate_input(self: Any, env_frame: Any) -> None:
        stock_input(self, env_frame=env_frame)  # the ItemSelector belongs to the parent and sees what the parent sees
        _become_child(env_frame, self._map_run_record)

    def evaluate_job(self: Any, env: Any, job: Any) -> None:
        stock_job(self, env, job)
        execution = _record_end(env)
        if execution is not None and execution["status"] == "FAILED":
            is_too_many = _are_too_many_failed(self._map_run_record, items=self._job_pool._jobs_number)
            job.job_output = _too_many_failed(env) if is_too_many else _whole(execution)

    def run_map(self: Any, env: Any, eval_input: Any) -> None:
        stock_map_run(self, env, eval_input)
        if not is_within_size_quota(env.stack[-1]):
            raise _failure(
                env,
                StatesErrorNameType.StatesStatesDataLimitExceeded,
                "The state/task returned a result with a size exceeding the maximum number of bytes service limit.",
            )

    def execution_history(request: dict[str, Any]) -> Any:
        arn = request.get("executionArn", "")
        # Written when it is asked for: to copy each child's history as it grows would slow down what is run.
        if (running := _running.get(arn)) is not None:
            stepfunctions._executions[arn]["events"] = events_of(running)
        return stock_history(request)

    replace(stepfunctions, "_get_execution_history", execution_history)
    replace(_Worker, "_eval_input", evaluate_input)
    replace(_Worker, "_eval_job", evaluate_job)
    replace(DistributedIterationComponent, "_map_run", run_map)


def record_map_run(map_run: Any, *, execution_arn: str) -> None:
    """Put a map run where ListMapRuns and DescribeMapRun look.

    Args:
        map_run: the interpreter's record.
        execution_arn: that of the parent.
    """
    described = map_run.describe()
    stepfunctions._map_runs[described["mapRunArn"]] = as_json(
        {
            **described,
            "executionArn": execution_arn,
            "redriveCount": 0,
            "_stateMachineArn": map_run.map_state_machine_arn,
        }
    )


def _become_child(env: Any, map_run: Any) -> None:
    context = env.states.context_object.context_object_data
    parent = context["Execution"]
    name = new_uuid()
    state_machine_arn = map_run.map_state_machine_arn
    arn = f"{state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
    child_input = env.states.get_input()
    started = now_iso()

    context["Execution"] = ExecutionData(
        Id=arn, Input=child_input, Name=name, RoleArn=parent["RoleArn"], StartTime=started
    )
    context.pop("Map", None)
    env.variable_store = type(env.variable_store)()  # empty
    env.event_manager = EventManager()
    env.event_history_context = EventHistoryContext.of_program_start()
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType.ExecutionStarted,
        event_details={
            "executionStartedEventDetails": {
                "input": json.dumps(child_input),
                "inputDetails": {"truncated": False},
                "roleArn": parent["RoleArn"],
            }
        },
        update_source_event_id=False,
    )
    record_map_run(map_run, execution_arn=parent["Id"])
    stepfunctions._executions[arn] = {
        "executionArn": arn,
        "stateMachineArn": state_machine_arn,
        "mapRunArn": map_run.map_run_arn,
        "name": name,
        "status": "RUNNING",
        "startDate": started,
        "stopDate": None,
        "input": json.dumps(child_input),
        "output": None,
        "events": events_of(env.event_manager),
    }
    _running[arn] = env.event_manager


def _are_too_many_failed(map_run: Any, *, items: int) -> bool:
    """Return whether the map run tolerates no more; a missing threshold is zero, but counts only if both are."""
    failed: int = map_run.execution_counter.failed.get()
    count, percentage = map_run.tolerated_failure_count, map_run.tolerated_failure_percentage
    if not count and not percentage:
        return failed > 0
    return bool((count and failed > count) or (percentage and failed * 100 > percentage * items))


def _too_many_failed(env: Any) -> FailureEventException:
    return _failure(
        env,
        StatesErrorNameType.StatesExceedToleratedFailureThreshold,
        "The specified tolerated failure threshold was exceeded",
    )


def _failure(env: Any, error: StatesErrorNameType, cause: str) -> FailureEventException:
    details: Any = {"mapRunFailedEventDetails": {"error": error.to_name(), "cause": cause}}
    return FailureEventException(
        failure_event=FailureEvent(
            env=env,
            error_name=StatesErrorName(typ=error),
            event_type=HistoryEventType.MapRunFailed,
            event_details=details,
        )
    )


def _whole(execution: dict[str, Any]) -> dict[str, Any]:
    """Return a failed child as it stands among the results of its map."""
    return {
        "ExecutionArn": execution["executionArn"],
        "Input": execution["input"],
        "InputDetails": {"Included": True},
        "Name": execution["name"],
        "OutputDetails": {"Included": True},
        "RedriveCount": 0,
        "RedriveStatus": "REDRIVABLE",
        "StartDate": execution["startDate"],
        "StateMachineArn": execution["stateMachineArn"],
        "Status": execution["status"],
        "StopDate": execution["stopDate"],
        "Error": execution.get("error"),
        "Cause": execution.get("cause"),
    }


def _record_end(env: Any) -> dict[str, Any] | None:
    """Record how a child ended, and return its execution; None if it never became one."""
    execution: dict[str, Any] | None = stepfunctions._executions.get(
        env.states.context_object.context_object_data["Execution"]["Id"]
    )
    if execution is None or "mapRunArn" not in execution:  # its ItemSelector failed
        return None
    state = env.program_state()
    details: dict[str, Any] = {}
    if isinstance(state, ProgramError):
        failure = state.error or {}
        execution.update(status="FAILED", error=failure.get("error"), cause=failure.get("cause"))
        event_type, details = HistoryEventType.ExecutionFailed, {"executionFailedEventDetails": failure}
    elif isinstance(state, ProgramStopped):
        execution["status"] = "ABORTED"
        event_type = HistoryEventType.ExecutionAborted
    else:
        output = json.dumps(env.states.get_input())
        execution.update(status="SUCCEEDED", output=output)
        event_type = HistoryEventType.ExecutionSucceeded
        details = {"executionSucceededEventDetails": {"output": output, "outputDetails": {"truncated": False}}}
    env.event_manager.add_event(context=env.event_history_context, event_type=event_type, event_details=details)
    execution.update(stopDate=now_iso(), events=events_of(env.event_manager))
    _running.pop(execution["executionArn"], None)
    return execution
