from __future__ import annotations

import re
from html import unescape

import pytest

from bench.__main__ import SCENARIOS
from bench.measurement import Cost
from bench.report import Round, Spread, Target, memory_verdict, plot, ratios, table, verdicts

OURS, PEER = "ours", "curl | aws"
CPU = "cpu_seconds_per_gb"


def a_round(*, cpu: float, wall: float = 10.0, start: float = 1.0) -> Round:
    """A file of 1.001 GB after one of 1 MB: the difference is 1 GB."""
    return Round(
        size_bytes=1_001_000_000,
        cost=Cost(wall_seconds=wall + start, cpu_seconds=cpu + start, peak_memory_bytes=80_000_000),
        small_size_bytes=1_000_000,
        small_cost=Cost(wall_seconds=start, cpu_seconds=start, peak_memory_bytes=60_000_000),
    )


def test_the_start_is_not_part_of_the_cost_of_bytes() -> None:
    result = a_round(cpu=2.0, wall=4.0, start=7.0)
    assert result.cpu_seconds_per_gb == pytest.approx(2.0)
    assert result.megabytes_per_second == pytest.approx(250.0)


def test_ratios_are_taken_round_by_round() -> None:
    # A disturbance that doubles a whole round must not show: the ratio of each pair is one half.
    ours, peers = [a_round(cpu=1.0), a_round(cpu=2.0)], [a_round(cpu=2.0), a_round(cpu=4.0)]
    spread = ratios(ours, peers, CPU)
    assert (spread.least, spread.middle, spread.most) == pytest.approx((0.5, 0.5, 0.5))


def test_a_missed_round_is_noticed() -> None:
    with pytest.raises(ValueError, match="longer"):
        ratios([a_round(cpu=1.0)], [a_round(cpu=1.0), a_round(cpu=1.0)], CPU)


def test_a_spread_shows_the_median_and_the_range() -> None:
    assert str(Spread.of([3.0, 1.0, 2.5])) == "2.50 (1.00–3.00)"  # noqa: RUF001 - as it is printed


@pytest.mark.parametrize(("bound", "at_least", "met"), [(0.5, False, True), (0.49, False, False), (0.6, True, False)])
def test_a_target_is_judged_by_the_median(bound: float, at_least: bool, met: bool) -> None:
    results = {OURS: [a_round(cpu=1.0)], PEER: [a_round(cpu=2.0)]}
    target = Target(peer=PEER, figure=CPU, bound=bound, at_least=at_least)
    [verdict] = verdicts(results, [target], ours=OURS)
    assert verdict.is_kept is met
    assert str(verdict).endswith("met" if met else "MISSED")


def test_a_target_whose_peer_was_not_measured_is_not_called_met() -> None:
    assert verdicts({OURS: [a_round(cpu=1.0)]}, [Target(peer=PEER, figure=CPU, bound=1.0)], ours=OURS) == []


def test_memory_is_judged_by_the_worst_round() -> None:
    assert memory_verdict([a_round(cpu=1.0)], most_megabytes=80.0).is_kept
    assert not memory_verdict([a_round(cpu=1.0)], most_megabytes=79.9).is_kept


def test_the_table_has_a_row_of_equal_cells_for_each_contender() -> None:
    lines = table({OURS: [a_round(cpu=1.0)], PEER: [a_round(cpu=4.0)]}, ours=OURS).splitlines()
    cells = [line.replace(r"\|", "").count("|") for line in lines]
    assert len(lines) == 4
    assert len(set(cells)) == 1, "a name with a bar in it would shift the columns"
    assert "0.25 (0.25" in lines[-1]


def test_the_plot_names_every_contender() -> None:
    svg = plot({OURS: [a_round(cpu=1.0)], "a & b": [a_round(cpu=4.0)]}, title="CPU", figure=CPU, unit="s/GB")
    assert "ours" in svg
    assert "a &amp; b" in svg
    assert "4.00 s/GB" in svg


def test_no_text_of_the_plot_leaves_the_page_in_any_font() -> None:
    """A wide font has letters of 0.7 of its size; where the reader has one, browsers fit a text to its textLength."""
    for name, scenario in SCENARIOS.items():
        results = {who: [a_round(cpu=4.0), a_round(cpu=5.0)] for who in scenario.contenders}
        svg = plot(results, title=scenario.title, figure=scenario.plotted, unit=scenario.unit)
        page = float(re.findall(r'viewBox="0 0 (\d+)', svg)[0])
        texts = re.findall(r'<text x="([\d.]+)" y="\d+" font-size="(\d+)" text-anchor="(\w+)" (.*?)>(.*?)</text>', svg)
        assert len(texts) == svg.count("<text") == 1 + 2 * len(results), name
        for x, size, anchor, length, words in texts:
            width = len(unescape(words)) * float(size) * 0.7
            assert (float(x) >= width) if anchor == "end" else (float(x) + width <= page), words
            assert 'lengthAdjust="spacingAndGlyphs"' in length
            assert float(re.findall(r'textLength="(\d+)"', length)[0]) <= width
