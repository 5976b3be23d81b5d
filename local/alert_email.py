"""Whether an address can be the template's AlertEmail: a deployment refuses another one only after half a minute."""

from __future__ import annotations

import re
from typing import Final

# Of the template's AllowedPattern, without what lets the parameter be empty.
ALERT_EMAIL_PATTERN: Final = r"[^@\s]{1,64}@[^@\s]{1,250}\.[^@\s.]{2,63}"
# sam takes quotation marks and backslashes for its own, and would deploy another address.
_LOST_BY_SAM: Final = re.compile(r"""^'|["\\]""")


def is_alert_email(address: str) -> bool:
    """Whether ``sam deploy`` takes the address, and takes it as it is."""
    fits = re.fullmatch(ALERT_EMAIL_PATTERN, address) is not None
    return fits and address.isprintable() and _LOST_BY_SAM.search(address) is None
