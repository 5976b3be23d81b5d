"""Whatever comes over the wire in the place of AWS's answer, what leaves is an error with a name, tried again.

The clients and botocore's readers are the real ones; what stands between them and the network answers instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, Final, cast

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from urllib3 import HTTPHeaderDict

from gopro_sync.archive.bucket_writer import (
    BucketWriter,
    ObjectDescription,
    ObjectExistsError,
    PartsRefusedError,
    UploadConflictError,
    UploadedPart,
    UploadVanishedError,
)
from gopro_sync.archive.integrity import Crc64Nvme
from gopro_sync.aws.clients import make_dynamodb_client, make_secrets_client, make_transfer_client
from gopro_sync.errors import GoProSyncError, RetryableError, StorageError, TrackerError
from gopro_sync.gopro.session.credentials import CredentialStore
from gopro_sync.run.run_files import write_manifest
from gopro_sync.table.record_update import update_record
from tests.support.aws_environment import aws_environment
from tests.unit.test_missing_fields import CALLS

TURNS: Final = (ObjectExistsError, PartsRefusedError, UploadConflictError, UploadVanishedError)
DESCRIPTION: Final = ObjectDescription(key="k", content_type="video/mp4", tags={}, metadata={})
ONE: Final = Crc64Nvme(value=1, size_bytes=1)
PAGE: Final = b"<!DOCTYPE html><html><head><title>503</title><body><p>Service<br>unavailable</body></html>"
CUT_OFF_XML: Final = b'<?xml version="1.0"?><CompleteMultipartUploadResult><ETag>"ab'
NO_ANSWERS: Final = {
    "nothing": b"",
    "blanks": b"  \n \n",
    "a web page": PAGE,
    "half of an XML answer": CUT_OFF_XML,
    "half of a JSON answer": b'{"Attributes": {"me',
    "another XML answer": b"<Foo><Bar/></Foo>",
    "an empty list": b"[]",
    "null": b"null",
    "a text": b'"abc"',
    "any bytes": bytes(range(256)),
}
ODD_FIELDS: Final = {
    "an empty object": b"{}",
    "lists": b'{"Attributes":[1],"Responses":[],"Items":{"a":1},"SecretString":{"a":1},"VersionId":[1],"Item":5,'
    b'"VersionIdsToStages":[1],"UnprocessedKeys":[1],"CancellationReasons":5}',
    "numbers": b'{"Attributes":{"media_id":5,"status":{"S":5}},"Responses":{"t":{"a":1}},"Items":["a"],'
    b'"SecretString":5,"VersionId":7,"VersionIdsToStages":{"v1":5}}',
    "other types": b'{"Attributes":{"media_id":{"S":["x"]},"status":{"S":{}},"lease_expires_at":{"N":5}},'
    b'"Responses":{"t":[{"media_id":{"S":5},"status":{"S":"PENDING"}}]},"Items":[{"first_seen_at":{"L":{}}}]}',
    "no numbers": b"<ListPartsResult><UploadId>u</UploadId><Part><PartNumber>x</PartNumber></Part></ListPartsResult>",
    "empty elements": b"<ListPartsResult><UploadId>u</UploadId><Part><PartNumber>1</PartNumber><ETag/><Size></Size>"
    b"</Part><IsTruncated>maybe</IsTruncated></ListPartsResult>",
    "an error": b"<Error><Code>PreconditionFailed</Code></Error>",
}


class Wire:
    """Answers all requests of a client, and of the writer's own pool, with one status and body."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""
        self.requests = 0

    def send(self, request: Any, **_: Any) -> Any:
        self.requests += 1
        return AWSResponse(request.url, self.status, cast("Any", HTTPHeaderDict()), _Body(self.body))

    def request(self, *_: Any, body: Any = None, **__: Any) -> Any:
        for _block in body or ():
            pass
        return _Answer(self.status, self.body)


