"""The tracker on moto's DynamoDB: allowed status changes and leases.

Concurrent writers are in tests/e2e/test_leases.py: moto's conditional writes are not atomic among threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.stub import Stubber

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.block_md5s import BlockMd5s
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.aws.clients import make_dynamodb_client
from gopro_sync.errors import AccessDeniedError, ConfigurationError, TrackerError
from gopro_sync.table.tracker import ClaimOutcome, Status, Tracker, TrackerRecord
from gopro_sync.table.video import Video
from tests.support.aws_environment import aws_environment
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "gopro-sync-tracker"
LEASE = timedelta(minutes=16)
FILE = ArchivedFile(
    item_number=1,
    s3_key="gopro-videos/2026/05/GX010456.MP4",
    size_bytes=123,
    source_etag='"aa-1"',
    s3_etag='"bb-1"',
    checksum_crc64nvme="AAAAAAAAAAA=",
    etag_proof="matched",
)
CHECKSUM = "AAAAAAAAAAA="
UPLOAD = OpenUpload(
    item_number=2,
    s3_key="gopro-videos/2026/05/GX020456.MP4",
    upload_id="upload-1",
    part_size_bytes=5 << 20,
    size_bytes=200 << 20,
    source_etag=None,
)
UPLOAD_ITEM: Final[dict[str, Any]] = {
    "item_number": {"N": "2"},
    "s3_key": {"S": "gopro-videos/2026/05/GX020456.MP4"},
    "upload_id": {"S": "upload-1"},
    "part_size": {"N": "5242880"},
    "size_bytes": {"N": "209715200"},
    "source_etag": {"NULL": True},
}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 5, 2, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDBClient]:
    with tracker_table(TABLE) as client:
        transact, lock = client.transact_write_items, threading.Lock()

        def one_at_a_time(**request: Any) -> Any:
            with lock:  # moto's transactions are not safe among threads
                return transact(**request)

        monkeypatch.setattr(client, "transact_write_items", one_at_a_time)
        yield client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def tracker(client: DynamoDBClient, clock: Clock, waits: list[float]) -> Tracker:
    return Tracker(client, TABLE, clock=clock, sleep=waits.append)


def video(media_id: str = "m1", **changes: Any) -> Video:
    fields = {
        "media_id": media_id,
        "filename": "GX010456.MP4",
        "s3_key": "gopro-videos/2026/05/GX010456.MP4",
        "uploaded_at": datetime(2026, 5, 1, 18, 2, tzinfo=UTC),
        "size_bytes": 123,
        "duration_seconds": 7,
    }
    return Video(**{**fields, **changes})


def item(client: DynamoDBClient, media_id: str = "m1") -> dict[str, Any]:
    found = client.get_item(TableName=TABLE, Key={"media_id": {"S": media_id}}).get("Item", {})
    return {name: next(iter(value.values())) for name, value in found.items()}


def set_status(client: DynamoDBClient, status: Status, media_id: str = "m1") -> None:
    client.update_item(
        TableName=TABLE,
        Key={"media_id": {"S": media_id}},
        UpdateExpression="SET #status = :status REMOVE lease_owner, lease_expires_at",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": status}},
    )


def test_a_new_video_is_recorded_with_the_attributes_of_the_specification(
    tracker: Tracker, client: DynamoDBClient
) -> None:
    tracker.add_pending([video()])

    assert item(client) == {
        "media_id": "m1",
        "status": "PENDING",
        "filename": "GX010456.MP4",
        "s3_key": "gopro-videos/2026/05/GX010456.MP4",
        "upload_date": "2026-05-01T18:02:00Z",
        "file_size": "123",
        "duration_seconds": "7",
        "retry_count": "0",
        "first_seen_at": "2026-05-02T01:00:00Z",
    }


def test_what_is_recorded_of_a_video_is_read_as_the_same_video(tracker: Tracker) -> None:
    known = video(duration_seconds=7.0, retry_count=3)
    bare = Video(media_id="m2", filename="a.MP4", s3_key="gopro-videos/2026/05/a.MP4")
    tracker.add_pending([known, bare])

    records = tracker.get_many(["m1", "m2"])

    assert {media_id: record.video for media_id, record in records.items()} == {"m1": known, "m2": bare}


def test_a_record_of_an_earlier_version_is_read(tracker: Tracker, client: DynamoDBClient) -> None:
    file = {
        "item_number": {"N": "1"},
        "s3_key": {"S": "gopro-videos/2026/05/GX010456.MP4"},
        "size_bytes": {"N": "123"},
        "source_etag": {"S": '"aa-1"'},
        "s3_etag": {"S": '"bb-1"'},
        "checksum_crc64nvme": {"S": "AAAAAAAAAAA="},
        "etag_proof": {"S": "matched"},
    }
    client.put_item(
        TableName=TABLE,
        Item={
            "media_id": {"S": "m1"},
            "status": {"S": "FAILED"},
            "filename": {"S": "GX010456.MP4"},
            "s3_key": {"S": "gopro-videos/2026/05/GX010456.MP4"},
            "upload_date": {"S": "2026-05-01T18:02:00Z"},
            "file_size": {"N": "209715323"},
            "duration_seconds": {"N": "7"},
            "retry_count": {"N": "2"},
            "sync_timestamp": {"S": "2026-05-02T01:10:00Z"},
            "lease_owner": {"S": "run-1"},
            "lease_expires_at": {"N": "1777684200"},
            "execution_id": {"S": "run-1"},
            "files": {"L": [{"M": file}]},
            "upload": {"M": UPLOAD_ITEM},
            "error_type": {"S": "NetworkError"},
            "error_message": {"S": "The connection broke off"},
            "next_attempt_after": {"S": "2026-05-03T01:10:00Z"},
            "ttl": {"N": "1809220200"},
        },
    )

    assert tracker.get_many(["m1"])["m1"] == TrackerRecord(
        video=Video(
            media_id="m1",
            filename="GX010456.MP4",
            s3_key="gopro-videos/2026/05/GX010456.MP4",
            uploaded_at=datetime(2026, 5, 1, 18, 2, tzinfo=UTC),
            size_bytes=209_715_323,
            duration_seconds=7.0,
            retry_count=2,
        ),
        status=Status.FAILED,
        lease_owner="run-1",
        lease_expires_at=1_777_684_200,
        files=(FILE,),
        upload=UPLOAD,
        error_type="NetworkError",
        next_attempt_after=datetime(2026, 5, 3, 1, 10, tzinfo=UTC),
        execution_id="run-1",
        error_message="The connection broke off",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"filename": {"N": "5"}},
        {"upload_date": {"S": "yesterday"}},
        {"upload_date": {"N": "5"}},
        {"file_size": {"N": "1.5"}},
        {"file_size": {"S": "large"}},
        {"duration_seconds": {"N": "-1"}},
    ],
)
def test_a_record_in_which_somebody_changed_what_only_people_read_is_read_all_the_same(
    tracker: Tracker, client: DynamoDBClient, change: dict[str, Any]
) -> None:
    client.put_item(TableName=TABLE, Item={"media_id": {"S": "m1"}, "status": {"S": "PENDING"}, **change})

    record = tracker.get_many(["m1"])["m1"]

    assert (record.status, record.video) == (Status.PENDING, Video(media_id="m1", filename="", s3_key=""))


def test_an_unknown_size_is_left_out_and_not_written_as_zero(tracker: Tracker, client: DynamoDBClient) -> None:
    tracker.add_pending([video(size_bytes=None, duration_seconds=None)])

    assert "file_size" not in item(client)
    assert "duration_seconds" not in item(client)


def test_recording_again_changes_nothing(tracker: Tracker, client: DynamoDBClient) -> None:
    tracker.add_pending([video()])
    set_status(client, Status.COMPLETED)
    before = item(client)

    tracker.add_pending([video(s3_key="gopro-videos/2026/05/OTHER.MP4")])

    assert item(client) == before


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED])
def test_a_pending_or_failed_video_can_be_claimed(tracker: Tracker, client: DynamoDBClient, status: Status) -> None:
    tracker.add_pending([video()])
    set_status(client, status)

    claim = tracker.claim("m1", owner="run-1", lease=LEASE)

    assert claim.outcome is ClaimOutcome.CLAIMED
    assert item(client)["status"] == "IN_PROGRESS"
    assert item(client)["lease_owner"] == "run-1"
    assert item(client)["execution_id"] == "run-1"


def test_a_completed_video_cannot_be_claimed_and_says_where_it_is(tracker: Tracker, client: DynamoDBClient) -> None:
    tracker.add_pending([video()])
    tracker.claim("m1", owner="run-1", lease=LEASE)
    tracker.complete("m1", owner="run-1", files=[FILE])

    claim = tracker.claim("m1", owner="run-2", lease=LEASE)

    assert claim.outcome is ClaimOutcome.ALREADY_COMPLETED
    assert claim.record.files == (FILE,)
    assert item(client)["status"] == "COMPLETED"


def test_a_lease_keeps_another_run_away_until_it_expires(tracker: Tracker, clock: Clock) -> None:
    tracker.add_pending([video()])
    tracker.claim("m1", owner="run-1", lease=LEASE)

    held = tracker.claim("m1", owner="run-2", lease=LEASE)
    clock.now += LEASE + timedelta(seconds=1)
    taken = tracker.claim("m1", owner="run-2", lease=LEASE)

    assert held.outcome is ClaimOutcome.HELD_BY_ANOTHER
    assert held.record.lease_owner == "run-1"
    assert taken.outcome is ClaimOutcome.CLAIMED


@pytest.mark.parametrize(
    "upload", [UPLOAD, replace(UPLOAD, proved={1: CHECKSUM, 12: CHECKSUM}, whole_crc64nvme=CHECKSUM)]
)
def test_a_run_may_claim_its_own_video_again_after_its_function_was_killed(
    tracker: Tracker, upload: OpenUpload
) -> None:
    tracker.add_pending([video()])
    tracker.claim("m1", owner="run-1", lease=LEASE)
    tracker.save_progress("m1", owner="run-1", files=[FILE], upload=upload)

    again = tracker.claim("m1", owner="run-1", lease=LEASE)

    assert again.outcome is ClaimOutcome.CLAIMED
    assert again.record.files == (FILE,)
    assert again.record.upload == upload


def test_a_record_keeps_the_lens_of_a_file_and_of_an_upload_and_has_none_for_the_usual_one(
    tracker: Tracker, client: DynamoDBClient
) -> None:
    tracker.add_pending([video()])
    tracker.claim("m1", owner="run-1", lease=LEASE)
    back, upload = replace(FILE, lens="back"), replace(UPLOAD, lens="front")

    tracker.save_progress("m1", owner="run-1", files=[FILE, back], upload=upload)

    record = tracker.get_many(["m1"])["m1"]
    assert (record.files, record.upload) == ((FILE, back), upload)
    assert ["lens" in file["M"] for file in item(client)["files"]] == [False, True]


def test_the_upload_that_is_under_way_has_the_attributes_that_it_always_had(
    tracker: Tracker, client: DynamoDBClient
) -> None:
    tracker.add_pending([video()])
    tracker.claim("m1", owner="run-1", lease=LEASE)

    tracker.save_progress("m1", owner="run-1", files=[], upload=UPLOAD)

    assert item(client)["upload"] == UPLOAD_ITEM


@pytest.mark.parametrize(
    ("by_hand", "known"),
    [(None, True), ({"S": "AAAA"}, False), ({"M": {"by_part": {"M": {"1": {"S": "no base64!"}}}}}, False)],
)
def test_the_md5s_of_an_uploads_parts_are_read_back_and_odd_ones_are_none(
    tracker: Tracker, client: DynamoDBClient, by_hand: Any, *, known: bool
) -> None:
    md5s = BlockMd5s(block_bytes=5 << 20, by_part={1: bytes(range(24)), 12: bytes(40)})
    tracker.add_pending([video()])
    tracker.claim("m1", owner="run-1", lease=LEASE)
    tracker.save_progress("m1", owner="run-1", files=[], upload=replace(UPLOAD, block_md5s=md5s))
    if by_hand is not None:
        client.update_item(
            TableName=TABLE,
            Key={"media_id": {"S": "m1"}},
            UpdateExpression="SET upload.block_md5s = :odd",
            ExpressionAttributeValues={":odd": by_hand},
        )

    upload = tracker.get_many(["m1"])["m1"].upload

    assert upload == replace(UPLOAD, block_md5s=md5s if known else None)


@pytest.mark.parametrize(
    ("by_hand", "known"),
    [("", {}), ("1:soon", {}), (f"0:{CHECKSUM} 2:{CHECKSUM}", {2: CHECKSUM}), (f"123456:{CHECKSUM}", {})],
)
def test_what_was_changed_by_hand_among_the_proved_parts_proves_nothing(
    tracker: Tracker, client: DynamoDBClient, by_hand: str, known: dict[int, str]
) -> None:
    tracker.add_pending([video()])
    tracker.claim("m1", owner="run-1", lease=LEASE)
    tracker.save_progress("m1", owner="run-1", files=[], upload=replace(UPLOAD, proved={1: CHECKSUM}))
    client.update_item(
        TableName=TABLE,
        Key={"media_id": {"S": "m1"}},
        UpdateExpression="SET upload.proved_parts = :odd",
        ExpressionAttributeValues={":odd": {"S": by_hand}},
    )

    assert tracker.get_many(["m1"])["m1"].upload == replace(UPLOAD, proved=known)


def test_who_lost_the_video_can_neither_complete_nor_change_it(
    tracker: Tracker, client: DynamoDBClient, clock: Clock
) -> None:
    tracker.add_pending([video()])
    tracker.claim("m1", owner="run-1", lease=LEASE)
    clock.now += LEASE + timedelta(seconds=1)
    tracker.claim("m1", owner="run-2", lease=LEASE)
    before = item(client)

    with pytest.raises(TrackerError, match="taken this video over"):
        tracker.complete("m1", owner="run-1", files=[FILE])
    with pytest.raises(TrackerError, match="taken this video over"):
        tracker.save_progress("m1", owner="run-1", files=[], upload=UPLOAD)
    with pytest.raises(TrackerError, match="taken this video over"):
        tracker.release("m1", owner="run-1")
    with pytest.raises(TrackerError, match="taken this video over"):
        tracker.put_back(tracker.get_many(["m1"])["m1"], owner="run-1")

    assert item(client) == before


def test_completing_records_the_proof_and_drops_what_only_the_work_needed(
    tracker: Tracker, client: DynamoDBClient, clock: Clock
) -> None:
    second = ArchivedFile(**{**{name: getattr(FILE, name) for name in FILE.__slots__}, "item_number": 2})
    tracker.add_pending([video(size_bytes=None)])
    tracker.claim("m1", owner="run-1", lease=LEASE)
    tracker.save_progress("m1", owner="run-1", files=[FILE], upload=UPLOAD)
    clock.now += timedelta(minutes=3)

    tracker.complete("m1", owner="run-1", files=[FILE, second])

    record = item(client)
    assert record["status"] == "COMPLETED"
    assert record["file_size"] == "246"
    assert record["sync_timestamp"] == "2026-05-02T01:03:00Z"
    assert not {"lease_owner", "lease_expires_at", "upload", "ttl", "error_message"} & record.keys()
    assert tracker.get_many(["m1"])["m1"].files == (FILE, second)


def test_a_released_video_can_be_taken_at_once_and_keeps_what_was_reached(tracker: Tracker) -> None:
    tracker.add_pending([video()])
    tracker.claim("m1", owner="run-1", lease=LEASE)
    tracker.save_progress("m1", owner="run-1", files=[FILE], upload=UPLOAD)

    tracker.release("m1", owner="run-1")
    claim = tracker.claim("m1", owner="run-2", lease=LEASE)

    assert claim.outcome is ClaimOutcome.CLAIMED
    assert claim.record.upload == UPLOAD


FAILED_BEFORE: Final[dict[str, Any]] = {
    "status": {"S": "FAILED"},
    "retry_count": {"N": "3"},
    "error_type": {"S": "NetworkError"},
    "error_message": {"S": "The connection broke off"},
    "next_attempt_after": {"S": "2026-05-03T01:10:00Z"},
}


@pytest.mark.parametrize("before", [{"status": {"S": "PENDING"}, "retry_count": {"N": "0"}}, FAILED_BEFORE], ids=str)
@pytest.mark.parametrize("claims", [1, 2])
def test_a_video_that_is_put_back_is_what_it_was_before_the_run_took_it(
    tracker: Tracker, client: DynamoDBClient, before: dict[str, Any], claims: int
) -> None:
    client.put_item(TableName=TABLE, Item={"media_id": {"S": "m1"}, "filename": {"S": "GX010456.MP4"}, **before})
    recorded = item(client)
    for _ in range(claims):
        claim = tracker.claim("m1", owner="run-1", lease=LEASE)
    tracker.save_progress("m1", owner="run-1", files=[FILE], upload=UPLOAD)

    tracker.put_back(claim.record, owner="run-1")

    now = item(client)
    changed = {"execution_id", "sync_timestamp", "last_write", "files", "upload"}
    assert {name: value for name, value in now.items() if name not in changed} == recorded
    assert tracker.claim("m1", owner="run-2", lease=LEASE).record.upload == UPLOAD


def test_many_records_are_read_in_batches_and_unknown_ones_are_simply_absent(tracker: Tracker) -> None:
    tracker.add_pending([video(f"m{n}") for n in range(230)])

    records = tracker.get_many([f"m{n}" for n in range(250)] + ["m0"])

    assert records.keys() == {f"m{n}" for n in range(230)}
    assert {record.status for record in records.values()} == {Status.PENDING}


def test_keys_that_dynamodb_left_unprocessed_are_asked_for_again(clock: Clock, waits: list[float]) -> None:
    with aws_environment():
        client = make_dynamodb_client()
    tracker = Tracker(client, TABLE, clock=clock, sleep=waits.append)
    keys = {"Keys": [{"media_id": {"S": "m2"}}], "ConsistentRead": True}
    items = [{"media_id": {"S": name}, "status": {"S": "PENDING"}} for name in ("m1", "m2")]
    with Stubber(client) as stub:
        stub.add_response("batch_get_item", {"Responses": {TABLE: [items[0]]}, "UnprocessedKeys": {TABLE: keys}})
        stub.add_response("batch_get_item", {"Responses": {TABLE: [items[1]]}}, {"RequestItems": {TABLE: keys}})

        records = tracker.get_many(["m1", "m2"])

    assert records.keys() == {"m1", "m2"}
    assert len(waits) == 1


def test_a_lasting_backlog_of_unprocessed_keys_is_an_error_and_not_a_missing_record(clock: Clock) -> None:
    with aws_environment():
        client = make_dynamodb_client()
    tracker = Tracker(client, TABLE, clock=clock, sleep=lambda _seconds: None)
    unprocessed = {TABLE: {"Keys": [{"media_id": {"S": "m1"}}], "ConsistentRead": True}}
    with Stubber(client) as stub:
        for _ in range(100):
            stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": unprocessed})

        with pytest.raises(TrackerError, match="unread"):
            tracker.get_many(["m1"])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AccessDeniedException", AccessDeniedError),
        ("ResourceNotFoundException", ConfigurationError),
        ("InternalServerError", TrackerError),
    ],
)
def test_dynamodbs_refusals_become_this_systems_errors(clock: Clock, code: str, expected: type[Exception]) -> None:
    with aws_environment():
        client = make_dynamodb_client()
    tracker = Tracker(client, TABLE, clock=clock, sleep=lambda _seconds: None)
    with Stubber(client) as stub:
        stub.add_client_error("update_item", code, "not allowed", http_status_code=400)

        with pytest.raises(expected):
            tracker.claim("m1", owner="run-1", lease=LEASE)


def test_a_video_without_a_record_cannot_be_claimed(tracker: Tracker) -> None:
    with pytest.raises(TrackerError, match="no record"):
        tracker.claim("never-seen", owner="run-1", lease=LEASE)


CHANGES_BY_HAND: list[dict[str, Any]] = [
    {"status": {"S": "DONE"}},
    {"status": {"L": []}},
    {"lease_expires_at": {"S": "tomorrow"}},
    {"lease_expires_at": {"N": "1.5"}},
    {"lease_expires_at": {"N": "1E+100"}},
    {"lease_owner": {"L": []}},
    {"retry_count": {"S": "\u0663"}},
    {"retry_count": {"N": "-1"}},
    {"retry_count": {"NULL": True}},
    {"next_attempt_after": {"S": "2026-05-01"}},
    {"next_attempt_after": {"S": "0001-01-01T00:00:00+14:00"}},
    {"next_attempt_after": {"N": "5"}},
    {"s3_key": {"N": "5"}},
    {"files": {"S": "none"}},
    {"files": {"L": [{"S": "one"}]}},
    {"files": {"L": [{"M": {"item_number": {"N": "1"}}}]}},
    {"upload": {"M": {**UPLOAD_ITEM, "part_size": {"S": "large"}}}},
    {"upload": {"M": {**UPLOAD_ITEM, "part_size_bytes": {"N": "5242880"}}}},
    {"upload": {"M": {name: value for name, value in UPLOAD_ITEM.items() if name != "part_size"}}},
    {"upload": {"L": []}},
]


@pytest.mark.parametrize("change", CHANGES_BY_HAND)
def test_a_record_that_was_changed_by_hand_is_named(
    tracker: Tracker, client: DynamoDBClient, change: dict[str, Any]
) -> None:
    client.put_item(TableName=TABLE, Item={"media_id": {"S": "m1"}, "status": {"S": "PENDING"}, **change})

    with pytest.raises(TrackerError, match="m1"):
        tracker.get_many(["m1"])


@pytest.mark.parametrize("first_seen", [{"S": "yesterday"}, {"S": "0001-01-01T00:00:00+14:00"}, {"N": "5"}, {"L": []}])
def test_a_pending_video_whose_times_were_changed_by_hand_is_counted_and_has_no_age(
    clock: Clock, first_seen: dict[str, Any]
) -> None:
    with aws_environment():
        client = make_dynamodb_client()
    tracker = Tracker(client, TABLE, clock=clock, sleep=lambda _seconds: None)
    with Stubber(client) as stub:
        stub.add_response(
            "scan",
            {
                "Items": [
                    {"status": {"S": "PENDING"}, "first_seen_at": moment}
                    for moment in (first_seen, {"S": "2026-05-01T01:00:00Z"})
                ]
            },
        )
        pending = tracker.pending()

    assert pending.count == 2
    assert pending.oldest_age_seconds(clock.now) == 24 * 3600


def test_a_video_waits_from_when_it_was_first_seen_and_not_from_its_upload_years_ago(
    tracker: Tracker, client: DynamoDBClient, clock: Clock
) -> None:
    first_night = clock.now
    tracker.add_pending([video(uploaded_at=first_night - timedelta(days=3 * 365))])
    assert tracker.pending().oldest_age_seconds(first_night) == 0

    # Whatever happens to it, and whoever records it again.
    clock.now += timedelta(days=15)
    tracker.claim("m1", owner="run-2", lease=LEASE)
    tracker.save_progress("m1", owner="run-2", files=[FILE], upload=None)
    set_status(client, Status.FAILED)
    tracker.add_pending([video()])

    assert tracker.pending().oldest_age_seconds(clock.now) == timedelta(days=15).total_seconds()


def test_a_record_of_an_earlier_version_waits_from_its_last_change_and_raises_no_alarm_at_once(
    tracker: Tracker, client: DynamoDBClient, clock: Clock
) -> None:
    tracker.add_pending([video(uploaded_at=clock.now - timedelta(days=3 * 365))])
    client.update_item(
        TableName=TABLE,
        Key={"media_id": {"S": "m1"}},
        UpdateExpression="SET sync_timestamp = first_seen_at REMOVE first_seen_at",
    )
    assert tracker.pending().oldest_age_seconds(clock.now + timedelta(hours=1)) == 3600


def in_the_index(client: DynamoDBClient) -> set[str]:
    found = client.scan(TableName=TABLE, IndexName="status-sync_timestamp-index")["Items"]
    return {record["media_id"]["S"] for record in found}


def test_a_video_is_in_the_index_by_status_from_the_moment_at_which_a_run_has_worked_on_it(
    tracker: Tracker, client: DynamoDBClient
) -> None:
    tracker.add_pending([video(), video("m2")])
    assert in_the_index(client) == set(), "all new records would share one key of it"
    claim = tracker.claim("m1", owner="run-1", lease=LEASE)
    assert in_the_index(client) == {"m1"}

    tracker.put_back(claim.record, owner="run-1")
    assert in_the_index(client) == set()
    tracker.claim("m1", owner="run-1", lease=LEASE)
    tracker.complete("m1", owner="run-1", files=[FILE])

    assert in_the_index(client) == {"m1"}


def test_what_waits_is_counted_whether_or_not_it_is_in_the_index(tracker: Tracker, client: DynamoDBClient) -> None:
    tracker.add_pending([video(f"m{number}") for number in range(5)])
    tracker.claim("m1", owner="run-1", lease=LEASE)
    for name in ("m2", "m3"):
        set_status(client, Status.FAILED, name)
    set_status(client, Status.COMPLETED, "m4")
    earlier = {"media_id": "m9", "status": "PENDING", "sync_timestamp": "2026-04-01T00:00:00Z"}
    client.put_item(TableName=TABLE, Item={name: {"S": value} for name, value in earlier.items()})
    client.put_item(TableName=TABLE, Item={"media_id": {"S": "#gopro-requests"}, "requests_used": {"N": "1"}})

    pending = tracker.pending()

    assert pending.count == 5
    assert pending.first_seen_at == datetime(2026, 4, 1, tzinfo=UTC)


def test_many_new_videos_are_recorded_in_few_calls_and_known_ones_are_left_alone(
    client: DynamoDBClient, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = [video(media_id=f"m{number:03}") for number in range(250)]
    tracker.add_pending([videos[7], videos[120]])
    tracker.claim("m007", owner="run-1", lease=LEASE)
    transact, calls = client.transact_write_items, []

    def counted(**request: Any) -> Any:
        calls.append(request)
        return transact(**request)

    monkeypatch.setattr(client, "transact_write_items", counted)

    tracker.add_pending(videos)

    records = tracker.get_many(video.media_id for video in videos)
    assert len(records) == 250
    assert records["m007"].status is Status.IN_PROGRESS
    assert sum(record.status is Status.PENDING for record in records.values()) == 249
    assert len(calls) == 3 + 2, "two of three batches held a video that was known"


def test_a_conflict_with_another_run_is_tried_again_and_not_for_ever(
    client: DynamoDBClient, tracker: Tracker, waits: list[float]
) -> None:
    conflict = {"CancellationReasons": [{"Code": "TransactionConflict"}]}
    with Stubber(client) as stub:
        for _ in range(100):
            stub.add_client_error(
                "transact_write_items", "TransactionCanceledException", "conflict", modeled_fields=conflict
            )
        with pytest.raises(TrackerError, match="TransactionConflict"):
            tracker.add_pending([video()])
    assert sum(waits) == pytest.approx(60), "a minute, and not a number of tries"
