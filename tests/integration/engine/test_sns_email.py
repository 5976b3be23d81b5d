"""E-mail that is published is kept, so that a person can read what would have been sent."""

from __future__ import annotations

import json
import ssl
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local import mails
from local.cloud import Cloud
from local.errors import NotRunningError
from local.mails import Mails
from tests.integration.engine.conftest import Engine


class Topic:
    """A new topic, and what came of it."""

    def __init__(self, engine: Engine, state_directory: Path) -> None:
        self.sns = engine.client("sns")
        created = self.sns.create_topic(Name=f"topic-{uuid4().hex[:12]}", Attributes={"DisplayName": "GoPro Sync"})
        self.arn: str = created["TopicArn"]
        self.cloud = Cloud(
            state_directory=state_directory,
            endpoint_url=engine.endpoint_url,
            ca_bundle=engine.ca_bundle,
            region="us-east-1",
            gopro_api_base_url="",
            simulator_url=None,
            outputs={"AlertsTopicArn": self.arn},
        )

    def publish(self, message: str, **options: Any) -> str:
        message_id: str = self.sns.publish(TopicArn=self.arn, Message=message, **options)["MessageId"]
        return message_id

    def subscribe(self, address: str, **options: Any) -> str:
        subscribed = self.sns.subscribe(TopicArn=self.arn, Protocol="email", Endpoint=address, **options)
        arn: str = subscribed["SubscriptionArn"]
        return arn

    def mails(self) -> Mails:
        return mails.read(self.cloud)


@pytest.fixture
def topic(engine: Engine, tmp_path: Path) -> Topic:
    return Topic(engine, tmp_path)


def open_link(engine: Engine, text: str) -> str:
    """Opens the last line of a mail without credentials, as a browser does."""
    context = ssl.create_default_context(cafile=str(engine.ca_bundle))
    with urllib.request.urlopen(text.splitlines()[-1], context=context) as answer:
        return str(answer.read(), "utf-8")


@pytest.mark.gap
def test_what_is_published_is_kept_in_order_for_nobody_too(topic: Topic) -> None:
    message_id = topic.publish("First line\n\n  Second line", Subject="A subject")
    topic.publish("no subject")

    read = topic.mails()

    assert (read.display_name, read.confirmed, read.unconfirmed, read.dropped) == ("GoPro Sync", (), (), 0)
    first, second = read.mails
    assert (first.message_id, first.subject, first.text) == (message_id, "A subject", "First line\n\n  Second line")
    assert second.subject == "AWS Notification Message"
    assert [mail.to for mail in read.mails] == [(), ()]


@pytest.mark.gap
def test_mails_published_together_are_kept_too(topic: Topic) -> None:
    entries = [{"Id": str(number), "Message": f"message {number}"} for number in range(3)]
    topic.sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=entries)

    assert [mail.text for mail in topic.mails().mails] == ["message 0", "message 1", "message 2"]


@pytest.mark.gap
def test_an_address_gets_its_confirmation_mail_first_and_the_others_once_its_link_was_opened(
    engine: Engine, topic: Topic
) -> None:
    assert topic.subscribe("me@example.com") == "pending confirmation"
    topic.publish("too early")
    (question, _), before = topic.mails().mails, topic.mails().unconfirmed
    open_link(engine, question.text)
    topic.publish("in time")

    read = topic.mails()
    assert question.subject == "AWS Notification - Subscription Confirmation"
    assert topic.arn in question.text
    assert [(mail.to, mail.unconfirmed) for mail in read.mails] == [
        (("me@example.com",), ()),
        ((), ("me@example.com",)),
        (("me@example.com",), ()),
    ]
    assert (before, read.unconfirmed, read.confirmed) == (("me@example.com",), (), ("me@example.com",))


@pytest.mark.gap
def test_an_address_that_is_subscribed_again_before_it_is_confirmed_gets_its_link_again(topic: Topic) -> None:
    topic.subscribe("me@example.com")
    topic.subscribe("me@example.com")

    first, second = topic.mails().mails
    assert first.text == second.text


