"""Start the embedded AWS engine as a process of its own."""

from __future__ import annotations

import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from local.engine.certificate import Trust
from local.engine.environment import engine_environment
from local.errors import StartError
from local.hints import make_command
from local.processes import ProcessRecord, is_running, start_in_background
from local.state import REPOSITORY, StateDirectory

_START_SECONDS = 60.0
_POLL_SECONDS = 0.1
_LAMBDA_PYTHON = REPOSITORY / ".venv" / "lambda-runtime" / "bin" / "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedEngine:
    """An engine that may not answer yet."""

    process: ProcessRecord
    endpoint_url: str


def start_engine(
    directory: StateDirectory, trust: Trust, *, region: str, port: int = 0, module: str = "local.engine"
) -> StartedEngine:
    """Start the engine on 127.0.0.1.

    Args:
        directory: gets its log and temporary files.
        trust: its certificate.
        region: the region that it claims to be.
        port: where it listens; 0 for any free one.
        module: what to run; the tests also run the engine as published.

    Raises:
        StartError: the port is taken, or ``make setup`` has not been run.
    """
    if not _LAMBDA_PYTHON.exists():
        raise StartError(f"{_LAMBDA_PYTHON} is missing: {make_command('setup')}")
    with socket.create_server(("127.0.0.1", 0), backlog=1) if port == 0 else _bind(port) as listening:
        actual_port = listening.getsockname()[1]
        process = start_in_background(
            "engine",
            [sys.executable, "-m", module],
            environment=engine_environment(
                port=actual_port,
                region=region,
                listening_socket=listening.fileno(),
                certificate=trust.certificate,
                private_key=trust.private_key,
                ca_bundle=trust.ca_bundle,
                lambda_python=_LAMBDA_PYTHON,
                temporary_directory=directory.temporary,
            ),
            directory=REPOSITORY,
            log=directory.log("engine"),
            inherited_sockets=[listening.fileno()],
        )
    return StartedEngine(process=process, endpoint_url=f"https://127.0.0.1:{actual_port}")


def wait_until_ready(engine: StartedEngine, directory: StateDirectory, trust: Trust) -> None:
    """Wait until the engine answers.

    Raises:
        StartError: it ended, or does not answer in time; the message shows the end of its log.
    """
    context = ssl.create_default_context(cafile=str(trust.certificate))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and is_running(engine.process):
        try:
            urllib.request.urlopen(f"{engine.endpoint_url}/_ministack/health", context=context, timeout=5).close()  # noqa: S310  # https only
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(_POLL_SECONDS)
        else:
            return
    log = directory.log("engine")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    raise StartError("The AWS engine did not start. The end of " + "\n  ".join([f"{log}:", *lines]))


def _bind(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1)
    except OSError as error:
        raise StartError(f"Port {port} cannot be used ({error.strerror}): choose another one with --port") from error
