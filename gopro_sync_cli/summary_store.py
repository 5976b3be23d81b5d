"""The summaries of runs in the archive bucket: which there are, by one call, and what they say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.run.run_files import SUMMARIES
from gopro_sync_cli.run_summary import NotASummaryError, RunSummary, read_summary
from gopro_sync_cli.side_threads import SideThreads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# As gopro_sync.run.run_files makes it.
_KEY: Final = re.compile(rf"{SUMMARIES}\d{{4}}/\d\d/(?P<start>\d{{8}}T\d{{6}})(?P<millis>\d{{3}})Z-(?P<name>.+)\.json")
_AT_ONCE: Final = 16
_LONGEST_SUMMARY: Final = 2**20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSummary:
    """A summary that is kept.

    Attributes:
        key: its address.
        name: the execution's.
        started_at: when the run began.
    """

    key: str
    name: str
    started_at: datetime


class SummaryStore:
    """The summaries of a stack's runs.

    All methods raise botocore's errors.

    Args:
        s3: the client; shared by threads.
        bucket: the archive bucket.
    """

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def kept(self, *, since: datetime | None = None) -> list[KeptSummary]:
        """Return which there are, in the order in which the runs began.

        Args:
            since: of runs that began in that month or later; all there are if None.
        """
        start: Any = {} if since is None else {"StartAfter": f"{SUMMARIES}{since.astimezone(UTC):%Y/%m/}"}
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=SUMMARIES, **start)
        found = (_kept(item["Key"]) for page in pages for item in page.get("Contents", []))
        return [summary for summary in found if summary is not None]

    def last(self, now: datetime) -> list[KeptSummary]:
        """Return those of this month and the one before; where there is none, all: the stack may be paused."""
        return self.kept(since=now.replace(day=1) - timedelta(days=1)) or self.kept()

    def read(self, kept: Sequence[KeptSummary]) -> dict[str, RunSummary]:
        """Read summaries, several at once; return them by the names of their runs.

        One that is no summary is left out, as is one that has expired since it was listed.
        """
        texts = SideThreads(_AT_ONCE).results(self._text, kept)
        found = dict[str, RunSummary]()
        for summary, text in zip(kept, texts, strict=True):
            with suppress(NotASummaryError):
                found[summary.name] = read_summary(text)
        return found

    def _text(self, summary: KeptSummary) -> bytes:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=summary.key)
        except self._s3.exceptions.NoSuchKey:
            return b""
        return answer["Body"].read(_LONGEST_SUMMARY)


def _kept(key: str) -> KeptSummary | None:
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    try:
        start = datetime.strptime(found["start"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return KeptSummary(key=key, name=found["name"], started_at=start.replace(microsecond=int(found["millis"]) * 1000))
