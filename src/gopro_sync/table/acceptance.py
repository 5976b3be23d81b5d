"""What a person accepts: an incomplete video becomes COMPLETED with what there is of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from gopro_sync.errors import (
    IncompleteSourceError,
    ItemRefusedError,
    MediaGoneError,
    SourceLostError,
    SourceMissingError,
    TrackerError,
)
from gopro_sync.table.record_update import update_record
from gopro_sync.table.tracker import Status, TrackerRecord
from gopro_sync.table.transfer_items import item_of_file
from gopro_sync.values.timestamps import iso_utc

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Errors whose missing part GoPro does not have. Other errors can be mended here, or are about damaged bytes.
_ACCEPTABLE: Final = frozenset(
    {
        IncompleteSourceError.__name__,
        ItemRefusedError.__name__,
        MediaGoneError.__name__,
        SourceLostError.__name__,
        SourceMissingError.__name__,
    }
)
_WHAT_CAN_BE: Final = "only a video that failed because of what GoPro lacks or withholds can be accepted"


def objection_to_accepting(record: TrackerRecord | None) -> str | None:
    """Return why a video cannot be accepted as it is; None if it can.

    Args:
        record: the video as the tracker has it; None if it has no record.
    """
    if record is None:
        return "The tracker has no record of it"
    if record.status is not Status.FAILED:
        return f"It is {record.status}: {_WHAT_CAN_BE}"
    if record.error_type not in _ACCEPTABLE:
        return f"It failed with {record.error_type}: {_WHAT_CAN_BE}"
    return None if record.files else "Nothing of it is archived"


def accept_incomplete(
    client: DynamoDBClient, table_name: str, record: TrackerRecord, *, accepted_by: str, now: datetime
) -> None:
    """Record as COMPLETED, for good, what is archived of a video that GoPro does not have in full.

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
        record: the video as the person has seen it; there must be no objection to accepting it.
        accepted_by: who declares that this is all of it.
        now: the time.

    Raises:
        AccessDeniedError: the caller may not do it.
        ConfigurationError: there is no such table.
        TrackerError: the record has changed meanwhile, or DynamoDB failed.
    """
    media_id = record.video.media_id
    files = [item_of_file(file) for file in record.files]
    accepted = {
        "by": accepted_by,
        "at": iso_utc(now),
        "archived_bytes": sum(file.size_bytes for file in record.files),
        "instead_of": record.error_type,
    }
    outcome = update_record(
        client,
        table_name,
        media_id,
        "SET #status = :completed, accepted = :accepted, sync_timestamp = :now "
        "REMOVE lease_owner, lease_expires_at, #upload, error_type, error_message, next_attempt_after, #ttl",
        {
            ":failed": Status.FAILED,
            ":completed": Status.COMPLETED,
            ":error_type": record.error_type,
            ":files": files,
            ":accepted": accepted,
            ":now": iso_utc(now),
        },
        condition="#status = :failed AND error_type = :error_type AND files = :files",
        names={"#status": "status", "#upload": "upload", "#ttl": "ttl"},
        media_id=media_id,
    )
    if not outcome.is_done:
        raise TrackerError("A run has changed the record meanwhile", media_id=media_id)
