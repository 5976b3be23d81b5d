"""The kinds of a dashboard's widgets, and what one with metrics shows: its rows, computed from readings. Pure.

It knows the kinds of :class:`Kind`, plain rows, and the expressions that our dashboard uses: arithmetic over the
ids of other rows, FILL, and SEARCH over one schema. Anything else is an error, so that a wrong row is not drawn as if
it were empty.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from docs.tools.readings import Reading, statistic

type Points = Mapping[float, float]

_OPERATORS: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FILL: Final = "FILL"
_SEARCH: Final = re.compile(r"SEARCH\('\{(?P<schema>[^}]+)\}(?P<terms>[^']*)', '(?P<stat>\w+)', (?P<period>\d+)\)")
_RELATIVE_DAYS: Final = re.compile(r"-P(\d+)D")
_SECONDS_PER_DAY: Final = 86400
_TERM: Final = re.compile(r'(\w+)="([^"]*)"')


class WidgetError(Exception):
    """The definition asks for something that is not known here."""


class Kind(Enum):
    """What a widget looks like."""

    TEXT = auto()
    NUMBERS = auto()
    LINES = auto()
    TABLE = auto()
    ALARMS = auto()


# By type and view.
_KINDS: Final[Mapping[tuple[str, str | None], Kind]] = {
    ("text", None): Kind.TEXT,
    ("metric", "singleValue"): Kind.NUMBERS,
    ("metric", "timeSeries"): Kind.LINES,
    ("log", "table"): Kind.TABLE,
    ("alarm", None): Kind.ALARMS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a widget.

    Attributes:
        label: as the legend has it.
        points: from the start of each period, in seconds since the epoch, to the value; periods without data have none.
        color: as CSS has it; None leaves it to the picture.
        is_on_right: whether it belongs to the axis on the right.
    """

    label: str
    points: Points
    color: str | None = None
    is_on_right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row of a widget, its options filled in from the widget's."""

    path: Sequence[str]
    options: Mapping[str, Any]

    @property
    def points_of(self) -> tuple[str, str, Mapping[str, str]]:
        namespace, name, *dimensions = self.path
        return namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


def kind_of(widget: Mapping[str, Any]) -> Kind:
    """Return what a widget looks like.

    Raises:
        WidgetError: it has an unknown look.
    """
    kind = widget["type"], widget["properties"].get("view")
    if kind not in _KINDS:
        raise WidgetError(f"Not known as a widget: type {kind[0]}, view {kind[1]}")
    return _KINDS[kind]


def series_of(properties: Mapping[str, Any], readings: Sequence[Reading], *, now: float) -> list[Series]:
    """Return the visible lines of a widget.

    Args:
        properties: those of a widget of the type ``metric``.
        readings: what CloudWatch holds.
        now: seconds since the epoch; a widget may look back for less, or more, than the dashboard does.

    Raises:
        WidgetError: the definition asks for something that is not known here.
    """
    if "start" in properties:
        since = now - _days(properties["start"]) * _SECONDS_PER_DAY
        readings = [reading for reading in readings if since <= reading.at]
    rows = [_row(row, properties) for row in properties["metrics"]]
    plain = [row for row in rows if row.path]
    by_id = {str(row.options["id"]): _points(row, readings) for row in plain if "id" in row.options}
    shown: list[Series] = []
    for row in rows:
        if row.options.get("visible", True) is False:
            continue
        if row.path:
            shown.append(_series(row.options.get("label", row.path[1]), _points(row, readings), row))
        elif search := _SEARCH.fullmatch(row.options["expression"]):
            shown += _found(search, readings)
        else:
            shown.append(_series(row.options["label"], _evaluate(row.options["expression"], by_id), row))
    return shown


def last_value(points: Points) -> float | None:
    """Return the number that a single-value widget shows."""
    return points[max(points)] if points else None


def _days(start: str) -> int:
    relative = _RELATIVE_DAYS.fullmatch(start)
    if not relative:
        raise WidgetError(f"Not known as a start: {start}")
    return int(relative[1])


def _row(parts: Sequence[Any], properties: Mapping[str, Any]) -> _Row:
    own = parts[-1] if isinstance(parts[-1], dict) else {}
    path = [part for part in parts if isinstance(part, str)]
    period = math.inf if properties.get("setPeriodToTimeRange") else properties["period"]
    return _Row(path=path, options={"stat": properties["stat"], "period": period, **own})


def _series(label: str, points: Points, row: _Row) -> Series:
    return Series(
        label=label, points=points, color=row.options.get("color"), is_on_right=row.options.get("yAxis") == "right"
    )


def _points(row: _Row, readings: Iterable[Reading]) -> Points:
    namespace, name, dimensions = row.points_of
    own = (r for r in readings if (r.namespace, r.name) == (namespace, name) and r.dimensions == dimensions)
    return _by_period(own, row.options["stat"], row.options["period"])


def _by_period(readings: Iterable[Reading], stat: str, period_seconds: float) -> Points:
    periods: defaultdict[float, list[Reading]] = defaultdict(list)
    for reading in readings:
        start = 0.0 if math.isinf(period_seconds) else reading.at // period_seconds * period_seconds
        periods[start].append(reading)
    return {start: statistic(periods[start], stat) for start in sorted(periods)}


def _found(search: re.Match[str], readings: Iterable[Reading]) -> list[Series]:
    namespace, *names = search["schema"].split(",")
    terms = dict(_TERM.findall(search["terms"]))
    wanted_name = terms.pop("MetricName", None)
    found: defaultdict[tuple[str, ...], list[Reading]] = defaultdict(list)
    for reading in readings:
        is_meant = reading.namespace == namespace and wanted_name in {None, reading.name}
        if is_meant and set(reading.dimensions) == set(names) and terms.items() <= reading.dimensions.items():
            found[tuple(reading.dimensions[name] for name in names if name not in terms)].append(reading)
    return [
        Series(label=" ".join(key), points=_by_period(found[key], search["stat"], int(search["period"])))
        for key in sorted(found)
    ]


def _evaluate(expression: str, by_id: Mapping[str, Points]) -> Points:
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError as error:
        raise WidgetError(f"The expression {expression!r} cannot be read") from error
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {_FILL}
    if unknown := names - by_id.keys():
        raise WidgetError(f"No row has the id {', '.join(sorted(unknown))}: {expression}")
    moments = sorted({moment for name in names for moment in by_id[name]})
    points: dict[float, float] = {}
    for moment in moments:
        value = _value(tree, {name: held.get(moment) for name, held in by_id.items()})
        if value is not None:
            points[moment] = value
    return points


def _value(node: ast.expr, values: Mapping[str, float | None]) -> float | None:
    """Return the expression at one moment; None where it has no value, as CloudWatch leaves out a division by zero."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.Call(func=ast.Name(id=name), args=[what, filler]) if name == _FILL:
            value = _value(what, values)
            return _value(filler, values) if value is None else value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            first, second = _value(left, values), _value(right, values)
            if first is None or second is None or (isinstance(op, ast.Div) and second == 0):
                return None
            return _OPERATORS[type(op)](first, second)
    raise WidgetError(f"Not known in an expression: {ast.unparse(node)}")
