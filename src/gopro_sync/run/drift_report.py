"""How a change of GoPro's API is reported: one warning for each finding, and a metric that an alarm watches."""

from __future__ import annotations

from collections.abc import Collection

from gopro_sync.gopro.library.drift import DriftFinding
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.telemetry.metrics import Metric, emit


def report_drift(findings: Collection[DriftFinding], *, environment: str) -> None:
    """Report the findings; a report without any is sent too, and ends the alarm.

    Args:
        findings: what has changed.
        environment: that of the stack.
    """
    for finding in findings:
        logger.warning(
            "GoPro's API answered in a way that this version does not know: look for a newer release, or report it",
            extra={
                "event_type": EventType.API_DRIFT,
                "path": finding.path,
                "kind": finding.kind,
                "sample": finding.sample,
                "count": finding.count,
            },
        )
    emit(Metric.API_DRIFT, len(findings), environment=environment)
