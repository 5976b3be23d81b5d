"""One chain of runs at a time drains a backlog, by a record of the table that the state machine itself writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError

from gates.template import state_machine
from tests.support.state_machine import ENTERED_AT, TaskError, run
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "gopro-sync-tracker"
NOW: Final = datetime.fromisoformat(ENTERED_AT)
LISTING: Final = {
    "manifest": {"bucket": "archive", "key": "runs/night/manifest.json"},
    "total_found": 6,
    "new_count": 1,
    "already_synced": 0,
    "remaining": 5,
    "postponed": 0,
    "filtered": 0,
    "skipped": {},
    "listing_gap": None,
    "unrecorded": 0,
    "unrecordable": 0,
    "unrecordable_videos": [],
    "found_without_record": 0,
    "unavailable": 0,
    "unavailable_videos": [],
}
ARCHIVED: Final = {"status": "COMPLETED", "bytes_transferred": 5, "bytes_sent": 5, "transfer_duration_seconds": 1}


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with tracker_table(TABLE) as client:
        yield client


def goes_on(
    client: DynamoDBClient,
    chain: str,
    *,
    at: datetime = NOW,
    link: int = 1,
    listing: Mapping[str, Any] = LISTING,
    listing_fails: bool = False,
) -> bool:
    """Let a run of a chain end, with work left if nothing else is said; return whether it starts the next one."""
    started: list[Any] = []

    def answer(task_resource: str, arguments: Any) -> Any:
        match task_resource.rsplit(":", 1)[-1]:
            case "invoke" if arguments["Payload"].get("action") == "report_run":
                raise TaskError.of_function("StorageError", "The report is none of this test's business.")
            case "invoke" if "Lister" in arguments["FunctionName"] and listing_fails:
                raise TaskError.of_function("AccessDeniedError", "A role is broken.")
            case "invoke" if "Lister" in arguments["FunctionName"]:
                deadline = at + timedelta(hours=1, minutes=45)
                return {"Payload": {**listing, "run_deadline": deadline.isoformat().replace("+00:00", "Z")}}
            case "invoke" if "Downloader" in arguments["FunctionName"]:
                return {"Payload": ARCHIVED}
            case "getObject":
                return [{"media_id": "a", "filename": "a.MP4", "s3_key": "gopro-videos/2026/02/a.MP4"}]
            case "updateItem":
                return _update_item(client, arguments)
            case "startExecution":
                started.append(arguments)
        return {"Payload": {}}

    entered_at = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    run(state_machine(), {"chain": chain, "link": link}, answer, entered_at=entered_at)
    return bool(started)


def _update_item(client: DynamoDBClient, arguments: Any) -> Any:
    try:
        return client.update_item(**arguments)
    except ClientError as error:
        raise TaskError(f"DynamoDB.{error.response['Error']['Code']}") from error


def test_a_chain_goes_on_and_on(dynamodb: DynamoDBClient) -> None:
    assert [goes_on(dynamodb, "first") for _ in range(3)] == [True, True, True]


def test_another_chain_does_not_go_on_beside_it(dynamodb: DynamoDBClient) -> None:
    assert goes_on(dynamodb, "first")
    assert not goes_on(dynamodb, "second")
    assert goes_on(dynamodb, "first")


def test_a_chain_that_died_is_followed_by_another_after_a_run_s_time(dynamodb: DynamoDBClient) -> None:
    assert goes_on(dynamodb, "first")
    assert not goes_on(dynamodb, "second", at=NOW + timedelta(hours=2))
    assert goes_on(dynamodb, "second", at=NOW + timedelta(hours=2, minutes=31))
    assert not goes_on(dynamodb, "first", at=NOW + timedelta(hours=2, minutes=32))


def test_a_chain_that_has_come_to_its_end_is_followed_by_another_at_once(dynamodb: DynamoDBClient) -> None:
    assert goes_on(dynamodb, "first")
    assert not goes_on(dynamodb, "first", link=2, listing=LISTING | {"remaining": 0})
    assert goes_on(dynamodb, "second")


def test_a_chain_that_failed_is_followed_by_another_at_once(dynamodb: DynamoDBClient) -> None:
    assert goes_on(dynamodb, "first")
    assert not goes_on(dynamodb, "first", link=2, listing_fails=True)
    assert goes_on(dynamodb, "second")


def test_the_end_of_another_chain_ends_none(dynamodb: DynamoDBClient) -> None:
    assert goes_on(dynamodb, "first")
    assert not goes_on(dynamodb, "second", link=2, listing=LISTING | {"remaining": 0})
    assert not goes_on(dynamodb, "third")
