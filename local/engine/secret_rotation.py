"""Secrets Manager's rotation, which the engine as published only pretends.

RotateSecret calls the function with the four steps, as on AWS, in the background; the schedule is recorded and never
fires. ``AWS::SecretsManager::RotationSchedule`` is refused as published.

A rotation that is only configured (``RotateImmediately`` is false) is tested once: ``testSecret`` is called for an
AWSPENDING version that has no value, which is removed afterwards. Reading such a version is refused. A rotation is
refused, too, as long as AWSPENDING stands at another version than AWSCURRENT. On AWS a function
that fails this test leaves a stack that cannot be created; here the deployment fails at once.
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html

PutSecretValue, as published, changes the value of a version and leaves a label on two of them. Here a version's value
cannot be changed (ResourceExistsException), a label moves, and the first value is current whatever its labels.
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ministack.services import lambda_svc, secretsmanager
from ministack.services.cloudformation import provisioners, stacks

from local.engine.patching import add_entry, replace

_SCHEDULE_TYPE = "AWS::SecretsManager::RotationSchedule"
_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_VALUES = ("SecretString", "SecretBinary")
_log = logging.getLogger(__name__)

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rotation:
    """A version of a secret that is being rotated, and by which function."""

    function: Any
    secret: dict[str, Any]
    version_id: str


class _RefusedError(Exception):
    """What RotateSecret refuses: the code and the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def apply() -> None:
    """Let RotateSecret rotate, and stacks have a rotation schedule."""
    replace(secretsmanager, "_rotate_secret", _rotate_secret)
    replace(secretsmanager, "_get_secret_value", _refusing_empty_versions(secretsmanager._get_secret_value))
    replace(secretsmanager, "_put_secret_value", _put_as_on_aws(secretsmanager._put_secret_value))
    handlers = {
        "create": lambda _logical_id, properties, _stack: _schedule(properties),
        "update": lambda _physical_id, _old, properties, *_rest: _schedule(properties),
        "delete": lambda _physical_id, _properties: None,
    }
    add_entry(provisioners._RESOURCE_HANDLERS, _SCHEDULE_TYPE, handlers)
    # The function that is tested there asks this engine, which has to be free to answer.
    waits = stacks._runs_on_worker_thread
    replace(stacks, "_runs_on_worker_thread", lambda resource: resource == _SCHEDULE_TYPE or waits(resource))


