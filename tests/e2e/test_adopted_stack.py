"""A stack is deleted, and a new one goes on with what it has left, by sam's own commands."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gates.template import ROOT
from gopro_sync.errors import ConfigurationError
from gopro_sync_cli.adopt import Adopt
from gopro_sync_cli.rebuild import open_rebuild
from gopro_sync_cli.terminal_output import output_console
from local import cloud as local_cloud
from local import deployment
from local.cloud import Cloud
from local.simulator import SimulatorAdmin
from local.state import StateDirectory
from tests.e2e.conftest import Stack, video

PROFILE = f"""
version = 0.1
[default.global.parameters]
stack_name = "{deployment.STACK_NAME}"
parameter_overrides = ["Environment=local"]
"""


@pytest.mark.timeout(300)  # sam builds and deploys twice: on a busy machine, more than the two minutes of other tests
def test_what_a_deleted_stack_has_left_is_adopted_and_no_video_is_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with local_cloud.running(owner="test", state_directory=tmp_path / "cloud") as cloud:
        assert cloud.simulator_url is not None
        stack = Stack(cloud=cloud, gopro=SimulatorAdmin(cloud.simulator_url))
        stack.put_library(video("first", "GX010001.MP4"), video("second", "GX010002.MP4", chapters=2))
        stack.run()
        archived, records, secret = _archive(stack), stack.tracker(), stack.secret()
        assert stack.statuses() == {"first": "COMPLETED", "second": "COMPLETED"}
        held = _physical_ids(cloud)

        _delete(cloud)
        folder = tmp_path / "checkout"
        folder.mkdir()
        (folder / "samconfig.toml").write_text(PROFILE)
        (folder / "template.yaml").symlink_to(ROOT / "template.yaml")
        for name, value in cloud.environment().items():
            monkeypatch.setenv(name, value)

        def adopt() -> None:
            stated = output_console(sys.stdout)
            Adopt(folder, config_env="default", region=None, output=stated, errors=stated).run(yes=True, deploy=False)

        adopt()
        adopt()
        assert "has imported all that was kept" in capfd.readouterr().out
        _deploy(cloud)
        adopt()
        assert "already holds everything" in capfd.readouterr().out

        kept = ("ArchiveBucket", "AuditBucket", "TrackerTable", "EncryptionKey", "CredentialsSecret")
        holds = _physical_ids(cloud)
        assert {name: holds[name] for name in kept} == {name: held[name] for name in kept}
        assert (_archive(stack), stack.secret(), stack.tracker()) == (archived, secret, records)
        stack.gopro.clear_requests()
        stack.put_library(
            video("first", "GX010001.MP4"), video("second", "GX010002.MP4", chapters=2), video("third", "GX010003.MP4")
        )
        summary = stack.run().output
        assert summary is not None
        assert (summary["already_synced"], summary["new_count"], summary["synced"]) == (2, 1, 1)
        after = _archive(stack)
        assert {key: after[key] for key in archived} == archived
        assert stack.statuses() == dict.fromkeys(("first", "second", "third"), "COMPLETED")

        cloud.client("dynamodb").delete_table(TableName=stack.output("TrackerTableName"))
        with pytest.raises(ConfigurationError, match="The table is lost"):
            _rebuild(cloud)
        _delete(cloud)
        adopt()
        _deploy(cloud)
        assert stack.tracker() == {}
        foreseen = stack.run({"dry_run": True}).output
        assert foreseen is not None
        assert foreseen["found_without_record"] == 3
        _rebuild(cloud)
        assert "confirms: 3;" in capfd.readouterr().out
        assert stack.statuses() == dict.fromkeys(("first", "second", "third"), "COMPLETED")
        summary = stack.run().output
        assert summary is not None
        assert (summary["already_synced"], summary["new_count"], summary["bytes_transferred"]) == (3, 0, 0)
        assert _archive(stack) == after


def _archive(stack: Stack) -> dict[str, list[tuple[str, bytes]]]:
    """Return each video's versions, with their bytes."""
    s3, bucket = stack.cloud.client("s3"), stack.output("ArchiveBucketName")
    versions = s3.list_object_versions(Bucket=bucket, Prefix="gopro-videos/")["Versions"]
    archive: dict[str, list[tuple[str, bytes]]] = {}
    for version in versions:
        body = s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
        archive.setdefault(version["Key"], []).append((version["VersionId"], body))
    return archive


def _physical_ids(cloud: Cloud) -> dict[str, str]:
    resources = cloud.client("cloudformation").describe_stack_resources(StackName=deployment.STACK_NAME)
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in resources["StackResources"]}


def _delete(cloud: Cloud) -> None:
    client = cloud.client("cloudformation")
    client.delete_stack(StackName=deployment.STACK_NAME)
    client.get_waiter("stack_delete_complete").wait(
        StackName=deployment.STACK_NAME, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
    )


def _rebuild(cloud: Cloud) -> None:
    assert cloud.gopro_api_base_url is not None
    stated = output_console(sys.stdout)
    with open_rebuild(
        deployment.STACK_NAME, region=None, gopro_api_base_url=cloud.gopro_api_base_url, output=stated, errors=stated
    ) as command:
        command.run(is_dry_run=False, gopro_has_none=False)


def _deploy(cloud: Cloud) -> None:
    assert cloud.gopro_api_base_url is not None
    deployment.deploy(
        StateDirectory(cloud.state_directory),
        region=cloud.region,
        endpoint_url=cloud.endpoint_url,
        ca_bundle=cloud.ca_bundle,
        parameters={"GoProApiBaseUrl": cloud.gopro_api_base_url},
    )
