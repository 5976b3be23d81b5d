"""AWS acts and its answer is lost: every write of the functions recognises what it has done itself.

The calls of a transfer are in tests/chaos/test_lost_answers_of_a_transfer.py, those of the state machine in
tests/contract/test_mark_video_failed.py and test_one_chain.py.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import botocore.session
import pytest
from botocore import xform_name
from moto import mock_aws

from gates.template import ROOT
from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.aws.clients import make_s3_client, make_secrets_client, make_sns_client
from gopro_sync.gopro.session.credentials import CURRENT, NEWEST, PENDING, Credentials, CredentialStore
from gopro_sync.gopro.session.renewal import Refusal
from gopro_sync.run.run_files import write_manifest
from gopro_sync.table.listed import Listed
from gopro_sync.table.listing_record import ListingRecord
from gopro_sync.table.request_budget import GATE_KEY, SharedGate
from gopro_sync.table.session_guard import GUARD_KEY, SessionGuard
from gopro_sync.table.source_etags import SourceEtagRecord
from gopro_sync.table.tracker import ClaimOutcome, Reopening, Status, Tracker
from gopro_sync.table.unarchived import UnarchivedVideos
from gopro_sync.table.video import Video
from gopro_sync.telemetry.alerts import publish_alert
from tests.support.lost_answers import LostAnswers
from tests.support.tracker_table import tracker_table

TABLE: Final = "gopro-sync-tracker"
OWNER: Final = "run-1"
NOW: Final = datetime(2026, 5, 2, 1, 0, tzinfo=UTC)
FILE: Final = ArchivedFile(
    item_number=1,
    s3_key="gopro-videos/2026/05/GX010456.MP4",
    size_bytes=123,
    source_etag=None,
    s3_etag="bb-1",
    checksum_crc64nvme="AAAAAAAAAAA=",
    etag_proof="undecidable",
)


@dataclass
class Cloud:
    """moto's services, and what of the system speaks to them."""

    dynamodb: Any
    s3: Any
    secrets: Any
    sns: Any

    def __post_init__(self) -> None:
        self.s3.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.secrets.create_secret(Name="gopro/credentials", SecretString=json.dumps({"auth_token": "fake-old"}))
        self.topic: str = self.sns.create_topic(Name="alerts")["TopicArn"]

    @property
    def tracker(self) -> Tracker:
        return Tracker(self.dynamodb, TABLE, clock=lambda: NOW, sleep=lambda _: None)

    @property
    def guard(self) -> SessionGuard:
        return SessionGuard(self.dynamodb, TABLE, owner=OWNER, clock=lambda: NOW)

    @property
    def gate(self) -> SharedGate:
        return SharedGate(self.dynamodb, TABLE, requests_per_minute=60, clock=lambda: NOW, jitter=lambda: 0.0)

    @property
    def store(self) -> CredentialStore:
        return CredentialStore(self.secrets, "gopro/credentials")

    def record(self, key: str) -> dict[str, Any]:
        found = self.dynamodb.get_item(TableName=TABLE, Key={"media_id": {"S": key}})["Item"]
        return {name: next(iter(value.values())) for name, value in found.items()}

    def versions(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = self.secrets.describe_secret(SecretId="gopro/credentials")["VersionIdsToStages"]
        return found


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)  # before it asks again
    with tracker_table(TABLE) as dynamodb, mock_aws():
        yield Cloud(dynamodb=dynamodb, s3=make_s3_client(), secrets=make_secrets_client(), sns=make_sns_client())


@pytest.fixture
def claimed(cloud: Cloud) -> Cloud:
    cloud.tracker.add_pending([a_video("m1")])
    cloud.tracker.claim("m1", owner=OWNER, lease=timedelta(minutes=16))
    return cloud


def a_video(media_id: str) -> Video:
    return Video(media_id=media_id, filename="GX010456.MP4", s3_key=FILE.s3_key, uploaded_at=NOW, size_bytes=123)


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_a_claim(cloud: Cloud, count: int) -> None:
    cloud.tracker.add_pending([a_video("m1")])
    lost = LostAnswers(cloud.dynamodb, "UpdateItem", count=count)
    claim = cloud.tracker.claim("m1", owner=OWNER, lease=timedelta(minutes=16))
    assert (claim.outcome, claim.record.status, lost.left) == (ClaimOutcome.CLAIMED, Status.IN_PROGRESS, 0)


