"""The downloader's real handler in a process of its own, which may be killed at any moment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any, Final
from unittest.mock import patch

from gopro_sync import composition
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.errors import GoProSyncError
from gopro_sync.handlers.video_downloader import handler
from tests.support.lambda_context import FakeLambdaContext

# A life of the function is short, and yet its workers have several parts to send, one after the other.
LIMITS: Final = PartLimits(multipart_threshold_bytes=15 * 1024 * 1024, usual_part_bytes=5 * 1024 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What the function is called with: its event, its environment, and what time it is."""

    event: dict[str, Any]
    environment: Mapping[str, str]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An error of the closed set."""

    error: str
    message: str


def run(invocation: Invocation, answer: Connection) -> None:
    """Call the handler and send what it returns, or ``Raised``."""
    os.environ.update(invocation.environment)
    with (
        patch.object(composition, "now_utc", lambda: invocation.now),
        patch.object(composition, "part_limits", lambda: LIMITS),
    ):
        try:
            answer.send(handler(invocation.event, FakeLambdaContext()))
        except GoProSyncError as error:
            answer.send(Raised(error=type(error).__name__, message=str(error)))
