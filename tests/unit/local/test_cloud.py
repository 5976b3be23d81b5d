"""A cloud that is not up, and what leads other programs to one that is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local import cloud
from local.cloud import Cloud
from local.errors import CredentialsFileError, NotRunningError
from local.processes import ProcessRecord
from local.state import CloudState, StateDirectory

_DEAD = ProcessRecord(name="engine", pid=2**22 + 1, started="1")  # no process can have this number on Linux


def _cloud(directory: Path) -> Cloud:
    return Cloud(
        state_directory=directory,
        endpoint_url="https://127.0.0.1:4566",
        ca_bundle=directory / "trust" / "ca-bundle.pem",
        region="us-east-1",
        gopro_api_base_url="http://127.0.0.1:4001",
        simulator_url="http://127.0.0.1:4001",
        outputs={"ArchiveBucketName": "bucket", "DeadLetterQueueUrl": "https://queue"},
    )


def test_the_environment_leads_to_the_engine_and_names_the_stacks_outputs(tmp_path: Path) -> None:
    environment = _cloud(tmp_path).environment()

    assert environment["AWS_ENDPOINT_URL"] == "https://127.0.0.1:4566"
    assert environment["GOPRO_SYNC_ARCHIVE_BUCKET_NAME"] == "bucket"
    assert environment["GOPRO_SYNC_DEAD_LETTER_QUEUE_URL"] == "https://queue"


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_every_kind_of_program_is_told_whom_to_trust(tmp_path: Path, variable: str) -> None:
    assert _cloud(tmp_path).environment()[variable] == str(tmp_path / "trust" / "ca-bundle.pem")


def test_a_cloud_that_was_never_started_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="python -m local up"):
        cloud.load(tmp_path)


def test_a_cloud_whose_engine_has_ended_is_not_running(tmp_path: Path) -> None:
    StateDirectory(tmp_path).write(replace(CloudState().with_process(_DEAD), outputs={"a": "b"}))

    with pytest.raises(NotRunningError, match="The engine has ended"):
        cloud.load(tmp_path)


def test_a_cloud_that_was_interrupted_while_it_came_up_is_not_running(tmp_path: Path) -> None:
    StateDirectory(tmp_path).write(CloudState())

    with pytest.raises(NotRunningError, match="interrupted"):
        cloud.load(tmp_path)


def test_stopping_what_is_not_up_does_nothing(tmp_path: Path) -> None:
    assert cloud.stop(tmp_path / "absent") is False


def test_stopping_removes_what_dead_processes_left(tmp_path: Path) -> None:
    StateDirectory(tmp_path).write(CloudState().with_process(_DEAD))

    assert cloud.stop(tmp_path) is True
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", ["", "fake-access-token", '["fake-access-token"]'], ids=["empty", "no JSON", "a list"]
)
def test_a_credentials_file_that_is_no_json_object_is_refused_before_anything_is_started(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(CredentialsFileError, match="one JSON object") as refusal:
        cloud.start(state_directory=tmp_path / "state", credentials=file)

    assert "fake-access-token" not in str(refusal.value)
    assert not (tmp_path / "state").exists()
