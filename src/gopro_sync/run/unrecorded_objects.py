"""Whether the bucket holds objects that the table does not know: the table was lost, or is older than the bucket.

Such a run would copy them again, so people are notified, and the log says so before anything is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.aws.answers import Service, answer_of
from gopro_sync.errors import GoProSyncError
from gopro_sync.telemetry.logs import EventType, logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from gopro_sync.table.video import Video

# Any sample shows that a table was lost; a request for each of a first run's thousands would take minutes.
_MOST_ASKED: Final = 20


def unrecorded_objects(s3: S3Client, *, bucket: str, videos: Sequence[Video]) -> dict[str, Any]:
    """Look for objects under the keys of some of the videos, and warn if there are any.

    This never fails: what cannot be checked stays unknown.

    Args:
        s3: an S3 client.
        bucket: where the videos are archived.
        videos: those for which the table knows no file.

    Returns:
        ``found_without_record``: how many of the checked keys hold an object; it becomes part of the run's
        summary.
    """
    asked = _spread(videos)
    try:
        found = sum(_is_there(s3, bucket, video.s3_key) for video in asked)
    except GoProSyncError as error:
        logger.warning(
            "Whether objects lie in the bucket without a record could not be asked",
            extra={"event_type": EventType.RECORDS_MISSING, "error_message": error.message},
        )
        return {"found_without_record": 0}
    if found:
        logger.warning(
            "Objects lie in the bucket whose records are missing: videos may be copied again. Run ./gopro-sync rebuild",
            extra={"event_type": EventType.RECORDS_MISSING, "found_without_record": found, "asked": len(asked)},
        )
    return {"found_without_record": found}


def _spread(videos: Sequence[Video]) -> list[Video]:
    """Return some videos of all ages: a restored table still has the old ones."""
    count = min(len(videos), _MOST_ASKED)
    return [videos[place * len(videos) // count] for place in range(count)]


def _is_there(s3: S3Client, bucket: str, key: str) -> bool:
    # The key itself comes first among those that begin with it. A HeadObject would need permission to read the videos.
    with answer_of(Service.S3, "ListObjectsV2"):
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        return any(item.get("Key") == key for item in answer.get("Contents", []))
