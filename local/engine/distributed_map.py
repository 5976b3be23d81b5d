"""Children of a distributed map as executions of their own, which they are on AWS.

moto's interpreter runs them as part of their parent: they see its variables and its identity, and leave no history. On
AWS a child sees neither, and ``ListExecutions`` of the map run finds it with its history.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from ministack.core.responses import new_uuid, now_iso
from ministack.services import stepfunctions
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext, EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped
from moto.stepfunctions.parser.asl.eval.states import ExecutionData

from local.engine.history import as_json, events_of
from local.engine.patching import replace

_PACKAGE = "moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor"
_Worker = import_module(f"{_PACKAGE}.distributed_item_processor_worker").DistributedItemProcessorWorker


def apply() -> None:
    """Gives each child its own identity, variables and history."""
    stock_input, stock_job = _Worker._eval_input, _Worker._eval_job

    def evaluate_input(self: Any, env_frame: Any) -> None:
        stock_input(self, env_frame=env_frame)  # the ItemSelector belongs to the parent and sees what the parent sees
        _become_child(env_frame, self._map_run_record)

    def evaluate_job(self: Any, env: Any, job: Any) -> None:
        stock_job(self, env, job)
        _record_end(env)

    replace(_Worker, "_eval_input", evaluate_input)
    replace(_Worker, "_eval_job", evaluate_job)


def record_map_run(map_run: Any, *, execution_arn: str) -> None:
    """Puts a map run where ListMapRuns and DescribeMapRun look.

    Args:
        map_run: the interpreter's record.
        execution_arn: of the parent.
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


def _record_end(env: Any) -> None:
    execution = stepfunctions._executions.get(env.states.context_object.context_object_data["Execution"]["Id"])
    if execution is None or "mapRunArn" not in execution:  # its ItemSelector failed: it never became a child
        return
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
