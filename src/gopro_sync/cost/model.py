"""What the system costs on AWS: one run, and a month of runs with the storage that they fill. Pure arithmetic in USD.

Quantities follow from the design: states per video, requests per part, units per DynamoDB item. Where only an upper
bound is known, it is taken; the constants below say what is counted. A GB has 10^9 bytes; AWS bills storage by 2^30
bytes, so that storage is 7 % dearer here than on the bill. A month has 30 days and, with the default schedule, 30 runs.

Not included: taxes, restoring videos, a NAT gateway (only with a VPC), and retries, which are rare. Data into AWS, and
between Lambda and S3 in one region, is free.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from gopro_sync.archive.part_plan import MIB, PartLimits, plan_aligned_parts, plan_parts
from gopro_sync.cost.prices import Charge, Prices
from gopro_sync.values.transfer_rate import seconds_on_the_line

DAYS_PER_MONTH: Final = 30
RUNS_PER_MONTH: Final = 30
BYTES_PER_GB: Final = 10**9

# Measured (docs/performance.md), with the source's ETag verified.
CPU_SECONDS_PER_GB: Final = 2.2
# A function gets processor time by its memory: a whole vCPU at 1,769 MB.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MEGABYTES_PER_VCPU: Final = 1769
# The least that the specification requires.
DEFAULT_MEGABITS_PER_SECOND: Final = 50.0

# --- Lambda: memory as in template.yaml; seconds with cold start, at the vCPU share of that memory.
AUTHENTICATOR_MEGABYTES: Final = 256
LISTER_MEGABYTES: Final = 512
DOWNLOADER_MEGABYTES: Final = 512
_AUTHENTICATOR_SECONDS: Final = 3.0
_LISTER_SECONDS: Final = 8.0  # with the report at the end
_LISTER_SECONDS_PER_ITEM: Final = 0.01  # a page of 100 a second
_DOWNLOADER_SECONDS_PER_CALL: Final = 3.0
_LONGEST_CALL_SECONDS: Final = 840.0  # the function stops itself ahead of its 900
_CALLS_PER_RUN: Final = 3  # authenticator, lister, the report by the lister

# --- Step Functions: the states that are entered, and one for the start of each execution.
# A distributed Map is charged one for every child:
# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html
TRANSITIONS_PER_RUN: Final = 10
TRANSITIONS_PER_VIDEO: Final = 5
_TRANSITIONS_PER_FURTHER_CALL: Final = 2  # DownloadVideo, IsTransferComplete?
# Start, IsTimeLeft?, four attempts, WhatFailed?, MarkVideoFailed, SendToDeadLetterQueue, VideoFailed.
_TRANSITIONS_PER_FAILED_VIDEO: Final = 10
_CALLS_PER_FAILED_VIDEO: Final = 4

# --- DynamoDB: an item has 1 KB when it is new and up to 2 KB later. The index by status holds a copy once a run has
# worked on the video: a change of status or time removes the old entry and adds a new one.
# The records that keep sessions and chains of runs apart, those of the library's owner, ETags and reported gaps, and
# the budget of requests for twenty pages of a listing.
_WRITES_PER_RUN: Final = 2 + 2 + 4 + 20
_WRITES_PER_VIDEO: Final = 2 + 4 + 1 + 6  # add_pending (in a transaction: double), claim, request budget, complete
# save_progress: upload opened, its checksum known, chapter done; knowledge of the library's ETags: read, written.
_WRITES_PER_FILE: Final = 4 + 4 + 4 + 2
# The claim, and what the previous call recorded about its parts: some 5 KB of checksums and MD5s, also in later writes.
_WRITES_PER_FURTHER_CALL: Final = 6 + 2 * 15
_WRITES_PER_FAILED_VIDEO: Final = 2 + 4 * (6 + 1) + 6  # add_pending, four claims and requests, MarkVideoFailed
# BatchGetItem, of up to 4 KB; the scan that looks for what is gone; and the scan that counts all videos. All of them
# are strongly consistent.
_READS_PER_LOOKUP: Final = 1 + 2 / 4 + 2 / 4
_RECORD_BYTES: Final = 4000  # with its copy in the index

# --- S3
_PUTS_PER_RUN: Final = 2  # the manifest, the summary
_GETS_PER_RUN: Final = 1
_PUTS_PER_MULTIPART_FILE: Final = 3  # ListMultipartUploads, CreateMultipartUpload, CompleteMultipartUpload
_PUTS_PER_FURTHER_CALL: Final = 2  # ListParts, at the end of one call and the beginning of the next
_GETS_PER_FILE: Final = 1  # HeadObject
# Our parts hold whole parts of the source where its ETag is compared. The smaller ones that were seen at GoPro make
# parts of 40 MiB; at worst (26 MiB) there are twice as many as with 50 MiB.
_SOURCE_PART_BYTES: Final = 20 * MIB

# --- The rest: upper bounds. Data keys are cached: by S3 (bucket key), by DynamoDB, by CloudWatch Logs.
_KEY_REQUESTS_PER_RUN: Final = 50
_KEY_REQUESTS_PER_CALL: Final = 10
_LOG_BYTES_PER_RUN: Final = 60_000
_LOG_BYTES_PER_CALL: Final = 25_000  # with the events of its states
_QUERIES_PER_MONTH: Final = 30  # each over all of the month's logs

# --- CloudTrail: files for the regions that every account has, each hour's digest in all of them, and a log file every
# five minutes in the one where the runs are. Kept for a year (template.yaml).
_TRAIL_REGIONS: Final = 17
_TRAIL_FILES_PER_MONTH: Final = (_TRAIL_REGIONS + 12) * 24 * DAYS_PER_MONTH
_TRAIL_FILE_BYTES: Final = 5000
_TRAIL_MONTHS_KEPT: Final = 12
_LOOKUPS_PER_CALL: Final = 100  # BatchGetItem's limit

# Charged to an object that stays for less:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html
_INSTANT_RETRIEVAL_LEAST_DAYS: Final = 90
_KEY_ROTATIONS_CHARGED: Final = 2

STORAGE_CHARGES: Final = frozenset(
    {
        Charge.S3_STANDARD,
        Charge.S3_INSTANT_RETRIEVAL,
        Charge.S3_INSTANT_RETRIEVAL_EARLY,
        Charge.S3_DEEP_ARCHIVE,
        Charge.S3_TO_INSTANT_RETRIEVAL,
        Charge.S3_TO_DEEP_ARCHIVE,
    }
)

Quantities = Mapping[Charge, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The properties of the stack that decide its cost; the defaults are those of template.yaml.

    Attributes:
        architecture: processor of the functions.
        transfer_workers: connections per video, which determine the number of parts.
        concurrent_downloads: videos at a time.
        instant_retrieval_after_days: 0 skips Glacier Instant Retrieval.
        deep_archive_after_days: when videos move to Deep Archive.
        key_rotation_days: how often KMS creates new key material; each of the first two times adds a permanent charge.
        audits_calls: whether CloudTrail is on.
        has_other_trail: whether the account pays for a second copy of its management events.
        custom_metrics: how many series the functions send; each combination of dimensions is one.
        alarms: how many metrics the alarms watch.
        paid_dashboards: dashboards beyond the three that every account has free.

    Raises:
        ValueError: a negative number, or Deep Archive does not come after Glacier Instant Retrieval.
    """

    architecture: Literal["x86_64", "arm64"] = "x86_64"
    transfer_workers: int = 8
    concurrent_downloads: int = 5
    instant_retrieval_after_days: int = 7
    deep_archive_after_days: int = 14
    key_rotation_days: int = 2560
    audits_calls: bool = True
    has_other_trail: bool = False
    custom_metrics: int = 21
    alarms: int = 21
    paid_dashboards: int = 0

    def __post_init__(self) -> None:
        if min(self.instant_retrieval_after_days, self.custom_metrics, self.alarms, self.paid_dashboards) < 0:
            raise ValueError("days and counts must not be negative")
        if min(self.transfer_workers, self.concurrent_downloads, self.key_rotation_days) < 1:
            raise ValueError("there must be at least one worker, one download and one day between two rotations")
        if self.deep_archive_after_days <= self.instant_retrieval_after_days:
            raise ValueError("Deep Archive must come after Glacier Instant Retrieval")

    @property
    def lambda_charge(self) -> Charge:
        """Which price of a GB-second applies."""
        return Charge.LAMBDA_ARM64 if self.architecture == "arm64" else Charge.LAMBDA_X86_64


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUsage:
    """What one run did, according to its summary.

    Attributes:
        library_items: media items that GoPro listed; each is looked up in the tracker.
        videos_archived: videos that are in S3 now.
        videos_failed: videos that are marked as FAILED.
        videos_deferred: videos that were left to the next run, begun or not.
        bytes_transferred: what was sent to S3.
        downloader_seconds: total time of all calls of the downloader (``transfer_seconds`` estimates it).
        duration_seconds: time of the whole run; custom metrics are charged by the hours in which they are sent.
    """

    library_items: int
    videos_archived: int
    videos_failed: int = 0
    videos_deferred: int = 0
    bytes_transferred: int
    downloader_seconds: float
    duration_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyUsage:
    """A month of an archive that grows by the same volume every month.

    Attributes:
        gb_per_month: what GoPro gets in a month, in GB.
        month: which month since the first run, from 1.
        video_gb: size of a video.
        files_per_video: chapters of a video.
        megabits_per_second: how fast one video is copied.

    Raises:
        ValueError: an impossible number.
    """

    gb_per_month: float
    month: int = 1
    video_gb: float = 1.0
    files_per_video: int = 1
    megabits_per_second: float = DEFAULT_MEGABITS_PER_SECOND

    def __post_init__(self) -> None:
        if self.gb_per_month < 0 or not math.isfinite(self.gb_per_month):
            raise ValueError("the volume must not be negative")
        if self.month < 1 or self.files_per_video < 1 or self.video_gb <= 0 or self.megabits_per_second <= 0:
            raise ValueError("month, files, size and speed must be more than zero")

    @property
    def videos(self) -> float:
        """Videos in a month; a fraction where the volume is not a whole number of videos."""
        return self.gb_per_month / self.video_gb


