"""Start the engine: ``python -m local.engine``, in the environment that ``environment.engine_environment`` describes.

The parent has already bound the listening socket, so that no other program can take the port in between.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack import app as ministack_app

from local.engine import (
    alarms,
    cloudformation,
    cloudtrail,
    embedded_metrics,
    expressions,
    kept_resources,
    key_states,
    lambda_runtime,
    queue_metrics,
    s3,
    saved_queries,
    secret_rotation,
    slack,
    sns_email,
    step_functions,
)
from local.engine.environment import LISTENING_SOCKET_VARIABLE
from local.engine.patching import assert_pinned_versions
from local.lifeline import end_with_starter

_KEEP_ALIVE_SECONDS = 75


def main() -> None:
    """Close the gaps, then serve until SIGTERM or SIGINT."""
    end_with_starter()
    assert_pinned_versions()
    # The interpreter logs each failed state with its whole syntax tree; the execution's history shows the same, better.
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    services = (lambda_runtime, step_functions, cloudformation, kept_resources, secret_rotation, cloudtrail, slack, s3)
    # key_states last: what needs an unusable key must not reach the others.
    watching = (embedded_metrics, queue_metrics, alarms, saved_queries, sns_email, key_states)
    for gap in (*services, expressions, *watching):
        gap.apply()
    asyncio.run(serve())


async def serve() -> None:
    """Serve the engine as it stands on the inherited socket; never return."""
    config = Config()
    config.bind = [f"fd://{os.environ[LISTENING_SOCKET_VARIABLE]}"]
    config.certfile = os.environ["MINISTACK_SSL_CERT"]
    config.keyfile = os.environ["MINISTACK_SSL_KEY"]
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    config.loglevel = "WARNING"
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end)
    await hypercorn_serve(ministack_app.app, config, shutdown_trigger=asyncio.Event().wait)


def _end() -> None:
    """End at once: nothing here is worth keeping, and an open request may wait for a function for minutes."""
    lambda_runtime.stop_workers()
    os._exit(0)


if __name__ == "__main__":
    main()
