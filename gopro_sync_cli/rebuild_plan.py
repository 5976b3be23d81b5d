"""Plan which records to write from the objects in the bucket. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.object_key import assign_keys, key_without_lens
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.library.media import MediaItem, SkipReason, classify
from gopro_sync.run.completeness import shortfall, slack_bytes
from gopro_sync.table.rebuilding import Confirmation, RebuiltRecord
from gopro_sync.table.tracker import Lookup, Status, TrackerRecord
from gopro_sync.table.video import Video
from gopro_sync.values.file_id import FileId, files_of_recording
from gopro_sync_cli.bucket_inventory import FoundObject, Inventory

# These cannot be judged yet: GoPro is still processing them, or this version does not know the state.
_NOT_TO_BE_JUDGED = frozenset({SkipReason.NOT_READY, SkipReason.UNKNOWN_STATE})
_MOST_NAMED = 20


@dataclass(slots=True, kw_only=True)
class Plan:
    """What to write, and what not.

    Attributes:
        records: those to write.
        recorded: how many videos have a record that says as much as the objects.
        held: the videos that a run is working on.
        remarks: what a person should know, one line each.
    """

    records: list[RebuiltRecord] = field(default_factory=list)
    recorded: int = 0
    held: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def count(self, confirmation: Confirmation | None) -> int:
        """Return how many records are to be written for this reason."""
        return sum(record.confirmation is confirmation for record in self.records)


def is_of_another_library(inventory: Inventory, listing: LibraryListing) -> bool:
    """Return whether GoPro lists none of the videos in the bucket."""
    listed = _listed_ids(listing)
    return bool(inventory.found) and not any(found.media_id in listed for found in inventory.found)


def plan_records(inventory: Inventory, listing: LibraryListing, lookup: Lookup, *, now: datetime) -> Plan:
    """Judge each video by its objects, by GoPro's listing and by the record that it may have.

    Args:
        inventory: the bucket's objects.
        listing: GoPro's, read after them: what GoPro does not list then is not new.
        lookup: the records of the videos in the bucket, read after them, too.
        now: the time.
    """
    plan = Plan(remarks=[f"{key}: {why}; left unchanged" for key, why in sorted(inventory.odd.items())])
    objects: dict[str, list[FoundObject]] = defaultdict(list)
    for found in inventory.found:
        objects[found.media_id].append(found)
    judge = _Judge(listing, keys={found.file.s3_key for found in inventory.found})
    keys = _first_keys(listing, objects, lookup.records)
    for media_id, copies in sorted(objects.items()):
        record = lookup.records.get(media_id)
        if media_id in lookup.unreadable:
            plan.remarks.append(f"{media_id}: its record is left unchanged: {lookup.unreadable[media_id]}")
        elif record is not None and record.is_leased_to_another("", now):
            plan.held.append(media_id)
        else:
            plan.remarks += _lost(record, judge.keys)
            _plan_video(plan, judge, copies, record, keys.get(media_id))
    return plan


def _lost(record: TrackerRecord | None, keys: Collection[str]) -> list[str]:
    if record is None:
        return []
    lost = [file.s3_key for file in record.files if file.s3_key not in keys]
    return [f"{record.video.media_id}: its record names {key}, which is not in the bucket" for key in lost]


def _plan_video(
    plan: Plan, judge: _Judge, copies: Sequence[FoundObject], record: TrackerRecord | None, first_key: str | None
) -> None:
    if record is not None and record.status is Status.COMPLETED:
        plan.recorded += 1
        return
    media_id = copies[0].media_id
    files, unused = _chosen(copies, () if record is None else record.files)
    plan.remarks += [f"{media_id}: {key} is another copy of a chapter; left unchanged" for key in unused]
    confirmation = judge.confirmation(media_id, files)
    if confirmation is Confirmation.NOT_LISTED and record is not None:
        # What GoPro stated while it listed the video: nobody has accepted that the rest is lost.
        missing = shortfall(files, listed_bytes=record.video.size_bytes, chapter_count=len(files))
        if missing is not None:
            confirmation = None
            plan.remarks.append(f"{media_id}: GoPro no longer lists it; archived: {missing}; it stays {record.status}")
    if record is not None and confirmation is None and files == record.files:
        plan.recorded += 1
        return
    if confirmation is Confirmation.NOT_LISTED:
        plan.remarks += _gaps(media_id, files)
    video = _video(media_id, judge.items.get(media_id), first_key or files[0].s3_key)
    plan.records.append(RebuiltRecord(video=video, files=files, confirmation=confirmation, before=record))


def _gaps(media_id: str, files: Sequence[ArchivedFile]) -> list[str]:
    there = {file.file_id for file in files}
    remarks = []
    for lens in sorted({file.lens for file in files}, key=str):
        gaps = [
            number for number in range(1, files[-1].item_number) if FileId(item_number=number, lens=lens) not in there
        ]
        if gaps:
            numbers = ", ".join(map(str, gaps[:_MOST_NAMED])) + (" and more" if len(gaps) > _MOST_NAMED else "")
            of_lens = "" if lens is None else f" of the lens {lens}"
            remarks.append(f"{media_id}: neither in the bucket nor still listed by GoPro: chapter {numbers}{of_lens}")
    return remarks


class _Judge:
    """Judge whether a video's files are all of it."""

    def __init__(self, listing: LibraryListing, *, keys: set[str]) -> None:
        self.items = {item.media_id: item for item in listing.items}
        self.keys = keys
        self._listed = _listed_ids(listing)
        # A row without an id, or one that GoPro does not show, may be of any video.
        self._is_whole = listing.gap is None and all(row.media_id is not None for row in listing.malformed)

    def confirmation(self, media_id: str, files: Sequence[ArchivedFile]) -> Confirmation | None:
        if any(file.s3_key not in self.keys for file in files):
            return None
        if media_id not in self._listed:
            return Confirmation.NOT_LISTED if self._is_whole else None
        item = self.items.get(media_id)
        if item is None or classify(item) in _NOT_TO_BE_JUDGED or not item.size_bytes:
            return None
        known = {file.file_id for file in files}
        if len({one.lens for one in known}) == 1 and files[0].lens is not None:
            return None  # the other lens may be at GoPro, and what the listing states be of one only
        chapters = files_of_recording(known, item.chapter_count)
        if shortfall(files, listed_bytes=item.size_bytes, chapter_count=chapters) is not None:
            return None
        # More than GoPro states is not a shortfall, but its listing does not confirm it either.
        excess = sum(file.size_bytes for file in files) - item.size_bytes
        return Confirmation.LISTING if excess <= slack_bytes(item.size_bytes) else None


