"""Run the transfer engine alone: from a plain HTTPS URL into any S3 that reads trailers, to compare it with a tool.

    bench/transfer.py --source URL --endpoint-url URL --bucket B --key K --workers N [--part-size BYTES] [--ca-bundle F]

Credentials come from the environment, as in every AWS SDK. Prints one line of JSON: what was done, and at what cost to
this whole process, start included.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

# The package is not installed: this lets the file run from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

# First of all: this process leaves out whatever a function in Lambda leaves out at its start.
import gopro_sync.handlers  # noqa: F401, I001

# Not boto3: what it adds to botocore is not used here, and start-up is part of what is measured.
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from gopro_sync.archive.bucket_writer import BucketWriter, storage_pool
from gopro_sync.archive.source import source_pool
from gopro_sync.archive.engine import FileToArchive, TransferEngine, TransferRules
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.archive.surroundings import Surroundings
from gopro_sync.archive.thread_crew import ThreadCrew
from gopro_sync.errors import GoProSyncError
from gopro_sync.values.timestamps import now_utc

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def main() -> int:
    """Copy one file; return 0 only if it is whole in S3."""
    arguments = _parse_arguments()
    gc.freeze()
    gc.enable()
    try:
        engine = TransferEngine(
            writer=BucketWriter(
                s3=_make_client(arguments),
                http=storage_pool(workers=arguments.workers, ca_bundle=arguments.ca_bundle),
                bucket=arguments.bucket,
            ),
            # Here the operator names the source, not GoPro.
            source_http=source_pool(
                workers=arguments.workers, ca_bundle=arguments.ca_bundle, allows_internal_addresses=True
            ),
            rules=TransferRules(
                limits=PartLimits(),
                workers=arguments.workers,
                part_size_bytes=arguments.part_size,
                verify_source_etag=arguments.verify_source_etag,
                require_storage_checksum=False,  # not every S3 reports CRC64NVME; one that does is still compared
            ),
            surroundings=Surroundings(clock=time.monotonic, wall_clock=now_utc, random=random.random, crew=ThreadCrew),
        )
        file = FileToArchive(media_id="bench", item_number=1, key=arguments.key, fallback_key=None, tags={})
        outcome = engine.transfer(file, resolve_url=lambda: arguments.source)
    except GoProSyncError as error:
        # Without the remedy, which is for operators of the whole system, where another run follows.
        print(f"transfer: {type(error).__name__}: {error.message}", file=sys.stderr)
        return 1
    except (BotoCoreError, ValueError) as error:
        print(f"transfer: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(outcome) | _cost()))
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="HTTPS URL of a file; its server must know ranges")
    parser.add_argument("--endpoint-url", help="the S3 to use; AWS's without it")
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--key", required=True, help="must be free: nothing is ever written over an object")
    parser.add_argument("--workers", type=_positive, default=8, help="parts copied at once (%(default)s)")
    parser.add_argument("--part-size", type=_positive, metavar="BYTES", help="instead of a balanced one")
    parser.add_argument("--ca-bundle", type=_existing, metavar="FILE", help="certificates to trust, on both sides")
    parser.add_argument("--verify-source-etag", action="store_true", help="compare with the source's ETag too (MD5)")
    return parser.parse_args()


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def _existing(text: str) -> str:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return text


def _make_client(arguments: argparse.Namespace) -> S3Client:
    client = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=arguments.endpoint_url,
        region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        verify=arguments.ca_bundle,
        config=Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # A host of one's own seldom answers to bucket.host.
            s3={"addressing_style": "path" if arguments.endpoint_url else "auto"},
        ),
    )
    return cast("S3Client", client)


def _cost() -> dict[str, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return {
        "process_cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "process_peak_memory_bytes": usage.ru_maxrss * unit_bytes,
    }


if __name__ == "__main__":
    sys.exit(main())
