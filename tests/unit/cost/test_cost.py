"""The cost model: figures worked out by hand, and what must hold for any volume."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gopro_sync.cost.model import (
    CostLines,
    Deployment,
    MonthlyCost,
    MonthlyUsage,
    RunUsage,
    cost_of_run,
    deep_archive_usd_per_month,
    expected_usage,
    monthly_cost,
    transfer_seconds,
)
from gopro_sync.cost.prices import load_prices

PRICES = load_prices()
NO_HOP = Deployment(instant_retrieval_after_days=0)
BARE = Deployment(custom_metrics=0, alarms=0, audits_calls=False)

volumes = st.floats(min_value=0, max_value=20_000, allow_nan=False)
months = st.integers(min_value=1, max_value=60)
video_sizes = st.floats(min_value=0.001, max_value=100)
deployments = st.builds(
    Deployment,
    architecture=st.sampled_from(["x86_64", "arm64"]),
    transfer_workers=st.integers(1, 16),
    concurrent_downloads=st.integers(1, 40),
    instant_retrieval_after_days=st.integers(0, 60),
    deep_archive_after_days=st.integers(61, 200),
    audits_calls=st.booleans(),
    has_other_trail=st.booleans(),
    custom_metrics=st.integers(0, 200),
    alarms=st.integers(0, 50),
    paid_dashboards=st.integers(0, 3),
)


def month_of(gb_per_month: float, month: int = 12, deployment: Deployment | None = None) -> MonthlyCost:
    return monthly_cost(MonthlyUsage(gb_per_month=gb_per_month, month=month), PRICES, deployment)


def run_of(videos: int, *, failed: int = 0, deferred: int = 0, gb: float = 1.0) -> RunUsage:
    return RunUsage(
        library_items=1000,
        videos_archived=videos,
        videos_failed=failed,
        videos_deferred=deferred,
        bytes_transferred=round(videos * gb * 1e9),
        downloader_seconds=transfer_seconds(videos * gb),
        duration_seconds=600,
    )


# --- worked out by hand ----------------------------------------------------------------------------------------------


def test_the_line_decides_how_long_a_copy_takes_until_it_is_faster_than_the_processor() -> None:
    assert transfer_seconds(1, megabits_per_second=50) == pytest.approx(160)  # 8,000 Mbit
    assert transfer_seconds(2, megabits_per_second=100) == pytest.approx(160)
    assert transfer_seconds(1, megabits_per_second=100_000) == pytest.approx(2.2 / (512 / 1769))


def test_lambda_is_paid_for_half_a_gigabyte_for_the_time_that_the_copies_take() -> None:
    lines = month_of(100, month=1).operating.usd_by_service
    copies = 100 * (160 + 3) * 0.5 * 0.0000166667
    assert copies < lines["Lambda"] < copies + 0.01


def test_what_a_run_is_expected_to_use_is_known_before_it_starts() -> None:
    usage = expected_usage(library_items=50, videos=10, size_bytes=10 * 10**9)
    assert usage.downloader_seconds == pytest.approx(10 * (160 + 3))
    assert usage.duration_seconds == pytest.approx(10 * (160 + 3) / 5)  # five at a time
    copies = 10 * (160 + 3) * 0.5 * 0.0000166667
    assert copies < cost_of_run(usage, PRICES).total_usd < copies + 0.02
    assert deep_archive_usd_per_month(10 * 10**9, PRICES) == pytest.approx(0.0099)


def test_arm_takes_a_fifth_off_the_time_but_not_off_the_calls() -> None:
    x86, arm = (
        month_of(100, deployment=replace(BARE, architecture=name)).operating.usd_by_service["Lambda"]
        for name in ("x86_64", "arm64")
    )
    assert arm == pytest.approx(0.8 * x86, rel=0.01)


def test_storage_of_the_first_month_is_what_lay_there_for_how_many_days() -> None:
    lines = month_of(300, month=1, deployment=NO_HOP).storage.usd_by_service
    standard_gb_days = 10 * sum(30 - age for age in range(14))
    deep_gb_days = 10 * sum(30 - age for age in range(14, 30))
    assert lines["S3 Standard"] == pytest.approx(standard_gb_days / 30 * 0.023)
    assert lines["S3 Glacier Deep Archive"] == pytest.approx(deep_gb_days / 30 * 0.00099)
    assert lines["S3 transitions"] == pytest.approx(10 * (30 - 14) * 0.05 / 1000)


def test_leaving_glacier_instant_retrieval_after_a_week_is_charged_the_other_83_days() -> None:
    lines = month_of(100, deployment=Deployment(instant_retrieval_after_days=7)).storage.usd_by_service
    assert lines["S3 Glacier Instant Retrieval"] == pytest.approx(100 * 7 / 30 * 0.004)
    assert lines["S3 Glacier Instant Retrieval, early leave"] == pytest.approx(100 * 83 / 30 * 0.004)


def test_nothing_is_left_early_after_90_days() -> None:
    lines = month_of(
        100, deployment=Deployment(instant_retrieval_after_days=7, deep_archive_after_days=97)
    ).storage.usd_by_service
    assert "S3 Glacier Instant Retrieval, early leave" not in lines
    assert lines["S3 Glacier Instant Retrieval"] == pytest.approx(100 * 90 / 30 * 0.004)


def test_each_further_month_adds_its_volume_at_the_price_of_deep_archive() -> None:
    assert month_of(100, 13).storage.total_usd - month_of(100, 12).storage.total_usd == pytest.approx(0.099)
    assert month_of(100, 13).stored_gb == 1300


@pytest.mark.parametrize(("month", "usd"), [(1, 1.0), (12, 1.0), (13, 2.0), (25, 3.0), (60, 3.0)])
def test_the_key_costs_a_dollar_more_after_each_of_its_first_two_rotations(month: int, usd: float) -> None:
    key = month_of(0, month, replace(BARE, key_rotation_days=360)).operating.usd_by_service["KMS"]
    assert key == pytest.approx(usd, abs=0.01)


def test_a_metric_is_charged_by_the_hours_in_which_it_is_sent() -> None:
    few, many = Deployment(custom_metrics=20), Deployment(custom_metrics=20, concurrent_downloads=1)
    assert month_of(100, deployment=few).operating.usd_by_service["CloudWatch metrics"] == pytest.approx(20 * 0.3 / 24)
    # 33 GB a night, one after the other: an hour and a half.
    assert month_of(1000, deployment=many).operating.usd_by_service["CloudWatch metrics"] == pytest.approx(
        20 * 0.3 / 12
    )


def test_chapters_are_paid_for_as_files_of_their_own() -> None:
    whole, chapters = (
        monthly_cost(MonthlyUsage(gb_per_month=100, video_gb=8, files_per_video=files), PRICES, BARE).operating
        for files in (1, 2)
    )
    assert chapters.usd_by_service["S3 requests"] > whole.usd_by_service["S3 requests"]
    assert chapters.usd_by_service["DynamoDB"] > whole.usd_by_service["DynamoDB"]


def test_a_run_with_nothing_to_do_costs_next_to_nothing() -> None:
    assert 0 < cost_of_run(run_of(0), PRICES, BARE).total_usd < 0.001


def test_a_run_is_paid_for_its_copies_first_of_all() -> None:
    lines = cost_of_run(run_of(10), PRICES, BARE).usd_by_service
    assert lines["Lambda"] == pytest.approx(10 * 160 * 0.5 * 0.0000166667, rel=0.15)
    # Ten videos of 24 parts, opened, listed and completed; manifest and summary.
    assert lines["S3 requests"] == pytest.approx(10 * 27 * 0.005 / 1000, rel=0.05)
    assert lines["Step Functions"] == pytest.approx((10 + 10 * 5 + 1 * 2) * 0.025 / 1000)
    # What would be on the bill without the run.
    assert {"S3 Standard", "CloudWatch alarms"}.isdisjoint(lines)
    assert lines["KMS"] + lines["Secrets Manager"] < 0.01


def test_thirty_runs_are_the_part_of_a_month_that_is_not_charged_for_standing_there() -> None:
    night = replace(run_of(10), downloader_seconds=10 * 163, library_items=0)
    monthly = monthly_cost(MonthlyUsage(gb_per_month=300), PRICES, BARE).operating.usd_by_service
    nightly = cost_of_run(night, PRICES, BARE).usd_by_service
    # But for two calls that a whole night's seconds might have been cut into.
    for service in ("Step Functions", "S3 requests"):
        assert 30 * nightly[service] == pytest.approx(monthly[service], rel=0.05)


def test_failed_and_deferred_videos_cost_too() -> None:
    base = cost_of_run(run_of(3), PRICES).total_usd
    assert cost_of_run(run_of(3, failed=1), PRICES).total_usd > base
    assert cost_of_run(run_of(3, deferred=1), PRICES).total_usd > base


def test_a_record_for_the_summary_is_rounded_and_has_its_total() -> None:
    assert CostLines({"Lambda": 0.123456, "KMS": 1.0}).as_record() == {"Lambda": 0.1235, "KMS": 1.0, "total": 1.1235}


# --- the budget ----------------------------------------------------------------------------------------------


def test_the_operating_target_holds_in_the_first_two_years() -> None:
    assert month_of(100, 24).operating.total_usd < 5


@pytest.mark.parametrize("stack", [Deployment(), NO_HOP])
def test_with_storage_the_target_holds_for_a_year_with_glacier_instant_retrieval_or_without(stack: Deployment) -> None:
    """With the free tiers, of which those of CloudWatch do not end: ten of the alarms' metrics are free for good."""
    assert monthly_cost(MonthlyUsage(gb_per_month=100, month=12), PRICES, stack, free_tier=True).total_usd < 6
    # Where other stacks use them up, the archive outgrows the target many months earlier.
    assert month_of(100, 2, stack).total_usd < 6


