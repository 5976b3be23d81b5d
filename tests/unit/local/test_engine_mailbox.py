"""Mails that are kept until somebody reads them."""

from __future__ import annotations

from dataclasses import replace

from local.engine.mailbox import Mail, Mailbox

_MAIL = Mail(
    message_id="1",
    published_at="2026-05-01T18:02:44.123Z",
    to=("me@example.com",),
    unconfirmed=("you@example.com",),
    subject="Subject",
    text="text",
    message="message",
)


def test_the_mails_of_a_topic_are_kept_in_order_apart_from_other_topics() -> None:
    mailbox = Mailbox(most=5)
    for number in range(3):
        mailbox.put("one", replace(_MAIL, message_id=str(number)))
    mailbox.put("other", replace(_MAIL, message_id="other"))

    assert [mail.message_id for mail in mailbox.contents("one").mails] == ["0", "1", "2"]
    assert mailbox.contents("one").dropped == 0


def test_when_there_are_too_many_the_oldest_go_and_are_counted() -> None:
    mailbox = Mailbox(most=2)
    for number in range(5):
        mailbox.put("one", replace(_MAIL, message_id=str(number)))

    assert [mail.message_id for mail in mailbox.contents("one").mails] == ["3", "4"]
    assert mailbox.contents("one").dropped == 3


def test_a_topic_that_nothing_was_published_to_has_no_mails() -> None:
    assert Mailbox(most=2).contents("unknown").mails == ()


def test_contents_come_through_json_unchanged() -> None:
    mailbox = Mailbox(most=1)
    mailbox.put("one", _MAIL)
    mailbox.put("one", _MAIL)
    contents = mailbox.contents("one")

    assert type(contents).from_json(contents.to_json()) == contents
