"""Everything that the simulated GoPro Cloud knows, shared by its API, its CDN and its admin interface."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from local.simulator.clock import SimulatorClock
from local.simulator.content import DigestCache, s3_etag_of, sha256_of
from local.simulator.faults import FaultBoard
from local.simulator.library import Library, SourceFile
from local.simulator.recording import RequestLog
from local.simulator.settings import Settings
from local.simulator.signing import UrlSigner
from local.simulator.tokens import Account, TokenIssuer

# The MD5 of a file of this size takes seconds, and that of a large one longer than clients wait for an answer.
_SLOW_TO_HASH_BYTES = 1024**3


class SimulatedCloud:
    """The state of one simulated GoPro Cloud.

    Args:
        library: what the account holds; can be replaced while running.
        settings: likewise.
    """

    def __init__(self, library: Library, settings: Settings) -> None:
        self.library = library
        self.settings = settings
        self.account = Account()
        self.clock = SimulatorClock()
        self.faults = FaultBoard()
        self.requests = RequestLog()
        self.tokens = TokenIssuer(self.account, self.clock)
        self.signer = UrlSigner(self.clock)
        self._etags = DigestCache[SourceFile]()
        self._digests = DigestCache[SourceFile]()

    def etag(self, file: SourceFile) -> str:
        """Return S3's ETag of a file, or an opaque one if its part size is None."""
        part_size_bytes = file.etag_part_size_bytes
        if part_size_bytes is None:
            return f'"opaque-{hashlib.sha256(repr(file).encode()).hexdigest()[:32]}"'
        return self._etags.get(file, lambda: s3_etag_of(file.open(), part_size_bytes))

    def compute_slow_etags(self) -> None:
        """Compute the ETags of large files, so that the first request for one does not have to wait for it."""
        for item in self.library.stated_items():
            for chapter in item.chapters:
                with suppress(OSError, EOFError):  # said when it is served
                    if chapter.open().size_bytes >= _SLOW_TO_HASH_BYTES:
                        self.etag(chapter)

    def sha256(self, file: SourceFile) -> str:
        """Return the SHA-256 of a file, from its own bytes."""
        return self._digests.get(file, lambda: sha256_of(file.open()))
