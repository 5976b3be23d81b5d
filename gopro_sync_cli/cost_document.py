"""Writes ``docs/cost.md``: ``PYTHONPATH=src .venv/bin/python -m gopro_sync_cli.cost_document > docs/cost.md``.

Every figure in it is the model's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from gopro_sync.cost.model import (
    CPU_SECONDS_PER_GB,
    DEFAULT_MEGABITS_PER_SECOND,
    DOWNLOADER_MEGABYTES,
    MEGABYTES_PER_VCPU,
    TRANSITIONS_PER_RUN,
    TRANSITIONS_PER_VIDEO,
    Deployment,
    MonthlyCost,
    MonthlyUsage,
    monthly_cost,
    transfer_seconds,
)
from gopro_sync.cost.prices import PRICES_REGION, Charge, Price, load_prices, looked_up_on
from gopro_sync_cli.cost import Forecast, services_of, usd

VOLUMES_GB: Final = (10, 100, 1000)
STEADY_MONTH: Final = 12
OPERATING_TARGET_USD: Final = 5.0
TOTAL_TARGET_USD: Final = 6.0
_YEARS: Final = (1, 12, 13, 25, 36)
_PRICES: Final = load_prices()
_DEEP_ARCHIVE_100_GB: Final = 100 * _PRICES[Charge.S3_DEEP_ARCHIVE].usd
_DEFAULT: Final = Deployment()
_WITHOUT_HOP: Final = replace(_DEFAULT, instant_retrieval_after_days=0)
_HOPS: Final = (("on", _DEFAULT), ("off", _WITHOUT_HOP))


def render() -> str:
    """Return the whole document."""
    sections = (
        _summary(),
        _overview(),
        _operating(),
        _storage(),
        _years(),
        _targets(),
        _what_fits(),
        _savings(),
        _assumptions(),
        _sources(),
    )
    return "\n\n".join(sections) + "\n"


def _summary() -> str:
    cost, free = _at(100), _at(100, free_tier=True)
    operating, storage = usd(cost.operating.total_usd), usd(cost.storage.total_usd)
    hop, deep = _DEFAULT.instant_retrieval_after_days, _DEFAULT.deep_archive_after_days
    saved = _saved_by(instant_retrieval_after_days=0)
    return f"""# Cost

Every figure comes from the model in `src/gopro_sync/cost/model.py` and the prices in `src/gopro_sync/cost/prices.json`.
This page is written by `PYTHONPATH=src .venv/bin/python -m gopro_sync_cli.cost_document > docs/cost.md`. For your own
volume: `./gopro-sync cost --gb-per-month 100`.

At 100 GB a month and with the default parameters, {_month()} costs **${operating} to operate, ${storage} for storage,
${usd(cost.total_usd)} in all**; with AWS's free tiers ${usd(free.total_usd)}. US dollars, {PRICES_REGION}, without tax.

The figures are **without AWS's free tiers**, which other use of the account may have used up, unless a column says
otherwise. One exception: the first three dashboards of an account are taken as free.

*IR* is a stay in Glacier Instant Retrieval, from day {hop} to day {deep}. It is on by default, since FR-5 of the
specification asks for it. `GlacierInstantRetrievalAfterDays=0` turns it off: at 100 GB a month that saves ${saved} a
month, and gives up nothing but this step, since a video in S3 Standard is read at once too. `./gopro-sync cost` says
what it saves at your volume; with `--json` it is `saved_without_instant_retrieval`, US dollars in the last month."""


def _overview() -> str:
    rows = [
        [f"{volume:,}", hop, *_three(_at(volume, stack, month=1)), *_three(_at(volume, stack)), _free(volume, stack)]
        for volume in VOLUMES_GB
        for hop, stack in _HOPS
    ]
    headings = ["GB a month", "IR"]
    headings += [f"{when}: {what}" for when in ("first month", _month()) for what in ("operating", "storage", "in all")]
    return "## In all\n\n" + _table([*headings, f"{_month()}, in all, free tiers"], rows)


def _operating() -> str:
    bills = [_at(volume, month=month).operating for volume in VOLUMES_GB for month in (1, STEADY_MONTH)]
    headings = ["service", *(f"{volume:,} GB: {when}" for volume in VOLUMES_GB for when in ("first month", _month()))]
    rows = [[name, *(usd(bill.usd_by_service.get(name, 0.0)) for bill in bills)] for name in services_of(*bills)]
    rows.append(["**operating**", *(usd(bill.total_usd) for bill in bills)])
    return f"""## Operating, by service

