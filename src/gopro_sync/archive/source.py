"""The origin side: ranged reads of one file from a signed CDN URL, trusting nothing that comes back.

The signed URL is a bearer secret for an hour: messages, log lines and reprs show only its host. No GoPro header or
cookie is ever sent with it.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from urllib3.exceptions import ReadTimeoutError

from gopro_sync import errors
from gopro_sync.archive.net.allowed_hosts import InternalAddressError
from gopro_sync.archive.net.connections import BROKEN_OFF, Answer, SourceConnections
from gopro_sync.archive.net.pace import LEAST_BYTES_PER_SECOND, STRETCH_SECONDS, SlowSourceError
from gopro_sync.archive.net.pools import BLOCK_BYTES
from gopro_sync.archive.net.source_address import read_address
from gopro_sync.archive.part_plan import Part
from gopro_sync.archive.url_expiry import expires_at
from gopro_sync.errors import (
    GoProApiChangedError,
    GoProSyncError,
    NetworkError,
    SourceChangedError,
    SourceLostError,
    SourceResponseError,
    SourceUrlExpiredError,
    ThrottledError,
)
from gopro_sync.telemetry.retries import log_retry
from gopro_sync.values.outside_values import (
    content_range_or_none,
    retry_after_seconds,
    whole_number_or_none,
)

CONNECT_TIMEOUT_SECONDS: Final = 10.0
IDLE_TIMEOUT_SECONDS: Final = 15.0  # between two arrivals of bytes, not for the whole part

_RENEW_BEFORE_EXPIRY_SECONDS = 60.0
_LONGEST_ETAG = 256  # it becomes metadata of the object, of which S3 accepts 2 KB in all
# https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3, and, as some servers send it, without quotes or with the whole
# value quoted once more after the mark of a weak one. Several headers arrive as one text with blanks in it.
_ETAG = re.compile(r'"?(?:W/)?"?[\x21\x23-\x7e\x80-\xff]+"?')
_REFUSED_URL_STATUSES = frozenset({401, 403, 410})
_NOT_THERE_STATUSES = frozenset(
    {404, 410}
)  # 410 from a fresh URL; from an old one it may mean that the URL has expired
_THROTTLED_STATUSES = frozenset({429, 503})
_WHOLE, _PIECE, _NOTHING_THERE = 200, 206, 416
# A partial answer is vouched for by its Content-Range; a whole file that is text is an error sent with a wrong status.
_TYPES_OF_NO_VIDEO = ("text/", "application/json", "application/xml")
_BEGINNINGS_OF_PAGES = (b"<!doctype", b"<html", b"<?xml")


def source_pool(
    *,
    workers: int,
    ca_bundle: str | None = None,
    allows_internal_addresses: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> SourceConnections:
    """Create the connections to the CDN.

    Args:
        workers: how many connections to keep open.
        ca_bundle: path of the certificates to trust instead of the system's.
        allows_internal_addresses: True only where the CDN is a simulated one.
        clock: returns seconds, never going backwards.
    """
    return SourceConnections(
        kept=workers, ca_bundle=ca_bundle, allows_internal_addresses=allows_internal_addresses, clock=clock
    )


class SignedUrl:
    """The signed URL of one file, renewed once for all workers when it is refused or about to expire.

    Args:
        resolve: asks GoPro for a freshly signed URL; called by one worker at a time.
        wall_clock: returns the time, aware, to compare with the expiry that the URL states.
        lock: lets one worker in at a time.
    """

    def __init__(
        self,
        resolve: Callable[[], str],
        *,
        wall_clock: Callable[[], datetime],
        lock: AbstractContextManager[object],
    ) -> None:
        self._resolve = resolve
        self._wall_clock = wall_clock
        self._lock = lock
        self._url: str | None = None
        self._renew_at = math.inf

    def current(self) -> str:
        """Return a URL that is valid for another minute, as far as it says.

        Raises:
            GoProApiChangedError: GoPro returned something other than an HTTPS URL. Errors of ``resolve`` pass
                unchanged.
        """
        with self._lock:
            if self._url is None or self._wall_clock().timestamp() >= self._renew_at:
                return self._renew()
            return self._url

    def renew(self, rejected: str) -> str:
        """Return another URL than the rejected one; the first of several workers requests it, and the others share it.

        Raises:
            GoProApiChangedError: GoPro returned something other than an HTTPS URL. Errors of ``resolve`` pass
                unchanged.
        """
        with self._lock:
            if self._url is None or self._url == rejected:
                return self._renew()
            return self._url

    def _renew(self) -> str:
        url = self._resolve()
        read_address(url)
        now = self._wall_clock().timestamp()
        lifetime = expires_at(url) - now
        # A new URL that has already expired means that the clocks differ: then only a refusal shows when to renew.
        margin = min(_RENEW_BEFORE_EXPIRY_SECONDS, lifetime / 2)
        self._renew_at = now + lifetime - margin if lifetime > 0 else math.inf
        self._url = url
        return url


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """The file as its origin first stated it; every later answer has to agree.

    Args:
        size_bytes: total size according to the CDN; GoPro's listing can be off.
        etag: the origin's ETag without quotes, if it sends one that can be compared and kept.
    """

    size_bytes: int
    etag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """What an answer states about itself: ``size_bytes`` from ``first`` on, of ``total``; None if it does not say."""

    first: int
    size_bytes: int | None
    total: int | None
    etag: str | None

    def covers(self, part: Part) -> bool:
        """Return whether it begins where the part does, and is no shorter; any excess need not be read."""
        return self.first == part.offset and (self.size_bytes is None or self.size_bytes >= part.size_bytes)


class Source:
    """Ranged reads of one file.

    A server may answer any range with 200 and the whole file (RFC 9110, 14.2): that serves parts that begin at byte 0.

    Args:
        http: connections to the CDN, from ``source_pool``.
        signed_url: where the file is.
        media_id: for error messages.
        largest_file_bytes: the largest object that S3 accepts.
        largest_whole_bytes: the most to read in one go.
        wall_clock: returns the time, aware, for ``Retry-After`` dates.
        check: called now and then while waiting for bytes; raises whatever should end the reading.
    """

    def __init__(
        self,
        *,
        http: SourceConnections,
        signed_url: SignedUrl,
        media_id: str,
        largest_file_bytes: int,
        largest_whole_bytes: int,
        wall_clock: Callable[[], datetime],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._http = http
        self._signed_url = signed_url
        self._media_id = media_id
        self._largest_file_bytes = largest_file_bytes
        self._largest_whole_bytes = largest_whole_bytes
        self._wall_clock = wall_clock
        self._check = check

    def probe(self) -> SourceFile:
        """Request the first byte, to learn total size and ETag.

        Raises:
            SourceResponseError: the file is empty, larger than S3 can hold, or the answer is not the requested byte.
            GoProSyncError: as ``open`` does.
        """
        with self._request(_range_of(_FIRST_BYTE)) as answer:
            host = answer.host
            if answer.status == _NOTHING_THERE:
                raise self._unexpected(host, "says that the file is empty")
            stated = self._statement(answer)
            if not stated.covers(_FIRST_BYTE):
                raise self._unexpected(host, "says that the file is empty" if stated.total == 0 else _ANOTHER_RANGE)
            if stated.size_bytes == 1:
                answer.read_exactly(1)  # all of it, so that the connection can be reused
            size_bytes = self._counted(answer) if answer.status == _WHOLE and stated.total is None else stated.total
        if size_bytes is None:
            size_bytes = self._size_without_range()
        if size_bytes > self._largest_file_bytes:
            raise self._unexpected(host, f"states {size_bytes} bytes, more than an object in S3 may have")
        return SourceFile(size_bytes=size_bytes, etag=stated.etag)

    def open(self, file: SourceFile, part: Part) -> OpenRange:
        """Request one part and check everything that can be known before its bytes arrive.

        Args:
            file: what ``probe`` returned.
            part: which bytes.

        Returns:
            The open answer; iterate over it for exactly the requested bytes, and close it.

        Raises:
            SourceChangedError: ETag or total differ from the first answer.
            SourceUrlExpiredError: the CDN refuses a URL that was signed just now.
            SourceLostError: the CDN does not have the file that GoPro offers.
            SourceResponseError: the answer is not the requested range.
            ThrottledError: the CDN asks for fewer requests.
            TimeoutError: the CDN sent nothing for ``IDLE_TIMEOUT_SECONDS``, or next to nothing for longer.
            NetworkError: the CDN could not be reached or failed.
            Exception: what ``check`` raises.
        """
        answer = self._request(_range_of(part), check=self._check)
        try:
            if answer.status == _NOTHING_THERE:
                raise SourceChangedError("The file at GoPro became shorter", media_id=self._media_id)
            stated = self._statement(answer)
            if stated.total not in {None, file.size_bytes} or stated.etag not in {None, file.etag}:
                raise SourceChangedError("The file at GoPro changed in size or ETag", media_id=self._media_id)
            if stated.etag is None and file.etag is not None:
                # Of several servers behind one name some may send none: that says nothing about the file.
                raise self._unexpected(answer.host, "did not say which edition of the file its answer is from")
            if answer.status == _WHOLE and part.offset > 0:
                raise self._unexpected(answer.host, self._one_go_only())
            if not stated.covers(part):
                raise self._unexpected(answer.host, _ANOTHER_RANGE)
        except GoProSyncError:
            answer.close()
            raise
        answer.expect(part, is_all_there_is=stated.size_bytes is None and part.size_bytes == file.size_bytes)
        return answer

    def _request(self, headers: dict[str, str], *, check: Callable[[], None] = lambda: None) -> OpenRange:
        url = self._signed_url.current()
        answer = self._get(url, headers, check)
        if answer.status in _REFUSED_URL_STATUSES:
            answer.close()
            log_retry("read from GoPro's CDN, with a new URL", attempt=2, error_type=f"status {answer.status}")
            answer = self._get(self._signed_url.renew(url), headers, check)
        if answer.status in {_WHOLE, _PIECE, _NOTHING_THERE}:
            return answer
        answer.close()
        raise self._refusal(answer)

    def _get(self, url: str, headers: dict[str, str], check: Callable[[], None]) -> OpenRange:
        address = read_address(url)
        try:
            answer = self._http.get(
                address,
                headers | {"Accept-Encoding": "identity", "User-Agent": "gopro-s3-sync"},
                connect_seconds=CONNECT_TIMEOUT_SECONDS,
                idle_seconds=IDLE_TIMEOUT_SECONDS,
                check=check,
            )
        except InternalAddressError as error:
            raise GoProApiChangedError(
                f"The download URL leads to {address.host}, which is not on the public internet",
                media_id=self._media_id,
            ) from error
        except BROKEN_OFF as error:
            raise _broken_off(address.host, error, media_id=self._media_id) from error
        return OpenRange(answer, host=address.host, media_id=self._media_id)

    def _refusal(self, answer: OpenRange) -> GoProSyncError:
        status, host, media_id = answer.status, answer.host, self._media_id
        if status in _NOT_THERE_STATUSES:
            return SourceLostError(f"GoPro offers the file, and {host} does not have it ({status})", media_id=media_id)
        if status in _REFUSED_URL_STATUSES:
            return SourceUrlExpiredError(f"{host} refused a fresh URL with {status}", media_id=media_id)
        retry_after = retry_after_seconds(answer.header("Retry-After"), self._wall_clock())
        if status in _THROTTLED_STATUSES:
            return ThrottledError(f"{host} answered {status}", media_id=media_id, retry_after_seconds=retry_after)
        if status >= 500 or status in {408, 425}:
            return NetworkError(f"{host} answered {status}", media_id=media_id, retry_after_seconds=retry_after)
        return self._unexpected(host, f"answered {status}")

    def _statement(self, answer: OpenRange) -> _Statement:
        content_type = (answer.header("Content-Type") or "").lower()
        if "html" in content_type or (answer.status == _WHOLE and content_type.startswith(_TYPES_OF_NO_VIDEO)):
            raise self._unexpected(answer.host, "sent a web page")
        if (answer.header("Content-Encoding") or "identity").strip().lower() != "identity":
            raise self._unexpected(answer.host, "sent encoded bytes")
        etag = _etag_or_none(answer.header("ETag"))
        return self._whole(answer, etag) if answer.status == _WHOLE else self._piece(answer, etag)

    def _whole(self, answer: OpenRange, etag: str | None) -> _Statement:
        if answer.header("Content-Range") is not None:
            raise self._unexpected(answer.host, "answered 200, as with the whole file, and states a range")
        size_bytes = None if answer.is_chunked else whole_number_or_none(answer.header("Content-Length"))
        return _Statement(first=0, size_bytes=size_bytes, total=size_bytes, etag=etag)

    def _piece(self, answer: OpenRange, etag: str | None) -> _Statement:
        stated = content_range_or_none(answer.header("Content-Range"))
        if stated is None:
            raise self._unexpected(answer.host, "did not say which range it sent")
        size_bytes = stated.last - stated.first + 1
        length = answer.header("Content-Length")
        if length is not None and whole_number_or_none(length) != size_bytes:
            raise self._unexpected(answer.host, "sent another number of bytes than asked")
        return _Statement(first=stated.first, size_bytes=size_bytes, total=stated.total, etag=etag)

    def _counted(self, answer: OpenRange) -> int:
        """Count the bytes of a file whose length is not stated. The later reading, to copy it, must be as long.

        Where the body ends with the connection, a broken connection looks like the end of the file: then the lengths
            differ.
        """
        count = answer.count(self._largest_whole_bytes)
        if count == 0:
            raise self._unexpected(answer.host, "says that the file is empty")
        if count > self._largest_whole_bytes:
            raise self._unexpected(answer.host, self._one_go_only())
        return count

    def _size_without_range(self) -> int:
        """Request the whole file, because the CDN's partial answers do not state its total size."""
        with self._request({}) as answer:
            stated = self._statement(answer) if answer.status == _WHOLE else None
            if stated is None or not stated.total:
                raise self._unexpected(answer.host, "does not say how long the file is")
            return stated.total

    def _one_go_only(self) -> str:
        most = self._largest_whole_bytes
        return f"sends whole files only: from there, no file of more than {most} bytes can be copied"

    def _unexpected(self, host: str, what: str) -> SourceResponseError:
        return SourceResponseError(f"{host} {what}", media_id=self._media_id)


