"""What the tracker asks DynamoDB for, where no fake of DynamoDB would notice the difference."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from gopro_sync.table.tracker import Tracker

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "gopro-sync-tracker"


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def client(asked: list[dict[str, Any]]) -> DynamoDBClient:
    """A client that notes what it is asked for, finds nothing, and leaves one key of a batch for another call."""
    session = botocore.session.get_session()
    session.set_credentials("fake-key-id", "fake-secret-key")
    client: Any = session.create_client("dynamodb", region_name="eu-central-1")

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)

    def answer(**_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        left = {} if len(asked) > 1 else asked[-1].get("RequestItems", {})
        http = AWSResponse("https://dynamodb.invalid", 200, HTTPHeaders(), None)
        return http, {"Responses": {}, "UnprocessedKeys": left}

    client.meta.events.register("provide-client-params.dynamodb", note)
    client.meta.events.register("before-call.dynamodb", answer)
    found: DynamoDBClient = client
    return found


def test_what_is_archived_is_read_strongly_so_that_no_run_copies_it_again(
    client: DynamoDBClient, asked: list[dict[str, Any]]
) -> None:
    tracker = Tracker(client, TABLE, clock=lambda: datetime(2026, 5, 1, tzinfo=UTC), sleep=lambda _seconds: None)

    assert tracker.get_many(["a", "b"]) == {}

    assert len(asked) == 2, "the keys that DynamoDB left are asked for again"
    for request in asked:
        assert request["RequestItems"][TABLE]["ConsistentRead"] is True
