"""The simulated CDN: files behind signed URLs, with byte ranges, as CloudFront in front of S3 serves them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from local.simulator.cloud import SimulatedCloud
from local.simulator.download_descriptor import FileAddress, file_at
from local.simulator.fault_answers import MAINTENANCE_TITLE, answer_of, stall_seconds_of
from local.simulator.faults import ANYWHERE, CDN_FAULTS, Endpoint, Fault, FaultName, FaultScope
from local.simulator.http_messages import Answer, Delivery, FilePiece, Request, html_answer
from local.simulator.library import SourceFile
from local.simulator.recording import RecordedRequest

_RANGE = re.compile(r"bytes=(?P<first>\d{0,19})-(?P<last>\d{0,19})", re.ASCII)
_DEFAULT_SLOW_BYTES_PER_SECOND = 65536
_DEFAULT_DRIP_SECONDS = 10.0
_NOT_PRINTABLE_LATIN_1 = re.compile(r"[^\x20-\x7e\xa0-\xff]")
# These two come with the headers of the true answer, which makes them harder to detect.
_IN_PLACE_OF_THE_BODY = frozenset({FaultName.EMPTY_BODY, FaultName.HTML_PAGE})
_IN_MID_BODY = frozenset({FaultName.STALL, FaultName.CONNECTION_RESET})  # if they say after how many bytes
_REPLACEMENTS = (ANYWHERE | {FaultName.EXPIRED}) - _IN_PLACE_OF_THE_BODY
_DEFECTS = (CDN_FAULTS | _IN_PLACE_OF_THE_BODY) - {FaultName.EXPIRED}


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes ``[start, stop)``."""

    start: int
    stop: int


class UnsatisfiableRangeError(ValueError):
    """The range begins at or after the end of the file."""


