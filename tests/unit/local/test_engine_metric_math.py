"""Metric math as the guide describes it; its own examples stand here.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

from typing import Final

import pytest

from local.engine.metric_math import MetricMath, MetricMathError, Series

NO: Final = None
SERIES: Final[dict[str, Series]] = {
    "metric1": (30, 20, 0, 0),
    "metric2": (20, NO, 20, NO),
    "gaps": (NO, 5, NO, 7),
    "nothing": (NO, NO, NO, NO),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metric1", (30, 20, 0, 0)),
        # The guide's examples of comparisons: what only one of the two lacks counts as 0.
        ("metric1 < metric2", (0, 0, 1, 0)),
        ("metric1 >= 30", (1, 0, 0, 0)),
        ("metric2 == 20", (1, NO, 1, NO)),
        ("metric1 + metric2", (50, 20, 20, 0)),
        ("gaps + nothing", (NO, 5, NO, 7)),
        ("nothing + nothing", (NO, NO, NO, NO)),
        ("-gaps", (NO, -5, NO, -7)),
        ("100 * gaps - 1", (NO, 499, NO, 699)),
        # A division by zero drops the point.
        ("metric1 / metric2", (1.5, NO, 0, NO)),
        ("FILL(gaps, 0)", (0, 5, 0, 7)),
        ("FILL(nothing, 0)", (0, 0, 0, 0)),
        ("FILL(gaps, metric1)", (30, 5, 0, 7)),
        ("FILL(gaps, REPEAT)", (NO, 5, 5, 7)),
        ("FILL(metric2 + 1, 0) > 0", (1, 0, 1, 0)),
    ],
)
def test_what_an_expression_gives(text: str, expected: Series) -> None:
    assert MetricMath(text=text).value(SERIES) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The three tables of "Using IF expressions".
        ("IF(condition, metric2, metric3)", (30, 0, 20, NO, NO)),
        ("IF(condition, 5, metric3)", (5, 5, 20, NO, NO)),
        ("IF(condition, metric2, 5)", (30, 0, 5, 5, NO)),
        ("IF(condition, metric2)", (30, 0, NO, NO, NO)),
        ("IF(condition == 0, 1, 2)", (2, 2, 1, 1, NO)),
    ],
)
def test_if_is_as_the_guide_has_it(text: str, expected: Series) -> None:
    series: dict[str, Series] = {
        "condition": (1, 1, 0, 0, NO),
        "metric2": (30, NO, 0, 0, 30),
        "metric3": (0, 0, 20, NO, 20),
    }
    assert MetricMath(text=text).value(series) == expected


def test_filling_a_metric_without_any_data_may_give_nothing() -> None:
    math = MetricMath(text="FILL(nothing, 0)", fills_empty_series=False)
    assert math.value(SERIES) == (NO, NO, NO, NO)
    assert MetricMath(text="FILL(gaps, 0)", fills_empty_series=False).value(SERIES) == (0, 5, 0, 7)


@pytest.mark.parametrize(
    "text",
    [
        "5 * 2",  # a number is nothing that an alarm can watch
        "SUM(metric1)",
        "FILL(metric1)",
        "FILL(metric1, LINEAR)",
        "FILL(3, 0)",
        "IF(metric1, 1, 2, 3)",
        "unknown + 1",
        "metric1 +",
        "metric1 < metric2 < 3",
        "metric1.real",
    ],
)
def test_what_is_not_known_is_an_error_and_no_guess(text: str) -> None:
    with pytest.raises(MetricMathError):
        MetricMath(text=text).value(SERIES)


def test_the_names_are_the_metrics_and_no_functions() -> None:
    assert MetricMath(text="IF(FILL(a, 0) > 0, FILL(b, REPEAT), 0)").names() == {"a", "b"}
