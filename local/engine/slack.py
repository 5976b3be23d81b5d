"""``AWS::Chatbot::SlackChannelConfiguration``, which the engine as published does not know.

It is recorded with the stack but delivers nothing: there is no Slack here.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id
from ministack.services.cloudformation import provisioners

from local.engine.patching import add_entry

_TYPE = "AWS::Chatbot::SlackChannelConfiguration"


def apply() -> None:
    """Let stacks have a Slack channel."""
    handlers = {
        "create": lambda _logical_id, properties, _stack: _recorded(properties),
        "update": lambda _physical_id, _old, properties, *_rest: _recorded(properties),
        "delete": lambda _physical_id, _properties: None,
    }
    add_entry(provisioners._RESOURCE_HANDLERS, _TYPE, handlers)


def _recorded(properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    name = properties["ConfigurationName"]
    arn = f"arn:aws:chatbot::{get_account_id()}:chat-configuration/slack-channel/{name}"
    return arn, {"Arn": arn}
