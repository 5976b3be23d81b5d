"""How the simulated service behaves when nothing is wrong: lifetimes, speeds, page sizes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RefreshTokenMode(StrEnum):
    """What a refresh does to the refresh token; no public source settles which of these GoPro does."""

    ROTATE = "rotate"
    KEEP = "keep"
    ROTATE_AND_KILL = "rotate_and_kill"
    OMIT = "omit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Behaviour that can be set at the start and while it runs.

    Args:
        url_lifetime_seconds: how long a signed URL works; 3600 was measured by open-source clients.
        token_lifetime_seconds: that of access tokens, as ``expires_in`` states it.
        refresh_token_mode: whether a refresh gives a new refresh token, and what becomes of the old.
        dead_token_status: how a dead access token is answered: 401, 403 and 500 were all seen.
        api_latency_seconds: before each API answer.
        cdn_latency_seconds: before each CDN answer.
        cdn_bytes_per_second: the most that one connection gets; None is as fast as the machine can.
        default_page_size: rows per page when the client does not say.
        max_page_size: larger requests are silently cut to this.
        user_id: whose account it is, in tokens and listings; another id is another account.
        shows_user_ids: whether the token's answer and the rows show it.
    """

    url_lifetime_seconds: int = 3600
    token_lifetime_seconds: int = 86400
    refresh_token_mode: RefreshTokenMode = RefreshTokenMode.ROTATE
    dead_token_status: int = 401
    api_latency_seconds: float = 0
    cdn_latency_seconds: float = 0
    cdn_bytes_per_second: int | None = None
    default_page_size: int = 30
    max_page_size: int = 200
    user_id: str = "11111111-2222-4333-8444-555555555555"
    shows_user_ids: bool = True

    def __post_init__(self) -> None:
        if self.dead_token_status not in {401, 403, 500}:
            raise ValueError("dead_token_status must be 401, 403 or 500")
        if min(self.default_page_size, self.max_page_size) < 1:
            raise ValueError("page sizes must be positive")
        if self.cdn_bytes_per_second is not None and self.cdn_bytes_per_second <= 0:
            raise ValueError("cdn_bytes_per_second must be positive")
