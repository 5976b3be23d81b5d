"""Every way in which the simulated service can go wrong, each a switch with a scope and a count."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from local.simulator.json_shape import to_json


class Endpoint(StrEnum):
    """Where a request goes, as far as faults and records tell."""

    SEARCH = "search"
    MEDIA = "media"
    DOWNLOAD = "download"
    USER = "user"
    TOKEN = "token"  # noqa: S105 - the name of an endpoint
    ZIP = "zip"
    CDN = "cdn"
    MUTATION = "mutation"
    UNKNOWN = "unknown"


class FaultName(StrEnum):
    """What goes wrong; the endpoints where it can happen are in `POSSIBLE_ENDPOINTS`."""

    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    NOT_FOUND = "not_found"
    BLOCK_PAGE = "block_page"
    REDIRECT = "redirect"
    CONNECTION_RESET = "connection_reset"
    STALL = "stall"
    EMPTY_BODY = "empty_body"
    HTML_PAGE = "html_page"
    ODD_BODY = "odd_body"
    REPLY_LOST = "reply_lost"

    DEAD_TOKEN = "dead_token"  # noqa: S105 - the name of a fault
    TOKEN_BLACKLISTED = "token_blacklisted"  # noqa: S105 - the name of a fault
    INVALID_GRANT = "invalid_grant"
    INVALID_CLIENT = "invalid_client"

    SHORT_PAGE = "short_page"
    OVERLAPPING_PAGES = "overlapping_pages"
    SHIFTING_PAGES = "shifting_pages"
    TIES_SHUFFLED = "ties_shuffled"
    GHOSTS_COUNTED = "ghosts_counted"
    ITEM_LISTED_TWICE = "item_listed_twice"
    DEEP_PAGES_REFUSED = "deep_pages_refused"
    EMPTY_WITHOUT_LIST = "empty_without_list"
    TOTAL_TOO_SMALL = "total_too_small"
    TOTAL_ABSENT = "total_absent"
    ODD_ROW = "odd_row"
    ITEM_INSERTED = "item_inserted"
    ITEM_DELETED = "item_deleted"
    WRONG_SIZE = "wrong_size"
    NUMBERS_AS_STRINGS = "numbers_as_strings"
    NULLS_ABSENT = "nulls_absent"
    OVERSIZED_BODY = "oversized_body"

    MISSING_SOURCE = "missing_source"
    FEWER_SOURCES = "fewer_sources"
    UNAVAILABLE_SOURCE = "unavailable_source"
    EMPTY_SOURCE_URL = "empty_source_url"
    DERIVED_FIRST = "derived_first"
    SAME_SIZE_PROXY = "same_size_proxy"
    EMPTY_FILENAME = "empty_filename"
    AVAILABLE_ABSENT = "available_absent"
    FOREIGN_URL = "foreign_url"
    ODD_URL = "odd_url"
    NUMBERS_ABSENT = "numbers_absent"
    NUMBERS_FROM_ZERO = "numbers_from_zero"
    LABELS_RESPELT = "labels_respelt"
    SOURCE_LISTED_TWICE = "source_listed_twice"
    ODD_VARIATION = "odd_variation"

    RANGE_IGNORED = "range_ignored"
    SHORT_BODY = "short_body"
    ETAG_CHANGED = "etag_changed"
    TOTAL_CHANGED = "total_changed"
    WRONG_RANGE = "wrong_range"
    EXPIRED = "expired"
    CORRUPT_BODY = "corrupt_body"
    LONGER_BODY = "longer_body"
    ODD_HEADERS = "odd_headers"
    SLOW = "slow"
    DRIP = "drip"
    UNSTATED_LENGTH = "unstated_length"
    UNKNOWN_TOTAL = "unknown_total"
    WIDER_RANGE = "wider_range"


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
        skip: so many matching requests are spared first.
        count: it happens so often; None is for ever.
        probability: with which it happens to a matching request that is not spared.
        seed: of the probability, so that a run can be repeated.
        status: HTTP status, for those that answer one.
        retry_after: value of the ``Retry-After`` header, seconds or an HTTP date.
        size_bytes: how many bytes, for those that count some.
        delay_seconds: how long a stall lasts, or how long it is from one byte to the next.
        rows: of a page, for those that count some.
        per_page_above: only when a search asks for more rows than this; 50 for short pages.
        location: a URL, for those that send the client somewhere else.
        text: the body, for those that answer anything at all; what a signed query ends with, for odd URLs; the JSON of
            an odd row or variation, null if there is none.
        headers: laid over those of the true answer, for odd headers.
        spares_probe: a request for one byte, by which clients learn what there is, is none that matches (CDN).

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
                raise ValueError(f"{self.name} cannot happen at endpoint {self.endpoint}")
        if not 0 <= self.probability <= 1:
            raise ValueError("probability must be between 0 and 1")
        if min(self.skip, self.count or 0, self.size_bytes or 0, self.rows or 0) < 0:
            raise ValueError("skip, count, size_bytes and rows cannot be negative")

    def concerns(self, scope: FaultScope) -> bool:
        """Say whether the fault can strike this request."""
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


class FaultBoard:
    """The faults that are switched on, and how often each has struck."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._armed = [_ArmedFault(fault) for fault in faults]

    def replace(self, faults: Iterable[Fault]) -> None:
        """Switches these faults on and all others off."""
        armed = [_ArmedFault(fault) for fault in faults]
        with self._lock:
            self._armed = armed

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
