"""Functions run and fail here as they do on Lambda."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from local.processes import MARK_VARIABLE
from tests.integration.engine.conftest import Engine


@pytest.mark.gap
def test_a_raised_exception_reaches_the_caller_with_its_class_name_and_stack(engine: Engine) -> None:
    function = engine.function(
        "class VideoGoneError(Exception): pass\ndef handler(event, context): raise VideoGoneError('it is gone')"
    )

    failure = engine.invoke(function)

    assert failure["errorType"] == "VideoGoneError"
    assert failure["errorMessage"] == "it is gone"
    assert "raise VideoGoneError" in "".join(failure["stackTrace"])


@pytest.mark.gap
def test_an_exception_at_cold_start_reaches_the_caller_with_its_class_name(engine: Engine) -> None:
    function = engine.function("class SettingsError(Exception): pass\nraise SettingsError('BUCKET is not set')")

    assert engine.invoke(function)["errorType"] == "SettingsError"


@pytest.mark.gap
def test_a_function_that_outgrows_its_memory_is_killed(engine: Engine) -> None:
    source = (
        "import time\ndef handler(event, context):\n"
        "    hoard = b'x' * (300 * 1024 * 1024)\n    time.sleep(5)\n    return len(hoard)"
    )

    failure = engine.invoke(engine.function(source, MemorySize=128))

    assert failure["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in failure["errorMessage"]


@pytest.mark.gap
def test_a_killed_function_is_started_anew_by_the_next_invocation(engine: Engine) -> None:
    source = "import os\ndef handler(event, context):\n    return os._exit(1) if event['die'] else 'alive'"
    function = engine.function(source)

    assert engine.invoke(function, {"die": True})["errorType"] == "Runtime.ExitError"
    assert engine.invoke(function, {"die": False}) == "alive"


def test_a_function_that_takes_too_long_is_timed_out(engine: Engine) -> None:
    function = engine.function("import time\ndef handler(event, context): time.sleep(30)", Timeout=1)

    assert engine.invoke(function)["errorType"] == "Sandbox.Timedout"


@pytest.mark.gap
def test_a_function_sees_its_own_variables_and_none_of_the_engines(engine: Engine) -> None:
    source = "import os\ndef handler(event, context): return dict(os.environ)"

    seen = engine.invoke(engine.function(source, Environment={"Variables": {"ITS_OWN": "yes"}}))

    assert seen["ITS_OWN"] == "yes"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert not [name for name in seen if name.startswith(("MINISTACK", "LOCAL_ENGINE", "GATEWAY", "AUTH"))]


def test_a_function_can_be_reported_as_the_engines_when_the_engine_has_died_before_it(engine: Engine) -> None:
    source = "import os\ndef handler(event, context): return dict(os.environ)"

    assert engine.invoke(engine.function(source))[MARK_VARIABLE]


@pytest.mark.gap
def test_a_function_sees_none_of_the_packages_of_this_project(engine: Engine) -> None:
    source = "import importlib.util\ndef handler(event, context): return importlib.util.find_spec('moto') is None"

    assert engine.invoke(engine.function(source)) is True


def test_a_function_may_do_only_what_its_role_allows(engine: Engine) -> None:
    source = (
        "import json, urllib.request, os\nimport boto3\n"
        "def handler(event, context):\n    return len(boto3.client('s3').list_buckets()['Buckets'])"
    )
    # boto3 is not part of the runtime here, so the function brings the engine's: only the role matters in this test.
    path = {"Variables": {"PYTHONPATH": _site_packages()}}

    denied = engine.invoke(engine.function(source, actions=("dynamodb:ListTables",), Environment=path))

    assert "AccessDenied" in denied["errorMessage"]
    assert isinstance(engine.invoke(engine.function(source, Environment=path)), int)


def _site_packages() -> str:
    return str(Path(boto3.__file__).parent.parent)
