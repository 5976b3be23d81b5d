"""What takes long at a start and is the same for every process: done once, by the process whose forks they are."""

from __future__ import annotations

import pytest

import gopro_sync.run.video
import gopro_sync.table.tracker
from gopro_sync.aws.clients import make_dynamodb_client, make_s3_client
from tests.chaos import downloader_process

__all__ = ["downloader_process", "gopro_sync", "pytest"]

# Not these clients are wanted, but the descriptions of the services, which their session keeps.
make_s3_client().close()
make_dynamodb_client().close()
