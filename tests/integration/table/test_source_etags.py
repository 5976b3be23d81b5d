"""The record of what a library's ETags prove, in a table of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from gopro_sync.table.source_etags import FILES_TO_DECIDE, FILES_TO_PROVE, EtagEvidence, SourceEtagRecord
from tests.support.lost_answers import LostAnswers
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "gopro-sync-tracker"
NOW: Final = datetime(2026, 5, 2, 1, 0, tzinfo=UTC)


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with tracker_table(TABLE) as client:
        yield client


@pytest.fixture
def record(dynamodb: DynamoDBClient) -> SourceEtagRecord:
    return SourceEtagRecord(dynamodb, TABLE, clock=lambda: NOW)


def test_without_a_record_nothing_is_known(record: SourceEtagRecord) -> None:
    assert record.known() == EtagEvidence()
    assert not record.known().are_proven
    assert not record.known().are_no_md5s


def test_matches_are_counted_with_their_part_sizes(record: SourceEtagRecord) -> None:
    for block_bytes in (20, 20, None, 100):
        record.note_match(block_bytes)
    assert record.known() == EtagEvidence(matched_files=4, block_sizes=frozenset({20, 100}))


def test_three_files_decide_and_the_run_of_the_third_is_named(record: SourceEtagRecord) -> None:
    reported = [record.note_mismatch(f"m{number}/1", run=f"run-{number}") for number in range(1, 6)]
    assert [evidence.are_no_md5s for evidence in reported] == [False, False, True, True, True]
    assert (record.known().decided_by, record.known().decided_at) == ("run-3", "2026-05-02T01:00:00Z")


def test_the_same_file_again_and_again_decides_nothing(record: SourceEtagRecord) -> None:
    for _ in range(FILES_TO_DECIDE + 1):
        assert not record.note_mismatch("m1/1", run="run-1").are_no_md5s


def test_a_single_match_among_many_mismatches_does_not_keep_hashing_going(record: SourceEtagRecord) -> None:
    record.note_match(20)
    reported = [record.note_mismatch(f"m{number}/1", run="run-1").are_no_md5s for number in range(11)]
    assert reported.index(True) == FILES_TO_DECIDE


def test_a_library_of_many_matches_is_not_given_up_for_a_few_others(record: SourceEtagRecord) -> None:
    for _ in range(FILES_TO_PROVE):
        record.note_match(20)
    assert record.known().are_proven
    assert record.note_mismatch("m1/1", run="run-1").are_proven
    for number in range(2, 6):
        evidence = record.note_mismatch(f"m{number}/1", run="run-1")
    assert not evidence.are_no_md5s
    assert not evidence.are_proven  # the next mismatch is no news


def test_what_is_remembered_of_mismatches_has_an_end(record: SourceEtagRecord) -> None:
    for _ in range(40):
        record.note_match(20)
    for number in range(103):
        evidence = record.note_mismatch(f"m{number}/1", run="run-1")
    assert len(evidence.mismatched_files) == 100


def test_who_deletes_the_record_lets_the_library_be_judged_anew(
    record: SourceEtagRecord, dynamodb: DynamoDBClient
) -> None:
    for number in range(3):
        record.note_mismatch(f"m{number}/1", run="run-1")
    dynamodb.delete_item(TableName=TABLE, Key={"media_id": {"S": "#source-etags"}})
    assert record.known() == EtagEvidence()


def test_what_somebody_wrote_by_hand_is_no_evidence(record: SourceEtagRecord, dynamodb: DynamoDBClient) -> None:
    odd = {"media_id": {"S": "#source-etags"}, "matched_files": {"S": "many"}, "mismatched_files": {"N": "3"}}
    dynamodb.put_item(TableName=TABLE, Item={**odd, "block_sizes": {"L": []}, "decided_at": {"BOOL": True}})
    assert record.known() == EtagEvidence()


def test_an_answer_that_is_lost_counts_nothing_twice(record: SourceEtagRecord, dynamodb: DynamoDBClient) -> None:
    record.note_match(20)
    lost = LostAnswers(dynamodb, "UpdateItem")
    record.note_match(20)
    assert (record.known().matched_files, lost.left) == (2, 0)
