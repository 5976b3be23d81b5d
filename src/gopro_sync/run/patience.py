"""How long one video waits when a server asks for it, and when it has waited enough.

A server that asks for fewer requests may mean everybody, or this one file for good. The shared gate knows about
everybody. With a single file there is patience, and no attempt is counted; but a file that is requested again after
each wait and never makes progress has been refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.archive.retries import LONGEST_RETRY_AFTER_SECONDS
from gopro_sync.errors import GoProUnavailableError, ItemRefusedError, NetworkError, RetryableError, ThrottledError
from gopro_sync.table.request_budget import SharedGate
from gopro_sync.table.tracker import HeldUp, TrackerRecord

# The fourth time in a row: after a quarter of an hour, or in another night where longer waits are requested.
_MOST_TIMES: Final = 4
_FIRST_WAIT_SECONDS: Final = 60
_LONGEST_WAIT_SECONDS: Final = 600
_GROWTH: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The decision that a video is requested again, but not before a time.

    Attributes:
        reason: why it waits; GoProUnavailableError if all videos do.
        seconds: for how long.
        held_up: what to record; None if the wait is not this video's alone.
    """

    reason: RetryableError
    seconds: float
    held_up: HeldUp | None = None


class Patience:
    """The patience of one invocation with its video.

    Args:
        gate: knows what the other workers meet.
        is_answering: whether GoPro answers a question that has nothing to do with any video.
        record: the video's, as it was when it was claimed.
    """

    def __init__(
        self,
        *,
        gate: SharedGate,
        is_answering: Callable[[], bool],
        record: TrackerRecord,
    ) -> None:
        self._gate = gate
        self._is_answering = is_answering
        self._media_id = record.video.media_id
        self._before = record.held_up
        self._is_over = False
        self.note_progress(record.files, record.upload)

    @property
    def spent(self) -> HeldUp | None:
        """What to record once patience is spent, so that the next attempt need not be patient; otherwise None."""
        return HeldUp(times=_MOST_TIMES, at=self._reached) if self._is_over else None

    def note_progress(self, files: Sequence[ArchivedFile], upload: OpenUpload | None) -> None:
        """Note how far the video has got: when it makes progress, patience starts over.

        Args:
            files: those in S3.
            upload: the one that is under way, if any.
        """
        self._reached = f"{len(files)} files and {0 if upload is None else len(upload.proved)} parts"

    def refusal_in(self, error: RetryableError) -> ItemRefusedError | None:
        """Return the error if this video alone has been waited for long enough; None if not."""
        if not isinstance(error, NetworkError | ThrottledError) or not is_waited_for(error):
            return None
        is_enough = self._is_over or self._before.again(self._reached).times >= _MOST_TIMES
        if not is_enough or self._is_trouble_of_all(error) or not self._is_answering():
            return None
        self._is_over = True
        message = f"{error.message}, again after each wait, and GoPro answers other questions"
        return ItemRefusedError(message, media_id=self._media_id)

    def wait_after(self, error: RetryableError) -> Wait | None:
        """Return how long to wait for what may pass, and notify the other workers if it is everybody's trouble.

        Args:
            error: why the video could not be fetched.

        Returns:
            None if the state machine's own waits suffice.
        """
        if isinstance(error, GoProUnavailableError):
            return Wait(reason=error, seconds=error.retry_after_seconds or 0)
        is_of_all = self._is_trouble_of_all(error)
        if not is_waited_for(error):
            return None
        asked = error.retry_after_seconds or 0
        if is_of_all:
            of_all = GoProUnavailableError(error.message, media_id=error.media_id)
            return Wait(reason=of_all, seconds=max(asked, _FIRST_WAIT_SECONDS))
        if not isinstance(error, NetworkError | ThrottledError):
            return Wait(reason=error, seconds=asked)  # S3 or DynamoDB: not one video's
        held_up = self._before.again(self._reached)
        usual = min(_FIRST_WAIT_SECONDS * _GROWTH ** (held_up.times - 1), _LONGEST_WAIT_SECONDS)
        return Wait(reason=error, seconds=asked if asks_for_a_long_wait(error) else usual, held_up=held_up)

    def _is_trouble_of_all(self, error: RetryableError) -> bool:
        return self._gate.after_failure(error, self._media_id, is_answering=self._is_answering)


def is_waited_for(error: RetryableError) -> bool:
    """Return whether a server asks for patience, so that the video waits outside: the functions' time costs money."""
    return isinstance(error, ThrottledError) or asks_for_a_long_wait(error)


def asks_for_a_long_wait(error: RetryableError) -> bool:
    """Return whether the state machine's own waits would be too short."""
    return (error.retry_after_seconds or 0) > LONGEST_RETRY_AFTER_SECONDS