def test_videos_pass_through_glacier_instant_retrieval_from_the_7th_day_on_unless_it_is_turned_off() -> None:
    assert month_of(100).storage == month_of(100, deployment=replace(NO_HOP, instant_retrieval_after_days=7)).storage
    assert "S3 Glacier Instant Retrieval" in month_of(100).storage.usd_by_service


# --- for any volume --------------------------------------------------------------------------------------------------


@given(gb=volumes, month=months, video_gb=video_sizes, deployment=deployments, free_tier=st.booleans())
def test_no_line_is_negative_and_the_lines_are_the_total(
    gb: float, month: int, video_gb: float, deployment: Deployment, free_tier: bool
) -> None:
    usage = MonthlyUsage(gb_per_month=gb, month=month, video_gb=video_gb)
    cost = monthly_cost(usage, PRICES, deployment, free_tier=free_tier)
    lines = [*cost.operating.usd_by_service.values(), *cost.storage.usd_by_service.values()]
    assert all(usd > 0 and math.isfinite(usd) for usd in lines)
    assert cost.total_usd == pytest.approx(sum(lines))
    assert cost.total_usd <= monthly_cost(usage, PRICES, deployment).total_usd


@given(less=volumes, more=volumes, month=months, deployment=deployments)
def test_more_is_never_cheaper(less: float, more: float, month: int, deployment: Deployment) -> None:
    assume(less <= more)
    low, high = month_of(less, month, deployment), month_of(more, month, deployment)
    assert low.operating.total_usd <= high.operating.total_usd * (1 + 1e-9)
    assert low.storage.total_usd <= high.storage.total_usd * (1 + 1e-9)


