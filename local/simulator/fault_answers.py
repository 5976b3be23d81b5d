"""Answer requests for the faults that can happen at every endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from local.simulator.faults import Fault, FaultName
from local.simulator.http_messages import Answer, Delivery, html_answer, json_answer

MAINTENANCE_TITLE = "We will be back soon"
NO_STATUS = 0  # nothing is answered
_DEFAULT_STALL_SECONDS = 3600.0


def answer_of(fault: Fault) -> Answer:
    """Return what the client gets instead of what it requested."""
    answer = _ANSWERS[fault.name](fault)
    if fault.retry_after is None:
        return answer
    return replace(answer, headers={**answer.headers, "Retry-After": fault.retry_after})


def stall_seconds_of(fault: Fault) -> float:
    """Return how long a stall lasts: longer than any client's patience, unless the fault says."""
    return _DEFAULT_STALL_SECONDS if fault.delay_seconds is None else fault.delay_seconds


def _error(status: int, error: str) -> Callable[[Fault], Answer]:
    return lambda fault: json_answer(fault.status or status, {"error": error})


def _empty(fault: Fault) -> Answer:
    return Answer(status=fault.status or 200, headers={"Content-Type": "application/json"})


def _odd_body(fault: Fault) -> Answer:
    body = (fault.text or "").encode()
    return Answer(status=fault.status or 200, headers={"Content-Type": "application/json"}, body=body)


def _redirect(fault: Fault) -> Answer:
    return Answer(status=fault.status or 302, headers={"Location": fault.location or "https://example.com/"})


def _stall(fault: Fault) -> Answer:
    return Answer(status=NO_STATUS, delivery=Delivery(is_reset=True, stall_seconds=stall_seconds_of(fault)))


_ANSWERS: dict[FaultName, Callable[[Fault], Answer]] = {
    FaultName.THROTTLED: _error(429, "too_many_requests"),
    FaultName.SERVER_ERROR: _error(500, "internal_server_error"),
    FaultName.NOT_FOUND: _error(404, "not_found"),
    FaultName.BLOCK_PAGE: lambda _: html_answer(403, "ERROR: The request could not be satisfied"),
    FaultName.HTML_PAGE: lambda fault: html_answer(fault.status or 200, MAINTENANCE_TITLE),
    FaultName.EMPTY_BODY: _empty,
    FaultName.ODD_BODY: _odd_body,
    FaultName.REDIRECT: _redirect,
    FaultName.CONNECTION_RESET: lambda _: Answer(status=NO_STATUS, delivery=Delivery(is_reset=True)),
    FaultName.STALL: _stall,
}
