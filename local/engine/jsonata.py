"""JSONata expressions of a state machine, evaluated with real values.

moto's interpreter ships no evaluator, and passes variables on as text, which breaks on the first quotation mark in a
string (and every error cause has some). Here the expression receives them as values.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from functools import lru_cache
from typing import Any

import jsonata
from jsonata import Jsonata
from ministack.services import stepfunctions

# AWS allows one second on its own machines; this one may be busy with five downloads.
_TIMEOUT_MILLISECONDS = 10_000


class QueryEvaluationError(Exception):
    """An expression that does not yield a JSON value; Step Functions calls it ``States.QueryEvaluationError``."""


def evaluate(expression: str, *, states: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    """Return the value of an expression, the text between ``{%`` and ``%}``.

    Args:
        expression: the JSONata text.
        states: what ``$states`` holds; a part that does not exist here must be absent, not null.
        variables: the assigned variables by name, without the dollar sign.

    Raises:
        QueryEvaluationError: it fails, takes too long, or yields nothing (undefined), which JSON cannot represent.
    """
    # A bare None would be read as undefined; inside of structures it is null.
    bindings = {
        name: _NULL if value is None else value for name, value in {**variables, "states": dict(states)}.items()
    }
    # $exists distinguishes null from undefined: the evaluator returns None for both. One evaluation, or $uuid would run
    # twice.
    guarded = f"($value := ({expression}); {{'defined': $exists($value), 'value': $value}})"
    try:
        outcome = _prepared(guarded).evaluate(None, bindings)
    except Exception as error:
        code = getattr(error, "error", None)
        raise QueryEvaluationError(f"{code}: {error}" if isinstance(code, str) else str(error)) from error
    if not outcome["defined"]:
        raise QueryEvaluationError(f"The JSONata expression '{expression}' returned nothing (undefined).")
    try:
        return json.loads(json.dumps(outcome.get("value")))
    except TypeError as error:
        raise QueryEvaluationError(
            f"The JSONata expression '{expression}' returned an unsupported result type."
        ) from error


def _prepared(expression: str) -> Jsonata:
    """Return an evaluator for one evaluation, with its own variables and its own time limit."""
    evaluator = copy(_parsed(expression))
    evaluator.environment = evaluator.create_frame(Jsonata.static_frame)
    evaluator.environment.set_runtime_bounds(_TIMEOUT_MILLISECONDS, None)
    stepfunctions._register_sfn_jsonata_functions(evaluator)
    # $now and $millis ask the thread's current evaluator for the time; making one, which is not done here, sets it.
    Jsonata.CURRENT.jsonata = evaluator
    return evaluator


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> Jsonata:
    """Return the expression's syntax tree, which evaluating leaves as it is; parsing takes longer than evaluating."""
    return Jsonata.jsonata(expression)


_NULL = jsonata.utils.Utils.NULL_VALUE
