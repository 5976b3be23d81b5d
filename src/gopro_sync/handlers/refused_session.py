"""What a downloader does when GoPro refuses its session: look for a newer one, or wait while another has it renewed."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

from gopro_sync import composition
from gopro_sync.errors import SessionRefusedError
from gopro_sync.gopro.session.credentials import Credentials
from gopro_sync.gopro.session.session import Session
from gopro_sync.run.video import RUN_IS_OVER, VideoResult
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.values.timestamps import now_utc

# A renewal takes seconds. Those that wait return one after the other.
_WAIT_SECONDS: Final = (5, 20)
# With less, the video would return when the run is over.
_SHORTEST_WAIT: Final = timedelta(seconds=75)


def wait_for_renewal(
    refused: SessionRefusedError, used: Session | None, *, owner: str, deadline: datetime | None, in_vain: bool
) -> VideoResult:
    """Return that the video waits, since the session has been renewed meanwhile or another video is having it renewed.

    A video for which the run has no time left is deferred.

    Args:
        refused: the refusal, by GoPro or by the stored session's expiry.
        used: the session that was refused; None if there was none to use.
        owner: the video of the run.
        deadline: when the run has to be over.
        in_vain: whether this video has had a session renewed already.

    Raises:
        SessionRefusedError: this video holds the claim; the state machine has the session renewed.
        AuthenticationError: GoPro grants no session, as another video has found out.
        GoProSyncError: what the secret and the table raise.
    """
    if deadline is not None and deadline - now_utc() < _SHORTEST_WAIT:
        return _logged(VideoResult(event=EventType.VIDEO_DOWNLOAD_DEFERRED, reason=RUN_IS_OVER))
    stored = composition.credential_store().load()
    if _is_new(stored.credentials, used):
        return _waiting("the session has been renewed meanwhile", 1)
    if composition.renewal_claim(owner).take(stored.version_id, in_vain=in_vain):
        raise refused
    return _waiting("another video has the session renewed", random.randint(*_WAIT_SECONDS))  # noqa: S311  # nosec B311 - no secret


def _is_new(stored: Credentials, used: Session | None) -> bool:
    if used is not None and stored.auth_token == used.auth_token:
        return False
    try:
        stored.living_session(now_utc())
    except SessionRefusedError:
        return False
    return True


def _waiting(reason: str, seconds: int) -> VideoResult:
    return _logged(VideoResult(event=EventType.VIDEO_DOWNLOAD_WAITING, reason=reason, wait_seconds=seconds))


def _logged(result: VideoResult) -> VideoResult:
    logger.info(result.event.replace("_", " "), extra={"event_type": result.event, "reason": result.reason})
    return result
