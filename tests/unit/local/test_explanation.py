"""What a person reads at the end of a run: the verdict, and the names of the videos that it is about."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gopro_sync_cli.terminal_output import output_console
from local import explanation
from local.cloud import Cloud
from local.running import Execution, FailedVideo
from local.videos_left import VideoLeft, prospect_of

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def _empty_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanation, "failed_videos", lambda *_: iter(()))
    monkeypatch.setattr(explanation, "videos_left", lambda _cloud: iter(()))


def _explained(output: dict[str, Any], *, was_resumed: bool = False) -> list[str]:
    written = io.StringIO()
    cloud = Cloud(
        state_directory=Path(),
        endpoint_url="https://127.0.0.1:4566",
        ca_bundle=Path(),
        region="us-east-1",
        gopro_api_base_url="http://127.0.0.1:4001",
        simulator_url=None,
        outputs={},
    )
    arn = "arn:aws:states:us-east-1:000000000000:execution:gopro-sync-orchestrator-local:secret:x"
    execution = Execution(arn=arn, status="SUCCEEDED", output=output, error=None, cause=None, duration_seconds=1)
    explanation.explain(cloud, execution, output_console(written), was_resumed=was_resumed)
    return written.getvalue().splitlines()


def test_what_is_left_is_named_up_to_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [VideoLeft(media_id=f"m{n}", filename=f"GX{n:02}.MP4", prospect="left for the next run") for n in range(23)]
    monkeypatch.setattr(explanation, "videos_left", lambda _cloud: left)

    lines = _explained({"failed": 0, "deferred": 23, "total_found": 23})

    assert lines[0] == "Nothing failed. 0 of 23 videos archived, 0 of them in this run."
    assert lines[2] == "  GX00.MP4 (m0): left for the next run"
    assert lines[-1] == "  and 3 more"
    assert len(lines) == 23


def test_what_failed_is_named_with_its_error_and_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = FailedVideo(
        media_id="m1", filename="[bold]\x1b[2J:secret:\nAll is archived.MP4", error="IntegrityError", message="Why"
    )
    monkeypatch.setattr(explanation, "failed_videos", lambda *_: iter([failed]))

    lines = _explained({"failed": 1, "deferred": 0, "failures": {"IntegrityError": 1}})

    assert "  [bold]\\x1b[2J:secret:\\nAll is archived.MP4 (m1): IntegrityError: Why" in lines
    assert lines[-1].endswith(":execution:gopro-sync-orchestrator-local:secret:x")


def test_a_failed_video_is_named_once_with_its_next_attempt_and_what_else_waits_is_named_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = FailedVideo(
        media_id="m1", filename="GX1.MP4", error="SourceLostError", message="Why.", due_at="2026-11-29T10:00:00Z"
    )
    left = [
        VideoLeft(media_id="m1", filename="GX1.MP4", prospect="failed"),
        VideoLeft(media_id="m2", filename="GX2.MP4", prospect="left for the next run"),
    ]
    monkeypatch.setattr(explanation, "failed_videos", lambda *_: iter([failed]))
    monkeypatch.setattr(explanation, "videos_left", lambda _cloud: iter(left))

    lines = _explained({"failed": 1, "deferred": 1, "total_found": 2})

    assert [line for line in lines if "GX" in line] == [
        "  GX1.MP4 (m1): SourceLostError: Why. Tried again from 2026-11-29T10:00:00Z.",
        "  GX2.MP4 (m2): left for the next run",
    ]


def test_what_a_resumed_run_left_is_named_by_the_run_that_resumed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    left = VideoLeft(media_id="m2", filename="GX2.MP4", prospect="left for the next run")
    monkeypatch.setattr(explanation, "videos_left", lambda _cloud: iter([left]))

    lines = _explained({"failed": 0, "deferred": 3, "total_found": 5}, was_resumed=True)

    assert not [line for line in lines if "GX2" in line]


def test_a_dry_run_names_no_video_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    left = VideoLeft(media_id="m2", filename="GX2.MP4", prospect="left for the next run")
    monkeypatch.setattr(explanation, "videos_left", lambda _cloud: iter([left]))

    assert not [line for line in _explained({"status": "DRY_RUN", "videos": 1}) if "GX2" in line]


def test_a_table_that_cannot_be_read_takes_nothing_else_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_cloud: Cloud) -> Iterator[VideoLeft]:
        raise ClientError({"Error": {"Code": "KMSInvalidStateException", "Message": "disabled"}}, "Scan")

    monkeypatch.setattr(explanation, "videos_left", refuse)

    lines = _explained({"failed": 0, "deferred": 2})

    assert "KMSInvalidStateException" in lines[-1]
    assert lines[0].startswith("Nothing failed.")


@pytest.mark.parametrize(
    ("record", "prospect"),
    [
        ({"status": "PENDING"}, "left for the next run"),
        (
            {"status": "IN_PROGRESS", "lease_owner": "run-2", "lease_expires_at": NOW + 9},
            "held by run-2, at the longest until 2027-01-15T08:00:09Z",
        ),
        ({"status": "IN_PROGRESS", "lease_owner": "run-2", "lease_expires_at": NOW - 9}, "left for the next run"),
        (
            {"status": "FAILED", "error_type": "IntegrityError", "next_attempt_after": "2026-11-29T01:00:00Z"},
            "failed with IntegrityError, tried again from 2026-11-29T01:00:00Z",
        ),
        ({"status": "FAILED", "error_type": "MediaGoneError"}, "failed with MediaGoneError, not tried again"),
    ],
)
def test_what_becomes_of_a_video_is_reported_of_its_record(record: dict[str, Any], prospect: str) -> None:
    assert prospect_of(record, now=NOW) == prospect
