"""``gopro-sync cost``: forecast what the system will cost, by ``gopro_sync.cost.model``. No call to AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from rich.table import Table

from gopro_sync.cost.model import CostLines, Deployment, MonthlyCost, MonthlyUsage, monthly_cost
from gopro_sync.cost.prices import PRICES_REGION, Prices, load_prices, looked_up_on
from gopro_sync_cli.terminal_output import output_console, print_document, print_table

_ROWS_OF_GROWTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The question, and the months that answer it.

    Attributes:
        gb_per_month: how much is archived in a month.
        video_gb: size of a video.
        months: how far to look ahead.
        deployment: the stack.
        prices: from ``load_prices``.
    """

    gb_per_month: float
    video_gb: float
    months: int
    deployment: Deployment
    prices: Prices

    @property
    def prices_date(self) -> str:
        """The day on which the oldest price was looked up, in ISO 8601."""
        return looked_up_on(self.prices).isoformat()

    def month(self, month: int, *, free_tier: bool = False) -> MonthlyCost:
        """Return the bill of one month, counted from 1."""
        usage = MonthlyUsage(gb_per_month=self.gb_per_month, month=month, video_gb=self.video_gb)
        return monthly_cost(usage, self.prices, self.deployment, free_tier=free_tier)

    @property
    def saved_without_instant_retrieval_usd(self) -> float:
        """What the last month would cost less with ``GlacierInstantRetrievalAfterDays=0``; 0 where it is 0 already."""
        direct = replace(self, deployment=replace(self.deployment, instant_retrieval_after_days=0))
        return self.month(self.months).total_usd - direct.month(self.months).total_usd


def by_service(forecast: Forecast) -> Table:
    """Return the table that a person reads: the first and the last of the months, by service."""
    first, last = forecast.month(1), forecast.month(forecast.months)
    table = Table(
        "USD, without tax and free tiers", title=f"{forecast.gb_per_month:g} GB a month, at {PRICES_REGION}'s prices"
    )
    for heading in ("first month", f"month {forecast.months}"):
        table.add_column(heading, justify="right")
    _add_section(table, "operating", first.operating, last.operating)
    _add_section(table, "storage", first.storage, last.storage)
    table.add_row("in all", usd(first.total_usd), usd(last.total_usd), style="bold")
    return table


def growth(forecast: Forecast) -> Table:
    """Return how what is stored, and its cost, grows."""
    table = Table("month", title=f"What is kept is paid for every month, at {PRICES_REGION}'s prices")
    for heading in ("archived, GB", "storage, USD", "in all, USD", "in all with free tiers, USD"):
        table.add_column(heading, justify="right")
    step = max(1, forecast.months // _ROWS_OF_GROWTH)
    for month in sorted({1, *range(step, forecast.months, step), forecast.months}):
        cost, free = forecast.month(month), forecast.month(month, free_tier=True)
        amounts = (cost.storage.total_usd, cost.total_usd, free.total_usd)
        table.add_row(str(month), f"{cost.stored_gb:g}", *map(usd, amounts))
    return table


def saving(forecast: Forecast) -> str | None:
    """Return the line on what skipping Glacier Instant Retrieval would save; None where it would save nothing."""
    saved = forecast.saved_without_instant_retrieval_usd
    if saved <= 0:
        return None
    amount = f"{usd(saved)} USD in month {forecast.months}, at {PRICES_REGION}'s prices"
    return f"GlacierInstantRetrievalAfterDays=0 would save {amount}."


def as_record(forecast: Forecast) -> dict[str, Any]:
    """Return the same for programs: every month, in US dollars.

    ``saved_without_instant_retrieval`` is what the last of the months would cost less with
    ``GlacierInstantRetrievalAfterDays=0``.
    """
    return {
        "gb_per_month": forecast.gb_per_month,
        "video_gb": forecast.video_gb,
        "region": PRICES_REGION,
        "prices_of": forecast.prices_date,
        "instant_retrieval_after_days": forecast.deployment.instant_retrieval_after_days,
        "saved_without_instant_retrieval": round(forecast.saved_without_instant_retrieval_usd, 4),
        "months": [_month_record(forecast, month) for month in range(1, forecast.months + 1)],
    }


def usd(amount: float) -> str:
    """Return the amount as people read it: in cents, but never nothing for something."""
    return "< 0.01" if 0 < amount < 0.005 else f"{amount:,.2f}"


def services_of(*bills: CostLines) -> list[str]:
    """Return the services that are on any of the bills, each once."""
    return list(dict.fromkeys(service for bill in bills for service in bill.usd_by_service))


def _month_record(forecast: Forecast, month: int) -> dict[str, Any]:
    cost = forecast.month(month)
    return {
        "month": month,
        "stored_gb": cost.stored_gb,
        "operating": cost.operating.as_record(),
        "storage": cost.storage.as_record(),
        "total": round(cost.total_usd, 4),
        "total_with_free_tiers": round(forecast.month(month, free_tier=True).total_usd, 4),
    }


def _add_section(table: Table, name: str, first: CostLines, last: CostLines) -> None:
    # The last month has a line that the first may not have yet.
    for service in services_of(last, first):
        table.add_row(service, *(usd(bill.usd_by_service.get(service, 0.0)) for bill in (first, last)))
    table.add_row(name, usd(first.total_usd), usd(last.total_usd), style="bold", end_section=True)


def show_forecast(*, gb_per_month: float, video_gb: float, months: int, instant_retrieval: bool, as_json: bool) -> None:
    """Print the forecast, as tables or as one JSON object."""
    deployment = Deployment() if instant_retrieval else Deployment(instant_retrieval_after_days=0)
    forecast = Forecast(
        gb_per_month=gb_per_month, video_gb=video_gb, months=months, deployment=deployment, prices=load_prices()
    )
    if as_json:
        print_document(json.dumps(as_record(forecast)))
        return
    output = output_console()
    for table in (by_service(forecast), growth(forecast)):
        print_table(output, table)
    if sentence := saving(forecast):
        output.print(sentence)
    output.print(f"Prices looked up on {forecast.prices_date}; docs/cost.md has their sources.")