IR makes no difference here.

{_table(headings, rows)}"""


def _storage() -> str:
    tables = []
    for hop, stack in _HOPS:
        bills = [_at(volume, stack, month=month).storage for volume in VOLUMES_GB for month in (1, STEADY_MONTH)]
        headings = [f"IR {hop}"]
        headings += [f"{volume:,} GB: {when}" for volume in VOLUMES_GB for when in ("first month", _month())]
        names = services_of(*reversed(bills))
        rows = [[name, *(usd(bill.usd_by_service.get(name, 0.0)) for bill in bills)] for name in names]
        rows.append(["**storage**", *(usd(bill.total_usd) for bill in bills)])
        tables.append(_table(headings, rows))
    saved = _saved_by(instant_retrieval_after_days=0)
    return f"""## Storage, by class

{tables[0]}

{tables[1]}

Glacier Instant Retrieval charges at least 90 days: a video that leaves it after seven is charged the other 83 at once
(*early leave*). Seven more days in S3 Standard cost less: at 100 GB, IR costs ${saved} a month more. S3 refuses a
single lifecycle rule that leaves IR before its 90 days, so that the template has a rule for each of the two steps
([S3 user guide][transitions]).

[transitions]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html"""


def _years() -> str:
    rows = []
    for month in _YEARS:
        on, off = (_at(100, stack, month=month) for _, stack in _HOPS)
        amounts = [on.operating.total_usd, on.storage.total_usd, on.total_usd, off.storage.total_usd, off.total_usd]
        rows.append([str(month), f"{on.stored_gb:,.0f}", *map(usd, amounts)])
    headings = [
        "month",
        "archived, GB",
        "operating",
        "storage, IR on",
        "in all, IR on",
        "storage, IR off",
        "in all, IR off",
    ]
    return f"""## As the archive grows (100 GB a month)

{_table(headings, rows)}

