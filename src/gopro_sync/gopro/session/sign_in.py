"""From a credential to a new session, in whatever way the credential allows. Stores nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from gopro_sync.errors import AuthenticationError, ConfigurationError
from gopro_sync.gopro.session.credentials import CredentialMode, Credentials
from gopro_sync.gopro.session.tokens import Grant, GrantRefusedError, OAuthClient, TokenEndpoint


class SignIn:
    """Obtain new sessions: by the refresh token first, and by the password if GoPro has ended that one.

    Args:
        tokens: GoPro's token endpoint.
        clock: returns the time, aware.
        spare_refresh_token: returns another refresh token once the stored one is refused; None if there is none.
        before_login: called right before a password login; an error that it raises prevents the login.
    """

    def __init__(
        self,
        tokens: TokenEndpoint,
        *,
        clock: Callable[[], datetime],
        spare_refresh_token: Callable[[], str | None] = lambda: None,
        before_login: Callable[[], None] = lambda: None,
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._spare_refresh_token = spare_refresh_token
        self._before_login = before_login

    def renewed(self, credentials: Credentials) -> Credentials:
        """Return the credentials with a new session, and with the newest refresh token.

        Raises:
            AuthenticationError: GoPro grants no session for them.
            ConfigurationError: client_id or client_secret is missing, or GoPro does not know them.
            GoProSyncError: what the token endpoint and ``before_login`` raise.
        """
        if credentials.mode is CredentialMode.PASTED_TOKEN:
            raise AuthenticationError("GoPro does not accept the pasted token, and there is nothing to renew it with")
        client = _client_of(credentials)
        grant = self._by_refresh_token(client, credentials) or self._by_password(client, credentials)
        now = self._clock()
        renewed = replace(
            credentials,
            auth_token=grant.access_token,
            refresh_token=grant.refresh_token or credentials.refresh_token,
            user_id=grant.user_id or credentials.user_id,
            expires_at=now + timedelta(seconds=grant.expires_in_seconds),
            obtained_at=now,
        )
        renewed.session()  # a token that no HTTP header could carry is not worth storing
        return renewed

    def _by_refresh_token(self, client: OAuthClient, credentials: Credentials) -> Grant | None:
        for refresh_token in self._refresh_tokens(credentials):
            try:
                return self._tokens.by_refresh_token(client, refresh_token)
            except GrantRefusedError:
                continue
        return None

    def _refresh_tokens(self, credentials: Credentials) -> Iterator[str]:
        if credentials.refresh_token is None:
            return
        yield credentials.refresh_token
        spare = self._spare_refresh_token()
        if spare not in {None, credentials.refresh_token}:
            yield str(spare)

    def _by_password(self, client: OAuthClient, credentials: Credentials) -> Grant:
        username, password = credentials.username, credentials.password
        if username is None or password is None:
            raise AuthenticationError("GoPro does not accept the refresh token, and the secret holds no password")
        self._before_login()
        try:
            return self._tokens.by_password(client, username=username, password=password)
        except GrantRefusedError as error:
            raise AuthenticationError(
                "GoPro refuses the e-mail address and password (they are wrong, or the account asks for a second "
                "factor, or it signs in through Google, Apple or Facebook and has no password of its own)"
            ) from error


def _client_of(credentials: Credentials) -> OAuthClient:
    client_id, client_secret = credentials.client_id, credentials.client_secret
    if client_id is None or client_secret is None:
        missing = [name for name, value in (("client_id", client_id), ("client_secret", client_secret)) if not value]
        raise ConfigurationError(f"The secret lacks {' and '.join(missing)}, without which GoPro renews no session")
    return OAuthClient(client_id=client_id, client_secret=client_secret)
