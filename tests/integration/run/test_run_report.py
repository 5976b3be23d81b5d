"""The report at the end of a run: what it keeps in S3, what it counts, and what the summary gains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from gopro_sync import composition
from gopro_sync.aws.clients import make_s3_client
from gopro_sync.errors import ConfigurationError, InvalidEventError
from gopro_sync.handlers import media_lister
from gopro_sync.telemetry.logs import EventType
from gopro_sync.values.timestamps import iso_utc
from tests.support.lambda_context import FakeLambdaContext
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

ENVIRONMENT: Final = json.loads((Path(__file__).parents[3] / "events" / "env.json").read_text())["Parameters"]
BUCKET: Final = ENVIRONMENT["ARCHIVE_BUCKET_NAME"]
TABLE: Final = ENVIRONMENT["TRACKER_TABLE_NAME"]
EXECUTION: Final = "arn:aws:states:eu-central-1:123456789012:execution:gopro-sync-orchestrator:night"
KEPT_AT: Final = "summaries/2026/03/20260301T020000000Z-night.json"
SUMMARY: Final = {
    "execution_id": EXECUTION,
    "status": "PARTIAL_FAILURE",
    "stopped_by": None,
    "started_at": "2026-03-01T02:00:00.000Z",
    "duration_seconds": 100,
    "total_found": 40,
    "already_synced": 33,
    "new_count": 7,
    "bytes_transferred": 5_000_000_000,
    "synced": 3,
    "failed": 3,
    "deferred": 1,
    "failures": {"IntegrityError": 2, "MediaGoneError": 1},
    "failed_videos": [{"media_id": "a", "error": "IntegrityError"}],
}
# What the state machine tells of a run that ended before it had counts.
FAILURE: Final = {"Error": "NetworkError", "Cause": '{"errorMessage": "GoPro could not be reached. Start it again."}'}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[S3Client, DynamoDBClient]]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    composition.forget()
    with tracker_table(TABLE) as dynamodb:
        s3 = make_s3_client()
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield s3, dynamodb
    composition.forget()


def put(dynamodb: DynamoDBClient, media_id: str, status: str, days_old: float, **more: str) -> None:
    uploaded = datetime.now(UTC) - timedelta(days=days_old)
    fields = {
        "media_id": media_id,
        "status": status,
        "sync_timestamp": iso_utc(uploaded),
        "upload_date": iso_utc(uploaded),
    }
    dynamodb.put_item(TableName=TABLE, Item={name: {"S": value} for name, value in (fields | more).items()})


def reported(**more: Any) -> dict[str, Any]:
    """Return the function's whole answer."""
    event = {"action": "report_run", "execution_id": EXECUTION, "run_started_at": "2026-03-01T02:00:00.000Z", **more}
    answer: dict[str, Any] = media_lister.handler(event, FakeLambdaContext())
    return answer


def report(summary: Any) -> dict[str, Any]:
    answer: dict[str, Any] = reported(summary=summary)["summary"]
    return answer


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, ...], float]:
    """Return what was told, by the metric's name and the values of its dimensions."""
    counted = {}
    for line in capsys.readouterr().out.splitlines():
        if '"_aws"' not in line:
            continue
        document = json.loads(line)
        (described,) = document["_aws"]["CloudWatchMetrics"]
        (dimensions,) = described["Dimensions"]
        (metric,) = described["Metrics"]
        assert described["Namespace"] == "GoProSync"
        counted[(metric["Name"], *(document[name] for name in sorted(dimensions)))] = document[metric["Name"]][0]
    return counted


@pytest.mark.parametrize(("decided_by", "is_told"), [(EXECUTION, True), ("another run", False)])
def test_that_the_librarys_etags_prove_nothing_is_reported_by_the_run_that_decided(
    aws: tuple[S3Client, DynamoDBClient], decided_by: str, is_told: bool
) -> None:
    _, dynamodb = aws
    decided = {"decided_at": {"S": "2026-03-01T02:00:00Z"}, "decided_by": {"S": decided_by}}
    dynamodb.put_item(TableName=TABLE, Item={"media_id": {"S": "#source-etags"}, **decided})

    answer = reported(summary=SUMMARY | {"status": "SUCCESS", "failed": 0, "failures": {}, "failed_videos": []})

    assert answer["summary"].get("source_etags_decided", False) is is_told
    assert (answer["notice"] is not None) is is_told


