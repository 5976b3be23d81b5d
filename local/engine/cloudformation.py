"""CloudFormation resources of our template that the engine as published creates with parts missing.

* ``AWS::Scheduler::Schedule``: the time zone is dropped, an unknown one is accepted, and a refusal of the
  scheduler is dropped.
* ``AWS::StepFunctions::StateMachine``: any definition is accepted; logging and tracing are kept in the template's
  casing, so that DescribeStateMachine does not show them.
* ``AWS::S3::Bucket``: default encryption, lifecycle rules and Object Lock are dropped.
* ``AWS::SNS::Topic``: the key is dropped.

A condition also takes the name of a pseudo parameter (``AWS::Region``) for its value, so that it never holds.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.serialize import create_serializer
from ministack.core.responses import get_account_id, get_region
from ministack.services import s3, scheduler, sns, stepfunctions
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

from local.engine.asl_interpreter import check_definition
from local.engine.patching import replace, replace_entry

# What a handler returns: the resource's physical id and the attributes that Fn::GetAtt finds.
Created = tuple[str, dict[str, Any]]


def apply() -> None:
    """Complete the handlers of these resource types."""
    resources = provisioners._RESOURCE_HANDLERS
    schedule = resources["AWS::Scheduler::Schedule"]
    replace_entry(schedule, "create", _create_schedule)
    replace_entry(schedule, "update", _update_schedule)

    machine = resources["AWS::StepFunctions::StateMachine"]
    replace_entry(machine, "create", _checking(machine["create"], properties_at=1))
    replace_entry(machine, "update", _checking(machine["update"], properties_at=2))

    topic = resources["AWS::SNS::Topic"]
    replace_entry(topic, "create", _keeping_topics_key(topic["create"], properties_at=1))
    replace_entry(topic, "update", _keeping_topics_key(topic["update"], properties_at=2))

    configurations = (
        *provisioners._S3_BUCKET_CONFIGURATIONS,
        ("BucketEncryption", _encryption_xml, s3._put_bucket_encryption, s3._delete_bucket_encryption),
        ("LifecycleConfiguration", _lifecycle_xml, s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
        ("ObjectLockConfiguration", _object_lock_xml, s3._put_object_lock_configuration, _keep_object_lock),
    )
    replace(provisioners, "_S3_BUCKET_CONFIGURATIONS", configurations)

    evaluate = _with_pseudo_parameters(engine._evaluate_conditions)
    for module in (engine, changesets, handlers, stacks):
        replace(module, "_evaluate_conditions", evaluate)


def _with_pseudo_parameters(stock: Callable[..., dict[str, bool]]) -> Callable[..., dict[str, bool]]:
    def evaluate(template: dict[str, Any], params: dict[str, Any]) -> dict[str, bool]:
        values = {
            "AWS::Region": get_region(),
            "AWS::AccountId": get_account_id(),
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        return stock(template, params | {name: {"Value": value} for name, value in values.items()})

    return evaluate


def _create_schedule(logical_id: str, properties: dict[str, Any], stack_name: str) -> Created:
    name = properties.get("Name") or provisioners._physical_name(stack_name, logical_id, max_len=64)
    _refuse_unknown_zone(properties)
    _refuse_errors(scheduler._create_schedule(name, properties))
    return name, {"Arn": scheduler._schedule_arn(properties.get("GroupName", "default"), name)}


def _update_schedule(physical_id: str, _old: object, properties: dict[str, Any], stack_name: str) -> Created:
    group, name = properties.get("GroupName", "default"), properties.get("Name") or physical_id
    if f"{group}/{name}" not in scheduler._schedules:  # renamed, or moved to another group
        return _create_schedule(physical_id, {**properties, "Name": name}, stack_name)
    _refuse_unknown_zone(properties)
    _refuse_errors(scheduler._update_schedule(name, properties))
    return name, {"Arn": scheduler._schedule_arn(group, name)}


def _refuse_unknown_zone(properties: dict[str, Any]) -> None:
    # As AWS does: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
    zone = properties.get("ScheduleExpressionTimezone", "UTC")
    if zone not in zoneinfo.available_timezones():
        raise ValueError(f"AWS::Scheduler::Schedule: ValidationException: Provided timezone {zone!r} is not valid")


def _refuse_errors(answer: tuple[int, dict[str, str], bytes]) -> None:
    status, _headers, body = answer
    if status >= 400:
        raise ValueError(f"AWS::Scheduler::Schedule: {body.decode()}")


def _checking(stock: Callable[..., Created], *, properties_at: int) -> Callable[..., Created]:
    def handler(*arguments: Any) -> Created:
        properties = arguments[properties_at]
        check_definition(provisioners._sfn_definition(properties))
        physical_id, attributes = stock(*arguments)
        _apply_observability(stepfunctions._state_machines[physical_id], properties)
        return physical_id, attributes

    return handler


def _apply_observability(machine: dict[str, Any], properties: dict[str, Any]) -> None:
    if logging := properties.get("LoggingConfiguration"):
        machine["loggingConfiguration"] = {
            "level": logging.get("Level", "OFF"),
            "includeExecutionData": _is_true(logging.get("IncludeExecutionData", False)),
            "destinations": [
                {"cloudWatchLogsLogGroup": {"logGroupArn": destination["CloudWatchLogsLogGroup"]["LogGroupArn"]}}
                for destination in logging.get("Destinations", [])
            ],
        }
    if tracing := properties.get("TracingConfiguration"):
        machine["tracingConfiguration"] = {"enabled": _is_true(tracing.get("Enabled", False))}


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"  # a template's scalars arrive as text


def _keeping_topics_key(stock: Callable[..., Created], *, properties_at: int) -> Callable[..., Created]:
    def handler(*arguments: Any, **named: Any) -> Created:
        arn, attributes = stock(*arguments, **named)
        kept = sns._topics[arn]["attributes"]
        # A topic whose template names no key any more is encrypted with none.
        kept.pop("KmsMasterKeyId", None)
        if key := arguments[properties_at].get("KmsMasterKeyId"):
            kept["KmsMasterKeyId"] = key
        return arn, attributes

    return handler


# --- buckets: the template's properties in the casing of the S3 API --------------------------------------------------


def _encryption_xml(encryption: dict[str, Any]) -> bytes:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": _is_true(rule.get("BucketKeyEnabled", False)),
        }
        for rule in encryption["ServerSideEncryptionConfiguration"]
    ]
    return _request_body("PutBucketEncryption", "ServerSideEncryptionConfiguration", {"Rules": rules})


def _lifecycle_xml(lifecycle: dict[str, Any]) -> bytes:
    rules = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
    return _request_body("PutBucketLifecycleConfiguration", "LifecycleConfiguration", {"Rules": rules})


def _object_lock_xml(lock: dict[str, Any]) -> bytes:
    retention = lock["Rule"]["DefaultRetention"]
    rule = {"DefaultRetention": {"Mode": retention["Mode"], "Days": int(retention["Days"])}}
    configuration = {"ObjectLockEnabled": lock["ObjectLockEnabled"], "Rule": rule}
    return _request_body("PutObjectLockConfiguration", "ObjectLockConfiguration", configuration)


def _keep_object_lock(_bucket: str) -> None:
    """Do nothing: S3 has no way to switch it off."""


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {"ID": rule["Id"], "Status": rule["Status"], "Filter": _lifecycle_filter(rule)}
    if "Transitions" in rule:
        converted["Transitions"] = [
            {"Days": int(transition["TransitionInDays"]), "StorageClass": transition["StorageClass"]}
            for transition in rule["Transitions"]
        ]
    if "NoncurrentVersionTransitions" in rule:
        converted["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": int(transition["TransitionInDays"]), "StorageClass": transition["StorageClass"]}
            for transition in rule["NoncurrentVersionTransitions"]
        ]
    if "ExpirationInDays" in rule:
        converted["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "NoncurrentVersionExpiration" in rule:
        days = int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
        converted["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "AbortIncompleteMultipartUpload" in rule:
        days = int(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        converted["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    return converted


def _lifecycle_filter(rule: dict[str, Any]) -> dict[str, Any]:
    prefix, tags = rule.get("Prefix", ""), rule.get("TagFilters", [])
    return {"And": {"Prefix": prefix, "Tags": tags}} if tags else {"Prefix": prefix}


def _request_body(operation: str, member: str, value: dict[str, Any]) -> bytes:
    model = botocore.session.get_session().get_service_model("s3")
    serializer = create_serializer(model.metadata["protocol"], include_validation=False)
    request = serializer.serialize_to_request({"Bucket": "any", member: value}, model.operation_model(operation))
    return bytes(request["body"])
