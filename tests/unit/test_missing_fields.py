"""Whatever field is missing in an answer of AWS, what leaves is an error with a name, or nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.bucket_writer import BucketWriter, ObjectDescription
from gopro_sync.errors import (
    GoProSyncError,
    NetworkError,
    SecretStoreError,
    StorageError,
    TrackerError,
)
from gopro_sync.gopro.session.credentials import CredentialStore
from gopro_sync.table.request_budget import SharedGate
from gopro_sync.table.session_guard import SessionGuard
from gopro_sync.table.tracker import Tracker
from gopro_sync.table.video import Video

NOW: Final = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
VIDEO: Final = Video(
    media_id="m1", filename="GX010001.MP4", s3_key="k", uploaded_at=NOW, size_bytes=1, duration_seconds=1
)
DESCRIPTION: Final = ObjectDescription(key="k", content_type="video/mp4", tags={}, metadata={})
RECORD: Final = {
    "media_id": {"S": "m1"},
    "status": {"S": "IN_PROGRESS"},
    "s3_key": {"S": "k"},
    "lease_owner": {"S": "run-1"},
    "lease_expires_at": {"N": "1777600800"},
    "retry_count": {"N": "1"},
    "files": {"L": [{"M": {"item_number": {"N": "1"}, "s3_key": {"S": "k"}}}]},
}


class Client:
    """A client of any service, which answers every call in the same way; if that is a refusal, the first one only."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self._answer = answer
        self._has_refused = False

    def __getattr__(self, name: str) -> Any:
        return self._call

    def get_paginator(self, name: str) -> Any:
        return self

    def paginate(self, **_: Any) -> Iterator[Any]:
        yield self._answer

    def _call(self, **_: Any) -> Any:
        if self._has_refused:
            return {}
        if "Error" in self._answer:
            self._has_refused = True
            raise ClientError(cast("Any", self._answer), "AnOperation")
        return self._answer


def writer(client: Any) -> BucketWriter:
    return BucketWriter(s3=client, http=client, bucket="b")


def store(client: Any) -> CredentialStore:
    return CredentialStore(client, "gopro/credentials")


def tracker(client: Any) -> Tracker:
    return Tracker(client, "t", clock=lambda: NOW, sleep=lambda _seconds: None)


def guard(client: Any) -> SessionGuard:
    return SessionGuard(client, "t", owner="run-1", clock=lambda: NOW)


