"""From costs to figures that can be compared: CPU per GB, ratios by pairs, tables, a plot. Pure. GB = 10^9 bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from bench.measurement import Cost

_GB = 1e9
_MB = 1e6

# Of the plot, in pixels: there is room for 37 letters before the bars, and for 14 behind the longest.
_PAGE = 800
_BARS_BEGIN = 330
_LONGEST_BAR = 330


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One contender's round: the file, and right before it a small one, whose cost is that of starting.

    Args:
        size_bytes: size of the file.
        cost: that of the file.
        small_size_bytes: size of the small one.
        small_cost: that of the small one.
    """

    size_bytes: int
    cost: Cost
    small_size_bytes: int
    small_cost: Cost

    @property
    def cpu_seconds_per_gb(self) -> float:
        """What the bytes themselves cost, without the start (which has a bench of its own)."""
        return (self.cost.cpu_seconds - self.small_cost.cpu_seconds) / (self._net_bytes / _GB)

    @property
    def whole_cpu_seconds(self) -> float:
        """Start included."""
        return self.cost.cpu_seconds

    @property
    def megabytes_per_second(self) -> float:
        """Speed of the bytes, without the start."""
        return self._net_bytes / _MB / (self.cost.wall_seconds - self.small_cost.wall_seconds)

    @property
    def peak_memory_megabytes(self) -> float:
        """Peak memory of all processes together."""
        return self.cost.peak_memory_bytes / _MB

    @property
    def _net_bytes(self) -> int:
        return self.size_bytes - self.small_size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over the rounds."""

    least: float
    middle: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise at least one value."""
        return cls(least=min(values), middle=median(values), most=max(values))

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.least:.2f}–{self.most:.2f})"  # noqa: RUF001 - a range is written with a dash


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The promised ratio of ours to a peer's."""

    peer: str
    figure: str
    bound: float
    at_least: bool = False

    def is_met(self, ratio: Spread) -> bool:
        """Return whether the target is met, judged by the median."""
        return ratio.middle >= self.bound if self.at_least else ratio.middle <= self.bound

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.bound:.2f}"


def ratios(ours: Sequence[Round], peers: Sequence[Round], figure: str) -> Spread:
    """Compare round by round: a passing disturbance of the machine affects both of a pair."""
    return Spread.of([getattr(a, figure) / getattr(b, figure) for a, b in zip(ours, peers, strict=True)])


def table(results: Mapping[str, Sequence[Round]], *, ours: str) -> str:
    """Return a Markdown table of medians, with ratios of ours to each contender over the rounds."""
    lines = [
        "| contender | CPU s/GB | MB/s | peak memory, MB | ours to this: CPU/GB | whole CPU | MB/s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, rounds in results.items():
        cells = [
            name.replace("|", r"\|"),
            f"{median(r.cpu_seconds_per_gb for r in rounds):.2f}",
            f"{median(r.megabytes_per_second for r in rounds):.0f}",
            f"{max(r.peak_memory_megabytes for r in rounds):.0f}",
            *(
                "" if name == ours else str(ratios(results[ours], rounds, figure))
                for figure in ("cpu_seconds_per_gb", "whole_cpu_seconds", "megabytes_per_second")
            ),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a promise is kept, with the reason in words."""

    words: str
    is_kept: bool

    def __str__(self) -> str:
        return f"{self.words}: {'met' if self.is_kept else 'MISSED'}"


def verdicts(results: Mapping[str, Sequence[Round]], targets: Sequence[Target], *, ours: str) -> list[Verdict]:
    """Judge each target whose peer was measured."""
    answers = []
    for target in targets:
        if target.peer in results:
            ratio = ratios(results[ours], results[target.peer], target.figure)
            words = f"{target.figure.replace('_', ' ')}, ours to {target.peer}: {ratio}, {target}"
            answers.append(Verdict(words=words, is_kept=target.is_met(ratio)))
    return answers


def memory_verdict(rounds: Sequence[Round], *, most_megabytes: float) -> Verdict:
    """Judge the highest peak of all rounds."""
    peak = max(r.peak_memory_megabytes for r in rounds)
    return Verdict(words=f"peak memory: {peak:.0f} MB, at most {most_megabytes:.0f}", is_kept=peak <= most_megabytes)


def plot(results: Mapping[str, Sequence[Round]], *, title: str, figure: str, unit: str) -> str:
    """Return an SVG of horizontal bars, one per contender, with the range over the rounds."""
    spreads = {name: Spread.of([getattr(r, figure) for r in rounds]) for name, rounds in results.items()}
    scale = _LONGEST_BAR / max(spread.most for spread in spreads.values())
    height = 52 + 30 * len(spreads)
    rows = []
    for row, (name, spread) in enumerate(spreads.items()):
        y = 44 + 30 * row
        ends = [_BARS_BEGIN + value * scale for value in (spread.least, spread.most)]
        rows += [
            _text(name, x=_BARS_BEGIN - 8, y=y + 15, anchor="end"),
            f'<rect x="{_BARS_BEGIN}" y="{y}" width="{spread.middle * scale:.1f}" height="20" fill="#3b7dd8"/>',
            f'<path d="M{ends[0]:.1f} {y + 10}H{ends[1]:.1f}" stroke="#12305c"/>',
            _text(f"{spread.middle:.2f} {unit}", x=ends[1] + 8, y=y + 15),
        ]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_PAGE} {height}" font-family="monospace" role="img">',
        f'<rect width="{_PAGE}" height="{height}" fill="white"/>',
        _text(title, x=16, y=26, size=15),
        *rows,
        "</svg>\n",
    ]
    return "\n".join(lines)


def _text(words: str, *, x: float, y: int, size: int = 12, anchor: str = "start") -> str:
    """Return a text that browsers fit to the width of a monospaced font, whatever font the reader has."""
    length = f'textLength="{len(words) * size * 0.6:.0f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{x:.1f}" y="{y}" font-size="{size}" text-anchor="{anchor}" {length}>{escape(words)}</text>'
