"""The client of the GoPro Cloud API. It only ever reads: no call here changes anything at GoPro."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import quote

import httpx

from gopro_sync.errors import (
    GoProApiChangedError,
    InvalidEventError,
    ItemUnreadableError,
    NetworkError,
    RetryableError,
    SessionRefusedError,
)
from gopro_sync.gopro.gate import OpenGate, RequestGate
from gopro_sync.gopro.http import Exchange, RetryPolicy, json_of
from gopro_sync.gopro.library.download import DownloadDescriptor, parse_descriptor
from gopro_sync.gopro.library.listing import FIRST_REQUEST, LibraryListing, list_library
from gopro_sync.gopro.library.media import LISTING_FIELDS, MalformedRow, MediaItem, is_media_id, parse_row
from gopro_sync.gopro.library.page import Page, PageRequest, parse_page
from gopro_sync.gopro.session.session import Session
from gopro_sync.gopro.statuses import error_for, error_of_item, says_gone
from gopro_sync.values.timestamps import iso_utc, now_utc

_SEARCH_PATH = "/media/search"
_ACCOUNT_PATH = "/media/user"
_BEFORE_ANY_UPLOAD = "1970-01-01T00:00:00Z"

# Accept carries the version of the API: without it GoPro answers 406. Without Origin and Referer a dead session was
# seen to be answered with 500 instead of 401 (both observed by open-source clients).
_HEADERS = {
    "Accept": "application/vnd.gopro.jk.media+json; version=2.0.0",
    "Origin": "https://gopro.com",
    "Referer": "https://gopro.com/",
}

# Without a session, and without the version of the API, which GoPro misses first (406; observed likewise).
_UNACCEPTABLE_HEADERS = {**_HEADERS, "Accept": "application/json"}


class GoProClient:
    """Read the library and the download descriptors of one account. Safe to use from several threads.

    Besides the errors that it lists itself, every call raises `SessionRefusedError` (GoPro does not accept the
    session), `GoProApiChangedError` (an answer of an unknown kind), and, after the tries of the retry policy,
    `ThrottledError` (asked for fewer requests), `NetworkError` (not reachable, or a server error), `TimeoutError` (no
    answer in time) or `GoProUnavailableError` (the gate is closed).

    Args:
        http: from `open_http_client`.
        session: proves who is asking.
        base_url: where the API is: ``https``, or ``http`` on this machine only.
        gate: asked before each request, whether one may be sent now.
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
        session: Session,
        *,
        base_url: str,
        gate: RequestGate | None = None,
        retry_policy: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self._exchange = Exchange(
            http, base_url=base_url, retry_policy=retry_policy or RetryPolicy(), sleep=sleep, jitter=jitter, now=now
        )
        self._headers = {**_HEADERS, **_session_headers(session)}
        self._gate = gate or OpenGate()
        self._now = now

    def list_library(self, workers: int = 4) -> LibraryListing:
        """List the whole library, several pages at once.

        Raises:
            LibraryIncompleteError: GoPro's listing lacks so much of the library that it is broken.
        """
        return list_library(self._page, workers=workers)

    def get_download(self, media_id: str) -> DownloadDescriptor:
        """Request freshly signed URLs of a media item.

        Raises:
            InvalidEventError: the id cannot be a media id.
            MediaGoneError: GoPro no longer has the item.
            ItemRefusedError: GoPro refuses the item, and answers the session otherwise.
            ItemUnreadableError: the answer cannot be read, while others can.
        """
        path = _download_path(media_id)
        try:
            return parse_descriptor(self._get_json(path, media_id=media_id), media_id)
        except GoProApiChangedError as odd:
            if not self.is_answering():
                raise
            raise ItemUnreadableError(f"For this item alone: {odd.message}", media_id=media_id) from odd

    def is_gone(self, media_id: str) -> bool:
        """Return whether GoPro answers that it no longer has an item's download; asked once.

        Raises:
            InvalidEventError: the id cannot be a media id.
        """
        path = _download_path(media_id)
        self._gate.before_request()
        answer = self._exchange.get(path, headers=self._headers, media_id=media_id)
        error = error_for(answer, now=self._now(), media_id=media_id)
        if isinstance(error, RetryableError):
            raise error
        self._gate.after_answer()
        return says_gone(answer)

    def get_media(self, media_id: str) -> MediaItem | MalformedRow:
        """Request one item of the library.

        Raises:
            InvalidEventError: the id cannot be a media id.
            MediaGoneError: GoPro no longer has the item.
            ItemRefusedError: GoPro refuses the item, and answers the session otherwise.
        """
        return parse_row(self._get_json(_media_path(media_id), media_id=media_id))

    def download_url(self, media_id: str) -> str:
        """Return the stable address of a media item's download descriptor. It holds no secret and does not expire.

        Raises:
            InvalidEventError: the id cannot be a media id.
        """
        return f"{self._exchange.base_url}{_download_path(media_id)}"

    def check_session(self) -> None:
        """Check that GoPro accepts the session for reading the library: one request for one row."""
        self._search(PageRequest(number=1, per_page=1))

    def is_answering(self) -> bool:
        """Return whether GoPro answers this session a question that has nothing to do with any one item; asked once."""
        try:
            params = _search_params(PageRequest(number=1, per_page=1))
            answer = self._exchange.get(_SEARCH_PATH, params, headers=self._headers)
            return error_for(answer, now=self._now()) is None and isinstance(json_of(answer), dict)
        except (NetworkError, GoProApiChangedError):
            return False

    def _page(self, asked: PageRequest) -> Page:
        try:
            return self._search(asked)
        except SessionRefusedError as refusal:
            # A refusal that comes and goes needs a new session, unless the listing can do without the page.
            if asked == FIRST_REQUEST or not self.is_answering():
                raise
            message = f"GoPro refuses page {asked.number} of {asked.per_page} rows, and accepts the session"
            raise GoProApiChangedError(message) from refusal

    def _search(self, asked: PageRequest) -> Page:
        return parse_page(self._get_json(_SEARCH_PATH, _search_params(asked)), asked.number, asked_size=asked.per_page)

    def _get_json(self, path: str, params: Mapping[str, str] | None = None, *, media_id: str | None = None) -> object:
        statuses: list[int] = []

        def attempt() -> object:
            self._gate.before_request()
            answer = self._exchange.get(path, params, headers=self._headers, media_id=media_id)
            statuses.append(answer.status)
            if statuses.count(500) == 2 and self._session_is_refused():
                raise SessionRefusedError("GoPro answers with status 500 to this session only", media_id=media_id)
            error = error_for(answer, now=self._now(), media_id=media_id)
            if not isinstance(error, RetryableError):
                self._gate.after_answer()  # a refusal is an answer too
            if isinstance(error, SessionRefusedError | GoProApiChangedError) and media_id and self.is_answering():
                # It is neither the session nor the API: the trouble is this item's.
                raise error_of_item(answer.status, media_id)
            if error is not None:
                raise error
            return json_of(answer, media_id)

        return self._exchange.retried(f"GET {path}", attempt)

    def _session_is_refused(self) -> bool:
        """Return whether a repeated 500 comes from the session: GoPro sends it for dead sessions and in an outage.

        The account is requested, which needs a valid session. If that is answered with 500 too, a request that GoPro
        turns down before it looks at any session shows whether the service is up and fails only for ours.
        """
        answer = self._exchange.get(_ACCOUNT_PATH, headers=self._headers)
        if answer.status == 500:
            return self._exchange.get(_ACCOUNT_PATH, headers=_UNACCEPTABLE_HEADERS).status == 406
        return isinstance(error_for(answer, now=self._now()), SessionRefusedError)


def _search_params(asked: PageRequest) -> dict[str, str]:
    # No filter is sent except for the older part of a library that GoPro does not show whole: it ignores those that it
    # does not know, and what is skipped has to be counted anyway.
    params = {
        "fields": ",".join(LISTING_FIELDS),
        "order_by": asked.order_by,
        "page": str(asked.number),
        "per_page": str(asked.per_page),
    }
    if asked.uploaded_before is not None:
        params["created_range"] = f"{_BEFORE_ANY_UPLOAD},{iso_utc(asked.uploaded_before)}"
    return params


def _session_headers(session: Session) -> dict[str, str]:
    # The token goes out both ways, because each alone is accepted and some client relies on each: whichever of the two
    # GoPro drops, the other still works, and a 401 then means the token and not its transport.
    cookies = {"gp_access_token": session.auth_token, "gp_user_id": session.user_id}
    return {
        "Authorization": f"Bearer {session.auth_token}",
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items() if value is not None),
    }


def _media_path(media_id: str) -> str:
    if not is_media_id(media_id):
        raise InvalidEventError("The media id is empty, too long, or has characters that no media id has")
    return f"/media/{quote(media_id, safe='')}"


def _download_path(media_id: str) -> str:
    return f"{_media_path(media_id)}/download"
