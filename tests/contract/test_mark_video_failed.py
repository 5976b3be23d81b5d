"""The state machine writes FAILED, the code writes everything else: both on one table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError

from gates.template import state_machine
from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.table.tracker import ClaimOutcome, Status, Tracker
from gopro_sync.table.video import Video
from tests.support.state_machine import ENTERED_AT, EXECUTION_ARN, TaskError, run
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "gopro-sync-tracker"
# When the state machine of the test marks a video.
NOW: Final = datetime.fromisoformat(ENTERED_AT)
LEASE: Final = timedelta(minutes=16)
MEDIA_ID: Final = "a"
FILE: Final = ArchivedFile(
    item_number=1,
    s3_key="gopro-videos/2026/02/a.MP4",
    size_bytes=123,
    source_etag=None,
    s3_etag='"bb-1"',
    checksum_crc64nvme="AAAAAAAAAAA=",
    etag_proof="undecidable",
)
LISTING: Final = {
    "manifest": {"bucket": "archive", "key": "runs/night/manifest.json"},
    "run_deadline": "2026-03-01T03:55:00Z",
    "total_found": 1,
    "new_count": 1,
    "already_synced": 0,
    "remaining": 0,
    "postponed": 0,
    "filtered": 0,
    "skipped": {},
}


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with tracker_table(TABLE) as client:
        yield client


def tracker(client: DynamoDBClient, *, at: datetime = NOW) -> Tracker:
    return Tracker(client, TABLE, clock=lambda: at, sleep=lambda seconds: None)


def add(client: DynamoDBClient) -> None:
    video = Video(
        media_id=MEDIA_ID,
        filename="a.MP4",
        s3_key=FILE.s3_key,
        uploaded_at=datetime(2026, 2, 28, tzinfo=UTC),
        size_bytes=123,
        duration_seconds=None,
    )
    tracker(client).add_pending([video])


def run_that_fails(client: DynamoDBClient, *, retry_count: int = 0, answers_lost: int = 0) -> str:
    """Run the state machine on a video that cannot be downloaded; return the state in which the video ended."""
    lost = iter(range(answers_lost))

    def answer(task_resource: str, arguments: Any) -> Any:
        match task_resource.rsplit(":", 1)[-1]:
            case "invoke" if "Lister" in arguments["FunctionName"]:
                return {"Payload": LISTING}
            case "invoke" if "Downloader" in arguments["FunctionName"]:
                raise TaskError.of_function("MediaGoneError", "GoPro no longer has it.")
            case "getObject":
                return [{"media_id": MEDIA_ID, "filename": "a.MP4", "s3_key": FILE.s3_key, "retry_count": retry_count}]
            case "updateItem":
                marked = update_item(client, arguments)
                if next(lost, None) is not None:
                    raise TaskError("DynamoDB.SdkClientException", "Unable to execute HTTP request: connection reset")
                return marked
            case _:
                return {"Payload": {}}

    execution = run(state_machine(), {}, answer)
    return next(name for name in execution.visited if name in {"VideoFailed", "VideoDeferred"})


def update_item(client: DynamoDBClient, arguments: Any) -> Any:
    try:
        return client.update_item(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise TaskError(f"DynamoDB.{code}", error.response["Error"].get("Message")) from error


def item(client: DynamoDBClient) -> dict[str, Any]:
    answer = client.get_item(TableName=TABLE, Key={"media_id": {"S": MEDIA_ID}}, ConsistentRead=True)
    return {name: next(iter(value.values())) for name, value in answer.get("Item", {}).items()}


def test_a_video_of_this_run_becomes_failed_with_its_reason_and_can_be_taken_again(dynamodb: DynamoDBClient) -> None:
    add(dynamodb)
    tracker(dynamodb).claim(MEDIA_ID, owner=EXECUTION_ARN, lease=LEASE)

    assert run_that_fails(dynamodb) == "VideoFailed"

    record = item(dynamodb)
    assert record["status"] == "FAILED"
    assert (record["error_type"], record["error_message"]) == ("MediaGoneError", "GoPro no longer has it.")
    assert (record["retry_count"], record["execution_id"]) == ("1", EXECUTION_ARN)
    assert record["sync_timestamp"] == record["failed_at"] == "2026-03-01T02:10:30Z"
    assert "lease_owner" not in record
    next_run = tracker(dynamodb).claim(MEDIA_ID, owner="next run", lease=LEASE)
    assert next_run.outcome is ClaimOutcome.CLAIMED


def test_failing_again_is_counted(dynamodb: DynamoDBClient) -> None:
    add(dynamodb)
    run_that_fails(dynamodb)
    run_that_fails(dynamodb, retry_count=1)

    assert item(dynamodb)["retry_count"] == "2"


def test_a_failure_that_is_written_twice_since_the_answer_was_lost_is_counted_once(dynamodb: DynamoDBClient) -> None:
    add(dynamodb)
    tracker(dynamodb).claim(MEDIA_ID, owner=EXECUTION_ARN, lease=LEASE)

    assert run_that_fails(dynamodb, answers_lost=2) == "VideoFailed"

    assert (item(dynamodb)["status"], item(dynamodb)["retry_count"]) == ("FAILED", "1")


@pytest.mark.parametrize(("earlier_failures", "days"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (50, 30)])
def test_a_video_that_keeps_failing_waits_longer_each_time_and_a_month_at_most(
    dynamodb: DynamoDBClient, earlier_failures: int, days: int
) -> None:
    add(dynamodb)
    run_that_fails(dynamodb, retry_count=earlier_failures)

    record = tracker(dynamodb).get_many([MEDIA_ID])[MEDIA_ID]
    # A run that starts at the same time of the day finds it due, a little early or late as it may be.
    due = NOW + timedelta(days=days)
    assert not record.is_postponed(due - timedelta(hours=1))
    assert record.is_postponed(due - timedelta(hours=12))


def test_a_video_that_was_archived_after_all_waits_for_nothing(dynamodb: DynamoDBClient) -> None:
    add(dynamodb)
    run_that_fails(dynamodb)
    tracker(dynamodb).claim(MEDIA_ID, owner="redrive", lease=LEASE)
    tracker(dynamodb).complete(MEDIA_ID, owner="redrive", files=[FILE])
    assert "next_attempt_after" not in item(dynamodb)


def test_a_video_that_is_archived_by_now_stays_archived(dynamodb: DynamoDBClient) -> None:
    add(dynamodb)
    other = tracker(dynamodb)
    other.claim(MEDIA_ID, owner="other run", lease=LEASE)
    other.complete(MEDIA_ID, owner="other run", files=[FILE])

    assert run_that_fails(dynamodb) == "VideoDeferred"
    assert other.get_many([MEDIA_ID])[MEDIA_ID].status is Status.COMPLETED


def test_a_video_that_another_run_is_at_work_on_is_left_to_it(dynamodb: DynamoDBClient) -> None:
    add(dynamodb)
    tracker(dynamodb).claim(MEDIA_ID, owner="other run", lease=LEASE)

    assert run_that_fails(dynamodb) == "VideoDeferred"
    assert item(dynamodb)["lease_owner"] == "other run"


def test_a_lease_that_a_dead_run_left_behind_hides_no_failure(dynamodb: DynamoDBClient) -> None:
    add(dynamodb)
    tracker(dynamodb, at=NOW - 2 * LEASE).claim(MEDIA_ID, owner="dead run", lease=LEASE)

    assert run_that_fails(dynamodb) == "VideoFailed"
    assert item(dynamodb)["status"] == "FAILED"


def test_a_video_without_a_record_gets_no_half_of_one(dynamodb: DynamoDBClient) -> None:
    assert run_that_fails(dynamodb) == "VideoDeferred"
    assert item(dynamodb) == {}
