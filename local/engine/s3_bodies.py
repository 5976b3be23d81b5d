"""Pass bodies of any size through S3 without holding them in memory, where the published engine keeps and joins them.

An upload is written to a file while it arrives, and read as strictly as S3 reads it; the engine is given a
:class:`~local.engine.stored_bytes.StoredBytes`, which it measures, hashes, cuts and keeps like bytes. An answer of that
type is sent in blocks, as fast as the client takes them. Small bodies, and those of all other services, stay bytes.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import logging
import tempfile
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import StreamingResponse
from ministack.core.router import detect_service
from ministack.services import s3

from local.aws_chunked import UNSIGNED_TRAILER, AwsChunkedBody, BodyRefusedError, is_trailed
from local.engine.patching import replace
from local.engine.stored_bytes import BLOCK_BYTES, StoredBytes, StoredFile

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

# Larger bodies are written to a file.
LARGEST_IN_MEMORY_BYTES = 1024 * 1024

# PUT requests for an object's properties, whose bodies are documents.
_DOCUMENTS = frozenset({"acl", "annotation", "legal-hold", "retention", "tagging"})
# The number of uploads received at a time. The event loop's own threads cannot do it: functions occupy them while they
# upload.
_RECEIVERS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="s3-upload")

_logger = logging.getLogger("s3")


class RefusedBodyError(app._IncompleteRequestBody):  # type: ignore[misc]  # the engine has no types
    """The error that the engine catches when a body cannot be accepted, with S3's answer.

    Attributes:
        refused: status and code.
        message: for the person who reads the answer.
    """

    def __init__(self, refused: BodyRefusedError, message: str = "The body is not as it was announced") -> None:
        super().__init__(refused.code)
        self.refused = refused
        self.message = message


def apply() -> None:
    """Replace memory with files wherever S3's bodies pass."""
    replace(app, "app", _with_request(app.app))
    replace(app, "_read_request_body", _receiving_into_files(app._read_request_body))
    replace(app, "_routing_params", _seeing_no_form(app._routing_params))
    replace(iam_actions, "_action_from_query", _seeing_no_form(iam_actions._action_from_query))
    replace(s3, "handle_request", _sending_from_files(s3.handle_request))
    replace(s3, "_get_object_data", _whole_in_memory(s3._get_object_data))
    replace(s3, "_compute_s3_checksum", _with_files_checksum(s3._compute_s3_checksum))
    replace(s3, "md5_hash", lambda data: s3.hashlib.md5(data).hexdigest())
    replace(s3, "hashlib", _Hashing())


# --- what comes in ----------------------------------------------------------------------------------------------------


class _RequestStream:
    """ASGI's ``receive``, which still knows the request that the body belongs to."""

    def __init__(self, receive: Receive, scope: Message) -> None:
        self._receive = receive
        self.scope = scope

    async def __call__(self) -> Message:
        return await self._receive()


def _with_request(stock: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        await stock(scope, _RequestStream(receive, scope) if scope["type"] == "http" else receive, send)

    return serve


def _receiving_into_files(
    stock: Callable[..., Awaitable[bytes]],
) -> Callable[..., Awaitable[bytes | StoredBytes]]:
    async def read_request_body(receive: Receive, method: str, headers: dict[str, str]) -> bytes | StoredBytes:
        if not (isinstance(receive, _RequestStream) and _is_large_upload(receive.scope, headers)):
            return await stock(receive, method, headers)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_RECEIVERS, _received, _ArrivingBody(receive, loop), headers)

    return read_request_body


def _is_large_upload(scope: Message, headers: dict[str, str]) -> bool:
    """Return whether a request is an object, or a part of one, that is not to be held in memory."""
    length = headers.get("content-length", "")
    if scope["method"] != "PUT" or (length.isdecimal() and int(length) <= LARGEST_IN_MEMORY_BYTES):
        return False
    query = parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
    if _DOCUMENTS & query.keys() or scope["path"].startswith("/_") or not _names_object(scope["path"], headers):
        return False
    payload = headers.get("x-amz-content-sha256", "")
    # To check a signature of the bytes, the engine needs them at hand: chunks that are signed one by one, or a body
    # whose digest is in no header.
    is_signed = payload.startswith("STREAMING-") and payload != UNSIGNED_TRAILER
    if is_signed or ("authorization" in headers and not payload):
        return False
    return bool(detect_service(scope["method"], scope["path"], headers, query) == "s3")


def _names_object(path: str, headers: dict[str, str]) -> bool:
    first, _, rest = path.lstrip("/").partition("/")
    return bool(first if app._extract_s3_vhost_bucket(headers.get("host", "")) else rest)


class _ArrivingBody(io.RawIOBase):
    """The body of a request, for a thread that reads it; the event loop receives only as much as that thread takes.

    Args:
        receive: returns the next message.
        loop: the event loop that receives.
    """

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._receive = receive
        self._loop = loop
        self._block = memoryview(b"")
        self._ended = False
        self.received_bytes = 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, block: Any) -> int:
        """Fill the block with what comes next; return how many bytes that is, 0 at the end."""
        if not self._block and not self._ended:
            self._block = memoryview(asyncio.run_coroutine_threadsafe(self._next_block(), self._loop).result())
            self.received_bytes += len(self._block)
        count = min(len(block), len(self._block))
        block[:count] = self._block[:count]
        self._block = self._block[count:]
        return count

    async def _next_block(self) -> bytes:
        """Receive a block of messages: switching between event loop and thread costs as much as several of them."""
        pieces, size = [], 0
        while size < BLOCK_BYTES and not self._ended:
            message = await self._receive()
            if message["type"] != "http.request":
                raise app._RequestBodyDisconnected
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            self._ended = not message.get("more_body", False)
        return b"".join(pieces)


