"""The gaps of moto's interpreter of the Amazon States Language (which is LocalStack's, by way of moto).

* It has no JSONata evaluator, and passes variables to one as unescaped text.
* It talks to AWS services with constant credentials; here every call is made with the state machine's role.
* A percentage of tolerated failures must be a float in its grammar.
* A Fail state must not pass on an error of the service's own (``States.Timeout``), which is what ours does.
* It hands the parameters of ``states:startExecution`` to an API that spells them with a small first letter.
* Its States.ALL catches even what exceeds the limit of a payload, which must be named to be caught.
* A map's worker calls itself for each next item, so that a long manifest overflows the stack.

``distributed_map`` closes those of the distributed map.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from ministack.core.responses import new_uuid
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata, StringVariableSample
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client

from local.engine import jsonata
from local.engine.iam import assume_role
from local.engine.patching import EnginePatchError, replace

_SESSION_NAME = "local-step-functions"
# A task may wait as long as the longest function runs; its own TimeoutSeconds ends it earlier.
_LONGEST_TASK_SECONDS = 3600
_MOST_CONNECTIONS = 100
# One item of a map takes three frames in a worker's stack: enough for the 10,000 items of a manifest.
_RECURSION_LIMIT = 50_000


def apply() -> None:
    """Close the gaps."""
    sys.setrecursionlimit(_RECURSION_LIMIT)
    replace(StringJSONata, "_eval_body", _evaluate_jsonata)
    replace(StringVariableSample, "_eval_body", _evaluate_jsonata)
    replace(CustomErrorName, "__init__", ErrorName.__init__)
    replace(ErrorEqualsDecl, "_eval_body", _by_name_only(ErrorEqualsDecl._eval_body))
    replace(StateTaskServiceSfn, "_normalise_parameters", _spell_as_the_api)
    _replace_everywhere("boto_client_for", boto_client.boto_client_for, _client_in_role)


class DefinitionError(ValueError):
    """A state machine definition that Step Functions would refuse."""


def check_definition(definition: str) -> None:
    """Refuse what Step Functions refuses when a state machine is created.

    Raises:
        DefinitionError: saying what is wrong with it.
    """
    try:
        document = json.loads(definition)
        AmazonStateLanguageParser.parse(interpretable(definition))
    except Exception as error:
        raise DefinitionError(f"Invalid State Machine Definition: {error}") from error
    _check_targets(document)


def interpretable(definition: str) -> str:
    """Return the definition with whole tolerated percentages written as the interpreter's grammar wants them."""

    def floats(node: dict[str, Any]) -> dict[str, Any]:
        key = "ToleratedFailurePercentage"
        return {**node, key: float(node[key])} if isinstance(node.get(key), int) else node

    return json.dumps(json.loads(definition, object_hook=floats))


def _check_targets(machine: dict[str, Any]) -> None:
    states: dict[str, Any] = machine.get("States", {})
    targets = [("StartAt", machine.get("StartAt"))]
    for name, state in states.items():
        branches = [state, *state.get("Choices", []), *state.get("Catch", [])]
        targets += [(name, branch[field]) for branch in branches for field in ("Next", "Default") if field in branch]
        if "ItemProcessor" in state:
            _check_targets(state["ItemProcessor"])
    for name, target in targets:
        if target not in states:
            raise DefinitionError(f"MISSING_TRANSITION_TARGET: {name} goes to {target}, which is no state")


# --- JSONata ---------------------------------------------------------------------------------------------------------


def _evaluate_jsonata(self: Any, env: Any) -> None:
    # What does not exist here (no error was caught, no result yet) is undefined, not null.
    optional = ("result", "errorOutput")
    states = {
        name: value for name, value in env.states._states_data.items() if name not in optional or value is not None
    }
    store = env.variable_store
    try:
        value = jsonata.evaluate(self.expression, states=states, variables={**store._outer_scope, **store._inner_scope})
    except jsonata.QueryEvaluationError as error:
        raise _evaluation_failed(env, str(error)) from error
    env.stack.append(value)


def _evaluation_failed(env: Any, cause: str) -> FailureEventException:
    error_name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    details: Any = {"evaluationFailedEventDetails": {"error": error_name.error_name, "cause": cause}}
    return FailureEventException(
        failure_event=FailureEvent(
            env=env,
            error_name=error_name,
            event_type=HistoryEventType.EvaluationFailed,
            event_details=details,
        )
    )


# --- errors ----------------------------------------------------------------------------------------------------------


def _by_name_only(stock: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    terminal = StatesErrorName(typ=StatesErrorNameType.StatesStatesDataLimitExceeded)

    def evaluate(self: Any, env: Any) -> None:
        error_name = env.stack[-1]
        stock(self, env)
        if error_name == terminal and terminal not in self.error_names:
            env.stack[-1] = False

    return evaluate


# --- calls to AWS services -------------------------------------------------------------------------------------------


def _spell_as_the_api(_task: Any, parameters: dict[str, Any], *_: Any, **__: Any) -> None:
    for name in list(parameters):
        parameters[name[0].lower() + name[1:]] = parameters.pop(name)
    if not isinstance(parameters.get("input", ""), str):
        parameters["input"] = json.dumps(parameters["input"])


def _client_in_role(region: str, service: str, state_credentials: Any = None) -> Any:
    return _client(service, region, state_credentials.role_arn)


@functools.cache
def _client(service: str, region: str, role_arn: str) -> Any:
    credentials = assume_role(role_arn, service="states.amazonaws.com", session_name=_SESSION_NAME)
    client = boto3.client(
        service,  # type: ignore[call-overload]  # any service that a definition names
        region_name=region,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
        config=Config(
            parameter_validation=False,
            retries={"total_max_attempts": 1},  # the definition's Retry decides
            read_timeout=_LONGEST_TASK_SECONDS,
            max_pool_connections=_MOST_CONNECTIONS,
        ),
    )
    # Error causes name the request, but not every answer of the engine does.
    client.meta.events.register("after-call", _ensure_request_id)
    return client


def _ensure_request_id(parsed: dict[str, Any], **_: Any) -> None:
    parsed.setdefault("ResponseMetadata", {}).setdefault("RequestId", new_uuid())


def _replace_everywhere(name: str, stock: object, replacement: object) -> None:
    """Replace a function in every module of the interpreter that imported it by name."""
    importers = [
        module
        for module_name, module in list(sys.modules.items())
        if module_name.startswith("moto.stepfunctions.parser") and getattr(module, name, None) is stock
    ]
    if len(importers) < 2:
        raise EnginePatchError(f"{name} is no longer used by the interpreter: look at this patch again")
    for module in importers:
        replace(module, name, replacement)