def test_a_claim_of_what_another_holds_stays_refused(claimed: Cloud) -> None:
    LostAnswers(claimed.dynamodb, "UpdateItem")
    claim = claimed.tracker.claim("m1", owner="run-2", lease=timedelta(minutes=16))
    assert claim.outcome is ClaimOutcome.HELD_BY_ANOTHER


@pytest.mark.parametrize(
    ("write", "status"),
    [
        (lambda tracker: tracker.save_progress("m1", owner=OWNER, files=[FILE], upload=None), "IN_PROGRESS"),
        (lambda tracker: tracker.complete("m1", owner=OWNER, files=[FILE]), "COMPLETED"),
        (lambda tracker: tracker.release("m1", owner=OWNER), None),
    ],
    ids=["progress", "completion", "release"],
)
def test_what_is_written_of_a_video_that_is_held(
    claimed: Cloud, write: Callable[[Tracker], None], status: str | None
) -> None:
    lost = LostAnswers(claimed.dynamodb, "UpdateItem")
    write(claimed.tracker)
    assert lost.left == 0
    if status is None:
        assert "lease_owner" not in claimed.record("m1")
    else:
        assert claimed.record("m1")["status"] == status


@pytest.mark.parametrize("count", [1, 3])
def test_a_video_is_re_opened_once_and_whoever_did_it_knows(claimed: Cloud, count: int) -> None:
    claimed.tracker.complete("m1", owner=OWNER, files=[FILE])
    archived = claimed.tracker.get_many(["m1"])["m1"]
    reopening = Reopening(at=NOW, by="run-2", reason="GoPro lists 2 chapters", shown=Listed(chapter_count=2), times=1)
    lost = LostAnswers(claimed.dynamodb, "UpdateItem", count=count)

    is_done = claimed.tracker.reopen(archived, reopening)

    reopened = claimed.tracker.get_many(["m1"])["m1"]
    assert (is_done, lost.left) == (True, 0)
    assert (reopened.status, reopened.files, reopened.reopening) == (Status.PENDING, (FILE,), reopening)


def test_a_record_that_anybody_has_written_to_since_it_was_read_is_not_re_opened(claimed: Cloud) -> None:
    claimed.tracker.complete("m1", owner=OWNER, files=[FILE])
    read = claimed.tracker.get_many(["m1"])["m1"]
    reopening = Reopening(at=NOW, by="run-2", reason="GoPro lists 2 chapters", shown=Listed(chapter_count=2), times=1)
    assert claimed.tracker.reopen(read, reopening)
    claimed.tracker.claim("m1", owner=OWNER, lease=timedelta(minutes=16))
    claimed.tracker.complete("m1", owner=OWNER, files=[FILE])

    assert not claimed.tracker.reopen(read, reopening)
    assert claimed.record("m1")["status"] == "COMPLETED"


def test_a_record_of_before_writes_left_marks_is_re_opened(cloud: Cloud) -> None:
    cloud.tracker.add_pending([a_video("m1")])
    cloud.dynamodb.update_item(
        TableName=TABLE,
        Key={"media_id": {"S": "m1"}},
        UpdateExpression="SET #status = :completed",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":completed": {"S": "COMPLETED"}},
    )
    reopening = Reopening(at=NOW, by="run-2", reason="GoPro lists 2 chapters", shown=Listed(chapter_count=2), times=1)
    assert cloud.tracker.reopen(cloud.tracker.get_many(["m1"])["m1"], reopening)


def test_what_is_gone_and_what_waits_in_vain_is_reported_by_the_run_whose_answer_was_lost(cloud: Cloud) -> None:
    cloud.tracker.add_pending([a_video("m1")])
    videos = UnarchivedVideos(cloud.dynamodb, TABLE, clock=lambda: NOW)
    lost = LostAnswers(cloud.dynamodb, "UpdateItem", count=3)
    assert (videos.mark_reported("m1", run=OWNER), lost.left) == (True, 0)
    assert not videos.mark_reported("m1", run="run-2")
    videos.mark_absent("m1", run=OWNER)
    lost = LostAnswers(cloud.dynamodb, "UpdateItem", count=3)
    assert (videos.mark_gone("m1", run=OWNER), lost.left) == (True, 0)
    (video,) = videos.each()
    assert (video.is_gone, video.gone_by, cloud.tracker.pending().count) == (True, OWNER, 0)
    LostAnswers(cloud.dynamodb, "UpdateItem", count=3)
    videos.mark_back(video)
    assert (cloud.record("m1")["status"], cloud.tracker.pending().count) == ("PENDING", 1)


