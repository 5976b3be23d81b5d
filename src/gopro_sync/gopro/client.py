"""The client of the GoPro Cloud API. It only ever reads: there is no call here that changes anything at GoPro."""

from __future__ import annotations

import ipaddress
import json
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import quote

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from gopro_sync.errors import (
    AuthenticationError,
    ConfigurationError,
    GoProApiChangedError,
    InvalidEventError,
    NetworkError,
    RetryableError,
)
from gopro_sync.gopro import listing
from gopro_sync.gopro.download import DownloadDescriptor, parse_descriptor
from gopro_sync.gopro.media import LISTING_FIELDS, is_media_id
from gopro_sync.gopro.session import Session
from gopro_sync.gopro.statuses import Answer, error_for
from gopro_sync.timestamps import now_utc

DEFAULT_BASE_URL = "https://api.gopro.com"

_SEARCH_PATH = "/media/search"
_ACCOUNT_PATH = "/media/user"

# Accept carries the version of the API: without it GoPro answers 406. Origin and Referer: without them a dead session
# was seen to be answered with 500 instead of 401 (both observed by open-source clients).
_HEADERS = {
    "Accept": "application/vnd.gopro.jk.media+json; version=2.0.0",
    "Accept-Encoding": "gzip",
    "User-Agent": "gopro-s3-sync",
    "Origin": "https://gopro.com",
    "Referer": "https://gopro.com/",
}

# Without a session, and without the version of the API, which GoPro misses first (406; observed likewise).
_UNACCEPTABLE_HEADERS = {**_HEADERS, "Accept": "application/json"}

# A page of 200 full records is about 1 MiB. The bound also keeps hostile JSON from filling the memory once parsed.
_LARGEST_BODY_BYTES = 8 * 1024 * 1024

