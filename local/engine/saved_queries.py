"""The queries of Logs Insights that a stack saves.

The engine as published refuses ``AWS::Logs::QueryDefinition`` and the calls about it. It answers queries, but
silently leaves out the steps that it does not know, so that it answers another question. Here it refuses.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

from ministack.services import cloudwatch_logs
from ministack.services.cloudformation import provisioners

from local.engine.patching import add_entry, replace

Answer = tuple[int, dict[str, str], bytes]

_definitions: dict[str, dict[str, Any]] = {}


def apply() -> None:
    """Let stacks save queries, and refuse to answer them."""
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
    replace(cloudwatch_logs, "_start_query", _refuse_to_answer)


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


def _refuse_to_answer(_request: dict[str, Any]) -> Answer:
    message = "The local cloud keeps queries and answers none; read the lines themselves: aws logs filter-log-events"
    answer: Answer = cloudwatch_logs.error_response_json("UnsupportedOperationException", message, 400)
    return answer
