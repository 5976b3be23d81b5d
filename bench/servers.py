"""Starts the source and the S3 of the bench, as processes of their own, and ends them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measurement import BenchError
from bench.tls_server import write_certificate

_ROOT = Path(__file__).resolve().parents[1]

# AES-128-GCM is first in CloudFront's list for TLS 1.3; OpenSSL by itself takes AES-256. Python 3.12 cannot choose
# among the suites of TLS 1.3, OpenSSL's own configuration can.
_OPENSSL_CONFIGURATION = """\
openssl_conf = conf
[conf]
ssl_conf = ssl
[ssl]
system_default = suites
[suites]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Where everything is while the servers run.

    Args:
        directory: for files that are of no use afterwards.
        certificate: what clients have to trust.
        source_url: of the source; a file is ``/{size_bytes}.mp4``.
        endpoint_url: of the S3.
        contender_cpus: those that the servers leave alone, where there are enough.
    """

    directory: Path
    certificate: Path
    source_url: str
    endpoint_url: str
    contender_cpus: set[int]


@contextmanager
def open_servers(source_options: Sequence[str] = ()) -> Iterator[Servers]:
    """Runs both servers.

    Args:
        source_options: options of ``bench.video_source``.

    Raises:
        BenchError: one did not start.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    server_cpus = set(others) or {first}
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        certificate = Path(directory) / "certificate.pem"
        write_certificate(certificate)
        (Path(directory) / "openssl.cnf").write_text(_OPENSSL_CONFIGURATION)
        with (
            _serving("video_source", certificate, server_cpus, source_options) as source_url,
            _serving("storage_sink", certificate, server_cpus) as endpoint_url,
        ):
            yield Servers(
                directory=Path(directory),
                certificate=certificate,
                source_url=source_url,
                endpoint_url=endpoint_url,
                contender_cpus={first},
            )


@contextmanager
def _serving(module: str, certificate: Path, cpus: set[int], options: Sequence[str] = ()) -> Iterator[str]:
    command = [sys.executable, "-m", f"bench.{module}", "--certificate", str(certificate), *options]
    environment = os.environ | {"OPENSSL_CONF": str(certificate.with_name("openssl.cnf"))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=environment) as process:
        os.sched_setaffinity(process.pid, cpus)
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise BenchError(f"the bench's own {module} did not start")
            yield url
        finally:
            process.terminate()
