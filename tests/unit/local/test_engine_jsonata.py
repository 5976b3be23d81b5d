"""JSONata as Step Functions evaluates it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.engine import jsonata
from local.engine.jsonata import QueryEvaluationError, evaluate

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def _evaluate(expression: str, *, variables: dict[str, Any] | None = None, **states: Any) -> Any:
    return evaluate(expression, states=states, variables=variables or {})


@given(value=st.text())
def test_any_text_survives_being_a_state_and_a_variable(value: str) -> None:
    assert _evaluate("$states.input.a", input={"a": value}) == value
    assert _evaluate("$text", variables={"text": value}) == value


@given(value=st.dictionaries(st.text(), _JSON, max_size=4))
def test_any_object_survives(value: dict[str, Any]) -> None:
    assert _evaluate("$states.input", input=value) == value


def test_null_is_a_value() -> None:
    assert _evaluate("$states.input.a", input={"a": None}) is None
    assert _evaluate("$nothing", variables={"nothing": None}) is None


def test_undefined_is_an_error() -> None:
    with pytest.raises(QueryEvaluationError, match=r"returned nothing \(undefined\)"):
        _evaluate("$states.input.b", input={"a": 1})


def test_what_does_not_exist_can_be_asked_for() -> None:
    assert _evaluate("$exists($states.errorOutput)", input={}) is False


def test_a_function_is_no_result() -> None:
    with pytest.raises(QueryEvaluationError, match="unsupported result type"):
        _evaluate("function($x) { $x }")


def test_a_failing_expression_is_an_error() -> None:
    with pytest.raises(QueryEvaluationError):
        _evaluate("$sum('not a list')")


def test_functions_of_step_functions_are_there() -> None:
    assert _evaluate("$parse('{\"a\": [1, 2]}').a") == [1, 2]
    assert _evaluate("$partition([1, 2, 3], 2)") == [[1, 2], [3]]


def test_a_function_with_an_effect_is_called_once() -> None:
    assert _evaluate("($a := $random(); $a = $a)") is True
    assert math.isfinite(_evaluate("$random()"))


def test_one_expression_has_its_own_values_each_time() -> None:
    assert _evaluate("$exists($kept)", variables={"kept": 1}) is True
    assert _evaluate("$exists($kept)") is False
    assert _evaluate("($own := $exists($own) ? 'from before' : 'new'; $own)") == "new"
    assert _evaluate("($own := $exists($own) ? 'from before' : 'new'; $own)") == "new"


def test_one_expression_has_its_whole_time_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonata, "_TIMEOUT_MILLISECONDS", 50)
    first = _evaluate("$millis()")
    with pytest.raises(QueryEvaluationError, match="D1012"):
        _evaluate("($endless := function($n) { $endless($n + 1) }; $endless(1))")
    assert _evaluate("$millis()") >= first + 50
