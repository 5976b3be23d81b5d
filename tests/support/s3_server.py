"""The S3 that tests and bench share, with the client that a transfer has in production."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gopro_sync.aws.clients import make_transfer_client
from local.s3_server import S3Server
from tests.support.aws_environment import aws_environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class TransferS3(S3Server):
    """Also makes its client."""

    @cached_property
    def client(self) -> S3Client:
        """The client of a transfer, as in production, for this server."""
        with aws_environment(endpoint_url=self.endpoint_url):
            return make_transfer_client()
