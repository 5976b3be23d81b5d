"""The one place where AWS clients are created; everything else receives them.

Credentials, region and endpoint come from the environment, as in every AWS SDK: ``AWS_ENDPOINT_URL`` and
``AWS_CA_BUNDLE`` lead to the local cloud.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

# Not boto3: its resources and its transfer manager, which it loads at once, are not needed here.
import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient

# A failed call is retried in one place only, or the retries multiply: by botocore, except for the calls of a transfer.
# The transfer retries those itself (archive/retries.py): it knows how long the invocation still lasts, and it waits for
# as long as S3 asks, which botocore does not.
_CONTROL_CALLS: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=20, max_pool_connections=16
)
# CompleteMultipartUpload of a large object can take minutes (AWS's documentation of the call); a checksum is sent only
# where this code computes it; addresses are those of v4 (aws/signed_put.py), which botocore leaves in some regions.
_STORAGE_CALLS: Final = _CONTROL_CALLS.merge(
    Config(
        read_timeout=300,
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
)

_TRIED_ONCE: Final = Config(retries={"mode": "standard", "total_max_attempts": 1})


@lru_cache(maxsize=1)
def aws_session() -> botocore.session.Session:
    """Return the session that all clients are created from: what is registered with it sees all their calls."""
    return botocore.session.get_session()


def make_s3_client() -> S3Client:
    """Create an S3 client for files that are written with one call."""
    return _s3_client(_STORAGE_CALLS)


def make_transfer_client() -> S3Client:
    """Create an S3 client for the control calls of transfers; the bytes take another way (``aws/signed_put.py``)."""
    return _s3_client(_STORAGE_CALLS.merge(_TRIED_ONCE))


def _s3_client(config: Config) -> S3Client:
    """Create an S3 client.

    Its addresses name the region. Left to itself botocore takes the global host, BUCKET.s3.amazonaws.com, which
    outside us-east-1 redirects (new buckets) or refuses (regions that were launched after March 2019).
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    if not _has_own_endpoint():
        config = config.merge(Config(s3={"addressing_style": "virtual"}))
    return cast("S3Client", aws_session().create_client("s3", config=config))


def _has_own_endpoint() -> bool:
    # The host of an S3 other than AWS's may have no names for buckets below it: there, the path names the bucket.
    return any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))


def make_dynamodb_client() -> DynamoDBClient:
    """Create a DynamoDB client."""
    client = cast("DynamoDBClient", aws_session().create_client("dynamodb", config=_CONTROL_CALLS))
    client.meta.events.register("after-call", refuse_other_than_json)
    return client


def make_secrets_client() -> SecretsManagerClient:
    """Create a Secrets Manager client."""
    client = cast("SecretsManagerClient", aws_session().create_client("secretsmanager", config=_CONTROL_CALLS))
    client.meta.events.register("after-call", refuse_other_than_json)
    return client


def make_sns_client() -> SNSClient:
    """Create an SNS client."""
    return cast("SNSClient", aws_session().create_client("sns", config=_CONTROL_CALLS))


def refuse_other_than_json(http_response: AWSResponse, parsed: Mapping[str, Any], **_event: object) -> None:
    """Refuse a success in which botocore found no fields and which is not an empty JSON object.

    To botocore a web page, half an object and nothing at all are objects without fields (``_parse_body_as_json`` of
    its parsers), as the true answers to most writes are.

    Raises:
        ValueError: it is not JSON.
    """
    if (
        http_response.status_code < 300
        and parsed.keys() <= {"ResponseMetadata"}
        and http_response.content.strip() != b"{}"
    ):
        raise ValueError("The answer is not a JSON object")