def _listed_ids(listing: LibraryListing) -> set[str | None]:
    return {item.media_id for item in listing.items} | {row.media_id for row in listing.malformed}


def _chosen(
    copies: Iterable[FoundObject], recorded: Sequence[ArchivedFile]
) -> tuple[tuple[ArchivedFile, ...], list[str]]:
    """Return one file for each chapter of each lens, and the keys of the objects that are not needed then.

    What the record names stays; of several copies the largest is taken, and of these the latest: it was made because
    the earlier one was not, or no longer, the file that GoPro offered.
    """
    chosen = {file.file_id: file for file in recorded}
    recorded_keys = {file.s3_key for file in recorded}
    others = (copy for copy in copies if copy.file.s3_key not in recorded_keys)
    for copy in sorted(others, key=lambda copy: (copy.file.size_bytes, copy.stored_at, copy.file.s3_key), reverse=True):
        chosen.setdefault(copy.file.file_id, copy.file)
    used = {file.s3_key for file in chosen.values()}
    unused = sorted(copy.file.s3_key for copy in copies if copy.file.s3_key not in used)
    return tuple(sorted(chosen.values(), key=attrgetter("file_id.place"))), unused


def _first_keys(
    listing: LibraryListing, objects: Mapping[str, Sequence[FoundObject]], records: Mapping[str, TrackerRecord]
) -> dict[str, str]:
    """Return the key of chapter 1 of each video, where it lies or is to lie."""
    fixed = {media_id: record.video.s3_key for media_id, record in records.items() if record.video.s3_key}
    for media_id, copies in objects.items():
        files, _ = _chosen(copies, ())
        if files[0].item_number == 1:
            fixed.setdefault(media_id, key_without_lens(files[0].s3_key, files[0].lens))
    taken = (copy.file.s3_key for media_id in fixed.keys() & objects.keys() for copy in objects[media_id])
    return assign_keys((item for item in listing.items if classify(item) is None), fixed, taken=taken)


def _video(media_id: str, item: MediaItem | None, first_key: str) -> Video:
    if item is None:
        return Video(media_id=media_id, filename=first_key.rsplit("/", 1)[-1], s3_key=first_key)
    return Video(
        media_id=media_id,
        filename=item.filename or first_key.rsplit("/", 1)[-1],
        s3_key=first_key,
        uploaded_at=item.uploaded_at,
        is_upload_stated=item.is_upload_stated,
        captured_at=item.captured_at,
        size_bytes=item.size_bytes,
        duration_seconds=item.duration_seconds,
        item_count=item.chapter_count,
    )
