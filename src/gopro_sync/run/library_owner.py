"""Whose library this stack archives: another account's is refused before anything of it is recorded or copied.

GoPro shows the account's id twice, in the token's answer (``resource_owner_id``) and in the rows of the listing
(``gopro_user_id``). Open-source clients take them for the same, but GoPro documents that nowhere: so each is compared
with its own kind only, and where neither is shown, nothing is decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from gopro_sync.errors import AuthenticationError
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.table.owner_record import KnownOwner, LibraryOwner, OwnerRecord
from gopro_sync.values.outside_values import account_id_or_none


def owner_shown_by(listing: LibraryListing, *, session_user_id: str | None) -> LibraryOwner:
    """Return the owner that GoPro showed; of several ids in the rows, the most frequent one."""
    ids = Counter(item.user_id for item in listing.items if item.user_id is not None)
    return LibraryOwner(
        in_listing=max(sorted(ids), key=lambda user_id: ids[user_id], default=None),
        in_token=account_id_or_none(session_user_id),
    )


def admit(
    shown: LibraryOwner,
    memory: OwnerRecord,
    *,
    statement: Callable[[], str | None],
    may_remember: bool,
    mending_command: str,
) -> None:
    """Check that the library is the one that this stack archives, and remember it if it is the first.

    Args:
        shown: the library's owner.
        memory: remembers the stack's owner.
        statement: returns the secret's statement that another account is meant, if it has one; each counts once.
        may_remember: False for a dry run.
        mending_command: what a person has to type to restore the first account's credentials.

    Raises:
        AuthenticationError: it is another account's, and nobody has stated that this one is meant.
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
    stated = statement()
    if stated is None or stated == known.statement:
        raise AuthenticationError(
            "The secret holds the credentials of another GoPro account than the one whose library this stack archives: "
            "nothing of it was recorded or copied. To put the first account's back, run: "
            f"{mending_command}. If the other account is meant, add --another-account to the command"
        )
    if may_remember:
        memory.remember(KnownOwner(owner=shown, statement=stated))
