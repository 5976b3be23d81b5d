"""Probe and plan: what the file is at its source, and how it is cut into parts."""

from __future__ import annotations

from dataclasses import dataclass

from gopro_sync.archive.integrity import EtagClaim, read_etag_claim
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.archive.part_plan import PartLimits, PartPlan, is_possible, plan_aligned_parts, plan_parts
from gopro_sync.archive.source import SourceFile
from gopro_sync.archive.transfer_state import Means, TransferRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The file as this attempt found it at its source.

    Args:
        file: its size and ETag.
        claim: what the ETag says about the bytes; None if it is not to be compared, or claims nothing that can be.
    """

    file: SourceFile
    claim: EtagClaim | None

    def is_vouched_for(self, source_etag: str | None) -> bool:
        """Return whether the source's ETag vouches that a file which had ``source_etag`` has the same bytes now.

        A weak one does not: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1.
        """
        return self.is_named(source_etag) and not _is_weak(self.file.etag)

    def is_named(self, source_etag: str | None) -> bool:
        """Return whether the source has an ETag, and still the same one."""
        return self.file.etag is not None and self.file.etag == source_etag


def find_origin(means: Means) -> Origin:
    """Ask the source what the file is; raise what ``Source.probe`` does."""
    file = means.retries.call("look at the file at GoPro", means.source.probe)
    return Origin(file=file, claim=_claim_of(file, means))


def plan_new_upload(origin: Origin, rules: TransferRules) -> PartPlan:
    """Cut the file: as configured, or where the source's own parts end, or so that all workers stay busy to the end."""
    size_bytes, claim = origin.file.size_bytes, origin.claim
    if rules.part_size_bytes is not None:
        return PartPlan(size_bytes=size_bytes, part_size_bytes=rules.part_size_bytes, limits=rules.limits)
    plan = plan_parts(size_bytes, workers=rules.workers, limits=rules.limits)
    if claim is None or claim.block_sizes[0] >= size_bytes:
        return plan
    block_bytes = claim.block_sizes[0]
    aligned = plan_aligned_parts(size_bytes, source_part_bytes=block_bytes, workers=rules.workers, limits=rules.limits)
    return aligned or plan


def plan_of(upload: OpenUpload, limits: PartLimits) -> PartPlan:
    """Return the parts of an open upload."""
    return PartPlan(size_bytes=upload.size_bytes, part_size_bytes=upload.part_size_bytes, limits=limits)


def can_resume(upload: OpenUpload, origin: Origin, limits: PartLimits) -> bool:
    """Return whether the upload can be of this file, in parts that S3 accepts: its record may have been changed.

    Without an ETag nothing could show whether a file of the same size is the same.
    """
    may_be_of_source = origin.file.etag is not None and upload.size_bytes == origin.file.size_bytes
    return may_be_of_source and is_possible(upload.size_bytes, upload.part_size_bytes, limits=limits)


def _claim_of(file: SourceFile, means: Means) -> EtagClaim | None:
    if not means.is_etag_checked:
        return None
    return read_etag_claim(file.etag, file.size_bytes, seen=means.known_etags.block_sizes, limits=means.rules.limits)


def _is_weak(etag: str | None) -> bool:
    return (etag or "").startswith("W/")