def test_the_summary_is_kept_and_gains_what_only_the_table_knows(aws: tuple[S3Client, DynamoDBClient]) -> None:
    s3, dynamodb = aws
    put(dynamodb, "done", "COMPLETED", days_old=90)
    put(dynamodb, "new", "PENDING", days_old=1)
    put(dynamodb, "stopped", "IN_PROGRESS", days_old=2)
    put(dynamodb, "broken", "FAILED", days_old=10, error_type="IntegrityError")
    put(dynamodb, "deleted", "FAILED", days_old=80, error_type="MediaGoneError")

    summary = report(SUMMARY)

    assert summary["videos_pending"] == 3
    assert summary["oldest_pending_age_hours"] == pytest.approx(240, abs=0.1)
    assert summary["megabytes_per_second"] == 50
    kept = s3.get_object(Bucket=BUCKET, Key=KEPT_AT)
    assert json.loads(kept["Body"].read()) == summary
    assert summary.items() >= SUMMARY.items()


def test_the_summary_counts_all_videos_of_the_table_by_status(aws: tuple[S3Client, DynamoDBClient]) -> None:
    _, dynamodb = aws
    for number in range(120):
        put(dynamodb, f"done{number}", "COMPLETED", days_old=90)
    put(dynamodb, "new", "PENDING", days_old=1)
    put(dynamodb, "stopped", "IN_PROGRESS", days_old=2)
    put(dynamodb, "broken", "FAILED", days_old=10, error_type="IntegrityError")
    put(dynamodb, "deleted", "FAILED", days_old=80, error_type="MediaGoneError")
    put(dynamodb, "changed by hand", "ARCHIVED", days_old=80)
    dynamodb.put_item(TableName=TABLE, Item={"media_id": {"S": "#gopro-session"}, "until": {"N": "1"}})

    summary = report(SUMMARY)

    assert summary["videos"] == {
        "total": 125,
        "completed": 120,
        "pending": 1,
        "in_progress": 1,
        "failed": 1,
        "gone": 1,
        "unreadable": 1,
        "just_completed": 0,
    }
    assert summary["counted_at"] <= iso_utc(datetime.now(UTC))


def test_what_was_archived_in_the_second_of_the_count_is_counted(aws: tuple[S3Client, DynamoDBClient]) -> None:
    put(aws[1], "a moment ago", "COMPLETED", days_old=-1)

    videos = report(SUMMARY)["videos"]

    assert (videos["total"], videos["completed"], videos["just_completed"]) == (1, 1, 1)


def test_two_runs_that_start_at_the_same_moment_have_a_summary_each(aws: tuple[S3Client, DynamoDBClient]) -> None:
    for name in ("night", "by-hand"):
        reported(summary=SUMMARY, execution_id=EXECUTION.replace("night", name))
    report(SUMMARY)  # once more, since the first answer was lost

    kept = aws[0].list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [file["Key"] for file in kept] == [KEPT_AT.replace("night", "by-hand"), KEPT_AT]


def test_a_failed_video_is_reported_with_its_name_its_reason_and_when_it_is_due_again(
    aws: tuple[S3Client, DynamoDBClient],
) -> None:
    _, dynamodb = aws
    marked = {
        "error_type": "IntegrityError",
        "error_message": "The object has 3 bytes,\n the source 4.",
        "next_attempt_after": "2026-03-02T22:00:00Z",
    }
    put(dynamodb, "a", "FAILED", days_old=1, filename="GX010456.MP4", **marked)
    put(dynamodb, "earlier", "FAILED", days_old=1, **marked)
    videos = [
        {"media_id": "a", "error": "IntegrityError"},
        {"media_id": "earlier", "error": "MediaGoneError"},  # which the record does not have: it could not be marked
        {"media_id": "unknown", "error": "MediaGoneError"},
    ]

    answer = reported(summary=SUMMARY | {"failed_videos": videos})

    assert answer["summary"]["failed_videos"] == [
        videos[0]
        | {
            "filename": "GX010456.MP4",
            "reason": "The object has 3 bytes, the source 4.",
            "next_attempt_after": "2026-03-02T22:00:00Z",
        },
        *videos[1:],
    ]
    assert "  GX010456.MP4 (a): IntegrityError, due again from 2026-03-02 22:00 UTC\n" in answer["notice"]["text"]


