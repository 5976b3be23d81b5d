"""Faults in words, for a person who switches them on and off."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from itertools import groupby

from local.simulator.faults import POSSIBLE_ENDPOINTS, REQUIRED_PARAMETERS, Endpoint, Fault, FaultName

# The options of `fault on` that change what a fault does, by the field of the fault that they set.
PARAMETER_OPTIONS = {
    "status": "--status",
    "retry_after": "--retry-after",
    "size_bytes": "--bytes",
    "delay_seconds": "--delay",
    "rows": "--rows",
    "location": "--location",
    "text": "--text",
    "headers": "--header",
}
_ALL_ENDPOINTS = frozenset().union(*POSSIBLE_ENDPOINTS.values())


def possible_endpoints() -> list[Endpoint]:
    """Return the endpoints where anything can go wrong."""
    return [endpoint for endpoint in Endpoint if endpoint in _ALL_ENDPOINTS]


def list_lines() -> list[str]:
    """Return all faults with what they do, those that can happen at the same endpoints together."""
    lines = ["Endpoints:", *(f"  {endpoint:<9} {endpoint.description}" for endpoint in possible_endpoints())]
    width = max(map(len, FaultName))
    for endpoints, names in groupby(FaultName, POSSIBLE_ENDPOINTS.__getitem__):
        lines += ["", f"At {places(endpoints)}:"]
        lines += [f"  {name:<{width}}  {name.description}{_options(name)}" for name in names]
    return lines


def near_names(text: str) -> list[FaultName]:
    """Return the faults that somebody may have meant, the nearest first."""
    close = get_close_matches(text, [*FaultName], n=3)
    return [FaultName(name) for name in dict.fromkeys([*close, *(name for name in FaultName if text and text in name)])]


def places(endpoints: frozenset[Endpoint]) -> str:
    """Return endpoints as a phrase."""
    if endpoints == _ALL_ENDPOINTS:
        return "every endpoint"
    if len(endpoints) > 1 and len(missing := _ALL_ENDPOINTS - endpoints) == 1:
        return f"every endpoint but {next(iter(missing))}"
    return ", ".join(endpoint for endpoint in Endpoint if endpoint in endpoints)


def phrase(fault: Fault, filenames: Mapping[str, str | None]) -> str:
    """Return what goes wrong, where and how often.

    Args:
        fault: which.
        filenames: names of files by their media ids, as far as they are known.
    """
    parts = [f"{fault.name} at {places(fault.endpoints)}", *_scope(fault, filenames), _times(fault)]
    if fault.probability < 1:
        parts.append(f"with probability {fault.probability:g}")
    values = ((option, getattr(fault, field)) for field, option in PARAMETER_OPTIONS.items())
    parts += [f"{option} {_value(value)}" for option, value in values if value]
    return ", ".join(parts)


def show_line(fault: Fault, hits: int, filenames: Mapping[str, str | None]) -> str:
    """Return a fault that is on, and how often it has struck."""
    struck = f"struck {_counted(hits)}" if hits else "has not struck yet"
    used_up = ", and will no more" if fault.count is not None and hits >= fault.count else ""
    return f"{phrase(fault, filenames)}: {struck}{used_up}"


def off_line(name: FaultName, hits: int) -> str:
    """Return that a fault is off, and how often it has struck."""
    return f"Off: {name}, which has struck {_counted(hits)}" if hits else f"Off: {name}, which has never struck"


def _options(name: FaultName) -> str:
    needed = REQUIRED_PARAMETERS.get(name)
    options = [
        option + (" (needed)" if field == needed else "")
        for field, option in PARAMETER_OPTIONS.items()
        if field in name.parameters
    ]
    return f"  {' '.join(options)}" if options else ""


def _scope(fault: Fault, filenames: Mapping[str, str | None]) -> list[str]:
    parts = []
    if fault.media_id is not None:
        filename = filenames.get(fault.media_id)
        parts.append(f"for {filename} ({fault.media_id})" if filename else f"for {fault.media_id}")
    if fault.item_number is not None:
        parts.append(f"chapter {fault.item_number}")
    if fault.page is not None:
        parts.append(f"page {fault.page}")
    return parts


def _times(fault: Fault) -> str:
    first = f" after the next {fault.skip}" if fault.skip else ""
    return f"each time{first}" if fault.count is None else f"{_counted(fault.count)}{first}"


def _counted(times: int) -> str:
    return "once" if times == 1 else f"{times} times"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {text}" for name, text in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
