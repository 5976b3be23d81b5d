"""The origin side: ranged reads of one file from a signed CDN URL, of which nothing is taken on trust.

The signed URL is a bearer secret for an hour: no message, log line or repr holds more of it than its host. No GoPro
header or cookie is ever sent with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from gopro_sync import errors
from gopro_sync.archive.net.allowed_hosts import InternalAddressError, host_of, restrict_to_public_addresses
from gopro_sync.archive.net.pools import BLOCK_BYTES, open_pool
from gopro_sync.archive.part_plan import Part
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
from gopro_sync.telemetry.retries import tell_retry
from gopro_sync.values.outside_values import (
    ContentRange,
    content_range_or_none,
    retry_after_seconds,
    whole_number_or_none,
)

CONNECT_TIMEOUT_SECONDS: Final = 10.0
IDLE_TIMEOUT_SECONDS: Final = 15.0  # between two arrivals of bytes, not for the whole part

_RENEW_BEFORE_EXPIRY_SECONDS = 60.0
_LONGEST_ETAG = 256  # it becomes metadata of the object, of which S3 takes 2 KB in all
_REFUSED_URL_STATUSES = frozenset({401, 403, 410})
_NOT_THERE_STATUSES = frozenset({404, 410})  # 410 from a fresh URL; from an old one it may say that the URL has expired
_THROTTLED_STATUSES = frozenset({429, 503})


def source_pool(
    *, workers: int, ca_bundle: str | None = None, allows_internal_addresses: bool = False
) -> urllib3.PoolManager:
    """Makes the connections to the CDN.

    Args:
        workers: how many connections are kept open.
        ca_bundle: path of the certificates to trust instead of the system's.
        allows_internal_addresses: True only where the CDN is a simulated one.
    """
    pool = open_pool(workers=workers, ca_bundle=ca_bundle)
    if not allows_internal_addresses:
        restrict_to_public_addresses(pool)
    return pool


class SignedUrl:
    """The signed URL of one file, renewed once for all workers when it is refused or about to run out.

    Args:
        resolve: asks GoPro for a freshly signed URL; called by one worker at a time.
        wall_clock: returns the time, aware, to compare with the URL's own ``Expires``.
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
        """Returns a URL that has a minute left, as far as the URL says.

        Raises:
            GoProApiChangedError: GoPro gave something that is no HTTPS URL. Errors of ``resolve`` pass unchanged.
        """
        with self._lock:
            if self._url is None or self._wall_clock().timestamp() >= self._renew_at:
                return self._renew()
            return self._url

    def renew(self, rejected: str) -> str:
        """Returns another URL than the rejected one; the first of several workers asks for it, the others share it.

        Raises:
            GoProApiChangedError: GoPro gave something that is no HTTPS URL. Errors of ``resolve`` pass unchanged.
        """
        with self._lock:
            if self._url is None or self._url == rejected:
                return self._renew()
            return self._url

    def _renew(self) -> str:
        url = self._resolve()
        host_of(url)
        now = self._wall_clock().timestamp()
        lifetime = _expires_at(url) - now
        # A URL that is born expired means that the clocks differ: then only a refusal tells.
        margin = min(_RENEW_BEFORE_EXPIRY_SECONDS, lifetime / 2)
        self._renew_at = now + lifetime - margin if lifetime > 0 else math.inf
        self._url = url
        return url


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """The file as its origin first stated it; every later answer has to agree.

    Args:
        size_bytes: total size, from ``Content-Range``; GoPro's listing can be off.
        etag: the origin's ETag without quotes, if it sends one.
    """

    size_bytes: int
    etag: str | None


