"""Secrets Manager's rotation, which the engine as published only pretends.

RotateSecret calls the function with the four steps, as on AWS, in the background; the schedule is recorded and never
fires. ``AWS::SecretsManager::RotationSchedule`` is refused as published.

A rotation that is only configured (``RotateImmediately`` is false) is tested once: ``testSecret`` is called for an
AWSPENDING version that has no value, which is removed afterwards. Reading such a version is refused. On AWS a function
that fails this test leaves a stack that cannot be created; here the deployment fails at once.
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from ministack.services import lambda_svc, secretsmanager
from ministack.services.cloudformation import provisioners

from local.engine.patching import add_entry, replace

_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_log = logging.getLogger(__name__)

Answer = tuple[int, dict[str, str], bytes]


def apply() -> None:
    """Lets RotateSecret rotate, and stacks have a rotation schedule."""
    replace(secretsmanager, "_rotate_secret", _rotate_secret)
    replace(secretsmanager, "_get_secret_value", _refusing_empty_versions(secretsmanager._get_secret_value))
    handlers = {
        "create": lambda _logical_id, properties, _stack: _schedule(properties),
        "update": lambda _physical_id, _old, properties, *_rest: _schedule(properties),
        "delete": lambda _physical_id, _properties: None,
    }
    add_entry(provisioners._RESOURCE_HANDLERS, "AWS::SecretsManager::RotationSchedule", handlers)


def _schedule(properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    secret_id = properties["SecretId"]
    status, _headers, body = _rotate_secret(
        {
            "SecretId": secret_id,
            "RotationLambdaARN": properties["RotationLambdaARN"],
            "RotationRules": properties.get("RotationRules", {}),
            "RotateImmediately": str(properties.get("RotateImmediatelyOnUpdate", True)).lower() == "true",
        }
    )
    if status >= 400:
        raise ValueError(f"AWS::SecretsManager::RotationSchedule: {body.decode()}")
    return secret_id, {"Id": secret_id}


def _rotate_secret(request: dict[str, Any]) -> Answer:
    _name, secret = secretsmanager._resolve(request.get("SecretId"))
    if not secret:
        return _refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    function_arn = request.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
    if not function_arn:
        return _refusal("InvalidRequestException", "You must specify a Lambda function ARN for rotation.")
    function, configuration, _qualifier = lambda_svc._get_func_record_for_ref(function_arn)
    if not function:
        return _refusal("ResourceNotFoundException", f"There is no function {function_arn}")
    secret["RotationLambdaARN"] = function_arn
    secret["RotationRules"] = request.get("RotationRules") or secret.get("RotationRules") or {}
    secret["RotationEnabled"] = True
    version_id = request.get("ClientRequestToken") or str(uuid4())
    _label_pending(secret, version_id)
    record = lambda_svc._execution_record_for_config(function, configuration)
    if request.get("RotateImmediately", True):
        # Account and region of the caller are context variables.
        work = contextvars.copy_context().run
        threading.Thread(target=work, args=(_take_steps, record, secret, version_id), daemon=True).start()
    elif failure := _test(record, secret, version_id):
        return _refusal("InvalidRequestException", failure)
    answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version_id}
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def _label_pending(secret: dict[str, Any], version_id: str) -> None:
    """A version without a value, which takes the label from a rotation that did not end."""
    for version in secret["Versions"].values():
        version["Stages"] = [stage for stage in version["Stages"] if stage != "AWSPENDING"]
    empty = {"SecretString": None, "SecretBinary": None, "CreatedDate": int(time.time()), "Stages": ["AWSPENDING"]}
    secret["Versions"].setdefault(version_id, empty)


def _test(record: Any, secret: dict[str, Any], version_id: str) -> str | None:
    """Tries the function on a version without a value; says what is wrong with it, and leaves nothing behind."""
    failure = _failure_of_step("testSecret", record, secret, version_id)
    del secret["Versions"][version_id]
    return None if failure is None else f"The rotation function failed the test of its configuration: {failure}"


def _take_steps(record: Any, secret: dict[str, Any], version_id: str) -> None:
    for step in _STEPS:
        if _failure_of_step(step, record, secret, version_id) is not None:
            _log.warning("rotation of %s: %s failed", secret["Name"], step)
            return
    secret["LastRotatedDate"] = int(time.time())


def _failure_of_step(step: str, record: Any, secret: dict[str, Any], version_id: str) -> str | None:
    event = {"Step": step, "SecretId": secret["ARN"], "ClientRequestToken": version_id}
    result = lambda_svc._execute_function_with_config_scope(record, event)
    return str(result.get("body")) if result.get("error") else None


def _refusing_empty_versions(stock: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    def get_secret_value(request: dict[str, Any]) -> Answer:
        status, headers, body = stock(request)
        if status == 200 and not {"SecretString", "SecretBinary"} & json.loads(body).keys():
            return _refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret value.")
        return status, headers, body

    return get_secret_value


def _refusal(code: str, message: str) -> Answer:
    return (
        400,
        {"Content-Type": "application/x-amz-json-1.1"},
        json.dumps({"__type": code, "message": message}).encode(),
    )
