"""How a session comes about: the one place where a session is renewed and the secret is written.

Rules, from what open-source clients observed: trust ``expires_in``; renew before the end; never renew twice at once;
store the newest refresh token before the new access token is used, since the old one may be dead by then; a
refresh token that GoPro has ended is replaced by one password login, if there is a password.

The guard keeps invocations of the authenticator apart, but not a person's command or the last step of a rotation, and a
lease can end. So it only ensures that GoPro is asked once: a session becomes current only in place of the one that it
was made from (``credentials.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from gopro_sync.errors import (
    AuthenticationError,
    ConfigurationError,
    SessionBusyError,
    SessionRefusedError,
)
from gopro_sync.gopro.session.credentials import (
    NEWEST,
    CredentialMode,
    Credentials,
    CredentialStore,
    StoredCredentials,
)
from gopro_sync.gopro.session.session import Session
from gopro_sync.gopro.session.sign_in import SignIn
from gopro_sync.gopro.session.tokens import TokenEndpoint
from gopro_sync.values.timestamps import iso_utc

RENEWAL_MARGIN: Final = timedelta(minutes=30)
# A run of 1,000 videos must not become 1,000 logins with a wrong password; the next night tries again.
REFUSAL_HOLDS: Final = timedelta(hours=1)
_LOGINS_APART: Final = timedelta(minutes=1)
# A value supersedes more than two versions only if that many writers in a row could not make theirs current.
_MOST_SUPERSEDED: Final = 50
_TRIES_FOR_THE_GUARD: Final = 8
_WAIT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """GoPro's refusal to grant a session for a version of the secret.

    Attributes:
        version_id: the version of the secret.
        since: when this was first seen.
        last_tried_at: when it was last seen.
        reason: what happened, without secrets.
    """

    version_id: str
    since: datetime
    last_tried_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardMemory:
    """What earlier renewals recorded."""

    refusal: Refusal | None
    password_login_at: datetime | None


class Guard(Protocol):
    """Allow one renewal at a time (``table/session_guard.py``)."""

    def take(self) -> GuardMemory | None:
        """Take the right to renew and return what is remembered; None if another holds it."""

    def note_login(self) -> None:
        """Record that a password login is being made now."""

    def release(self) -> None:
        """Release the right."""

    def release_renewed(self) -> None:
        """Release the right: there is a session."""

    def release_refused(self, refusal: Refusal) -> None:
        """Release the right: there is no session."""


class Renewal:
    """Ensure that there is a session.

    Args:
        store: the secret.
        guard: allows one renewal at a time.
        tokens: where sessions come from.
        probe: checks that GoPro accepts a session, and raises SessionRefusedError if it does not.
        clock: returns the time, aware.
        sleep: waits for a number of seconds.
        mending_command: what a person has to type when no session can be obtained.
    """

    def __init__(
        self,
        *,
        store: CredentialStore,
        guard: Guard,
        tokens: TokenEndpoint,
        probe: Callable[[Session], None],
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        mending_command: str,
    ) -> None:
        self._store = store
        self._guard = guard
        self._tokens = tokens
        self._probe = probe
        self._clock = clock
        self._sleep = sleep
        self._mending_command = mending_command

    def ensure(self) -> Credentials:
        """Return credentials whose session lasts for half an hour at least, as far as can be known.

        The expiry that GoPro stated is trusted. A session without a stated expiry, such as a pasted token's, is
        presented to GoPro once.

        Raises:
            AuthenticationError: no session can be obtained without a person.
            ConfigurationError: the secret is missing, malformed, or lacks what its kind of credential needs.
            SessionBusyError: another invocation is renewing.
            GoProSyncError: what the secret store, the guard and GoPro's servers raise.
        """
        credentials = self._store.load().credentials
        if self._lasts(credentials):
            return credentials
        return self._guarded(lambda stored, memory: self._kept_or_renewed(stored, memory, is_trusted=self._lasts))

    def renew_if_refused(self) -> Credentials:
        """Return credentials whose session GoPro accepts: the stored ones, or renewed ones.

        Called after a refusal. Several callers may be refused at once; the first renews for all. Errors as with
        `ensure`.
        """
        return self._guarded(lambda stored, memory: self._kept_or_renewed(stored, memory, is_trusted=lambda _: False))

    def prepare_rotation(self, version_id: str) -> Credentials:
        """Store credentials with a new session as the secret's pending version. Errors as with `ensure`.

        A pasted token, which only a person can replace, is stored as it is. A version that already has a value is left
        alone: Secrets Manager may request the same step twice, even at once.
        """

        def prepare(stored: StoredCredentials, memory: GuardMemory) -> Credentials:
            prepared = self._store.load_pending(version_id)
            if prepared is not None:
                return prepared
            if stored.credentials.mode is CredentialMode.PASTED_TOKEN:
                credentials = replace(stored.credentials, supersedes=(stored.version_id,))
            else:
                credentials = self._renewed(stored, memory)
            if self._store.save_pending(credentials, version_id=version_id):
                return credentials
            # Set meanwhile by whoever took over the guard: this session must not be lost, so it becomes current.
            return self._made_current(credentials)

        return self._guarded(prepare)

    # --- under the guard ---------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[StoredCredentials, GuardMemory], Credentials]) -> Credentials:
        memory = self._take_guard()
        try:
            credentials = work(self._store.load(), memory)
        except BaseException:  # including the end of the function's time
            self._guard.release()
            raise
        self._guard.release_renewed()
        return credentials

    def _take_guard(self) -> GuardMemory:
        for _ in range(_TRIES_FOR_THE_GUARD):
            memory = self._guard.take()
            if memory is not None:
                return memory
            self._sleep(_WAIT_SECONDS)
        raise SessionBusyError("Another invocation is renewing the GoPro session")

    def _kept_or_renewed(
        self, stored: StoredCredentials, memory: GuardMemory, *, is_trusted: Callable[[Credentials], bool]
    ) -> Credentials:
        # Read under the guard: another invocation may have renewed the session meanwhile.
        if is_trusted(stored.credentials):
            return stored.credentials
        self._repeat_refusal(stored, memory)
        if self._is_accepted(stored.credentials):
            return stored.credentials
        # Before the new token is used for anything: the old refresh token may be dead already.
        return self._made_current(self._renewed(stored, memory))

    def _made_current(self, renewed: Credentials) -> Credentials:
        version_id = self._store.save_newest(renewed)
        if self._store.make_current(version_id, supersedes=renewed.supersedes):
            return renewed
        # Another writer was faster, and its value does not derive from what this one was made from: that value counts.
        current = self._store.load().credentials
        if self._lasts(current) or self._is_accepted(current):
            return current
        raise SessionBusyError("Another value was written to the secret while the session was renewed")

    def _renewed(self, stored: StoredCredentials, memory: GuardMemory) -> Credentials:
        self._repeat_refusal(stored, memory)
        used = [stored.version_id]
        sign_in = SignIn(
            self._tokens,
            clock=self._clock,
            spare_refresh_token=lambda: self._spare_refresh_token(stored, used),
            before_login=lambda: self._note_login(memory),
        )
        try:
            return replace(sign_in.renewed(stored.credentials), supersedes=_distinct(used)[:_MOST_SUPERSEDED])
        except AuthenticationError as error:
            earlier = _refusal_of(stored, memory)
            now = self._clock()
            refusal = Refusal(
                version_id=stored.version_id,
                since=earlier.since if earlier else now,
                last_tried_at=now,
                reason=error.message,
            )
            self._guard.release_refused(refusal)
            raise self._needs_a_person(refusal) from error

    def _repeat_refusal(self, stored: StoredCredentials, memory: GuardMemory) -> None:
        refusal = _refusal_of(stored, memory)
        if refusal is not None and self._clock() - refusal.last_tried_at < REFUSAL_HOLDS:
            raise self._needs_a_person(refusal)

    def _needs_a_person(self, refusal: Refusal) -> AuthenticationError:
        return AuthenticationError(
            f"{refusal.reason}, since {iso_utc(refusal.since)}. To fix it, run: {self._mending_command}"
        )

    def _note_login(self, memory: GuardMemory) -> None:
        if memory.password_login_at is not None and self._clock() - memory.password_login_at < _LOGINS_APART:
            raise SessionBusyError("A password login was made less than a minute ago, and its session is refused")
        self._guard.note_login()

    def _spare_refresh_token(self, stored: StoredCredentials, used: list[str]) -> str | None:
        """Return the refresh token of a version made from the stored one but not current.

        It may have ended the stored token. It comes from a rotation under way, or from a renewal that did not get to
        move AWSCURRENT. The versions join ``used``.
        """
        try:
            newest = self._store.load(NEWEST)
        except ConfigurationError:
            return None  # there is no such version
        if stored.version_id not in newest.credentials.supersedes:
            return None  # of a credential that a person has replaced since, or the current one itself
        used += [newest.version_id, *newest.credentials.supersedes]
        return newest.credentials.refresh_token

    # --- the stored session ------------------------------------------------------------------------------------------

    def _lasts(self, credentials: Credentials) -> bool:
        return credentials.auth_token is not None and self._is_known_to_last(credentials) is True

    def _is_accepted(self, credentials: Credentials) -> bool:
        if credentials.auth_token is None or self._is_known_to_last(credentials) is False:
            return False
        try:
            self._probe(credentials.session())
        except SessionRefusedError:
            return False
        return True

    def _is_known_to_last(self, credentials: Credentials) -> bool | None:
        """Return whether the session lasts beyond the margin; None if that cannot be known."""
        # A pasted token's expiry is only an estimate.
        if credentials.expires_at is None or credentials.mode is CredentialMode.PASTED_TOKEN:
            return None
        return credentials.expires_at - self._clock() > RENEWAL_MARGIN


def _distinct(version_ids: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(version_ids))


def _refusal_of(stored: StoredCredentials, memory: GuardMemory) -> Refusal | None:
    """Return the remembered refusal, if it was of this version of the secret."""
    refusal = memory.refusal
    return refusal if refusal is not None and refusal.version_id == stored.version_id else None
