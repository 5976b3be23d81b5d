"""What needs no AWS: what the template declares, and values that are made for AWS."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

import pytest

from gates.template import Stack, resource, roles_with_permissions, template
from gopro_sync import errors
from gopro_sync.archive.origin import Origin
from gopro_sync.archive.proof import describe
from gopro_sync.archive.source import SourceFile
from gopro_sync.archive.transfer_records import FileToArchive
from gopro_sync.telemetry.metrics import emit_failures
from gopro_sync.telemetry.tracing import Part, subsegment


def read_template(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template says of the resources that ``given`` names.

    ``given``: ``keys_of`` (resources), ``rules_of`` (a bucket), ``rights_of`` (a role).
    """
    seen: dict[str, Any] = {}
    stack = Stack(**given.get("parameters", {}))
    if "keys_of" in given:
        properties = {name: template()["Resources"][name]["Properties"] for name in given["keys_of"]}
        seen["with_the_stack_s_key"] = sorted(
            name
            for name, reported in properties.items()
            if "EncryptionKey" in json.dumps(reported.get("KmsMasterKeyId", ""))
        )
        seen["watches"] = sorted({reported["Namespace"] for reported in properties.values() if "Namespace" in reported})
    if "rules_of" in given:
        rules = stack.resolve(resource(given["rules_of"])["LifecycleConfiguration"])["Rules"]
        moves = {
            move["StorageClass"]: int(move["TransitionInDays"])
            for rule in rules
            for move in rule.get("Transitions", [])
        }
        seen["days"] = moves
        seen["unfinished_uploads_end_after_days"] = min(
            rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
            for rule in rules
            if "AbortIncompleteMultipartUpload" in rule
        )
        seen["rules_with_both_moves"] = sum(len(rule.get("Transitions", [])) > 1 for rule in rules)
    if "rights_of" in given:
        documents = [policy["PolicyDocument"] for policy in roles_with_permissions()[given["rights_of"]]["Policies"]]
        statements = [statement for document in documents for statement in document["Statement"]]
        actions = [statement["Action"] for statement in statements]
        seen["rights"] = sorted(
            {name for reported in actions for name in (reported if isinstance(reported, list) else [reported])}
        )
    return seen


def describe_objects(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of objects whose media id and source ETag are each of ``texts``."""
    described = [
        describe(
            FileToArchive(media_id=text, item_number=1, key="k", fallback_key=None, tags={}),
            Origin(file=SourceFile(size_bytes=1, etag=text), claim=None),
            key="k",
        ).metadata
        for text in given["texts"]
    ]
    values = [value for metadata in described for value in metadata.values()]
    return {
        "odd": [value for value in values if not value.isascii() or value != value.strip() or "  " in value],
        "distinct": len({json.dumps(dict(metadata)) for metadata in described}),
    }


def emit_metrics(given: Mapping[str, Any]) -> dict[str, Any]:
    """Count a failure of each error of this system, and of ``other_errors``, and read the lines."""
    own = [
        name
        for name, reported in vars(errors).items()
        if isinstance(reported, type) and issubclass(reported, Exception)
    ]
    with redirect_stdout(io.StringIO()) as written:
        emit_failures(dict.fromkeys([*own, *given["other_errors"]], 1), environment=given["environment"])
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    values = [
        line[dimension]
        for line in lines
        for dimensions in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
        for dimension in dimensions
    ]
    return {
        "lines": len(lines) - len(own),
        "empty_or_odd": [value for value in values if not value.strip() or not value.isascii()],
        "longest": max(map(len, values)),
    }


def trace(given: Mapping[str, Any]) -> dict[str, Any]:
    """Time a piece of work under each of ``headers``, with no daemon at any of ``daemons``."""
    raised: list[str] = []
    for daemon in given["daemons"]:
        for header in given["headers"]:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("LAMBDA_TASK_ROOT", "/var/task")
                environment.setenv("AWS_XRAY_DAEMON_ADDRESS", daemon)
                environment.setenv("_X_AMZN_TRACE_ID", header)
                try:
                    with subsegment(Part.TRACKER, run="night", media_id="m1"):
                        pass
                except Exception as error:  # noqa: BLE001 - whatever the SDK raises is what must not come out
                    raised.append(f"{header}: {type(error).__name__}")
    return {"raised": raised}
