"""The measurements start the functions as they are deployed."""

from __future__ import annotations

from bench import cold_start
from gopro_sync.settings import VARIABLE_NAMES


def test_a_measured_function_has_every_variable_that_it_needs() -> None:
    assert cold_start._ENVIRONMENT.keys() >= VARIABLE_NAMES
