"""A proxy between AWS's clients and what plays AWS, which gives odd answers.

It is put before a service with ``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL_DYNAMODB`` and the like.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

import urllib3

from local.loopback_server import LoopbackHandler, LoopbackServer
from tests.support.odd_answers import AwsRequest, OddAnswer, OddAnswers, s3_request

_OF_ONE_CONNECTION: Final = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
_PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A request that came through, and what it got.

    Attributes:
        request: what was asked.
        status: what was answered; None if the answer was lost.
        is_odd: whether it was another answer than the service's own.
    """

    request: AwsRequest
    status: int | None
    is_odd: bool


class AnswerProxy:
    """Use as a context manager.

    Args:
        upstream: the address of what plays AWS.
        ca_bundle: what the upstream's certificate is checked with.
        odd: which requests get which odd answer.
    """

    def __init__(self, upstream: str, *, ca_bundle: Path | None = None, odd: OddAnswers | None = None) -> None:
        self.odd = odd or OddAnswers()
        self.answered: list[Answered] = []
        self._upstream = upstream
        self._http = urllib3.PoolManager(maxsize=32, ca_certs=None if ca_bundle is None else str(ca_bundle))
        self._lock = threading.Lock()
        proxy = self

        class Handler(_ProxyHandler):
            pass

        Handler.proxy = proxy
        self._server = LoopbackServer(Handler)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._http.clear()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    def forget(self, odd: OddAnswers | None = None) -> None:
        """Begin anew, with other answers."""
        with self._lock:
            self.odd, self.answered = odd or OddAnswers(), []

    def count(self, operation: str) -> int:
        """Return how many requests of an operation there were."""
        return len(self.requests(operation))

    def requests(self, operation: str) -> list[Answered]:
        """Return the requests of an operation in the order of their answers."""
        with self._lock:
            return [answered for answered in self.answered if answered.request.operation == operation]

    def pass_on(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> urllib3.BaseHTTPResponse:
        """Ask what plays AWS."""
        return self._http.request(
            method,
            self._upstream + target,
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            decode_content=False,
            timeout=_PATIENCE_SECONDS,
        )

    def note(self, request: AwsRequest, status: int | None, *, is_odd: bool) -> None:
        """Remember a request and what it got."""
        with self._lock:
            self.answered.append(Answered(request=request, status=status, is_odd=is_odd))


class _ProxyHandler(LoopbackHandler, BaseHTTPRequestHandler):
    proxy: AnswerProxy

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = None if _is_told_by_its_body(self.path, headers) else s3_request(self.command, self.path, headers)
        # Of S3 alone it is known before the body is read what is asked.
        odd = None if request is None else self.proxy.odd.take(request)
        if request is not None and odd is not None and odd.is_early:
            self.close_connection = True
            self._answer(request, odd.status, odd.headers, odd.body, is_odd=True)
            return
        body = self.rfile.read(int(headers.get("content-length", 0)))
        if request is None:
            request = _request_of(self.path, headers, body)
            odd = self.proxy.odd.take(request)
        if odd is None or odd.acted or odd.status is None:
            kept = {name: value for name, value in headers.items() if name not in _OF_ONE_CONNECTION}
            own = self.proxy.pass_on(self.command, self.path, kept, body)
        else:
            own = None
        if odd is not None and odd.is_lost:
            self.close_connection = True
            self.proxy.note(request, None, is_odd=True)
        elif odd is not None and odd.status is not None:
            self._answer(request, odd.status, odd.headers, odd.body, is_odd=True)
        elif own is not None:
            reported, data = _without(odd, dict(own.headers), own.data)
            self._answer(request, own.status, reported, data, is_odd=odd is not None)

    def _answer(
        self, request: AwsRequest, status: int | None, headers: Mapping[str, str], body: bytes, *, is_odd: bool
    ) -> None:
        self.proxy.note(request, status, is_odd=is_odd)
        self.send_response_only(status or 200)
        for name, value in headers.items():
            if name.lower() not in _OF_ONE_CONNECTION or (self.command == "HEAD" and name.lower() == "content-length"):
                self.send_header(name, value)
        if self.command != "HEAD" and status != 204:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)


def _is_told_by_its_body(target: str, headers: Mapping[str, str]) -> bool:
    return "x-amz-target" in headers or urlsplit(target).path == "/"


def _request_of(target: str, headers: Mapping[str, str], body: bytes) -> AwsRequest:
    if "x-amz-target" in headers:
        service, _, operation = headers["x-amz-target"].partition(".")
        name = service.partition("_")[0].lower()
    else:
        name, operation = "sns", parse_qs(body.decode()).get("Action", ["?"])[0]
    return AwsRequest(service=name, operation=operation, path=target, headers=headers, body=body)


def _without(odd: OddAnswer | None, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    for name in () if odd is None else odd.without:
        headers = {reported: value for reported, value in headers.items() if reported.lower() != name.lower()}
        body = _without_field(name, body)
    return headers, body


def _without_field(name: str, body: bytes) -> bytes:
    if body.startswith(b"{"):
        document = json.loads(body)
        return json.dumps({reported: value for reported, value in document.items() if reported != name}).encode()
    tag = re.escape(name.encode())
    return re.sub(rb"<" + tag + rb">.*?</" + tag + rb">|<" + tag + rb"/>", b"", body, flags=re.DOTALL)
