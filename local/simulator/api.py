"""The simulated ``api.gopro.com``: tokens, search, media items, download descriptors; changes are refused.

Order of checks, as open-source clients observed it: the edge (faults), content negotiation (406, 410), the token.
"""

from __future__ import annotations

import json
import math
import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, unquote

from local.simulator.cloud import SimulatedCloud
from local.simulator.download_descriptor import DescriptorBuilder, FileAddress
from local.simulator.fault_answers import answer_of
from local.simulator.faults import (
    ANYWHERE,
    DOWNLOAD_FAULTS,
    SEARCH_FAULTS,
    TOKEN_FAULTS,
    Endpoint,
    Fault,
    FaultName,
    FaultScope,
)
from local.simulator.http_messages import Answer, Delivery, Request, json_answer
from local.simulator.json_shape import MalformedDocumentError
from local.simulator.library import DEFAULT_CREATED_AT, SimulatedItem, SourceFile
from local.simulator.media_record import RecordDefects, chosen_fields, media_record
from local.simulator.recording import RecordedRequest
from local.simulator.search import MalformedQueryError, SearchCriteria, SearchQuery, parse_search
from local.simulator.tokens import GrantRefusedError

_MEDIA_TYPES = frozenset({"application/vnd.gopro.jk.media+json", "application/vnd.gopro.jk.media.search+json"})
_VERSION = "2.0.0"
_ITEM_PATH = re.compile(r"/media/(?P<media_id>[^/]+)(?P<download>/download)?")
_FIXED_PATHS = {
    "/v1/oauth2/token": Endpoint.TOKEN,
    "/media/search": Endpoint.SEARCH,
    "/media/user": Endpoint.USER,
    "/media/x/zip/source": Endpoint.ZIP,
}
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_SHORT_PAGE_ROWS = 12
_DEFAULT_OVERLAP_ROWS = 5
_DEFAULT_DEEPEST_ROW = 10_000
_DEFAULT_SIZE_ERROR_BYTES = 3072
_INSERTED_ITEM_BYTES = 65536
_DEFAULT_PADDING_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One request on its way through the checks, and the faults that struck it."""

    request: Request
    scope: FaultScope
    faults: list[str] = field(default_factory=list)


class GoProApi:
    """Answer the requests of the API.

    Args:
        cloud: the state that it serves.
        cdn_url: where signed URLs lead.
    """

    def __init__(self, cloud: SimulatedCloud, *, cdn_url: str) -> None:
        self._cloud = cloud
        self._cdn_url = cdn_url
        self._behind_login: dict[Endpoint, Callable[[_Call], Answer]] = {
            Endpoint.SEARCH: self._search,
            Endpoint.MEDIA: self._media,
            Endpoint.DOWNLOAD: self._download,
            Endpoint.USER: self._user,
            Endpoint.ZIP: self._zip,
        }

    def __call__(self, request: Request) -> Answer:
        """Return the answer to a request, which is recorded."""
        call = _Call(request=request, scope=_scope_of(request))
        fault = self._strike(call, ANYWHERE)
        answer = answer_of(fault) if fault else self._answer(call)
        if self._strike(call, frozenset({FaultName.REPLY_LOST})):
            answer = Answer(status=answer.status, delivery=Delivery(is_reset=True))
        record = self._record(call, answer.status)
        latency = Delivery(latency_seconds=self._cloud.settings.api_latency_seconds)
        return replace(answer, record=record, delivery=answer.delivery if answer.delivery.is_reset else latency)

    def _answer(self, call: _Call) -> Answer:
        endpoint = call.scope.endpoint
        if endpoint is Endpoint.TOKEN:
            return self._token(call)
        if endpoint is Endpoint.MUTATION:
            return json_answer(403, {"error": "forbidden", "error_description": "the simulator allows no changes"})
        if endpoint is Endpoint.UNKNOWN:
            return json_answer(404, {"error": "not_found"})
        refusal = _negotiate(call.request.headers.get("accept", "")) if endpoint is not Endpoint.ZIP else None
        return refusal or self._refuse_dead_token(call) or self._behind_login[endpoint](call)

    def _refuse_dead_token(self, call: _Call) -> Answer | None:
        fault = self._strike(call, frozenset({FaultName.DEAD_TOKEN}))
        if fault is None and self._cloud.tokens.is_alive(_access_token_of(call.request)):
            return None
        status = (fault.status if fault else None) or self._cloud.settings.dead_token_status
        return json_answer(status, {"error": "invalid_request", "error_description": "The access token is invalid"})

    def _token(self, call: _Call) -> Answer:
        fault = self._strike(call, TOKEN_FAULTS)
        if fault:
            return _oauth_error(fault.name.value, fault.status or 401)
        try:
            form = _form_of(call.request)
        except ValueError:
            return _oauth_error("invalid_request", 400)
        settings = self._cloud.settings
        try:
            reply = self._cloud.tokens.grant(
                form, lifetime_seconds=settings.token_lifetime_seconds, mode=settings.refresh_token_mode
            )
        except GrantRefusedError as refusal:
            return _oauth_error(refusal.error, refusal.status)
        shown = {"resource_owner_id": settings.user_id} if settings.shows_user_ids else {}
        return json_answer(200, {**reply, **shown})

    def _search(self, call: _Call) -> Answer:
        settings = self._cloud.settings
        try:
            query = parse_search(
                call.request.query, default_page_size=settings.default_page_size, max_page_size=settings.max_page_size
            )
        except MalformedQueryError as error:
            return json_answer(error.status, {"error": str(error)})
        defects = self._strike_all(call, SEARCH_FAULTS)
        self._change_library(defects)
        deep = defects.get(FaultName.DEEP_PAGES_REFUSED)
        if deep and query.page * query.per_page > (_DEFAULT_DEEPEST_ROW if deep.rows is None else deep.rows):
            return json_answer(deep.status or 500, {"error": "too deep"})
        answer = json_answer(200, self._search_page(query, defects))
        padding = defects.get(FaultName.OVERSIZED_BODY)
        if padding and isinstance(answer.body, bytes):
            return replace(answer, body=b" " * (padding.size_bytes or _DEFAULT_PADDING_BYTES) + answer.body)
        return answer

    def _change_library(self, defects: Mapping[FaultName, Fault]) -> None:
        library = self._cloud.library
        newest = library.page(SearchCriteria(), offset=0, count=1)
        if FaultName.ITEM_DELETED in defects and newest:
            library.delete(newest[0].media_id)
        if FaultName.ITEM_INSERTED in defects:
            library.add(_item_uploaded_after(newest[0] if newest else None))

    def _search_page(self, query: SearchQuery, defects: Mapping[FaultName, Fault]) -> dict[str, object]:
        total = _stated_total(self._cloud.library.count(query.criteria), defects)
        offset, count = _rows_shown(query, defects, total)
        wrong_size = defects.get(FaultName.WRONG_SIZE)
        record_defects = RecordDefects(
            size_error_bytes=(wrong_size.size_bytes or _DEFAULT_SIZE_ERROR_BYTES) if wrong_size else 0,
            numbers_as_strings=FaultName.NUMBERS_AS_STRINGS in defects,
            nulls_absent=FaultName.NULLS_ABSENT in defects,
        )
        items = self._page_of_items(query, defects, offset=offset, count=count)
        media: list[object] = [chosen_fields(self._media_record(item, record_defects), query.fields) for item in items]
        if (odd := defects.get(FaultName.ODD_ROW)) and query.page == 1:
            media = [json.loads(odd.text or "null"), *media]
        has_no_list = FaultName.EMPTY_WITHOUT_LIST in defects and total == 0
        counts = {"total_items": total, "total_pages": math.ceil(total / query.per_page)}
        return {
            "_pages": {
                "current_page": query.page,
                "per_page": query.per_page,
                **({} if FaultName.TOTAL_ABSENT in defects else counts),
            },
            "_embedded": {"errors": []} if has_no_list else {"errors": [], "media": media},
        }

    def _page_of_items(
        self, query: SearchQuery, defects: Mapping[FaultName, Fault], *, offset: int, count: int
    ) -> list[SimulatedItem]:
        library = self._cloud.library
        if FaultName.TIES_SHUFFLED in defects:
            # Rows of the same time have no fixed order: it differs at each request.
            items = library.page(query.criteria, offset=0, count=library.count(query.criteria))
            key = query.criteria.sort_key
            places = {item.media_id: random.random() for item in items}  # noqa: S311 - no secret
            items.sort(key=lambda item: (key(item), places[item.media_id]), reverse=True)
            return items[offset : offset + count]
        if FaultName.ITEM_LISTED_TWICE in defects:
            first = library.page(query.criteria, offset=0, count=1) if offset == 0 else []
            return [*first, *library.page(query.criteria, offset=max(offset - 1, 0), count=count - len(first))]
        return library.page(query.criteria, offset=offset, count=count)

    def _media(self, call: _Call) -> Answer:
        item = self._item(call)
        return json_answer(200, self._media_record(item, RecordDefects())) if item else _not_found()

    def _download(self, call: _Call) -> Answer:
        item = self._item(call)
        if item is None:
            return _not_found()
        defects = self._strike_all(call, DOWNLOAD_FAULTS)
        foreign, odd = defects.get(FaultName.FOREIGN_URL), defects.get(FaultName.ODD_URL)
        sign = partial(self._sign, odd_query=(odd.text if odd else None) or "")
        odd_variation = defects.get(FaultName.ODD_VARIATION)
        descriptor = DescriptorBuilder(
            item,
            sign,
            defects,
            foreign_url=foreign.location if foreign else None,
            odd_variation=(odd_variation.text if odd_variation else None) or "null",
        )
        return json_answer(200, descriptor.build())

    def _user(self, _call: _Call) -> Answer:
        library = self._cloud.library
        count = library.count(SearchCriteria())
        totals = {"total_count": count, "total_storage": library.stored_bytes()}
        return json_answer(
            200,
            {
                "id": self._cloud.settings.user_id,
                "non_exempt_storage_limit": 26843545600,
                **totals,
                "exempt": totals,
                "non_exempt": {"total_count": 0, "total_storage": 0},
                "created_at": "2021-03-04T05:06:07Z",
                "updated_at": "2026-08-30T01:02:03Z",
            },
        )

    def _zip(self, _call: _Call) -> Answer:
        # The real endpoint's answer since August 2026, as its users report: 200 and nothing.
        return Answer(status=200, headers={"Content-Type": "application/zip"})

    def _item(self, call: _Call) -> SimulatedItem | None:
        return self._cloud.library.get(call.scope.media_id or "")

    def _media_record(self, item: SimulatedItem, defects: RecordDefects) -> dict[str, object]:
        settings = self._cloud.settings
        return media_record(item, user_id=settings.user_id if settings.shows_user_ids else None, defects=defects)

    def _sign(self, address: FileAddress, *, method: str, filename: str, odd_query: str) -> str:
        return self._cloud.signer.sign(
            method=method,
            base_url=self._cdn_url,
            path=address.path,
            filename=filename,
            lifetime_seconds=self._cloud.settings.url_lifetime_seconds,
            odd_query=odd_query,
        )

    def _strike(self, call: _Call, names: frozenset[FaultName]) -> Fault | None:
        fault = self._cloud.faults.strike_one(names, call.scope)
        if fault:
            call.faults.append(fault.name)
        return fault

    def _strike_all(self, call: _Call, names: frozenset[FaultName]) -> dict[FaultName, Fault]:
        faults = self._cloud.faults.strike_all(names, call.scope)
        call.faults.extend(faults)
        return faults

    def _record(self, call: _Call, status: int) -> RecordedRequest:
        request, scope = call.request, call.scope
        record = RecordedRequest(
            server="api",
            endpoint=scope.endpoint,
            method=request.method,
            path=request.path,
            query=_harmless_query(request) if scope.endpoint is Endpoint.SEARCH else {},
            media_id=scope.media_id,
            status=status,
            range=request.headers.get("range"),
            had_authorization="authorization" in request.headers,
            had_cookie="cookie" in request.headers,
            faults=call.faults,
        )
        self._cloud.requests.add(record)
        return record


def _stated_total(items: int, defects: Mapping[FaultName, Fault]) -> int:
    """Return the number of items that GoPro states, given how many there are."""
    counted_twice = FaultName.ITEM_LISTED_TWICE in defects and items > 0
    more = _rows_of(defects.get(FaultName.GHOSTS_COUNTED)) + counted_twice + (FaultName.ODD_ROW in defects)
    return max(items + more - _rows_of(defects.get(FaultName.TOTAL_TOO_SMALL)), 0)


def _rows_shown(query: SearchQuery, defects: Mapping[FaultName, Fault], total: int) -> tuple[int, int]:
    """Return where the rows of a page start among all items, from 0, and how many there are."""
    offset, count = (query.page - 1) * query.per_page, query.per_page
    if (overlap := defects.get(FaultName.OVERLAPPING_PAGES)) and query.page > 1:
        # As many rows as there should be: only the ids show that some come twice and some never.
        count = min(count, max(total - offset, 0))
        offset = max(offset - (overlap.rows or _DEFAULT_OVERLAP_ROWS), 0)
    if shifting := defects.get(FaultName.SHIFTING_PAGES):
        # Each page starts this many rows too early, so that pages overlap and there are more of them.
        offset -= (query.page - 1) * _rows_of(shifting)
    if short := defects.get(FaultName.SHORT_PAGE):
        count = min(count, _DEFAULT_SHORT_PAGE_ROWS if short.rows is None else short.rows)
    if FaultName.ODD_ROW in defects:
        # The missing item is the newest: the first page holds one item fewer, and each other page starts an item
        # earlier.
        offset, count = max(offset - 1, 0), count - (query.page == 1)
    return offset, count


def _rows_of(fault: Fault | None) -> int:
    return 0 if fault is None else 1 if fault.rows is None else fault.rows


def _harmless_query(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.query.items() if name != "access_token"}


def _scope_of(request: Request) -> FaultScope:
    page, per_page = request.query.get("page", "1"), request.query.get("per_page", "")
    item = _ITEM_PATH.fullmatch(request.path)
    return FaultScope(
        endpoint=_endpoint_of(request),
        method=request.method,
        media_id=unquote(item["media_id"]) if item and request.path not in _FIXED_PATHS else None,
        page=int(page) if page.isdecimal() else None,
        per_page=int(per_page) if per_page.isdecimal() else None,
    )


def _endpoint_of(request: Request) -> Endpoint:
    endpoint = _FIXED_PATHS.get(request.path)
    if endpoint is Endpoint.TOKEN and request.method == "POST":
        return endpoint
    if request.method not in _SAFE_METHODS:
        return Endpoint.MUTATION
    item = _ITEM_PATH.fullmatch(request.path)
    if endpoint is None and item:
        return Endpoint.DOWNLOAD if item["download"] else Endpoint.MEDIA
    return Endpoint.UNKNOWN if endpoint in {None, Endpoint.TOKEN} else endpoint


def _negotiate(accept: str) -> Answer | None:
    """Return 406 for an unknown media type, 410 for another version of a known one; both without a body."""
    versions = [
        dict(parse_qsl(parameters.replace(" ", ""), separator=";")).get("version")
        for media_type, _, parameters in (entry.strip().partition(";") for entry in accept.split(","))
        if media_type.strip() in _MEDIA_TYPES
    ]
    if not versions:
        return Answer(status=406)
    return None if _VERSION in versions else Answer(status=410)


def _access_token_of(request: Request) -> str:
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credential.strip()
    try:
        cookie = SimpleCookie(request.headers.get("cookie", "")).get("gp_access_token")
    except CookieError:
        cookie = None
    if cookie:
        return cookie.value
    return request.query.get("access_token", "") if request.path == "/media/x/zip/source" else ""


def _form_of(request: Request) -> dict[str, str]:
    """Read the token endpoint's body, JSON or a form. Raise ValueError for anything else."""
    if "json" not in request.headers.get("content-type", ""):
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    document = json.loads(request.body)
    if not isinstance(document, dict):
        raise MalformedDocumentError("the body must be an object")
    return {str(name): str(value) for name, value in document.items()}


def _item_uploaded_after(newest: SimulatedItem | None) -> SimulatedItem:
    created = datetime.fromisoformat(newest.created_at if newest else DEFAULT_CREATED_AT) + timedelta(seconds=1)
    media_id = f"inserted{uuid.uuid4().hex[:16]}"
    return SimulatedItem(
        media_id=media_id,
        filename="GX019000.MP4",
        created_at=created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        chapters=(SourceFile(size_bytes=_INSERTED_ITEM_BYTES, seed=media_id),),
    )


def _oauth_error(error: str, status: int) -> Answer:
    return json_answer(status, {"error": error, "error_description": f"The request was refused: {error}"})


def _not_found() -> Answer:
    return json_answer(404, {"error": "not_found"})