@pytest.mark.gap
def test_a_subscription_that_waits_for_its_owner_is_listed_as_such(topic: Topic) -> None:
    arn = topic.subscribe("me@example.com", ReturnSubscriptionArn=True)

    def listed() -> str:
        return str(topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"][0]["SubscriptionArn"])

    before = listed()
    mails.confirm(topic.cloud)

    assert (before, listed()) == ("PendingConfirmation", arn)
    assert topic.subscribe("me@example.com") == arn, "who is confirmed is not asked again"
    assert len(topic.mails().mails) == 1


@pytest.mark.gap
def test_an_address_that_a_stack_subscribes_is_asked_too(engine: Engine, topic: Topic) -> None:
    subscription = {"TopicArn": topic.arn, "Protocol": "email", "Endpoint": "me@example.com"}
    template = {"Resources": {"Email": {"Type": "AWS::SNS::Subscription", "Properties": subscription}}}
    cloudformation, name = engine.client("cloudformation"), f"stack-{uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )

    read = topic.mails()

    assert read.unconfirmed == ("me@example.com",)
    assert [mail.subject for mail in read.mails] == ["AWS Notification - Subscription Confirmation"]


@pytest.mark.gap
def test_a_queue_that_listens_is_no_person(engine: Engine, topic: Topic) -> None:
    sqs = engine.client("sqs")
    url = sqs.create_queue(QueueName=uuid4().hex)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic.sns.subscribe(TopicArn=topic.arn, Protocol="sqs", Endpoint=arn)
    topic.publish("told")

    read = topic.mails()

    assert (read.confirmed, [mail.to for mail in read.mails]) == ((), [()])


@pytest.mark.gap
def test_an_alarm_sends_a_readable_mail_and_json_to_programs(engine: Engine, topic: Topic) -> None:
    topic.subscribe("me@example.com")
    mails.confirm(topic.cloud)
    name, client = f"Alarm-{uuid4().hex[:12]}", engine.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=name,
        AlarmDescription="Do this.",
        Namespace=name,
        MetricName="Failures",
        Statistic="Sum",
        Period=86400,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[topic.arn],
    )
    client.put_metric_data(
        Namespace=name, MetricData=[{"MetricName": "Failures", "Value": 4, "Timestamp": time.time()}]
    )

    (mail,) = topic.mails().mails[1:]

    assert mail.to == ("me@example.com",)
    assert mail.subject == f'ALARM: "{name}" in US East (N. Virginia)'
    assert mail.text.startswith(
        f'You are receiving this email because your Amazon CloudWatch Alarm "{name}" in the US East (N. Virginia) '
        'region has entered the ALARM state, because "Threshold Crossed: 1 datapoint [4.0 ('
    )
    assert "- Description:                Do this.\n" in mail.text
    assert json.loads(mail.message)["NewStateValue"] == "ALARM"
    reason = client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateReason"]
    assert reason == json.loads(mail.message)["NewStateReason"]


@pytest.mark.gap
def test_an_alarm_that_somebody_sets_by_hand_sends_its_mail_too(engine: Engine, topic: Topic) -> None:
    name, client = f"Alarm-{uuid4().hex[:12]}", engine.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="Failures",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[topic.arn],
    )
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a rehearsal")

    (mail,) = topic.mails().mails

    assert 'because "a rehearsal" at "' in mail.text


def test_an_engine_that_does_not_answer_is_named(topic: Topic) -> None:
    gone = replace(topic.cloud, endpoint_url="https://127.0.0.1:1")

    with pytest.raises(NotRunningError, match=r"https://127\.0\.0\.1:1 does not answer"):
        mails.read(gone)


def test_an_engine_of_a_version_that_keeps_no_mails_is_reported_from_one_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, topic: Topic
) -> None:
    monkeypatch.setattr(mails, "MAILS_PATH", "/_local/unknown-to-this-engine")

    with pytest.raises(NotRunningError, match="keeps no mails"):
        mails.read(topic.cloud)