_CONNECT_TIMEOUT_SECONDS = 5.0
_READ_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently a call is tried again.

    Attributes:
        attempts: tries in all.
        first_pause_seconds: the pause after the first failure; it doubles with each further one.
        longest_pause_seconds: no pause is longer. Where GoPro asks for a longer one, the call gives up at once and its
            error carries what GoPro asked for: such a wait is not for a function that is paid by the second.
    """

    attempts: int = 5
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 20.0


def open_http_client(
    *, tls: ssl.SSLContext | None = None, transport: httpx.BaseTransport | None = None
) -> httpx.Client:
    """Makes the HTTP client for `GoProClient`; the caller closes it.

    Args:
        tls: whom to trust; the certificates that httpx brings, by default.
        transport: what carries the requests, for tests; the network by default.
    """
    http = httpx.Client(
        verify=True if tls is None else tls,
        transport=transport,
        timeout=httpx.Timeout(_READ_TIMEOUT_SECONDS, connect=_CONNECT_TIMEOUT_SECONDS),
        follow_redirects=False,
        trust_env=False,  # no proxy variable may send a request that carries the session elsewhere
    )
    # Cookies that GoPro sets are neither kept nor sent: each request carries this session and nothing else.
    http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return http


class GoProClient:
    """Reads the library and the download descriptors of one account. Safe to use from several threads.

    Every call raises, besides what it names itself: `AuthenticationError` (GoPro does not accept the session),
    `GoProApiChangedError` (an answer of an unknown kind), and, after the tries of the retry policy, `ThrottledError`
    (asked for fewer requests) or `NetworkError` (not reachable, or a server error).

    Args:
        http: from `open_http_client`.
        session: what proves who is asking.
        base_url: where the API is: ``https``, or ``http`` on this machine only.
        retry_policy: how often and how patiently a call is tried again.
        sleep: waits for a number of seconds.
        jitter: returns a number from 0 to 1.
        now: returns the current time, aware.

    Raises:
        ConfigurationError: the base URL is not acceptable.
    """

    def __init__(
        self,
        http: httpx.Client,
        session: Session,
        *,
        base_url: str = DEFAULT_BASE_URL,
        retry_policy: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self._http = http
        self._headers = {**_HEADERS, **_session_headers(session)}
        self._base_url = _accepted_base_url(base_url)
        self._policy = retry_policy or RetryPolicy()
        self._sleep = sleep
        self._jitter = jitter
        self._now = now

    def list_library(self, workers: int = 4) -> listing.LibraryListing:
        """Lists the whole library, several pages at once.

        Raises:
            LibraryIncompleteError: GoPro's listing does not add up to the number of items that it states.
        """
        return listing.list_library(self._search, workers=workers)

    def get_download(self, media_id: str) -> DownloadDescriptor:
        """Asks for freshly signed URLs of a media item.

        Raises:
            InvalidEventError: the id cannot be a media id.
            MediaGoneError: GoPro no longer has the item.
        """
        return parse_descriptor(self._get_json(_download_path(media_id), media_id=media_id), media_id)

    def download_url(self, media_id: str) -> str:
        """The stable address of a media item's download descriptor. It holds no secret and does not expire.

        Raises:
            InvalidEventError: the id cannot be a media id.
        """
        return f"{self._base_url}{_download_path(media_id)}"

    def check_session(self) -> None:
        """Returns if GoPro accepts the session for reading the library: one request for one row."""
        self._search(1, 1)

    def _search(self, page: int, per_page: int) -> listing.Page:
        # No filter is sent: GoPro ignores those that it does not know, and what is skipped is to be counted anyway.
        params = {
            "fields": ",".join(LISTING_FIELDS),
            "order_by": "created_at",
            "page": str(page),
            "per_page": str(per_page),
        }
        return listing.parse_page(self._get_json(_SEARCH_PATH, params), page)

    def _get_json(self, path: str, params: Mapping[str, str] | None = None, *, media_id: str | None = None) -> object:
        statuses: list[int] = []

        def attempt() -> object:
            answer = self._send(path, params, headers=self._headers, media_id=media_id)
            statuses.append(answer.status)
            if statuses.count(500) == 2 and self._session_is_refused():
                raise AuthenticationError("GoPro answers with status 500 to this session only", media_id=media_id)
            error = error_for(answer, now=self._now(), media_id=media_id)
            if error is not None:
                raise error
            return _json(answer, media_id)

        retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            stop=self._gives_up,
            wait=self._pause_seconds,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _session_is_refused(self) -> bool:
        """Whether a repeated 500 comes from the session: GoPro answers so to dead sessions as well as in an outage.

        Asked is the account, which takes nothing but a valid session. If that is answered with 500 too, a request that
        GoPro turns down before it looks at any session shows whether the service is up and stumbles over ours only.
        """
        answer = self._send(_ACCOUNT_PATH, headers=self._headers)
        if answer.status == 500:
            return self._send(_ACCOUNT_PATH, headers=_UNACCEPTABLE_HEADERS).status == 406
        return isinstance(error_for(answer, now=self._now()), AuthenticationError)

    def _send(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str],
        media_id: str | None = None,
    ) -> Answer:
        try:
            with self._http.stream(
                "GET",
                f"{self._base_url}{path}",
                params=params,
                headers=headers,
                follow_redirects=False,
            ) as response:
                return Answer(status=response.status_code, headers=response.headers, body=_body(response, media_id))
        except httpx.HTTPError as error:
            raise NetworkError(f"The GoPro API did not answer ({type(error).__name__})", media_id=media_id) from error

    def _gives_up(self, state: RetryCallState) -> bool:
        asked = _asked_pause_seconds(state)
        return state.attempt_number >= self._policy.attempts or asked > self._policy.longest_pause_seconds

    def _pause_seconds(self, state: RetryCallState) -> float:
        # Between half and all of the pause: callers that failed together do not come back together.
        doubled = self._policy.first_pause_seconds * 2.0 ** (state.attempt_number - 1)
        backoff = min(doubled, self._policy.longest_pause_seconds) * (1 + self._jitter()) / 2
        return max(backoff, _asked_pause_seconds(state))


def _asked_pause_seconds(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.retry_after_seconds or 0.0) if isinstance(error, RetryableError) else 0.0


def _session_headers(session: Session) -> dict[str, str]:
    # The token goes out both ways, because each alone is accepted and is all that some client relies on: whichever of
    # the two GoPro drops, the other still works, and a 401 then means the token and not its transport.
    cookies = {"gp_access_token": session.auth_token, "gp_user_id": session.user_id}
    return {
        "Authorization": f"Bearer {session.auth_token}",
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items() if value is not None),
    }


def _download_path(media_id: str) -> str:
    if not is_media_id(media_id):
        raise InvalidEventError("The media id is empty, too long, or has characters that no media id has")
    return f"/media/{quote(media_id, safe='')}/download"


def _body(response: httpx.Response, media_id: str | None) -> bytes:
    body = bytearray()
    for block in response.iter_bytes():
        body += block
        if len(body) > _LARGEST_BODY_BYTES:
            raise GoProApiChangedError(f"GoPro answered with over {_LARGEST_BODY_BYTES} bytes", media_id=media_id)
    return bytes(body)


def _json(answer: Answer, media_id: str | None) -> object:
    if not answer.body:
        raise GoProApiChangedError("GoPro answered with status 200 and nothing else", media_id=media_id)
    try:
        payload: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        # Not chained: a JSONDecodeError carries the whole answer with it, signed URLs included.
        raise GoProApiChangedError("GoPro's answer is not JSON", media_id=media_id) from None
    return payload


def _accepted_base_url(base_url: str) -> str:
    # The URL is not repeated in the messages: it might hold a password.
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ConfigurationError("The base URL of the GoPro API is not a URL") from error
    if not url.host or url.userinfo or url.query or url.fragment:
        raise ConfigurationError("The base URL of the GoPro API must be a host and, if need be, a path, nothing else")
    if url.scheme != "https" and not (url.scheme == "http" and _is_this_machine(url.host)):
        raise ConfigurationError("The base URL of the GoPro API must begin with https:// (http:// on this machine)")
    return str(url).rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
