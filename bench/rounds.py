"""One contender's round: it copies a file, and the object is checked."""

from __future__ import annotations

import http.client
import os
import ssl
import uuid
from functools import lru_cache
from urllib.parse import urlsplit

from awscrt import checksums

from bench.contenders.commands import Contender, Copy, environment_of
from bench.measurement import BenchError, Cost, measure
from bench.report import Round
from bench.servers import SEED, Servers
from local.s3_server import s3_form
from local.simulator.content import GeneratedContent

_SMALL_BYTES = 1_000_000
_BUCKET = "bench"


def play_round(servers: Servers, contender: Contender, *, size_bytes: int, workers: int) -> Round:
    """Copy a small file, whose cost is that of starting, and then the file.

    Raises:
        BenchError: the contender failed, or an object is not the source's file.
    """
    if contender.asks_for_s3_etag:
        for size in (_SMALL_BYTES, size_bytes):
            # The server computes it once: that time is not the contender's.
            _ask(servers, "GET", servers.video_url(size, proves_content=True), {"Range": "bytes=0-0"})
    return Round(
        small_size_bytes=_SMALL_BYTES,
        small_cost=copy_file(servers, contender, size_bytes=_SMALL_BYTES, workers=workers),
        size_bytes=size_bytes,
        cost=copy_file(servers, contender, size_bytes=size_bytes, workers=workers),
    )


def copy_file(servers: Servers, contender: Contender, *, size_bytes: int, workers: int) -> Cost:
    """Let a contender copy one file to a fresh key.

    Raises:
        BenchError: it failed, or the object is not the source's file.
    """
    copy = Copy(
        source=servers.video_url(size_bytes, proves_content=contender.asks_for_s3_etag),
        endpoint_url=servers.endpoint_url,
        bucket=_BUCKET,
        key=f"{uuid.uuid4()}.mp4",
        ca_bundle=str(servers.certificate),
        workers=workers,
    )
    cost = measure(
        contender.command(copy),
        environment=environment_of(copy, dict(os.environ)),
        cpus=servers.contender_cpus,
        log=servers.directory / "contender.log",
    )
    _check(servers, contender, key=copy.key, size_bytes=size_bytes)
    return cost


def _check(servers: Servers, contender: Contender, *, key: str, size_bytes: int) -> None:
    answer = _ask(servers, "HEAD", f"{servers.endpoint_url}/{_BUCKET}/{key}", {"x-amz-checksum-mode": "ENABLED"})
    if answer.status != 200:
        raise BenchError(f"{contender.name} left no object")
    stored = (answer.getheader("Content-Length"), answer.getheader("x-amz-checksum-crc64nvme"))
    expected = (str(size_bytes), s3_form(_crc64nvme_of(size_bytes)))
    if stored != expected:
        raise BenchError(f"{contender.name}: the object is not the source's file: {stored}, not {expected}")


@lru_cache(maxsize=8)
def _crc64nvme_of(size_bytes: int) -> int:
    value: int = 0
    for block in GeneratedContent(seed=SEED, size_bytes=size_bytes).blocks(0, size_bytes):
        value = checksums.crc64nvme(block, value)
    return value


def _ask(servers: Servers, method: str, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Send a request of the bench's own; only the answer's head is of interest."""
    context = ssl.create_default_context(cafile=servers.certificate)
    address = urlsplit(url)
    connection = http.client.HTTPSConnection(address.netloc, context=context)
    try:
        connection.request(method, address._replace(scheme="", netloc="").geturl(), headers=headers)
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    return answer
