"""DynamoDB on loopback, for code in other processes: every call is passed on to a client of this one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from botocore import xform_name
from botocore.exceptions import ClientError

from local.loopback_server import LoopbackHandler, LoopbackServer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Moment = Literal["asked", "acted", "refused"]  # the last two before the answer is sent
Watch = Callable[[str, Moment], None]


class DynamoDBServer:
    """Use as a context manager.

    Its wire format is what boto3 takes and gives, but for binary values.

    Args:
        client: what answers; moto's, in tests.
        watch: told of each request's moments, from the thread that serves it.
    """

    def __init__(self, client: DynamoDBClient, *, watch: Watch) -> None:
        self._client = client
        self._watch = watch
        self._lock = threading.Lock()
        state = self

        class Handler(_DynamoDBHandler):
            dynamodb = state

        self._server = LoopbackServer(Handler)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return self._server.url

    def call(self, operation: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Returns status and document of the answer."""
        self._watch(operation, "asked")
        with self._lock:
            status, answer = self._act(operation, arguments)
        self._watch(operation, "acted" if status == 200 else "refused")
        return status, answer

    def _act(self, operation: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            answer: dict[str, Any] = getattr(self._client, xform_name(operation))(**arguments)
        except ClientError as error:
            refusal: Any = error.response
            reported = {"__type": refusal["Error"]["Code"], "message": refusal["Error"]["Message"]}
            return 400, reported | ({"Item": refusal["Item"]} if "Item" in refusal else {})
        del answer["ResponseMetadata"]
        return 200, answer


class _DynamoDBHandler(LoopbackHandler, BaseHTTPRequestHandler):
    dynamodb: DynamoDBServer

    def do_POST(self) -> None:
        arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        status, answer = self.dynamodb.call(operation, arguments)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
