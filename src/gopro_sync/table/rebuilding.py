"""Records rebuilt from what lies in the bucket: never over one that somebody else has written meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Any

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.table.listed import fields_of
from gopro_sync.table.record_update import UpdateOutcome, update_record
from gopro_sync.table.tracker import Status, TrackerRecord
from gopro_sync.table.transfer_items import item_of_file
from gopro_sync.table.video import Video
from gopro_sync.values.timestamps import epoch_seconds, iso_utc

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@unique
class Confirmation(StrEnum):
    """Why a video counts as archived although no run has recorded it."""

    LISTING = "gopro_listing"  # the objects are everything that GoPro lists of it
    NOT_LISTED = "not_listed_any_more"  # GoPro has nothing of it to compare with


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuiltRecord:
    """A record derived from the bucket's objects.

    Attributes:
        video: what is known about the video; its key is that of chapter 1.
        files: its chapters that are in S3, the first one first; at least one.
        confirmation: why it counts as archived; None if the next run has to find out.
        before: the existing record, as it was read; None if there is none.
    """

    video: Video
    files: tuple[ArchivedFile, ...]
    confirmation: Confirmation | None
    before: TrackerRecord | None


def write_rebuilt(
    client: DynamoDBClient, table_name: str, rebuilt: RebuiltRecord, *, written_by: str, now: datetime
) -> bool:
    """Write the record, unless the existing one has changed since it was read; return whether it was written.

    An existing record keeps what it knows of its failures; it becomes COMPLETED, or only gets the files.

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
        rebuilt: the record.
        written_by: who does it, for the record.
        now: the time.

    Raises:
        AccessDeniedError: the caller may not do it.
        ConfigurationError: there is no such table.
        TrackerError: DynamoDB failed.
    """
    fields: dict[str, Any] = {
        "files": [item_of_file(file) for file in rebuilt.files],
        "rebuilt": {"by": written_by, "at": iso_utc(now), "archived_by": rebuilt.confirmation or "not_known_yet"},
    }
    if rebuilt.confirmation is not None:
        fields |= {
            "status": Status.COMPLETED,
            "s3_key": rebuilt.files[0].s3_key,
            "file_size": sum(file.size_bytes for file in rebuilt.files),
            "sync_timestamp": iso_utc(now),
        }
    if rebuilt.confirmation is Confirmation.LISTING:
        fields |= fields_of(rebuilt.video.listed)
    if rebuilt.before is None:
        return _write_new(client, table_name, rebuilt.video, fields, now).is_done
    return _mend(client, table_name, rebuilt.before, fields, now, rebuilt_key=rebuilt.video.s3_key).is_done


def _write_new(
    client: DynamoDBClient, table_name: str, video: Video, fields: dict[str, Any], now: datetime
) -> UpdateOutcome:
    known = {
        "status": Status.PENDING,
        "filename": video.filename,
        "s3_key": video.s3_key,
        "upload_date": None if video.uploaded_at is None else iso_utc(video.uploaded_at),
        "file_size": video.size_bytes,
        "duration_seconds": None if video.duration_seconds is None else round(video.duration_seconds),
        "retry_count": 0,
        "first_seen_at": iso_utc(now),
        **fields,
    }
    written = {name: value for name, value in known.items() if value is not None}
    return update_record(
        client,
        table_name,
        video.media_id,
        _setting(written),
        {f":{name}": value for name, value in written.items()},
        condition="attribute_not_exists(media_id)",
        names={f"#{name}": name for name in written},
        media_id=video.media_id,
    )


def _mend(
    client: DynamoDBClient,
    table_name: str,
    before: TrackerRecord,
    fields: dict[str, Any],
    now: datetime,
    *,
    rebuilt_key: str,
) -> UpdateOutcome:
    if before.waiting_reason is not None:
        fields = {"s3_key": rebuilt_key, **fields}  # it has none yet
    expression, names = _setting(fields), {f"#{name}": name for name in {*fields, "status", "files"}}
    # An item with files does not wait for its first.
    expression += " REMOVE waiting_reason"
    if "status" in fields:
        expression += ", lease_owner, lease_expires_at, #upload, error_type, error_message, next_attempt_after, #ttl"
        names |= {"#upload": "upload", "#ttl": "ttl"}
    # A run that claims the video changes its status or its lease, and what it archives meanwhile changes the files.
    had_files = "#files = :files_before" if before.files else "(attribute_not_exists(#files) OR #files = :files_before)"
    return update_record(
        client,
        table_name,
        before.video.media_id,
        expression,
        {
            **{f":{name}": value for name, value in fields.items()},
            ":status_before": before.status,
            ":files_before": [item_of_file(file) for file in before.files],
            ":now_seconds": epoch_seconds(now),
        },
        condition=f"#status = :status_before AND {had_files} "
        "AND (attribute_not_exists(lease_owner) OR lease_expires_at < :now_seconds)",
        names=names,
        media_id=before.video.media_id,
    )


def _setting(fields: dict[str, Any]) -> str:
    return "SET " + ", ".join(f"#{name} = :{name}" for name in fields)
