"""What came of an update of a record, whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from gopro_sync.errors import ConfigurationError
from gopro_sync.table.record_update import UpdateOutcome, update_record
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "gopro-sync-tracker"


@pytest.fixture
def client() -> Iterator[DynamoDBClient]:
    with tracker_table(TABLE) as client:
        client.put_item(TableName=TABLE, Item={"media_id": {"S": "m1"}, "count": {"N": "1"}})
        yield client


def set_count(client: DynamoDBClient, key: str = "m1", *, to: int = 2, **options: object) -> UpdateOutcome:
    return update_record(
        client,
        TABLE,
        key,
        "SET #count = :to",
        {":to": to},
        names={"#count": "count"},
        **options,  # type: ignore[arg-type]  # options by name
    )


def test_the_record_before_and_after_is_given_to_who_asks_for_it(client: DynamoDBClient) -> None:
    before = set_count(client, returns="ALL_OLD")
    after = set_count(client, to=3, returns="ALL_NEW")
    assert before == UpdateOutcome(is_done=True, record={"media_id": "m1", "count": 1})
    assert after == UpdateOutcome(is_done=True, record={"media_id": "m1", "count": 3})
    assert set_count(client).record == {}


def test_a_condition_that_does_not_hold_changes_nothing_and_shows_the_record(client: DynamoDBClient) -> None:
    outcome = set_count(client, condition="attribute_not_exists(media_id)")
    assert outcome == UpdateOutcome(is_done=False, record={"media_id": "m1", "count": 1})
    assert set_count(client, returns="ALL_OLD").record == {"media_id": "m1", "count": 1}


def test_a_record_that_is_not_there_is_shown_as_empty(client: DynamoDBClient) -> None:
    assert set_count(client, "m2", condition="attribute_exists(media_id)") == UpdateOutcome(is_done=False, record={})
    assert set_count(client, "m2", returns="ALL_OLD") == UpdateOutcome(is_done=True, record={})


def test_an_error_names_the_video(client: DynamoDBClient) -> None:
    client.delete_table(TableName=TABLE)
    with pytest.raises(ConfigurationError, match="media item m1"):
        set_count(client, media_id="m1")
