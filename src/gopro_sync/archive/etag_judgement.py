"""The source's ETag as evidence: what it says about the bytes that were read, and what to do if they do not match it.

A mismatch alone proves nothing: the client that once uploaded a file chose the parts behind its ETag, and under
SSE-KMS, or where a CDN makes its own ETags, the ETag is no MD5 at all. So the source is read again. Different bytes the
second time mean damage; the same bytes are archived, with a proof that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gopro_sync.archive.integrity import Crc64Nvme, SourceEtagProof, join_crc64nvme
from gopro_sync.archive.origin import Origin
from gopro_sync.archive.part_plan import Part
from gopro_sync.archive.second_reading import read_in_time
from gopro_sync.archive.transfer_state import Means, Progress
from gopro_sync.archive.workers import OutOfTimeError
from gopro_sync.errors import IntegrityError


def judge_source_etag(
    means: Means,
    progress: Progress,
    origin: Origin,
    *,
    block_digests: Mapping[int, Sequence[bytes]],
    sent: Sequence[tuple[Part, Crc64Nvme]],
) -> None:
    """Compare what was read with the source's ETag, if that is wanted, and record the outcome.

    Args:
        means: those of this transfer.
        progress: receives the proof.
        origin: what the ETag claims.
        block_digests: by block size, the MD5s of all blocks; empty if not all are known.
        sent: the pieces of the file in order, each with the checksum of the bytes that were read and sent of it.

    Raises:
        IntegrityError: the source returns other bytes than the first time.
        OutOfTimeError: there was no time left to read any of them again.
        GoProSyncError: as ``Source.open`` does.
    """
    if not means.is_etag_checked:
        return
    progress.etag_proof = SourceEtagProof.UNDECIDABLE
    if origin.claim is None or not block_digests:
        return
    progress.etag_block_bytes = origin.claim.block_given_by(block_digests)
    if progress.etag_block_bytes is not None:
        progress.etag_proof = SourceEtagProof.MATCHED
        return
    whole = join_crc64nvme(checksum for _, checksum in sent)
    # Not again when a PutObject is retried: S3 may not have waited for the end of the second reading.
    if progress.reread_equal != whole:
        _compare_with_second_reading(means, origin, sent, whole=whole)
        progress.reread_equal = whole
    progress.etag_proof = SourceEtagProof.REREAD_EQUAL


def _compare_with_second_reading(
    means: Means, origin: Origin, sent: Sequence[tuple[Part, Crc64Nvme]], *, whole: Crc64Nvme
) -> None:
    expected = {part.number: checksum for part, checksum in sent}
    found = read_in_time(means, origin, _to_read_again(means, sent, whole))
    for number, checksum in found.items():
        if checksum != expected[number]:
            raise IntegrityError(
                "The bytes read do not match the source's ETag, and a second reading returned others",
                media_id=means.file.media_id,
            )
    if not found:
        raise OutOfTimeError


def _to_read_again(means: Means, sent: Sequence[tuple[Part, Crc64Nvme]], whole: Crc64Nvme) -> list[Part]:
    """Return one part, chosen by the bytes themselves: any part of any file may be chosen, and none can be predicted.

    Where the ETags of the library have proved right, a mismatch is rare and most likely damage: then return all parts,
    as far as time allows.
    """
    if means.known_etags.are_proven:
        return [part for part, _ in sent]
    return [sent[whole.value % len(sent)][0]]
