"""Which video may have the session renewed: of all the videos that GoPro refuses at the same moment, only one asks.

The authenticator may be limited to one instance (a reserved concurrency of 1), and forty videos that ask for it would
wait for each other's answers. So each looks into the record that also guards the renewal (``table/session_guard.py``):
the first one asks, and the others return later and find the new session. All of it happens in the downloader, which is
refused anyway, and waits in the state machine, where waiting costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.errors import AuthenticationError
from gopro_sync.gopro.session.renewal import REFUSAL_HOLDS
from gopro_sync.table.record_update import update_record
from gopro_sync.table.session_guard import GUARD_KEY, refusal_of
from gopro_sync.values.timestamps import epoch_seconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Longer than the state machine keeps calling the authenticator before it returns here, and the call itself.
_CLAIM_LASTS: Final = timedelta(seconds=180)


class RenewalClaim:
    """The claim to have one version of the secret renewed.

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
        owner: the video of the run.
        clock: returns the time, aware.
    """

    def __init__(self, client: DynamoDBClient, table_name: str, *, owner: str, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._table_name = table_name
        self._owner = owner
        self._clock = clock

    def take(self, version_id: str, *, in_vain: bool) -> bool:
        """Return whether this video may have the session renewed.

        Args:
            version_id: the version of the secret whose session GoPro refuses.
            in_vain: whether this video has had a session renewed already, and is refused again. Then nobody waits for
                anybody else: GoPro refuses whatever it has granted, and each video finds that out for itself.

        Raises:
            AuthenticationError: GoPro granted no session for this version within the last hour.
            GoProSyncError: what the table raises.
        """
        now = self._clock()
        outcome = update_record(
            self._client,
            self._table_name,
            GUARD_KEY,
            "SET renewal_owner = :owner, renewal_version = :version, renewal_until = :until"
            + (", renewed_in_vain = :version" if in_vain else ""),
            {
                ":owner": self._owner,
                ":version": version_id,
                ":until": epoch_seconds(now + _CLAIM_LASTS),
                ":now": epoch_seconds(now),
            },
            condition="attribute_not_exists(renewal_version) OR renewal_version <> :version OR renewal_owner = :owner "
            "OR renewal_until < :now OR renewed_in_vain = :version",
            returns="ALL_NEW",
        )
        self._repeat_refusal(outcome.record, version_id, now)
        return outcome.is_done

    @staticmethod
    def _repeat_refusal(record: Mapping[str, Any], version_id: str, now: datetime) -> None:
        refusal = refusal_of(record.get("refusal"))
        if refusal is not None and refusal.version_id == version_id and now - refusal.last_tried_at < REFUSAL_HOLDS:
            raise AuthenticationError(refusal.reason)
