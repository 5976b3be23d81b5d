"""The stack's settings for the functions: environment variables, read once into one frozen, validated object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gopro_sync.errors import ConfigurationError
from gopro_sync.values.outside_values import whole_number_or_none, zoned_moment_or_none

VARIABLE_NAMES: Final = frozenset(
    {
        "ENVIRONMENT",
        "CREDENTIALS_SECRET_ID",
        "TRACKER_TABLE_NAME",
        "ARCHIVE_BUCKET_NAME",
        "GOPRO_API_BASE_URL",
        "MAX_VIDEOS_PER_RUN",
        "NOT_READY_AFTER_DAYS",
        "RUN_TIME_SECONDS",
        "GOPRO_REQUESTS_PER_MINUTE",
        "TRANSFER_WORKERS",
        "VERIFY_SOURCE_ETAG",
        "ALERTS_TOPIC_ARN",
        "ALERTS_GO_TO",
    }
)
NOBODY: Final = "nobody"
ALERT_CHANNELS: Final = (NOBODY, "e-mail", "Slack", "e-mail and Slack")

# An empty one sets no bound. The names are those of the filters in a run's input.
FILTER_NAMES: Final = {
    "MEDIA_TYPES": "media_types",
    "UPLOADED_SINCE": "uploaded_since",
    "UPLOADED_UNTIL": "uploaded_until",
    "CAPTURED_SINCE": "captured_since",
    "CAPTURED_UNTIL": "captured_until",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The functions' configuration, as ``template.yaml`` sets it.

    Attributes:
        filters: which videos to archive, spelled as in a run's input (`selection.py`); unset ones are left out.
        alerts_go_to: the channel that alerts go to, one of ``ALERT_CHANNELS``.
    """

    environment: str
    credentials_secret_id: str
    tracker_table_name: str
    archive_bucket_name: str
    gopro_api_base_url: str
    max_videos_per_run: int
    not_ready_after_days: int
    run_time_seconds: int
    gopro_requests_per_minute: int
    filters: Mapping[str, str | list[str]]
    transfer_workers: int
    verify_source_etag: bool
    alerts_topic_arn: str
    alerts_go_to: str


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read all settings, and report everything that is wrong with them at once.

    Args:
        environ: the process environment.

    Raises:
        ConfigurationError: names every variable that is missing, empty or malformed.
    """
    missing = sorted(name for name in VARIABLE_NAMES if not environ.get(name, "").strip())
    if missing:
        raise ConfigurationError(f"These environment variables are not set: {', '.join(missing)}")
    return Settings(
        environment=environ["ENVIRONMENT"],
        credentials_secret_id=environ["CREDENTIALS_SECRET_ID"],
        tracker_table_name=environ["TRACKER_TABLE_NAME"],
        archive_bucket_name=environ["ARCHIVE_BUCKET_NAME"],
        gopro_api_base_url=environ["GOPRO_API_BASE_URL"].rstrip("/"),
        max_videos_per_run=_whole_number(environ, "MAX_VIDEOS_PER_RUN", lowest=1, highest=1000),
        not_ready_after_days=_whole_number(environ, "NOT_READY_AFTER_DAYS", lowest=1, highest=365),
        run_time_seconds=_whole_number(environ, "RUN_TIME_SECONDS", lowest=60, highest=6900),
        gopro_requests_per_minute=_whole_number(environ, "GOPRO_REQUESTS_PER_MINUTE", lowest=20, highest=60000),
        filters=_filters(environ),
        transfer_workers=_whole_number(environ, "TRANSFER_WORKERS", lowest=1, highest=16),
        verify_source_etag=_true_or_false(environ, "VERIFY_SOURCE_ETAG"),
        alerts_topic_arn=environ["ALERTS_TOPIC_ARN"],
        alerts_go_to=_one_of(environ, "ALERTS_GO_TO", ALERT_CHANNELS),
    )


def _filters(environ: Mapping[str, str]) -> dict[str, str | list[str]]:
    filters: dict[str, str | list[str]] = {}
    for variable, name in FILTER_NAMES.items():
        value = environ.get(variable, "").strip()
        if not value:
            continue
        if variable == "MEDIA_TYPES":
            filters[name] = [media_type.strip() for media_type in value.split(",") if media_type.strip()]
            continue
        if zoned_moment_or_none(value) is None:
            raise ConfigurationError(
                f"The environment variable {variable} is {value!r}, not an ISO 8601 time with a zone"
            )
        filters[name] = value
    return filters


def _true_or_false(environ: Mapping[str, str], name: str) -> bool:
    return _one_of(environ, name, ("true", "false")) == "true"


def _one_of(environ: Mapping[str, str], name: str, accepted: Sequence[str]) -> str:
    text = environ[name]
    if text not in accepted:
        choices = ", ".join(map(repr, accepted))
        raise ConfigurationError(f"The environment variable {name} is {text!r}, none of {choices}")
    return text


def _whole_number(environ: Mapping[str, str], name: str, *, lowest: int, highest: int) -> int:
    text = environ[name]
    number = whole_number_or_none(text)
    if number is None or not lowest <= number <= highest:
        raise ConfigurationError(
            f"The environment variable {name} is {text!r}, not a whole number between {lowest} and {highest}"
        )
    return number