@given(gb=volumes, month=st.integers(1, 59), deployment=deployments)
def test_a_later_month_is_never_cheaper_since_nothing_is_deleted(gb: float, month: int, deployment: Deployment) -> None:
    now, later = month_of(gb, month, deployment), month_of(gb, month + 1, deployment)
    assert now.storage.total_usd <= later.storage.total_usd * (1 + 1e-9)
    assert now.total_usd <= later.total_usd * (1 + 1e-9)


@given(gb=volumes, month=months, video_gb=video_sizes)
def test_without_glacier_instant_retrieval_it_is_never_dearer(gb: float, month: int, video_gb: float) -> None:
    usage = MonthlyUsage(gb_per_month=gb, month=month, video_gb=video_gb)
    without, with_it = (monthly_cost(usage, PRICES, replace(NO_HOP, instant_retrieval_after_days=d)) for d in (0, 7))
    assert without.total_usd <= with_it.total_usd * (1 + 1e-9)
    assert without.operating == with_it.operating


@given(gb=volumes, month=months, deployment=deployments)
def test_every_gb_day_is_in_one_class(gb: float, month: int, deployment: Deployment) -> None:
    lines = month_of(gb, month, deployment).storage.usd_by_service
    gb_months = (
        lines.get("S3 Standard", 0) / 0.023
        + lines.get("S3 Glacier Instant Retrieval", 0) / 0.004
        + lines.get("S3 Glacier Deep Archive", 0) / 0.00099
    )
    # All of the earlier months, and of this one each day's from that day on.
    assert gb_months == pytest.approx(gb * (month - 1) + gb / 30 * sum(range(1, 31)) / 30)


@pytest.mark.parametrize(
    "wrong",
    [
        {"alarms": -1},
        {"custom_metrics": -1},
        {"transfer_workers": 0},
        {"instant_retrieval_after_days": 14},
        {"deep_archive_after_days": 7},
    ],
)
def test_a_stack_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        replace(Deployment(), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"gb_per_month": -1}, {"month": 0}, {"video_gb": 0}, {"megabits_per_second": 0}])
def test_a_month_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        replace(MonthlyUsage(gb_per_month=1), **wrong)
