"""Real processes between the bench's own servers, over TLS: the bench must not compare copies that are none."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.contenders.commands import CONTENDERS, OURS, Contender, environment_of
from bench.contenders.commands import Copy as CopyJob
from bench.measurement import BenchError, measure
from bench.rounds import copy_file
from bench.servers import Servers, open_servers
from local.simulator import Library, Settings, SimulatorAdmin

ROOT = Path(__file__).resolve().parents[3]
MULTIPART_BYTES = 101_000_000  # over the engine's threshold, and over everybody's part size


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with open_servers() as running:
        yield running


pytestmark = pytest.mark.slow  # of the bench, and each starts processes


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
@pytest.mark.parametrize("size_bytes", [1_000_000, MULTIPART_BYTES])
def test_every_contender_copies_the_whole_file(servers: Servers, contender: Contender, size_bytes: int) -> None:
    if contender.missing:
        pytest.skip(f"not installed: {contender.missing}")
    cost = copy_file(servers, contender, size_bytes=size_bytes, workers=4)
    assert cost.cpu_seconds > 0
    assert cost.peak_memory_bytes > 1_000_000


def test_a_copy_of_another_file_does_not_count(servers: Servers) -> None:
    def wrong_file(copy: CopyJob) -> list[str]:
        return CONTENDERS[0].command(replace(copy, source=servers.video_url(999_999)))

    with pytest.raises(BenchError, match="not the source's file"):
        copy_file(servers, Contender(name="cheat", command=wrong_file), size_bytes=1_000_000, workers=1)


def test_a_contender_that_does_nothing_does_not_count(servers: Servers) -> None:
    idle = Contender(name="idle", command=lambda _: [sys.executable, "-c", ""])
    with pytest.raises(BenchError, match="left no object"):
        copy_file(servers, idle, size_bytes=1_000_000, workers=1)


def test_a_failing_contender_is_named_with_its_last_words(servers: Servers) -> None:
    failing = Contender(name="failing", command=lambda _: [sys.executable, "-c", "raise SystemExit('no such bucket')"])
    with pytest.raises(BenchError, match="no such bucket"):
        copy_file(servers, failing, size_bytes=1_000_000, workers=1)


def test_cpu_and_memory_of_grandchildren_are_counted(servers: Servers, tmp_path: Path) -> None:
    busy = "import time; kept = bytearray(b'1') * 50_000_000\nwhile time.process_time() < 0.4: pass"
    command = ["bash", "-c", f'"{sys.executable}" -c "{busy}" | cat']
    cost = measure(command, environment={}, cpus=servers.contender_cpus, log=tmp_path / "log")
    assert cost.cpu_seconds >= 0.4
    assert cost.peak_memory_bytes >= 50_000_000


def test_the_source_keeps_to_its_cap_and_its_round_trip() -> None:
    ours = next(contender for contender in CONTENDERS if contender.name == OURS)
    with open_servers(Settings(cdn_bytes_per_second=2_000_000, cdn_latency_seconds=0.1)) as slow:
        began = time.monotonic()
        copy_file(slow, ours, size_bytes=1_000_000, workers=1)
        assert time.monotonic() - began >= 0.5 + 0.3  # the bytes; two round trips to connect and one to ask


# --- bench/transfer.py, which people run by hand ---------------------------------------------------------------------


def run_transfer(servers: Servers, source: str, key: str, *options: str) -> subprocess.CompletedProcess[str]:
    job = CopyJob(
        source=source,
        endpoint_url=servers.endpoint_url,
        bucket="b",
        key=key,
        ca_bundle=str(servers.certificate),
        workers=2,
    )
    command = [sys.executable, str(ROOT / "bench" / "transfer.py"), "--source", source, "--bucket", "b", "--key", key]
    command += ["--endpoint-url", servers.endpoint_url, "--workers", "2", "--ca-bundle", str(servers.certificate)]
    environment = environment_of(job, {})
    return subprocess.run([*command, *options], env=environment, capture_output=True, text=True, cwd="/", check=False)


def test_transfer_tells_what_it_did_and_what_it_cost(servers: Servers) -> None:
    source = servers.video_url(MULTIPART_BYTES)
    done = run_transfer(servers, source, "by-hand.mp4", "--part-size", "20971520")
    reported = json.loads(done.stdout)
    assert done.returncode == 0
    assert (reported["outcome"], reported["bytes_sent"], reported["parts_sent"]) == ("COMPLETED", MULTIPART_BYTES, 5)
    assert reported["process_cpu_seconds"] > 0


def test_transfer_names_a_source_that_is_not_there(servers: Servers) -> None:
    source = servers.video_url(1_000_000)
    SimulatorAdmin(servers.gopro_api_url).put_library(Library())
    done = run_transfer(servers, source, "absent.mp4")
    assert done.returncode == 1
    assert done.stderr.startswith("transfer: SourceLostError")
    assert "Traceback" not in done.stderr


def test_transfer_refuses_parts_that_s3_would_refuse(servers: Servers) -> None:
    done = run_transfer(servers, servers.video_url(MULTIPART_BYTES), "small-parts.mp4", "--part-size", "1000000")
    assert done.returncode == 1
    assert "only the last part may have under" in done.stderr
    assert "Traceback" not in done.stderr
