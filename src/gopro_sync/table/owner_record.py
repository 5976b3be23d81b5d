"""Remember whose library the stack archives.

It is one record of the tracker's table under a key that no video has. It has no ``status``, so it is in no index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gopro_sync.table.record_update import update_record
from gopro_sync.values.outside_values import account_id_or_none, text_or_none

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OWNER_KEY: Final = "#gopro-account"


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryOwner:
    """An account, identified by the ids that GoPro showed.

    Attributes:
        in_listing: the id in the listing's rows; None if they have none.
        in_token: the id that came with the session; None if none did.
    """

    in_listing: str | None
    in_token: str | None

    def is_another_than(self, known: LibraryOwner) -> bool:
        """Return whether it is known to be another account: by the rows if both have that id, else by the token."""
        if self.in_listing is not None and known.in_listing is not None:
            return self.in_listing != known.in_listing
        return None not in {self.in_token, known.in_token} and self.in_token != known.in_token

    def joined_to(self, known: LibraryOwner) -> LibraryOwner:
        """Return what is known about the account, with what this one adds."""
        return LibraryOwner(in_listing=known.in_listing or self.in_listing, in_token=known.in_token or self.in_token)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOwner:
    """What the stack remembers: the account, and the statement by which a person last allowed another one."""

    owner: LibraryOwner
    statement: str | None = None


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
        """Return what is remembered; if nothing is, remember this owner, if allowed, and return it."""
        # A failed condition returns the record as it is: one call reads, or writes the first time.
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
        """Remember this in place of what was remembered before."""
        update_record(self._client, self._table_name, OWNER_KEY, _ASSIGNMENT, _values_of(known))


_ASSIGNMENT: Final = "SET listing_user_id = :listing, token_user_id = :token, another_account = :statement"


def _values_of(known: KnownOwner) -> dict[str, str]:
    # Empty where there is none, and read as none.
    return {
        ":listing": known.owner.in_listing or "",
        ":token": known.owner.in_token or "",
        ":statement": known.statement or "",
    }