Operating settles at once. The key rotates every {_DEFAULT.key_rotation_days} days, the longest that KMS offers: AWS
charges each of its first two rotations another dollar a month, for good
([AWS KMS pricing](https://aws.amazon.com/kms/pricing/)), and with yearly ones the $5 to operate would not hold in the
third year. Storage never settles, since nothing is deleted: each
month's 100 GB add ${usd(_DEEP_ARCHIVE_100_GB)} a month.

The specification's ${TOTAL_TARGET_USD:.0f} in all hold {_end_of_total_target()}."""


def _end_of_total_target() -> str:
    ends = [
        f"to month {_last_month_within_total_target(stack, free_tier=False)} with IR {hop} "
        f"(with free tiers: {_last_month_within_total_target(stack, free_tier=True)})"
        for hop, stack in _HOPS
    ]
    return " and ".join(ends)


def _last_month_within_total_target(stack: Deployment, *, free_tier: bool) -> int:
    month = 1
    while _at(100, stack, month=month, free_tier=free_tier).total_usd < TOTAL_TARGET_USD:
        month += 1
    return month - 1


def _targets() -> str:
    first, cost = _at(100, month=1), _at(100)
    lines = cost.operating.usd_by_service
    young = {name: _young_storage(_at(100, stack)) for name, stack in _HOPS}
    third_year = _at(100, month=36).operating.total_usd
    by_hop = {name: _at(100, stack) for name, stack in _HOPS}
    free_by_hop = {name: _at(100, stack, free_tier=True).total_usd for name, stack in _HOPS}
    named = sum(lines[name] for name in ("Lambda", "Step Functions", "DynamoDB", "S3 requests"))
    rows = [
        ["NFR-3: Lambda", "2.50", usd(lines["Lambda"]), _verdict(lines["Lambda"], 2.5), _lambda_reason()],
        _row(
            "NFR-3: Step Functions",
            0.10,
            lines["Step Functions"],
            f"{TRANSITIONS_PER_VIDEO} transitions a video, {TRANSITIONS_PER_RUN} a run",
        ),
        _row(
            "NFR-3: DynamoDB", 0.50, lines["DynamoDB"], "some 20 write units a video; the library is read once a night"
        ),
        _row("NFR-3: S3, transition period, IR on", 2.30, young["on"], "Standard, IR with its 90 days, transitions"),
        _row(
            "NFR-3: S3, transition period, IR off",
            2.30,
            young["off"],
            "14 days in Standard; the target is a month of it",
        ),
        _row(
            "NFR-3: Deep Archive, a month",
            0.10,
            _DEEP_ARCHIVE_100_GB,
            f"for each month's 100 GB; {_month()} has eleven of them: "
            f"{usd(cost.storage.usd_by_service['S3 Glacier Deep Archive'])}",
        ),
        _row(
            f"NFR-3: operating, {_month()}",
            OPERATING_TARGET_USD,
            cost.operating.total_usd,
            f"the services that the specification names are {usd(named)} of it; the rest is the key, the secret, "
            "alarms, metrics, CloudTrail",
        ),
        _row(
            "NFR-3: operating, third year on",
            OPERATING_TARGET_USD,
            third_year,
            f"as before; with free tiers {usd(_at(100, month=36, free_tier=True).operating.total_usd)}",
        ),
        _row("BR-2: in all, first month", TOTAL_TARGET_USD, first.total_usd, "default parameters"),
        _row(
            f"BR-2: in all, {_month()}, IR on",
            TOTAL_TARGET_USD,
            by_hop["on"].total_usd,
            f"default parameters; a year of videos is kept; with free tiers {usd(free_by_hop['on'])}",
        ),
        _row(
            f"BR-2: in all, {_month()}, IR off",
            TOTAL_TARGET_USD,
            by_hop["off"].total_usd,
            f"a year of videos is kept; with free tiers {usd(free_by_hop['off'])}",
        ),
        [
            "FR-5: 95 % less than Standard after 14 days",
            "95 %",
            f"{_reduction_per_gb():.1%}",
            "confirmed" if _reduction_per_gb() >= 0.95 else "refuted",
            f"for a GB in Deep Archive; the storage bill of {_month()} as a whole is {_reduction_of_bill():.0%} lower "
            "than with everything in Standard, and nears it with time",
        ],
    ]
    return "## The specification's targets, line by line (100 GB a month)\n\n" + _table(
        ["line", "target", "the model", "", "why"], rows
    )


def _lambda_reason() -> str:
    share = DOWNLOADER_MEGABYTES / MEGABYTES_PER_VCPU
    alone = CPU_SECONDS_PER_GB / share
    return (
        f"{transfer_seconds(1):.0f} s a GB on a line of {DEFAULT_MEGABITS_PER_SECOND:.0f} Mbit/s; the processor alone "
        f"({CPU_SECONDS_PER_GB} CPU s a GB, {share:.2f} vCPU) would need {alone:.1f} s: the line decides"
    )


def _young_storage(cost: MonthlyCost) -> float:
    lines = cost.storage.usd_by_service
    return cost.storage.total_usd - lines["S3 Glacier Deep Archive"]


def _reduction_per_gb() -> float:
    return 1 - _PRICES[Charge.S3_DEEP_ARCHIVE].usd / _PRICES[Charge.S3_STANDARD].usd


def _reduction_of_bill() -> float:
    never_moved = replace(_WITHOUT_HOP, deep_archive_after_days=30 * STEADY_MONTH)
    return 1 - _at(100).storage.total_usd / _at(100, never_moved).storage.total_usd


def _what_fits() -> str:
    rows = []
    for year, month in (("first", 12), ("second", 24), ("third on", 36)):
        without = _at(100, replace(_DEFAULT, alarms=0), month=month).operating.total_usd
        fits = int((OPERATING_TARGET_USD - without) / _PRICES[Charge.ALARMS].usd)
        rows.append([year, usd(without), str(fits), usd(_at(100, month=month).operating.total_usd)])
    metrics = usd(_at(100).operating.usd_by_service["CloudWatch metrics"])
    all_hours = usd(_DEFAULT.custom_metrics * _PRICES[Charge.CUSTOM_METRICS].usd)
    series, alarms = _DEFAULT.custom_metrics, _DEFAULT.alarms
    headings = ["year", "operating without alarms", "alarm metrics that fit", f"operating with {alarms} of them"]
    dashboard = usd(_PRICES[Charge.DASHBOARDS].usd)
    return f"""## How many metrics and alarms $5 hold (100 GB a month)

Counted here are {series} custom metric series, {alarms} metrics that alarms look at, and one dashboard.

- **Series** are metered by the hours in which data is sent ([CloudWatch billing][hours]). A night touches one hour, so
  {series} series cost ${metrics} a month. Sent in every hour of the month they would cost ${all_hours}: nothing may
  send metrics around the clock.
- **Alarms** are charged for the whole month, by the metrics that they look at: one on metric math counts several
  times. Ten are free in every account for good. Metrics of AWS's own services, on which most of them look, are free.
- A **dashboard** is free as long as the account has at most three. Else it costs ${dashboard}, and the $5
  do not hold.

{_table(headings, rows)}

[hours]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_billing.html"""


def _savings() -> str:
    rows = [
        [
            "`GlacierInstantRetrievalAfterDays=0`",
            _saved_by(instant_retrieval_after_days=0),
            "the stay in IR that FR-5 asks for: 14 days in Standard instead, read at once too",
        ],
        ["`EnableCloudTrail=false`", _saved_by(audits_calls=False), "the record of every call"],
        ["`Architecture=arm64`", _saved_by(architecture="arm64"), "nothing"],
        ["one alarm metric", _saved_by(alarms=_DEFAULT.alarms - 1), "being told"],
        ["all custom metrics", _saved_by(custom_metrics=0), "the dashboard, and the alarms that look at them"],
    ]
    added = usd(_at(100, replace(_DEFAULT, has_other_trail=True)).total_usd - _at(100).total_usd)
    data_events = _PRICES[Charge.CLOUDTRAIL_DATA_EVENTS]
    return f"""## What can be turned off (100 GB a month, {_month()})

{_table(["what", "saves", "gives up"], rows)}

In an account that has a trail already, ours makes a second copy of its management events: ${added} for this system's
own calls, and $2.00 for each 100,000 of whatever else runs there. `EnableCloudTrail=data-events` leaves that copy out,
and records the accesses to the videos only: the choice for a second stack in an account, be it in another region, since
the first one's trail records the calls of all regions ([deploying](deploy.md#regions)).

The trail records each call of the bucket, the table and the functions as a data event, ${data_events.usd:.2f} per
{data_events.per:,}: a video costs some dozens of them, most for its parts. An operator who reads the whole archive or
table pays for each call as well.

Restoring videos is not in the model: it is charged by the GB when it is asked for."""


def _saved_by(**changes: Any) -> str:
    return usd(_at(100).total_usd - _at(100, replace(_DEFAULT, **changes)).total_usd)


def _assumptions() -> str:
    sizes = ((0.1, 1, "100 MB"), (1.0, 1, "1 GB"), (8.0, 2, "8 GB, two chapters of 4 GB"))
    rows = []
    for video_gb, files, name in sizes:
        usage = MonthlyUsage(gb_per_month=100, month=STEADY_MONTH, video_gb=video_gb, files_per_video=files)
        on, off = (monthly_cost(usage, _PRICES, stack) for _, stack in _HOPS)
        totals = (_bold_over_target(cost.total_usd) for cost in (on, off))
        rows.append([name, f"{100 / video_gb:,.0f}", usd(on.operating.total_usd), *totals])
    target = f"{TOTAL_TARGET_USD:.0f}"
    return f"""## What is assumed

- One run a night, 30 nights a month. Videos arrive evenly; the library holds what was archived since the first month.
- Videos of 1 GB in one file. Smaller ones cost more requests and transitions; bold is over the ${target} of BR-2
  (100 GB a month, {_month()}):

{_table(["video", "videos a month", "operating", "in all, IR on", "in all, IR off"], rows)}

- A video is copied at {DEFAULT_MEGABITS_PER_SECOND:.0f} Mbit/s, the least that the specification asks for.
- Counts follow the design: parts of at most 50 MiB, states per video, write units per tracker item and its copy in the
  index. Requests for data keys, log lines and CloudTrail's files are upper bounds. Failed videos are left out.
- A GB has 10^9 bytes. AWS bills storage by 2^30, so that storage is 7 % dearer here than on the bill. The 40 KB that S3
  adds to each object in Deep Archive are left out.
- Data into AWS, and between Lambda and S3 in one region, is free. In a VPC a NAT gateway comes on top, which costs more
  than all of this."""


def _bold_over_target(total_usd: float) -> str:
    return usd(total_usd) if round(total_usd, 2) <= TOTAL_TARGET_USD else f"**{usd(total_usd)}**"


def _sources() -> str:
    rows = [[_unit_price(price), price.service, _free_units(price), _source(price)] for price in _PRICES.values()]
    day = looked_up_on(_PRICES).isoformat()
    return f"""## Prices

{PRICES_REGION}, looked up on {day} in stored copies of the pages that are named, not on live ones. AWS's own
pages fill their tables in by script, so that most figures were read elsewhere; the pages on github.com print AWS's
price list as it was then. *List* is AWS's page to compare with.

{_table(["USD", "service", "free a month", "read at"], rows)}"""


def _unit_price(price: Price) -> str:
    amount = f"{price.usd:.10f}".rstrip("0")
    decimals = max(2, len(amount.split(".")[1]))
    per = "" if price.per == 1 else f"{price.per:,} "
    return f"{price.usd:.{decimals}f} per {per}{price.unit}"


def _free_units(price: Price) -> str:
    return f"{price.free_per_month:,}" if price.free_per_month else ""


def _source(price: Price) -> str:
    if not price.source.startswith("https://"):
        return f"{price.source}; [list]({price.aws_page})"
    return f"[{price.source.split('/')[2]}]({price.source}), [list]({price.aws_page})"


def _at(
    gb_per_month: float, stack: Deployment = _DEFAULT, *, month: int = STEADY_MONTH, free_tier: bool = False
) -> MonthlyCost:
    forecast = Forecast(gb_per_month=gb_per_month, video_gb=1.0, months=month, deployment=stack, prices=_PRICES)
    return forecast.month(month, free_tier=free_tier)


def _three(cost: MonthlyCost) -> list[str]:
    return [usd(cost.operating.total_usd), usd(cost.storage.total_usd), usd(cost.total_usd)]


def _free(volume: float, stack: Deployment) -> str:
    return usd(_at(volume, stack, free_tier=True).total_usd)


def _row(name: str, target: float, figure: float, why: str) -> list[str]:
    return [name, f"{target:.2f}", usd(figure), _verdict(figure, target), why]


def _verdict(figure: float, target: float) -> str:
    return "confirmed" if round(figure, 2) <= target else "**refuted**"


def _month() -> str:
    return f"month {STEADY_MONTH}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    sys.stdout.write(render())