class Source:
    """Ranged reads of one file.

    Args:
        http: connections to the CDN, from ``source_pool``.
        signed_url: where the file is.
        media_id: for error messages.
        largest_file_bytes: the most that an object in S3 may have.
        wall_clock: returns the time, aware, for ``Retry-After`` dates.
    """

    def __init__(
        self,
        *,
        http: urllib3.PoolManager,
        signed_url: SignedUrl,
        media_id: str,
        largest_file_bytes: int,
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._http = http
        self._signed_url = signed_url
        self._media_id = media_id
        self._largest_file_bytes = largest_file_bytes
        self._wall_clock = wall_clock

    def probe(self) -> SourceFile:
        """Asks for the first byte, to learn total size and ETag.

        Raises:
            SourceResponseError: the file is empty, larger than S3 can hold, or the answer is not the asked byte.
            GoProSyncError: as ``open`` says.
        """
        with self._request(offset=0, size_bytes=1) as answer:
            if answer.response.status == 416:
                raise self._unexpected(answer, "says that the file is empty")
            file = self._stated_file(answer)
            self._check_range(answer, offset=0, size_bytes=1)
            answer.read_exactly(1)
        if file.size_bytes > self._largest_file_bytes:
            raise self._unexpected(answer, f"states {file.size_bytes} bytes, more than an object in S3 may have")
        return file

    def open(self, file: SourceFile, part: Part) -> OpenRange:
        """Asks for one part and checks everything that can be known before its bytes come.

        Args:
            file: what ``probe`` returned.
            part: which bytes.

        Returns:
            The open answer; iterate over it for exactly the asked bytes, and close it.

        Raises:
            SourceChangedError: another ETag or total than at first.
            SourceUrlExpiredError: the CDN refuses a URL that was signed just now.
            SourceLostError: the CDN does not have the file that GoPro offers.
            SourceResponseError: the answer is not the asked range.
            ThrottledError: the CDN asks for fewer requests.
            TimeoutError: the CDN did not answer for ``IDLE_TIMEOUT_SECONDS``.
            NetworkError: the CDN could not be reached or failed.
        """
        answer = self._request(offset=part.offset, size_bytes=part.size_bytes)
        try:
            if answer.response.status == 416:
                raise SourceChangedError("The file at GoPro became shorter", media_id=self._media_id)
            if self._stated_file(answer) != file:
                raise SourceChangedError("The file at GoPro changed in size or ETag", media_id=self._media_id)
            self._check_range(answer, offset=part.offset, size_bytes=part.size_bytes)
        except GoProSyncError:
            answer.close()
            raise
        return answer

    def _request(self, *, offset: int, size_bytes: int) -> OpenRange:
        url = self._signed_url.current()
        answer = self._get(url, offset=offset, size_bytes=size_bytes)
        if answer.response.status in _REFUSED_URL_STATUSES:
            answer.close()
            tell_retry(
                "read from GoPro's CDN, with a new URL", attempt=2, error_type=f"status {answer.response.status}"
            )
            answer = self._get(self._signed_url.renew(url), offset=offset, size_bytes=size_bytes)
        if answer.response.status in {206, 416}:
            return answer
        answer.close()
        raise self._refusal(answer)

    def _get(self, url: str, *, offset: int, size_bytes: int) -> OpenRange:
        host = host_of(url)
        headers = {
            "Range": f"bytes={offset}-{offset + size_bytes - 1}",
            "Accept-Encoding": "identity",
            "User-Agent": "gopro-s3-sync",
        }
        try:
            response = self._http.request(
                "GET",
                url,
                headers=headers,
                preload_content=False,
                decode_content=False,
                # Bytes are counted here, against what was asked for.
                enforce_content_length=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=IDLE_TIMEOUT_SECONDS),
            )
        except InternalAddressError as error:
            raise GoProApiChangedError(
                f"The download URL leads to {host}, which is not on the public internet", media_id=self._media_id
            ) from error
        except HTTPError as error:
            raise _broken_off(host, error, media_id=self._media_id) from error
        return OpenRange(response, host=host, size_bytes=size_bytes, media_id=self._media_id)

    def _refusal(self, answer: OpenRange) -> GoProSyncError:
        status, host, media_id = answer.response.status, answer.host, self._media_id
        if status in _NOT_THERE_STATUSES:
            return SourceLostError(f"GoPro offers the file, and {host} does not have it ({status})", media_id=media_id)
        if status in _REFUSED_URL_STATUSES:
            return SourceUrlExpiredError(f"{host} refused a fresh URL with {status}", media_id=media_id)
        retry_after = retry_after_seconds(answer.response.headers.get("Retry-After"), self._wall_clock())
        if status in _THROTTLED_STATUSES:
            return ThrottledError(f"{host} answered {status}", media_id=media_id, retry_after_seconds=retry_after)
        if status >= 500 or status in {408, 425}:
            return NetworkError(f"{host} answered {status}", media_id=media_id, retry_after_seconds=retry_after)
        if status == 200:
            return self._unexpected(answer, "ignored the asked range")
        return self._unexpected(answer, f"answered {status}")

    def _stated_file(self, answer: OpenRange) -> SourceFile:
        headers = answer.response.headers
        if headers.get("Content-Type", "").lower().startswith("text/html"):
            raise self._unexpected(answer, "sent a web page")
        stated = self._stated_range(answer)
        etag = headers.get("ETag")
        if etag is not None and len(etag) > _LONGEST_ETAG:
            raise self._unexpected(answer, "sent an ETag that is none")
        return SourceFile(size_bytes=stated.total, etag=(etag or "").strip('"') or None)

    def _stated_range(self, answer: OpenRange) -> ContentRange:
        stated = content_range_or_none(answer.response.headers.get("Content-Range"))
        if stated is None:
            raise self._unexpected(answer, "did not say which range it sent")
        return stated

    def _check_range(self, answer: OpenRange, *, offset: int, size_bytes: int) -> None:
        headers = answer.response.headers
        stated = self._stated_range(answer)
        if (stated.first, stated.last) != (offset, offset + size_bytes - 1):
            raise self._unexpected(answer, "sent another range than asked")
        length = headers.get("Content-Length")
        if length is not None and whole_number_or_none(length) != size_bytes:
            raise self._unexpected(answer, "sent another number of bytes than asked")
        if headers.get("Content-Encoding", "identity") != "identity":
            raise self._unexpected(answer, "sent encoded bytes")

    def _unexpected(self, answer: OpenRange, what: str) -> SourceResponseError:
        return SourceResponseError(f"{answer.host} {what}", media_id=self._media_id)


