"""Count what is done of a run's videos, in counts and bytes that only grow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_OPEN = frozenset({"PENDING", "IN_PROGRESS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoReading:
    """One video at one moment.

    Attributes:
        media_id: which.
        status: in the tracker.
        execution_id: the run that touched it last; None before the first.
        size_bytes: by GoPro's listing, or what is in S3 once it is archived; 0 while unknown.
        held_bytes: what S3 has of it: finished files, and the parts of its open upload.
    """

    media_id: str
    status: str
    execution_id: str | None
    size_bytes: int
    held_bytes: int


@dataclass(slots=True)
class _Video:
    size_bytes: int = 0
    moved_bytes: int = 0
    is_completed: bool = False
    is_failed: bool = False

    def see(self, reading: VideoReading) -> None:
        self.is_completed = self.is_completed or reading.status == "COMPLETED"
        self.is_failed = reading.status == "FAILED" and not self.is_completed
        size = reading.size_bytes
        held = size if reading.status == "COMPLETED" else reading.held_bytes
        # A damaged object and the upload that replaces it are both held, and are one file.
        self.moved_bytes = max(self.moved_bytes, min(held, size) if size else held)
        self.size_bytes = max(size, self.moved_bytes)


class RunTally:
    """Counts the videos of a run, reading after reading.

    An upload vanishes when it is completed, before the record says so; it also vanishes when it is abandoned and
    started again, and a record can be deleted. So each video counts with the most that was ever seen of it.
    """

    def __init__(self) -> None:
        self._ours: dict[str, _Video] = {}

    def see(self, readings: Iterable[VideoReading], *, execution_ids: frozenset[str]) -> None:
        """Note the videos as they are now.

        Args:
            readings: all videos of the table. What is open now belongs to the run, and so does what it has touched.
            execution_ids: the run, and those that resumed its backlog.
        """
        for reading in readings:
            video = self._ours.get(reading.media_id)
            if video is None and (reading.status in _OPEN or reading.execution_id in execution_ids):
                video = self._ours[reading.media_id] = _Video()
            if video is not None:
                video.see(reading)

    @property
    def total(self) -> int:
        """How many videos of the run are known; it grows where more are found."""
        return len(self._ours)

    @property
    def completed(self) -> int:
        """How many of them were archived, even if GoPro has since shown more of one."""
        return sum(video.is_completed for video in self._ours.values())

    @property
    def failed(self) -> int:
        """How many of them have failed at this moment: a redrive retries them."""
        return sum(video.is_failed for video in self._ours.values())

    @property
    def moved_bytes(self) -> int:
        """What S3 has of them; it never falls."""
        return sum(video.moved_bytes for video in self._ours.values())

    @property
    def total_bytes(self) -> int:
        """How large they are; never less than what was moved."""
        return sum(video.size_bytes for video in self._ours.values())