def test_a_summary_says_who_is_reported_of_failures(aws: tuple[S3Client, DynamoDBClient]) -> None:
    summary = report(SUMMARY)
    assert summary["alerts_go_to"] == "e-mail"
    assert "alerts_note" not in summary


def test_where_nobody_is_notified_each_summary_says_what_changes_it(
    aws: tuple[S3Client, DynamoDBClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERTS_GO_TO", "nobody")
    composition.settings.cache_clear()
    for event in ({"summary": SUMMARY}, {"failure": FAILURE}):
        summary = reported(**event)["summary"]
        assert summary["alerts_go_to"] == "nobody"
        assert summary["alerts_note"].startswith("This stack tells nobody when something fails.")
        assert "AlertEmail=" in summary["alerts_note"]
        assert summary["alerts_note"].endswith("sam deploy")


def test_a_run_tells_each_metric_once(aws: tuple[S3Client, DynamoDBClient], capsys: pytest.CaptureFixture[str]) -> None:
    put(aws[1], "broken", "FAILED", days_old=1, error_type="IntegrityError")

    report(SUMMARY)

    environment = ENVIRONMENT["ENVIRONMENT"]
    counted = metrics(capsys)
    assert counted.pop(("OldestPendingAgeHours", environment)) == pytest.approx(24, abs=0.1)
    assert counted == {
        ("RunCompleted", environment): 1,
        ("RunPartial", environment): 1,
        ("VideosPending", environment): 1,
        ("SyncFailures", environment): 3,
        ("SyncFailures", environment, "IntegrityError"): 2,
        ("SyncFailures", environment, "MediaGoneError"): 1,
    }


def test_a_run_that_came_to_its_transfers_says_what_it_cost(
    aws: tuple[S3Client, DynamoDBClient], capsys: pytest.CaptureFixture[str]
) -> None:
    summary = report(SUMMARY | {"downloader_seconds": 900.5})

    seconds_usd = 900.5 * 0.5 * 0.0000166667  # half a gigabyte of Lambda
    assert seconds_usd < summary["cost_usd"] < seconds_usd + 0.02
    assert metrics(capsys)[("RunCost", ENVIRONMENT["ENVIRONMENT"])] == summary["cost_usd"]


def test_a_summary_with_a_count_missing_is_refused(aws: tuple[S3Client, DynamoDBClient]) -> None:
    with pytest.raises(InvalidEventError, match="total_found"):
        report(SUMMARY | {"downloader_seconds": 900.5, "total_found": None})


@pytest.mark.parametrize("count", ["2", None, -1, 10**30])
def test_a_summary_whose_failures_are_no_counts_is_refused(aws: tuple[S3Client, DynamoDBClient], count: object) -> None:
    with pytest.raises(InvalidEventError, match="IntegrityError"):
        report(SUMMARY | {"failures": {"IntegrityError": count}})


def test_a_failed_run_counts_as_not_completed_and_invents_no_numbers(
    aws: tuple[S3Client, DynamoDBClient], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    message = "GoPro could not be reached. Start it again."
    summary = reported(failure=FAILURE)["summary"]

    (line,) = [vars(record) for record in caplog.records if vars(record).get("event_type") == EventType.RUN_REPORTED]
    assert (line["status"], line["stopped_by"], line["error_message"]) == ("FAILED", "NetworkError", message)
    environment = ENVIRONMENT["ENVIRONMENT"]
    assert metrics(capsys) == {
        ("RunCompleted", environment): 0,
        ("RunPartial", environment): 0,
        ("VideosPending", environment): 0,
        ("OldestPendingAgeHours", environment): 0,
        ("SyncFailures", environment): 1,
        ("SyncFailures", environment, "NetworkError"): 1,
    }
    assert "megabytes_per_second" not in summary


ALL_FAILED: Final = SUMMARY | {"synced": 0, "failed": 6, "bytes_transferred": 0, "bytes_unfinished": 0}


@pytest.mark.parametrize(
    ("summary", "completed", "partial"),
    [
        (SUMMARY, 1, 1),
        (ALL_FAILED, 0, 1),
        (ALL_FAILED | {"bytes_unfinished": 5}, 1, 1),
        (SUMMARY | {"status": "SUCCEEDED", "failed": 0, "failures": {}}, 1, 0),
        (SUMMARY | {"status": "SUCCEEDED", "failed": 0, "failures": {}, "synced": 0, "new_count": 0}, 1, 0),
        (SUMMARY | {"status": "FAILED", "stopped_by": "AccessDeniedError"}, 0, 0),
    ],
    ids=["some failed", "all failed", "a part was sent", "all archived", "nothing new", "failed"],
)
def test_a_run_in_which_every_video_failed_is_no_success(
    aws: tuple[S3Client, DynamoDBClient],
    capsys: pytest.CaptureFixture[str],
    summary: dict[str, Any],
    completed: int,
    partial: int,
) -> None:
    report(summary)

    environment = ENVIRONMENT["ENVIRONMENT"]
    counted = metrics(capsys)
    assert (counted[("RunCompleted", environment)], counted[("RunPartial", environment)]) == (completed, partial)


BLOCKED: Final = SUMMARY | {"status": "FAILED", "failed": 0, "failures": {}, "failed_videos": []}
REFUSED: Final = {"Error": "AuthenticationError", "Cause": '{"errorMessage": "GoPro refuses the password."}'}


@pytest.mark.parametrize(
    ("event", "authentication_failures", "error"),
    [
        ({"failure": FAILURE}, 0, "NetworkError"),
        ({"failure": FAILURE, "authentication_failed": True}, 1, "NetworkError"),
        ({"failure": {"Error": "SessionRefusedError"}, "session_refused": True}, 1, "SessionRefusedError"),
        (
            {
                "summary": BLOCKED | {"stopped_by": "AuthenticationError"},
                "failure": REFUSED,
                "authentication_failed": True,
            },
            1,
            "AuthenticationError",
        ),
        ({"summary": BLOCKED | {"stopped_by": "SessionRefusedError"}}, 1, "SessionRefusedError"),
        ({"summary": BLOCKED | {"stopped_by": "AccessDeniedError"}}, 0, "AccessDeniedError"),
    ],
    ids=[
        "the listing failed",
        "no session was to be had",
        "the renewed session was refused",
        "the session ended in mid-run",
        "the session was refused thrice",
        "the session is not the trouble",
    ],
)
@pytest.mark.parametrize("action", ["report_run", "count_run"])
def test_what_a_run_failed_by_counts_once_even_if_no_report_can_be_made(
    aws: tuple[S3Client, DynamoDBClient],
    capsys: pytest.CaptureFixture[str],
    *,
    action: str,
    event: dict[str, Any],
    authentication_failures: int,
    error: str,
) -> None:
    if action == "count_run":
        aws[0].delete_bucket(Bucket=BUCKET)
        aws[1].delete_table(TableName=TABLE)

    reported(action=action, **event)

    environment = ENVIRONMENT["ENVIRONMENT"]
    counted = metrics(capsys)
    assert counted.get(("AuthenticationFailure", environment), 0) == authentication_failures
    assert counted[("SyncFailures", environment)] == counted[("SyncFailures", environment, error)] == 1
    assert (counted[("RunCompleted", environment)], counted[("RunPartial", environment)]) == (0, 0)


def test_a_report_that_fails_counts_nothing_so_that_its_next_try_does_not_count_twice(
    aws: tuple[S3Client, DynamoDBClient], capsys: pytest.CaptureFixture[str]
) -> None:
    aws[0].delete_bucket(Bucket=BUCKET)
    with pytest.raises(ConfigurationError):
        report(SUMMARY)
    assert not metrics(capsys)


def test_a_run_that_failed_before_it_had_counts_keeps_what_is_known(aws: tuple[S3Client, DynamoDBClient]) -> None:
    answer = reported(failure=FAILURE)

    kept = json.loads(aws[0].get_object(Bucket=BUCKET, Key=KEPT_AT)["Body"].read())
    assert kept == answer["summary"]
    assert (
        kept.items()
        >= {
            "execution_id": EXECUTION,
            "status": "FAILED",
            "stopped_by": "NetworkError",
            "message": "GoPro could not be reached. Start it again.",
            "started_at": "2026-03-01T02:00:00.000Z",
        }.items()
    )
    assert kept["duration_seconds"] > 0
    assert answer["failure"] == {"error": kept["stopped_by"], "message": kept["message"]}
    assert answer["notice"]["subject"].startswith("GoPro Sync Critical Failure")


def test_a_notice_is_answered_and_kept_nowhere(aws: tuple[S3Client, DynamoDBClient]) -> None:
    answer = reported(summary=SUMMARY)

    assert answer["notice"]["subject"] == f"GoPro Sync Partial Failure ({ENVIRONMENT['ENVIRONMENT']}): 3 of 7 videos"
    assert "5 GB in 100 seconds: 50 MB/s." in answer["notice"]["text"]
    assert f"in the table {TABLE} and" in answer["notice"]["text"]
    kept = json.loads(aws[0].get_object(Bucket=BUCKET, Key=KEPT_AT)["Body"].read())
    assert not {"notice", "failure"} & (kept.keys() | answer["summary"].keys())


def test_a_run_in_which_all_went_well_has_no_notice(aws: tuple[S3Client, DynamoDBClient]) -> None:
    answer = reported(summary=SUMMARY | {"status": "SUCCEEDED", "failed": 0, "failures": {}, "failed_videos": []})
    assert (answer["notice"], answer["failure"]) == (None, None)


@pytest.mark.parametrize(
    "event",
    [
        {"failure": "NetworkError"},
        {"failure": {"Cause": "down"}},
        {"failure": {"Error": 7}},
        {"failure": {"Error": "NetworkError", "Cause": {"errorMessage": "down"}}},
        {"failure": FAILURE, "run_started_at": None},
        {"failure": FAILURE, "run_started_at": "last night"},
        {"failure": FAILURE, "summary": None},
        {"failure": FAILURE, "authentication_failed": "yes"},
    ],
    ids=str,
)
def test_an_end_of_another_shape_is_refused(aws: tuple[S3Client, DynamoDBClient], event: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError):
        reported(**event)


def test_many_pending_videos_are_counted_over_all_pages(aws: tuple[S3Client, DynamoDBClient]) -> None:
    long_name = "x" * 20_000  # 1 MB makes a page
    for number in range(120):
        put(aws[1], f"m{number}", "PENDING", days_old=number, filename=long_name)

    assert report(SUMMARY)["videos_pending"] == 120


@pytest.mark.parametrize("summary", [None, [], "done", {}, {"status": 7}])
def test_a_summary_of_another_shape_is_refused(aws: tuple[S3Client, DynamoDBClient], summary: Any) -> None:
    with pytest.raises(InvalidEventError):
        report(summary)


def test_a_summary_that_cannot_be_kept_is_an_error(aws: tuple[S3Client, DynamoDBClient]) -> None:
    aws[0].delete_bucket(Bucket=BUCKET)

    with pytest.raises(ConfigurationError, match="NoSuchBucket"):
        report(SUMMARY)


KEY_DISABLED: Final = {
    "Error": "ConfigurationError",
    "Cause": '{"errorMessage": "Secrets Manager cannot use the stack\'s key for GetSecretValue: enable it in KMS."}',
}


def test_why_a_run_failed_is_reported_without_the_table_and_the_bucket_where_they_cannot_be_used(
    aws: tuple[S3Client, DynamoDBClient], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that is disabled takes the secret, by which the run fails, and the table and the bucket, too."""
    monkeypatch.setenv("TRACKER_TABLE_NAME", "no-such-table")
    monkeypatch.setenv("ARCHIVE_BUCKET_NAME", "no-such-bucket")
    composition.forget()

    answer = reported(failure=KEY_DISABLED)

    assert "enable it in KMS" in answer["notice"]["text"]
    assert answer["failure"]["error"] == "ConfigurationError"
    assert answer["summary"]["status"] == "FAILED"
    assert "videos_pending" not in answer["summary"], "nothing is invented"
    counted = metrics(capsys)
    assert counted["RunCompleted", ENVIRONMENT["ENVIRONMENT"]] == 0
    assert ("VideosPending", ENVIRONMENT["ENVIRONMENT"]) not in counted


# --- a listing that lacks items --------------------------------------------------------------------------------------

NOTHING_FAILED: Final = SUMMARY | {"synced": 6, "failed": 0, "failures": {}, "failed_videos": []}


def night(name: str, *, stated: int = 8, shown: int = 7, **more: Any) -> dict[str, Any]:
    """Return the answer for a night in which GoPro said ``stated`` and showed ``shown``."""
    gap = {"stated": stated, "shown": shown, "nameless": 0, "refused_from": None} if shown < stated else None
    return reported(summary=NOTHING_FAILED | {"listing_gap": gap} | more, execution_id=f"{EXECUTION}-{name}")


def test_what_the_listing_lacks_is_reported_once_and_again_when_it_changes(
    aws: tuple[S3Client, DynamoDBClient],
) -> None:
    nights = [(8, 7), (8, 7), (9, 8), (10, 8), (12, 10), (10, 10), (11, 10)]
    notices = [night(str(at), stated=stated, shown=shown)["notice"] for at, (stated, shown) in enumerate(nights)]
    assert [None if notice is None else notice["subject"].partition(": ")[2] for notice in notices] == [
        "GoPro counts 8, showed 7",
        None,  # the same
        None,  # and the same, though the library has grown
        "GoPro counts 10, showed 8",
        None,
        None,
        "GoPro counts 11, showed 10",
    ]


def test_rows_without_an_id_are_reported_as_what_is_lacking(aws: tuple[S3Client, DynamoDBClient]) -> None:
    gaps = [{"stated": 8, "shown": 8, "nameless": nameless} for nameless in (1, 1, 2)]
    notices = [night(str(at), listing_gap=gap)["notice"] for at, gap in enumerate(gaps)]
    assert [notice is not None for notice in notices] == [True, False, True]


def test_a_report_that_is_asked_for_again_tells_it_again(aws: tuple[S3Client, DynamoDBClient]) -> None:
    assert night("same")["notice"] == night("same")["notice"] != None  # noqa: E711


def test_a_run_that_lacks_nothing_but_what_gopro_does_not_show_counts_as_a_success(
    aws: tuple[S3Client, DynamoDBClient], capsys: pytest.CaptureFixture[str]
) -> None:
    environment = composition.settings().environment
    for name in ("first", "second"):
        capsys.readouterr()
        assert night(name)["summary"]["listing_gap"] == {
            "stated": 8,
            "shown": 7,
            "nameless": 0,
            "refused_from": None,
            "is_news": name == "first",
        }
        counted = metrics(capsys)
        assert (counted[("RunCompleted", environment)], counted[("RunPartial", environment)]) == (1, 0)
        assert not any(metric == "FailureCount" for metric, *_ in counted)


def test_of_a_run_that_has_failed_nothing_is_reported_or_remembered_of_the_listing(
    aws: tuple[S3Client, DynamoDBClient],
) -> None:
    reported(failure=FAILURE)
    failed = night("failed", status="FAILED", stopped_by="AccessDeniedError")
    assert "showed" not in failed["notice"]["text"]
    assert "showed 7" in night("next")["notice"]["text"]


def test_a_gap_of_a_wrong_shape_is_refused(aws: tuple[S3Client, DynamoDBClient]) -> None:
    for gap in ("text", {"stated": 8}, {"stated": 8, "shown": "seven"}):
        with pytest.raises(InvalidEventError):
            reported(summary=NOTHING_FAILED | {"listing_gap": gap})
