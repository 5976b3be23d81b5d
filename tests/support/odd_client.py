"""Odd answers to a client that moto stands behind: what a proxy does on the wire, without a wire."""

from __future__ import annotations

import json
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from tests.support.odd_answers import AwsRequest, OddAnswer, OddAnswers


class OddClient:
    """Gives a client odd answers, and remembers what it asked; its own retries are at work.

    Args:
        client: a boto3 client that moto stands behind.
        odd: which requests get which odd answer.
    """

    def __init__(self, client: Any, odd: OddAnswers | None = None) -> None:
        self.odd = odd or OddAnswers()
        self.asked: list[str] = []
        self._service = client.meta.service_model.service_id.hyphenize()
        # All that listen to this event are asked, whoever answers first: moto would act in any case.
        client.meta.events.unregister("before-send", botocore_stubber)
        client.meta.events.register("before-send", self._answer)

    def forget(self, odd: OddAnswers | None = None) -> None:
        """Begin anew, with other answers."""
        self.odd, self.asked = odd or OddAnswers(), []

    def _answer(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        operation = event_name.rpartition(".")[2]
        self.asked.append(operation)
        asked = AwsRequest(service=self._service, operation=operation, body=_body_of(request))
        odd = self.odd.take(asked)
        if odd is None:
            return self._own(event_name, request)
        own = self._own(event_name, request) if odd.acted or (odd.status is None and not odd.is_lost) else None
        if odd.is_lost:
            raise ConnectionClosedError(endpoint_url=request.url)
        if odd.status is not None:
            return AWSResponse(request.url, odd.status, HTTPHeaders.from_dict(odd.headers), MockRawResponse(odd.body))
        return None if own is None else _without(odd, own)

    def _own(self, event_name: str, request: AWSPreparedRequest) -> AWSResponse | None:
        answer: AWSResponse | None = botocore_stubber(event_name, request)
        return answer


def _body_of(request: AWSPreparedRequest) -> bytes:
    body = request.body or b""
    return body.encode() if isinstance(body, str) else bytes(cast("bytes", body))


def _without(odd: OddAnswer, own: AWSResponse) -> AWSResponse:
    document = {name: value for name, value in json.loads(own.content).items() if name not in odd.without}
    return AWSResponse(
        own.url, own.status_code, HTTPHeaders.from_dict(own.headers), MockRawResponse(json.dumps(document).encode())
    )
