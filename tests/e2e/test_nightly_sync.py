"""The nightly sync, whole: GoPro (simulated) -> state machine -> functions -> S3, on the deployed template."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gopro_sync_cli.exit_codes import ExitCode
from local import running
from local.progress import Progress
from local.simulator import Fault, SimulatedItem, SourceFile, demo_library
from local.simulator.faults import Endpoint, FaultName
from tests.e2e.conftest import KIB, Stack, video

EVENTS = Path(__file__).parents[2] / "events"


def test_a_library_with_everything_awkward_arrives_whole_and_a_second_run_finds_nothing(stack: Stack) -> None:
    stack.gopro.put_library(demo_library())
    sources = stack.gopro.sources()

    first = stack.run()
    second = stack.run()

    assert first.output is not None
    assert second.output is not None
    assert first.every_video_archived
    assert first.output["skipped"] == {"edit": 1, "not_ready": 1, "photo": 1, "unknown_type": 1}
    assert (first.output["new_count"], first.output["synced"]) == (7, 7)
    statuses = stack.statuses()
    archivable = [source for source in sources if statuses.get(source.media_id) == "COMPLETED"]
    assert first.output["bytes_transferred"] == sum(source.size_bytes for source in archivable)
    digests = {hashlib.sha256(stack.read(key)).hexdigest() for key in stack.object_keys()}
    assert digests == {source.sha256 for source in archivable}
    # What GoPro is still at work on, and what nobody knows, is recorded and not archived.
    waiting = {record["waiting_reason"] for record in stack.tracker().values() if record["status"] != "COMPLETED"}
    assert waiting == {"not_ready", "unknown_type"}
    assert (len(statuses), first.output["videos_pending"]) == (9, 2)
    assert (first.output["videos"]["completed"], first.output["videos"]["total"]) == (7, 9)
    assert len(stack.object_keys("summaries/")) == 2
    assert (second.output["new_count"], second.output["already_synced"]) == (0, 7)
    assert second.output["bytes_transferred"] == 0
    # Promise 5, and that no GoPro credential goes to the CDN's host.
    assert stack.gopro.mutations() == []
    assert stack.gopro.header_leaks() == []


def test_the_keys_say_which_camera_file_it_was_and_no_two_videos_share_one(stack: Stack) -> None:
    stack.put_library(
        video("older", "GX010500.MP4", created_at="2026-05-09T10:00:00Z"),
        video("newer", "GX010500.MP4", created_at="2026-05-21T19:30:30Z"),
        video("long", "GX010456.MP4", chapters=3),
        video("nameless", None, file_extension="MP4"),
    )

    assert stack.run().every_video_archived

    assert stack.object_keys() == [
        "gopro-videos/2026/05/GX010456.MP4",
        "gopro-videos/2026/05/GX010500.MP4",
        "gopro-videos/2026/05/GX010500_newer.MP4",
        "gopro-videos/2026/05/GX020456.MP4",
        "gopro-videos/2026/05/GX030456.MP4",
        "gopro-videos/2026/05/nameless.MP4",
    ]


def test_objects_carry_tags_encryption_and_the_checksum_that_the_tracker_has(stack: Stack) -> None:
    large = SourceFile(size_bytes=101_000_000, seed="large")
    stack.put_library(
        video("small"),
        SimulatedItem(media_id="large", filename="GX010002.MP4", created_at="2026-05-01T18:02:44Z", chapters=(large,)),
    )

    assert stack.run().every_video_archived

    s3 = stack.cloud.client("s3")
    for media_id, record in stack.tracker().items():
        where = {"Bucket": stack.output("ArchiveBucketName"), "Key": record["s3_key"]}
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(**where)["TagSet"]}
        head = s3.head_object(**where, ChecksumMode="ENABLED")
        (file,) = record["files"]
        assert tags == {"Source": "GoPro", "AutoSync": "True", "UploadDate": "2026-05-01"}
        assert head["ServerSideEncryption"] == "aws:kms"
        assert head["Metadata"]["media-id"] == media_id
        assert head["ChecksumCRC64NVME"] == file["M"]["checksum_crc64nvme"]["S"]
        assert head["ContentLength"] == int(record["file_size"])


def test_no_token_and_no_signed_url_is_in_the_history_of_a_run(stack: Stack) -> None:
    stack.put_library(video("good"), video("bad", "GX010002.MP4"))
    stack.gopro.set_faults(Fault(FaultName.MISSING_SOURCE, media_id="bad"))

    execution = stack.run()
    kept = stack.history(execution.arn)

    assert "good" in kept
    assert "SourceMissingError" in kept
    assert json.loads(stack.secret())["auth_token"] not in kept
    assert "Signature=" not in kept
    assert "auth_token" not in kept


def test_one_failing_video_is_marked_queued_and_announced_and_stops_no_other(stack: Stack, alerts: str) -> None:
    stack.put_library(video("good"), video("bad", "GX010002.MP4"), video("fine", "GX010003.MP4"))
    stack.gopro.set_faults(Fault(FaultName.MISSING_SOURCE, media_id="bad"))

    execution = stack.run()

    assert execution.output is not None
    assert execution.status == "SUCCEEDED"
    assert not execution.every_video_archived
    assert execution.output["status"] == "PARTIAL_FAILURE"
    assert (execution.output["synced"], execution.output["failed"]) == (2, 1)
    assert execution.output["failures"] == {"SourceMissingError": 1}
    record = stack.tracker()["bad"]
    assert record["status"] == "FAILED"
    assert record["error_type"] == "SourceMissingError"
    assert "gopro.com" in record["error_message"]
    assert record["retry_count"] == "1"
    assert "lease_owner" not in record
    (letter,) = stack.dead_letters()
    assert (letter["media_id"], letter["error"]) == ("bad", "SourceMissingError")
    (alert,) = stack.take_notices(alerts)
    assert "1 of 3" in alert["Subject"]
    assert "GX010002.MP4 (bad): SourceMissingError, attempt 1, due again from " in alert["Message"]
    assert "Open the item on gopro.com" in alert["Message"]


def test_a_video_that_failed_waits_for_its_time_and_a_redrive_brings_it_in_once_it_can_be(stack: Stack) -> None:
    stack.put_library(video("m1", chapters=3))
    stack.gopro.set_faults(Fault(FaultName.FEWER_SOURCES, media_id="m1"))
    stack.run()
    assert "2 of 3" in stack.tracker()["m1"]["error_message"]
    stack.gopro.set_faults()

    waiting = stack.run().output
    assert waiting is not None
    assert (waiting["new_count"], waiting["postponed"]) == (0, 1)

    execution = stack.run({"redrive": True})

    assert execution.every_video_archived
    assert stack.statuses() == {"m1": "COMPLETED"}
    assert not {"error_message", "next_attempt_after"} & stack.tracker()["m1"].keys()
    assert len(stack.object_keys()) == 3


def test_a_chapter_that_comes_after_its_video_was_archived_is_fetched_alone(stack: Stack) -> None:
    stack.put_library(video("m1", "GX010456.MP4", chapters=2))
    assert stack.run().every_video_archived
    before = stack.tracker()["m1"]
    stack.put_library(video("m1", "GX010456.MP4", chapters=3))

    second, third = stack.run(), stack.run()

    assert second.every_video_archived
    assert second.output is not None
    assert third.output is not None
    assert second.output["reopened"] == 1
    assert second.output["reopened_videos"] == [
        {"media_id": "m1", "reason": "GoPro lists 3 chapters, and showed 2 before"}
    ]
    record = stack.tracker()["m1"]
    assert (record["status"], record["files"][:2]) == ("COMPLETED", before["files"])
    assert len(stack.object_keys()) == 3
    assert (third.output["new_count"], third.output["reopened"], third.output["already_synced"]) == (0, 0, 1)


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([], id="empty library"),
        pytest.param(
            [
                SimulatedItem(media_id="photo", filename="GOPR0001.JPG", type="Photo"),
                SimulatedItem(media_id="edit", filename=None, type="MultiClipEdit"),
                SimulatedItem(media_id="later", ready_to_view="transcoding"),
                SimulatedItem(media_id="odd", ready_to_view="dreaming"),
            ],
            id="only what is skipped",
        ),
    ],
)
def test_a_run_with_nothing_to_do_succeeds_and_records_what_waits_alone(
    stack: Stack, items: list[SimulatedItem]
) -> None:
    stack.put_library(*items)

    execution = stack.run()

    assert execution.output is not None
    assert execution.every_video_archived
    assert execution.output["new_count"] == 0
    assert sum(execution.output["skipped"].values()) == len(items)
    assert stack.statuses() == {item.media_id: "PENDING" for item in items if item.media_id in {"later", "odd"}}
    assert stack.object_keys() == []


@pytest.mark.slow
def test_rows_of_one_second_that_change_places_hide_no_video_from_one_run(stack: Stack) -> None:
    photos = [
        SimulatedItem(media_id=f"p{number}", filename=f"GOPR{number:04}.JPG", type="Photo") for number in range(130)
    ]
    stack.put_library(*photos, *(video(f"v{number:02}", f"GX01{number:04}.MP4") for number in range(20)))
    stack.gopro.set_faults(Fault(FaultName.TIES_SHUFFLED), Fault(FaultName.GHOSTS_COUNTED))

    execution = stack.run()

    assert execution.output is not None
    assert (execution.status, execution.output["status"]) == ("SUCCEEDED", "PARTIAL_FAILURE")
    assert execution.output["synced"] == 20
    gap = {"stated": 151, "shown": 150, "nameless": 0, "refused_from": None, "is_news": True}
    assert execution.output["listing_gap"] == gap


@pytest.mark.slow
def test_odd_listing_values_stop_nothing(stack: Stack) -> None:
    stack.put_library(
        video("null-size", row_overrides={"file_size": None, "item_count": None, "source_duration": None}),
        video("text-size", "GX010002.MP4", row_overrides={"file_size": "98304", "item_count": "1"}),
        video("wrong-size", "GX010003.MP4", row_overrides={"file_size": 5}),
        video("empty-name", "", file_extension=None),
        video("hostile", "../../runs/x\u0000\n.MP4"),
        video("undated", "GX010004.MP4", row_overrides={"created_at": None, "captured_at": "0000-00-00T00:00:00Z"}),
    )

    assert stack.run().every_video_archived

    assert set(stack.statuses().values()) == {"COMPLETED"}
    assert len(stack.object_keys()) == 6
    assert "gopro-videos/undated/GX010004.MP4" in stack.object_keys()
    assert [key.rsplit("/", 1)[-1] for key in stack.object_keys("runs/")] == ["manifest.json"]
    assert len(stack.object_keys("summaries/")) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("not json, but still s3cret", "ConfigurationError"),
        ("[]", "ConfigurationError"),
        ('{"auth_token": ""}', "ConfigurationError"),
        ('{"auth_token": "fake-token", "expires_at": "2026-01-01T00:00:00Z"}', "AuthenticationError"),
        ('{"auth_token": "fake-token-that-gopro-does-not-know"}', "AuthenticationError"),
    ],
)
def test_a_secret_that_does_not_work_fails_the_run_says_why_and_damages_nothing(
    stack: Stack, alerts: str, value: str, error: str
) -> None:
    stack.put_library(video("m1"))
    stack.put_secret(value)

    execution = stack.run()

    assert (execution.status, execution.error) == ("FAILED", error)
    assert "secret" in str(execution.cause)
    assert value not in str(execution.cause)
    assert stack.statuses() == {}
    (alert,) = stack.take_notices(alerts)
    assert "Critical Failure" in alert["Subject"]
    assert error in alert["Message"]
    mending_command = f"./gopro-sync credentials set --secret-id {stack.output('CredentialsSecretArn')}"
    assert (mending_command in alert["Message"]) is (error == "AuthenticationError")


@pytest.mark.slow
def test_items_that_gopro_refuses_while_it_accepts_the_session_hold_nobody_up(stack: Stack) -> None:
    stack.put_library(*(video(f"m{n}", f"GX01000{n}.MP4") for n in range(1, 4)))
    stack.gopro.set_faults(
        Fault(FaultName.DEAD_TOKEN, endpoint=Endpoint.DOWNLOAD, media_id="m1", status=401),
        Fault(FaultName.SERVER_ERROR, endpoint=Endpoint.DOWNLOAD, media_id="m2", status=451),
    )

    execution = stack.run()

    assert execution.status == "SUCCEEDED"
    assert (execution.output or {})["failures"] == {"ItemRefusedError": 2}
    assert stack.statuses() == {"m1": "FAILED", "m2": "FAILED", "m3": "COMPLETED"}


@pytest.mark.slow
def test_without_permission_to_write_videos_the_run_fails_and_every_record_is_as_before(
    stack: Stack, alerts: str
) -> None:
    stack.put_library(video("failed", "GX010009.MP4"))
    stack.gopro.set_faults(Fault(FaultName.MISSING_SOURCE, media_id="failed"))
    stack.run()
    stack.gopro.set_faults()
    stack.take_notices(alerts)
    stack.put_library(
        video("failed", "GX010009.MP4"), video("m1"), video("m2", "GX010002.MP4"), video("m3", "GX010003.MP4")
    )
    before = stack.tracker()["failed"]
    iam = stack.cloud.client("iam")
    (role,) = [
        role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("gopro-video-downloader")
    ]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    narrowed = json.loads(json.dumps(document))
    for statement in narrowed["Statement"]:
        if isinstance(statement["Action"], list) and "s3:PutObject" in statement["Action"]:
            statement["Action"].remove("s3:PutObject")
    assert narrowed != document
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(narrowed))
    try:
        execution = stack.run({"redrive": True})
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))

    assert (execution.status, execution.error) == ("FAILED", "AccessDeniedError")
    (alert,) = stack.take_notices(alerts)
    assert "AccessDeniedError: AccessDenied: S3 refused PutObject, which needs s3:PutObject" in alert["Message"]
    assert "start the run again" in alert["Message"]
    after = stack.tracker()
    changed = {"execution_id", "sync_timestamp", "last_write"}
    assert {name: value for name, value in after["failed"].items() if name not in changed} == {
        name: value for name, value in before.items() if name not in changed
    }
    for media_id in ("m1", "m2", "m3"):
        assert (after[media_id]["status"], after[media_id]["retry_count"]) == ("PENDING", "0")
        assert not {"lease_owner", "error_type", "next_attempt_after"} & after[media_id].keys()
    plain = stack.run().output
    assert plain is not None
    assert (plain["synced"], plain["postponed"], plain["failed"]) == (3, 1, 0)
    assert stack.run({"redrive": True}).every_video_archived


@pytest.mark.slow
def test_the_figures_of_two_runs_at_once_add_up(stack: Stack) -> None:
    count = 12
    stack.put_library(*(video(f"m{n}", f"GX0100{n:02}.MP4") for n in range(count)))

    with ThreadPoolExecutor(max_workers=2) as threads:
        runs = list(threads.map(lambda _: stack.run(), range(2)))

    outputs = [run.output or {} for run in runs]
    assert sum(output["synced"] for output in outputs) == count
    for output in outputs:
        each = ("already_synced", "synced", "failed", "deferred", "postponed", "filtered", "unrecordable")
        assert sum(output[name] for name in each) == output["total_found"] == count
        assert output["deferred"] == output["held_by_another_run"]
    assert [run.verdict.code for run in runs] == [ExitCode.DONE, ExitCode.DONE]
    assert set(stack.statuses().values()) == {"COMPLETED"}


@pytest.mark.slow
def test_a_run_takes_no_more_videos_than_it_may_and_says_what_is_left(stack: Stack) -> None:
    stack.put_library(*[video(f"m{n}", f"GX01000{n}.MP4", created_at=f"2026-05-0{n}T00:00:00Z") for n in range(1, 6)])

    execution = stack.run({"max_videos": 2})

    assert execution.output is not None
    assert not execution.every_video_archived
    assert (execution.output["synced"], execution.output["deferred"]) == (2, 3)
    # Oldest first.
    assert stack.statuses() == {
        "m1": "COMPLETED",
        "m2": "COMPLETED",
        "m3": "PENDING",
        "m4": "PENDING",
        "m5": "PENDING",
    }


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return event


def test_the_functions_keep_the_specifications_contracts_when_invoked_by_themselves(stack: Stack) -> None:
    stack.put_library(video("64d2b7f0a1b2c3d4e5f60718", "GH010456.MP4"))
    secret = json.loads(stack.secret())

    authenticated, _ = stack.invoke("Authenticator", sample("authenticate.json"))
    ensured, _ = stack.invoke("Authenticator", sample("authenticator.json"))
    listed, _ = stack.invoke("MediaLister", sample("media-lister.json") | {"auth_token": secret["auth_token"]})
    (new_video,) = listed["new_videos"]
    event = sample("video-downloader.json") | {
        "auth_token": secret["auth_token"],
        "download_url": new_video["download_url"],
        "s3_bucket": stack.output("ArchiveBucketName"),
    }
    downloaded, error = stack.invoke("VideoDownloader", event)

    assert error is None, downloaded
    assert authenticated["statusCode"] == 200
    assert authenticated["auth_token"] == secret["auth_token"]
    assert authenticated["user_id"] == secret["user_id"]
    assert "expires_at" in authenticated
    assert ensured == {name: value for name, value in authenticated.items() if name != "auth_token"}
    assert (listed["statusCode"], listed["total_found"], listed["new_count"], listed["already_synced"]) == (
        200,
        1,
        1,
        0,
    )
    assert new_video["media_id"] == "64d2b7f0a1b2c3d4e5f60718"
    assert new_video["filename"] == "GH010456.MP4"
    assert new_video["file_size"] == 96 * KIB
    assert new_video["upload_date"] == "2026-05-01T18:02:44Z"
    assert downloaded["statusCode"] == 200
    # The tracker's key holds: the lister had recorded one by then.
    assert downloaded["s3_key"] == new_video["s3_key"] == "gopro-videos/2026/05/GH010456.MP4"
    assert downloaded["bytes_transferred"] == 96 * KIB
    assert downloaded["s3_etag"].startswith('"')
    assert downloaded["s3_arn"] == f"arn:aws:s3:::{stack.output('ArchiveBucketName')}/{downloaded['s3_key']}"
    assert downloaded["transfer_duration_seconds"] > 0
    assert downloaded["throughput_mbps"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "event"),
    [
        ("Authenticator", {"action": "destroy"}),
        ("MediaLister", {"max_videos": "all"}),
        ("VideoDownloader", {"media_id": "m1"}),
        ("VideoDownloader", "not an object"),
    ],
)
def test_an_event_of_the_wrong_shape_is_named_and_changes_nothing(stack: Stack, function: str, event: Any) -> None:
    answer, error = stack.invoke(function, event)

    assert error == "InvalidEventError"
    assert "events/" in answer["errorMessage"]
    assert stack.statuses() == {}


def test_a_dry_run_says_what_would_happen_and_changes_nothing(stack: Stack) -> None:
    stack.put_library(video("m1"), video("m2", "GX010002.MP4"))

    output = stack.run({"dry_run": True, "filters": {"media_ids": ["m2"]}}).output

    assert output is not None
    assert (output["status"], output["videos"], output["filtered"]) == ("DRY_RUN", 1, 1)
    assert output["bytes"] > 0
    assert 0 < output["cost_usd"] < 1
    assert [first["media_id"] for first in output["first_videos"]] == ["m2"]
    of_two = stack.run({"dry_run": True, "max_videos": 1}).output
    assert of_two is not None
    assert (of_two["videos"], of_two["remaining"], of_two["backlog"]["videos"]) == (1, 1, 2)
    assert of_two["backlog"]["bytes"] == of_two["bytes"] + output["bytes"]
    assert stack.statuses() == {}
    assert stack.object_keys() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run_input", "reported"),
    [({"dryrun": True}, "did you mean 'dry_run'?"), ([{"dry_run": True}], "not a JSON object")],
)
def test_a_run_that_is_asked_for_something_unknown_fails_and_takes_nothing(
    stack: Stack, run_input: Any, reported: str
) -> None:
    stack.put_library(video("m1"))

    execution = stack.run(run_input)

    assert (execution.status, execution.error) == ("FAILED", "InvalidEventError")
    assert reported in (execution.cause or "")
    assert stack.statuses() == {}


@pytest.mark.slow
def test_ids_that_the_library_does_not_know_are_named_in_the_result(stack: Stack) -> None:
    stack.put_library(video("m1"), video("m2", "GX010002.MP4"))

    output = stack.run({"filters": {"media_ids": ["m1", "gone"]}}).output

    assert output is not None
    assert (output["synced"], output["unavailable"]) == (1, 1)
    assert output["unavailable_videos"] == [{"media_id": "gone", "reason": "not_in_library"}]
    assert stack.statuses() == {"m1": "COMPLETED"}


@pytest.mark.slow
def test_a_run_takes_only_what_it_is_asked_for(stack: Stack) -> None:
    stack.put_library(
        video("old", created_at="2026-04-30T00:00:00Z"), video("new", "GX010002.MP4", created_at="2026-05-02T00:00:00Z")
    )

    output = stack.run({"filters": {"uploaded_since": "2026-05-01T00:00:00Z"}}).output

    assert output is not None
    assert (output["synced"], output["filtered"]) == (1, 1)
    assert stack.statuses() == {"new": "COMPLETED"}


@pytest.mark.slow
def test_a_backlog_drains_by_itself_in_runs_of_the_asked_size(stack: Stack) -> None:
    stack.put_library(*[video(f"m{n}", f"GX01000{n}.MP4", created_at=f"2026-05-0{n}T00:00:00Z") for n in range(1, 6)])

    looks: list[Progress] = []

    runs = running.run_with_successors(stack.cloud, {"max_videos": 2, "continue_backlog": True}, follow=looks.append)

    name = runs[0].arn.rsplit(":", 1)[-1]
    assert [one.arn.rsplit(":", 1)[-1] for one in runs] == [name, f"{name}-2", f"{name}-3"]
    assert {one.status for one in runs} == {"SUCCEEDED"}
    assert runs[-1].every_video_archived
    assert not any((run.output or {}).get("failed") for run in runs)
    assert (looks[-1].completed, looks[-1].total) == (5, 5)
    moved = [look.moved_bytes for look in looks]
    assert moved == sorted(moved)
    assert len(stack.object_keys()) == 5
