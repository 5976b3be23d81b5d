"""The session: the proof to GoPro of who is asking.

The access token is opaque: since late 2024 it is an encrypted token of five parts in which a client can read nothing,
so its expiry is known only from what was stored beside it when it was obtained.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from gopro_sync.errors import ConfigurationError

# RFC 6265's cookie octets: what may stand in a Cookie header; an Authorization header takes all of them as well.
_HEADER_SAFE = re.compile(r"[!#-+\--:<-\[\]-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The proof to GoPro of who is asking.

    Attributes:
        auth_token: the opaque access token.
        user_id: the account's id, which browsers send along with the token.
        expires_at: when the token ends, if that is known.

    Raises:
        ConfigurationError: a value that no HTTP header can carry, such as a token pasted with a line break.
    """

    auth_token: str = field(repr=False)
    user_id: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        for name, value in (("auth_token", self.auth_token), ("user_id", self.user_id)):
            if value is not None and not _HEADER_SAFE.fullmatch(value):
                raise ConfigurationError(
                    f"The {name} is empty or holds a blank, a line break, a quote or a character that it cannot have"
                )
