"""The CDN of the bench: serves ``/{size_bytes}.mp4``, whole or by range, as fast as asked for.

    python -m bench.video_source --certificate FILE [--bytes-per-second N] [--round-trip-seconds S]

A file asked for as ``/{size_bytes}.mp4?etag=s3`` has an ETag that proves its content, as GoPro's files have.
"""

from __future__ import annotations

import argparse
import re
import time
from functools import partial
from pathlib import Path

from bench.generated_video import pieces, s3_etag_of
from bench.tls_server import QuietHandler, TlsServer

_TARGET = re.compile(r"/(?P<size>[1-9]\d{0,12})\.mp4(?P<s3_etag>\?etag=s3)?", re.ASCII)
_RANGE = re.compile(r"bytes=(?P<first>\d+)-(?P<last>\d*)", re.ASCII)
_PACED_PIECE_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024
_MOST_LATE_SECONDS = 0.01  # how much of a late wake-up is caught up with: more would be a burst above the cap


class _VideoHandler(QuietHandler):
    def __init__(self, *args: object, bytes_per_second: float | None, round_trip_seconds: float) -> None:
        self._bytes_per_second = bytes_per_second
        self._round_trip_seconds = round_trip_seconds
        self._free_at = 0.0
        super().__init__(*args)  # type: ignore[arg-type]  # the three of the base class, which serves within this call

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        target = _TARGET.fullmatch(self.path)
        if target is None:
            self.answer(404, {})
            return
        size_bytes = int(target["size"])
        asked = _RANGE.fullmatch(self.headers["Range"] or "")
        first = int(asked["first"]) if asked else 0
        last = min(int(asked["last"]), size_bytes - 1) if asked and asked["last"] else size_bytes - 1
        if first > last:
            self.answer(416, {"Content-Range": f"bytes */{size_bytes}"})
            return
        time.sleep(self._round_trip_seconds)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", f'"{s3_etag_of(size_bytes) if target["s3_etag"] else size_bytes}"')
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size_bytes}")
        self.end_headers()
        piece_bytes = _PACED_PIECE_BYTES if self._bytes_per_second else _PIECE_BYTES
        for piece in pieces(first, last - first + 1, piece_bytes=piece_bytes):
            self._wait_for_turn(len(piece))
            self.connection.sendall(piece)

    def _wait_for_turn(self, size_bytes: int) -> None:
        if self._bytes_per_second is None:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now - _MOST_LATE_SECONDS) + size_bytes / self._bytes_per_second
        time.sleep(max(0.0, self._free_at - now))


def main() -> None:
    """Serves until ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certificate", type=Path, required=True, help="file with certificate and key (PEM)")
    parser.add_argument("--bytes-per-second", type=float, help="cap of each connection")
    parser.add_argument("--round-trip-seconds", type=float, default=0.0, help="delay before each answer")
    arguments = parser.parse_args()
    handler = partial(
        _VideoHandler,
        bytes_per_second=arguments.bytes_per_second,
        round_trip_seconds=arguments.round_trip_seconds,
    )
    # A TCP and a TLS 1.3 handshake take a round trip each.
    TlsServer(
        handler, certificate=arguments.certificate, before_handshake_seconds=2 * arguments.round_trip_seconds
    ).serve()


if __name__ == "__main__":
    main()
