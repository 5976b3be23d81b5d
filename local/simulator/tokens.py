"""The simulated account and its OAuth tokens. All are plainly fake: no part of any is shaped like a real one."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.simulator.clock import SimulatorClock
from local.simulator.settings import RefreshTokenMode

SCOPE = "root root:channels public me upload media_library_beta live"


class GrantRefusedError(Exception):
    """The token endpoint refuses.

    Args:
        error: the OAuth error code.
        status: the HTTP status.
    """

    def __init__(self, error: str, *, status: int) -> None:
        self.error = error
        self.status = status
        super().__init__(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The owner of the library. Nothing in it opens anything outside this process."""

    username: str = "camera-owner@example.com"
    password: str = field(default="not-a-real-password", repr=False)
    client_id: str = "fake-client-id"
    client_secret: str = field(default="fake-client-secret", repr=False)


class TokenIssuer:
    """Grant, refresh and check tokens.

    Args:
        account: the account.
        clock: decides when a token has expired.
    """

    def __init__(self, account: Account, clock: SimulatorClock) -> None:
        self._account = account
        self._clock = clock
        self._lock = threading.Lock()
        self._access_tokens: dict[str, float] = {}
        self._refresh_tokens: set[str] = set()
        self._issued = 0

    @property
    def client(self) -> dict[str, str]:
        """The OAuth client that a renewal has to name, as the fields of the secret."""
        return {"client_id": self._account.client_id, "client_secret": self._account.client_secret}

    def grant(self, form: Mapping[str, str], *, lifetime_seconds: int, mode: RefreshTokenMode) -> dict[str, object]:
        """Answer the token endpoint.

        Raises:
            GrantRefusedError: the client, the password or the refresh token is wrong.
        """
        client = (form.get("client_id"), form.get("client_secret"))
        if client != (self._account.client_id, self._account.client_secret):
            raise GrantRefusedError("invalid_client", status=401)
        with self._lock:
            if form.get("grant_type") == "password":
                return self._grant_password(form, lifetime_seconds)
            if form.get("grant_type") == "refresh_token":
                return self._grant_refresh(form.get("refresh_token", ""), lifetime_seconds, mode)
        raise GrantRefusedError("unsupported_grant_type", status=400)

    def sign_in(self, *, lifetime_seconds: int) -> tuple[str, str]:
        """Return a new access token and a new refresh token, as the owner would receive them."""
        with self._lock:
            return self._new_access_token(lifetime_seconds), self._new_refresh_token()

    def is_alive(self, access_token: str) -> bool:
        """Return whether an access token opens the library now."""
        with self._lock:
            return self._access_tokens.get(access_token, 0) > self._clock.now()

    def expire_access_tokens(self) -> None:
        """Invalidate every access token issued so far."""
        with self._lock:
            self._access_tokens.clear()

    def expire_refresh_tokens(self) -> None:
        """Invalidate every refresh token issued so far."""
        with self._lock:
            self._refresh_tokens.clear()

    def _grant_password(self, form: Mapping[str, str], lifetime_seconds: int) -> dict[str, object]:
        if (form.get("username"), form.get("password")) != (self._account.username, self._account.password):
            raise GrantRefusedError("invalid_grant", status=401)
        return self._reply(lifetime_seconds, refresh_token=self._new_refresh_token())

    def _grant_refresh(self, used: str, lifetime_seconds: int, mode: RefreshTokenMode) -> dict[str, object]:
        if used not in self._refresh_tokens:
            raise GrantRefusedError("invalid_grant", status=400)
        if mode is RefreshTokenMode.OMIT:
            return self._reply(lifetime_seconds, refresh_token=None)
        if mode is RefreshTokenMode.KEEP:
            return self._reply(lifetime_seconds, refresh_token=used)
        if mode is RefreshTokenMode.ROTATE_AND_KILL:
            self._refresh_tokens.remove(used)
        return self._reply(lifetime_seconds, refresh_token=self._new_refresh_token())

    def _reply(self, lifetime_seconds: int, *, refresh_token: str | None) -> dict[str, object]:
        reply: dict[str, object] = {
            "access_token": self._new_access_token(lifetime_seconds),
            "token_type": "bearer",
            "expires_in": lifetime_seconds,
            "scope": SCOPE,
        }
        return reply if refresh_token is None else {**reply, "refresh_token": refresh_token}

    def _new_access_token(self, lifetime_seconds: int) -> str:
        self._issued += 1
        # Five parts like the real ones, which no client can look into.
        token = f"fake-access-token.of-five-parts.no-{self._issued:06d}.{secrets.token_hex(16)}.{secrets.token_hex(8)}"
        self._access_tokens[token] = self._clock.now() + lifetime_seconds
        return token

    def _new_refresh_token(self) -> str:
        token = f"fake-refresh-token-{secrets.token_hex(24)}"
        self._refresh_tokens.add(token)
        return token