def test_new_videos_are_recorded_once(cloud: Cloud) -> None:
    lost = LostAnswers(cloud.dynamodb, "TransactWriteItems")
    cloud.tracker.add_pending([a_video("m1"), a_video("m2")])
    assert ({cloud.record(name)["status"] for name in ("m1", "m2")}, lost.left) == ({"PENDING"}, 0)


def test_what_waited_and_is_to_be_archived_gets_one_new_record(cloud: Cloud) -> None:
    waiting = replace(a_video("m1"), s3_key="", waiting_reason="not_ready")
    cloud.tracker.record_new([waiting])
    first_seen_at = cloud.tracker.get_many(["m1"])["m1"].first_seen_at
    lost = LostAnswers(cloud.dynamodb, "TransactWriteItems")
    recording = cloud.tracker.record_new([replace(a_video("m1"), first_seen_at=first_seen_at)])
    assert (recording.left, dict(recording.refused), lost.left) == (frozenset(), {}, 0)
    assert (cloud.record("m1")["s3_key"], "waiting_reason" in cloud.record("m1")) == (FILE.s3_key, False)


REFUSAL: Final = Refusal(version_id="v1", since=NOW, last_tried_at=NOW, reason="no")


@pytest.mark.parametrize(
    ("write", "field", "is_there"),
    [
        (lambda guard: guard.note_login(), "password_login_at", True),
        (lambda guard: guard.release(), "lease_owner", False),
        (lambda guard: guard.release_renewed(), "lease_owner", False),
        (lambda guard: guard.release_refused(REFUSAL), "refusal", True),
        (lambda guard: guard.note_failed_rotation("v2"), "failed_rotation", True),
    ],
)
def test_what_the_sessions_guard_writes(
    cloud: Cloud, write: Callable[[SessionGuard], None], field: str, *, is_there: bool
) -> None:
    lost = LostAnswers(cloud.dynamodb, "UpdateItem")
    assert cloud.guard.take() is not None
    assert lost.left == 0
    lost.left = 1
    write(cloud.guard)
    assert lost.left == 0
    assert (field in cloud.record(GUARD_KEY)) is is_there


def test_that_the_listing_lacks_items_is_news_once_for_each_number(cloud: Cloud) -> None:
    lost = LostAnswers(cloud.dynamodb, "UpdateItem")
    record = ListingRecord(cloud.dynamodb, TABLE)
    nights = [(3, "n1"), (3, "n2"), (4, "n3"), (4, "n4"), (0, "n5"), (0, "n6"), (4, "n7")]
    reported = [record.is_news(hidden, run=night) for hidden, night in nights]
    assert (reported, lost.left) == ([True, False, True, False, False, False, True], 0)


def test_that_a_rotation_failed_is_news_once_for_each_version(cloud: Cloud) -> None:
    lost = LostAnswers(cloud.dynamodb, "UpdateItem")
    reported = [cloud.guard.note_failed_rotation(version_id) for version_id in ("v2", "v2", "v3", "v3", "v2")]
    assert (reported, lost.left) == ([True, False, True, False, True], 0)


def test_a_request_to_gopro_is_counted_once(cloud: Cloud) -> None:
    cloud.gate.before_request()
    lost = LostAnswers(cloud.dynamodb, "UpdateItem")
    cloud.gate.before_request()
    assert (cloud.record(GATE_KEY)["requests_used"], lost.left) == ("2", 0)


@pytest.mark.parametrize("count", [1, 3])
def test_what_the_librarys_etags_prove(cloud: Cloud, count: int) -> None:
    record = SourceEtagRecord(cloud.dynamodb, TABLE, clock=lambda: NOW)
    lost = LostAnswers(cloud.dynamodb, "UpdateItem", count=count)
    record.note_match(None)
    assert (record.known().matched_files, lost.left) == (1, 0)
    reported = []
    for name in ("a", "b", "c", "d", "e"):
        lost.left = 1
        reported.append(record.note_mismatch(name, run=name).are_no_md5s)
    assert reported == [False, False, False, True, True]


