"""Every price has a unit, a region, a date and a source, and nothing is charged that has no price."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from typing import Final

import pytest

from gopro_sync.cost.prices import PRICES_REGION, Charge, load_prices

NOT_VERIFIED: Final = "public list price as known, not verified here"


def test_there_is_a_price_for_each_charge_and_no_other() -> None:
    assert set(load_prices()) == set(Charge)


@pytest.mark.parametrize("charge", Charge)
def test_every_price_says_what_it_is_for_where_since_when_and_who_says_so(charge: Charge) -> None:
    price = load_prices()[charge]
    assert price.usd > 0
    assert price.per >= 1
    assert price.unit
    assert price.service
    assert price.region == PRICES_REGION == "us-east-1"
    assert date(2026, 1, 1) <= price.date <= datetime.now(UTC).date()
    assert price.source.startswith("https://") or price.source == NOT_VERIFIED
    assert price.aws_page.startswith("https://aws.amazon.com/")


def test_what_is_free_is_taken_off_only_when_it_is_asked_for_and_never_becomes_a_credit() -> None:
    transitions = load_prices()[Charge.STATE_TRANSITIONS]
    assert transitions.cost_usd(10_000) == pytest.approx(0.25)
    assert transitions.cost_usd(10_000, free_tier=True) == pytest.approx(0.15)
    assert transitions.cost_usd(100, free_tier=True) == 0


def test_a_price_cannot_be_changed_by_whoever_reads_it() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_prices()[Charge.SECRETS].usd = 0  # type: ignore[misc]
