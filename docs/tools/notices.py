"""The notices of eight kinds of night, as a page for people: made by the code that writes them. Pure.

.venv/bin/python -m docs.tools.notices > docs/notices.md
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gopro_sync.run.notices import Backlog, Failure, Notice, failure_of, notice_of

_EXECUTION: Final = (
    "arn:aws:states:eu-central-1:123456789012:execution:gopro-sync-orchestrator:37c5e246-91ff-4b6b-bd57-10b91fd61aa1"
)
_HEAD: Final = """# What a night's mail says

The notices of eight kinds of night, word for word. A night in which all that was due was archived sends none. This page
is made by the code that writes the mails: `.venv/bin/python -m docs.tools.notices > docs/notices.md`
"""
GOOD_NIGHT: Final[Mapping[str, Any]] = {
    "execution_id": _EXECUTION,
    "status": "SUCCEEDED",
    "stopped_by": None,
    "stopped_because": None,
    "started_at": "2026-11-26T01:00:00.000Z",
    "duration_seconds": 1860,
    "total_found": 412,
    "already_synced": 404,
    "new_count": 7,
    "synced": 7,
    "failed": 0,
    "deferred": 0,
    "postponed": 1,
    "filtered": 0,
    "bytes_transferred": 28_604_112_896,
    "bytes_unfinished": 0,
    "failures": {},
    "failed_videos": [],
    "unrecordable": 0,
    "unrecordable_videos": [],
    "found_without_record": 0,
    "megabytes_per_second": 15.38,
    "cost_usd": 0.0311,
}
_WITHOUT_ORIGINAL: Final = {
    "media_id": "64d2b7f0a1b2c3d4e5f60002",
    "error": "SourceMissingError",
    "filename": "GX010460.MP4",
    "reason": "GoPro offers no camera original, only: 'high_res_proxy_mp4' (media item 64d2b7f0a1b2c3d4e5f60002). Open "
    "the item on gopro.com; if the original is there, a later run takes it: after a day, then two, four ...",
    "attempts": 1,
    "next_attempt_after": "2026-11-26T21:29:11Z",
}
_INCOMPLETE: Final = {
    "media_id": "64d2b7f0a1b2c3d4e5f60007",
    "error": "IncompleteSourceError",
    "filename": "GX010471.MP4",
    "reason": "GoPro lists more than it offers: archived are 8011513856 of 12017270784 bytes, chapters 2 of 3 (media "
    "item 64d2b7f0a1b2c3d4e5f60007). What is there is archived and kept; the rest is looked for again after a day, "
    "then two, four and so on. Open the item on gopro.com; if this is all that there is of it: gopro-sync accept.",
    "attempts": 3,
    "next_attempt_after": "2026-11-29T21:30:02Z",
}
_REOPENED: Final = {
    "media_id": "64d2b7f0a1b2c3d4e5f60011",
    "reason": "GoPro lists 4 chapters, and showed 3 before",
}
_REFUSED_BY_CDN: Final = [
    {
        "media_id": f"64d2b7f0a1b2c3d4e5f6{number:04d}",
        "error": "SourceUrlExpiredError",
        "filename": f"GX01{number:04d}.MP4",
        "reason": f"cdn.example.net refused a fresh URL with 403 (media item 64d2b7f0a1b2c3d4e5f6{number:04d}). It is "
        "retried automatically with a new URL.",
        "attempts": 1,
        "next_attempt_after": "2026-11-26T21:29:11Z",
    }
    for number in range(480, 483)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A kind of night.

    Attributes:
        title: that of its section.
        summary: in what it differs from a good night.
        reason: the authenticator's answer, where it was asked.
        backlog: the chain that the run belongs to, if any.
    """

    title: str
    summary: Mapping[str, Any]
    reason: Failure | None = None
    backlog: Backlog | None = None

    def notice(self) -> Notice:
        """Return the notice that people get."""
        summary = {**GOOD_NIGHT, **self.summary}
        notice = notice_of(
            summary,
            failure_of(summary, self.reason),
            environment="prod",
            tracker_table_name="gopro-sync-tracker",
            backlog=self.backlog,
        )
        if notice is None:
            raise ValueError(f"a night of this kind sends no mail: {self.title}")
        return notice


NIGHTS: Final = (
    Night(
        title="Some videos failed",
        summary={
            "status": "PARTIAL_FAILURE",
            "synced": 5,
            "failed": 2,
            "failures": {"SourceMissingError": 1, "IncompleteSourceError": 1},
            "failed_videos": [_WITHOUT_ORIGINAL, _INCOMPLETE],
            "reopened": 1,
            "reopened_videos": [_REOPENED],
        },
    ),
    Night(
        title="Every video failed",
        summary={
            "status": "PARTIAL_FAILURE",
            "already_synced": 408,
            "new_count": 3,
            "synced": 0,
            "failed": 3,
            "bytes_transferred": 0,
            "megabytes_per_second": 0,
            "failures": {"SourceUrlExpiredError": 3},
            "failed_videos": _REFUSED_BY_CDN,
        },
    ),
    Night(
        title="GoPro does not accept the password any more",
        summary={"status": "FAILED", "synced": 0, "deferred": 7, "stopped_by": "SessionRefusedError"},
        reason=Failure(
            error="AuthenticationError",
            message="GoPro refuses the password, since 2026-11-26T01:00:04Z. To mend it, run: ./gopro-sync credentials "
            "set --secret-id gopro/credentials --region eu-central-1. Then start the run again, or wait for the next "
            "one; what is archived stays archived.",
        ),
    ),
    Night(
        title="The backlog of a first sync stops for today",
        summary={"total_found": 9412, "already_synced": 4412, "new_count": 100, "synced": 100, "deferred": 4900},
        backlog=Backlog(continues=True, runs_of_day=48, most_runs_a_day=48),
    ),
    Night(
        title="A video has no record to go by",
        summary={
            "unrecordable": 1,
            "unrecordable_videos": [
                {
                    "media_id": "64d2b7f0a1b2c3d4e5f60009",
                    "reason": "The tracker's record has been changed by hand and cannot be read (retry_count is no "
                    "whole number of up to 18 digits)",
                }
            ],
        },
    ),
    Night(
        title="The table is lost",
        summary={"already_synced": 0, "found_without_record": 20},
    ),
    Night(
        title="GoPro counts more items than it shows",
        summary={
            "status": "PARTIAL_FAILURE",
            "total_found": 408,
            "already_synced": 400,
            "listing_gap": {"stated": 412, "shown": 410, "nameless": 1, "refused_from": None, "is_news": True},
        },
    ),
    Night(
        title="GoPro's ETags prove nothing of this library",
        summary={"source_etags_decided": True},
    ),
)


def notices_page() -> str:
    """Write the page, in Markdown."""
    return _HEAD + "".join(_section(night) for night in NIGHTS)


def _section(night: Night) -> str:
    notice = night.notice()
    return f"\n## {night.title}\n\n```\nSubject: {notice.subject}\n\n{notice.text}\n```\n"


def main() -> None:
    """Write the page to standard output."""
    sys.stdout.write(notices_page())


if __name__ == "__main__":
    main()
