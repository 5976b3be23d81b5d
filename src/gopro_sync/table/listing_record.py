"""Remember by how much GoPro's listing was short when people last heard of it: a difference is reported once.

It is one record of the tracker's table under a key that no video has. It has no ``status``, so it is in no index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gopro_sync.table.record_update import update_record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LISTING_KEY: Final = "#gopro-listing"


class ListingRecord:
    """The record.

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def is_news(self, lacking: int, *, run: str) -> bool:
        """Record how many items are missing, and return whether to report it: the number differs from the last one.

        Args:
            lacking: how many; 0 if none are, which is never reported, but makes the next number news.
            run: the run that reports it. A repeated call by the same run, whose answer may have been lost, is news
                again.

        Raises:
            AccessDeniedError: the role may not do it.
            ConfigurationError: there is no such table.
            TrackerError: DynamoDB failed after botocore's own retries.
        """
        is_another = "lacking_items <> :lacking"
        outcome = update_record(
            self._client,
            self._table_name,
            LISTING_KEY,
            "SET lacking_items = :lacking, reported_by = :run",
            {":lacking": lacking, ":run": run},
            # As long as nothing was ever missing, nothing is written.
            condition=f"attribute_not_exists(media_id) OR {is_another} OR reported_by = :run"
            if lacking
            else f"attribute_exists(media_id) AND {is_another}",
        )
        return lacking > 0 and outcome.is_done