def _received(arriving: _ArrivingBody, headers: dict[str, str]) -> StoredBytes:
    """Write a body to a file, without its frames; put its trailer into the headers, as the engine does."""
    stream = io.BufferedReader(arriving, BLOCK_BYTES)
    with _refusals(stream):
        framed = AwsChunkedBody(stream, headers) if is_trailed(headers) else None
        body = StoredBytes.of(StoredFile(_folder(), (framed or stream).readinto))
        if stream.read(1) or arriving.received_bytes != int(headers.get("content-length", arriving.received_bytes)):
            raise BodyRefusedError(400, "IncompleteBody")
        if framed is not None:
            for name, value in framed.trailers.items():
                headers.setdefault(name, value)
            _forget_framing(headers)
        return body


@contextmanager
def _refusals(stream: io.BufferedIOBase) -> Iterator[None]:
    try:
        yield
    except BodyRefusedError as refused:
        _read_to_the_end(stream)
        raise RefusedBodyError(refused) from refused
    except OSError as error:
        _logger.warning("An upload cannot be kept in %s: %s", _folder(), error.strerror)
        _read_to_the_end(stream)
        message = f"The local cloud cannot keep the body in {_folder()}: {error.strerror}"
        # S3 has no code for a full disk. One that means "later" would make the run retry for many minutes.
        raise RefusedBodyError(BodyRefusedError(400, "InvalidRequest"), message) from error


def _read_to_the_end(stream: io.BufferedIOBase) -> None:
    """Read what is left of a body: a client that is still sending would not read the answer."""
    block = bytearray(BLOCK_BYTES)
    while stream.readinto(block):
        pass


def _forget_framing(headers: dict[str, str]) -> None:
    left = [name.strip() for name in headers.get("content-encoding", "").split(",") if name.strip() != "aws-chunked"]
    headers.pop("content-encoding", None)
    if any(left):
        headers["content-encoding"] = ", ".join(left)


def _folder() -> Path:
    """Return the folder for bodies: that of this cloud's temporary files, which is removed with it."""
    folder = Path(tempfile.gettempdir()) / "s3-bodies"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _seeing_no_form(stock: Callable[..., Any]) -> Callable[..., Any]:
    """Hide a large upload where a request might be taken for a form: it is not one, whatever its type is."""

    def look(*request: Any) -> Any:
        return stock(*(b"" if isinstance(value, StoredBytes) else value for value in request))

    return look


# --- what the engine does with it -------------------------------------------------------------------------------------


class PartBeingJoined:
    """A part while the engine completes an upload: it has its length and MD5, and adds nothing to the joined bytes.

    What the object really consists of is set when it is recorded.
    """

    def __init__(self, body: StoredBytes | bytes) -> None:
        self.body = body

    def __len__(self) -> int:
        return len(self.body)

    def __buffer__(self, _flags: int) -> memoryview:
        return memoryview(b"")


class _Hashing:
    """``hashlib`` for the engine's S3, whose MD5 knows bodies in files, too."""

    def __getattr__(self, name: str) -> Any:
        return getattr(hashlib, name)

    @staticmethod
    def md5(data: Any = b"") -> Any:
        body = data.body if isinstance(data, PartBeingJoined) else data
        return body.hashed("md5") if isinstance(body, StoredBytes) else hashlib.md5(body, usedforsecurity=False)


def _with_files_checksum(stock: Callable[..., str | None]) -> Callable[..., str | None]:
    def checksum(algorithm: str, body: bytes | StoredBytes) -> str | None:
        if not isinstance(body, StoredBytes):
            return stock(algorithm, body)
        value = body.checksum((algorithm or "").upper().replace("_", ""))
        return None if value is None else base64.b64encode(value).decode()

    return checksum


def _whole_in_memory(stock: Callable[..., Any]) -> Callable[..., bytes | None]:
    """Return an object as bytes to other services, which read functions' packages, for example: never large ones."""

    def object_data(*request: Any, **named: Any) -> bytes | None:
        body: bytes | StoredBytes | None = stock(*request, **named)
        return bytes(body) if isinstance(body, StoredBytes) else body

    return object_data


# --- what goes out ----------------------------------------------------------------------------------------------------


def _sending_from_files(stock: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def handle_request(*request: Any, **named: Any) -> Any:
        status, headers, body = await stock(*request, **named)
        if isinstance(body, StoredBytes):
            return status, headers, StreamingResponse(lambda send, receive: _send(body, send, receive))
        return status, headers, body

    return handle_request


async def _send(body: StoredBytes, send: Send, receive: Receive) -> None:
    """Send a body; stop when the client has gone away."""
    gone = asyncio.ensure_future(_has_gone_away(receive))
    try:
        for block in body.blocks():
            if gone.done():
                return
            await send({"type": "http.response.body", "body": bytes(block), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()


async def _has_gone_away(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # the request's body, which is empty
