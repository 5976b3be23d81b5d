"""What the commands do that ask AWS or GoPro. ``__main__.py`` declares them, and loads this when one of them is run.

Options, help and completion need none of it, and so come at once.
"""

from __future__ import annotations

import sys

# botocore loads all of awscrt where it finds it (in a checkout, for the sake of the functions), for signers and
# checksums that no command uses: a third of the time that it takes to load. None in sys.modules is Python's way to
# forbid an import; botocore then does as if awscrt were not installed, as where the command line is installed alone.
sys.modules.setdefault("awscrt.auth", None)  # type: ignore[arg-type]  # the stubs do not know of None
