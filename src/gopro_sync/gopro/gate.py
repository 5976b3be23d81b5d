"""Whether a request may be sent to GoPro now: what the client asks of those who know of all workers."""

from __future__ import annotations

from typing import Protocol


class RequestGate(Protocol):
    """Safe to use from several threads."""

    def before_request(self) -> None:
        """Return if a request may be sent now.

        Raises:
            GoProUnavailableError: not now; ``retry_after_seconds`` says when to ask again.
        """

    def after_answer(self) -> None:
        """Note that GoPro answered."""


class OpenGate:
    """For a client that is alone: lets every request through."""

    def before_request(self) -> None:
        """Return."""

    def after_answer(self) -> None:
        """Return."""
