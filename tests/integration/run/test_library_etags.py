"""A library whose ETags at GoPro are no MD5s, or whose were, until one was not: through the nights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any, Final

import pytest

from gopro_sync.archive.integrity import SourceEtagProof
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.errors import TrackerError
from gopro_sync.run.notices import notice_of
from gopro_sync.run.video import VideoResult, VideoStatus
from gopro_sync.table.source_etags import ETAGS_KEY, FILES_TO_PROVE, SourceEtagRecord
from local.simulator import SourceFile
from local.simulator.cloud import SimulatedCloud
from tests.integration.run import test_video_archiving
from tests.integration.run.test_video_archiving import LARGE, MIB, TABLE, World, recording

world = test_video_archiving.world


@pytest.fixture
def random_etags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file keeps its ETag, and it says nothing of the bytes."""

    def etag(_: SimulatedCloud, file: SourceFile) -> str:
        digest = hashlib.sha256(str(file.seed).encode()).hexdigest()[:32]
        parts = -(-file.size_bytes // (5 * MIB))
        return f'"{digest}-{parts}"'

    monkeypatch.setattr(SimulatedCloud, "etag", etag)


def night(world: World, owner: str) -> list[VideoResult]:
    """Archives what is due, each video by an invocation of its own."""
    found = world.discover(owner=owner)
    return [world.archive(replace(found, videos=(video,)), owner=owner) for video in found.videos]


def proofs(results: list[VideoResult]) -> list[str]:
    assert {result.status for result in results} == {VideoStatus.COMPLETED}
    return [file.etag_proof for result in results for file in result.files]


@pytest.mark.usefixtures("random_etags")
def test_every_video_is_archived_and_the_second_night_hashes_nothing(world: World) -> None:
    world.verifies_etags = True
    library = [recording(MIB + number, media_id=f"m{number}") for number in range(3)]
    library.append(recording(LARGE, MIB, media_id="m3"))
    world.put(*library)

    first = night(world, "run-1")
    decided_after_first = world.etag_record.known()
    world.put(*library, recording(MIB, media_id="m8"), recording(LARGE, media_id="m9"))
    second = night(world, "run-2")

    assert len(first) == 4
    assert proofs(first)[:3] == [SourceEtagProof.REREAD_EQUAL] * 3
    assert set(proofs(first)) <= {SourceEtagProof.REREAD_EQUAL, SourceEtagProof.NOT_CHECKED}
    assert proofs(second) == [SourceEtagProof.NOT_CHECKED] * 2
    assert (decided_after_first.decided_by, world.etag_record.known()) == ("run-1", decided_after_first)


def test_etags_that_are_md5s_are_counted_with_their_part_size(world: World) -> None:
    world.verifies_etags = True
    world.put(recording(MIB, media_id="m1"), recording(LARGE + MIB, media_id="m2"))

    results = night(world, "run-1")

    assert proofs(results) == [SourceEtagProof.MATCHED] * 2
    assert world.etag_record.known().matched_files == 2
    assert world.etag_record.known().block_sizes == {20 * MIB}


def test_a_mismatch_where_many_have_matched_is_archived_and_raises_the_alarm_of_a_changed_api(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.verifies_etags = True
    for _ in range(FILES_TO_PROVE):
        world.etag_record.note_match(20 * MIB)
    monkeypatch.setattr(SimulatedCloud, "etag", lambda *_: f'"{"0" * 32}-1"')
    world.put(recording(MIB))

    assert proofs(night(world, "run-1")) == [SourceEtagProof.REREAD_EQUAL]

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["ApiDrift"] for line in lines if "ApiDrift" in line] == [[1.0]]


@pytest.mark.slow
def test_two_gigabytes_in_five_invocations_are_proved_by_their_etag(world: World) -> None:
    world.verifies_etags, world.s3.keeps_data = True, False
    world.limits, world.workers = PartLimits(), 8
    world.put(recording(2_000_000_000))
    found = world.discover()
    results: list[VideoResult] = []

    def seconds_left() -> float:
        return 900.0 if len(results) == 4 or len(world.s3.parts_sent()) < 10 * (len(results) + 1) else 0.0

    world.seconds_left = seconds_left
    while len(results) < 5:
        results.append(world.archive(found))

    assert [result.status for result in results] == [VideoStatus.IN_PROGRESS] * 4 + [VideoStatus.COMPLETED]
    assert all(result.bytes_sent > 100 * MIB for result in results)
    assert sum(result.bytes_sent for result in results) == 2_000_000_000
    assert [file.etag_proof for file in results[-1].files] == [SourceEtagProof.MATCHED]
    assert world.s3.count("CreateMultipartUpload") == 1


def test_a_table_that_fails_for_the_evidence_fails_no_video(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TrackerError("DynamoDB failed")

    monkeypatch.setattr(SourceEtagRecord, "known", fail)
    monkeypatch.setattr(SourceEtagRecord, "note_match", fail)
    world.verifies_etags = True
    world.put(recording(MIB))

    assert proofs(night(world, "run-1")) == [SourceEtagProof.MATCHED]


@pytest.mark.parametrize("field", ["matched_files", "block_sizes"])
def test_a_record_that_was_changed_by_hand_fails_no_video(world: World, field: str) -> None:
    """DynamoDB refuses to add to what is no number, and no set."""
    world.dynamodb.put_item(TableName=TABLE, Item={"media_id": {"S": ETAGS_KEY}, field: {"S": "many"}})
    world.verifies_etags = True
    world.put(recording(LARGE + MIB))

    assert proofs(night(world, "run-1")) == [SourceEtagProof.MATCHED]


SUMMARY: Final[dict[str, Any]] = {
    "execution_id": "arn:aws:states:eu-central-1:123456789012:execution:gopro-sync-orchestrator:night",
    "status": "SUCCESS",
    "stopped_by": None,
    "started_at": "2026-03-01T02:00:00.000Z",
    "duration_seconds": 100,
    "total_found": 4,
    "already_synced": 0,
    "new_count": 4,
    "bytes_transferred": 5_000_000,
    "synced": 4,
    "failed": 0,
    "deferred": 0,
    "failures": {},
    "failed_videos": [],
}


def test_one_notice_says_that_nothing_is_wrong_and_what_brings_it_back() -> None:
    decided = notice_of(
        SUMMARY | {"source_etags_decided": True}, None, environment="production", tracker_table_name=TABLE
    )
    assert notice_of(SUMMARY, None, environment="production", tracker_table_name=TABLE) is None
    assert decided is not None
    assert "ETags" in decided.subject
    assert "#source-etags" in decided.text
    assert "What to do: nothing" in decided.text