@dataclass(frozen=True, slots=True)
class CostLines:
    """A bill: US dollars by service.

    Attributes:
        usd_by_service: in the order of ``prices.json``; services that cost nothing are left out.
    """

    usd_by_service: Mapping[str, float]

    @property
    def total_usd(self) -> float:
        """The sum of the lines."""
        return math.fsum(self.usd_by_service.values())

    def as_record(self, digits: int = 4) -> dict[str, float]:
        """Return the lines and ``total``, rounded, for a log line or a summary."""
        lines = {service: round(usd, digits) for service, usd in self.usd_by_service.items()}
        return lines | {"total": round(self.total_usd, digits)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyCost:
    """The bill of one month.

    Attributes:
        operating: what it costs to run the system.
        storage: what the videos cost where they lie, and to move from class to class.
        stored_gb: what is archived at the end of the month.
    """

    operating: CostLines
    storage: CostLines
    stored_gb: float

    @property
    def total_usd(self) -> float:
        """Operating and storage together."""
        return self.operating.total_usd + self.storage.total_usd


def transfer_seconds(size_gb: float, *, megabits_per_second: float = DEFAULT_MEGABITS_PER_SECOND) -> float:
    """Return how long the downloader copies this many GB: the slower of line and processor decides."""
    on_the_line = seconds_on_the_line(BYTES_PER_GB, megabits_per_second)
    in_the_processor = CPU_SECONDS_PER_GB * MEGABYTES_PER_VCPU / DOWNLOADER_MEGABYTES
    return size_gb * max(on_the_line, in_the_processor)


def expected_usage(*, library_items: int, videos: int, size_bytes: int) -> RunUsage:
    """Return what a run is expected to use, if it archives everything on a line of 50 Mbit/s a video.

    Args:
        library_items: media items that GoPro lists.
        videos: how many it archives.
        size_bytes: their total size.
    """
    seconds = transfer_seconds(size_bytes / BYTES_PER_GB) + videos * _DOWNLOADER_SECONDS_PER_CALL
    return RunUsage(
        library_items=library_items,
        videos_archived=videos,
        bytes_transferred=size_bytes,
        downloader_seconds=seconds,
        duration_seconds=seconds / Deployment().concurrent_downloads,
    )


def deep_archive_usd_per_month(size_bytes: int, prices: Prices) -> float:
    """Return what this many bytes cost each month, once they are in Deep Archive."""
    return prices[Charge.S3_DEEP_ARCHIVE].cost_usd(size_bytes / BYTES_PER_GB)


def cost_of_run(usage: RunUsage, prices: Prices, deployment: Deployment | None = None) -> CostLines:
    """Return what this run cost: everything that would not be on the bill without it, so no storage or monthly fees.

    Args:
        usage: what the run did.
        prices: from ``load_prices``; free tiers are not counted.
        deployment: the stack; the default one if None.
    """
    videos = usage.videos_archived + usage.videos_deferred
    work = _Work(
        runs=1,
        videos=videos,
        failed_videos=usage.videos_failed,
        further_calls=usage.downloader_seconds // _LONGEST_CALL_SECONDS,
        files=videos,  # a run is not asked for its chapters: most videos are one file
        file_bytes=usage.bytes_transferred // videos if videos else 0,
        downloader_seconds=usage.downloader_seconds,
        lookups=usage.library_items,
        hours=_clock_hours(usage.duration_seconds),
    )
    return price(_quantities_of_work(work, deployment or Deployment()), prices)


def monthly_cost(
    usage: MonthlyUsage, prices: Prices, deployment: Deployment | None = None, *, free_tier: bool = False
) -> MonthlyCost:
    """Return the bill of one month.

    Args:
        usage: what is archived, and which month it is.
        prices: from ``load_prices``.
        deployment: the stack; the default one if None.
        free_tier: whether the account's permanent free tiers are all available to this system.
    """
    stack = deployment or Deployment()
    work = _work_of_month(usage, stack)
    requests = _quantities_of_work(work, stack)
    quantities = _sum(requests, _standing_quantities(usage, stack, requests), _storage_quantities(usage, stack))
    operating = {charge: quantity for charge, quantity in quantities.items() if charge not in STORAGE_CHARGES}
    storage = {charge: quantity for charge, quantity in quantities.items() if charge in STORAGE_CHARGES}
    return MonthlyCost(
        operating=price(operating, prices, free_tier=free_tier),
        storage=price(storage, prices, free_tier=free_tier),
        stored_gb=usage.gb_per_month * usage.month,
    )


def price(quantities: Quantities, prices: Prices, *, free_tier: bool = False) -> CostLines:
    """Return what the quantities cost, by service."""
    lines: defaultdict[str, float] = defaultdict(float)
    for charge, listed in prices.items():
        cost = listed.cost_usd(quantities.get(charge, 0.0), free_tier=free_tier)
        if cost > 0:
            lines[listed.service] += cost
    return CostLines(MappingProxyType(dict(lines)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What was done, in one run or in a month of runs."""

    runs: int
    videos: float
    failed_videos: int
    further_calls: float
    files: float
    file_bytes: int
    downloader_seconds: float
    lookups: float
    hours: int


def _work_of_month(usage: MonthlyUsage, stack: Deployment) -> _Work:
    seconds = transfer_seconds(usage.video_gb, megabits_per_second=usage.megabits_per_second)
    further_calls_per_video = math.ceil(seconds / _LONGEST_CALL_SECONDS) - 1
    seconds += (1 + further_calls_per_video) * _DOWNLOADER_SECONDS_PER_CALL
    seconds_per_run = usage.videos * seconds / RUNS_PER_MONTH / stack.concurrent_downloads
    library = usage.videos * (usage.month - 0.5)  # its size in the middle of the month
    return _Work(
        runs=RUNS_PER_MONTH,
        videos=usage.videos,
        failed_videos=0,
        further_calls=usage.videos * further_calls_per_video,
        files=usage.videos * usage.files_per_video,
        file_bytes=round(usage.video_gb * BYTES_PER_GB / usage.files_per_video),
        downloader_seconds=usage.videos * seconds,
        lookups=library * RUNS_PER_MONTH,
        hours=_clock_hours(seconds_per_run) * RUNS_PER_MONTH,
    )


def _clock_hours(duration_seconds: float) -> int:
    # The default schedule starts at a full hour.
    return max(1, math.ceil(duration_seconds / 3600))


def _quantities_of_work(work: _Work, stack: Deployment) -> Quantities:
    calls = work.videos + work.further_calls + work.failed_videos * _CALLS_PER_FAILED_VIDEO
    puts_per_file = _puts_per_file(work.file_bytes, stack.transfer_workers)
    puts = work.runs * _PUTS_PER_RUN + work.files * puts_per_file + work.further_calls * _PUTS_PER_FURTHER_CALL
    gets = work.runs * _GETS_PER_RUN + work.files * _GETS_PER_FILE
    writes = (
        work.runs * _WRITES_PER_RUN
        + work.videos * _WRITES_PER_VIDEO
        + work.files * _WRITES_PER_FILE
        + work.further_calls * _WRITES_PER_FURTHER_CALL
        + work.failed_videos * _WRITES_PER_FAILED_VIDEO
    )
    invocations = work.runs * _CALLS_PER_RUN + calls
    # Each call to S3, the table or a function is one event. Some calls cost more than one unit of writing.
    data_events = puts + gets + writes + work.lookups / _LOOKUPS_PER_CALL + invocations
    log_gb = (work.runs * _LOG_BYTES_PER_RUN + calls * _LOG_BYTES_PER_CALL) / BYTES_PER_GB
    return {
        stack.lambda_charge: _gb_seconds(work),
        Charge.LAMBDA_REQUESTS: invocations,
        Charge.STATE_TRANSITIONS: work.runs * TRANSITIONS_PER_RUN
        + work.videos * TRANSITIONS_PER_VIDEO
        + work.further_calls * _TRANSITIONS_PER_FURTHER_CALL
        + work.failed_videos * _TRANSITIONS_PER_FAILED_VIDEO,
        Charge.DYNAMODB_WRITES: writes,
        Charge.DYNAMODB_READS: work.lookups * _READS_PER_LOOKUP,
        Charge.S3_PUTS: puts,
        Charge.S3_GETS: gets,
        Charge.KMS_REQUESTS: work.runs * _KEY_REQUESTS_PER_RUN + calls * _KEY_REQUESTS_PER_CALL,
        Charge.SECRETS_REQUESTS: invocations,
        Charge.LOGS_INGESTED: log_gb,
        Charge.LOGS_STORED: log_gb,  # for about a month
        Charge.XRAY_TRACES: work.runs + calls,
        Charge.SQS_REQUESTS: work.failed_videos,
        Charge.SNS_EMAILS: work.runs if work.failed_videos else 0,
        Charge.SCHEDULE_STARTS: work.runs,
        Charge.CUSTOM_METRICS: stack.custom_metrics * work.hours / (24 * DAYS_PER_MONTH),
        Charge.CLOUDTRAIL_DATA_EVENTS: data_events if stack.audits_calls else 0,
    }


def _gb_seconds(work: _Work) -> float:
    authenticator = work.runs * _AUTHENTICATOR_SECONDS * AUTHENTICATOR_MEGABYTES
    lister = (work.runs * _LISTER_SECONDS + work.lookups * _LISTER_SECONDS_PER_ITEM) * LISTER_MEGABYTES
    return (authenticator + lister + work.downloader_seconds * DOWNLOADER_MEGABYTES) / 1024


def _puts_per_file(size_bytes: int, workers: int) -> int:
    limits = PartLimits()
    if size_bytes <= limits.multipart_threshold_bytes:
        return 1
    plan = plan_aligned_parts(size_bytes, source_part_bytes=_SOURCE_PART_BYTES, workers=workers, limits=limits)
    plan = plan or plan_parts(size_bytes, workers=workers, limits=limits)
    return _PUTS_PER_MULTIPART_FILE + plan.part_count


def _standing_quantities(usage: MonthlyUsage, stack: Deployment, requests: Quantities) -> Quantities:
    """Return what is charged by the month, whether or not there is anything to do."""
    days_before = (usage.month - 1) * DAYS_PER_MONTH
    rotations = min(days_before // stack.key_rotation_days, _KEY_ROTATIONS_CHARGED)
    table_gb = usage.videos * usage.month * _RECORD_BYTES / BYTES_PER_GB
    quantities: dict[Charge, float] = {
        Charge.KMS_KEYS: 1 + rotations,
        Charge.SECRETS: 1,
        Charge.ALARMS: stack.alarms,
        Charge.DASHBOARDS: stack.paid_dashboards,
        Charge.DYNAMODB_STORAGE: table_gb,
        Charge.DYNAMODB_RECOVERY: table_gb,
        Charge.LOGS_QUERIED: requests[Charge.LOGS_INGESTED] * _QUERIES_PER_MONTH,
    }
    if stack.audits_calls:
        management_events = _TRAIL_FILES_PER_MONTH + requests[Charge.KMS_REQUESTS] + requests[Charge.SECRETS_REQUESTS]
        trail_gb = _TRAIL_FILES_PER_MONTH * _TRAIL_FILE_BYTES / BYTES_PER_GB
        quantities |= {
            Charge.CLOUDTRAIL_PUTS: _TRAIL_FILES_PER_MONTH,
            Charge.KMS_REQUESTS: _TRAIL_FILES_PER_MONTH,
            Charge.CLOUDTRAIL_STORAGE: trail_gb * min(usage.month, _TRAIL_MONTHS_KEPT),
            # What this system causes; the trail also records the rest of the account.
            Charge.CLOUDTRAIL_SECOND_COPIES: management_events if stack.has_other_trail else 0,
        }
    return quantities


def _storage_quantities(usage: MonthlyUsage, stack: Deployment) -> Quantities:
    gb_per_day = usage.gb_per_month / DAYS_PER_MONTH
    objects_per_gb = usage.files_per_video / usage.video_gb
    hop, deep = stack.instant_retrieval_after_days, stack.deep_archive_after_days
    end_of_standard = hop or deep

    def gb_months(first_age: int, end_age: int) -> float:
        return gb_per_day * sum(_days_at_age(age, usage.month) for age in range(first_age, end_age)) / DAYS_PER_MONTH

    def gb_that_reach(age: int) -> float:
        return gb_per_day * _days_at_age(age, usage.month)

    quantities = {
        Charge.S3_STANDARD: gb_months(0, end_of_standard),
        Charge.S3_DEEP_ARCHIVE: gb_months(deep, usage.month * DAYS_PER_MONTH),
        Charge.S3_TO_DEEP_ARCHIVE: gb_that_reach(deep) * objects_per_gb,
    }
    if hop:
        days_short = max(0, _INSTANT_RETRIEVAL_LEAST_DAYS - (deep - hop))
        quantities |= {
            Charge.S3_INSTANT_RETRIEVAL: gb_months(hop, deep),
            Charge.S3_INSTANT_RETRIEVAL_EARLY: gb_that_reach(deep) * days_short / DAYS_PER_MONTH,
            Charge.S3_TO_INSTANT_RETRIEVAL: gb_that_reach(hop) * objects_per_gb,
        }
    return quantities


def _days_at_age(age: int, month: int) -> int:
    """Return on how many days of the month a day's worth of videos is ``age`` days old."""
    return min(max(month * DAYS_PER_MONTH - age, 0), DAYS_PER_MONTH)


def _sum(*parts: Quantities) -> Quantities:
    whole: defaultdict[Charge, float] = defaultdict(float)
    for part in parts:
        for charge, quantity in part.items():
            whole[charge] += quantity
    return whole
