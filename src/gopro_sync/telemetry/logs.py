"""Structured logs: one logger for everything, and the closed list of event types.

How a line looks is the program's affair that this package runs in: the functions write each as one JSON object
(``json_lines.py``), and the operator's command line, which has other words for people, none at all.
"""

from __future__ import annotations

import logging
from enum import StrEnum, unique
from typing import Final

LOGGER_NAME: Final = "gopro-sync"


@unique
class EventType(StrEnum):
    """What a log line is about; dashboards and saved queries filter on these values."""

    TIME_IS_UP = "time_is_up"
    SESSION_READY = "session_ready"
    SESSION_FAILED = "session_failed"
    SECRET_ROTATION_STEP = "secret_rotation_step"  # noqa: S105  # nosec B105 - the name of an event
    LIBRARY_LISTED = "library_listed"
    LIBRARY_LISTING_FAILED = "library_listing_failed"
    API_DRIFT = "api_drift"
    MEDIA_ITEM_SKIPPED = "media_item_skipped"
    VIDEO_NOT_RECORDED = "video_not_recorded"
    VIDEO_REOPENED = "video_reopened"
    VIDEO_GONE = "video_gone"
    ABSENT_VIDEOS_LEFT = "absent_videos_left"
    RECORDS_MISSING = "records_missing"
    RUN_LIMIT_REACHED = "run_limit_reached"
    GOPRO_PAUSED = "gopro_paused"
    GOPRO_PROBED = "gopro_probed"
    GOPRO_RESUMED = "gopro_resumed"
    RUN_REPORTED = "run_reported"
    REPORT_INCOMPLETE = "report_incomplete"
    VIDEO_DOWNLOAD_WAITING = "video_download_waiting"
    VIDEO_DOWNLOAD_START = "video_download_start"
    VIDEO_DOWNLOAD_PAUSED = "video_download_paused"
    VIDEO_DOWNLOAD_DEFERRED = "video_download_deferred"
    VIDEO_DOWNLOAD_COMPLETE = "video_download_complete"
    VIDEO_DOWNLOAD_FAILED = "video_download_failed"
    VIDEO_ALREADY_ARCHIVED = "video_already_archived"
    SOURCE_ETAGS_DECIDED = "source_etags_decided"
    RETRY = "retry"


logger: Final = logging.getLogger(LOGGER_NAME)
