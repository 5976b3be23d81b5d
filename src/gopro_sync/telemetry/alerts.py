"""Messages to the people who get the alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gopro_sync.aws.answers import Service, answer_of

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


def publish_alert(sns: SNSClient, topic_arn: str, *, subject: str, message: str) -> None:
    """Send a message.

    Args:
        sns: an SNS client.
        topic_arn: the topic of the alerts.
        subject: one line of up to 100 ASCII characters.
        message: the text.

    Raises:
        AccessDeniedError: the role may not publish.
        ConfigurationError: there is no such topic, or its key cannot be used.
        AlertError: SNS did not take it.
    """
    with answer_of(Service.SNS, "Publish"):
        sns.publish(TopicArn=topic_arn, Subject=subject, Message=message)
