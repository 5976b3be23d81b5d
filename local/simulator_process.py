"""Start the GoPro Cloud simulator as a process of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import StartError
from local.processes import ProcessRecord, is_running, start_in_background
from local.state import REPOSITORY, StateDirectory

_START_SECONDS = 60.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorAddress:
    """Where a simulator listens, and the credential that it accepts."""

    api_url: str
    credential: dict[str, Any]


def start_simulator(directory: StateDirectory, *, library: str, media: Path | None) -> ProcessRecord:
    """Start the simulator on 127.0.0.1, on any free ports.

    Args:
        directory: gets its log and its ready file.
        library: ``demo``, or a library file.
        media: one more real file to serve.
    """
    arguments = [sys.executable, "-m", "local.simulator", "--ready-file", str(_ready_file(directory))]
    arguments += ["--library", library if library == "demo" else str(Path(library).absolute())]
    if media is not None:
        arguments += ["--media", str(media.absolute())]
    return start_in_background(
        "simulator",
        arguments,
        environment={name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
        directory=REPOSITORY,
        log=directory.log("simulator"),
    )


def wait_for_simulator(process: ProcessRecord, directory: StateDirectory) -> SimulatorAddress:
    """Wait until it listens, and return its address.

    Raises:
        StartError: it ended (its own words say why), or does not answer in time.
    """
    ready = _ready_file(directory)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if ready.exists():
            document = json.loads(ready.read_text(encoding="utf-8"))
            return SimulatorAddress(api_url=document["api_url"], credential=document["credential"])
        if not is_running(process):
            break
        time.sleep(_POLL_SECONDS)
    words = directory.log("simulator").read_text(encoding="utf-8", errors="replace").strip()
    raise StartError(f"The GoPro Cloud simulator did not start: {words or 'it gave no reason'}")


def _ready_file(directory: StateDirectory) -> Path:
    return directory.path / "simulator.json"
