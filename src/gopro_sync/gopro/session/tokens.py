"""GoPro's OAuth token endpoint: how a password or a refresh token becomes a session.

Observed by open-source clients; GoPro documents none of it. The operator configures which client is asking
(``client_id`` and ``client_secret``): GoPro registers none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gopro_sync.errors import ConfigurationError, GoProApiChangedError, SessionRefusedError
from gopro_sync.gopro.http import Exchange, json_of
from gopro_sync.gopro.statuses import Answer, error_for
from gopro_sync.values.outside_values import account_id_or_none, text_or_none, whole_number_or_none

_PATH: Final = "/v1/oauth2/token"
_SCOPE: Final = "root root:channels public me upload media_library_beta live"
# Three attempts and the pauses between them have to fit into the authenticator's 30 seconds.
_TIMEOUT_SECONDS: Final = 6.0
# Ten years. A longer lifetime is in another unit, and the session would be trusted long after its end.
_LONGEST_LIFETIME_SECONDS: Final = 10 * 365 * 86_400
_REFUSED_GRANTS: Final = frozenset({"invalid_grant", "token_blacklisted", "access_denied"})


class GrantRefusedError(Exception):
    """GoPro grants no session for this password or refresh token. Part of the protocol: it leaves no use case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """The client that is asking, according to the secret."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What GoPro granted.

    Attributes:
        access_token: the new session's token.
        expires_in_seconds: how long it lives; trusted, never decoded from the token.
        refresh_token: the newest one; None if GoPro sent none, and the old one stays in force.
        user_id: the account's id; GoPro may leave it out after a refresh.
    """

    access_token: str = field(repr=False)
    expires_in_seconds: int
    refresh_token: str | None = field(repr=False)
    user_id: str | None = field(repr=False)


class TokenEndpoint:
    """Request sessions.

    Every call raises `GrantRefusedError`, `ConfigurationError` (GoPro does not know the client), `GoProApiChangedError`
    (an answer of an unknown kind), and, after the tries of the retry policy, `ThrottledError` or `NetworkError`.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def by_password(self, client: OAuthClient, *, username: str, password: str) -> Grant:
        """Signs in."""
        return self._grant(
            client, {"grant_type": "password", "username": username, "password": password, "scope": _SCOPE}
        )

    def by_refresh_token(self, client: OAuthClient, refresh_token: str) -> Grant:
        """Renew a session. The refresh token may be worthless afterwards, even if the answer is lost."""
        return self._grant(client, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def _grant(self, client: OAuthClient, form: Mapping[str, str]) -> Grant:
        whole_form = {"client_id": client.client_id, "client_secret": client.client_secret, **form}

        def attempt() -> Grant:
            answer = self._exchange.post_form(_PATH, whole_form, timeout_seconds=_TIMEOUT_SECONDS)
            self._refuse_errors(answer)
            return _grant_of(json_of(answer))

        return self._exchange.retried(f"POST {_PATH}", attempt)

    def _refuse_errors(self, answer: Answer) -> None:
        if answer.status == 200:
            return
        code = _oauth_error_code(answer.body)
        if code == "invalid_client":
            raise ConfigurationError("GoPro does not know the client_id and client_secret that the secret holds")
        error = error_for(answer, now=self._exchange.now())
        if code in _REFUSED_GRANTS or isinstance(error, SessionRefusedError):
            raise GrantRefusedError(code if code in _REFUSED_GRANTS else f"status {answer.status}")
        if error is not None:
            raise error


def _oauth_error_code(body: bytes) -> str | None:
    """Return the ``error`` of a JSON error body; compared with known codes only, never shown."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return text_or_none(content.get("error")) if isinstance(content, dict) else None


def _grant_of(content: object) -> Grant:
    fields = content if isinstance(content, dict) else {}
    access_token = text_or_none(fields.get("access_token"))
    expires_in_seconds = whole_number_or_none(fields.get("expires_in"))
    if access_token is None or not expires_in_seconds or expires_in_seconds > _LONGEST_LIFETIME_SECONDS:
        raise GoProApiChangedError("GoPro's token endpoint answered without a token or without a plausible lifetime")
    return Grant(
        access_token=access_token,
        expires_in_seconds=expires_in_seconds,
        refresh_token=text_or_none(fields.get("refresh_token")),
        user_id=account_id_or_none(fields.get("resource_owner_id")),
    )
