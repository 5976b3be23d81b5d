"""Draw a dashboard: its widgets where its definition has them, each with what it would show."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, DayLocator
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

from docs.tools.dashboard.widgets import Kind, Series, kind_of, last_value, series_of
from docs.tools.readings import Reading

_COLUMNS: Final = 24
_COLUMN_INCHES: Final = 0.58
_ROW_INCHES: Final = 0.40
_DOTS_PER_INCH: Final = 100
_COLORS: Final = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22")
_GREY: Final = "#5f6b7a"
_STATE_COLORS: Final = {"OK": "#1d8102", "ALARM": "#d13212", "INSUFFICIENT_DATA": "#879596"}
_SMALL: Final = 7.5
_THOUSAND: Final = 1000
_THOUSANDS: Final = EngFormatter(sep="")

type Rows = Sequence[Mapping[str, str]]


def draw(
    body: Mapping[str, Any],
    *,
    readings: Sequence[Reading],
    rows_of_query: Mapping[str, Rows],
    alarm_states: Mapping[str, str],
    now: float,
    file: Path,
) -> None:
    """Draw a dashboard into a file, as PNG.

    Args:
        body: the dashboard's definition.
        readings: what CloudWatch holds.
        rows_of_query: the results of the log widgets' queries, by query.
        alarm_states: by the alarm's name.
        now: seconds since the epoch.
        file: the file to write.

    Raises:
        WidgetError: the dashboard has something that is not known here.
        OSError: the file cannot be written.
    """
    widgets = body["widgets"]
    height = max(widget["y"] + widget["height"] for widget in widgets)
    figure = Figure(figsize=(_COLUMNS * _COLUMN_INCHES, height * _ROW_INCHES), dpi=_DOTS_PER_INCH, facecolor="#f2f3f3")
    for widget in widgets:
        box = _Box(figure, widget, height)
        properties = widget["properties"]
        match kind_of(widget):
            case Kind.TEXT:
                _draw_text(box, properties["markdown"])
            case Kind.NUMBERS:
                _draw_numbers(box, properties, series_of(properties, readings, now=now))
            case Kind.LINES:
                _draw_lines(box, properties, series_of(properties, readings, now=now))
            case Kind.TABLE:
                _draw_table(box, properties["title"], rows_of_query[properties["query"]])
            case Kind.ALARMS:
                names = [arn.rsplit(":", 1)[-1] for arn in properties["alarms"]]
                _draw_alarms(box, properties["title"], {name: alarm_states[name] for name in names})
    figure.savefig(file, format="png")


class _Box:
    """A widget's place in the figure: a white card, and coordinates in inches."""

    def __init__(self, figure: Figure, widget: Mapping[str, Any], rows: int) -> None:
        self._figure = figure
        self.width = widget["width"] * _COLUMN_INCHES
        self.height = widget["height"] * _ROW_INCHES
        self._left = widget["x"] * _COLUMN_INCHES
        self._bottom = (rows - widget["y"] - widget["height"]) * _ROW_INCHES
        gap = 0.04
        x, y = self._share(gap, gap)
        width, height = self._size(self.width - 2 * gap, self.height - 2 * gap)
        figure.add_artist(
            Rectangle((x, y), width, height, facecolor="white", edgecolor="#d5dbdb", linewidth=0.8, zorder=-1)
        )

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write a text, ``x`` and ``y`` inches from the lower left corner."""
        self._figure.text(*self._share(x, y), text, **{"fontsize": 9, "va": "top", **style})

    def title(self, text: str) -> None:
        """Write the title."""
        self.write(0.14, self.height - 0.12, text, fontweight="bold")

    def axes(self, left: float, bottom: float, right: float, top: float) -> Axes:
        """Return axes that leave this many inches on each side."""
        width, height = self._size(self.width - left - right, self.height - bottom - top)
        return self._figure.add_axes((*self._share(left, bottom), width, height))

    def _share(self, x: float, y: float) -> tuple[float, float]:
        return self._size(self._left + x, self._bottom + y)

    def _size(self, width: float, height: float) -> tuple[float, float]:
        all_width, all_height = self._figure.get_size_inches()
        return width / all_width, height / all_height


def _draw_text(box: _Box, markdown: str) -> None:
    plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", markdown).replace("**", "")
    heading, _, rest = plain.partition("\n")
    box.write(0.14, box.height - 0.14, heading.lstrip("# "), fontsize=14, fontweight="bold")
    lines = [line for paragraph in rest.splitlines() for line in textwrap.wrap(paragraph, round(box.width * 13.5))]
    box.write(0.14, box.height - 0.5, "\n".join(lines), color="#16191f")


def _draw_numbers(box: _Box, properties: Mapping[str, Any], series: Sequence[Series]) -> None:
    box.title(properties["title"])
    for number, line in enumerate(series):
        x = 0.14 + number * (box.width - 0.2) / len(series)
        value = last_value(line.points)
        shown = "--" if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")
        color = line.color or _COLORS[number]
        box.write(x, box.height - 0.55, shown, fontsize=20, color=color)
        box.write(x, 0.38, line.label, fontsize=_SMALL, color=_GREY)


def _draw_lines(box: _Box, properties: Mapping[str, Any], series: Sequence[Series]) -> None:
    box.title(properties["title"])
    has_right = any(line.is_on_right for line in series)
    left = box.axes(0.55, 0.62, 0.5 if has_right else 0.2, 0.42)
    right = left.twinx() if has_right else left
    _style(left)
    if properties.get("stacked"):
        _draw_stack(left, series)
    else:
        for number, line in enumerate(series):
            moments = [datetime.fromtimestamp(moment, tz=UTC) for moment in line.points]
            color = line.color or _COLORS[number % len(_COLORS)]
            axes = right if line.is_on_right else left
            axes.plot(moments, list(line.points.values()), color=color, marker="o", markersize=3, linewidth=1.2)
    for line in properties.get("annotations", {}).get("horizontal", []):
        left.axhline(line["value"], color=_GREY, linewidth=0.8, linestyle="--")
        left.annotate(
            line["label"], (0.01, line["value"]), xycoords=("axes fraction", "data"), fontsize=6.5, color=_GREY
        )
    limits = properties.get("yAxis", {}).get("left", {})
    left.set_ylim(bottom=limits.get("min", 0), top=limits["max"] * 1.05 if "max" in limits else None)
    if has_right:
        right.set_ylim(bottom=0)
        _style(right)
        right.grid(visible=False)
    _draw_legend(box, series)
    if not any(line.points for line in series):
        box.write(box.width / 2, box.height / 2, "No data available.", color=_GREY, ha="center")
        left.set_axis_off()


def _style(axes: Axes) -> None:
    axes.xaxis.set_major_locator(DayLocator())
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    axes.tick_params(labelsize=_SMALL, length=0, colors=_GREY)
    axes.grid(visible=True, axis="y", color="#eaeded", linewidth=0.8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d5dbdb")


def _short(value: float, _position: int | None) -> str:
    return f"{value:g}" if abs(value) < _THOUSAND else _THOUSANDS(value)


def _draw_stack(axes: Axes, series: Sequence[Series]) -> None:
    moments = sorted({moment for line in series for moment in line.points})
    axes.stackplot(
        [datetime.fromtimestamp(moment, tz=UTC) for moment in moments],
        [[line.points.get(moment, 0.0) for moment in moments] for line in series],
        colors=_COLORS,
        alpha=0.7,
    )


def _draw_legend(box: _Box, series: Sequence[Series]) -> None:
    x, y = 0.2, 0.36
    for number, line in enumerate(series):
        needed = 0.28 + 0.066 * len(line.label)
        if x + needed > box.width and x > 0.2:
            x, y = 0.2, y - 0.15
        color = line.color or _COLORS[number % len(_COLORS)]
        box.write(x, y, "■", color=color, fontsize=_SMALL)
        box.write(x + 0.13, y, line.label, fontsize=_SMALL, color=_GREY)
        x += needed


def _draw_table(box: _Box, title: str, rows: Rows) -> None:
    box.title(title)
    if not rows:
        box.write(0.14, box.height - 0.5, "No results.", color=_GREY)
        return
    names = list(dict.fromkeys(name for row in rows for name in row))  # a row lacks whatever its log line lacks
    shares = [min(60, max(len(name), *(len(row.get(name, "")) for row in rows))) for name in names]
    room, y = box.width - 0.3, box.height - 0.45
    for color, row in ((_GREY, {name: name for name in names}), *(("#16191f", row) for row in rows)):
        if y < 0.2:
            return
        x = 0.14
        for name, share in zip(names, shares, strict=True):
            width = room * share / sum(shares)
            text = textwrap.shorten(row.get(name, ""), max(4, round(width * 15)), placeholder=" ...")
            box.write(x, y, text, fontsize=_SMALL, color=color)
            x += width
        y -= 0.18


def _draw_alarms(box: _Box, title: str, states: Mapping[str, str]) -> None:
    box.title(title)
    columns = 5
    for number, (name, state) in enumerate(states.items()):
        x = 0.14 + number % columns * (box.width - 0.2) / columns
        y = box.height - 0.45 - number // columns * 0.3
        box.write(x, y, "●", color=_STATE_COLORS[state], fontsize=10)
        box.write(x + 0.17, y - 0.01, f"{name}: {state}", fontsize=_SMALL)
