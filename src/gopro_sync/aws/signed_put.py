"""A PUT to S3 whose body is sent by other code: its address, and the signature over its headers.

botocore signs the bodies that it sends. A body that is streamed, with its checksum in a trailer, needs a signature over
the headers that announce the trailer; S3 accepts no trailer with a presigned URL. What to announce, and how:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote, urlencode

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_s3 import S3Client

# botocore's way to say that the checksum follows the body, so that the body itself is not signed: it then signs
# STREAMING-UNSIGNED-PAYLOAD-TRAILER.
_TRAILED: Final = {"checksum": {"request_algorithm": {"in": "trailer"}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPut:
    """What to send ahead of the body.

    Attributes:
        url: the address, without secrets.
        headers: all except Host, with signature and session token; never to be logged.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)


def sign_put(
    s3: S3Client, *, bucket: str, key: str, query: Mapping[str, str | int], headers: Mapping[str, str]
) -> SignedPut:
    """Sign a PUT whose body is streamed with a trailer.

    Args:
        s3: supplies credentials, region and bucket addressing.
        bucket: name of the bucket.
        key: that of the object.
        query: query parameters, such as the number of a part.
        headers: all that are to be sent; they cannot be changed afterwards.

    Raises:
        BotoCoreError: there are no credentials, or they could not be renewed.
    """
    # botocore reveals the address of a bucket (by name or by path, in its region and partition) in a presigned URL
    # only, so one is made and its signature dropped.
    address = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key}).partition("?")[0]
    asked = urlencode(query, safe="", quote_via=quote)  # as a signature writes it: a blank is not a plus sign
    request = AWSRequest(method="PUT", url=f"{address}?{asked}" if asked else address, headers=dict(headers))
    request.context.update(_TRAILED)
    # botocore logs what it signs at DEBUG, which includes the session token.
    logging.getLogger("botocore.auth").setLevel(logging.INFO)
    S3SigV4Auth(_credentials_of(s3), "s3", s3.meta.region_name).add_auth(request)
    return SignedPut(url=str(request.url), headers=dict(request.headers.items()))


def _credentials_of(s3: S3Client) -> Any:
    """Return key, secret and token of the same moment: a role's are renewed while it works.

    A client has no public way to its credentials. This is how AWS's own boto3 gets them (``boto3.crt``, 1.43);
    tests/contract/test_storage_addresses.py fails if it disappears.
    """
    credentials = cast("Credentials | None", cast("Any", s3)._get_credentials())  # noqa: SLF001
    if credentials is None:
        raise NoCredentialsError
    return credentials.get_frozen_credentials()
