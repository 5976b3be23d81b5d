"""What can be the template's GoProApiBaseUrl: a deployment refuses another address only after half a minute."""

from __future__ import annotations

import re
from typing import Final

# The template's AllowedPattern, between its anchors.
GOPRO_ADDRESS_PATTERN: Final = (
    r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?"
)


def is_gopro_address(url: str) -> bool:
    """Return whether a stack can be given this address of the GoPro API."""
    return re.fullmatch(GOPRO_ADDRESS_PATTERN, url) is not None
