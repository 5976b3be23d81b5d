"""moto's DynamoDB with the tracker's table, asked by a client as in production."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moto import mock_aws

from gates.template import Stack, resource
from gopro_sync.aws.clients import make_dynamodb_client
from tests.support.aws_environment import aws_environment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@contextmanager
def tracker_table(name: str) -> Iterator[DynamoDBClient]:
    """moto's DynamoDB with the tracker's table as template.yaml declares it, under a name of the test's."""
    declared = Stack().resolve(resource("TrackerTable"))
    fields = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    with aws_environment(), mock_aws():
        client = make_dynamodb_client()
        client.create_table(TableName=name, **{field: declared[field] for field in fields})
        yield client
