"""A running simulator with a small library, and a client that is signed in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from local.simulator import Library, SimulatedItem, Simulator, SourceFile

ACCEPT = "application/vnd.gopro.jk.media+json; version=2.0.0"
SINGLE = SimulatedItem(
    media_id="single",
    filename="GX010001.MP4",
    created_at="2026-05-01T00:00:00Z",
    chapters=(SourceFile(size_bytes=3_000_000, seed="single", etag_part_size_bytes=1024 * 1024),),
)
CHAPTERED = SimulatedItem(
    media_id="chaptered",
    filename="GX010456.MP4",
    created_at="2026-05-02T00:00:00Z",
    chapters=tuple(SourceFile(size_bytes=100_000 + number, seed=f"chapter-{number}") for number in range(3)),
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Library([SINGLE, CHAPTERED])) as running:
        yield running


@pytest.fixture
def api(simulator: Simulator) -> Iterator[httpx.Client]:
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {simulator.credential['auth_token']}"}
    with httpx.Client(base_url=simulator.api_url, headers=headers, trust_env=False, verify=False, timeout=5) as client:
        yield client


@pytest.fixture
def cdn() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, verify=False, timeout=5) as client:
        yield client