class _Body(BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.getvalue()


class _Answer:
    def __init__(self, status: int, data: bytes) -> None:
        self.status = status
        self.data = data
        self.headers = HTTPHeaderDict()


WIRE: Final = Wire()


def wired(make: Callable[[], Any]) -> Any:
    with aws_environment():
        client = make()
    client.meta.events.register("before-send", WIRE.send)
    return client


@pytest.fixture(scope="module")
def clients() -> dict[str, Any]:
    return {
        "s3": wired(make_transfer_client),
        "dynamodb": wired(make_dynamodb_client),
        "secretsmanager": wired(make_secrets_client),
    }


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


def _writer(client: Any) -> BucketWriter:
    return BucketWriter(s3=client, http=cast("Any", WIRE), bucket="b")


OTHER_CALLS: Final[dict[str, Callable[[Any], object]]] = {
    "complete_upload": lambda client: _writer(client).complete_upload(
        key="k", upload_id="u", parts=[UploadedPart(number=1, etag="e", crc64nvme=ONE)], whole=ONE
    ),
    "abort_upload": lambda client: _writer(client).abort_upload(key="k", upload_id="u"),
    "send_part": lambda client: _writer(client).send_part(
        key="k", upload_id="u", number=1, size_bytes=1, blocks=[b"a"], checksum=lambda: ONE
    ),
    "put_object": lambda client: _writer(client).put_object(
        DESCRIPTION, size_bytes=1, blocks=[b"a"], checksum=lambda: ONE
    ),
    "load_pending": lambda client: CredentialStore(client, "gopro/credentials").load_pending("0" * 32),
    "write_manifest": lambda client: write_manifest(client, bucket="b", execution_id="e", items=[]),
    "update_record": lambda client: update_record(client, "t", "m1", "SET a = :a", {":a": "1"}),
}
S3_CALLS: Final = (
    *("create_upload", "list_parts", "open_uploads", "describe_object", "complete_upload", "abort_upload"),
    *("send_part", "put_object", "write_manifest"),
)
SECRET_CALLS: Final = ("load", "load_pending", "save", "promote")
ALL_CALLS: Final = {**{name: call.make for name, call in CALLS.items()}, **OTHER_CALLS}


def service_of(name: str) -> str:
    if name in S3_CALLS:
        return "s3"
    return "secretsmanager" if name in SECRET_CALLS else "dynamodb"


def leaves(clients: dict[str, Any], name: str, status: int, body: bytes) -> Exception | None:
    WIRE.status, WIRE.body = status, body
    try:
        ALL_CALLS[name](clients[service_of(name)])
    except (GoProSyncError, *TURNS) as error:
        return error
    return None


@pytest.mark.parametrize("name", ALL_CALLS)
def test_nothing_leaves_but_errors_with_a_name(clients: dict[str, Any], name: str) -> None:
    for status, bodies in {200: ODD_FIELDS, 403: NO_ANSWERS, 503: {"a web page": PAGE}}.items():
        for body in bodies.values():
            leaves(clients, name, status, body)


# To an abort there is nothing to say; uploads that are open are looked for to tidy up.
@pytest.mark.parametrize("name", sorted(ALL_CALLS.keys() - {"abort_upload", "open_uploads"}))
def test_a_success_that_says_nothing_is_none_and_is_tried_again(clients: dict[str, Any], name: str) -> None:
    for what, body in NO_ANSWERS.items():
        error = leaves(clients, name, 200, body)
        assert isinstance(error, RetryableError), f"{name} takes {what} for a success"


def test_a_refusal_inside_a_success_is_a_refusal(clients: dict[str, Any]) -> None:
    for name in ("complete_upload", "put_object"):
        for code, turn in {"PreconditionFailed": ObjectExistsError, "SlowDown": StorageError}.items():
            error = leaves(clients, name, 200, f"<Error><Code>{code}</Code></Error>".encode())
            assert isinstance(error, turn), (name, code, error)


def test_an_answer_to_a_write_that_nobody_can_read_is_asked_for_again_at_once(clients: dict[str, Any]) -> None:
    before = WIRE.requests
    error = leaves(clients, "update_record", 200, PAGE)
    assert isinstance(error, TrackerError)
    assert WIRE.requests - before == 3


def test_a_write_whose_answer_could_not_be_read_and_that_was_made_is_known_by_its_mark() -> None:
    class Table:
        """Makes a write, answers with nothing, and refuses it when it comes again."""

        def __init__(self) -> None:
            self.item: dict[str, Any] = {}

        def update_item(self, **request: Any) -> Any:
            if self.item:
                answer = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": self.item}
                raise ClientError(cast("Any", answer), "UpdateItem")
            self.item = {"last_write": request["ExpressionAttributeValues"][":this_write"]}
            return {}

    outcome = update_record(cast("Any", Table()), "t", "m1", "SET a = :a", {":a": "1"}, condition="b = :a")
    assert outcome.is_done
