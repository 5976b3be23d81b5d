"""What a person would have received by e-mail from a local cloud. No mail is really sent."""

from __future__ import annotations

import json
import ssl
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime, formataddr
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from local.cloud import Cloud
from local.engine.mailbox import CONFIRMATION_SUBJECT, MAILS_PATH, MOST_MAILS_OF_A_TOPIC, Contents, Mail
from local.errors import NotRunningError
from local.state import StateDirectory

# https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html ; the name is the topic's, if it has one.
_SENDER: Final = "no-reply@sns.amazonaws.com"
_NAME_OF_NONE: Final = "AWS Notifications"
_TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Mails:
    """The mails of the alerts topic.

    Attributes:
        display_name: of the topic, the sender's name; may be empty.
        mails: oldest first.
        dropped: older mails that are no longer kept.
        confirmed: the addresses that would get a mail now.
        unconfirmed: the addresses whose owners have not opened their confirmation link.
        confirm_command: what to type to open it for them.
    """

    display_name: str
    mails: tuple[Mail, ...]
    dropped: int
    confirmed: tuple[str, ...]
    unconfirmed: tuple[str, ...]
    confirm_command: str


def read(cloud: Cloud) -> Mails:
    """Return everything that was sent to the cloud's alerts topic since it came up.

    Raises:
        NotRunningError: the engine does not answer, or is a version that keeps no mails.
    """
    topic_arn = cloud.outputs["AlertsTopicArn"]
    contents = _kept_by_engine(cloud, topic_arn)
    sns = cloud.client("sns")
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    subscriptions = [found for page in pages for found in page["Subscriptions"] if found["Protocol"] == "email"]
    pending = [found["Endpoint"] for found in subscriptions if found["SubscriptionArn"] == "PendingConfirmation"]
    return Mails(
        display_name=sns.get_topic_attributes(TopicArn=topic_arn)["Attributes"].get("DisplayName", ""),
        mails=contents.mails,
        dropped=contents.dropped,
        confirmed=tuple(found["Endpoint"] for found in subscriptions if found["Endpoint"] not in pending),
        unconfirmed=tuple(pending),
        confirm_command=f"{StateDirectory(cloud.state_directory).command('mails')} --confirm",
    )


def confirm(cloud: Cloud) -> tuple[str, ...]:
    """Open the link in each confirmation mail that has not been answered, as the owners of the addresses would.

    Returns:
        The addresses that this confirmed.

    Raises:
        NotRunningError: the engine does not answer.
    """
    received = read(cloud)
    links = {address: _confirmation_links(received.mails, address) for address in received.unconfirmed}
    opened = {address: found[-1] for address, found in links.items() if found}
    for link in opened.values():
        token = parse_qs(urlsplit(link).query)["Token"][0]
        cloud.client("sns").confirm_subscription(TopicArn=cloud.outputs["AlertsTopicArn"], Token=token)
    return tuple(opened)


def as_text(mails: Mails, *, last: int | None = None) -> str:
    """Return the mails as an e-mail program shows them; above them, why some or all would have reached nobody.

    Args:
        mails: which.
        last: only so many of the latest; None for all.
    """
    if not mails.mails:
        return "No mail."
    numbered = list(enumerate(mails.mails, start=1))[-(last or 0) :]
    shown = [
        f"--- Mail {number} of {len(mails.mails)} ---\n\n{_as_text(mail, mails.display_name)}"
        for number, mail in numbered
    ]
    return "\n\n".join([*_remarks(replace(mails, mails=tuple(mail for _, mail in numbered))), *shown])


def as_json(mails: Mails, *, last: int | None = None) -> str:
    """Return the mails as one JSON list of objects; the names of their fields are stable.

    Args:
        mails: which.
        last: only so many of the latest; None for all.
    """
    documents = [
        {
            "message_id": mail.message_id,
            "published_at": mail.published_at,
            "to": mail.to,
            "subject": mail.subject,
            "text": mail.text,
            "message": mail.message,
        }
        for mail in mails.mails[-(last or 0) :]
    ]
    return json.dumps(documents, indent=2)


def _remarks(mails: Mails) -> list[str]:
    remarks = []
    if mails.dropped:
        remarks.append(
            f"The first {mails.dropped} mails are gone: only the last {MOST_MAILS_OF_A_TOPIC:,} are kept. "
            "Read them more often, or with --json into a file."
        )
    unread = [mail for mail in mails.mails if not mail.to]
    if unread:
        remarks.append(f"Nobody would have received {_some_of(unread, mails.mails)}: {_why_nobody(mails)}")
    return remarks


def _some_of(some: Sequence[Mail], every: Sequence[Mail]) -> str:
    if len(some) < len(every):
        return f"{len(some)} of these {len(every)} mails"
    return "this mail" if len(every) == 1 else f"these {len(every)} mails"


def _why_nobody(mails: Mails) -> str:
    if mails.confirmed:
        return "no e-mail address was confirmed for them at that time."
    if not mails.unconfirmed:
        return (
            "no e-mail address is subscribed to the alerts.\n"
            "Subscribe one:  take this cloud down, and up again with --alert-email you@example.com"
        )
    why = f"the confirmation link has not been opened by {', '.join(mails.unconfirmed)}."
    return f"{why}\nOpen it:  {mails.confirm_command}"


def _as_text(mail: Mail, display_name: str) -> str:
    header = {
        "From": formataddr((display_name or _NAME_OF_NONE, _SENDER)),
        "Date": format_datetime(datetime.fromisoformat(mail.published_at)),
        "To": _recipients(mail),
        "Subject": mail.subject,
    }
    lines = [f"{name}: {_visible(value).replace('\n', ' ')}" for name, value in header.items()]
    return "\n".join([*lines, "", _visible(mail.text).rstrip("\n")])


def _recipients(mail: Mail) -> str:
    if mail.to:
        return ", ".join(mail.to)
    if mail.unconfirmed:
        return f"nobody (published, but {', '.join(mail.unconfirmed)} had not confirmed)"
    return "nobody (published, but to nobody)"


def _visible(text: str) -> str:
    """Replace control characters, which a terminal would obey and an e-mail program does not."""
    lines = text.replace("\r\n", "\n").expandtabs()
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(letter) == "Cc" and letter != "\n" else letter
        for letter in lines
    )


def _confirmation_links(mails: Sequence[Mail], address: str) -> list[str]:
    """Return the link at the end of each confirmation mail to the address."""
    return [mail.text.split()[-1] for mail in mails if (mail.subject, mail.to) == (CONFIRMATION_SUBJECT, (address,))]


def _kept_by_engine(cloud: Cloud, topic_arn: str) -> Contents:
    # A proxy has no business with a loopback address.
    context = ssl.create_default_context(cafile=str(cloud.ca_bundle))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    url = f"{cloud.endpoint_url}{MAILS_PATH}?{urlencode({'topic': topic_arn})}"
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
            return Contents.from_json(json.load(answer))
    except urllib.error.HTTPError as error:
        error.close()
        raise NotRunningError(
            f"The AWS engine at {cloud.endpoint_url} keeps no mails (HTTP {error.code}): it was started by another "
            f"version of this program. {_renewal(cloud)}"
        ) from error
    except OSError as error:
        raise NotRunningError(
            f"The AWS engine at {cloud.endpoint_url} does not answer ({error}): {_renewal(cloud)}"
        ) from error


def _renewal(cloud: Cloud) -> str:
    return StateDirectory(cloud.state_directory).renewal
