"""CloudWatch's metric math, as far as our alarms need it: arithmetic, comparisons, ``FILL`` and ``IF``. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

type Number = float | int
# One value for each period, the oldest first; None where there is no data.
type Series = tuple[float | None, ...]
type Value = Number | Series

_OPERATORS: Final[Mapping[type[ast.AST], Callable[[Number, Number], Number]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: lambda left, right: int(left > right),
    ast.GtE: lambda left, right: int(left >= right),
    ast.Lt: lambda left, right: int(left < right),
    ast.LtE: lambda left, right: int(left <= right),
    ast.Eq: lambda left, right: int(left == right),
    ast.NotEq: lambda left, right: int(left != right),
}
_REPEAT: Final = "REPEAT"


class MetricMathError(ValueError):
    """The expression contains something unknown here, or yields no series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricMath:
    """One expression.

    Attributes:
        text: as in the alarm.
        fills_empty_series: whether FILL fills a series without a single value. The guide does not say; everybody who
            answers such questions says so.
    """

    text: str
    fills_empty_series: bool = True

    def names(self) -> frozenset[str]:
        """Return the ids that the expression names.

        Raises:
            MetricMathError: the expression cannot be read.
        """
        functions = {node.func for node in ast.walk(self._parsed()) if isinstance(node, ast.Call)}
        named = {node.id for node in ast.walk(self._parsed()) if isinstance(node, ast.Name)}
        return frozenset(named - {_REPEAT} - {function.id for function in functions if isinstance(function, ast.Name)})

    def value(self, series: Mapping[str, Series]) -> Series:
        """Return the value of the expression.

        Args:
            series: by id; all of one length.

        Raises:
            MetricMathError: something is unknown here, or the result is a number, which no alarm can watch.
        """
        result = self._value_of(self._parsed(), series)
        if not isinstance(result, tuple):
            raise MetricMathError(f"{self.text!r} yields a number, not a series")
        return result

    def _parsed(self) -> ast.expr:
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except SyntaxError as error:
            raise MetricMathError(f"{self.text!r} cannot be read as metric math") from error

    def _value_of(self, node: ast.expr, series: Mapping[str, Series]) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name) if name in series:
                return series[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _combined(operator.sub, 0, self._value_of(operand, series))
            case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
                if function := _OPERATORS.get(type(op)):
                    return _combined(function, self._value_of(left, series), self._value_of(right, series))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._called(name, arguments, series)
        raise MetricMathError(f"not known as metric math: {ast.unparse(node)}")

    def _called(self, name: str, arguments: list[ast.expr], series: Mapping[str, Series]) -> Series:
        match name, arguments:
            case "FILL", [what, ast.Name(id="REPEAT")]:
                return _repeated(self._series_of(what, series))
            case "FILL", [what, filler]:
                return self._filled(self._series_of(what, series), self._value_of(filler, series))
            case "IF", [condition, first, *rest] if len(rest) <= 1:
                second = self._value_of(rest[0], series) if rest else None
                return _chosen(self._series_of(condition, series), self._value_of(first, series), second)
        raise MetricMathError(f"not known as metric math: {name} with {len(arguments)} arguments")

    def _series_of(self, node: ast.expr, series: Mapping[str, Series]) -> Series:
        value = self._value_of(node, series)
        if not isinstance(value, tuple):
            raise MetricMathError(f"{ast.unparse(node)} is a number where a series is needed")
        return value

    def _filled(self, what: Series, filler: Value) -> Series:
        if not self.fills_empty_series and all(value is None for value in what):
            return what
        fillers = filler if isinstance(filler, tuple) else (filler,) * len(what)
        return tuple(fill if value is None else value for value, fill in zip(what, fillers, strict=True))


def _combined(function: Callable[[Number, Number], Number], left: Value, right: Value) -> Value:
    """Apply it point by point: a value that only one of two series lacks counts as 0, a division by 0 is dropped."""
    if isinstance(left, tuple):
        if isinstance(right, tuple):
            pairs = zip(left, right, strict=True)
            return tuple(None if a is None and b is None else _point(function, a or 0, b or 0) for a, b in pairs)
        return tuple(None if value is None else _point(function, value, right) for value in left)
    if isinstance(right, tuple):
        return tuple(None if value is None else _point(function, left, value) for value in right)
    return function(left, right)


def _point(function: Callable[[Number, Number], Number], left: Number, right: Number) -> float | None:
    try:
        return function(left, right)
    except ZeroDivisionError:
        return None


def _repeated(what: Series) -> Series:
    """Fill what is missing with the last value before it; what is missing before the first one stays so."""
    filled: list[float | None] = []
    for value in what:
        filled.append(filled[-1] if value is None and filled else value)
    return tuple(filled)


def _chosen(condition: Series, first: Value, second: Value | None) -> Series:
    """Return a point of ``first`` where the condition is not 0, else one of ``second``; without condition none."""

    def point(index: int, holds: float | None) -> float | None:
        if holds is None:
            return None
        choice = first if holds else second
        value = choice[index] if isinstance(choice, tuple) else choice
        return (
            0.0 if value is None and holds else value
        )  # what the first one lacks counts as 0, the second's is dropped

    return tuple(point(index, holds) for index, holds in enumerate(condition))
