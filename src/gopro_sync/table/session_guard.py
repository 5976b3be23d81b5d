"""Keep two invocations from renewing the session at once, and remember GoPro's answer to the last one.

GoPro may end a refresh token when it is used, and open-source clients warn of concurrent refreshes; reserved
concurrency of one would not do, since a timed-out invocation can still be at work.

It is one record of the tracker's table under a key that no video has. It has no ``status``, so it is in no index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.gopro.session.renewal import GuardMemory, Refusal
from gopro_sync.table.record_update import UpdateOutcome, update_record
from gopro_sync.values.outside_values import text_or_none, zoned_moment_or_none
from gopro_sync.values.timestamps import epoch_seconds, iso_utc

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
        """Take the lease and return what is remembered; None if another invocation holds it."""
        now = self._clock()
        outcome = self._update(
            "SET lease_owner = :owner, lease_expires_at = :until",
            {":until": epoch_seconds(now + _LEASE), ":now": epoch_seconds(now)},
            condition="attribute_not_exists(lease_owner) OR lease_owner = :owner OR lease_expires_at < :now",
        )
        return _memory_of(outcome.record) if outcome.is_done else None

    def note_login(self) -> None:
        """Record that a password login is being made now."""
        self._update_held("SET password_login_at = :now", {":now": iso_utc(self._clock())})

    def release(self) -> None:
        """Release the lease; what is remembered stays."""
        self._update_held("REMOVE lease_owner, lease_expires_at", {})

    def release_renewed(self) -> None:
        """Release the lease and forget the refusal: there is a session."""
        self._update_held("REMOVE lease_owner, lease_expires_at, refusal", {})

    def release_refused(self, refusal: Refusal) -> None:
        """Release the lease and remember that no session can be obtained."""
        remembered = {
            "version_id": refusal.version_id,
            "since": iso_utc(refusal.since),
            "last_tried_at": iso_utc(refusal.last_tried_at),
            "reason": refusal.reason,
        }
        self._update_held("SET refusal = :refusal REMOVE lease_owner, lease_expires_at", {":refusal": remembered})

    def note_failed_rotation(self, version_id: str) -> bool:
        """Record that the rotation to a version of the secret failed; return whether that is news."""
        return update_record(
            self._client,
            self._table_name,
            GUARD_KEY,
            "SET failed_rotation = :version_id",
            {":version_id": version_id},
            condition="attribute_not_exists(failed_rotation) OR failed_rotation <> :version_id",
        ).is_done

    def _update_held(self, expression: str, values: Mapping[str, Any]) -> None:
        # Skipped if another invocation has taken over after the lease expired: the record is its own now.
        self._update(expression, values, condition="lease_owner = :owner")

    def _update(self, expression: str, values: Mapping[str, Any], *, condition: str) -> UpdateOutcome:
        return update_record(
            self._client,
            self._table_name,
            GUARD_KEY,
            expression,
            {":owner": self._owner, **values},
            condition=condition,
            returns="ALL_NEW",
        )


def _memory_of(attributes: Mapping[str, Any]) -> GuardMemory:
    return GuardMemory(
        password_login_at=zoned_moment_or_none(attributes.get("password_login_at")),
        refusal=refusal_of(attributes.get("refusal")),
    )


def refusal_of(remembered: object) -> Refusal | None:
    """Return the refusal; None for one changed by hand and unreadable, so that GoPro is asked once more."""
    fields = remembered if isinstance(remembered, Mapping) else {}
    version_id, reason = text_or_none(fields.get("version_id")), text_or_none(fields.get("reason"))
    since, last_tried_at = zoned_moment_or_none(fields.get("since")), zoned_moment_or_none(fields.get("last_tried_at"))
    if version_id is None or reason is None or since is None or last_tried_at is None:
        return None
    return Refusal(version_id=version_id, since=since, last_tried_at=last_tried_at, reason=reason)
