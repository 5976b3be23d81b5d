"""The HTTP connections that carry bytes, on both sides."""

from __future__ import annotations

import logging
from typing import Final

import urllib3

from gopro_sync.archive.net.tls import block_tls_context

# Measured: blocks of 16 KiB (the usual default) cost 40 % more CPU; above 512 KiB there is nothing left to gain.
BLOCK_BYTES: Final = 512 * 1024


def open_pool(*, workers: int, ca_bundle: str | None) -> urllib3.PoolManager:
    """Create a pool of connections that are kept open between parts.

    Args:
        workers: how many to keep open.
        ca_bundle: path of the certificates to trust instead of the system's.
    """
    keep_addresses_out_of_the_log()
    # One context for all connections: urllib3 would read the trusted certificates again for each.
    return urllib3.PoolManager(maxsize=workers, blocksize=BLOCK_BYTES, ssl_context=block_tls_context(ca_bundle))


def keep_addresses_out_of_the_log() -> None:
    """Silence urllib3's log of requested paths, which carry signatures: always at DEBUG, at WARNING for odd headers."""
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
