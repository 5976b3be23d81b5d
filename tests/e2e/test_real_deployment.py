"""A stack that sam itself builds and deploys, as ``make demo`` does and everybody who uses AWS.

Others: ``test_adopted_stack.py``, and in ``tests/integration/local`` what files sam leaves behind.
"""

from __future__ import annotations

import marshal
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from gates.template import read_template
from lambda_package.build import PACKAGE
from lambda_package.plain_template import translate
from local import cloud as local_cloud
from local.deployment import STACK_NAME
from local.simulator import SimulatorAdmin
from local.state import StateDirectory
from tests.e2e.conftest import Stack, packages, video
from tests.support.plain_deployment import PlainDeployment, template_of_tests

# Where sam has put what it packed.
ADDRESSES = {"Code", "DefinitionS3Location"}
PYC_HEADER_BYTES = 16  # https://peps.python.org/pep-0552/


def resources(document: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Each resource's type and properties; sam adds metadata of its own, which CloudFormation passes by."""
    return {
        logical_id: (
            resource["Type"],
            {name: value for name, value in resource["Properties"].items() if name not in ADDRESSES},
        )
        for logical_id, resource in document["Resources"].items()
    }


def contents(package: Path) -> dict[str, Any]:
    """What is in each file of a package, which is a zip file or the folder that one is made of."""
    if package.is_dir():
        files = (file for file in package.rglob("*") if file.is_file())
        return {(name := str(file.relative_to(package))): content(name, file.read_bytes()) for file in files}
    with zipfile.ZipFile(package) as archive:
        return {name: content(name, archive.read(name)) for name in archive.namelist() if not name.endswith("/")}


def content(name: str, data: bytes) -> Any:
    """The checksum, or of our bytecode the code: how it is written down depends on what else its process has loaded."""
    if name.startswith(f"{PACKAGE}/") and name.endswith(".pyc"):
        code = marshal.loads(data[PYC_HEADER_BYTES:])
        return data[:PYC_HEADER_BYTES], code, code.co_filename
    return zlib.crc32(data)


def test_what_sam_deploys_works_and_is_what_all_other_tests_run_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = StateDirectory(tmp_path_factory.mktemp("cloud"))
    quick = PlainDeployment(packages(tmp_path_factory))
    # A region that has to be opted in, which are those that AWS treats most strictly.
    with local_cloud.running(owner="test", state_directory=directory.path, region="eu-south-1") as cloud:
        assert cloud.simulator_url is not None
        stack = Stack(cloud=cloud, gopro=SimulatorAdmin(cloud.simulator_url))
        stack.put_library(video("m1"))

        assert stack.run().every_video_archived

        assert stack.object_keys() == ["gopro-videos/2026/05/GX010001.MP4"]
        assert cloud.outputs["StateMachineArn"].split(":")[3] == "eu-south-1"
        original = cloud.client("cloudformation").get_template(StackName=STACK_NAME, TemplateStage="Original")
        sent = translate(read_template(original["TemplateBody"]))
        assert resources(sent) == resources(template_of_tests())
        for section in ("Parameters", "Rules", "Conditions", "Mappings", "Outputs"):
            assert sent[section] == template_of_tests()[section]
        quick.build(directory)
        for function, (kind, _) in resources(sent).items():
            if kind == "AWS::Lambda::Function":
                assert contents(directory.build / function) == contents(quick.package)
