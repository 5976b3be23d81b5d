"""The tracker: one DynamoDB item per video, and the status changes that are allowed.

``status`` moves only by conditional write: PENDING -> IN_PROGRESS -> COMPLETED | FAILED, FAILED -> IN_PROGRESS.
A person may make COMPLETED of FAILED (``acceptance.py``), or of what lies in the bucket (``rebuilding.py``). COMPLETED
is left only where GoPro shows more of a video than is archived, or another upload of it: the lister makes it PENDING
again (`Tracker.reopen`), and its files stay recorded. FAILED is written by the state machine
(``statemachine/sync.asl.json``, MarkVideoFailed), since only it knows that the retries are used up; for a video that is
gone at GoPro, and so was not tried, it is written by the lister (``unarchived.py``). Where the run failed and not the
video, the video returns to what it was before the run claimed it, PENDING or FAILED. Two runs cannot work on one
video: whoever claims it holds a lease, by conditional write, until it ends or expires.

``sync_timestamp`` is the time of the last status change, and the sort key of the index by status. A video that no run
has worked on yet has none, and so is not in the index: there, all PENDING records would share one key, which takes
1,000 writes a second, and the writes to the table are refused with it
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html). ``first_seen_at`` is
the time at which the item was created, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from random import random
from typing import TYPE_CHECKING, Any, Final, cast

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.aws.answers import ExpectedRefusal, ExpectedRefusalError, Service, answer_of
from gopro_sync.errors import MediaGoneError, TrackerError
from gopro_sync.table.batches import Answer, Outcome, Patience, halves, in_batches
from gopro_sync.table.fields import moment_field, text_field, whole_number_field
from gopro_sync.table.listed import Listed, fields_of, listed_in
from gopro_sync.table.record_update import update_record
from gopro_sync.table.transfer_items import file_in, item_of_file, item_of_upload, upload_in
from gopro_sync.table.values import from_attribute_values, to_attribute_values
from gopro_sync.table.video import Video
from gopro_sync.table.video_counts import NOT_COUNTED_BY_DYNAMODB, VideoCounter, VideoCounts
from gopro_sync.values.outside_values import seconds_or_none, text_or_none, whole_number_or_none, zoned_moment_or_none
from gopro_sync.values.timestamps import epoch_seconds, iso_utc

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchGetItemOutputTypeDef, ScanOutputTypeDef

# Why a write of a transaction was refused, in the model's own words; those of no reason and of a passing one.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_HAS_RECORD: Final = "ConditionalCheckFailed"
_NO_REASON: Final = "None"
_PASSING_REASONS: Final = frozenset({"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"})
_LONGEST_REASON: Final = 200
_IF_NEW: Final[Mapping[str, Any]] = {"ConditionExpression": "attribute_not_exists(media_id)"}
_IF_NEW_OR_WAITING: Final[Mapping[str, Any]] = {
    # What names a file or an upload is never written anew, whoever left the mark of a waiting item on it.
    "ConditionExpression": "attribute_not_exists(media_id) OR (attribute_exists(waiting_reason)"
    " AND #status = :pending AND attribute_not_exists(files) AND attribute_not_exists(#upload))",
    "ExpressionAttributeNames": {"#status": "status", "#upload": "upload"},
    "ExpressionAttributeValues": {":pending": {"S": "PENDING"}},
}
_PATIENCE: Final = timedelta(minutes=1)
NOTHING_LISTED: Final = Listed()


@unique
class Status(StrEnum):
    """Where a video stands."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