# --- the bucket, the secret, the topic -------------------------------------------------------------------------------


def test_a_file_of_the_run(cloud: Cloud) -> None:
    lost = LostAnswers(cloud.s3, "PutObject")
    where = write_manifest(cloud.s3, bucket="archive", execution_id="arn:run-1", items=[{"media_id": "m1"}])
    body = cloud.s3.get_object(Bucket="archive", Key=where["key"])["Body"].read()
    assert (json.loads(body), lost.left) == ([{"media_id": "m1"}], 0)


@pytest.mark.parametrize("lost_one", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_a_value_of_the_secret_becomes_one_version(cloud: Cloud, lost_one: str) -> None:
    (before,) = cloud.versions()
    lost = LostAnswers(cloud.secrets, lost_one)
    version_id = cloud.store.save_newest(Credentials.parse(json.dumps({"auth_token": "fake-new"})))
    assert cloud.store.make_current(version_id, supersedes=[before])
    assert (cloud.versions(), lost.left) == ({version_id: [NEWEST, CURRENT], before: ["AWSPREVIOUS"]}, 0)


@pytest.mark.parametrize("lost_one", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_what_a_person_puts_in_becomes_one_version(cloud: Cloud, lost_one: str) -> None:
    lost = LostAnswers(cloud.secrets, lost_one)
    cloud.store.replace(Credentials.parse(json.dumps({"auth_token": "fake-new"})))
    assert (cloud.store.load().credentials.auth_token, len(cloud.versions()), lost.left) == ("fake-new", 2, 0)


def test_a_prepared_value_of_the_secret_and_the_end_of_its_rotation(cloud: Cloud) -> None:
    version_id = "12345678-1234-1234-1234-123456789012"
    prepared = LostAnswers(cloud.secrets, "PutSecretValue")
    value = Credentials.parse(json.dumps({"auth_token": "fake-new"}))
    assert cloud.store.save_pending(value, version_id=version_id)
    assert (cloud.versions()[version_id], prepared.left) == ([PENDING, NEWEST], 0)

    ended = LostAnswers(cloud.secrets, "UpdateSecretVersionStage")
    cloud.store.end_rotation(version_id)
    assert (cloud.versions()[version_id], ended.left) == ([NEWEST], 0)


def test_a_message_to_people_is_sent_again(cloud: Cloud) -> None:
    lost = LostAnswers(cloud.sns, "Publish")
    publish_alert(cloud.sns, cloud.topic, subject="GoPro Sync", message="text")
    assert lost.left == 0


# --- the list --------------------------------------------------------------------------------------------------------

PACKAGE: Final = ROOT / "src" / "gopro_sync"
READS: Final = re.compile(r"^(batch_get|describe|get|head|list|query|scan|select)")
# All writes, each with where its answer is lost: here, or in a transfer (S3's, and the addresses of its bytes).
WRITES: Final = {
    ("archive/bucket_writer.py", "abort_multipart_upload"),
    ("archive/bucket_writer.py", "complete_multipart_upload"),
    ("archive/bucket_writer.py", "create_multipart_upload"),
    ("aws/signed_put.py", "generate_presigned_url"),
    ("gopro/session/credentials.py", "put_secret_value"),
    ("gopro/session/credentials.py", "update_secret_version_stage"),
    ("run/run_files.py", "put_object"),
    ("table/record_update.py", "update_item"),
    ("table/tracker.py", "transact_write_items"),
    ("telemetry/alerts.py", "publish"),
}
CLIENTS: Final = {"self._client", "self._s3", "client", "dynamodb", "s3", "secrets", "sns"}


def test_no_write_is_forgotten() -> None:
    session = botocore.session.get_session()
    services = ("dynamodb", "s3", "secretsmanager", "sns")
    operations = {
        xform_name(name) for service in services for name in session.get_service_model(service).operation_names
    }
    changing = {name for name in operations if not READS.match(name)} | {"generate_presigned_url"}
    found = {
        (file.relative_to(PACKAGE).as_posix(), node.func.attr)
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in changing
        and ast.unparse(node.func.value) in CLIENTS
    }
    assert found == WRITES
