"""The metrics, written as log lines (CloudWatch's embedded metric format): no call, no permission.

Every metric has the dimension ``Environment``; ``SyncFailures`` is emitted a second time with ``ErrorType``, since an
alarm sees exactly one set of dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from gopro_sync.telemetry.json_lines import function_logger
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


# CloudWatch has no unit for hours, and none for money.
_UNITS: Final[Mapping[Metric, MetricUnit]] = {
    Metric.BYTES_TRANSFERRED: MetricUnit.Bytes,
    Metric.TRANSFER_DURATION: MetricUnit.Seconds,
    Metric.TRANSFER_THROUGHPUT: MetricUnit.MegabitsPerSecond,
    Metric.OLDEST_PENDING_AGE_HOURS: MetricUnit.NoUnit,
    Metric.CREDENTIAL_EXPIRES_IN_HOURS: MetricUnit.NoUnit,
    Metric.RUN_COST: MetricUnit.NoUnit,
}


def emit(metric: Metric, value: float, *, environment: str, error_type: str | None = None) -> None:
    """Emit one value.

    Args:
        metric: the metric.
        value: in the metric's unit.
        environment: that of the stack.
        error_type: the class name of an error, for a metric that is emitted by error.
    """
    unit = _UNITS.get(metric, MetricUnit.Count)
    with single_metric(namespace=NAMESPACE, name=metric, unit=unit, value=value) as line:
        line.add_dimension(name=ENVIRONMENT, value=environment)
        line.add_metadata(key="correlation_id", value=function_logger.get_correlation_id())
        if error_type is not None:
            line.add_dimension(name=ERROR_TYPE, value=error_type)


def emit_video_archived(size_bytes: int, duration_seconds: float, *, environment: str) -> None:
    """Emit the metrics of an archived video.

    Args:
        size_bytes: that of all its chapters.
        duration_seconds: how long all invocations for it took together.
        environment: that of the stack.
    """
    emit(Metric.VIDEOS_SYNCED, 1, environment=environment)
    emit(Metric.BYTES_TRANSFERRED, size_bytes, environment=environment)
    emit(Metric.TRANSFER_DURATION, duration_seconds, environment=environment)
    if duration_seconds > 0:
        rate = megabits_per_second(size_bytes, duration_seconds)
        emit(Metric.TRANSFER_THROUGHPUT, rate, environment=environment)


def emit_failures(failures: Mapping[str, int], *, environment: str) -> None:
    """Emit what failed in a run, in total and by error; a run without any failure emits a zero, which ends an alarm.

    Args:
        failures: the number of videos by the class name of their error; or the run's own error, once.
        environment: that of the stack.
    """
    emit(Metric.SYNC_FAILURES, sum(failures.values()), environment=environment)
    for error_type, count in failures.items():
        emit(Metric.SYNC_FAILURES, count, environment=environment, error_type=error_type)
