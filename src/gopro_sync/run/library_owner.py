"""Whose library this stack archives: another account's is refused before anything of it is recorded or copied.

GoPro shows the account's id twice, in the token's answer (``resource_owner_id``) and in the rows of the listing
(``gopro_user_id``). Open-source clients take them for the same, which GoPro documents nowhere: so each is compared with
its own kind only, and where neither is shown, nothing is decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gopro_sync.errors import AuthenticationError
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.values.outside_values import account_id_or_none


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryOwner:
    """An account, by the ids that GoPro showed of it.

    Attributes:
        in_listing: the one of the listing's rows; None if they have none.
        in_token: the one that came with the session; None if none did.
    """

    in_listing: str | None
    in_token: str | None

    def is_another_than(self, known: LibraryOwner) -> bool:
        """Whether it is known to be another account: by the rows if both sides have that id, or else by the token."""
        if self.in_listing is not None and known.in_listing is not None:
            return self.in_listing != known.in_listing
        return None not in {self.in_token, known.in_token} and self.in_token != known.in_token

    def joined_to(self, known: LibraryOwner) -> LibraryOwner:
        """What is known of the account with what this one adds."""
        return LibraryOwner(in_listing=known.in_listing or self.in_listing, in_token=known.in_token or self.in_token)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOwner:
    """What the stack remembers: the account, and the statement by which a person last let another one in."""

    owner: LibraryOwner
    statement: str | None = None


class OwnerMemory(Protocol):
    """Where the owner is remembered (``table/owner_record.py``)."""

    def known_or(self, owner: LibraryOwner, *, may_remember: bool) -> KnownOwner:
        """Returns what is remembered; if that is nothing, remembers this owner, if it may, and returns it."""

    def remember(self, known: KnownOwner) -> None:
        """Remembers this in the place of what was."""


def owner_shown_by(listing: LibraryListing, *, session_user_id: str | None) -> LibraryOwner:
    """Returns whose library it is by what GoPro showed; of several ids in the rows, the one that most have."""
    ids = Counter(item.user_id for item in listing.items if item.user_id is not None)
    return LibraryOwner(
        in_listing=max(sorted(ids), key=lambda user_id: ids[user_id], default=None),
        in_token=account_id_or_none(session_user_id),
    )


def admit(
    shown: LibraryOwner,
    memory: OwnerMemory,
    *,
    statement: Callable[[], str | None],
    may_remember: bool,
    mending_command: str,
) -> None:
    """Returns if the library is the one that this stack archives, and remembers it if it is the first.

    Args:
        shown: whose it is.
        memory: whose the stack's is.
        statement: returns the secret's word that another account is meant, if it has one; each counts once.
        may_remember: False for a dry run.
        mending_command: what a person has to type to put the first account's credentials back.

    Raises:
        AuthenticationError: it is another account's, and nobody has said that this one is meant.
        GoProSyncError: what the memory and the secret raise.
    """
    if shown.in_listing is None and shown.in_token is None:
        return
    known = memory.known_or(shown, may_remember=may_remember)
    if not shown.is_another_than(known.owner):
        joined = shown.joined_to(known.owner)
        if joined != known.owner and may_remember:
            memory.remember(KnownOwner(owner=joined, statement=known.statement))
        return
    said = statement()
    if said is None or said == known.statement:
        raise AuthenticationError(
            "The secret holds the credentials of another GoPro account than the one whose library this stack archives: "
            "nothing of it was recorded or copied. To put the first account's back, run: "
            f"{mending_command}. If the other account is meant, add --another-account to the command"
        )
    if may_remember:
        memory.remember(KnownOwner(owner=shown, statement=said))
