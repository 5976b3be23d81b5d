"""E-mail from SNS, kept for a person to read: the engine as published sends none and keeps no message.

There, an address is confirmed as soon as it is subscribed. On AWS its owner first receives a link, and nothing else
until it is opened (https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html). The same happens here; the
link works. Not kept is what ``email-json`` subscribers get, which is for programs, nor the last lines of each mail,
with which a person unsubscribes.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from ministack import app
from ministack.core.responses import new_uuid
from ministack.services import sns
from ministack.services.cloudformation import provisioners

from local.engine.mailbox import CONFIRMATION_SUBJECT, MAILS_PATH, MOST_MAILS_OF_A_TOPIC, Mail, Mailbox
from local.engine.patching import replace, replace_entry

Answer = tuple[int, dict[str, str], bytes]

_SUBJECT_OF_NONE: Final = "AWS Notification Message"

_mailbox = Mailbox(most=MOST_MAILS_OF_A_TOPIC)


def apply() -> None:
    """Keep what is published, ask for confirmation, and answer with what is kept."""
    replace(sns, "_fanout", _keeping(sns._fanout))
    replace(sns, "_subscribe", _asking(sns._subscribe))
    for name in ("_list_subscriptions", "_list_subscriptions_by_topic"):
        replace(sns, name, _hiding_unconfirmed(getattr(sns, name)))
    create = _asking_for_stack(provisioners._sns_sub_create)
    replace(provisioners, "_sns_sub_create", create)
    replace_entry(provisioners._RESOURCE_HANDLERS["AWS::SNS::Subscription"], "create", create)
    replace(app, "_handle_pre_body_request", _answering(app._handle_pre_body_request))


def _keeping(stock: Callable[..., None]) -> Callable[..., None]:
    """Keep a message; all publishers pass through here: the API, state machines, alarms."""

    def fan_out(  # noqa: PLR0917  # called in both ways, like the one that it replaces
        topic_arn: str,
        message_id: str,
        message: str,
        subject: str,
        message_structure: str = "",
        message_attributes: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        topic = sns._topic_by_arn_any_scope(topic_arn)
        if topic is not None:
            text = sns._resolve_message_for_protocol(message, message_structure, "email")
            wanted = [
                subscription
                for subscription in topic["subscriptions"]
                if subscription["protocol"] == "email"
                and sns._matches_filter_policy(subscription, message_attributes or {}, text)
            ]
            mail = Mail(
                message_id=message_id,
                published_at=_now(),
                to=_addresses(wanted, confirmed=True),
                unconfirmed=_addresses(wanted, confirmed=False),
                subject=subject or _SUBJECT_OF_NONE,
                text=text,
                message=sns._resolve_message_for_protocol(message, message_structure, "default"),
            )
            _mailbox.put(topic_arn, mail)
        stock(topic_arn, message_id, message, subject, message_structure, message_attributes, **more)

    return fan_out


def _asking(stock: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    def subscribe(parameters: dict[str, Any]) -> Answer:
        topic_arn, address = sns._normalize_arn(sns._p(parameters, "TopicArn")), sns._p(parameters, "Endpoint")
        if sns._p(parameters, "Protocol") != "email":
            return stock(parameters)
        is_new = _subscription(topic_arn, address) is None
        answer = stock(parameters)
        subscription = _subscription(topic_arn, address)
        if answer[0] != 200 or subscription is None:
            return answer
        if is_new:
            _leave_unconfirmed(subscription)
        if subscription["confirmed"]:
            return answer
        _send_confirmation(subscription)
        returns_arn = sns._p(parameters, "ReturnSubscriptionArn") == "true"
        return answer if returns_arn else _with_instead(answer, subscription, "pending confirmation")

    return subscribe


def _asking_for_stack(stock: Callable[..., tuple[str, dict[str, Any]]]) -> Callable[..., tuple[str, dict[str, Any]]]:
    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        created = stock(logical_id, properties, stack_name)
        subscription = sns._find_subscription(properties.get("TopicArn", ""), created[0])
        if subscription is not None and subscription["protocol"] == "email":
            _leave_unconfirmed(subscription)
            _send_confirmation(subscription)
        return created

    return create


def _hiding_unconfirmed(stock: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    """Show a word instead of the ARN of an unconfirmed subscription in lists, as AWS does."""

    def listing(parameters: dict[str, Any]) -> Answer:
        answer = stock(parameters)
        for topic in sns._topics.values():
            for subscription in topic["subscriptions"]:
                if not subscription["confirmed"]:
                    answer = _with_instead(answer, subscription, "PendingConfirmation")
        return answer

    return listing


def _answering(stock: Callable[..., Any]) -> Callable[..., Any]:
    async def handle(method: str, path: str, headers: dict[str, str], query: dict[str, list[str]], request: str) -> Any:
        if (method, path) == ("GET", MAILS_PATH):
            contents = _mailbox.contents(query.get("topic", [""])[0])
            return 200, {"Content-Type": "application/json"}, json.dumps(contents.to_json()).encode()
        return await stock(method, path, headers, query, request)

    return handle


def _subscription(topic_arn: str, address: str) -> dict[str, Any] | None:
    topic = sns._topic_by_arn_any_scope(topic_arn)
    subscriptions: list[dict[str, Any]] = [] if topic is None else topic["subscriptions"]
    matching = (found for found in subscriptions if (found["protocol"], found["endpoint"]) == ("email", address))
    return next(matching, None)


def _leave_unconfirmed(subscription: dict[str, Any]) -> None:
    subscription |= {"confirmed": False, "token": new_uuid()}
    subscription["attributes"] |= {"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}
    sns._refresh_subscription_counts(sns._topic_by_arn_any_scope(subscription["topic_arn"]))


def _send_confirmation(subscription: dict[str, Any]) -> None:
    """Send the mail as in https://docs.aws.amazon.com/cli/latest/userguide/cli-services-sns.html ."""
    topic_arn = subscription["topic_arn"]
    question = {"Action": "ConfirmSubscription", "TopicArn": topic_arn, "Token": subscription["token"]}
    text = (
        f"You have chosen to subscribe to the topic:\n{topic_arn}\n\n"
        "To confirm this subscription, click or visit the link below (If this was in error no action is necessary):\n"
        f"{os.environ['AWS_ENDPOINT_URL']}/?{urlencode(question)}"
    )
    mail = Mail(
        message_id=new_uuid(),
        published_at=_now(),
        to=(subscription["endpoint"],),
        unconfirmed=(),
        subject=CONFIRMATION_SUBJECT,
        text=text,
        message=text,
    )
    _mailbox.put(topic_arn, mail)


def _addresses(subscriptions: list[dict[str, Any]], *, confirmed: bool) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found["endpoint"] for found in subscriptions if found["confirmed"] is confirmed))


def _with_instead(answer: Answer, subscription: dict[str, Any], word: str) -> Answer:
    status, headers, body = answer
    arn = f"<SubscriptionArn>{subscription['arn']}</SubscriptionArn>"
    return status, headers, body.replace(arn.encode(), f"<SubscriptionArn>{word}</SubscriptionArn>".encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
