"""S3's answers are read with care: one that cannot be read is a failure of S3 with a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import HealthCheck, given, settings
from urllib3 import HTTPHeaderDict

from gopro_sync.archive.bucket_writer import BucketWriter, HeldPart, ObjectDescription, StoredObject
from gopro_sync.archive.integrity import Crc64Nvme
from gopro_sync.aws.clients import make_transfer_client
from gopro_sync.errors import StorageError
from tests.support.aws_environment import aws_environment
from tests.support.odd_values import texts

if TYPE_CHECKING:
    import urllib3

KEY = "gopro-videos/2026/06/GX010456.MP4"
CHECKSUM = Crc64Nvme(value=1, size_bytes=1)
DESCRIPTION = ObjectDescription(key=KEY, content_type="video/mp4", tags={}, metadata={})


@dataclass(slots=True, kw_only=True)
class Storage:
    """Answers every request, whichever way it comes, with the same status, headers and body."""

    writer: BucketWriter = field(init=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""

    def __post_init__(self) -> None:
        with aws_environment():
            client = make_transfer_client()
        client.meta.events.register("before-send.s3", self._answer_control_call)
        self.writer = BucketWriter(s3=client, http=cast("urllib3.PoolManager", self), bucket="archive")

    def _answer_control_call(self, request: Any, **_: Any) -> Any:
        return AWSResponse(request.url, self.status, cast("Any", HTTPHeaderDict(self.headers)), _Body(self.data))

    def request(self, *_: Any, **__: Any) -> Any:
        """What the writer's own pool is asked for: the bytes' way to S3."""
        return _Answer(status=self.status, headers=HTTPHeaderDict(self.headers), data=self.data)

    def send_part(self) -> HeldPart:
        return self.writer.send_part(
            key=KEY, upload_id="u", number=1, size_bytes=1, blocks=[b"x"], checksum=lambda: CHECKSUM
        )

    def put_object(self) -> None:
        self.writer.put_object(DESCRIPTION, size_bytes=1, blocks=[b"x"], checksum=lambda: CHECKSUM)

    def describe_object(self) -> StoredObject | None:
        return self.writer.describe_object(KEY)

    def list_parts(self) -> dict[int, HeldPart]:
        return self.writer.list_parts(key=KEY, upload_id="u")

    def open_uploads(self) -> list[str]:
        return self.writer.open_uploads(KEY)

    def create_upload(self) -> str:
        return self.writer.create_upload(DESCRIPTION)


class _Body(BytesIO):
    def stream(self, *_: Any) -> Any:
        yield self.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: HTTPHeaderDict
    data: bytes


@pytest.fixture(scope="module")
def storage() -> Storage:
    """One for all tests: making a client takes longer than each of them."""
    return Storage()


def answered(
    storage: Storage, *, status: int = 200, headers: Mapping[str, str] | None = None, data: bytes = b""
) -> Storage:
    storage.status, storage.headers, storage.data = status, headers or {}, data
    return storage


GOOD_OBJECT = {"Content-Length": "7", "ETag": '"c0ffee"', "Last-Modified": "Fri, 01 May 2026 02:00:30 GMT"}


def test_an_object_is_described_as_s3_states_it(storage: Storage) -> None:
    stated = answered(storage, headers=GOOD_OBJECT).describe_object()
    assert stated == StoredObject(size_bytes=7, etag='"c0ffee"', crc64nvme=None, metadata={})


@pytest.mark.parametrize(
    "changes",
    [
        {"Content-Length": "seven"},
        {"Content-Length": "9" * 5_000},
        {"Last-Modified": "soon"},
        {"Last-Modified": "99999999999999999"},
    ],
)
def test_an_object_that_is_described_in_an_unreadable_way_is_a_failure_of_s3(
    storage: Storage, changes: dict[str, str | None]
) -> None:
    headers = {name: value for name, value in {**GOOD_OBJECT, **changes}.items() if value is not None}
    with pytest.raises(StorageError, match="HeadObject in a way that cannot be read"):
        answered(storage, headers=headers).describe_object()


@pytest.mark.parametrize(
    "part",
    [
        "<PartNumber>one</PartNumber><Size>1</Size><ETag>e</ETag>",
        "<PartNumber>1</PartNumber><Size>1.5</Size><ETag>e</ETag>",
        f"<PartNumber>1</PartNumber><Size>{'9' * 5_000}</Size><ETag>e</ETag>",
        "<PartNumber>1</PartNumber><Size>1</Size><ETag>e</ETag><LastModified>soon</LastModified>",
    ],
)
def test_a_part_that_is_listed_in_an_unreadable_way_is_a_failure_of_s3(storage: Storage, part: str) -> None:
    listing = f"<UploadId>u</UploadId><IsTruncated>false</IsTruncated><Part>{part}</Part>"
    data = f"<ListPartsResult>{listing}</ListPartsResult>".encode()
    with pytest.raises(StorageError, match="ListParts in a way that cannot be read"):
        answered(storage, data=data).list_parts()


def test_an_upload_that_is_listed_in_an_unreadable_way_is_a_failure_of_s3(storage: Storage) -> None:
    listed = f"<Key>{KEY}</Key><UploadId>u</UploadId><Initiated>soon</Initiated>"
    data = f"<ListMultipartUploadsResult><Upload>{listed}</Upload></ListMultipartUploadsResult>".encode()
    with pytest.raises(StorageError, match="ListMultipartUploads in a way that cannot be read"):
        answered(storage, data=data).open_uploads()


def test_an_upload_that_is_opened_in_an_unreadable_way_is_a_failure_of_s3(storage: Storage) -> None:
    data = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
    with pytest.raises(StorageError, match="CreateMultipartUpload in a way that cannot be read"):
        answered(storage, headers={"x-amz-abort-date": "soon"}, data=data).create_upload()


PART = {"PartNumber": "1", "Size": "1", "ETag": "e"}
UPLOAD = {"Key": KEY, "UploadId": "u"}


def xml(fields: Mapping[str, str], *, without: str) -> str:
    return "".join(f"<{name}>{value}</{name}>" for name, value in fields.items() if name != without)


@pytest.mark.parametrize("missing", ["ETag", "Content-Length"])
def test_an_object_that_is_described_without_a_field_names_the_field(storage: Storage, missing: str) -> None:
    headers = {name: value for name, value in GOOD_OBJECT.items() if name != missing}
    with pytest.raises(StorageError, match=f"S3 answered HeadObject without {missing.replace('-', '')}"):
        answered(storage, headers=headers).describe_object()


@pytest.mark.parametrize("missing", PART)
def test_a_part_that_is_listed_without_a_field_names_the_field(storage: Storage, missing: str) -> None:
    part = f"<Part>{xml(PART, without=missing)}</Part>"
    data = f"<ListPartsResult><UploadId>u</UploadId><IsTruncated>false</IsTruncated>{part}</ListPartsResult>".encode()
    with pytest.raises(StorageError, match=f"S3 answered ListParts without {missing}"):
        answered(storage, data=data).list_parts()


@pytest.mark.parametrize("missing", UPLOAD)
def test_an_upload_that_is_listed_without_a_field_names_the_field(storage: Storage, missing: str) -> None:
    upload = f"<Upload>{xml(UPLOAD, without=missing)}</Upload>"
    data = f"<ListMultipartUploadsResult>{upload}</ListMultipartUploadsResult>".encode()
    with pytest.raises(StorageError, match=f"S3 answered ListMultipartUploads without {missing}"):
        answered(storage, data=data).open_uploads()


@pytest.mark.parametrize("data", [b"", b"<InitiateMultipartUploadResult></InitiateMultipartUploadResult>"])
def test_an_upload_that_is_opened_without_an_id_says_so(storage: Storage, data: bytes) -> None:
    with pytest.raises(StorageError, match="S3 answered CreateMultipartUpload without UploadId"):
        answered(storage, data=data).create_upload()


def test_a_part_that_s3_takes_without_naming_its_etag_is_a_failure_of_s3(storage: Storage) -> None:
    with pytest.raises(StorageError, match="S3 answered UploadPart without ETag"):
        answered(storage).send_part()


def test_an_upload_that_s3_knows_no_longer_is_given_up_quietly(storage: Storage) -> None:
    data = b"<Error><Code>NoSuchUpload</Code><Message>no</Message></Error>"
    answered(storage, status=404, data=data).writer.abort_upload(key=KEY, upload_id="u")


CALLS: tuple[Callable[[Storage], object], ...] = (
    Storage.send_part,
    Storage.put_object,
    Storage.describe_object,
    Storage.list_parts,
)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("Fri, 01 May 2020 02:00:30 GMT", 0.0),
        ("0\x1f", None),
        ("\u0663", None),
        ("\u00b2", None),
        ("soon", None),
        ("9" * 400, 31_536_000.0),
    ],
)
def test_a_pause_that_s3_asks_for_is_passed_on_if_it_can_be_read(
    storage: Storage, call: Callable[[Storage], object], header: str, seconds: float | None
) -> None:
    with pytest.raises(StorageError) as raised:
        call(answered(storage, status=503, headers={"Retry-After": header}))
    assert raised.value.retry_after_seconds == seconds


# botocore's parser of dates warns of a zone that it does not know, and reads on.
@pytest.mark.filterwarnings("ignore::dateutil.parser.UnknownTimezoneWarning")
@given(texts, texts, texts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_header_of_an_object_raises_anything_but_a_failure_of_s3(
    storage: Storage, length: str, last_modified: str, parts_count: str
) -> None:
    headers = {"Content-Length": length, "Last-Modified": last_modified, "x-amz-mp-parts-count": parts_count}
    try:
        stated = answered(storage, headers=GOOD_OBJECT | headers).describe_object()
    except StorageError:
        return
    assert stated is not None
