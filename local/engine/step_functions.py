"""Step Functions: the engine's API and records in front, moto's interpreter behind.

The engine as published has an interpreter of its own, which evaluates no JSONata in a distributed map, ignores the
state machine's TimeoutSeconds, MaxDelaySeconds and JitterStrategy, and acts as root instead of as the machine's role.
It emits no metrics either, and accepts an input of any size.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import contextvars
import datetime as dt
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, now_iso
from ministack.services import cloudwatch, stepfunctions
from moto.stepfunctions.parser.asl.eval.evaluation_details import (
    AWSExecutionDetails,
    EvaluationDetails,
    ExecutionDetails,
    StateMachineDetails,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramStopped, ProgramTimedOut
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution_worker import SyncExecutionWorker
from moto.stepfunctions.parser.backend.execution_worker_comm import ExecutionWorkerCommunication

from local.engine import asl_interpreter, distributed_map
from local.engine.history import events_of
from local.engine.patching import replace

log = logging.getLogger(__name__)

Answer = tuple[int, dict[str, str], bytes]

_MIRROR_SECONDS = 0.2
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
_LARGEST_INPUT_BYTES = 262_144
# https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
_METRICS = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def apply() -> None:
    """Run executions on moto's interpreter."""
    asl_interpreter.apply()
    distributed_map.apply()
    replace(stepfunctions, "_run_execution", _run_execution)
    replace(stepfunctions, "_start_execution", _refusing_large_inputs(stepfunctions._start_execution))


def _refusing_large_inputs(stock: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    def start_execution(request: dict[str, Any]) -> Answer:
        if len(request.get("input", "").encode()) > _LARGEST_INPUT_BYTES:
            message = f"'input' failed to satisfy constraint: Member must have length <= {_LARGEST_INPUT_BYTES}"
            refusal: Answer = error_response_json("ValidationException", message, 400)
            return refusal
        return stock(request)

    return start_execution


class _NoOneWaits(ExecutionWorkerCommunication):
    """A stand-in for the interpreter's signal to its caller that it ended: here the caller runs it and waits."""

    def terminated(self) -> None:
        """Nothing to do."""


def _run_execution(execution_arn: str) -> None:
    execution = stepfunctions._executions[execution_arn]
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"])
    if machine is None:
        stepfunctions._fail_execution(execution, "StateMachineDeleted", "State machine no longer exists")
        return
    _emit(execution, "ExecutionsStarted")
    try:
        worker = _interpret(execution, machine)
    except Exception as error:  # a defect of the interpreter must end the execution, not leave it RUNNING
        log.exception("the interpreter failed in %s", execution_arn)
        stepfunctions._fail_execution(execution, "States.Runtime", f"{type(error).__name__}: {error}")
        return
    if execution["status"] == "RUNNING":  # StopExecution may have come first
        _record_end(execution, worker.env)
    _emit(execution, _METRICS[execution["status"]])


def _emit(execution: dict[str, Any], metric: str) -> None:
    dimensions = {"StateMachineArn": execution["stateMachineArn"]}
    cloudwatch.record_metric("AWS/States", metric, 1, "Count", dimensions)
    cloudwatch._evaluate_all_alarms()


def _interpret(execution: dict[str, Any], machine: dict[str, Any]) -> Any:
    arn, role_arn = execution["executionArn"], machine["roleArn"]
    region, account = arn.split(":")[3:5]
    worker: Any = SyncExecutionWorker(
        evaluation_details=EvaluationDetails(
            AWSExecutionDetails(account=account, region=region, role_arn=role_arn),
            ExecutionDetails(
                arn=arn,
                name=execution["name"],
                role_arn=role_arn,
                inpt=json.loads(execution["input"] or "{}"),
                start_time=execution["startDate"],
            ),
            StateMachineDetails(
                arn=machine["stateMachineArn"],
                name=machine["name"],
                typ=machine.get("type", "STANDARD"),
                definition=asl_interpreter.interpretable(machine["definition"]),
            ),
        ),
        exec_comm=_NoOneWaits(),
        cloud_watch_logging_session=None,
        activity_store={},
    )
    finished = threading.Event()
    mirror = threading.Thread(
        target=contextvars.copy_context().run, args=(_mirror, execution, worker, finished), name="mirror", daemon=True
    )
    mirror.start()
    try:
        worker.start()
    finally:
        finished.set()
        mirror.join()
    return worker


def _mirror(execution: dict[str, Any], worker: Any, finished: threading.Event) -> None:
    """Show the history while it grows, and pass StopExecution on to the interpreter."""
    while not finished.wait(_MIRROR_SECONDS):
        env = worker.env
        if env is None:
            continue
        if execution["status"] != "RUNNING":
            stopped = dt.datetime.now(dt.UTC)
            worker.stop(stop_date=stopped, error=execution.get("error"), cause=execution.get("cause"))
            return
        _record_progress(execution, env)


def _record_progress(execution: dict[str, Any], env: Any) -> None:
    execution["events"] = events_of(env.event_manager)
    for map_run in env.map_run_record_pool_manager.get_all():
        distributed_map.record_map_run(map_run, execution_arn=execution["executionArn"])


def _record_end(execution: dict[str, Any], env: Any) -> None:
    _record_progress(execution, env)
    execution["stopDate"] = now_iso()
    state = env.program_state()
    if isinstance(state, ProgramEnded):
        execution.update(status="SUCCEEDED", output=to_json_str(env.states.get_input()))
    elif isinstance(state, ProgramTimedOut):
        execution.update(status="TIMED_OUT", error="States.Timeout")
    elif isinstance(state, ProgramStopped):
        execution["status"] = "ABORTED"
    else:
        failure = state.error or {}
        execution.update(status="FAILED", error=failure.get("error"), cause=failure.get("cause"))
    stepfunctions._emit_execution_status_event(execution)
