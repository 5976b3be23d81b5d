"""The requests to the simulated service, as evidence for tests. No header value but ``Range`` is ever kept."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Self


@dataclass(slots=True, kw_only=True)
class RecordedRequest:
    """One request; `bytes_sent` and `client_error` are completed while the body is on its way.

    Args:
        number: counts from 1 over both servers.
        server: ``api`` or ``cdn``.
        endpoint: see `local.simulator.faults.Endpoint`.
        path: without the query, which may hold a signature or a token.
        query: the query of a search; empty otherwise.
        label: the kind of a CDN file: ``source``, ``concat``, ...
        range: the ``Range`` header.
        bytes_sent: bytes of the body.
        faults: the names of what went wrong on purpose.
        client_error: the client broke off.
    """

    number: int = 0
    server: str
    endpoint: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    media_id: str | None = None
    item_number: int | None = None
    label: str | None = None
    status: int = 0
    range: str | None = None
    bytes_sent: int = 0
    had_authorization: bool = False
    had_cookie: bool = False
    faults: list[str] = field(default_factory=list)
    client_error: bool = False

    def to_json(self) -> dict[str, object]:
        """Return what `from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Self:
        """Read a record from the admin interface."""
        return cls(**{entry.name: document[entry.name] for entry in fields(cls)})  # type: ignore[arg-type]  # made by to_json


class RequestLog:
    """All requests, in the order in which they were answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[RecordedRequest] = []
        self._last_number = 0

    def add(self, record: RecordedRequest) -> None:
        """Keep a request; called before its answer is sent, so that a client that has the answer finds the record."""
        with self._lock:
            self._last_number += 1
            record.number = self._last_number
            self._records.append(record)

    def all(self) -> list[RecordedRequest]:
        """Return the requests since the log was last cleared."""
        with self._lock:
            return list(self._records)

    def clear(self) -> None:
        """Forget the requests; the numbering continues."""
        with self._lock:
            self._records.clear()