_FIELDS_OF_COUNTING: Final = "media_id, #status, waiting_reason, reopened_at, first_seen_at, sync_timestamp, error_type"
_UNARCHIVED: Final = frozenset({Status.PENDING, Status.IN_PROGRESS, Status.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopening:
    """How a video became PENDING again after it had been archived.

    Attributes:
        at: when.
        by: the run that did it.
        reason: what more GoPro shows of it, in words.
        shown: the most that GoPro's listing has stated at any re-opening.
        times: how often it has been re-opened, including this time.
    """

    at: datetime
    by: str
    reason: str
    shown: Listed
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldUp:
    """How often in a row GoPro or its CDN asked for patience with this video alone, at the same point of its copy.

    Attributes:
        times: how often.
        at: the point, as the transfer spells it.
    """

    times: int = 0
    at: str = ""

    def again(self, at: str) -> HeldUp:
        """Count one more time at this point; progress beyond it starts a new count."""
        return HeldUp(times=self.times + 1 if at == self.at else 1, at=at)


NEVER_HELD_UP: Final = HeldUp()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerRecord:
    """A video as the tracker has it, and how far it has got.

    Attributes:
        video: as it was recorded; what the record lacks, or what somebody made unreadable, is empty or None.
        status: where it stands.
        lease_owner: the run that is working on it, if any.
        lease_expires_at: until when, in seconds since 1970.
        files: the chapters that are in S3.
        upload: the multipart upload that is under way, if any.
        error_type: the error of the last attempt; None if it has not failed since it was new or archived.
        next_attempt_after: when a failed video is due again.
        execution_id: the run that last worked on it; None if none has.
        last_write: the mark of the last write to it; None if nothing was changed since it was created.
        error_message: the error of the last attempt, in words.
        failed_at: when it last failed; None if it has not, or only under an earlier version.
        listed: what GoPro's listing stated when the last attempt began; unknown in records of earlier versions.
        is_accepted: whether an operator has declared that there is no more of it than is archived.
        reopening: when and why it was last made PENDING again after it had been archived; None if it never was.
        waiting_reason: why the video, PENDING, cannot be archived yet; None for all others.
        first_seen_at: when it was recorded; None in records of earlier versions.
        held_up: how often it was asked to wait, in all runs.
    """

    video: Video
    status: Status
    lease_owner: str | None
    lease_expires_at: int | None
    files: tuple[ArchivedFile, ...]
    upload: OpenUpload | None
    error_type: str | None
    next_attempt_after: datetime | None
    execution_id: str | None = None
    error_message: str | None = None
    last_write: str | None = None
    failed_at: datetime | None = None
    listed: Listed = NOTHING_LISTED
    is_accepted: bool = False
    reopening: Reopening | None = None
    waiting_reason: str | None = None
    first_seen_at: datetime | None = None
    held_up: HeldUp = NEVER_HELD_UP

    def is_postponed(self, now: datetime) -> bool:
        """Return whether the video has failed and its next attempt is not due yet."""
        return self.status is Status.FAILED and self.next_attempt_after is not None and self.next_attempt_after > now

    def is_leased_to_another(self, owner: str, now: datetime) -> bool:
        """Return whether another run is working on the video."""
        return (
            self.status is Status.IN_PROGRESS
            and self.lease_owner not in {None, owner}
            and (self.lease_expires_at or 0) > now.timestamp()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingVideos:
    """The videos that are recorded and not archived, except those that GoPro no longer has.

    Attributes:
        count: how many.
        first_seen_at: when the one that has waited longest was recorded; None if there is none, or no time is known.
        waiting: those of them that cannot be archived yet, by id, with the reason.
        counted_at: the moment as of which all videos of the table were counted.
        counts: all videos of the table; None if DynamoDB's answers do not say.
    """

    count: int
    first_seen_at: datetime | None
    waiting: Mapping[str, str] = field(default_factory=dict)
    counted_at: datetime | None = None
    counts: VideoCounts | None = None

    def oldest_age_seconds(self, now: datetime) -> float:
        """Return how long the oldest has been waiting since it was recorded; 0 if nothing is."""
        return 0.0 if self.first_seen_at is None else max(0.0, (now - self.first_seen_at).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """The result of reading many records.

    Attributes:
        records: by id, of those videos that have one.
        unreadable: by id, why a record cannot be read; whether that video is archived is not known.
    """

    records: Mapping[str, TrackerRecord]
    unreadable: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The result of recording many videos; all others have a record now.

    Attributes:
        left: the ids of those that DynamoDB had not accepted when the time was over.
        refused: by id, why DynamoDB does not accept a record.
        trouble: what delayed those that are left; None if none are.
    """

    left: frozenset[str]
    refused: Mapping[str, str]
    trouble: TrackerError | None


@unique
class ClaimOutcome(StrEnum):
    """The outcome of trying to claim a video."""

    CLAIMED = "claimed"
    ALREADY_COMPLETED = "already_completed"
    HELD_BY_ANOTHER = "held_by_another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The outcome, and the record after it."""

    outcome: ClaimOutcome
    record: TrackerRecord


def scan_unarchived(client: DynamoDBClient, table_name: str, fields: str) -> Iterator[dict[str, Any]]:
    """Read the whole table, consistently; yield the records that are not COMPLETED.

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
        fields: which attributes, separated by commas; ``#status`` is the status.

    Raises:
        AccessDeniedError, ConfigurationError, TrackerError: as `Tracker` does.
    """
    pages = client.get_paginator("scan").paginate(
        TableName=table_name,
        ConsistentRead=True,
        FilterExpression="#status IN (:pending, :in_progress, :failed)",
        ProjectionExpression=fields,
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=to_attribute_values(
            {":pending": Status.PENDING, ":in_progress": Status.IN_PROGRESS, ":failed": Status.FAILED}
        ),
    )
    with answer_of(Service.DYNAMODB, "Scan") as call:
        for page in pages:
            yield from (from_attribute_values(item) for item in call.field(page, "Items"))


def _scan_for_counts(
    client: DynamoDBClient, table_name: str, as_of: datetime
) -> Iterator[tuple[ScanOutputTypeDef, list[dict[str, Any]]]]:
    """Read the whole table, consistently; yield each page and its records, without those archived before a moment."""
    pages = client.get_paginator("scan").paginate(
        TableName=table_name,
        ConsistentRead=True,
        FilterExpression=NOT_COUNTED_BY_DYNAMODB,
        ProjectionExpression=_FIELDS_OF_COUNTING,
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=to_attribute_values({":completed": Status.COMPLETED, ":as_of": iso_utc(as_of)}),
    )
    with answer_of(Service.DYNAMODB, "Scan") as call:
        for page in pages:
            yield page, [from_attribute_values(item) for item in call.field(page, "Items")]


class Tracker:
    """The table ``gopro-sync-tracker``.

    All methods raise :class:`AccessDeniedError`, :class:`ConfigurationError` (no such table) or :class:`TrackerError`
    (DynamoDB failed after botocore's own retries).

    Args:
        client: a DynamoDB client.
        table_name: the table.
        clock: returns the time, aware.
        sleep: waits that many seconds; only between the calls for many videos.
        jitter: returns a number from 0 to 1, another one at each call.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        jitter: Callable[[], float] = random,
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    def get_many(self, media_ids: Iterable[str]) -> Mapping[str, TrackerRecord]:
        """Return the records of those videos that have one, read consistently.

        Raises:
            TrackerError: one of them cannot be read (besides the errors named at the class).
        """
        found = self.look_up(media_ids)
        for media_id, reason in found.unreadable.items():
            raise TrackerError(reason, media_id=media_id)
        return found.records

    def look_up(self, media_ids: Iterable[str], *, until: datetime | None = None) -> Lookup:
        """Read the records of many videos, consistently; an unreadable one does not affect the others.

        Args:
            media_ids: those of the videos.
            until: how long to wait for DynamoDB, aware; a minute if None.
        """
        records: dict[str, TrackerRecord] = {}
        unreadable: dict[str, str] = {}

        def read(batch: Sequence[str]) -> Answer[str]:
            items, answer = self._get_batch(batch)
            for item in items:
                media_id = _key_of(item)
                try:
                    records[media_id] = _record_from_item(from_attribute_values(item))
                except TrackerError as error:
                    unreadable[media_id] = error.message
            return answer

        wanted = list(dict.fromkeys(media_ids))
        outcome = in_batches("read the records that DynamoDB left unread", wanted, read, self._patience(until))
        if outcome.trouble is not None:
            raise outcome.trouble
        return Lookup(records=records, unreadable={**unreadable, **outcome.refused})

    def add_pending(self, videos: Sequence[Video]) -> None:
        """Record videos as PENDING; existing records stay as they are.

        Raises:
            TrackerError: one of them could not be recorded (besides the errors named at the class).
        """
        recording = self.record_new(videos)
        for media_id, reason in recording.refused.items():
            raise TrackerError(f"DynamoDB does not accept the record: {reason}", media_id=media_id)
        if recording.trouble is not None:
            raise recording.trouble

    def record_new(self, videos: Sequence[Video], *, until: datetime | None = None) -> Recording:
        """Record as many videos as PENDING as DynamoDB accepts; existing records stay as they are.

        An exception: one that was recorded as waiting, and need not wait any more, gets a new record, with the time at
        which it was first seen.

        They are sent in hundreds: a call for each would cost a first run of ten thousand videos half a minute of a
        function's small share of a processor.

        Args:
            videos: each once; those that come first are recorded first.
            until: how long to wait for DynamoDB, aware; a minute if None.
        """
        outcome: Outcome[Video] = in_batches(
            "record the videos that DynamoDB did not", videos, self._put_batch, self._patience(until)
        )
        return Recording(
            left=frozenset(video.media_id for video in outcome.left),
            refused={video.media_id: reason for video, reason in outcome.refused.items()},
            trouble=outcome.trouble,
        )

    def _patience(self, until: datetime | None) -> Patience:
        return Patience(
            until=self._clock() + _PATIENCE if until is None else until,
            clock=self._clock,
            sleep=self._sleep,
            jitter=self._jitter,
        )

    def claim(self, media_id: str, *, owner: str, lease: timedelta, listed: Listed = NOTHING_LISTED) -> Claim:
        """Claim the video for ``owner``: PENDING, FAILED, or IN_PROGRESS under an expired lease or ``owner``'s own.

        Args:
            media_id: the video.
            owner: the run.
            lease: how long to hold it.
            listed: what GoPro's listing states: this attempt is judged by it, and only a change of it re-opens the
                video later.

        Raises:
            TrackerError: the video has no record (besides the errors named at the class).
        """
        now = self._clock()
        stated = fields_of(listed)
        outcome = update_record(
            self._client,
            self._table_name,
            media_id,
            "SET #status = :in_progress, lease_owner = :owner, lease_expires_at = :until, execution_id = :owner, "
            "sync_timestamp = :now_text" + "".join(f", {name} = :{name}" for name in stated) + " REMOVE waiting_reason",
            {
                **{f":{name}": value for name, value in stated.items()},
                ":pending": Status.PENDING,
                ":failed": Status.FAILED,
                ":in_progress": Status.IN_PROGRESS,
                ":owner": owner,
                ":until": epoch_seconds(now + lease),
                ":now": epoch_seconds(now),
                ":now_text": iso_utc(now),
            },
            condition="attribute_exists(media_id) AND (#status IN (:pending, :failed) "
            "OR (#status = :in_progress AND (attribute_not_exists(lease_owner) OR lease_owner = :owner "
            "OR lease_expires_at < :now)))",
            names={"#status": "status"},
            returns="ALL_NEW",
            media_id=media_id,
        )
        if not outcome.record:
            raise TrackerError("The tracker has no record of this video", media_id=media_id)
        record = _record_from_item(outcome.record)
        if outcome.is_done:
            return Claim(outcome=ClaimOutcome.CLAIMED, record=record)
        completed = record.status is Status.COMPLETED
        refusal = ClaimOutcome.ALREADY_COMPLETED if completed else ClaimOutcome.HELD_BY_ANOTHER
        return Claim(outcome=refusal, record=record)

    def save_progress(
        self, media_id: str, *, owner: str, files: Sequence[ArchivedFile], upload: OpenUpload | None
    ) -> None:
        """Record the finished chapters and the upload that is under way (None: none is).

        Raises:
            TrackerError: ``owner`` no longer holds the video (besides the errors named at the class).
        """
        values: dict[str, Any] = {
            ":owner": owner,
            ":files": [item_of_file(file) for file in files],
        }
        if upload is None:
            expression = "SET files = :files REMOVE #upload"
        else:
            expression = "SET files = :files, #upload = :upload"
            values[":upload"] = item_of_upload(upload)
        self._update_held(media_id, expression, values, {"#upload": "upload"})

    def complete(self, media_id: str, *, owner: str, files: Sequence[ArchivedFile]) -> None:
        """Record that every chapter is in S3, verified.

        Args:
            media_id: the video.
            owner: who holds it.
            files: all chapters, the first one first.

        Raises:
            TrackerError: ``owner`` no longer holds the video (besides the errors named at the class).
        """
        values = {
            ":owner": owner,
            ":completed": Status.COMPLETED,
            ":files": [item_of_file(file) for file in files],
            ":key": files[0].s3_key,
            ":size": sum(file.size_bytes for file in files),
            ":now": iso_utc(self._clock()),
        }
        expression = (
            "SET #status = :completed, files = :files, s3_key = :key, file_size = :size, sync_timestamp = :now "
            "REMOVE lease_owner, lease_expires_at, #upload, error_type, error_message, next_attempt_after, #ttl, "
            "held_up_times, held_up_at"
        )
        self._update_held(media_id, expression, values, {"#upload": "upload", "#ttl": "ttl"})

    def reopen(self, record: TrackerRecord, reopening: Reopening) -> bool:
        """Make an archived video PENDING again, to archive what is missing; return whether that was done.

        What is archived stays recorded and is never touched. Earlier failures do not count any more: new ones are
        counted, and reported, from the first.

        Args:
            record: as it was read, COMPLETED. If anybody has written to it since then, nothing is changed.
            reopening: by whom and why.
        """
        seen = {} if record.last_write is None else {":seen": record.last_write}
        outcome = update_record(
            self._client,
            self._table_name,
            record.video.media_id,
            "SET #status = :pending, retry_count = :none, reopened_at = :at, reopened_by = :by, "
            "reopen_reason = :reason, reopened_for = :shown, reopenings = :times REMOVE sync_timestamp, waiting_reason",
            {
                ":completed": Status.COMPLETED,
                ":pending": Status.PENDING,
                ":none": 0,
                ":at": iso_utc(reopening.at),
                ":by": reopening.by,
                ":reason": reopening.reason,
                ":shown": fields_of(reopening.shown),
                ":times": reopening.times,
                **seen,
            },
            condition="#status = :completed AND "
            + ("last_write = :seen" if seen else "attribute_not_exists(last_write)"),
            names={"#status": "status"},
            media_id=record.video.media_id,
        )
        return outcome.is_done

    def release(self, media_id: str, *, owner: str) -> None:
        """Release the lease, so that the next run need not wait for its end; what is recorded stays.

        Raises:
            TrackerError: ``owner`` no longer holds the video (besides the errors named at the class).
        """
        self._update_held(media_id, "REMOVE lease_owner, lease_expires_at", {":owner": owner}, {})

    def put_back(self, record: TrackerRecord, *, owner: str, held_up: HeldUp | None = None) -> None:
        """Return the video to what it was before ``owner`` claimed it: it has not failed, or not yet.

        The claim has left its failure count, its error and its next attempt as they were. What S3 holds of it by now
        stays recorded.

        Args:
            record: as it was when it was claimed.
            owner: who holds it.
            held_up: what to record about its having had to wait; None leaves it as it is.

        Raises:
            TrackerError: ``owner`` no longer holds the video (besides the errors named at the class).
        """
        values: dict[str, Any] = {":owner": owner}
        noted = ""
        if held_up is not None:
            values |= {":times": held_up.times, ":at": held_up.at}
            noted = ", held_up_times = :times, held_up_at = :at"
        if record.error_type is None:
            values[":before"] = Status.PENDING
            expression = f"SET #status = :before{noted} REMOVE lease_owner, lease_expires_at, sync_timestamp"
        else:
            values |= {":before": Status.FAILED, ":now": iso_utc(self._clock())}
            expression = f"SET #status = :before, sync_timestamp = :now{noted} REMOVE lease_owner, lease_expires_at"
        self._update_held(record.video.media_id, expression, values, {})

    def pending(self) -> PendingVideos:
        """Return how many videos are not archived, since when the oldest has been waiting, and how many there are.

        The whole table is read: the index by status lacks what is new, and GoPro's listing may no longer show what was
        recorded. Consistently, so that what the run has just written counts. A hundred thousand records are some 50 MB,
        or a cent at most.

        A record of an earlier version has no ``first_seen_at``. It counts from its last change of status, which is no
        earlier: its age may be too low until it is archived, and no alarm goes off for a video that was recorded last
        night but uploaded years ago. One that was archived and re-opened counts from the re-opening.
        """
        counted_at, counter, found = self._clock(), VideoCounter(), list[dict[str, Any]]()
        for page, records in _scan_for_counts(self._client, self._table_name, counted_at):
            counter.add_page(page)
            for record in records:
                counter.add_record(record)
            found += (record for record in records if record.get("status") in _UNARCHIVED)
        pending = [item for item in found if item.get("error_type") != MediaGoneError.__name__]
        since = (item.get("reopened_at", item.get("first_seen_at", item.get("sync_timestamp"))) for item in pending)
        known = [moment for moment in map(zoned_moment_or_none, since) if moment is not None]
        waiting = {item["media_id"]: reason for item in pending if (reason := _waiting_reason(item)) is not None}
        return PendingVideos(
            count=len(pending),
            first_seen_at=min(known, default=None),
            waiting=waiting,
            counted_at=counted_at,
            counts=counter.counts,
        )

    def _get_batch(self, media_ids: Sequence[str]) -> tuple[Sequence[Mapping[str, Any]], Answer[str]]:
        keys = [{"media_id": {"S": media_id}} for media_id in media_ids]
        asked: Any = {self._table_name: {"Keys": keys, "ConsistentRead": True}}
        try:
            with answer_of(Service.DYNAMODB, "BatchGetItem", ExpectedRefusal.NOT_VALID) as call:
                answer: BatchGetItemOutputTypeDef = self._client.batch_get_item(RequestItems=asked)
                items = call.field(answer, "Responses").get(self._table_name, [])
                unread: Any = answer.get("UnprocessedKeys", {}).get(self._table_name, {})
                left = [key["media_id"]["S"] for key in unread.get("Keys", [])]
        except ExpectedRefusalError as refused:
            return [], halves(media_ids, _reason_in_words(refused.code, refused.answer.get("Error", {})))
        except TrackerError as trouble:
            return [], Answer(again=media_ids, trouble=trouble)
        return items, Answer(again=left, trouble=TrackerError("DynamoDB left records unread") if left else None)

    def _put_batch(self, videos: Sequence[Video]) -> Answer[Video]:
        puts = [
            {
                "Put": {
                    "TableName": self._table_name,
                    "Item": to_attribute_values(self._pending_item(video)),
                    **(_IF_NEW if video.first_seen_at is None else _IF_NEW_OR_WAITING),
                }
            }
            for video in videos
        ]
        try:
            with answer_of(
                Service.DYNAMODB, "TransactWriteItems", ExpectedRefusal.CANCELLED, ExpectedRefusal.NOT_VALID
            ):
                self._client.transact_write_items(TransactItems=cast("Any", puts))
        except ExpectedRefusalError as refused:
            if refused.kind is ExpectedRefusal.NOT_VALID:
                return halves(videos, _reason_in_words(refused.code, refused.answer.get("Error", {})))
            return _after_cancellation(videos, refused.answer)
        except TrackerError as trouble:
            return Answer(again=videos, trouble=trouble)
        return Answer()

    def _pending_item(self, video: Video) -> dict[str, Any]:
        item = {
            "media_id": video.media_id,
            "status": Status.PENDING,
            "filename": video.filename,
            "s3_key": video.s3_key or None,
            "waiting_reason": video.waiting_reason,
            "upload_date": None if video.uploaded_at is None else iso_utc(video.uploaded_at),
            "file_size": video.size_bytes,
            "duration_seconds": None if video.duration_seconds is None else round(video.duration_seconds),
            "retry_count": video.retry_count,
            "first_seen_at": iso_utc(video.first_seen_at or self._clock()),
        }
        return {name: value for name, value in item.items() if value is not None}

    def _update_held(self, media_id: str, expression: str, values: Mapping[str, Any], names: Mapping[str, str]) -> None:
        outcome = update_record(
            self._client,
            self._table_name,
            media_id,
            expression,
            {":in_progress": Status.IN_PROGRESS, **values},
            condition="#status = :in_progress AND lease_owner = :owner",
            names={"#status": "status", **names},
            media_id=media_id,
        )
        if not outcome.is_done:
            raise TrackerError("Another run has taken this video over", media_id=media_id)


def _after_cancellation(videos: Sequence[Video], refusal: Mapping[str, Any]) -> Answer[Video]:
    """Judge each video of a transaction by its own reason: one may exist already, one be at fault, most are neither."""
    try:
        with answer_of(Service.DYNAMODB, "TransactWriteItems") as call:
            reasons = [(call.field(reason, "Code"), reason) for reason in call.field(refusal, "CancellationReasons")]
            judged = list(zip(videos, reasons, strict=True))  # one for each item
    except TrackerError as unreadable:
        return Answer(again=videos, trouble=unreadable)
    faultless = [video for video, (code, _) in judged if code == _NO_REASON]
    held_up = [video for video, (code, _) in judged if code in _PASSING_REASONS]
    at_fault = {
        video: _reason_in_words(code, reason)
        for video, (code, reason) in judged
        if code not in _PASSING_REASONS | {_NO_REASON, _HAS_RECORD}
    }
    passing = sorted({code for code, _ in reasons} & _PASSING_REASONS)
    trouble = TrackerError(f"DynamoDB answered TransactWriteItems with {', '.join(passing) or 'no reason'}")
    if len(held_up) == len(videos):
        return Answer(again=videos, trouble=trouble)
    if len(faultless) == len(videos):  # it is one of them, or none
        return Answer(apart=halves(videos, "").apart or [videos], trouble=trouble)
    # An unknown reason may be another item's doing: only what is refused alone is refused on its own account.
    alone = len(videos) == 1
    return Answer(
        again=faultless,
        apart=[*([held_up] if held_up else []), *([] if alone else [[video] for video in at_fault])],
        refused=at_fault if alone else {},
        trouble=trouble if held_up else None,
    )


def _reason_in_words(code: str, reason: Mapping[str, Any]) -> str:
    message = text_or_none(reason.get("Message"))
    return f"{code}: {message[:_LONGEST_REASON]}" if message else code


def _key_of(item: Mapping[str, Any]) -> str:
    media_id = text_or_none(item.get("media_id", {}).get("S"))
    if media_id is None:
        raise TrackerError("DynamoDB sent a record without its key")
    return media_id


def _waiting_reason(item: Mapping[str, Any]) -> str | None:
    return text_or_none(item.get("waiting_reason")) if item.get("status") == Status.PENDING else None


def _record_from_item(item: Mapping[str, Any]) -> TrackerRecord:
    try:
        upload = item.get("upload")
        return TrackerRecord(
            video=_video_from_item(item),
            status=Status(item["status"]),
            lease_owner=text_field(item, "lease_owner"),
            lease_expires_at=_lease_end_in(item),
            files=tuple(file_in(file) for file in item.get("files", [])),
            upload=None if upload is None else upload_in(upload),
            error_type=text_or_none(item.get("error_type")),
            next_attempt_after=moment_field(item, "next_attempt_after"),
            execution_id=text_or_none(item.get("execution_id")),
            error_message=text_or_none(item.get("error_message")),
            last_write=text_or_none(item.get("last_write")),
            failed_at=zoned_moment_or_none(item.get("failed_at")),
            listed=listed_in(item),
            is_accepted="accepted" in item,
            reopening=_reopening_in(item),
            waiting_reason=_waiting_reason(item),
            first_seen_at=zoned_moment_or_none(item.get("first_seen_at")),
            held_up=HeldUp(
                times=whole_number_or_none(item.get("held_up_times")) or 0,
                at=text_or_none(item.get("held_up_at")) or "",
            ),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TrackerError(
            f"The tracker's record has been changed by hand and cannot be read ({error})", media_id=item.get("media_id")
        ) from error


def _lease_end_in(item: Mapping[str, Any]) -> int | None:
    return None if item.get("lease_expires_at") is None else whole_number_field(item, "lease_expires_at")


def _reopening_in(item: Mapping[str, Any]) -> Reopening | None:
    # An unreadable value harms nobody: the video is re-opened once more at most.
    reopened_at = zoned_moment_or_none(item.get("reopened_at"))
    if reopened_at is None:
        return None
    return Reopening(
        at=reopened_at,
        by=text_or_none(item.get("reopened_by")) or "",
        reason=text_or_none(item.get("reopen_reason")) or "",
        shown=listed_in(item.get("reopened_for")),
        times=whole_number_or_none(item.get("reopenings")) or 1,
    )


def _video_from_item(item: Mapping[str, Any]) -> Video:
    # Strict only where a mistake would do harm: another key would be a second object, while what is meant for people,
    # such as the name, may have been changed by people.
    return Video(
        media_id=item["media_id"],
        filename=text_or_none(item.get("filename")) or "",
        s3_key=text_field(item, "s3_key") or "",
        uploaded_at=zoned_moment_or_none(item.get("upload_date")),
        size_bytes=whole_number_or_none(item.get("file_size")),
        duration_seconds=seconds_or_none(item.get("duration_seconds")),
        retry_count=whole_number_field(item, "retry_count") if "retry_count" in item else 0,
    )
