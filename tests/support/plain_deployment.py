"""The stack without sam: its template as plain CloudFormation, its functions packed in this process.

Each of sam's commands takes seconds to import itself. What a stack does is the same: the template is translated by the
library that translates it on AWS (https://github.com/aws/serverless-application-model), the packages are made by the
recipe that ``sam build`` runs, and an end-to-end test holds both beside a deployment by sam itself.
"""

from __future__ import annotations

import fcntl
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from botocore.exceptions import WaiterError

import lambda_package.build
from gates.template import state_machine_text
from lambda_package.plain_template import ObjectInS3, plain_template
from local.aws_client import shared_client
from local.deployment import STACK_NAME, stack_parameters
from local.engine.environment import DEFAULT_REGION
from local.errors import DeploymentError
from local.state import REPOSITORY, StateDirectory

BUCKET: Final = "deployment-artifacts"
PACKAGE_KEY: Final = "package.zip"
DEFINITION_KEY: Final = "sync.asl.json"
_TEMPLATE_KEY: Final = "template.json"
_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class PlainDeployment:
    """Deploys as ``local.deployment`` does, without its programs.

    Attributes:
        folder: keeps the package; all processes of one test run share it.
    """

    folder: Path

    @property
    def package(self) -> Path:
        """What all functions get, after :meth:`build`."""
        return self.folder / PACKAGE_KEY

    def build(self, _directory: StateDirectory) -> None:
        """Pack the functions for this machine's processor, unless another process of this test run has done it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock, TemporaryDirectory(dir=self.folder) as place:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.package.exists():
                _pack(Path(place) / "package", Path(place) / PACKAGE_KEY).rename(self.package)

    def deploy(
        self,
        _directory: StateDirectory,
        *,
        region: str,
        endpoint_url: str,
        ca_bundle: Path,
        parameters: Mapping[str, str],
    ) -> None:
        """Create the stack."""
        s3 = shared_client("s3", region=region, endpoint_url=endpoint_url, ca_bundle=ca_bundle)
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != DEFAULT_REGION else {}
        s3.create_bucket(Bucket=BUCKET, **elsewhere)
        with self.package.open("rb") as package:
            s3.put_object(Bucket=BUCKET, Key=PACKAGE_KEY, Body=package)
        s3.put_object(Bucket=BUCKET, Key=DEFINITION_KEY, Body=state_machine_text().encode())
        s3.put_object(Bucket=BUCKET, Key=_TEMPLATE_KEY, Body=json.dumps(template_of_tests()).encode())

        cloudformation = shared_client("cloudformation", region=region, endpoint_url=endpoint_url, ca_bundle=ca_bundle)
        cloudformation.create_stack(
            StackName=STACK_NAME,
            TemplateURL=f"{endpoint_url}/{BUCKET}/{_TEMPLATE_KEY}",
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in stack_parameters(parameters).items()
            ],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        wait_for_stack(cloudformation)


def template_of_tests() -> dict[str, Any]:
    """Return template.yaml as plain CloudFormation, with its code where a deployment of tests has put it."""
    return plain_template(
        functions=ObjectInS3(bucket=BUCKET, key=PACKAGE_KEY), definition=ObjectInS3(bucket=BUCKET, key=DEFINITION_KEY)
    )


def _pack(contents: Path, archive: Path) -> Path:
    lambda_package.build.build(
        source=REPOSITORY / "src", artifacts=contents, architecture=stack_parameters({})["Architecture"]
    )
    with zipfile.ZipFile(archive, "w") as packed:  # not compressed: it only goes from here to the engine
        for file in sorted(contents.rglob("*")):
            packed.write(file, file.relative_to(contents))
    return archive


def wait_for_stack(cloudformation: Any) -> None:
    """Return when a stack is created.

    Raises:
        DeploymentError: it cannot be; with what failed.
    """
    attempts = int(_PATIENCE_SECONDS / _POLL_SECONDS)
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=STACK_NAME, WaiterConfig={"Delay": _POLL_SECONDS, "MaxAttempts": attempts}
        )
    except WaiterError as error:
        events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
        failed = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED")
        ]
        raise DeploymentError("The stack could not be created\n  " + "\n  ".join(failed)) from error
