"""Keeps two invocations from renewing the session at once, and remembers what GoPro said to the last one.

GoPro may end a refresh token when it is used, and open-source clients warn of concurrent refreshes; reserved
concurrency of one would not do, since a timed-out invocation can still be at work.

It is one record of the tracker's table under a key that no video has. It has no ``status``, so it is in no index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync.dynamodb_values import from_attribute_value, to_attribute_value
from gopro_sync.gopro.renewal import GuardMemory, Refusal
from gopro_sync.timestamps import iso_utc, parse_iso_utc
from gopro_sync.tracker import as_domain_error, is_condition_failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

GUARD_KEY: Final = "#gopro-session"
# Longer than the authenticator may run.
_LEASE: Final = timedelta(seconds=45)


class SessionGuard:
    """A lease on the right to renew the session.

    All methods raise AccessDeniedError, ConfigurationError (no such table) or TrackerError.

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
        owner: this invocation.
        clock: returns the time, aware.
    """

    def __init__(self, client: DynamoDBClient, table_name: str, *, owner: str, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._table_name = table_name
        self._owner = owner
        self._clock = clock

    def take(self) -> GuardMemory | None:
        """Takes the lease and returns what is remembered; None if another invocation holds it."""
        now = self._clock()
        try:
            attributes = self._update(
                "SET lease_owner = :owner, lease_expires_at = :until",
                {":until": int((now + _LEASE).timestamp()), ":now": int(now.timestamp())},
                condition="attribute_not_exists(lease_owner) OR lease_owner = :owner OR lease_expires_at < :now",
            )
        except ClientError as error:
            if is_condition_failure(error):
                return None
            raise as_domain_error(error) from error
        return _memory_of(attributes)

    def note_login(self) -> None:
        """Remembers that a password login is being made now."""
        self._update_held("SET password_login_at = :now", {":now": iso_utc(self._clock())})

    def release(self) -> None:
        """Gives the lease back; what is remembered stays."""
        self._update_held("REMOVE lease_owner, lease_expires_at", {})

    def release_renewed(self) -> None:
        """Gives the lease back and forgets the refusal: there is a session."""
        self._update_held("REMOVE lease_owner, lease_expires_at, refusal", {})

    def release_refused(self, refusal: Refusal) -> None:
        """Gives the lease back and remembers that no session can be had."""
        remembered = {
            "version_id": refusal.version_id,
            "since": iso_utc(refusal.since),
            "last_tried_at": iso_utc(refusal.last_tried_at),
            "reason": refusal.reason,
        }
        self._update_held("SET refusal = :refusal REMOVE lease_owner, lease_expires_at", {":refusal": remembered})

    def _update_held(self, expression: str, values: Mapping[str, Any]) -> None:
        try:
            self._update(expression, values, condition="lease_owner = :owner")
        except ClientError as error:
            # Another invocation has taken over, since the lease ran out: the record is its own now.
            if not is_condition_failure(error):
                raise as_domain_error(error) from error

    def _update(self, expression: str, values: Mapping[str, Any], *, condition: str) -> Mapping[str, Any]:
        all_values = {":owner": self._owner, **values}
        try:
            answer = self._client.update_item(
                TableName=self._table_name,
                Key={"media_id": {"S": GUARD_KEY}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues={name: to_attribute_value(value) for name, value in all_values.items()},
                ReturnValues="ALL_NEW",
            )
        except BotoCoreError as error:
            raise as_domain_error(error) from error
        return {name: from_attribute_value(value) for name, value in answer["Attributes"].items()}


def _memory_of(attributes: Mapping[str, Any]) -> GuardMemory:
    refusal, login_at = attributes.get("refusal"), attributes.get("password_login_at")
    return GuardMemory(
        password_login_at=None if login_at is None else parse_iso_utc(login_at),
        refusal=None
        if refusal is None
        else Refusal(
            version_id=refusal["version_id"],
            since=parse_iso_utc(refusal["since"]),
            last_tried_at=parse_iso_utc(refusal["last_tried_at"]),
            reason=refusal["reason"],
        ),
    )
