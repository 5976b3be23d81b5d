"""Traces for X-Ray: the only file that knows about it, so that something else can replace it.

Lambda itself creates the segment of an invocation; its parts are recorded here. Where there is no X-Ray daemon, as
everywhere but in Lambda, nothing is recorded, and the SDK is not loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum, unique
from functools import lru_cache
from typing import Any

_DAEMON_VARIABLE = "AWS_XRAY_DAEMON_ADDRESS"  # Lambda sets it for the whole life of an environment
_TRACE_VARIABLE = "_X_AMZN_TRACE_ID"  # and this one for each invocation
_ANNOTATION_MEDIA_ID = "media_id"
_ANNOTATION_RUN = "run"


@unique
class Part(StrEnum):
    """The parts of an invocation that are timed."""

    GOPRO_API = "gopro-api"
    TRANSFER = "transfer"
    TRACKER = "tracker"


@contextmanager
def subsegment(part: Part, *, run: str, media_id: str | None = None) -> Iterator[None]:
    """Time what happens inside, as a part of the invocation that can be searched for by run and video.

    Args:
        part: what it is.
        run: the execution.
        media_id: the video, if it is one.
    """
    if _DAEMON_VARIABLE not in os.environ or _TRACE_VARIABLE not in os.environ:
        yield
        return
    provider = _provider()
    begun = provider.begin_subsegment(part)
    begun.put_annotation(_ANNOTATION_RUN, run)
    if media_id is not None:
        begun.put_annotation(_ANNOTATION_MEDIA_ID, media_id)
    try:
        yield
    except BaseException as error:
        # Only its name: the SDK would send the whole text and stack, and those of a library may contain a signed URL.
        begun.put_annotation("error_type", type(error).__name__)
        begun.add_fault_flag()
        raise
    finally:
        provider.end_subsegment()


def load() -> None:
    """Load the SDK now, if it will be needed: at a function's start, when Lambda lends a whole processor."""
    if _DAEMON_VARIABLE in os.environ:
        _provider()


@lru_cache(maxsize=1)
def _provider() -> Any:
    from aws_lambda_powertools import Tracer  # noqa: PLC0415 - not loaded where nothing is traced

    return Tracer(service="gopro-sync", auto_patch=False).provider
