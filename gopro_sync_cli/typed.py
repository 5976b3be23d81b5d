"""Find out what was typed to run the command line, for usage and help texts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

# Set by the wrapper ./gopro-sync, which Python does not see.
TYPED_VARIABLE: Final = "GOPRO_SYNC_TYPED"


def typed_program() -> str:
    """Return the program's name as it was typed: ``./gopro-sync``, ``gopro-sync`` or ``python -m gopro_sync_cli``."""
    if by_wrapper := os.environ.get(TYPED_VARIABLE):
        return by_wrapper
    started = Path(sys.argv[0])
    return "python -m gopro_sync_cli" if started.name == "__main__.py" else started.name
