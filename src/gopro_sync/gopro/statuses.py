"""What an HTTP answer of the GoPro API means, in one place.

The meanings were observed by open-source clients; GoPro documents none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gopro_sync.errors import (
    GoProApiChangedError,
    GoProSyncError,
    ItemRefusedError,
    MediaGoneError,
    NetworkError,
    SessionRefusedError,
    ThrottledError,
)
from gopro_sync.values.outside_values import retry_after_seconds

_REFUSED_SESSION = frozenset({401, 403})
_TRANSIENT = frozenset({408, 425})
_THROTTLED = frozenset({429, 509})
_GONE = 410
# What the standard means by a refusal (RFC 9110, 15.5; RFC 4918, 11.3; RFC 7725).
_REFUSED_ITEM = {
    401: "does not give this item to the account",
    402: "asks for a payment before it gives this item: look at the account's subscription",
    403: "does not give this item to the account",
    422: "cannot process this item",
    423: "has locked this item",
    451: "withholds this item for legal reasons",
}
# No server may stop a whole night with one header.
_LONGEST_PAUSE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer that arrived whole.

    Attributes:
        status: the HTTP status.
        headers: looked up case-insensitively.
        body: the decoded body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_web_page(self) -> bool:
        """Whether this is HTML: the API itself returns JSON, so it comes from the CDN in front of it."""
        return "html" in self.headers.get("content-type", "").lower() or self.body.lstrip().startswith(b"<")


def error_for(answer: Answer, *, now: datetime, media_id: str | None = None) -> GoProSyncError | None:
    """Return the error that an answer stands for; None for 200.

    Args:
        answer: what GoPro answered.
        now: the current time, aware: ``Retry-After`` can be a date.
        media_id: the media item requested, if it was one.
    """
    status = answer.status
    if status == 200:
        return None
    answered = f"GoPro answered with status {status}"
    asked = retry_after_seconds(answer.headers.get("retry-after"), now)
    pause = None if asked is None else min(asked, _LONGEST_PAUSE_SECONDS)
    is_block_page = status == 403 and answer.is_web_page
    if status in _THROTTLED or is_block_page:
        cause = f"{answered} and a block page" if is_block_page else answered
        return ThrottledError(cause, media_id=media_id, retry_after_seconds=pause)
    if status in _REFUSED_SESSION:
        return SessionRefusedError(f"GoPro does not accept the session (status {status})", media_id=media_id)
    if status == 404 and media_id is not None:
        return MediaGoneError("GoPro no longer has this item (status 404)", media_id=media_id)
    if status in _TRANSIENT or status >= 500:
        return NetworkError(answered, media_id=media_id, retry_after_seconds=pause)
    # 406, 410 and 415 mean that the requested version of the API is gone; a redirect is never followed, because that
    # would carry the session to another place; anything else is unknown.
    return GoProApiChangedError(answered, media_id=media_id)


def says_gone(answer: Answer) -> bool:
    """Return whether the answer to a request for one item says that GoPro no longer has it."""
    return answer.status in {404, _GONE}


def error_of_item(status: int, media_id: str) -> GoProSyncError:
    """Return the error for a status other than 200, where GoPro answers the same session about other items.

    Args:
        status: the HTTP status, neither a passing one nor a 404.
        media_id: the media item requested.
    """
    if status == _GONE:
        return MediaGoneError(f"GoPro no longer has this item (status {status})", media_id=media_id)
    meaning = _REFUSED_ITEM.get(status, "does not give this item")
    return ItemRefusedError(f"GoPro {meaning} (status {status})", media_id=media_id)
