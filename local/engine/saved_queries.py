"""Logs Insights as our saved queries need it, and the queries themselves.

The engine as published refuses ``AWS::Logs::QueryDefinition`` and the calls about it, and leaves out, without a word,
the steps of a query that it does not know: the answer is then one to another question.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

from ministack.services import cloudwatch_logs
from ministack.services.cloudformation import provisioners

from local.engine.logs_insights import QueryError, run_query
from local.engine.patching import add_entry, replace

Answer = tuple[int, dict[str, str], bytes]

_definitions: dict[str, dict[str, Any]] = {}


def apply() -> None:
    """Lets stacks save queries, and answers them."""
    handlers = {
        "create": lambda _logical_id, properties, _stack_name: _create(properties),
        "update": lambda physical_id, _old, properties, *_rest: _store(physical_id, properties),
        "delete": lambda physical_id, _properties: _definitions.pop(physical_id, None),
    }
    add_entry(provisioners._RESOURCE_HANDLERS, "AWS::Logs::QueryDefinition", handlers)
    stock_handle = cloudwatch_logs.handle_request

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query_params: Any) -> Any:
        if headers.get("x-amz-target", "").endswith(".DescribeQueryDefinitions"):
            return _describe(json.loads(body or b"{}"))
        return await stock_handle(method, path, headers, body, query_params)

    replace(cloudwatch_logs, "handle_request", handle)
    replace(cloudwatch_logs, "_start_query", _start_query)


def _create(properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return _store(str(uuid4()), properties)


def _store(query_id: str, properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    _definitions[query_id] = {
        "queryDefinitionId": query_id,
        "name": properties["Name"],
        "queryString": properties["QueryString"],
        "logGroupNames": properties.get("LogGroupNames", []),
        "lastModified": int(time.time() * 1000),
    }
    return query_id, {"QueryDefinitionId": query_id}


def _describe(request: dict[str, Any]) -> Answer:
    prefix = request.get("queryDefinitionNamePrefix", "")
    found = [definition for definition in _definitions.values() if definition["name"].startswith(prefix)]
    answer: Answer = cloudwatch_logs.json_response({"queryDefinitions": found})
    return answer


def _start_query(request: dict[str, Any]) -> Answer:
    groups = cloudwatch_logs._resolve_query_log_groups(request)
    unknown = [name for name in groups if name not in cloudwatch_logs._log_groups]
    if not groups or unknown:
        return _refused("ResourceNotFoundException", f"The log group does not exist: {unknown}")
    records = cloudwatch_logs._collect_query_records(groups, request["startTime"], request["endTime"])
    lines = [cloudwatch_logs._public_log_record(record) for record in records]
    try:
        rows = run_query(request["queryString"], lines)
    except QueryError as error:
        return _refused("MalformedQueryException", str(error))
    query_id = str(uuid4())
    cloudwatch_logs._queries[query_id] = {
        "queryId": query_id,
        "status": "Complete",
        "results": [[{"field": name, "value": _text(value)} for name, value in row.items()] for row in rows],
        "statistics": {"recordsMatched": len(rows), "recordsScanned": len(lines), "bytesScanned": 0.0},
    }
    answer: Answer = cloudwatch_logs.json_response({"queryId": query_id})
    return answer


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _refused(code: str, message: str) -> Answer:
    answer: Answer = cloudwatch_logs.error_response_json(code, message, 400)
    return answer
