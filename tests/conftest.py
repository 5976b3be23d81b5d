"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure: how long one example takes says nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
