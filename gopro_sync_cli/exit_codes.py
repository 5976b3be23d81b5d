"""Define what every command's exit code means: one table for ``./gopro-sync`` and ``python -m local``.

docs/troubleshooting.md shows the table to people, and the commands' ``--help`` is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, unique
from typing import Final, Self

_SIGNALLED: Final = 128


@unique
class ExitCode(IntEnum):
    """How a command ended.

    Attributes:
        meaning: what it means, in words for a person.
    """

    meaning: str

    def __new__(cls, number: int, meaning: str) -> Self:
        """Make the member of a number and its meaning."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.meaning = meaning
        return member

    @classmethod
    def of_signal(cls, number: int) -> Self:
        """Return the code of a command that a signal has ended: 128 plus its number, as shells count."""
        return next(code for code in cls if code == _SIGNALLED + number)

    DONE = 0, "everything due is archived, or what was asked for is done; what waits for a later run is named"
    CANNOT_RUN = 1, "it cannot run, or you did not say yes; stderr says why"
    WRONG_USE = 2, "wrong use: an invalid option, argument or input; or no terminal to ask on"
    FAILED = 3, "something failed in this run, and is named"
    NOT_CHECKED = 4, "something could not be checked, and nothing else failed"
    TERMINAL_LOST = 129, "the terminal was lost"
    INTERRUPTED = 130, "interrupted"
    TERMINATED = 143, "terminated"


# A paragraph that begins so keeps its lines in a help text: https://click.palletsprojects.com/en/stable/documentation/
_AS_IT_IS: Final = "\b\n"


def exit_codes(particular: Mapping[ExitCode, str | None] | None = None) -> str:
    """Return the table for a help text, one line for each code.

    Args:
        particular: what a code means for this command, where that can be said more precisely; None where it never ends
            so.
    """
    meanings = {code: code.meaning for code in ExitCode} | dict(particular or {})
    lines = [f"{code:4d}  {meaning}" for code, meaning in meanings.items() if meaning is not None]
    return "\n".join([f"{_AS_IT_IS}Exit codes:", *lines])
