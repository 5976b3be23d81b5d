"""Put a credential into the secret once GoPro has accepted it, with the same code as the functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import boto3
import httpx

from gopro_sync.errors import AuthenticationError, ConfigurationError, SessionRefusedError
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.http import Exchange, RetryPolicy, open_http_client
from gopro_sync.gopro.session.credentials import CredentialMode, Credentials, CredentialStore
from gopro_sync.gopro.session.sign_in import SignIn
from gopro_sync.gopro.session.tokens import TokenEndpoint
from gopro_sync.values.timestamps import iso_utc, now_utc
from gopro_sync_cli.credential_place import find_credential_place

# The life of the browser's cookie, as clients measured it; GoPro often ends the token in it sooner.
_LONGEST_LIFE_OF_A_PASTED_TOKEN: Final = timedelta(days=7)
_PATIENCE: Final = RetryPolicy(attempts=3, longest_pause_seconds=4)


class CredentialUpdate:
    """The secret, and the GoPro that has to accept its credential.

    Args:
        store: the secret.
        http: carries the requests.
        gopro_api_base_url: where the GoPro API is.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        store: CredentialStore,
        http: httpx.Client,
        *,
        gopro_api_base_url: str,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._store = store
        self._http = http
        self._base_url = gopro_api_base_url
        self._clock = clock

    def store(self, given: Credentials, *, is_another_account: bool = False) -> Credentials:
        """Store the credential with a session that GoPro accepts, and return what was stored.

        Of the old value, only the OAuth client and the fields that this system does not know are kept.

        Args:
            given: the credential.
            is_another_account: whether it may belong to another account than the one whose library is archived.

        Raises:
            AuthenticationError: GoPro does not accept it; nothing is stored.
            GoProSyncError: what GoPro's servers and the secret store raise; nothing is stored.
        """
        old = self._current()
        credentials = replace(
            given,
            supersedes=(),  # a new beginning, whatever was copied from an old value
            another_account=iso_utc(self._clock()) if is_another_account else None,
            client_id=given.client_id or (old.client_id if old else None),
            client_secret=given.client_secret or (old.client_secret if old else None),
            unknown_fields=MappingProxyType({**(old.unknown_fields if old else {}), **given.unknown_fields}),
        )
        accepted = self._accepted(credentials)
        self._store.replace(accepted)
        return accepted

    def check(self) -> Credentials:
        """Return what is stored if GoPro accepts its session.

        Raises:
            SessionRefusedError: it does not, or there is none yet.
            GoProSyncError: what GoPro's servers and the secret store raise.
        """
        credentials = self._store.load().credentials
        self._probe(credentials)
        return credentials

    def _accepted(self, credentials: Credentials) -> Credentials:
        if credentials.mode is not CredentialMode.PASTED_TOKEN:
            exchange = Exchange(self._http, base_url=self._base_url, retry_policy=_PATIENCE)
            return SignIn(TokenEndpoint(exchange), clock=self._clock).renewed(credentials)
        try:
            self._probe(credentials)
        except SessionRefusedError as error:
            raise AuthenticationError("GoPro does not accept this token. Nothing was stored") from error
        now = self._clock()
        end = credentials.expires_at or now + _LONGEST_LIFE_OF_A_PASTED_TOKEN
        return replace(credentials, obtained_at=now, expires_at=end)

    def _probe(self, credentials: Credentials) -> None:
        GoProClient(self._http, credentials.session(), base_url=self._base_url, retry_policy=_PATIENCE).check_session()

    def _current(self) -> Credentials | None:
        """Return what is stored now; None if there is nothing, or nothing that can be read."""
        try:
            return self._store.load().credentials
        except ConfigurationError:
            return None


@contextmanager
def open_update(
    *, stack_name: str, secret_id: str | None, region: str | None, gopro_api_base_url: str | None
) -> Iterator[CredentialUpdate]:
    """Make the clients, and close them afterwards.

    Args:
        stack_name: the stack whose secret it is, unless ``secret_id`` names another one's.
        secret_id: name or ARN of the secret; None takes the stack's.
        region: where they are, unless an ARN names it; None takes that of the AWS configuration.
        gopro_api_base_url: the expected address of the GoPro API; None takes the stack's.

    Raises:
        ConfigurationError: there is no such stack or secret, or it is not sure which GoPro it belongs to.
        BotoCoreError: no region or no AWS credentials can be found.
    """
    session = boto3.Session(region_name=_region_of_arn(secret_id or "") or region)
    place = find_credential_place(
        session.client("cloudformation"),
        stack_name=stack_name,
        secret_id=secret_id,
        gopro_api_base_url=gopro_api_base_url,
    )
    store = CredentialStore(session.client("secretsmanager"), place.secret_id)
    with open_http_client() as http:
        yield CredentialUpdate(store, http, gopro_api_base_url=place.gopro_api_base_url)


def _region_of_arn(secret_id: str) -> str | None:
    # arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME
    return secret_id.split(":")[3] if secret_id.startswith("arn:") and secret_id.count(":") >= 6 else None
