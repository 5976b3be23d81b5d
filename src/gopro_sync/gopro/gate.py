"""Whether a request may be sent to GoPro now: what the client asks whoever knows of all workers."""

from __future__ import annotations

from typing import Protocol


class RequestGate(Protocol):
    """The gate that a client passes; thread-safe."""

    def before_request(self) -> None:
        """Let a request pass if one may be sent now.

        Raises:
            GoProUnavailableError: not now; ``retry_after_seconds`` says when to ask again.
        """

    def after_answer(self) -> None:
        """Note that GoPro answered."""


class OpenGate:
    """A gate for a client that is alone: it lets every request pass."""

    def before_request(self) -> None:
        """Return."""

    def after_answer(self) -> None:
        """Return."""
