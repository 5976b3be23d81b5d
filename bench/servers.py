"""Start the GoPro Cloud simulator and the S3 of the bench, as processes of their own, and end them."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.certificate import write_certificate
from bench.measurement import BenchError
from local.simulator import Library, Settings, SimulatedItem, SimulatorAdmin, SourceFile
from local.simulator.content import DEFAULT_ETAG_PART_BYTES
from local.simulator.json_shape import to_json

SEED = "bench"  # of all copied files
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
        directory: for temporary files.
        certificate: the one that clients have to trust.
        gopro_api_url: the simulator's, whose CDN is the source.
        auth_token: what the simulator's API accepts.
        endpoint_url: that of the S3.
        contender_cpus: CPUs that the servers do not use, if there are enough.
    """

    directory: Path
    certificate: Path
    gopro_api_url: str
    auth_token: str
    endpoint_url: str
    contender_cpus: set[int]

    def video_url(self, size_bytes: int, *, proves_content: bool = False) -> str:
        """Add a file to the simulator, and return where its CDN serves it.

        Args:
            size_bytes: that of the file.
            proves_content: whether it has an ETag that proves its content, as GoPro's files have.
        """
        media_id = str(uuid.uuid4())
        part_size_bytes = DEFAULT_ETAG_PART_BYTES if proves_content else None
        file = SourceFile(size_bytes=size_bytes, seed=SEED, etag_part_size_bytes=part_size_bytes)
        SimulatorAdmin(self.gopro_api_url).add_item(SimulatedItem(media_id=media_id, chapters=(file,)))
        return next(each["url"] for each in self._variations(media_id) if each["label"] == "source")

    def _variations(self, media_id: str) -> list[dict[str, str]]:
        connection = http.client.HTTPConnection(urlsplit(self.gopro_api_url).netloc)
        headers = {
            "Accept": "application/vnd.gopro.jk.media+json; version=2.0.0",
            "Authorization": f"Bearer {self.auth_token}",
        }
        try:
            connection.request("GET", f"/media/{media_id}/download", headers=headers)
            return list(json.load(connection.getresponse())["_embedded"]["variations"])
        finally:
            connection.close()


@contextmanager
def open_servers(settings: Settings | None = None) -> Iterator[Servers]:
    """Run both servers.

    Args:
        settings: how fast the source is; by default as fast as the machine.

    Raises:
        BenchError: one did not start.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    server_cpus = set(others) or {first}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        certificate = directory / "certificate.pem"
        write_certificate(certificate)
        (directory / "openssl.cnf").write_text(_OPENSSL_CONFIGURATION)
        library, source = directory / "library.json", directory / "settings.json"
        library.write_text(json.dumps(Library().to_json()))
        source.write_text(json.dumps(to_json(settings or Settings())))
        gopro_options = ("--library", str(library), "--settings", str(source), "--cdn-certificate", str(certificate))
        with (
            _serving("local.simulator", gopro_options, directory, server_cpus) as announced,
            _serving("local.s3_server", ("--certificate", str(certificate)), directory, server_cpus) as endpoint_url,
        ):
            gopro = json.loads(announced)
            yield Servers(
                directory=directory,
                certificate=certificate,
                gopro_api_url=gopro["api_url"],
                auth_token=gopro["credential"]["auth_token"],
                endpoint_url=endpoint_url,
                contender_cpus={first},
            )


@contextmanager
def _serving(module: str, options: Sequence[str], directory: Path, cpus: set[int]) -> Iterator[str]:
    """Run a module; yield the first line that it prints."""
    environment = os.environ | {"OPENSSL_CONF": str(directory / "openssl.cnf")}
    command = [sys.executable, "-m", module, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=environment) as process:
        os.sched_setaffinity(process.pid, cpus)
        try:
            assert process.stdout is not None
            first_line = process.stdout.readline().strip()
            if not first_line:
                raise BenchError(f"the bench's own {module} did not start")
            yield first_line
        finally:
            process.terminate()
