"""Define every way in which the simulated service can go wrong, each a switch with a scope and a count."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from local.simulator.json_shape import to_json


class Endpoint(StrEnum):
    """Where a request goes, as far as faults and records distinguish, with what is requested there."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        """Make a member; none can do without a description."""
        if not description:
            raise TypeError(f"{value} has no description")
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    SEARCH = "search", "the listing of the library"
    MEDIA = "media", "one item's record"
    DOWNLOAD = "download", "the list of an item's files, with their signed URLs"
    USER = "user", "the account's totals"
    TOKEN = "token", "the renewal of the login, requested by one that renews itself (gopro sign-in --renewing)"
    ZIP = "zip", "all originals of an item in one archive, which no run requests"
    CDN = "cdn", "the files themselves"
    MUTATION = "mutation", "any change to the library, which is always refused"
    UNKNOWN = "unknown", "anything that does not exist"


class FaultName(StrEnum):
    """What goes wrong; the endpoints where it can happen are in `POSSIBLE_ENDPOINTS`.

    Attributes:
        description: what GoPro then does, in one sentence.
        parameters: the fields of a `Fault` that change it, besides those that select the requests it strikes.
    """

    description: str
    parameters: frozenset[str]

    def __new__(cls, value: str, description: str = "", *parameters: str) -> Self:
        """Make a member; none can do without a description."""
        if not description:
            raise TypeError(f"{value} has no description")
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        member.parameters = frozenset(parameters)
        return member

    THROTTLED = "throttled", "Answers 429: too many requests.", "status", "retry_after"
    SERVER_ERROR = "server_error", "Answers 500: an internal error.", "status", "retry_after"
    NOT_FOUND = "not_found", "Answers 404, as if there were no such thing.", "status", "retry_after"
    BLOCK_PAGE = "block_page", "Answers 403 with the HTML page of a firewall.", "retry_after"
    REDIRECT = "redirect", "Answers 302 with a link to another host.", "status", "location", "retry_after"
    CONNECTION_RESET = (
        "connection_reset",
        "Hangs up without an answer; on the CDN, also in the middle of a body.",
        "size_bytes",
    )
    STALL = (
        "stall",
        "Stays silent for an hour, then hangs up; on the CDN also amid a body.",
        "delay_seconds",
        "size_bytes",
    )
    EMPTY_BODY = "empty_body", "Answers 200 with nothing in it.", "status", "retry_after"
    HTML_PAGE = "html_page", "Answers 200 with the HTML page of a maintenance notice.", "status", "retry_after"
    ODD_BODY = "odd_body", "Answers 200 with a text of your own.", "text", "status", "retry_after"
    REPLY_LOST = "reply_lost", "Does what was requested, and hangs up instead of answering."

    DEAD_TOKEN = "dead_token", "Refuses the access token.", "status"
    TOKEN_BLACKLISTED = "token_blacklisted", "Refuses to renew the login: the refresh token is blacklisted.", "status"
    INVALID_GRANT = "invalid_grant", "Refuses to renew the login: the refresh token is not valid.", "status"
    INVALID_CLIENT = "invalid_client", "Refuses to renew the login: the client is unknown.", "status"

    SHORT_PAGE = "short_page", "Lists fewer items on a page than belong on it.", "rows"
    OVERLAPPING_PAGES = (
        "overlapping_pages",
        "Lists items of one page again on the next, in place of others.",
        "rows",
    )
    SHIFTING_PAGES = (
        "shifting_pages",
        "Begins each page earlier than it should, after items of the page before.",
        "rows",
    )
    TIES_SHUFFLED = "ties_shuffled", "Lists items of the same time in another order at each request."
    GHOSTS_COUNTED = "ghosts_counted", "Counts items that it never lists.", "rows"
    ITEM_LISTED_TWICE = "item_listed_twice", "Lists and counts the newest item twice."
    DEEP_PAGES_REFUSED = "deep_pages_refused", "Answers 500 for pages deep in the listing.", "rows", "status"
    EMPTY_WITHOUT_LIST = "empty_without_list", "Leaves out the list of items if it is empty."
    TOTAL_TOO_SMALL = "total_too_small", "Counts fewer items than it lists.", "rows"
    TOTAL_ABSENT = "total_absent", "Does not state how many items there are."
    ODD_ROW = "odd_row", "Lists something that is not an item: null, or JSON of your own.", "text"
    ITEM_INSERTED = "item_inserted", "Gets a new video while it is listing."
    ITEM_DELETED = "item_deleted", "Loses its newest item while it is listing."
    WRONG_SIZE = "wrong_size", "States a wrong size for each item.", "size_bytes"
    NUMBERS_AS_STRINGS = "numbers_as_strings", "Lists numbers as text."
    NULLS_ABSENT = "nulls_absent", "Leaves out fields that have no value."
    OVERSIZED_BODY = "oversized_body", "Answers with megabytes of blanks before the listing.", "size_bytes"

    MISSING_SOURCE = "missing_source", "Offers no camera original, only smaller copies."
    FEWER_SOURCES = "fewer_sources", "Does not offer the last chapter."
    UNAVAILABLE_SOURCE = "unavailable_source", "States that the camera original is not available."
    EMPTY_SOURCE_URL = "empty_source_url", "Gives no URL for the camera original."
    DERIVED_FIRST = "derived_first", "Offers smaller copies before the camera original."
    SAME_SIZE_PROXY = "same_size_proxy", "Offers a copy with as many pixels as the camera original."
    EMPTY_FILENAME = "empty_filename", "Gives no file name."
    AVAILABLE_ABSENT = "available_absent", "Does not state whether a file is available."
    FOREIGN_URL = "foreign_url", "Gives a URL of another host for the camera original.", "location"
    ODD_URL = "odd_url", "Gives URLs whose signature ends with a text of your own.", "text"
    NUMBERS_ABSENT = "numbers_absent", "Does not number the chapters."
    NUMBERS_FROM_ZERO = "numbers_from_zero", "Numbers the chapters from 0."
    LABELS_RESPELT = "labels_respelt", "Calls the camera original SOURCE instead of source."
    SOURCE_LISTED_TWICE = "source_listed_twice", "Offers each camera original twice."
    ODD_VARIATION = "odd_variation", "Offers something that is not a file: null, or JSON of your own.", "text"

    RANGE_IGNORED = "range_ignored", "Answers with the whole file when a part was requested."
    SHORT_BODY = "short_body", "Hangs up before the end of a body, by default in the middle.", "size_bytes"
    ETAG_CHANGED = "etag_changed", "States the ETag of another file."
    TOTAL_CHANGED = "total_changed", "States a wrong size of the file.", "size_bytes"
    WRONG_RANGE = "wrong_range", "Answers with other bytes than those requested.", "size_bytes"
    EXPIRED = "expired", "Answers 403, as for a signed URL that has expired."
    CORRUPT_BODY = "corrupt_body", "Changes the first byte of a body."
    LONGER_BODY = "longer_body", "Sends more bytes than it announced.", "size_bytes"
    ODD_HEADERS = "odd_headers", "Answers with headers of your own.", "headers"
    SLOW = "slow", "Sends 64 KiB a second, or as many bytes as --bytes gives.", "size_bytes"
    DRIP = "drip", "Sends one byte every ten seconds, or every --delay.", "delay_seconds"
    UNSTATED_LENGTH = "unstated_length", "Does not state the length of the whole file, and sends it in chunks."
    UNKNOWN_TOTAL = "unknown_total", "Does not state the length of the whole file with a part."
    WIDER_RANGE = "wider_range", "Answers with more of the file than was requested."


ANYWHERE = frozenset(
    {
        FaultName.THROTTLED,
        FaultName.SERVER_ERROR,
        FaultName.NOT_FOUND,
        FaultName.BLOCK_PAGE,
        FaultName.REDIRECT,
        FaultName.CONNECTION_RESET,
        FaultName.STALL,
        FaultName.EMPTY_BODY,
        FaultName.HTML_PAGE,
        FaultName.ODD_BODY,
    }
)
TOKEN_FAULTS = frozenset({FaultName.TOKEN_BLACKLISTED, FaultName.INVALID_GRANT, FaultName.INVALID_CLIENT})
SEARCH_FAULTS = frozenset(
    {
        FaultName.SHORT_PAGE,
        FaultName.OVERLAPPING_PAGES,
        FaultName.SHIFTING_PAGES,
        FaultName.TIES_SHUFFLED,
        FaultName.GHOSTS_COUNTED,
        FaultName.ITEM_LISTED_TWICE,
        FaultName.DEEP_PAGES_REFUSED,
        FaultName.EMPTY_WITHOUT_LIST,
        FaultName.TOTAL_TOO_SMALL,
        FaultName.TOTAL_ABSENT,
        FaultName.ODD_ROW,
        FaultName.ITEM_INSERTED,
        FaultName.ITEM_DELETED,
        FaultName.WRONG_SIZE,
        FaultName.NUMBERS_AS_STRINGS,
        FaultName.NULLS_ABSENT,
        FaultName.OVERSIZED_BODY,
    }
)
DOWNLOAD_FAULTS = frozenset(
    {
        FaultName.MISSING_SOURCE,
        FaultName.FEWER_SOURCES,
        FaultName.UNAVAILABLE_SOURCE,
        FaultName.EMPTY_SOURCE_URL,
        FaultName.DERIVED_FIRST,
        FaultName.SAME_SIZE_PROXY,
        FaultName.EMPTY_FILENAME,
        FaultName.AVAILABLE_ABSENT,
        FaultName.FOREIGN_URL,
        FaultName.ODD_URL,
        FaultName.NUMBERS_ABSENT,
        FaultName.NUMBERS_FROM_ZERO,
        FaultName.LABELS_RESPELT,
        FaultName.SOURCE_LISTED_TWICE,
        FaultName.ODD_VARIATION,
    }
)
CDN_FAULTS = frozenset(
    {
        FaultName.RANGE_IGNORED,
        FaultName.SHORT_BODY,
        FaultName.ETAG_CHANGED,
        FaultName.TOTAL_CHANGED,
        FaultName.WRONG_RANGE,
        FaultName.EXPIRED,
        FaultName.CORRUPT_BODY,
        FaultName.LONGER_BODY,
        FaultName.ODD_HEADERS,
        FaultName.SLOW,
        FaultName.DRIP,
        FaultName.UNSTATED_LENGTH,
        FaultName.UNKNOWN_TOTAL,
        FaultName.WIDER_RANGE,
    }
)

_AUTHENTICATED = frozenset({Endpoint.SEARCH, Endpoint.MEDIA, Endpoint.DOWNLOAD, Endpoint.USER, Endpoint.ZIP})
_API = _AUTHENTICATED | {Endpoint.TOKEN}
_GROUPS: tuple[tuple[frozenset[FaultName], frozenset[Endpoint]], ...] = (
    (ANYWHERE, _API | {Endpoint.CDN}),
    (frozenset({FaultName.REPLY_LOST}), _API),
    (frozenset({FaultName.DEAD_TOKEN}), _AUTHENTICATED),
    (TOKEN_FAULTS, frozenset({Endpoint.TOKEN})),
    (SEARCH_FAULTS, frozenset({Endpoint.SEARCH})),
    (DOWNLOAD_FAULTS, frozenset({Endpoint.DOWNLOAD})),
    (CDN_FAULTS, frozenset({Endpoint.CDN})),
)
POSSIBLE_ENDPOINTS = {name: endpoints for names, endpoints in _GROUPS for name in names}
# Where a request is known to be about one video, one chapter or one page of the listing.
SCOPED_ENDPOINTS = {
    "media_id": frozenset({Endpoint.MEDIA, Endpoint.DOWNLOAD, Endpoint.CDN}),
    "item_number": frozenset({Endpoint.CDN}),
    "page": frozenset({Endpoint.SEARCH}),
}
# Without these, nothing would go wrong, or not what the name promises.
REQUIRED_PARAMETERS = {
    FaultName.ODD_BODY: "text",
    FaultName.ODD_URL: "text",
    FaultName.FOREIGN_URL: "location",
    FaultName.ODD_HEADERS: "headers",
}
_JSON_TEXTS = frozenset({FaultName.ODD_ROW, FaultName.ODD_VARIATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultScope:
    """What is known of a request when faults are decided."""

    endpoint: Endpoint
    method: str = "GET"
    media_id: str | None = None
    item_number: int | None = None
    page: int | None = None
    per_page: int | None = None
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, where, and how often.

    Args:
        name: what goes wrong.
        endpoint: only there; None is wherever it can happen.
        media_id: only for this item.
        item_number: only for this chapter (CDN).
        page: only for this page of a search, from 1.
        method: only for this HTTP method.
        skip: how many matching requests are spared first.
        count: how often it happens; None is for ever.
        probability: with which it happens to a matching request that is not spared.
        seed: of the probability, so that a run can be repeated.
        status: HTTP status, for those that answer one.
        retry_after: value of the ``Retry-After`` header, seconds or an HTTP date.
        size_bytes: how many bytes, for those that count some.
        delay_seconds: how long a stall lasts, or how long it is from one byte to the next.
        rows: of a page, for those that count some.
        per_page_above: only when a search asks for more rows than this; 50 for short pages.
        location: a URL, for those that redirect the client.
        text: the body, for those that answer anything at all; what a signed query ends with, for odd URLs; the JSON of
            an odd row or variation, null if there is none.
        headers: laid over those of the true answer, for odd headers.
        spares_probe: whether to spare requests for a single byte, with which clients learn what there is (CDN).

    Raises:
        ValueError: the fault cannot happen at that endpoint, or a number makes no sense.
    """

    name: FaultName
    endpoint: Endpoint | None = None
    media_id: str | None = None
    item_number: int | None = None
    page: int | None = None
    method: str | None = None
    skip: int = 0
    count: int | None = None
    probability: float = 1.0
    seed: int = 0
    status: int | None = None
    retry_after: str | None = None
    size_bytes: int | None = None
    delay_seconds: float | None = None
    rows: int | None = None
    per_page_above: int | None = None
    location: str | None = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    spares_probe: bool = False

    def __post_init__(self) -> None:
        # Tests may write the plain names.
        object.__setattr__(self, "name", FaultName(self.name))
        if self.endpoint is not None:
            object.__setattr__(self, "endpoint", Endpoint(self.endpoint))
            if self.endpoint not in POSSIBLE_ENDPOINTS[self.name]:
                possible = ", ".join(one for one in Endpoint if one in POSSIBLE_ENDPOINTS[self.name])
                raise ValueError(f"{self.name} cannot happen at {self.endpoint}, only at {possible}")
        if not 0 <= self.probability <= 1:
            raise ValueError("probability must be between 0 and 1")
        if min(self.skip, self.count or 0, self.size_bytes or 0, self.rows or 0) < 0:
            raise ValueError("skip, count, size_bytes and rows cannot be negative")
        if self.name in _JSON_TEXTS and self.text is not None:
            _require_json(self.text)

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        """Where it can strike, given its scope; nowhere if that contradicts itself."""
        possible = frozenset({self.endpoint}) if self.endpoint else POSSIBLE_ENDPOINTS[self.name]
        for scope, endpoints in SCOPED_ENDPOINTS.items():
            if getattr(self, scope) is not None:
                possible &= endpoints
        return possible

    def concerns(self, scope: FaultScope) -> bool:
        """Return whether the fault can strike this request."""
        return (
            scope.endpoint in ({self.endpoint} if self.endpoint else POSSIBLE_ENDPOINTS[self.name])
            and self.media_id in {None, scope.media_id}
            and self.item_number in {None, scope.item_number}
            and self.page in {None, scope.page}
            and self.method in {None, scope.method}
            and not (self.spares_probe and scope.is_probe)
            and self._concerns_page_of(scope.per_page or 0)
        )

    def _concerns_page_of(self, rows: int) -> bool:
        # Pages of 100 and 200 came short, those of 50 never did (observed by an open-source client).
        default = 50 if self.name is FaultName.SHORT_PAGE else None
        smallest = default if self.per_page_above is None else self.per_page_above
        return smallest is None or rows > smallest


