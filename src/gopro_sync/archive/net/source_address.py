"""A signed URL taken apart: which host to connect to, and what to ask for, byte for byte.

A signature holds for exactly the bytes that were signed. URL libraries tidy what they are given (upper-case escapes,
escaped brackets and pipes, ``..`` and ``//`` removed), and a tidied URL is another one, which is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from gopro_sync.errors import GoProApiChangedError

_LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_BLANKS_AND_CONTROLS: Final = "".join(map(chr, range(0x21)))
# The fragment, if there is one, stays with the client (RFC 9110, 7.1).
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<target>[^#]*)", re.DOTALL)
_NOT_IN_AN_AUTHORITY = re.compile(r"[\x00-\x20\x7f\\]")
# What a request line cannot carry: it is ASCII, and a blank or a control character would end the target.
_NOT_IN_A_REQUEST_LINE = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAddress:
    """Where a file is.

    Attributes:
        scheme: ``https``, or ``http`` on this machine.
        host: a name in ASCII, or an address without brackets; the only part of the URL that may be shown.
        port: as the URL says, or the scheme's own.
        target: path and query as they were signed; a secret.
    """

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)


def read_address(url: str) -> SourceAddress:
    """Take a signed URL apart; a name and a password in front of the host are not sent.

    Raises:
        GoProApiChangedError: it is no URL, or bytes would travel unencrypted to another machine.
    """
    match = _URL.match(url.strip(_BLANKS_AND_CONTROLS))
    if match is None or _NOT_IN_AN_AUTHORITY.search(match["authority"]):
        raise GoProApiChangedError("GoPro gave a malformed download URL")
    scheme = match["scheme"].lower()
    try:
        authority = parse_url(f"{scheme}://{match['authority']}")
    except LocationParseError:
        # Not chained: the cause's message quotes the URL.
        raise GoProApiChangedError("GoPro gave a malformed download URL") from None
    host = (authority.host or "").strip("[]")
    if not host:
        raise GoProApiChangedError("GoPro gave a malformed download URL")
    if scheme != "https" and not (scheme == "http" and host in _LOOPBACK_HOSTS):
        raise GoProApiChangedError(f"The download URL at {host} is not https")
    return SourceAddress(
        scheme=scheme, host=host, port=authority.port or _DEFAULT_PORTS[scheme], target=_target(match["target"])
    )


def _target(given: str) -> str:
    sendable = _NOT_IN_A_REQUEST_LINE.sub(lambda found: _escaped(found[0]), given)
    return sendable if sendable.startswith("/") else f"/{sendable}"


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="surrogatepass"))
