"""``./gopro-sync cost`` and ``docs/cost.md``: what a person sees is what the model says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gopro_sync.cost.model import Deployment, MonthlyUsage, monthly_cost
from gopro_sync.cost.prices import load_prices
from gopro_sync_cli import __main__ as command_line
from gopro_sync_cli import cost_document

ROOT = Path(__file__).parents[3]
WITHOUT = "--no-instant-retrieval"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command_line.app, ["cost", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_table_has_the_first_month_the_last_one_and_the_growth() -> None:
    output = run("--gb-per-month", "100", "--months", "24")
    for month in (1, 24):
        cost = monthly_cost(MonthlyUsage(gb_per_month=100, month=month), load_prices())
        for amount in (cost.operating.total_usd, cost.storage.total_usd, cost.total_usd):
            assert f"{amount:.2f}" in output
    assert "2400" in output


def test_what_is_shown_is_the_stack_as_it_is_deployed_by_default() -> None:
    output = run("--gb-per-month", "100")
    assert "early leave" in output
    assert output == run("--gb-per-month", "100", "--instant-retrieval")
    record = json.loads(run("--gb-per-month", "100", "--json"))
    assert record["instant_retrieval_after_days"] == Deployment().instant_retrieval_after_days == 7


@pytest.mark.parametrize(("volume", "months"), [("100", "12"), ("100", "1"), ("1000", "36")])
def test_one_line_says_what_the_last_month_would_cost_less_without_glacier_instant_retrieval(
    volume: str, months: str
) -> None:
    asked = ("--gb-per-month", volume, "--months", months)
    with_it, without = (json.loads(run(*asked, option, "--json")) for option in ("--instant-retrieval", WITHOUT))
    saved = with_it["saved_without_instant_retrieval"]
    assert saved == pytest.approx(with_it["months"][-1]["total"] - without["months"][-1]["total"], abs=0.0002)
    assert saved > 0
    line = f"GlacierInstantRetrievalAfterDays=0 would save {saved:.2f} USD in month {months}, at us-east-1's prices."
    assert line in run(*asked).splitlines()


def test_json_has_every_month_and_its_lines_add_up() -> None:
    answer = json.loads(run("--gb-per-month", "250.5", "--months", "3", "--video-gb", "4", "--json"))
    assert (answer["gb_per_month"], answer["video_gb"], answer["region"]) == (250.5, 4.0, "us-east-1")
    assert [month["month"] for month in answer["months"]] == [1, 2, 3]
    for month in answer["months"]:
        assert month["total"] == pytest.approx(month["operating"]["total"] + month["storage"]["total"], abs=0.001)
        assert month["total_with_free_tiers"] < month["total"]


def test_without_glacier_instant_retrieval_its_lines_are_gone() -> None:
    output = run("--gb-per-month", "100", WITHOUT)
    assert "Instant Retrieval" not in output


@pytest.mark.parametrize("asked", [("100", WITHOUT), ("0", "--instant-retrieval")])
def test_where_nothing_is_to_be_saved_no_line_offers_it(asked: tuple[str, str]) -> None:
    assert "would save" not in run("--gb-per-month", *asked)
    assert json.loads(run("--gb-per-month", *asked, "--json"))["saved_without_instant_retrieval"] == 0


@pytest.mark.parametrize("wrong", [["--gb-per-month", "-1"], ["--gb-per-month", "1", "--months", "0"], []])
def test_wrong_usage_is_refused(wrong: list[str]) -> None:
    assert CliRunner().invoke(command_line.app, ["cost", *wrong]).exit_code == 2


def test_the_document_is_what_the_model_gives_now() -> None:
    committed = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    assert committed == cost_document.render(), "python -m gopro_sync_cli.cost_document > docs/cost.md"


def test_the_document_has_every_price_and_a_verdict_on_every_target() -> None:
    text = cost_document.render()
    for price in load_prices().values():
        assert price.source in text
    verdicts = [line for line in text.splitlines() if line.startswith(("| NFR-3", "| BR-2", "| FR-5"))]
    assert len(verdicts) == 12
    assert all("| confirmed |" in line or "| **refuted** |" in line for line in verdicts)
