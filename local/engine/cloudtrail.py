"""``AWS::CloudTrail::Trail``, which the engine as published refuses although it has CloudTrail's API.

The trail is created with its event selectors and is logging; log files are not written to the bucket.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import json
from typing import Any

from ministack.services import cloudtrail
from ministack.services.cloudformation import provisioners

from local.engine.patching import add_entry

_KEPT = {
    "S3BucketName": "S3BucketName",
    "S3KeyPrefix": "S3KeyPrefix",
    "KMSKeyId": "KmsKeyId",
    "IsMultiRegionTrail": "IsMultiRegionTrail",
    "IncludeGlobalServiceEvents": "IncludeGlobalServiceEvents",
    "EnableLogFileValidation": "EnableLogFileValidation",
}


def apply() -> None:
    """Let stacks have a trail."""
    handlers = {
        "create": _create,
        "update": lambda physical_id, _old, properties, *_rest: _apply(
            cloudtrail._update_trail, physical_id, properties
        ),
        "delete": lambda physical_id, _properties: cloudtrail._delete_trail({"Name": physical_id}),
    }
    add_entry(provisioners._RESOURCE_HANDLERS, "AWS::CloudTrail::Trail", handlers)


def _create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    name = properties.get("TrailName") or provisioners._physical_name(stack_name, logical_id)
    return _apply(cloudtrail._create_trail, name, properties)


def _apply(operation: Any, name: str, properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    kept = {theirs: properties[ours] for ours, theirs in _KEPT.items() if ours in properties}
    arn = _accepted(operation({"Name": name, **kept}))["TrailARN"]
    for selectors in ("EventSelectors", "AdvancedEventSelectors"):
        if properties.get(selectors):
            _accepted(cloudtrail._put_event_selectors({"TrailName": name, selectors: properties[selectors]}))
    is_logging = str(properties["IsLogging"]).lower() == "true"
    _accepted((cloudtrail._start_logging if is_logging else cloudtrail._stop_logging)({"Name": name}))
    return name, {"Arn": arn}


def _accepted(answer: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    status, _headers, body = answer
    if status >= 400:
        raise ValueError(f"AWS::CloudTrail::Trail: {body.decode()}")
    document: dict[str, Any] = json.loads(body) if body else {}
    return document
