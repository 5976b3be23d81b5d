"""Who we are to GoPro: the secret, and the session that comes out of it.

The access token is opaque: since late 2024 it is an encrypted token of five parts in which a client can read nothing,
so its end is known only from what was stored beside it when it was obtained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, NoReturn, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync.errors import AccessDeniedError, AuthenticationError, ConfigurationError, SecretStoreError
from gopro_sync.timestamps import iso_utc, parse_iso_utc

# RFC 6265's cookie octets: what may stand in a Cookie header; an Authorization header takes all of them as well.
_HEADER_SAFE = re.compile(r"[!#-+\--:<-\[\]-~]+")

_MISCONFIGURED = frozenset({"ResourceNotFoundException", "InvalidRequestException", "InvalidParameterException"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "DecryptionFailure"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What proves to GoPro who is asking.

    Attributes:
        auth_token: the opaque access token.
        user_id: the account's id, which browsers send along with the token.
        expires_at: when the token ends, if that is known.

    Raises:
        ConfigurationError: a value that no HTTP header can carry, such as a token pasted with a line break.
    """

    auth_token: str = field(repr=False)
    user_id: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        for name, value in (("auth_token", self.auth_token), ("user_id", self.user_id)):
            if value is not None and not _HEADER_SAFE.fullmatch(value):
                raise ConfigurationError(
                    f"The {name} is empty or holds a blank, a line break, a quote or a character that it cannot have"
                )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """The secret's content; every field is optional, and what is there decides how a session is obtained.

    Attributes:
        auth_token: an access token, stored as it is.
        user_id: the account's id.
        refresh_token: renews the access token.
        username: the account's e-mail address.
        password: the account's password.
        client_id: the OAuth client with which a token is renewed.
        client_secret: that client's secret.
        expires_at: when the access token ends.
        obtained_at: when the access token was obtained.
        unknown_fields: what else the operator keeps in the secret; ours to preserve, not to use.
    """

    auth_token: str | None = None
    user_id: str | None = None
    refresh_token: str | None = None
    username: str | None = None
    password: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    expires_at: datetime | None = None
    obtained_at: datetime | None = None
    unknown_fields: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def __repr__(self) -> str:
        given = ", ".join(name for name in _KNOWN_FIELDS if getattr(self, name) is not None)
        return f"Credentials(fields given: {given or 'none'})"

    @classmethod
    def parse(cls, secret_string: str) -> Credentials:
        """Reads the secret's JSON object; empty text counts as not given.

        Raises:
            ConfigurationError: not JSON, not an object, a field of the wrong type, or no credential in it.
        """
        content = _json_object(secret_string)
        credentials = cls(
            auth_token=_text(content, "auth_token"),
            user_id=_text(content, "user_id"),
            refresh_token=_text(content, "refresh_token"),
            username=_text(content, "username"),
            password=_text(content, "password"),
            client_id=_text(content, "client_id"),
            client_secret=_text(content, "client_secret"),
            expires_at=_moment(content, "expires_at"),
            obtained_at=_moment(content, "obtained_at"),
            unknown_fields=MappingProxyType({name: content[name] for name in content.keys() - set(_KNOWN_FIELDS)}),
        )
        has_login = credentials.username is not None and credentials.password is not None
        if credentials.auth_token is None and credentials.refresh_token is None and not has_login:
            raise ConfigurationError(
                "The secret holds no credential: it needs auth_token, refresh_token, or username and password"
            )
        return credentials


_KNOWN_FIELDS = tuple(entry.name for entry in fields(Credentials) if entry.name != "unknown_fields")


class SecretsClient(Protocol):
    """The part of boto3's Secrets Manager client that is used here."""

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803 - boto3 names its arguments so
        """Returns the secret's current version."""


class CredentialStore:
    """The secret in AWS Secrets Manager. Whatever reads or writes it goes through here.

    Args:
        secrets_client: a boto3 client for ``secretsmanager``.
        secret_id: the secret's name or ARN.
    """

    def __init__(self, secrets_client: SecretsClient, secret_id: str) -> None:
        self._client = secrets_client
        self._secret_id = secret_id

    def load(self) -> Credentials:
        """Reads the current credentials.

        Raises:
            ConfigurationError: there is no such secret, it has no value, or the value is malformed.
            AccessDeniedError: the role may not read or decrypt it.
            SecretStoreError: Secrets Manager failed or could not be reached.
        """
        try:
            answer = self._client.get_secret_value(SecretId=self._secret_id)
        except ClientError as error:
            _raise_for(error)
        except BotoCoreError as error:
            raise SecretStoreError(f"Secrets Manager did not answer ({type(error).__name__})") from error
        secret_string = answer.get("SecretString")
        if not secret_string:
            raise ConfigurationError("The secret has no text value")
        return Credentials.parse(secret_string)


def ensure_session(credentials: Credentials, now: datetime) -> Session:
    """Turns the credentials into a session that is valid now, as far as can be known without asking GoPro.

    This is the one place where the way to a session is chosen; this version takes the stored token.

    Args:
        credentials: the secret's content.
        now: the current time, aware.

    Raises:
        AuthenticationError: the stored token has expired.
        ConfigurationError: there is no stored token, or it cannot be one.
    """
    if credentials.auth_token is None:
        raise ConfigurationError(
            "The secret holds no auth_token, and this version cannot sign in with a password or a refresh token"
        )
    if credentials.expires_at is not None and credentials.expires_at <= now:
        raise AuthenticationError(f"The stored GoPro session expired at {iso_utc(credentials.expires_at)}")
    return Session(auth_token=credentials.auth_token, user_id=credentials.user_id, expires_at=credentials.expires_at)


def _raise_for(error: ClientError) -> NoReturn:
    code = error.response.get("Error", {}).get("Code", "without a code")
    if code in _MISCONFIGURED:
        raise ConfigurationError(f"The secret cannot be read ({code}): it is missing, deleted or empty") from error
    if code in _DENIED:
        raise AccessDeniedError(f"Reading the secret was refused ({code} on GetSecretValue)") from error
    raise SecretStoreError(f"Secrets Manager failed ({code})") from error


def _json_object(secret_string: str) -> dict[str, Any]:
    try:
        content = json.loads(secret_string)
    except (ValueError, RecursionError):
        # Not chained: a JSONDecodeError carries the whole secret with it.
        raise ConfigurationError("The secret is not JSON") from None
    if not isinstance(content, dict):
        raise ConfigurationError("The secret is JSON, but not an object")
    return content


def _text(content: Mapping[str, object], name: str) -> str | None:
    value = content.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"The secret's {name} is not text")
    return value or None


def _moment(content: Mapping[str, object], name: str) -> datetime | None:
    value = _text(content, name)
    if value is None:
        return None
    try:
        return parse_iso_utc(value)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"The secret's {name} is not a time with a zone, such as 2026-05-01T18:02:44Z"
        ) from error
