"""Read metrics as CloudWatch holds them, in small pieces that combine to any statistic of any period."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from local.cloud import Cloud

NAMESPACES: Final = ("GoProSync", "AWS/Lambda", "AWS/States", "AWS/SQS")
_STATISTICS: Final = ("Sum", "Minimum", "Maximum", "SampleCount")
# The class of an object as S3 lists it, and the StorageType under which S3's metrics count it.
_STORAGE_TYPES: Final = {
    "STANDARD": "StandardStorage",
    "GLACIER_IR": "GlacierInstantRetrievalStorage",
    "DEEP_ARCHIVE": "DeepArchiveStorage",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Values of one metric that were emitted within one second.

    Attributes:
        namespace: the metric's.
        name: the metric's.
        dimensions: its dimensions.
        at: seconds since the epoch.
        total: sum of the values.
        least: the smallest of them.
        most: the largest of them.
        count: how many there are.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    at: float
    total: float
    least: float
    most: float
    count: float = 1

    @classmethod
    def of_value(cls, namespace: str, name: str, dimensions: Mapping[str, str], at: float, value: float) -> Self:
        """Return the reading of one value."""
        return cls(namespace=namespace, name=name, dimensions=dimensions, at=at, total=value, least=value, most=value)


def statistic(readings: Sequence[Reading], name: str) -> float:
    """Return CloudWatch's statistic of that name over all values.

    Raises:
        KeyError: the statistic is unknown here.
    """
    total, count = sum(reading.total for reading in readings), sum(reading.count for reading in readings)
    known = {
        "Sum": total,
        "SampleCount": count,
        "Average": total / count,
        "Minimum": min(reading.least for reading in readings),
        "Maximum": max(reading.most for reading in readings),
    }
    return known[name]


def moved(readings: Iterable[Reading], *, began_at: float, to: float) -> list[Reading]:
    """Return the readings, shifted as if they had begun at another time."""
    return [replace(reading, at=reading.at - began_at + to) for reading in readings]


def read_metrics(cloud: Cloud, *, since: datetime, until: datetime) -> Iterator[Reading]:
    """Return everything emitted between the two moments, second by second."""
    client = cloud.client("cloudwatch")
    for namespace in NAMESPACES:
        for page in client.get_paginator("list_metrics").paginate(Namespace=namespace):
            for metric in page["Metrics"]:
                answer = client.get_metric_statistics(
                    Namespace=namespace,
                    MetricName=metric["MetricName"],
                    Dimensions=metric["Dimensions"],
                    StartTime=since,
                    EndTime=until,
                    Period=1,
                    Statistics=_STATISTICS,
                )
                yield from (_reading(metric, point) for point in answer["Datapoints"])


def read_storage(cloud: Cloud, *, at: float) -> Iterator[Reading]:
    """Return what S3 emits about the archive once a day on AWS; here it is computed from the bucket."""
    bucket = cloud.outputs["ArchiveBucketName"]
    sizes = dict.fromkeys(_STORAGE_TYPES.values(), 0)
    for page in cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            sizes[_STORAGE_TYPES[found.get("StorageClass", "STANDARD")]] += found["Size"]
    for storage_type, size_bytes in sizes.items():
        dimensions = {"BucketName": bucket, "StorageType": storage_type}
        yield Reading.of_value("AWS/S3", "BucketSizeBytes", dimensions, at, size_bytes)


def _reading(metric: Mapping[str, Any], point: Mapping[str, Any]) -> Reading:
    return Reading(
        namespace=metric["Namespace"],
        name=metric["MetricName"],
        dimensions={dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]},
        at=point["Timestamp"].timestamp(),
        total=point["Sum"],
        least=point["Minimum"],
        most=point["Maximum"],
        count=point["SampleCount"],
    )
