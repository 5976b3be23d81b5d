"""Errors that end a command as it has foreseen: their messages say what happened, and what to do.

Which exit code each of them stands for: ``commands/ending.py``.
"""

from __future__ import annotations


class AdoptionError(Exception):
    """What was kept is not in the stack."""


class RedriveError(Exception):
    """The videos are not tried."""


class StartUnknownError(RedriveError):
    """It is not known whether the videos are tried; the message says how to find out."""


class NoCheckoutError(Exception):
    """The command needs a checkout, and the command line was installed by itself."""