def requested_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """Return the range of a ``Range`` header; None is the whole file, as for headers that S3 does not understand.

    Raises:
        UnsatisfiableRangeError: nothing of the file lies in the range.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        start, stop = max(size_bytes - int(match["last"]), 0), size_bytes
    else:
        start, stop = int(match["first"]), min(int(match["last"] or size_bytes) + 1, size_bytes)
        if match["last"] and int(match["last"]) < start:
            return None
    if start >= size_bytes or start >= stop:
        raise UnsatisfiableRangeError
    return ByteRange(start, stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Struck:
    """The faults of one request: one that replaces the answer, or some that harm it."""

    replacement: Fault | None
    defects: Mapping[FaultName, Fault]

    @property
    def names(self) -> list[str]:
        return [fault.name for fault in (self.replacement, *self.defects.values()) if fault]

    def number(self, name: FaultName, *, default: int) -> int:
        """Return the ``size_bytes`` of a defect, or 0 when it did not strike."""
        fault = self.defects.get(name)
        return (fault.size_bytes or default) if fault else 0


class Cdn:
    """Answer the requests of the CDN.

    Args:
        cloud: the state that it serves.
    """

    def __init__(self, cloud: SimulatedCloud) -> None:
        self._cloud = cloud

    def __call__(self, request: Request) -> Answer:
        """Return the answer to a request, which is recorded."""
        address = FileAddress.from_path(request.path)
        struck = self._strike(request, address)
        answer = self._answer(request, address, struck)
        record = _record(request, address, answer.status, struck.names)
        self._cloud.requests.add(record)
        return replace(answer, record=record)

    def _strike(self, request: Request, address: FileAddress | None) -> _Struck:
        scope = FaultScope(
            endpoint=Endpoint.CDN,
            method=request.method,
            media_id=address.media_id if address else None,
            item_number=address.item_number if address else None,
            is_probe=_is_probe(request),
        )
        fault = self._cloud.faults.strike_one(_REPLACEMENTS, scope)
        if fault is None:
            return _Struck(replacement=None, defects=self._cloud.faults.strike_all(_DEFECTS, scope))
        if fault.name in _IN_MID_BODY and fault.size_bytes is not None:
            return _Struck(replacement=None, defects={fault.name: fault})
        return _Struck(replacement=fault, defects={})

    def _answer(self, request: Request, address: FileAddress | None, struck: _Struck) -> Answer:
        if "authorization" in request.headers or "cookie" in request.headers:
            return html_answer(400, "This host must not be given credentials")
        if struck.replacement:
            return _access_denied() if struck.replacement.name is FaultName.EXPIRED else answer_of(struck.replacement)
        if not self._cloud.signer.accepts(method=request.method, target=request.target):
            return _access_denied()
        item = self._cloud.library.get(address.media_id) if address else None
        file = file_at(item, address.label, address.item_number) if item and address else None
        if file is None:
            return html_answer(404, "Not Found")
        try:
            answer = self._file_answer(request, file, struck)
        except OSError:  # a real file was taken away, or may not be read any more
            return html_answer(404, "Not Found")
        return self._delivered(answer, struck)

    def _file_answer(self, request: Request, file: SourceFile, struck: _Struck) -> Answer:
        content = file.open()
        total = content.size_bytes
        headers = self._file_headers(request, file, struck)
        try:
            asked = requested_range(request.headers.get("range"), total)
        except UnsatisfiableRangeError:
            return Answer(status=416, headers={"Content-Range": f"bytes */{total}"})
        stated_total = total + struck.number(FaultName.TOTAL_CHANGED, default=1)
        if asked is None or FaultName.RANGE_IGNORED in struck.defects:
            if request.method == "HEAD":
                headers["Content-Length"] = str(stated_total)
            if FaultName.UNSTATED_LENGTH in struck.defects:
                headers["Transfer-Encoding"] = "chunked"
            return Answer(status=200, headers=headers, body=FilePiece(content=content, start=0, stop=total))
        shift = struck.number(FaultName.WRONG_RANGE, default=1)
        start, stop = min(asked.start + shift, total - 1), min(asked.stop + shift, total)
        if FaultName.WIDER_RANGE in struck.defects:
            stop = total
        shown_total = "*" if FaultName.UNKNOWN_TOTAL in struck.defects else stated_total
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{shown_total}"
        return Answer(status=206, headers=headers, body=FilePiece(content=content, start=start, stop=stop))

    def _file_headers(self, request: Request, file: SourceFile, struck: _Struck) -> dict[str, str]:
        etag = self._cloud.etag(file)
        disposition = request.query.get("response-content-disposition", "")
        return {
            "Content-Type": "binary/octet-stream",
            "Accept-Ranges": "bytes",
            "ETag": _other_etag(etag) if FaultName.ETAG_CHANGED in struck.defects else etag,
            # A name may hold anything; a header may not.
            "Content-Disposition": _NOT_PRINTABLE_LATIN_1.sub("_", disposition),
        }

    def _delivered(self, answer: Answer, struck: _Struck) -> Answer:
        page = struck.defects.get(FaultName.HTML_PAGE)
        if page:
            html = html_answer(200, MAINTENANCE_TITLE)
            return replace(html, status=page.status or answer.status, headers={**answer.headers, **html.headers})
        if FaultName.EMPTY_BODY in struck.defects:
            return replace(answer, body=b"")
        if odd := struck.defects.get(FaultName.ODD_HEADERS):
            answer = replace(answer, headers={**answer.headers, **odd.headers})
        slow = FaultName.SLOW in struck.defects
        settings = self._cloud.settings
        delivery = Delivery(
            latency_seconds=settings.cdn_latency_seconds,
            bytes_per_second=struck.number(FaultName.SLOW, default=_DEFAULT_SLOW_BYTES_PER_SECOND)
            if slow
            else settings.cdn_bytes_per_second,
            cut_after_bytes=_cut_after(answer, struck),
            stall_seconds=_stall_seconds(struck),
            is_reset=FaultName.CONNECTION_RESET in struck.defects,
            surplus_bytes=struck.number(FaultName.LONGER_BODY, default=4),
            flips_first_byte=FaultName.CORRUPT_BODY in struck.defects,
            drip_seconds=_drip_seconds(struck),
        )
        return replace(answer, delivery=delivery)


def _is_probe(request: Request) -> bool:
    asked = requested_range(request.headers.get("range"), sys.maxsize)
    return asked is not None and asked.stop - asked.start == 1


def _cut_after(answer: Answer, struck: _Struck) -> int | None:
    if broken := next((struck.defects[name] for name in _IN_MID_BODY if name in struck.defects), None):
        return broken.size_bytes
    if short := struck.defects.get(FaultName.SHORT_BODY):
        return answer.body_bytes // 2 if short.size_bytes is None else short.size_bytes
    return None


def _stall_seconds(struck: _Struck) -> float:
    stall = struck.defects.get(FaultName.STALL)
    return stall_seconds_of(stall) if stall else 0


def _drip_seconds(struck: _Struck) -> float | None:
    drip = struck.defects.get(FaultName.DRIP)
    return None if drip is None else (drip.delay_seconds or _DEFAULT_DRIP_SECONDS)


def _other_etag(etag: str) -> str:
    """Return another ETag of the same form."""
    return f'"{"1" if etag[1] == "0" else "0"}{etag[2:]}'


def _access_denied() -> Answer:
    body = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>'
    return Answer(status=403, headers={"Content-Type": "text/xml"}, body=body)


def _record(request: Request, address: FileAddress | None, status: int, faults: list[str]) -> RecordedRequest:
    return RecordedRequest(
        server="cdn",
        endpoint=Endpoint.CDN,
        method=request.method,
        path=request.path,
        media_id=address.media_id if address else None,
        item_number=address.item_number if address else None,
        label=address.label if address else None,
        status=status,
        range=request.headers.get("range"),
        had_authorization="authorization" in request.headers,
        had_cookie="cookie" in request.headers,
        faults=faults,
    )