def _schedule(properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    rotates = str(properties.get("RotateImmediatelyOnUpdate", True)).lower() == "true"
    try:
        rotation = _begin({name: properties.get(name) for name in ("SecretId", "RotationLambdaARN", "RotationRules")})
        if rotates:
            _in_background(_take_steps, rotation)
        else:
            _test(rotation)
    except _RefusedError as error:
        raise ValueError(f"{_SCHEDULE_TYPE}: {error.code}: {error.message}") from error
    return properties["SecretId"], {"Id": properties["SecretId"]}


def _rotate_secret(request: dict[str, Any]) -> Answer:
    try:
        rotation = _begin(request)
    except _RefusedError as error:
        return _refusal(error.code, error.message)
    _in_background(_take_steps if request.get("RotateImmediately", True) else _test, rotation)
    secret = rotation.secret
    answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": rotation.version_id}
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def _begin(request: dict[str, Any]) -> _Rotation:
    """Record what is asked for, and label a version without a value."""
    _name, secret = secretsmanager._resolve(request.get("SecretId"))
    if not secret:
        raise _RefusedError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    function_arn = request.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
    if not function_arn:
        raise _RefusedError("InvalidRequestException", "You must specify a Lambda function ARN for rotation.")
    function, configuration, _qualifier = lambda_svc._get_func_record_for_ref(function_arn)
    if not function:
        raise _RefusedError("ResourceNotFoundException", f"There is no function {function_arn}")
    secret["RotationLambdaARN"] = function_arn
    secret["RotationRules"] = request.get("RotationRules") or secret.get("RotationRules") or {}
    secret["RotationEnabled"] = True
    version_id = request.get("ClientRequestToken") or str(uuid4())
    _refuse_while_pending(secret)
    _label_pending(secret, version_id)
    record = lambda_svc._execution_record_for_config(function, configuration)
    return _Rotation(function=record, secret=secret, version_id=version_id)


def _refuse_while_pending(secret: dict[str, Any]) -> None:
    for version in secret["Versions"].values():
        if "AWSPENDING" in version["Stages"] and "AWSCURRENT" not in version["Stages"]:
            message = "A previous rotation isn't complete. That rotation will be reattempted."
            raise _RefusedError("InvalidRequestException", message)


def _label_pending(secret: dict[str, Any], version_id: str) -> None:
    """Add a version without a value, and move the label to it from wherever an earlier rotation left it."""
    for version in secret["Versions"].values():
        version["Stages"] = [stage for stage in version["Stages"] if stage != "AWSPENDING"]
    empty = {"SecretString": None, "SecretBinary": None, "CreatedDate": int(time.time()), "Stages": ["AWSPENDING"]}
    secret["Versions"].setdefault(version_id, empty)


def _in_background(work: Callable[[_Rotation], None], rotation: _Rotation) -> None:
    def run() -> None:
        try:
            work(rotation)
        except _RefusedError as error:
            _log.warning("rotation of %s: %s", rotation.secret["Name"], error.message)

    # Account and region of the caller are context variables.
    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()


def _take_steps(rotation: _Rotation) -> None:
    for step in _STEPS:
        _take_step(step, rotation)
    rotation.secret["LastRotatedDate"] = int(time.time())


def _test(rotation: _Rotation) -> None:
    """Try the function on a version without a value, which is removed again."""
    try:
        _take_step("testSecret", rotation)
    finally:
        del rotation.secret["Versions"][rotation.version_id]


def _take_step(step: str, rotation: _Rotation) -> None:
    event = {"Step": step, "SecretId": rotation.secret["ARN"], "ClientRequestToken": rotation.version_id}
    result = lambda_svc._execute_function_with_config_scope(rotation.function, event)
    if result.get("error"):
        raise _RefusedError("InvalidRequestException", f"The rotation function failed {step}: {result.get('body')}")


def _refusing_empty_versions(stock: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    def get_secret_value(request: dict[str, Any]) -> Answer:
        status, headers, body = stock(request)
        if status == 200 and not {"SecretString", "SecretBinary"} & json.loads(body).keys():
            return _refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret value.")
        return status, headers, body

    return get_secret_value


def _put_as_on_aws(stock: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    def put_secret_value(request: dict[str, Any]) -> Answer:
        _name, secret = secretsmanager._resolve(request.get("SecretId"))
        versions = secret["Versions"] if secret else {}
        version_id = str(request.get("ClientRequestToken"))
        if version_id in versions and _has_value(versions[version_id]):
            if any(versions[version_id][kind] != request.get(kind) for kind in _VALUES):
                return _refusal("ResourceExistsException", f"The version {version_id} has another value already.")
            return _version_answer(secret, version_id)
        is_first = not any(map(_has_value, versions.values()))
        answer = stock(request)
        if answer[0] != 200:
            return answer
        version_id = json.loads(answer[2])["VersionId"]
        # A secret without a value has an empty current version in this engine.
        _label_alone(versions, version_id, ["AWSCURRENT"] if is_first else [])
        return _version_answer(secret, version_id)

    return put_secret_value


def _label_alone(versions: dict[str, dict[str, Any]], version_id: str, more: list[str]) -> None:
    """Take the labels of a version, and more, from all others."""
    stages = versions[version_id]["Stages"]
    stages += [stage for stage in more if stage not in stages]
    for other_id in versions.keys() - {version_id}:
        other = versions[other_id]
        other["Stages"] = [stage for stage in other["Stages"] if stage not in stages]
        if not other["Stages"] and not _has_value(other):
            del versions[other_id]


def _has_value(version: dict[str, Any]) -> bool:
    return any(version[kind] is not None for kind in _VALUES)


def _version_answer(secret: dict[str, Any], version_id: str) -> Answer:
    stages = secret["Versions"][version_id]["Stages"]
    answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version_id, "VersionStages": stages}
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def _refusal(code: str, message: str) -> Answer:
    return (
        400,
        {"Content-Type": "application/x-amz-json-1.1"},
        json.dumps({"__type": code, "message": message}).encode(),
    )
