"""The secret: what it holds, how it is read, and how it is written.

What it holds decides how a session is obtained (``Credentials.mode``).

Several may write at once: the nightly renewal, one in the middle of a run, a rotation, a person. GoPro may end a
refresh token when it is used, so whoever writes last without looking could replace the living session by one that is
over. So each value is first written as a version under a label of our own, with the versions that it supersedes, and
AWSCURRENT is moved to it from one of those only: Secrets Manager refuses to take a label off a version that does not
carry it. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html

A label is on one version at a time. A version that has lost all its labels is kept for a day at least, and
can be made current by its id: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum, unique
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from gopro_sync.aws.answers import ExpectedRefusal, ExpectedRefusalError, Service, answer_of
from gopro_sync.errors import ConfigurationError, SecretStoreError, SessionRefusedError
from gopro_sync.gopro.session.session import Session
from gopro_sync.values.outside_values import zoned_moment_or_none
from gopro_sync.values.timestamps import iso_utc

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
# The newest session from GoPro, current or not. This label is not one of AWS's, so it interferes with no rotation.
NEWEST: Final = "GOPRO-SYNC-NEWEST"
# A value that a person has set. Not the same label: until it is current, the newest session must remain findable.
GIVEN: Final = "GOPRO-SYNC-GIVEN"
# AWSCURRENT can move between the look and the move; if it does so time after time, it is no race any more.
_MOVES_TRIED: Final = 5
_PUTS_TRIED: Final = 3  # each after botocore's own tries


@unique
class CredentialMode(StrEnum):
    """How a session can be obtained from what the secret holds."""

    PASSWORD = "password"  # noqa: S105  # nosec B105 - the name of a mode
    REFRESH_TOKEN = "refresh_token"  # noqa: S105  # nosec B105 - the name of a mode
    PASTED_TOKEN = "pasted_token"  # noqa: S105  # nosec B105 - the name of a mode


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
        supersedes: the versions of the secret that this one replaces: the one that it was made from, and those that
            were made from that and never became current. Their refresh tokens may be used up.
        another_account: when a person stated that it may belong to another account; counts once for each text.
        unknown_fields: anything else that the operator keeps in the secret; to be preserved, not used.
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
    supersedes: tuple[str, ...] = ()
    another_account: str | None = None
    unknown_fields: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def has_login(self) -> bool:
        """Whether there are both e-mail address and password."""
        return self.username is not None and self.password is not None

    @property
    def mode(self) -> CredentialMode:
        """How a session can be obtained: a pasted token, unlike the other two, cannot be renewed without a person."""
        if self.has_login:
            return CredentialMode.PASSWORD
        return CredentialMode.PASTED_TOKEN if self.refresh_token is None else CredentialMode.REFRESH_TOKEN

    def session(self) -> Session:
        """Return the stored session, alive or not.

        Raises:
            SessionRefusedError: there is none yet.
            ConfigurationError: what is stored cannot be a token.
        """
        if self.auth_token is None:
            raise SessionRefusedError("The secret holds no session yet")
        return Session(auth_token=self.auth_token, user_id=self.user_id, expires_at=self.expires_at)

    def living_session(self, now: datetime) -> Session:
        """Return the stored session unless it is known to be over; errors as with `session`.

        Raises:
            SessionRefusedError: there is none, or the end that GoPro stated has passed.
        """
        # The expiry of a pasted token is an estimate: GoPro decides.
        is_stated = self.mode is not CredentialMode.PASTED_TOKEN
        if is_stated and self.expires_at is not None and self.expires_at <= now:
            raise SessionRefusedError(f"The stored session ended at {iso_utc(self.expires_at)}")
        return self.session()

    def to_secret_string(self) -> str:
        """Return the secret's JSON object; missing fields are left out."""
        content = dict(self.unknown_fields)
        for name in _KNOWN_FIELDS:
            value = getattr(self, name)
            if value not in {None, ()}:
                content[name] = iso_utc(value) if isinstance(value, datetime) else value
        return json.dumps(content)

    def __repr__(self) -> str:
        given = ", ".join(name for name in _KNOWN_FIELDS if getattr(self, name) not in {None, ()})
        return f"Credentials(fields given: {given or 'none'})"

    @classmethod
    def parse(cls, secret_string: str) -> Credentials:
        """Read the secret's JSON object; empty text counts as missing.

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
            another_account=_text(content, "another_account"),
            supersedes=_version_ids(content.get("supersedes")),
            unknown_fields=MappingProxyType({name: content[name] for name in content.keys() - set(_KNOWN_FIELDS)}),
        )
        if credentials.auth_token is None and credentials.refresh_token is None and not credentials.has_login:
            raise ConfigurationError(
                "The secret holds no credential: it needs auth_token, refresh_token, or username and password"
            )
        return credentials


_KNOWN_FIELDS = tuple(entry.name for entry in fields(Credentials) if entry.name != "unknown_fields")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredentials:
    """Credentials, and the version of the secret that holds them."""

    credentials: Credentials
    version_id: str


class CredentialStore:
    """The secret in AWS Secrets Manager. All reads and writes go through here.

    Every method raises ConfigurationError (there is no such secret), AccessDeniedError (the role may not do it) or
    SecretStoreError (Secrets Manager failed or could not be reached).

    Args:
        secrets_client: a boto3 client for ``secretsmanager``.
        secret_id: the secret's name or ARN.
        new_version_id: returns an id that no version has yet.
    """

    def __init__(
        self,
        secrets_client: SecretsManagerClient,
        secret_id: str,
        *,
        new_version_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self._client = secrets_client
        self.secret_id = secret_id
        self._new_version_id = new_version_id

    def load(self, version_stage: str = CURRENT) -> StoredCredentials:
        """Read the version that carries a label.

        Raises:
            ConfigurationError: the secret has no such version, or its value is malformed.
        """
        with answer_of(Service.SECRETS_MANAGER, "GetSecretValue") as call:
            answer = self._client.get_secret_value(SecretId=self.secret_id, VersionStage=version_stage)
        if answer.get("SecretBinary") or answer.get("SecretString") == "":
            raise ConfigurationError("The secret has no text value")
        secret_string = call.text(answer, "SecretString")
        return StoredCredentials(
            credentials=Credentials.parse(secret_string), version_id=call.text(answer, "VersionId")
        )

    def load_pending(self, version_id: str) -> Credentials | None:
        """Read a version that is being rotated; None as long as it has no value.

        Secrets Manager labels the version before it has a value, and also to try out a rotation that is being
        configured: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html

        Raises:
            ConfigurationError: its value is malformed.
        """
        try:
            with answer_of(Service.SECRETS_MANAGER, "GetSecretValue", ExpectedRefusal.NOT_THERE) as call:
                answer = self._client.get_secret_value(
                    SecretId=self.secret_id, VersionId=version_id, VersionStage=PENDING
                )
        except ExpectedRefusalError:
            return None
        return Credentials.parse(call.text(answer, "SecretString")) if answer.get("SecretString") else None

    def save_newest(self, credentials: Credentials) -> str:
        """Add a version that holds the newest session; return its id. It is current if it is the secret's first."""
        return self._put(credentials, labels=[NEWEST])

    def save_pending(self, credentials: Credentials, *, version_id: str) -> bool:
        """Add the version being rotated, which holds the newest session; repeating the call changes nothing.

        Returns:
            False if the version has another value already: values cannot be changed.
        """
        try:
            self._put(credentials, version_id=version_id, labels=[PENDING, NEWEST])
        except ExpectedRefusalError:
            return False
        return True

    def replace(self, credentials: Credentials) -> None:
        """Add a version and make it the current one, whichever is current now: what a person wants."""
        version_id = self._put(credentials, labels=[GIVEN])
        for _ in range(_MOVES_TRIED):
            current = self.current_version()
            if current == version_id or self._move(CURRENT, to=version_id, away_from=current):
                return
        raise SecretStoreError("The secret was written by others, again and again, while this value was being set")

    def make_current(self, version_id: str, *, supersedes: Collection[str]) -> bool:
        """Make a version the current one if none is, or one that it supersedes; do nothing if it is.

        Returns:
            False if another version is current: one made from this one, or from another credential.
        """
        for _ in range(_MOVES_TRIED):
            current = self.current_version()
            if current == version_id:
                return True
            if current is not None and current not in supersedes:
                return False
            if self._move(CURRENT, to=version_id, away_from=current):
                return True
        raise SecretStoreError("AWSCURRENT moved, again and again, while it was to be moved")

    def current_version(self) -> str | None:
        """Return the id of the current version; None if the secret has none yet."""
        return self._version_with(CURRENT)

    def end_rotation(self, version_id: str) -> None:
        """Remove the label of a pending version; do nothing if it is gone.

        If the label stays while another version becomes current, every later rotation fails ("A previous rotation
        isn't complete"): https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
        """
        if PENDING in (self.stages_of(version_id) or []):
            self._move(PENDING, away_from=version_id)

    def _move(self, stage: str, *, to: str | None = None, away_from: str | None = None) -> bool:
        """Move a label; return False if another writer has moved it meanwhile."""
        versions = {"MoveToVersionId": to, "RemoveFromVersionId": away_from}
        try:
            with answer_of(Service.SECRETS_MANAGER, "UpdateSecretVersionStage"):
                self._client.update_secret_version_stage(
                    SecretId=self.secret_id,
                    VersionStage=stage,
                    **{name: version_id for name, version_id in versions.items() if version_id is not None},
                )
        except (ConfigurationError, SecretStoreError):
            # After a lost answer the call is repeated, and then the label is no longer where it was to be removed.
            holder = self._version_with(stage)
            if holder == away_from:
                raise
            return holder == to
        return True

    def stages_of(self, version_id: str) -> list[str] | None:
        """Return the labels of a version; None if the secret has no such version."""
        stages: list[str] | None = self._versions().get(version_id)
        return stages

    def _version_with(self, stage: str) -> str | None:
        return next((version for version, stages in self._versions().items() if stage in stages), None)

    def _versions(self) -> Mapping[str, list[str]]:
        with answer_of(Service.SECRETS_MANAGER, "DescribeSecret"):
            answer = self._client.describe_secret(SecretId=self.secret_id)
        versions: Mapping[str, list[str]] = answer.get("VersionIdsToStages", {})  # absent while there is none
        return versions

    def _put(self, credentials: Credentials, *, version_id: str | None = None, labels: Sequence[str]) -> str:
        """Add a version, and ask again where the answer does not say whether it exists.

        GoPro has ended the session that this value replaces: without it, only signing in would be left. Putting the
            same
        version with the same value repeatedly changes nothing.
        """
        expected = [] if version_id is None else [ExpectedRefusal.VALUE_EXISTS]
        token = version_id or self._new_version_id()
        for tries_left in reversed(range(_PUTS_TRIED)):
            try:
                with answer_of(Service.SECRETS_MANAGER, "PutSecretValue", *expected) as call:
                    answer = self._client.put_secret_value(
                        SecretId=self.secret_id,
                        SecretString=credentials.to_secret_string(),
                        ClientRequestToken=token,
                        VersionStages=list(labels),
                    )
                    call.text(answer, "VersionId")
            except SecretStoreError:
                if not tries_left:
                    raise
            else:
                break
        return token


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
    moment = zoned_moment_or_none(value)
    if moment is None:
        raise ConfigurationError(f"The secret's {name} is not a time with a zone, such as 2026-05-01T18:02:44Z")
    return moment


def _version_ids(value: object) -> tuple[str, ...]:
    """Return the ids; a list that was changed by hand and cannot be read supersedes nothing."""
    texts = value if isinstance(value, list) else []
    return tuple(text for text in texts if isinstance(text, str))
