"""Mails as a person sees them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from local.engine.mailbox import Mail
from local.mails import Mails, as_json, as_text

_MAIL = Mail(
    message_id="1",
    published_at="2026-05-01T18:02:44.123Z",
    to=("me@example.com",),
    unconfirmed=(),
    subject="GoPro Sync Partial Failure (local): 1 of 4 videos",
    text="1 of 4 videos was not archived.",
    message="1 of 4 videos was not archived.",
)


def mails(*kept: Mail, **fields: object) -> Mails:
    empty = Mails(
        display_name="GoPro Sync",
        mails=kept,
        dropped=0,
        confirmed=("me@example.com",),
        unconfirmed=(),
        confirm_command="./gopro-sync local mails --confirm",
    )
    return replace(empty, **fields)  # type: ignore[arg-type]  # what each test changes


def test_a_mail_looks_as_an_email_program_shows_it() -> None:
    text = as_text(mails(_MAIL))

    assert text.split("\n\n", 1)[1] == (
        "From: GoPro Sync <no-reply@sns.amazonaws.com>\n"
        "Date: Fri, 01 May 2026 18:02:44 +0000\n"
        "To: me@example.com\n"
        "Subject: GoPro Sync Partial Failure (local): 1 of 4 videos\n"
        "\n"
        "1 of 4 videos was not archived."
    )


def test_a_topic_without_a_name_for_display_sends_as_aws_does() -> None:
    assert "From: AWS Notifications <no-reply@sns.amazonaws.com>\n" in as_text(mails(_MAIL, display_name=""))


def test_mails_come_in_order_and_are_counted() -> None:
    text = as_text(mails(_MAIL, replace(_MAIL, subject="Later")))

    assert text.index("Mail 1 of 2") < text.index("Partial Failure") < text.index("Mail 2 of 2") < text.index("Later")


def test_a_long_line_is_not_wrapped() -> None:
    line = "word " * 200 + "end"

    assert line in as_text(mails(replace(_MAIL, text=line)))


def test_without_a_mail_it_says_so() -> None:
    assert as_text(mails()) == "No mail."


def test_without_an_address_it_says_on_top_and_at_each_mail_that_nobody_would_have_received_it() -> None:
    text = as_text(mails(replace(_MAIL, to=()), replace(_MAIL, to=()), confirmed=()))

    top, *shown = text.split("From: ")
    assert top.startswith("Nobody would have received these 2 mails: no e-mail address is subscribed to the alerts.\n")
    assert "up again with --alert-email you@example.com" in top
    assert ["To: nobody (published, but to nobody)\n" in mail for mail in shown] == [True, True]
    assert all("1 of 4 videos was not archived." in mail for mail in shown)


def test_an_address_that_is_not_confirmed_is_reported_from_no_address() -> None:
    unheard = replace(_MAIL, to=(), unconfirmed=("you@example.com",))
    question = replace(
        _MAIL,
        to=("you@example.com",),
        subject="AWS Notification - Subscription Confirmation",
        text="Visit the link:\nhttps://127.0.0.1:4566/?Action=ConfirmSubscription&Token=1",
    )
    text = as_text(mails(question, unheard, confirmed=(), unconfirmed=("you@example.com",)))

    assert text.startswith(
        "Nobody would have received 1 of these 2 mails: the confirmation link has not been opened by you@example.com.\n"
    )
    assert "\nOpen it:  ./gopro-sync local mails --confirm\n" in text
    assert "--alert-email" not in text
    assert "To: nobody (published, but you@example.com had not confirmed)\n" in text


def test_mails_from_before_an_address_was_confirmed_are_counted_apart() -> None:
    text = as_text(mails(replace(_MAIL, to=()), _MAIL))

    assert text.startswith(
        "Nobody would have received 1 of these 2 mails: no e-mail address was confirmed for them at that time.\n"
    )


def test_what_is_reported_above_the_latest_mails_is_true_of_them() -> None:
    text = as_text(mails(replace(_MAIL, to=()), _MAIL), last=1)

    assert text.startswith("--- Mail 2 of 2 ---\n")


def test_a_single_mail_is_not_called_mails() -> None:
    assert as_text(mails(replace(_MAIL, to=()), confirmed=())).startswith("Nobody would have received this mail: ")


def test_mails_that_somebody_received_need_no_remark() -> None:
    assert as_text(mails(_MAIL)).startswith("--- Mail 1 of 1 ---")


def test_mails_that_are_no_longer_kept_are_counted() -> None:
    assert as_text(mails(_MAIL, dropped=7)).startswith(
        "The first 7 mails are gone: only the last 1,000 are kept. Read them more often, or with --json into a file.\n"
    )


@pytest.mark.parametrize("text", ["a\x1b[31mred", "a\x07b", "a\x00b", "a\x9bb"])
def test_nothing_in_a_mail_controls_the_terminal(text: str) -> None:
    shown = as_text(mails(replace(_MAIL, text=text, subject=text)))

    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown.replace("\n", ""))


def test_a_subject_cannot_look_like_another_header() -> None:
    shown = as_text(mails(replace(_MAIL, subject="Fine\r\nTo: somebody@example.com")))

    assert "\nTo: somebody@example.com" not in shown


def test_scripts_get_one_list_in_order() -> None:
    alarm = replace(_MAIL, message_id="2", to=(), text="readable", message='{"AlarmName": "a"}')

    assert json.loads(as_json(mails(_MAIL, alarm))) == [
        {
            "message_id": "1",
            "published_at": "2026-05-01T18:02:44.123Z",
            "to": ["me@example.com"],
            "subject": "GoPro Sync Partial Failure (local): 1 of 4 videos",
            "text": "1 of 4 videos was not archived.",
            "message": "1 of 4 videos was not archived.",
        },
        {
            "message_id": "2",
            "published_at": "2026-05-01T18:02:44.123Z",
            "to": [],
            "subject": "GoPro Sync Partial Failure (local): 1 of 4 videos",
            "text": "readable",
            "message": '{"AlarmName": "a"}',
        },
    ]


def test_scripts_get_an_empty_list_when_there_is_no_mail() -> None:
    assert json.loads(as_json(mails())) == []
