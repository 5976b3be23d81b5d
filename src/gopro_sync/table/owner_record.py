"""Remembers whose library the stack archives.

It is one record of the tracker's table under a key that no video has. It has no ``status``, so it is in no index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gopro_sync.run.library_owner import KnownOwner, LibraryOwner
from gopro_sync.table.record_update import update_record
from gopro_sync.values.outside_values import account_id_or_none, text_or_none

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OWNER_KEY: Final = "#gopro-account"


class OwnerRecord:
    """The record.

    All methods raise AccessDeniedError, ConfigurationError (no such table) or TrackerError.

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def known_or(self, owner: LibraryOwner, *, may_remember: bool) -> KnownOwner:
        """Returns what is remembered; if that is nothing, remembers this owner, if it may, and returns it."""
        # A condition that does not hold brings the record as it is: one call reads, or writes the first time.
        condition = "attribute_not_exists(media_id)"
        if not may_remember:
            condition += " AND attribute_exists(media_id)"  # never holds
        outcome = update_record(
            self._client,
            self._table_name,
            OWNER_KEY,
            _ASSIGNMENT,
            _values_of(KnownOwner(owner=owner)),
            condition=condition,
        )
        if outcome.is_done or not outcome.record:
            return KnownOwner(owner=owner)
        return KnownOwner(
            owner=LibraryOwner(
                in_listing=account_id_or_none(outcome.record.get("listing_user_id")),
                in_token=account_id_or_none(outcome.record.get("token_user_id")),
            ),
            statement=text_or_none(outcome.record.get("another_account")),
        )

    def remember(self, known: KnownOwner) -> None:
        """Remembers this in the place of what was."""
        update_record(self._client, self._table_name, OWNER_KEY, _ASSIGNMENT, _values_of(known))


_ASSIGNMENT: Final = "SET listing_user_id = :listing, token_user_id = :token, another_account = :statement"


def _values_of(known: KnownOwner) -> dict[str, str]:
    # Empty where there is none: it is read as none.
    return {
        ":listing": known.owner.in_listing or "",
        ":token": known.owner.in_token or "",
        ":statement": known.statement or "",
    }
