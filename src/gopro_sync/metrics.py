"""The metrics, written as lines of the log (CloudWatch's embedded metric format): no call, no permission, no cost."""

from __future__ import annotations

from typing import Final

from aws_lambda_powertools.metrics import MetricUnit, single_metric

NAMESPACE: Final = "GoProSync"
CREDENTIAL_EXPIRES_IN_HOURS: Final = "CredentialExpiresInHours"


def emit_credential_expires_in(hours: float, environment: str) -> None:
    """Tell for how many hours the credential will do at most.

    Args:
        hours: from now.
        environment: of the stack; the metric's one dimension.
    """
    # CloudWatch knows no unit of hours.
    with single_metric(
        namespace=NAMESPACE, name=CREDENTIAL_EXPIRES_IN_HOURS, unit=MetricUnit.Count, value=hours
    ) as metric:
        metric.add_dimension(name="Environment", value=environment)
