"""Lambda entry points: event in, one call, dict out.

Whatever a cold start can do without is left out here, since this module is imported before all others (measured by
``bench/cold_start.py``).
"""

from __future__ import annotations

import gc
import sys

# botocore loads all of awscrt where it finds it, for signers and checksums that are not used here: a fifth of the cold
# start. None in sys.modules is Python's way to forbid an import; botocore then acts as if awscrt were not installed.
# Our own checksum (archive/integrity.py) does not need this part of it.
sys.modules.setdefault("awscrt.auth", None)  # type: ignore[arg-type]  # the stubs do not know of None

# A start creates ninety thousand objects and next to no garbage; looking for it takes a sixth of the time. It is
# enabled again when the function is ready (entry_point.py).
gc.disable()

# Each function needs it at once, so that this import costs nothing; it stands for everything that sam build packs.
try:
    import aws_lambda_powertools  # noqa: F401 - only whether it is there
except ModuleNotFoundError as error:
    raise ImportError(
        "the function was deployed as it stands in the checkout, without its dependencies: sam build && sam deploy"
    ) from error
