"""Signed URLs in the manner of CloudFront: bound to a method, a path and a time, and worthless afterwards."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl, quote, urlencode

from local.simulator.clock import SimulatorClock

_NAME = "Signature="
_CARRIED = "".join(map(chr, range(0x21, 0x7F)))  # by a request line, as it is
_KEY_PAIR_ID = "KSIMULATEDKEYPAIR"


class UrlSigner:
    """Sign and check the URLs of the simulated CDN.

    Args:
        clock: decides when a URL has expired.
    """

    def __init__(self, clock: SimulatorClock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def sign(
        self, *, method: str, base_url: str, path: str, filename: str, lifetime_seconds: int, odd_query: str = ""
    ) -> str:
        """Return the URL that allows `method` (GET or HEAD) on `path` for so long, served under `filename`.

        `odd_query` follows in the query as it is, and is signed as it is.
        """
        expires = str(int(self._clock.now()) + lifetime_seconds)
        # A name may hold half a character: a URL carries whole ones only.
        disposition = f'attachment; filename="{filename}"'.encode(errors="replace").decode()
        query = {
            "response-content-disposition": disposition,
            "Expires": expires,
            "Key-Pair-Id": _KEY_PAIR_ID,
        }
        signed = urlencode(query, quote_via=quote) + odd_query
        return f"{base_url}{path}?{signed}&{_NAME}{self._signature(method, path, signed)}"

    def accepts(self, *, method: str, target: str) -> bool:
        """Return whether the query of the target proves that `method` on its path is allowed now.

        The signed part has to come back byte for byte: a client may escape what a request line cannot carry, and
        nothing else.
        """
        path, _, query = target.partition("?")
        pieces = query.split("&")
        given = "".join(piece.removeprefix(_NAME) for piece in pieces if piece.startswith(_NAME))
        signed = "&".join(piece for piece in pieces if not piece.startswith(_NAME))
        genuine = hmac.compare_digest(self._signature(method, path, signed).encode(), given.encode())
        return genuine and self._clock.now() < int(dict(parse_qsl(signed))["Expires"])

    def revoke_all(self) -> None:
        """Invalidate every URL signed so far."""
        self._key = secrets.token_bytes(32)

    def _signature(self, method: str, path: str, query: str) -> str:
        message = "\n".join((method, path, quote(query, safe=_CARRIED))).encode()
        digest = hmac.digest(self._key, message, hashlib.sha256)
        # CloudFront's replacements for the base64 characters that URLs do not allow.
        return base64.b64encode(digest).decode().translate(str.maketrans("+=/", "-_~"))
