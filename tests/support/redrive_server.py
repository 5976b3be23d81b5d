"""The stack of `redrive_stack.py` on loopback, for the command in a process of its own."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, Self
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore import xform_name

from local.loopback_server import LoopbackHandler, LoopbackServer
from tests.support.redrive_stack import RedriveStack

_SERVICES: Final = {
    "AmazonSQS": "sqs",
    "AWSStepFunctions": "stepfunctions",
    "DynamoDB_20120810": "dynamodb",
}


class RedriveServer:
    """Use as a context manager; one request is answered at a time.

    Args:
        stack: what answers.
    """

    def __init__(self, stack: RedriveStack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        state = self

        class Handler(_Handler):
            server_state = state

        self._server = LoopbackServer(Handler)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return self._server.url

    def call(self, target: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a call in AWS's JSON protocol."""
        service, _, operation = target.partition(".")
        with self._lock:
            client = self._stack.client(_SERVICES[service])
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**arguments)
        return answer

    def describe_stacks(self, stack_name: str) -> str:
        """Return CloudFormation's answer, in its query protocol."""
        with self._lock:
            (stack,) = self._stack.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
        outputs = "".join(
            f"<member><OutputKey>{output['OutputKey']}</OutputKey>"
            f"<OutputValue>{escape(output['OutputValue'])}</OutputValue></member>"
            for output in stack["Outputs"]
        )
        return (
            f"<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>{stack_name}</StackName>"
            "<CreationTime>2026-03-01T02:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>"
            f"<Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )


class _Handler(LoopbackHandler, BaseHTTPRequestHandler):
    server_state: RedriveServer

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        target = self.headers.get("X-Amz-Target")
        if target is None:
            body, kind = self.server_state.describe_stacks(parse_qs(asked)["StackName"][0]), "text/xml"
        else:
            body, kind = json.dumps(self.server_state.call(target, json.loads(asked))), "application/x-amz-json-1.0"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())
