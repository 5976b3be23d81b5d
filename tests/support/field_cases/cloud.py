"""A GoPro cloud that plays one night of a case: the API, and the CDN behind it, on two ports of loopback.

Written from what open-source clients have observed of GoPro's API, and sharing nothing with ``local/simulator``: two
servers of one author agree too easily. A signed URL is good for exactly the bytes that were signed.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from local.loopback_server import LoopbackHandler, LoopbackServer
from tests.support.field_cases.switches import Switches, SwitchesByName

TOKEN: Final = "fake.token.of.five.parts"
_ACCEPT: Final = re.compile(r"application/vnd\.gopro\.jk\.media(\.search)?\+json; version=2\.0\.0")
_LARGEST_PAGE: Final = 200
_DEFAULT_PAGE: Final = 30
_RANGES: Final = {"created_range": "created_at", "captured_range": "captured_at", "updated_range": "updated_at"}
# What HTTP's request line cannot carry: a blank would end the target, and other letters have no one spelling.
_NOT_CARRIED: Final = re.compile(r"[^!-~]+")
_BYTES_RANGE: Final = re.compile(r"bytes=([0-9]+)-([0-9]+)")

LISTING_SWITCHES: Final = frozenset(
    {
        "adds_to_total",  # so many more items are counted than there are
        "counts_as_text",  # the numbers of _pages are text
        "embeds",  # what _embedded is instead
        "hides",  # the ids that are counted and on no page
        "lacks",  # the fields that _pages has not
        "overlaps_by",  # so many rows of the page before begin the next one
        "refuses_beyond",  # pages that reach beyond so many rows are answered with 500
        "shows_at_most",  # rows on a page, whatever its size, of pages of 100 and more
        "shuffles",  # rows of one upload date change places between any two requests
        "status_of_page",  # by page, a status instead of the page
    }
)
ANSWER_SWITCHES: Final = frozenset({"status", "headers", "body", "times"})
CDN_SWITCHES: Final = ANSWER_SWITCHES | {
    "bytes",  # the size of the file
    "etag",  # of the file: a text, null for none, or `of_parts` of so many bytes, `weak`, `changes` at each request
    "ignores_range",  # the whole file with a 200, whatever is asked
    "more_headers",  # of an answer with bytes; null takes one away
    "sends",  # so many bytes of each answer, and closes the connection
}
DESCRIPTOR_SWITCHES: Final = frozenset({"variations"})  # instead of those of the case

type Answer = tuple[int, Mapping[str, str | None], bytes]  # status, headers (None: not that one), body


@dataclass(kw_only=True)
class GoProNight:
    """What GoPro has and does in one night.

    Attributes:
        rows: of the listing, newest first.
        descriptor: of each item; ``{cdn}`` and ``{signature}`` in it are filled in.
        sizes: of the CDN's files, by the first folder of their address; what is not told is shared out of
            ``file_size``.
    """

    rows: Sequence[Any]
    descriptor: Mapping[str, Any] | None
    sizes: Mapping[str, int]
    listing: Switches
    descriptors: SwitchesByName
    downloads: SwitchesByName
    items: SwitchesByName
    cdn_answers: SwitchesByName

    @property
    def used(self) -> list[str]:
        """The switches that made a difference."""
        return [reported for place in self._places for reported in place.used]

    @property
    def unused(self) -> list[str]:
        """The switches that made no difference."""
        return [reported for place in self._places for reported in place.unused]

    @property
    def _places(self) -> tuple[Switches | SwitchesByName, ...]:
        return self.listing, self.descriptors, self.downloads, self.items, self.cdn_answers


@dataclass(kw_only=True)
class _SignedFile:
    key: str
    size_bytes: int


@dataclass
class FieldCloud:
    """Use as a context manager; :meth:`begin` sets what it plays.

    Attributes:
        asked: how often each kind of thing was asked for: ``search``, ``download``, ``item``, ``account``, ``cdn``, and
            ``download ID`` and ``cdn KEY``.
        files: the bytes of every file that was served, by key.
    """

    asked: Counter[str] = field(default_factory=Counter)
    files: dict[str, bytes] = field(default_factory=dict)
    refused_targets: int = 0
    _night: GoProNight | None = None
    _signed: dict[str, _SignedFile] = field(default_factory=dict)
    _signatures: int = 0
    _refusals: Counter[int] = field(default_factory=Counter)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _dice: random.Random = field(default_factory=lambda: random.Random(18))
    _api: LoopbackServer = field(init=False)
    _cdn: LoopbackServer = field(init=False)

    def __post_init__(self) -> None:
        self._api = LoopbackServer(_handler(self.answer_of_api))
        self._cdn = LoopbackServer(_handler(self.answer_of_cdn))

    def __enter__(self) -> Self:
        self._api.start()
        self._cdn.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._api.stop()
        self._cdn.stop()

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return self._api.url

    def begin(self, night: GoProNight) -> None:
        """Play this night from now on; URLs of nights before are good no more."""
        with self._lock:
            self._night = night
            self._signed.clear()
            self.asked.clear()
            self._refusals.clear()

    def forget_files(self) -> None:
        """Become as new, for another case."""
        self.files.clear()
        self.refused_targets = 0

    # --- the API -----------------------------------------------------------------------------------------------------

    def answer_of_api(self, target: str, headers: Mapping[str, str]) -> Answer:
        """Answer a GET."""
        with self._lock:
            if not _ACCEPT.fullmatch(headers.get("Accept", "")):
                return 406, {}, b""  # judged before the session is looked at
            if headers.get("Authorization") != f"Bearer {TOKEN}":
                return _json(401, {"error": "invalid_request"})
            return self._answer_to_session(target)

    def _answer_to_session(self, target: str) -> Answer:
        parts = urlsplit(target)
        match [unquote(segment) for segment in parts.path.split("/")[1:]]:
            case ["media", "user"]:
                self.asked["account"] += 1
                return _json(200, {"id": "11111111-2222-4333-8444-555555555555", "total_count": 0})
            case ["media", "search"]:
                self.asked["search"] += 1
                return self._search({name: values[0] for name, values in parse_qs(parts.query).items()})
            case ["media", media_id, "download"]:
                self.asked.update(["download", f"download {media_id}"])
                return self._answered(self._now.downloads.of(media_id)) or self._descriptor_of(media_id)
            case ["media", media_id]:
                self.asked.update(["item", f"item {media_id}"])
                return self._answered(self._now.items.of(media_id)) or self._item(media_id)
        return _json(404, {"error": "not_found"})

    @property
    def _now(self) -> GoProNight:
        assert self._night is not None, "no night has begun"
        return self._night

    def _search(self, query: Mapping[str, str]) -> Answer:
        switches = self._now.listing
        page, asked_size = int(query.get("page", "1")), int(query.get("per_page", str(_DEFAULT_PAGE)))
        per_page = min(asked_size, _LARGEST_PAGE)
        refused = switches.take("status_of_page", {}).get(str(page))
        if refused is not None:
            return _json(refused, {"error": "internal"})
        if page * per_page > switches.take("refuses_beyond", float("inf")):
            return _json(500, {"error": "internal"})
        try:
            rows = _in_ranges(self._now.rows, query)
        except ValueError:
            return _json(500, {"error": "internal"})  # a malformed range, not 400
        total = len(rows) + switches.take("adds_to_total", 0)
        hidden = switches.take("hides", [])
        rows = [row for row in rows if not (isinstance(row, dict) and row.get("id") in hidden)]
        if switches.take("shuffles", default=False):
            rows = self._shuffled(rows)
        first = (page - 1) * (per_page - switches.take("overlaps_by", 0))
        shown = rows[first : first + per_page]
        if per_page >= 100:
            shown = shown[: switches.take("shows_at_most", per_page)]
        pages: dict[str, Any] = {
            "current_page": page,
            "per_page": per_page,
            "total_items": total,
            "total_pages": -(-total // per_page),
        }
        if switches.take("counts_as_text", default=False):
            pages = {name: str(value) for name, value in pages.items()}
        for name in switches.take("lacks", []):
            del pages[name]
        embedded = {"errors": [], "media": [_asked_fields(row, query.get("fields")) for row in shown]}
        return _json(200, {"_pages": pages, "_embedded": switches.take("embeds", embedded)})

    def _shuffled(self, rows: Sequence[Any]) -> list[Any]:
        dated = [(str(row.get("created_at")), self._dice.random(), row) for row in rows]
        return [row for *_, row in sorted(dated, key=lambda reported: reported[:2], reverse=True)]

    def _item(self, media_id: str) -> Answer:
        row = self._row(media_id)
        return _json(404, {"error": "not_found"}) if row is None else _json(200, row)

    def _row(self, media_id: str) -> Mapping[str, Any] | None:
        rows = (row for row in self._now.rows if isinstance(row, dict))
        return next((row for row in rows if str(row.get("id")) == media_id), None)

    def _descriptor_of(self, media_id: str) -> Answer:
        row, template = self._row(media_id), self._now.descriptor
        if row is None or template is None:
            return _json(404, {"error": "not_found"})
        own = self._now.descriptors.of(media_id)
        if "variations" in own:
            template = {**template, "_embedded": {**template["_embedded"], "variations": own.take("variations")}}
        keys = _keys_of_sources(template)
        size = row.get("file_size")
        share = size // len(keys) if isinstance(size, int) and keys else 0
        return _json(200, self._filled(template, {key: self._now.sizes.get(key, share) for key in keys}))

    def _filled(self, template: Any, sizes: Mapping[str, int]) -> Any:
        if isinstance(template, dict):
            return {name: self._filled(value, sizes) for name, value in template.items()}
        if isinstance(template, list):
            return [self._filled(value, sizes) for value in template]
        if not (isinstance(template, str) and template.startswith("{cdn}")):
            return template
        self._signatures += 1
        signature = f"Expires=4102444800&Signature=Fi3ld~{self._signatures:04}-_&Key-Pair-Id=K2FIELD"
        target = template.removeprefix("{cdn}").replace("{signature}", signature)
        key = _key_in(template)
        self._signed[_NOT_CARRIED.sub(lambda part: quote(part[0], safe=""), target)] = _SignedFile(
            key=key, size_bytes=sizes.get(key, 0)
        )
        return self._cdn.url + target

    def _answered(self, switches: Switches) -> Answer | None:
        """Return the answer that an item's switches say, if they say one."""
        if "status" not in switches:
            return None
        self._refusals[id(switches)] += 1
        if self._refusals[id(switches)] > switches.take("times", float("inf")):
            return None
        body = switches.take("body", {"error": "refused"})
        headers = switches.take("headers", {})
        if isinstance(body, str):
            return switches.take("status"), {"Content-Type": "text/html", **headers}, body.encode()
        status, own, data = _json(switches.take("status"), body)
        return status, {**own, **headers}, data

    # --- the CDN -----------------------------------------------------------------------------------------------------

    def answer_of_cdn(self, target: str, headers: Mapping[str, str]) -> Answer:
        """Answer a GET of a file."""
        with self._lock:
            assert not {"Authorization", "Cookie"} & headers.keys(), "the session has left for another host"
            signed = self._signed.get(target)
            if signed is None:
                self.refused_targets += 1
                return 403, {"Content-Type": "text/xml"}, b"<Error><Code>AccessDenied</Code></Error>"
            self.asked.update(["cdn", f"cdn {signed.key}"])
            switches = self._now.cdn_answers.of(signed.key)
            refused = self._answered(switches)
            if refused is not None:
                return refused
            size = switches.take("bytes", signed.size_bytes)
            data = self._file(signed.key, size)
            own = {"Content-Type": "binary/octet-stream", "Accept-Ranges": "bytes", **self._etag(switches, data)}
            asked = None if switches.take("ignores_range", default=False) else headers.get("Range")
            status, stated, body = _ranged(asked, own, data)
            stated = {"Content-Length": str(len(body)), **stated, **switches.take("more_headers", {})}
            if "sends" in switches:
                return status, {**stated, "Connection": "close"}, body[: switches.take("sends")]
            return status, stated, body

    def _file(self, key: str, size: int) -> bytes:
        name = f"{key} of {size}"
        if name not in self.files:
            self.files[name] = random.Random(name).randbytes(size)
        return self.files[name]

    def _etag(self, switches: Switches, data: bytes) -> dict[str, str]:
        reported = switches.take("etag", {})
        if reported is None or isinstance(reported, str):
            return {} if reported is None else {"ETag": reported}
        parts_bytes = reported.get("of_parts", max(len(data), 1))
        digests = [_md5(data[at : at + parts_bytes]) for at in range(0, len(data), parts_bytes)]
        digest = _md5(b"".join(digests))
        if reported.get("changes"):
            self._signatures += 1
            digest = _md5(str(self._signatures).encode())
        etag = f'"{digest.hex()}-{max(len(digests), 1)}"'
        return {"ETag": f"W/{etag}" if reported.get("weak") else etag}


