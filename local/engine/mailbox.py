"""The e-mails that SNS would have sent, kept in memory for ``local.mails``. Pure."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

# Where the engine answers with the mails of the topic that the parameter ``topic`` names.
MAILS_PATH: Final = "/_local/mails"
# Messages are a few kilobytes; SNS takes at most 256 KiB.
MOST_MAILS_OF_A_TOPIC: Final = 1000
CONFIRMATION_SUBJECT: Final = "AWS Notification - Subscription Confirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What was published once, as its e-mail says it.

    Attributes:
        message_id: given by SNS.
        published_at: in UTC, with milliseconds: ``2026-05-01T18:02:44.123Z``.
        to: the addresses that it went to; none if nobody was subscribed and confirmed at that moment.
        unconfirmed: the addresses that did not get it, since their owners had not opened the confirmation link.
        subject: as the e-mail has it.
        text: as the e-mail has it.
        message: what was published, as programs get it; for an alarm this is JSON where the text is for people.
    """

    message_id: str
    published_at: str
    to: tuple[str, ...]
    unconfirmed: tuple[str, ...]
    subject: str
    text: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a mailbox holds of one topic: the mails, oldest first, and how many older ones were dropped."""

    mails: tuple[Mail, ...]
    dropped: int

    def to_json(self) -> dict[str, Any]:
        """Return it as the engine answers it."""
        return {"mails": [asdict(mail) for mail in self.mails], "dropped": self.dropped}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read the engine's answer."""
        mails = (
            Mail(**{**mail, "to": tuple(mail["to"]), "unconfirmed": tuple(mail["unconfirmed"])})
            for mail in document["mails"]
        )
        return cls(mails=tuple(mails), dropped=document["dropped"])


class Mailbox:
    """The latest mails of each topic; runs, functions and alarms put theirs in at the same time.

    Args:
        most: mails that are kept of a topic; the oldest make room.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._kept: defaultdict[str, deque[Mail]] = defaultdict(deque)
        self._dropped: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def put(self, topic_arn: str, mail: Mail) -> None:
        """Add the topic's newest mail."""
        with self._lock:
            kept = self._kept[topic_arn]
            kept.append(mail)
            if len(kept) > self._most:
                kept.popleft()
                self._dropped[topic_arn] += 1

    def contents(self, topic_arn: str) -> Contents:
        """Return the topic's mails so far; none for a topic that nothing was published to."""
        with self._lock:
            return Contents(
                mails=tuple(self._kept.get(topic_arn, ())),
                dropped=self._dropped.get(topic_arn, 0),
            )