def gate(client: Any) -> SharedGate:
    return SharedGate(client, "t", requests_per_minute=5, clock=lambda: NOW, jitter=lambda: 0.0)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call, a whole answer to it, and the error of its service."""

    make: Callable[[Any], object]
    answer: Mapping[str, Any]
    error: type[GoProSyncError]


SECRET: Final = {"SecretString": '{"auth_token": "fake-token", "refresh_token": "fake"}', "VersionId": "v1"}
REFUSED: Final = {"ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {"retry-after": "1"}}}
PAUSED: Final = {"pause_seconds": {"N": "60"}, "paused_until": {"N": "1777600800"}}
CALLS: Final = {
    "create_upload": Call(
        make=lambda client: writer(client).create_upload(DESCRIPTION), answer={"UploadId": "u"}, error=StorageError
    ),
    "list_parts": Call(
        make=lambda client: writer(client).list_parts(key="k", upload_id="u"),
        answer={
            "UploadId": "u",
            "Parts": [{"PartNumber": 1, "ETag": "e", "Size": 1, "ChecksumCRC64NVME": "AAAAAAAAAAA="}],
        },
        error=StorageError,
    ),
    "open_uploads": Call(
        make=lambda client: writer(client).open_uploads("k"),
        answer={"Uploads": [{"Key": "k", "UploadId": "u"}]},
        error=StorageError,
    ),
    "describe_object": Call(
        make=lambda client: writer(client).describe_object("k"),
        answer={"ContentLength": 1, "ETag": "e", "ChecksumCRC64NVME": "AAAAAAAAAAA=", "Metadata": {}},
        error=StorageError,
    ),
    "load": Call(make=lambda client: store(client).load(), answer=SECRET, error=SecretStoreError),
    "load_pending": Call(make=lambda client: store(client).load_pending("v1"), answer=SECRET, error=SecretStoreError),
    "save": Call(
        make=lambda client: store(client).save_newest(store(Client(SECRET)).load().credentials),
        answer={"VersionId": "v2"},
        error=SecretStoreError,
    ),
    "make_current": Call(
        make=lambda client: store(client).make_current("v2", supersedes=["v1"]),
        answer={"VersionIdsToStages": {"v1": ["AWSCURRENT"]}},
        error=SecretStoreError,
    ),
    "claim": Call(
        make=lambda client: tracker(client).claim("m1", owner="run-1", lease=timedelta(minutes=1)),
        answer={"Attributes": RECORD},
        error=TrackerError,
    ),
    "claim, refused": Call(
        make=lambda client: tracker(client).claim("m1", owner="run-2", lease=timedelta(minutes=1)),
        answer={"Error": {"Code": "ConditionalCheckFailedException"}, "Item": RECORD, **REFUSED},
        error=TrackerError,
    ),
    "get_many": Call(
        make=lambda client: tracker(client).get_many(["m1"]),
        answer={"Responses": {"t": [RECORD]}, "UnprocessedKeys": {}},
        error=TrackerError,
    ),
    "pending": Call(
        make=lambda client: tracker(client).pending(),
        answer={"Items": [{"first_seen_at": {"S": "2026-05-01T01:00:00Z"}, "error_type": {"S": "NetworkError"}}]},
        error=TrackerError,
    ),
    "add_pending, refused": Call(
        make=lambda client: tracker(client).add_pending([VIDEO]),
        answer={
            "Error": {"Code": "TransactionCanceledException"},
            "CancellationReasons": [{"Code": "ConditionalCheckFailed"}],
            **REFUSED,
        },
        error=TrackerError,
    ),
    "take": Call(
        make=lambda client: guard(client).take(),
        answer={"Attributes": {"lease_owner": {"S": "run-1"}, "refusal": {"M": {"reason": {"S": "no"}}}}},
        error=TrackerError,
    ),
    "before_request, refused": Call(
        make=lambda client: gate(client).before_request(),
        answer={"Error": {"Code": "ConditionalCheckFailedException"}, "Item": PAUSED, **REFUSED},
        error=TrackerError,
    ),
    "after_failure": Call(
        make=lambda client: gate(client).after_failure(NetworkError("no answer"), "m1"),
        answer={"Attributes": {"failed_media_id": {"S": "m2"}, "failed_at": {"N": "1777600799"}, **PAUSED}},
        error=TrackerError,
    ),
}


def paths(part: Any) -> Iterator[tuple[str | int, ...]]:
    """Every field of an answer, as the way to it."""
    if isinstance(part, Mapping):
        for name, value in part.items():
            yield (name,)
            yield from ((name, *rest) for rest in paths(value))
    elif isinstance(part, list):
        for place, value in enumerate(part):
            yield from ((place, *rest) for rest in paths(value))


def without(answer: Mapping[str, Any], *removed: tuple[str | int, ...]) -> dict[str, Any]:
    left: dict[str, Any] = copy.deepcopy(dict(answer))
    for *way, name in removed:
        part: Any = left
        for step in way:
            part = part.get(step, {}) if isinstance(part, dict) else part[step]
        if isinstance(part, dict):
            part.pop(name, None)
    return left


def leaves(call: Call, answer: Mapping[str, Any]) -> GoProSyncError | None:
    """What the call ends with; anything but an error of this system is raised."""
    try:
        call.make(Client(answer))
    except GoProSyncError as error:
        return error
    return None


EACH_FIELD: Final = [(name, path) for name, call in CALLS.items() for path in paths(call.answer)]


@pytest.mark.parametrize(("name", "path"), EACH_FIELD)
def test_an_answer_that_lacks_a_field_is_an_error_with_a_name_if_it_is_one(
    name: str, path: tuple[str | int, ...]
) -> None:
    leaves(CALLS[name], without(CALLS[name].answer, path))


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        ("create_upload", ("UploadId",), "S3 answered CreateMultipartUpload without UploadId"),
        ("list_parts", ("UploadId",), "S3 answered ListParts without UploadId"),
        ("list_parts", ("Parts", 0, "Size"), "S3 answered ListParts without Size"),
        ("load", ("SecretString",), "Secrets Manager answered GetSecretValue without SecretString"),
        ("load", ("VersionId",), "Secrets Manager answered GetSecretValue without VersionId"),
        ("save", ("VersionId",), "Secrets Manager answered PutSecretValue without VersionId"),
        ("claim", ("Attributes",), "DynamoDB answered UpdateItem without Attributes"),
        ("get_many", ("Responses",), "DynamoDB answered BatchGetItem without Responses"),
        ("pending", ("Items",), "DynamoDB answered Scan without Items"),
        ("take", ("Attributes",), "DynamoDB answered UpdateItem without Attributes"),
    ],
)
def test_a_field_that_is_missing_is_named(name: str, path: tuple[str | int, ...], message: str) -> None:
    error = leaves(CALLS[name], without(CALLS[name].answer, path))
    assert type(error) is CALLS[name].error
    assert message in str(error)


@pytest.mark.parametrize("path", [("CancellationReasons",), ("CancellationReasons", 0, "Code")])
def test_a_transaction_is_made_again_if_the_reason_of_its_refusal_is_missing(path: tuple[str | int, ...]) -> None:
    call = CALLS["add_pending, refused"]
    assert leaves(call, without(call.answer, path)) is None, "the second answer is a success"


@pytest.mark.parametrize("name", CALLS)
def test_an_answer_with_nothing_in_it_is_an_error_with_a_name_if_it_is_one(name: str) -> None:
    leaves(CALLS[name], {})


@given(st.data(), st.sampled_from(sorted(CALLS)))
def test_whatever_fields_are_missing_nothing_else_leaves(data: st.DataObject, name: str) -> None:
    call = CALLS[name]
    removed = data.draw(st.sets(st.sampled_from(list(paths(call.answer)))))
    leaves(call, without(call.answer, *removed))
