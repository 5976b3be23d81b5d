"""The stack without sam: its template made plain CloudFormation by samtranslator, its functions packed in this process.

Each of sam's commands takes seconds to import itself. What a stack does is the same: the template is translated by the
library that translates it on AWS (https://github.com/aws/serverless-application-model), the packages are made by the
recipe that ``sam build`` runs, and an end-to-end test holds both beside a deployment by sam itself.
"""

from __future__ import annotations

import fcntl
import json
import zipfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final

from botocore.exceptions import WaiterError
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

import lambda_package.build
from gates.template import state_machine_text, template
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
        s3.put_object(Bucket=BUCKET, Key=_TEMPLATE_KEY, Body=json.dumps(plain_template(region)).encode())

        cloudformation = shared_client("cloudformation", region=region, endpoint_url=endpoint_url, ca_bundle=ca_bundle)
        cloudformation.create_stack(
            StackName=STACK_NAME,
            TemplateURL=f"{endpoint_url}/{BUCKET}/{_TEMPLATE_KEY}",
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in stack_parameters(parameters).items()
            ],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        _wait_for_stack(cloudformation)


def plain_template(region: str = DEFAULT_REGION) -> dict[str, Any]:
    """Return template.yaml as CloudFormation sees it after SAM's transformation in a region."""
    document = deepcopy(template())
    document["Globals"]["Function"]["CodeUri"] = f"s3://{BUCKET}/{PACKAGE_KEY}"
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = f"s3://{BUCKET}/{DEFINITION_KEY}"
    return translate(document, region)


def translate(document: dict[str, Any], region: str = DEFAULT_REGION) -> dict[str, Any]:
    """Return what SAM's transformation makes of a template whose code is in S3."""
    # All that it asks of AWS is the region; else it would look for one in the machine's AWS settings.
    session = SimpleNamespace(region_name=region)
    translator = Translator(None, Parser(), boto_session=session)
    translated: dict[str, Any] = translator.translate(document, parameter_values={}, get_managed_policy_map=dict)
    return translated


def _pack(contents: Path, archive: Path) -> Path:
    lambda_package.build.build(
        source=REPOSITORY / "src", artifacts=contents, architecture=stack_parameters({})["Architecture"]
    )
    with zipfile.ZipFile(archive, "w") as packed:  # not compressed: it only goes from here to the engine
        for file in sorted(contents.rglob("*")):
            packed.write(file, file.relative_to(contents))
    return archive


def _wait_for_stack(cloudformation: Any) -> None:
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
