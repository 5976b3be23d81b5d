"""A message to people is sent, or its failure has a name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gopro_sync.errors import AccessDeniedError, AlertError, ConfigurationError
from gopro_sync.telemetry.alerts import publish_alert

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

TOPIC = "arn:aws:sns:eu-central-1:123456789012:gopro-sync-alerts"


class Topic:
    """SNS, which takes the message or fails with an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.published: list[dict[str, str]] = []

    def publish(self, **arguments: str) -> dict[str, Any]:
        if self._error is not None:
            raise self._error
        self.published.append(arguments)
        return {}


def publish(topic: Topic) -> None:
    publish_alert(cast("SNSClient", topic), TOPIC, subject="a subject", message="a message")


@pytest.mark.parametrize(
    "text",
    ["\u00e9" * 300_000, '"' * 300_000, "\U0001f3a5" * 300_000, "half \ud83c \x00\uffff."],
    ids=["letters", "quotes", "pictures", "odd"],
)
def test_a_message_is_one_that_sns_takes(text: str) -> None:
    topic = Topic()
    publish_alert(cast("SNSClient", topic), TOPIC, subject="a subject", message=text)
    (sent,) = topic.published
    assert len(sent["Message"].encode()) <= 256 * 1024
    reported = json.loads(sent["Message"])["default"]
    assert reported in {text[: len(reported)], "half  ."}
    assert reported.encode()


def test_a_message_goes_to_the_topic() -> None:
    topic = Topic()
    publish(topic)
    (sent,) = topic.published
    assert (sent["TopicArn"], sent["Subject"], sent["MessageStructure"]) == (TOPIC, "a subject", "json")
    forms = json.loads(sent["Message"])
    assert forms["default"] == "a message"
    assert json.loads(forms["https"]) == {
        "version": "1.0",
        "source": "custom",
        "content": {"title": "a subject", "description": "a message"},
    }


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (ClientError({"Error": {"Code": "AuthorizationError"}}, "Publish"), AccessDeniedError),
        (ClientError({"Error": {"Code": "KMSAccessDenied"}}, "Publish"), AccessDeniedError),
        (ClientError({"Error": {"Code": "KMSDisabled"}}, "Publish"), ConfigurationError),
        (ClientError({"Error": {"Code": "NotFound"}}, "Publish"), ConfigurationError),
        (ClientError({"Error": {"Code": "InternalError"}}, "Publish"), AlertError),
        (EndpointConnectionError(endpoint_url="https://sns.example"), AlertError),
    ],
)
def test_a_message_that_is_not_taken_is_a_failure_with_a_name(fault: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        publish(Topic(fault))
