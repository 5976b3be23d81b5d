"""Messages to the people who receive the alerts.

One SNS message holds two forms, so that each subscriber gets its own: e-mail (and anything else) gets the text, and
HTTPS subscribers get the form of Amazon Q Developer in chat applications, which subscribes that way and drops any other
form: https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html. Should it read the text after all, or
require yet another form, Slack shows nothing, as it would without; e-mails stay as they are. The state machine
publishes the notices of runs in the same two forms.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from gopro_sync.aws.answers import Service, answer_of
from gopro_sync.values.outside_values import sendable_text

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# SNS accepts 256 KB in all (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). JSON spells a letter of two
# bytes with six, and each form of the message is JSON once more.
LONGEST_MESSAGE_BYTES: Final = 60_000
# The limit of one block in Slack: https://docs.slack.dev/reference/block-kit/blocks/section-block
_LONGEST_IN_CHAT: Final = 3000


def publish_alert(sns: SNSClient, topic_arn: str, *, subject: str, message: str) -> None:
    """Send a message.

    Args:
        sns: an SNS client.
        topic_arn: the alerts' topic.
        subject: one line of up to 100 ASCII characters.
        message: the text; what SNS does not accept is removed, and a text that is too long is cut off.

    Raises:
        AccessDeniedError: the role may not publish.
        ConfigurationError: there is no such topic, or its key cannot be used.
        AlertError: SNS did not accept it.
    """
    message = sendable_text(message, longest_bytes=LONGEST_MESSAGE_BYTES)
    forms = {"default": message, "https": json.dumps(_form_for_chat(subject, message))}
    with answer_of(Service.SNS, "Publish"):
        sns.publish(TopicArn=topic_arn, Subject=subject, Message=json.dumps(forms), MessageStructure="json")


def _form_for_chat(subject: str, message: str) -> dict[str, object]:
    content = {"title": subject, "description": message[:_LONGEST_IN_CHAT]}
    return {"version": "1.0", "source": "custom", "content": content}
