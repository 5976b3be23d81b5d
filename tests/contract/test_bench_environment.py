"""The measurements start the functions as they are deployed."""

from __future__ import annotations

import importlib
import re

from bench import cold_start
from gates.template import resources_of
from gopro_sync import composition
from gopro_sync.settings import VARIABLE_NAMES


def test_a_measured_function_has_every_variable_that_it_needs() -> None:
    assert VARIABLE_NAMES
    assert cold_start._ENVIRONMENT.keys() >= VARIABLE_NAMES


def test_what_is_measured_is_the_start_of_each_deployed_function_and_is_there() -> None:
    functions = resources_of("AWS::Serverless::Function")
    assert cold_start._STARTS.keys() == functions.keys()
    for name, start in cold_start._STARTS.items():
        (module,) = re.findall(r"^import ([\w.]+);", start)
        (prepare,) = re.findall(r"composition\.(\w+)\(\)$", start)
        assert functions[name]["Handler"] == f"{module}.handler"
        assert callable(importlib.import_module(module).handler)
        assert callable(getattr(composition, prepare))
