"""The interpreter's records in the form of the engine's answers."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any


def events_of(event_manager: Any) -> list[dict[str, Any]]:
    """Return the history so far, as GetExecutionHistory returns it."""
    return [as_json(event) for event in event_manager.get_event_history()]


def as_json(value: Any) -> Any:
    """Return the value with times as text and the interpreter's enumerations as their names."""
    return json.loads(json.dumps(value, default=_text))


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)
