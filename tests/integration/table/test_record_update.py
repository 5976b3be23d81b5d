"""What came of an update of a record, whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from gopro_sync.errors import ConfigurationError
from gopro_sync.table.record_update import UpdateOutcome, update_record
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "gopro-sync-tracker"
NAMES: Final = {"#count": "count"}
EMPTY: Final[Mapping[str, int]] = {}


@pytest.fixture
def client() -> Iterator[DynamoDBClient]:
    with tracker_table(TABLE) as client:
        client.put_item(TableName=TABLE, Item={"media_id": {"S": "m1"}, "count": {"N": "1"}})
        yield client


def set_count(
    client: DynamoDBClient, key: str = "m1", *, to: int = 2, values: Mapping[str, int] = EMPTY, **options: object
) -> UpdateOutcome:
    return update_record(
        client,
        TABLE,
        key,
        "SET #count = :to",
        {":to": to, **values},
        names=NAMES,
        **options,  # type: ignore[arg-type]  # options by name
    )


def test_the_record_before_and_after_is_given_to_who_asks_for_it(client: DynamoDBClient) -> None:
    before = set_count(client, returns="ALL_OLD")
    after = set_count(client, to=3, returns="ALL_NEW")
    assert before == UpdateOutcome(is_done=True, record={"media_id": "m1", "count": 1})
    assert (after.is_done, after.record["media_id"], after.record["count"]) == (True, "m1", 3)
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


class LosesAnswers:
    """Acts, and then acts again, as a client does that got no answer: botocore sends the very same request."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client
        self.exceptions = client.exceptions

    def update_item(self, **request: Any) -> Any:
        self._client.update_item(**request)
        return self._client.update_item(**request)


@pytest.fixture
def losing(client: DynamoDBClient) -> DynamoDBClient:
    return cast("DynamoDBClient", LosesAnswers(client))


def test_a_write_whose_answer_was_lost_is_done_and_the_record_is_shown_as_it_is(losing: DynamoDBClient) -> None:
    outcome = set_count(losing, condition="#count = :one", values={":one": 1}, returns="ALL_NEW")
    assert (outcome.is_done, outcome.record["count"]) == (True, 2)


def test_a_write_whose_answer_was_lost_is_not_made_twice(losing: DynamoDBClient) -> None:
    expression, values = "SET #count = #count + :more", {":more": 5}
    outcome = update_record(losing, TABLE, "m1", expression, values, names=NAMES, condition="#count < :more")
    assert outcome.is_done
    assert set_count(losing, returns="ALL_OLD", condition="attribute_not_exists(media_id)").record["count"] == 6


def test_a_write_that_only_takes_away_is_recognised_too(losing: DynamoDBClient, client: DynamoDBClient) -> None:
    outcome = update_record(losing, TABLE, "m1", "REMOVE #count", {}, names=NAMES, condition="attribute_exists(#count)")
    assert outcome.is_done
    assert "count" not in client.get_item(TableName=TABLE, Key={"media_id": {"S": "m1"}})["Item"]


def test_the_same_write_by_another_is_another_write(client: DynamoDBClient) -> None:
    assert set_count(client, condition="#count = :one", values={":one": 1}).is_done
    assert not set_count(client, condition="#count = :one", values={":one": 1}).is_done
