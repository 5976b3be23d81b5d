"""What a video's transfer learns about the library's ETags, and what earlier ones have learned."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from gopro_sync.archive.engine import Archived, KnownEtags
from gopro_sync.archive.integrity import SourceEtagProof
from gopro_sync.errors import RequestRefusedError, TrackerError
from gopro_sync.gopro.library.drift import etag_mismatch
from gopro_sync.run.drift_report import report_drift
from gopro_sync.table.source_etags import EtagEvidence, SourceEtagRecord
from gopro_sync.telemetry.logs import EventType, logger

_NOTHING: Final = EtagEvidence()
# The second one for a record that was changed by hand, so that nothing can be added to it.
_FAILURES: Final = (TrackerError, RequestRefusedError)


class LibraryEtags:
    """The record as one invocation uses it: read once, and written once for each file that adds evidence.

    It is evidence, and no video depends on it: where the table fails for it, the video continues without.

    Args:
        record: the record in the table.
        run: the run that archives the videos.
        environment: that of the stack.
    """

    def __init__(self, record: SourceEtagRecord, *, run: str, environment: str) -> None:
        self._record = record
        self._run = run
        self._environment = environment
        self._evidence: EtagEvidence | None = None

    def known(self) -> KnownEtags:
        """Return what a transfer needs to know."""
        if self._evidence is None:
            self._evidence = _NOTHING
            with suppress(*_FAILURES):
                self._evidence = self._record.known()
        return KnownEtags(
            block_sizes=tuple(sorted(self._evidence.block_sizes)),
            are_no_md5s=self._evidence.are_no_md5s,
            are_proven=self._evidence.are_proven,
        )

    def note(self, media_id: str, archived: Archived) -> None:
        """Record the outcome of the comparison with one file's ETag."""
        with suppress(*_FAILURES):
            match archived.file.etag_proof:
                case SourceEtagProof.MATCHED:
                    self._evidence = self._record.note_match(self._new_block_bytes(archived))
                case SourceEtagProof.REREAD_EQUAL:
                    self._note_mismatch(media_id, archived)

    def _new_block_bytes(self, archived: Archived) -> int | None:
        block_bytes = archived.etag_block_bytes
        if block_bytes is None or block_bytes == archived.file.size_bytes:
            return None  # one part, of whatever size the file has
        is_new = (self._evidence or _NOTHING).has_room_for(block_bytes)
        return block_bytes if is_new else None

    def _note_mismatch(self, media_id: str, archived: Archived) -> None:
        if self.known().are_proven:
            report_drift([etag_mismatch()], environment=self._environment)
        was_decided = self.known().are_no_md5s
        file = archived.file
        name = "/".join([media_id, str(file.item_number), *([file.lens] if file.lens else [])])
        self._evidence = self._record.note_mismatch(name, run=self._run)
        if self._evidence.decided_by == self._run and not was_decided:
            logger.warning(
                "GoPro's ETags are no MD5s of this library's files: from now on no video is compared with its ETag",
                extra={"event_type": EventType.SOURCE_ETAGS_DECIDED, "count": len(self._evidence.mismatched_files)},
            )
