"""SQS's own metric of how many messages wait, which the engine as published never emits.

AWS emits it every minute; here it is emitted whenever somebody reads metrics or alarms.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

from typing import Any

from ministack.services import cloudwatch, sqs

from local.engine.patching import replace

_NAMESPACE = "AWS/SQS"
_METRIC = "ApproximateNumberOfMessagesVisible"


def apply() -> None:
    """Emit the metric before anybody reads it."""
    stock_evaluate = cloudwatch._evaluate_all_alarms
    stock_list = cloudwatch._list_metrics

    def evaluate() -> None:
        _emit()
        stock_evaluate()

    def list_metrics(*arguments: Any, **named: Any) -> Any:
        _emit()
        return stock_list(*arguments, **named)

    replace(cloudwatch, "_evaluate_all_alarms", evaluate)
    replace(cloudwatch, "_list_metrics", list_metrics)


def _emit() -> None:
    for queue in list(sqs._queues.values()):
        sqs._refresh_counts(queue)
        waiting = int(queue["attributes"]["ApproximateNumberOfMessages"])
        cloudwatch.record_metric(_NAMESPACE, _METRIC, waiting, "Count", {"QueueName": queue["name"]})
