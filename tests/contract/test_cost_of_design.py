"""What the cost model counts is what is deployed: states, memory, defaults. The counts per request are its own."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gates.template import Stack, resource, resources_of, state_machine, template
from gopro_sync.cost import model as cost
from gopro_sync.cost.model import Deployment, MonthlyUsage, monthly_cost
from gopro_sync.cost.prices import load_prices
from local.engine.alarm_rule import AlarmRule


def path_length(machine: dict[str, Any], choices: dict[str, str]) -> int:
    """How many states a successful execution enters; ``choices`` says which way a Choice state goes."""
    entered, name = 1, machine["StartAt"]
    while following := choices.get(name) or machine["States"][name].get("Next"):
        entered, name = entered + 1, following
    return entered


def test_transitions_are_the_states_of_a_run_and_of_a_video_and_the_start_of_each() -> None:
    run = state_machine()
    video = run["States"]["DownloadVideos"]["ItemProcessor"]
    with_videos = {
        "CheckNewVideos": "DownloadVideos",
        "IsRunBlocked?": "ReportRun",
        "CheckForFailures": "SyncComplete",
    }
    assert path_length(run, with_videos) + 1 == cost.TRANSITIONS_PER_RUN
    assert path_length(run, with_videos | {"CheckNewVideos": "NoNewVideos"}) + 1 == cost.TRANSITIONS_PER_RUN
    assert (
        path_length(video, {"IsTimeLeft?": "DownloadVideo", "IsTransferComplete?": "MarkVideoComplete"}) + 1
        == cost.TRANSITIONS_PER_VIDEO
    )


@pytest.mark.parametrize(
    ("function", "megabytes"),
    [
        ("Authenticator", cost.AUTHENTICATOR_MEGABYTES),
        ("MediaLister", cost.LISTER_MEGABYTES),
        ("VideoDownloader", cost.DOWNLOADER_MEGABYTES),
    ],
)
def test_the_functions_have_the_memory_that_is_paid_for(function: str, megabytes: int) -> None:
    assert template()["Mappings"]["FunctionLimits"][function]["MemoryMegabytes"] == megabytes


@pytest.mark.parametrize(
    ("parameter", "assumed"),
    [
        ("Architecture", Deployment().architecture),
        ("TransferWorkers", Deployment().transfer_workers),
        ("MaxConcurrentDownloads", Deployment().concurrent_downloads),
        ("GlacierInstantRetrievalAfterDays", Deployment().instant_retrieval_after_days),
        ("DeepArchiveAfterDays", Deployment().deep_archive_after_days),
        ("EnableCloudTrail", str(Deployment().audits_calls).lower()),
        ("ScheduleExpression", "cron(0 1 * * ? *)"),  # thirty runs a month, each from a full hour on
    ],
)
def test_the_defaults_are_those_of_the_template(parameter: str, assumed: object) -> None:
    assert template()["Parameters"][parameter]["Default"] == assumed


def test_the_template_says_what_skipping_glacier_instant_retrieval_saves_as_the_model_has_it() -> None:
    usage, prices = MonthlyUsage(gb_per_month=100, month=12), load_prices()
    with_it, without = (
        monthly_cost(usage, prices, stack).total_usd
        for stack in (Deployment(), Deployment(instant_retrieval_after_days=0))
    )
    description = template()["Parameters"]["GlacierInstantRetrievalAfterDays"]["Description"]
    assert re.findall(r"(\d+\.\d\d) USD", description) == [f"{with_it - without:.2f}"]


def test_what_is_charged_by_the_month_whatever_happens_is_in_the_model() -> None:
    kinds = [item["Type"] for item in template()["Resources"].values()]
    assert kinds.count("AWS::KMS::Key") == 1
    assert kinds.count("AWS::SecretsManager::Secret") == 1
    assert resource("EncryptionKey")["EnableKeyRotation"] is True
    # An alarm on metric math is charged for each metric that it looks at. https://aws.amazon.com/cloudwatch/pricing/
    alarms = resources_of("AWS::CloudWatch::Alarm").values()
    assert sum(len(AlarmRule.from_properties(Stack().resolve(a)).metrics) for a in alarms) == Deployment().alarms
    assert kinds.count("AWS::CloudWatch::Dashboard") <= 3  # free in every account
    # Nothing else that costs by the hour, even when idle.
    assert not {kind for kind in kinds if kind.startswith(("AWS::EC2::", "AWS::RDS::", "AWS::ElastiCache::"))}
