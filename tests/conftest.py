"""What holds for all tests."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# A busy machine is no failure: how long one example takes says nothing about the code.
settings.register_profile("quick", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=150)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# A shell starts what runs in the background with these ignored, and nohup with SIGHUP; what the tests start inherits
# that, and would not end by the signals that tests send.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)