def _require_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(f"the text is not JSON: {error}") from error


class FaultBoard:
    """The faults that are switched on, and how often each has struck."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._armed = [_ArmedFault(fault) for fault in faults]

    def replace(self, faults: Iterable[Fault]) -> None:
        """Switch these faults on and all others off."""
        armed = [_ArmedFault(fault) for fault in faults]
        with self._lock:
            self._armed = armed

    def add(self, faults: Iterable[Fault]) -> None:
        """Switch these faults on in addition to the others; one that is already on starts again."""
        armed = [_ArmedFault(fault) for fault in faults]
        added = [one.fault for one in armed]
        with self._lock:
            self._armed = [one for one in self._armed if one.fault not in added] + armed

    def remove(self, name: FaultName) -> None:
        """Switch all faults of that name off."""
        with self._lock:
            self._armed = [one for one in self._armed if one.fault.name != name]

    def to_json(self) -> list[dict[str, object]]:
        """Return the faults that are switched on, each with its ``hits``."""
        with self._lock:
            return [{**to_json(armed.fault), "hits": armed.hits} for armed in self._armed]

    def strike_one(self, names: frozenset[FaultName], scope: FaultScope) -> Fault | None:
        """Return the first of the named faults that strikes this request; the others are not counted."""
        with self._lock:
            return next(
                (armed.fault for armed in self._armed if armed.fault.name in names and armed.strikes(scope)), None
            )

    def strike_all(self, names: frozenset[FaultName], scope: FaultScope) -> dict[FaultName, Fault]:
        """Return all of the named faults that strike this request."""
        with self._lock:
            return {
                armed.fault.name: armed.fault
                for armed in self._armed
                if armed.fault.name in names and armed.strikes(scope)
            }


class _ArmedFault:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.hits = 0
        self._matches = 0
        self._random = random.Random(fault.seed)  # noqa: S311 - a run must be repeatable

    def strikes(self, scope: FaultScope) -> bool:
        if not self.fault.concerns(scope):
            return False
        self._matches += 1
        spared = self._matches <= self.fault.skip or (self.fault.count is not None and self.hits >= self.fault.count)
        if spared or self._random.random() >= self.fault.probability:
            return False
        self.hits += 1
        return True