class OpenRange:
    """An answer of the CDN whose bytes are still to come; a context manager that closes it.

    Iterating yields blocks of at most ``BLOCK_BYTES``, in all exactly the expected bytes.
    """

    def __init__(self, answer: Answer, *, host: str, media_id: str) -> None:
        self._answer = answer
        self.host = host
        self.status = answer.status
        self.is_chunked = answer.is_chunked
        self._media_id = media_id
        self._part = _FIRST_BYTE
        self._is_all_there_is = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def header(self, name: str) -> str | None:
        """Return a header's value, if it was sent."""
        return self._answer.headers.get(name)

    def expect(self, part: Part, *, is_all_there_is: bool) -> None:
        """Set which bytes to yield, and whether the answer must end with them."""
        self._part, self._is_all_there_is = part, is_all_there_is

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks.

        Raises:
            SourceResponseError: fewer bytes come than expected, or a web page.
            SourceChangedError: more bytes arrive, for a file whose length is not stated.
            TimeoutError, NetworkError: as ``read_exactly`` does.
        """
        missing = self._part.size_bytes
        while missing:
            block = self.read_exactly(min(BLOCK_BYTES, missing))
            if missing == self._part.size_bytes and self._part.offset == 0:
                self._refuse_page(block)
            missing -= len(block)
            if not missing and self._is_all_there_is and self._read(1):
                raise SourceChangedError("The file at GoPro became longer", media_id=self._media_id)
            yield block

    def read_exactly(self, size_bytes: int) -> bytes:
        """Read exactly this many bytes.

        Raises:
            SourceResponseError: the answer ends early.
            TimeoutError: nothing came for ``IDLE_TIMEOUT_SECONDS``, or next to nothing for longer.
            NetworkError: the connection broke.
        """
        data = self._read(size_bytes)
        if len(data) != size_bytes:
            raise SourceResponseError(f"{self.host} sent too few bytes", media_id=self._media_id)
        return data

    def count(self, most: int) -> int:
        """Read to the end, or past this many bytes, and return how many there were; errors as above."""
        count = 0
        while count <= most and (block := self._read(BLOCK_BYTES)):
            count += len(block)
        return count

    def close(self) -> None:
        """Keep the connection if all was read, and close it otherwise."""
        self._answer.close()

    def _read(self, size_bytes: int) -> bytes:
        try:
            return self._answer.read(size_bytes)
        except BROKEN_OFF as error:
            raise _broken_off(self.host, error, media_id=self._media_id) from error

    def _refuse_page(self, beginning: bytes) -> None:
        if beginning[:64].lstrip().lower().startswith(_BEGINNINGS_OF_PAGES):
            raise SourceResponseError(f"{self.host} sent a web page", media_id=self._media_id)


_FIRST_BYTE: Final = Part(number=1, offset=0, size_bytes=1)
_ANOTHER_RANGE: Final = "sent another range than asked"


def _etag_or_none(header: str | None) -> str | None:
    """Return an ETag that can be compared and kept; a file with any other kind is treated as if it had none."""
    etag = (header or "").strip()
    return etag.strip('"') or None if len(etag) <= _LONGEST_ETAG and _ETAG.fullmatch(etag) else None


def _range_of(part: Part) -> dict[str, str]:
    return {"Range": f"bytes={part.offset}-{part.offset + part.size_bytes - 1}"}


def _broken_off(host: str, error: Exception, *, media_id: str) -> NetworkError:
    # A connection's own time-out raises the built-in error of that name, that of an answer urllib3's.
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return errors.TimeoutError(f"{host} sent nothing for {IDLE_TIMEOUT_SECONDS:g} seconds", media_id=media_id)
    if isinstance(error, SlowSourceError):
        slow = f"{host} sent less than {LEAST_BYTES_PER_SECOND} bytes a second for {STRETCH_SECONDS:g} seconds"
        return errors.TimeoutError(slow, media_id=media_id)
    return NetworkError(f"{host}: {type(error).__name__}", media_id=media_id)
