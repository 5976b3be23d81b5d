"""Settings: a wrong environment is named at once, completely."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.errors import ConfigurationError
from gopro_sync.settings import FILTER_NAMES, VARIABLE_NAMES, read_settings
from tests.support.odd_values import texts

COMPLETE = {
    "ENVIRONMENT": "prod",
    "CREDENTIALS_SECRET_ID": "gopro/credentials",
    "TRACKER_TABLE_NAME": "gopro-sync-tracker",
    "ARCHIVE_BUCKET_NAME": "gopro-archive-bucket-123456789012",
    "GOPRO_API_BASE_URL": "https://api.gopro.com/",
    "MAX_VIDEOS_PER_RUN": "1000",
    "NOT_READY_AFTER_DAYS": "7",
    "RUN_TIME_SECONDS": "6600",
    "GOPRO_REQUESTS_PER_MINUTE": "1200",
    "TRANSFER_WORKERS": "8",
    "VERIFY_SOURCE_ETAG": "true",
    "ALERTS_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:gopro-sync-alerts",
    "ALERTS_GO_TO": "e-mail",
}

NUMBERS = (
    "MAX_VIDEOS_PER_RUN",
    "NOT_READY_AFTER_DAYS",
    "RUN_TIME_SECONDS",
    "GOPRO_REQUESTS_PER_MINUTE",
    "TRANSFER_WORKERS",
)


def test_reads_every_variable_it_names() -> None:
    settings = read_settings(COMPLETE)

    assert settings.max_videos_per_run == 1000
    assert settings.transfer_workers == 8
    assert settings.run_time_seconds == 6600
    assert settings.gopro_requests_per_minute == 1200
    assert settings.filters == {}
    assert settings.verify_source_etag is True
    assert settings.archive_bucket_name == "gopro-archive-bucket-123456789012"


def test_base_url_has_no_slash_at_its_end() -> None:
    assert read_settings(COMPLETE).gopro_api_base_url == "https://api.gopro.com"


@pytest.mark.parametrize("name", sorted(VARIABLE_NAMES))
def test_an_unset_variable_is_named(name: str) -> None:
    environ = {key: value for key, value in COMPLETE.items() if key != name}

    with pytest.raises(ConfigurationError, match=name):
        read_settings(environ)


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings({"TRANSFER_WORKERS": "  "})

    assert all(name in str(caught.value) for name in VARIABLE_NAMES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRANSFER_WORKERS", "many"),
        ("TRANSFER_WORKERS", "0"),
        ("TRANSFER_WORKERS", "17"),
        ("MAX_VIDEOS_PER_RUN", "-1"),
        ("MAX_VIDEOS_PER_RUN", "1001"),
        ("MAX_VIDEOS_PER_RUN", "1e3"),
        ("MAX_VIDEOS_PER_RUN", "1_0"),
        pytest.param("MAX_VIDEOS_PER_RUN", "9" * 5_000, id="long"),
        ("TRANSFER_WORKERS", "\u0663"),
        ("TRANSFER_WORKERS", " 8"),
        ("TRANSFER_WORKERS", "\u00b2"),
        ("VERIFY_SOURCE_ETAG", "yes"),
    ],
)
def test_a_value_out_of_bounds_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings({**COMPLETE, name: value})

    assert name in str(caught.value)
    assert value[:100] in str(caught.value)


def test_filters_are_spelled_as_in_a_runs_input() -> None:
    environ = COMPLETE | {
        "MEDIA_TYPES": "Video, Looped",
        "UPLOADED_SINCE": "2026-01-01T00:00:00Z",
        "CAPTURED_UNTIL": "",
    }

    assert read_settings(environ).filters == {
        "media_types": ["Video", "Looped"],
        "uploaded_since": "2026-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("value", ["yesterday", "2026-05-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_filter_that_is_no_time_is_named(value: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"UPLOADED_SINCE is '{value}'")):
        read_settings(COMPLETE | {"UPLOADED_SINCE": value})


@given(st.dictionaries(st.sampled_from([*NUMBERS, *FILTER_NAMES]), texts))
def test_no_value_raises_anything_but_the_error_that_names_it(changes: dict[str, str]) -> None:
    try:
        settings = read_settings(COMPLETE | changes)
    except ConfigurationError as error:
        stated = str(error)
    else:
        assert 1 <= settings.transfer_workers <= 16
        return
    assert any(name in stated for name in changes)