def _in_ranges(rows: Sequence[Any], query: Mapping[str, str]) -> list[Any]:
    """Return the rows within the ranges that are asked for: from the first moment, and before the second."""
    found = list(rows)
    for name, column in _RANGES.items():
        if name not in query:
            continue
        begin, end = (_moment(text) for text in query[name].split(","))
        found = [row for row in found if isinstance(row, dict) and _is_between(row.get(column), begin, end)]
    return found


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_between(reported: object, begin: datetime, end: datetime) -> bool:
    try:
        return isinstance(reported, str) and begin <= _moment(reported) < end
    except ValueError:
        return False


def _asked_fields(row: Any, fields: str | None) -> Any:
    if fields is None or not isinstance(row, dict):
        return row
    asked = fields.split(",")
    return {name: value for name, value in row.items() if name in asked}


def _keys_of_sources(template: Mapping[str, Any]) -> list[str]:
    variations = template["_embedded"].get("variations") or []
    urls = (row.get("url") for row in variations if isinstance(row, dict))
    return sorted({_key_in(url) for url in urls if isinstance(url, str) and url.startswith("{cdn}")})


def _key_in(url: str) -> str:
    """Return the first folder of an address, by which the cases know a file."""
    return re.split(r"[/?]", url.removeprefix("{cdn}/"), maxsplit=1)[0]


def _ranged(asked: str | None, headers: Mapping[str, str], data: bytes) -> Answer:
    match = _BYTES_RANGE.fullmatch(asked or "")
    if match is None:
        return 200, headers, data
    first, last = int(match[1]), min(int(match[2]), len(data) - 1)
    if first > last:
        return 416, {"Content-Range": f"bytes */{len(data)}"}, b""
    stated = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
    return 206, {**headers, **stated}, data[first : last + 1]


def _json(status: int, document: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _handler(answer: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(LoopbackHandler, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer(self.path, dict(self.headers.items()))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler
