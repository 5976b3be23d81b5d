"""The metrics, written as lines of the log (CloudWatch's embedded metric format): no call, no permission.

Every metric has the dimension ``Environment``; ``SyncFailures`` is told a second time with ``ErrorType``, since an
alarm sees exactly one set of dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from gopro_sync.telemetry.logs import logger
from gopro_sync.values.transfer_rate import megabits_per_second

NAMESPACE: Final = "GoProSync"
ENVIRONMENT: Final = "Environment"
ERROR_TYPE: Final = "ErrorType"


@unique
class Metric(StrEnum):
    """Every metric of this system."""

    VIDEOS_SYNCED = "VideosSynced"
    SYNC_FAILURES = "SyncFailures"
    BYTES_TRANSFERRED = "BytesTransferred"
    TRANSFER_DURATION = "TransferDuration"
    TRANSFER_THROUGHPUT = "TransferThroughput"
    AUTHENTICATION_SUCCESS = "AuthenticationSuccess"
    AUTHENTICATION_FAILURE = "AuthenticationFailure"
    VIDEOS_PENDING = "VideosPending"
    OLDEST_PENDING_AGE_HOURS = "OldestPendingAgeHours"
    CREDENTIAL_EXPIRES_IN_HOURS = "CredentialExpiresInHours"
    RUN_COMPLETED = "RunCompleted"
    RUN_PARTIAL = "RunPartial"
    RUN_COST = "RunCost"
    DEPLOYED = "Deployed"
    API_DRIFT = "ApiDrift"


# CloudWatch knows no unit of hours, and none of money.
_UNITS: Final[Mapping[Metric, MetricUnit]] = {
    Metric.BYTES_TRANSFERRED: MetricUnit.Bytes,
    Metric.TRANSFER_DURATION: MetricUnit.Seconds,
    Metric.TRANSFER_THROUGHPUT: MetricUnit.MegabitsPerSecond,
    Metric.OLDEST_PENDING_AGE_HOURS: MetricUnit.NoUnit,
    Metric.CREDENTIAL_EXPIRES_IN_HOURS: MetricUnit.NoUnit,
    Metric.RUN_COST: MetricUnit.NoUnit,
}


def emit(metric: Metric, value: float, *, environment: str, error_type: str | None = None) -> None:
    """Tell one value.

    Args:
        metric: which.
        value: in the metric's unit.
        environment: of the stack.
        error_type: the class name of an error, where the metric is told by error.
    """
    unit = _UNITS.get(metric, MetricUnit.Count)
    with single_metric(namespace=NAMESPACE, name=metric, unit=unit, value=value) as line:
        line.add_dimension(name=ENVIRONMENT, value=environment)
        line.add_metadata(key="correlation_id", value=logger.get_correlation_id())
        if error_type is not None:
            line.add_dimension(name=ERROR_TYPE, value=error_type)


def emit_video_archived(size_bytes: int, duration_seconds: float, *, environment: str) -> None:
    """Tell that a video was archived.

    Args:
        size_bytes: of all its chapters.
        duration_seconds: what all invocations took for it together.
        environment: of the stack.
    """
    emit(Metric.VIDEOS_SYNCED, 1, environment=environment)
    emit(Metric.BYTES_TRANSFERRED, size_bytes, environment=environment)
    emit(Metric.TRANSFER_DURATION, duration_seconds, environment=environment)
    if duration_seconds > 0:
        rate = megabits_per_second(size_bytes, duration_seconds)
        emit(Metric.TRANSFER_THROUGHPUT, rate, environment=environment)


def emit_failures(failures: Mapping[str, int], *, environment: str) -> None:
    """Tell what failed in a run, in all and by error; a run without any failure tells a zero, which ends an alarm.

    Args:
        failures: the number of videos by the class name of their error; or the run's own error, once.
        environment: of the stack.
    """
    emit(Metric.SYNC_FAILURES, sum(failures.values()), environment=environment)
    for error_type, count in failures.items():
        emit(Metric.SYNC_FAILURES, count, environment=environment, error_type=error_type)
