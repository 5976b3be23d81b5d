"""Signed URLs in the manner of CloudFront: bound to a method, a path and a time, and worthless afterwards."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from local.simulator.clock import SimulatorClock

_KEY_PAIR_ID = "KSIMULATEDKEYPAIR"


class UrlSigner:
    """Signs and checks the URLs of the simulated CDN.

    Args:
        clock: decides when a URL has expired.
    """

    def __init__(self, clock: SimulatorClock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def sign(self, *, method: str, base_url: str, path: str, filename: str, lifetime_seconds: int) -> str:
        """Returns the URL that allows `method` (GET or HEAD) on `path` for so long, served under `filename`."""
        expires = str(int(self._clock.now()) + lifetime_seconds)
        # A name may hold half a character: a URL carries whole ones only.
        disposition = f'attachment; filename="{filename}"'.encode(errors="replace").decode()
        query = {
            "response-content-disposition": disposition,
            "Expires": expires,
            "Signature": self._signature(method, path, expires, disposition),
            "Key-Pair-Id": _KEY_PAIR_ID,
        }
        return f"{base_url}{path}?{urlencode(query, quote_via=quote)}"

    def accepts(self, *, method: str, path: str, query: Mapping[str, str]) -> bool:
        """Says whether the query proves that `method` on `path` is allowed now."""
        expires = query.get("Expires", "")
        expected = self._signature(method, path, expires, query.get("response-content-disposition", ""))
        genuine = hmac.compare_digest(expected.encode(), query.get("Signature", "").encode())
        return genuine and self._clock.now() < int(expires)

    def revoke_all(self) -> None:
        """Makes every URL signed so far worthless."""
        self._key = secrets.token_bytes(32)

    def _signature(self, method: str, path: str, expires: str, disposition: str) -> str:
        message = "\n".join((method, path, expires, disposition)).encode()
        digest = hmac.digest(self._key, message, hashlib.sha256)
        # CloudFront's replacements for what base64 and URLs quarrel about.
        return base64.b64encode(digest).decode().translate(str.maketrans("+=/", "-_~"))
