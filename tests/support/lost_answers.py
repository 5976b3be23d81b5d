"""Answers that are lost on their way: moto has acted, and the client sees its connection closed, and asks again."""

from __future__ import annotations

from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError
from moto.core.models import botocore_stubber


class LostAnswers:
    """Loses the next answers to an operation of a client that moto stands behind.

    Args:
        client: a boto3 client; its own retries are at work.
        operation: as AWS calls it.
        count: how many answers.
    """

    def __init__(self, client: Any, operation: str, *, count: int = 1) -> None:
        self.left = count
        service = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register_first(f"before-send.{service}.{operation}", self._lose)

    def _lose(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> None:
        if self.left:
            self.left -= 1
            botocore_stubber(event_name, request)
            raise ConnectionClosedError(endpoint_url=request.url)
