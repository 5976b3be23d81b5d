"""Cut botocore's descriptions of AWS down to what the functions use.

botocore describes every AWS service in JSON and reads a service's files when its client is created: two megabytes for
our four, most of it documentation, operations that nobody calls here, and the endpoints of other services. What is
used stays as it is: operations, their shapes, error codes and endpoint rules.

It is done in place, not with AWS_DATA_PATH: given an endpoints.json in another folder, botocore abandons its endpoint
rules for an older way of finding addresses (seen in 1.43: another host for the same bucket).
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any, Final

# Contract tests hold these against aws/clients.py and against the calls in src.
USED_OPERATIONS: Final = {
    "dynamodb": frozenset({"BatchGetItem", "Scan", "TransactWriteItems", "UpdateItem"}),
    "s3": frozenset(
        {
            "AbortMultipartUpload",
            "CompleteMultipartUpload",
            "CreateMultipartUpload",
            "GetObject",
            "HeadBucket",  # botocore itself asks for it when a bucket is in another region
            "HeadObject",
            "ListMultipartUploads",
            "ListObjectsV2",
            "ListParts",
            "PutObject",
        }
    ),
    "secretsmanager": frozenset({"DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"}),
    "sns": frozenset({"Publish"}),
}
USED_SERVICES: Final = frozenset(USED_OPERATIONS)


def trim_botocore_data(data: Path) -> None:
    """Cut down botocore's ``data`` folder, in place.

    Args:
        data: the folder, with one folder per service.
    """
    for service in data.iterdir():
        if service.is_dir() and service.name not in USED_SERVICES:
            shutil.rmtree(service)
    for file in [*data.glob("*/*/*.json"), *data.glob("*/*/*.json.gz")]:
        _shorten_description(file)
    _keep_used_endpoints(data / "endpoints.json")


def _shorten_description(file: Path) -> None:
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    file.unlink()
    if not file.name.startswith("examples-"):  # for botocore's own documentation
        plain = file.with_suffix("") if file.suffix == ".gz" else file  # botocore reads both; plain costs less
        document = json.loads(content)
        if plain.name == "service-2.json":
            document = _with_used_operations(document, USED_OPERATIONS[file.parents[1].name])
        _write(plain, _without_documentation(document))


def _with_used_operations(model: dict[str, Any], used: frozenset[str]) -> dict[str, Any]:
    """Return a service's model with only the used operations, and the shapes that these and its errors need."""
    operations = {name: operation for name, operation in model["operations"].items() if name in used}
    shapes = model["shapes"]
    needed: set[str] = set()
    pending = [name for name, shape in shapes.items() if shape.get("exception")]
    for operation in operations.values():
        pending += [operation[part]["shape"] for part in ("input", "output") if part in operation]
        pending += [error["shape"] for error in operation.get("errors", [])]
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            parts = [shapes[name].get(part) for part in ("member", "key", "value")]
            parts += shapes[name].get("members", {}).values()
            pending += [part["shape"] for part in parts if part is not None]
    return {**model, "operations": operations, "shapes": {name: shapes[name] for name in shapes if name in needed}}


def _without_documentation(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_documentation(item) for item in value]
    if not isinstance(value, dict):
        return value
    # Emptied, not dropped: parts of botocore read it. A shape may have a member of this name, whose value is a dict.
    return {
        key: "" if key == "documentation" and isinstance(item, str) else _without_documentation(item)
        for key, item in value.items()
    }


def _keep_used_endpoints(file: Path) -> None:
    endpoints = json.loads(file.read_bytes())
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: service for name, service in partition["services"].items() if name in USED_SERVICES
        }
    _write(file, endpoints)


def _write(file: Path, document: Any) -> None:
    file.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
