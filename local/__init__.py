"""The cloud on your machine: an embedded AWS engine and a GoPro Cloud simulator."""

from __future__ import annotations

import sys
from pathlib import Path

# The command line's modules, which the commands here share, need the functions' package. `python -m local` is started
# in a checkout, where nothing is installed and nothing else says where that package is.
_SOURCES = str(Path(__file__).parents[1] / "src")
if _SOURCES not in sys.path:
    sys.path.append(_SOURCES)
