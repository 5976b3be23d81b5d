"""botocore's descriptions of AWS, cut down to what the functions use.

botocore describes every AWS service in JSON and reads those of a service when its client is made: two megabytes for
our three, most of it documentation and the endpoints of the other services. Nothing that a client does is left out:
operations, shapes, error codes and endpoint rules stay as they are.

It is done in place, not by AWS_DATA_PATH: with an endpoints.json of another folder botocore leaves its endpoint rules
for an older way of finding addresses (seen in 1.43: another host for the same bucket).
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any, Final

# A contract test holds this against aws_clients.py.
USED_SERVICES: Final = frozenset({"dynamodb", "s3", "secretsmanager", "sns"})


def trim_botocore_data(data: Path) -> None:
    """Cuts down botocore's ``data`` folder, in place.

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
        _write(plain, _without_documentation(json.loads(content)))


def _without_documentation(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_documentation(item) for item in value]
    if not isinstance(value, dict):
        return value
    # Emptied, not dropped: some of botocore reads it. A shape may have a member of this name, whose value is a dict.
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
