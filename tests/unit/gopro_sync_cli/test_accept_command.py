"""``./gopro-sync accept``: what a person calls all there is of a video, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TextIO

import boto3
import pytest
import typer
from typer import testing
from typer.testing import CliRunner, Result

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.table.transfer_items import item_of_file
from gopro_sync.table.values import to_attribute_values
from gopro_sync_cli import __main__ as command_line
from tests.support.lost_answers import LostAnswers
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "gopro-sync-tracker"
FILE: Final = ArchivedFile(
    item_number=1,
    s3_key="gopro-videos/2026/05/GX010456.MP4",
    size_bytes=1000,
    source_etag=None,
    s3_etag="bb-1",
    checksum_crc64nvme="AAAAAAAAAAA=",
    etag_proof="MATCHED",
)
CALLER: Final = "arn:aws:sts::123456789012:assumed-role/Operator/ann"


class Setting:
    """The command, the table that moto has, and a person at a terminal."""

    def __init__(self, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dynamodb = dynamodb
        self.has_terminal = True
        self.when_asked: Any = lambda: None
        monkeypatch.setattr(boto3, "Session", lambda region_name=None: self)
        confirm = typer.confirm

        def asked(*arguments: Any, **options: Any) -> bool:
            self.when_asked()
            return bool(confirm(*arguments, **options))

        monkeypatch.setattr(typer, "confirm", asked)

        def is_terminal(stream: TextIO) -> bool:
            return stream.name == "<stdin>" and self.has_terminal

        monkeypatch.setattr(testing._NamedTextIOWrapper, "isatty", is_terminal)

    def client(self, service: str) -> Any:
        return {"dynamodb": self.dynamodb}.get(service, self)

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        outputs = [{"OutputKey": "TrackerTableName", "OutputValue": TABLE}]
        return {"Stacks": [{"Outputs": outputs}]}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": CALLER}

    def put(self, media_id: str, **fields: Any) -> None:
        item = {
            "media_id": media_id,
            "status": "FAILED",
            "error_type": "IncompleteSourceError",
            "error_message": "GoPro lists more than it offers.",
            "filename": "GX010456.MP4",
            "s3_key": FILE.s3_key,
            "file_size": 4000,
            "files": [item_of_file(FILE)],
            "retry_count": 2,
            "next_attempt_after": "2026-06-01T00:00:00Z",
            **fields,
        }
        self.dynamodb.put_item(TableName=TABLE, Item=to_attribute_values(item))

    def record(self, media_id: str) -> dict[str, Any]:
        item = self.dynamodb.get_item(TableName=TABLE, Key={"media_id": {"S": media_id}})["Item"]
        return {name: next(iter(value.values())) for name, value in item.items()}

    def run(self, *arguments: str, answer: str = "y\n") -> Result:
        return CliRunner().invoke(command_line.app, ["accept", *arguments], input=answer)


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    with tracker_table(TABLE) as dynamodb:
        yield Setting(dynamodb, monkeypatch)


@pytest.mark.parametrize(
    "error_type",
    ["IncompleteSourceError", "ItemRefusedError", "MediaGoneError", "SourceLostError", "SourceMissingError"],
)
def test_an_incomplete_video_is_completed_with_what_there_is_and_who_said_so_is_kept(
    setting: Setting, error_type: str
) -> None:
    setting.put("m1", error_type=error_type)

    result = setting.run("m1")

    assert result.exit_code == 0, result.output
    assert "m1 (GX010456.MP4): 1000 of 4000 bytes in 1 file" in result.output
    assert "m1: accepted with 1000 of 4000 bytes in 1 file." in result.output
    record = setting.record("m1")
    assert (record["status"], record["file_size"], len(record["files"])) == ("COMPLETED", "4000", 1)
    accepted = {name: next(iter(value.values())) for name, value in record["accepted"].items()}
    assert (accepted["by"], accepted["archived_bytes"], accepted["instead_of"]) == (CALLER, "1000", error_type)
    assert accepted["at"].endswith("Z")
    assert not {"error_type", "error_message", "next_attempt_after"} & record.keys()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"status": "COMPLETED"}, "It is COMPLETED"),
        ({"status": "IN_PROGRESS"}, "It is IN_PROGRESS"),
        ({"error_type": "IntegrityError"}, "It failed with IntegrityError"),
        ({"error_type": "KeyConflictError"}, "It failed with KeyConflictError"),
        ({"files": []}, "Nothing of it is archived"),
        ({"files": [], "error_type": "SourceMissingError"}, "Nothing of it is archived"),
    ],
)
def test_what_is_no_incomplete_video_stays_as_it_is_and_the_others_are_accepted(
    setting: Setting, fields: dict[str, Any], says: str
) -> None:
    setting.put("odd", **fields)
    setting.put("m1")
    before = setting.record("odd")

    result = setting.run("odd", "m1", "nobody")

    assert result.exit_code == 3
    assert f"odd: not accepted. {says}" in result.output
    assert "nobody: not accepted. The tracker has no record of it." in result.output
    assert setting.record("odd") == before
    assert setting.record("m1")["status"] == "COMPLETED"


@pytest.mark.parametrize(("answer", "has_terminal", "exit_code"), [("n\n", True, 1), ("", True, 1), ("", False, 2)])
def test_nothing_is_accepted_without_a_yes(
    setting: Setting, answer: str, *, has_terminal: bool, exit_code: int
) -> None:
    setting.put("m1")
    setting.has_terminal = has_terminal
    assert setting.run("m1", answer=answer).exit_code == exit_code
    assert setting.record("m1")["status"] == "FAILED"
    assert setting.run("m1", "--yes", answer="").exit_code == 0


def test_a_video_that_a_run_takes_meanwhile_is_left_to_it(setting: Setting) -> None:
    setting.put("m1")
    setting.when_asked = lambda: setting.put("m1", status="IN_PROGRESS", lease_owner="run-2")
    result = setting.run("m1")
    assert result.exit_code == 3
    assert "A run has changed the record meanwhile" in result.output
    assert setting.record("m1")["status"] == "IN_PROGRESS"


def test_an_answer_that_is_lost_does_not_make_it_a_refusal(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    setting.put("m1")
    lost = LostAnswers(setting.dynamodb, "UpdateItem")
    assert setting.run("m1", "--yes").exit_code == 0
    assert lost.left == 0


@pytest.mark.parametrize("nonsense", ["", " ", "a b", "a\nb", "x" * 3000])
def test_what_is_no_media_id_is_wrong_use(nonsense: str) -> None:
    result = CliRunner().invoke(command_line.app, ["accept", nonsense, "--yes"])

    assert result.exit_code == 2
    assert f"{nonsense!r} is no media id" in result.stderr