class OpenRange:
    """An answer of the CDN whose bytes are still to come; a context manager that closes it.

    Iterating gives blocks of at most ``BLOCK_BYTES``, in all exactly the asked number of bytes.
    """

    def __init__(self, response: urllib3.BaseHTTPResponse, *, host: str, size_bytes: int, media_id: str) -> None:
        self.response = response
        self.host = host
        self._size_bytes = size_bytes
        self._media_id = media_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Raises SourceResponseError when fewer bytes come than asked, NetworkError when the connection fails."""
        missing = self._size_bytes
        while missing:
            block = self.read_exactly(min(BLOCK_BYTES, missing))
            missing -= len(block)
            yield block

    def read_exactly(self, size_bytes: int) -> bytes:
        """Reads so many bytes.

        Raises:
            SourceResponseError: the answer ends before.
            TimeoutError: nothing came for ``IDLE_TIMEOUT_SECONDS``.
            NetworkError: the connection broke.
        """
        try:
            data = self.response.read(size_bytes, decode_content=False)
        except HTTPError as error:
            raise _broken_off(self.host, error, media_id=self._media_id) from error
        if len(data) != size_bytes:
            raise SourceResponseError(f"{self.host} sent too few bytes", media_id=self._media_id)
        return data

    def close(self) -> None:
        """Gives the connection back if all was read, and closes it otherwise."""
        # urllib3 has given it back already once the last byte was read; closing then does nothing.
        self.response.close()
        self.response.release_conn()


def _broken_off(host: str, error: HTTPError, *, media_id: str) -> NetworkError:
    if isinstance(error, ReadTimeoutError):
        return errors.TimeoutError(f"{host} sent nothing for {IDLE_TIMEOUT_SECONDS:g} seconds", media_id=media_id)
    return NetworkError(f"{host}: {type(error).__name__}", media_id=media_id)


def _expires_at(url: str) -> float:
    """CloudFront's canned policy says in ``Expires`` when the URL runs out (seconds since the epoch)."""
    (value, *_) = parse_qs(urlsplit(url).query).get("Expires", [None])
    expires_at = whole_number_or_none(value)
    return math.inf if expires_at is None else expires_at
