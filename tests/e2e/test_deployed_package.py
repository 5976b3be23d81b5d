"""What ``make package`` makes, deployed as a stranger does: its files in a bucket, and CloudFormation alone."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gopro_sync_cli.checkout import version
from lambda_package.stack_package import BUCKET_PARAMETER, TEMPLATE_FILE, make_stack_package
from local import cloud as local_cloud
from local.aws_client import shared_client
from local.deployment import STACK_NAME, stack_parameters
from local.simulator import SimulatorAdmin
from local.state import StateDirectory
from tests.e2e.conftest import REGION, Stack, video
from tests.support.plain_deployment import wait_for_stack

BUCKET = "a-bucket-of-mine"


@dataclass(frozen=True, slots=True)
class DeployedByCloudFormationAlone:
    """Deploys the unpacked package: its files under their default prefix, then one call.

    Attributes:
        folder: where it was unpacked, with one folder that has the package's name.
    """

    folder: Path

    def build(self, _directory: StateDirectory) -> None:
        """Build nothing: the package has the functions."""

    def deploy(
        self,
        _directory: StateDirectory,
        *,
        region: str,
        endpoint_url: str,
        ca_bundle: Path,
        parameters: Mapping[str, str],
    ) -> None:
        """Upload the files, and create the stack."""
        s3 = shared_client("s3", region=region, endpoint_url=endpoint_url, ca_bundle=ca_bundle)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region})
        files = [file for file in self.folder.rglob("*") if file.is_file()]
        keys = {file.name: file.relative_to(self.folder).as_posix() for file in files}
        for file in files:
            s3.put_object(Bucket=BUCKET, Key=keys[file.name], Body=file.read_bytes())
        cloudformation = shared_client("cloudformation", region=region, endpoint_url=endpoint_url, ca_bundle=ca_bundle)
        given = {**stack_parameters(parameters), BUCKET_PARAMETER: BUCKET}
        cloudformation.create_stack(
            StackName=STACK_NAME,
            TemplateURL=f"{endpoint_url}/{BUCKET}/{keys[TEMPLATE_FILE]}",
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        wait_for_stack(cloudformation)


@pytest.mark.timeout(600)
def test_cloudformation_alone_deploys_the_package_and_a_run_archives_a_video(tmp_path: Path) -> None:
    made = make_stack_package(tmp_path / "made")
    digest, name = made.digest_file.read_text(encoding="ascii").split()
    assert (hashlib.sha256(made.archive.read_bytes()).hexdigest(), made.archive.name) == (digest, name)
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(tmp_path / "unpacked")
    template = next((tmp_path / "unpacked").rglob(TEMPLATE_FILE))
    linter = Path(sys.executable).with_name("cfn-lint")
    checked = subprocess.run([linter, template], capture_output=True, text=True, check=False)
    assert checked.stdout + checked.stderr == ""

    deployer = DeployedByCloudFormationAlone(tmp_path / "unpacked")
    with local_cloud.running(
        owner="test", state_directory=tmp_path / "cloud", region=REGION, deployer=deployer
    ) as cloud:
        assert cloud.simulator_url is not None
        stack = Stack(cloud=cloud, gopro=SimulatorAdmin(cloud.simulator_url))
        stack.put_library(video("m1"))

        assert stack.run().every_video_archived
        assert stack.object_keys() == ["gopro-videos/2026/05/GX010001.MP4"]
        assert cloud.outputs["Version"] == version()
