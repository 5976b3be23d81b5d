"""Requests to GoPro's servers and their answers: bounded, never redirected, retried with patience."""

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

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from gopro_sync import errors
from gopro_sync.errors import ConfigurationError, GoProApiChangedError, NetworkError, RetryableError, TimeIsUp
from gopro_sync.gopro.statuses import Answer
from gopro_sync.telemetry.retries import retry_logger
from gopro_sync.values.timestamps import now_utc

_HEADERS = {"Accept-Encoding": "gzip", "User-Agent": "gopro-s3-sync"}

# A page of 200 full records is about 1 MiB. The bound also keeps hostile JSON from filling the memory once it is
# parsed.
_LARGEST_BODY_BYTES = 8 * 1024 * 1024

_CONNECT_TIMEOUT_SECONDS = 5.0
_READ_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently a call is retried.

    Attributes:
        attempts: attempts in total.
        first_pause_seconds: the pause after the first failure; it doubles with each further one.
        longest_pause_seconds: the longest pause. Where GoPro asks for a longer one, the call gives up at once and its
            error carries that request: such a wait is not for a function that is paid by the second.
    """

    attempts: int = 5
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 20.0


def open_http_client(
    *, tls: ssl.SSLContext | None = None, transport: httpx.BaseTransport | None = None
) -> httpx.Client:
    """Create the HTTP client for `GoProClient`; the caller closes it.

    Args:
        tls: whom to trust; by default the certificates that come with httpx.
        transport: what carries the requests, for tests; by default the network.
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


class Exchange:
    """Ask one of GoPro's servers. Thread-safe.

    Args:
        http: from `open_http_client`.
        base_url: where the server is: ``https``, or ``http`` on this machine only.
        retry_policy: how often and how patiently a call is retried.
        sleep: waits for a number of seconds.
        jitter: returns a number from 0 to 1.
        now: returns the current time, aware.

    Raises:
        ConfigurationError: the base URL is not acceptable.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        base_url: str,
        retry_policy: RetryPolicy,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self.base_url = _accepted_base_url(base_url)
        self._http = http
        self._policy = retry_policy
        self._sleep = sleep
        self._jitter = jitter
        self.now = now

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str],
        media_id: str | None = None,
    ) -> Answer:
        """Send a GET request once.

        Raises:
            TimeoutError: no answer in time, or not all of it.
            NetworkError: no answer, or not all of it.
            GoProApiChangedError: an answer that is larger than any that GoPro gives.
        """
        request = self._http.build_request(
            "GET", f"{self.base_url}{path}", params=params, headers={**_HEADERS, **headers}
        )
        return self._send(request, media_id)

    def post_form(self, path: str, form: Mapping[str, str], *, timeout_seconds: float) -> Answer:
        """Send a form once; errors as with `get`."""
        request = self._http.build_request(
            "POST", f"{self.base_url}{path}", data=dict(form), headers=_HEADERS, timeout=timeout_seconds
        )
        return self._send(request, None)

    def retried[Result](self, what: str, attempt: Callable[[], Result]) -> Result:
        """Call ``attempt`` until it raises no RetryableError any more, or the policy gives up.

        Args:
            what: the request in a few words, for the log.
            attempt: makes the request.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            stop=self._gives_up,
            wait=self._pause_seconds,
            sleep=self._sleep,
            before_sleep=retry_logger(what),
            reraise=True,
        )
        return retrying(attempt)

    def _send(self, request: httpx.Request, media_id: str | None) -> Answer:
        try:
            response = self._http.send(request, stream=True, follow_redirects=False)
            try:
                return Answer(status=response.status_code, headers=response.headers, body=_body(response, media_id))
            finally:
                response.close()
        except TimeIsUp as end:
            message = "The GoPro API had not answered when the function's time was over"
            end.meaning = NetworkError(message, media_id=media_id)
            raise
        except httpx.ReadTimeout as error:
            raise errors.TimeoutError("The GoPro API sent nothing for too long", media_id=media_id) from error
        except httpx.HTTPError as error:
            raise NetworkError(f"The GoPro API did not answer ({type(error).__name__})", media_id=media_id) from error

    def _gives_up(self, state: RetryCallState) -> bool:
        asked = _asked_pause_seconds(state)
        return state.attempt_number >= self._policy.attempts or asked > self._policy.longest_pause_seconds

    def _pause_seconds(self, state: RetryCallState) -> float:
        # Between half and all of the pause, so that callers that failed together do not return together.
        doubled = self._policy.first_pause_seconds * 2.0 ** (state.attempt_number - 1)
        backoff = min(doubled, self._policy.longest_pause_seconds) * (1 + self._jitter()) / 2
        return max(backoff, _asked_pause_seconds(state))


def json_of(answer: Answer, media_id: str | None = None) -> object:
    """Return the JSON content of an answer.

    Raises:
        GoProApiChangedError: there is no content, or it is not JSON.
    """
    if not answer.body:
        raise GoProApiChangedError("GoPro answered with status 200 and nothing else", media_id=media_id)
    try:
        payload: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        # Not chained: a JSONDecodeError carries the whole answer with it, signed URLs included.
        raise GoProApiChangedError("GoPro's answer is not JSON", media_id=media_id) from None
    return payload


def _asked_pause_seconds(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.retry_after_seconds or 0.0) if isinstance(error, RetryableError) else 0.0


def _body(response: httpx.Response, media_id: str | None) -> bytes:
    # Several codings, one inside the other, could turn a kilobyte into a gigabyte before any bound is checked.
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"identity", "gzip"}:
        raise GoProApiChangedError("GoPro answered in a coding that was not asked for", media_id=media_id)
    body = bytearray()
    for block in response.iter_bytes():
        body += block
        if len(body) > _LARGEST_BODY_BYTES:
            raise GoProApiChangedError(f"GoPro answered with over {_LARGEST_BODY_BYTES} bytes", media_id=media_id)
    return bytes(body)


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


def is_on_this_machine(base_url: str) -> bool:
    """Return whether a base URL is that of a simulated GoPro."""
    return _is_this_machine(httpx.URL(base_url).host)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
