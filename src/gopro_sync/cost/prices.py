"""What AWS charges: the list of prices, each with its unit, region, date and source.

The figures are in ``prices.json``, the one place where a price is written down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum, unique
from functools import lru_cache
from importlib import resources
from typing import Final


@unique
class Charge(StrEnum):
    """What appears on the bill; the keys of ``prices.json``."""

    LAMBDA_X86_64 = "lambda_x86_64"
    LAMBDA_ARM64 = "lambda_arm64"
    LAMBDA_REQUESTS = "lambda_requests"
    STATE_TRANSITIONS = "state_transitions"
    DYNAMODB_WRITES = "dynamodb_writes"
    DYNAMODB_READS = "dynamodb_reads"
    DYNAMODB_STORAGE = "dynamodb_storage"
    DYNAMODB_RECOVERY = "dynamodb_recovery"
    S3_PUTS = "s3_puts"
    S3_GETS = "s3_gets"
    KMS_KEYS = "kms_keys"
    KMS_REQUESTS = "kms_requests"
    SECRETS = "secrets"
    SECRETS_REQUESTS = "secrets_requests"
    CUSTOM_METRICS = "custom_metrics"
    ALARMS = "alarms"
    DASHBOARDS = "dashboards"
    LOGS_INGESTED = "logs_ingested"
    LOGS_STORED = "logs_stored"
    LOGS_QUERIED = "logs_queried"
    XRAY_TRACES = "xray_traces"
    SNS_EMAILS = "sns_emails"
    SQS_REQUESTS = "sqs_requests"
    SCHEDULE_STARTS = "schedule_starts"
    CLOUDTRAIL_DATA_EVENTS = "cloudtrail_data_events"
    CLOUDTRAIL_SECOND_COPIES = "cloudtrail_second_copies"
    CLOUDTRAIL_PUTS = "cloudtrail_puts"
    CLOUDTRAIL_STORAGE = "cloudtrail_storage"
    S3_STANDARD = "s3_standard"
    S3_INSTANT_RETRIEVAL = "s3_instant_retrieval"
    S3_INSTANT_RETRIEVAL_EARLY = "s3_instant_retrieval_early"
    S3_DEEP_ARCHIVE = "s3_deep_archive"
    S3_TO_INSTANT_RETRIEVAL = "s3_to_instant_retrieval"
    S3_TO_DEEP_ARCHIVE = "s3_to_deep_archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One price.

    Attributes:
        service: the line of the bill on which it appears.
        usd: US dollars for ``per`` units, without tax.
        per: how many units ``usd`` buys.
        unit: what is counted.
        free_per_month: units that every account gets free each month, permanently; other use of the account shares
            them.
        region: where the price applies.
        date: when it was looked up.
        source: the address at which the figure was read, or a statement that there is none.
        aws_page: where AWS publishes it.
    """

    service: str
    usd: float
    per: int
    unit: str
    free_per_month: int
    region: str
    date: date
    source: str
    aws_page: str

    def cost_usd(self, quantity: float, *, free_tier: bool = False) -> float:
        """Return what a month's ``quantity`` of units costs, less the free ones if these count."""
        paid = max(0.0, quantity - self.free_per_month) if free_tier else quantity
        return paid * self.usd / self.per


Prices = Mapping[Charge, Price]


# The only region whose prices are known here. A figure that is shown says so, since prices differ by region.
PRICES_REGION: Final = "us-east-1"


@lru_cache(maxsize=1)
def load_prices() -> Prices:
    """Return the prices that come with the package."""
    text = resources.files("gopro_sync.cost").joinpath("prices.json").read_text(encoding="utf-8")
    return {Charge(name): _price(**fields) for name, fields in json.loads(text).items()}


def _price(
    *,
    service: str,
    usd: float,
    per: int,
    unit: str,
    region: str,
    date: str,
    source: str,
    aws_page: str,
    free_per_month: int = 0,
) -> Price:
    return Price(
        service=service,
        usd=usd,
        per=per,
        unit=unit,
        free_per_month=free_per_month,
        region=region,
        date=_day(date),
        source=source,
        aws_page=aws_page,
    )


def looked_up_on(prices: Prices) -> date:
    """Return the day on which the prices were looked up: the earliest, if there are several."""
    return min(price.date for price in prices.values())


def _day(text: str) -> date:
    return date.fromisoformat(text)
