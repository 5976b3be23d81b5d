"""template.yaml, the package's recipe and the code agree on what is packed, for which processors."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any, Final

import botocore
import botocore.session
import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from gates.template import ROOT, Stack, template
from lambda_package.botocore_data import USED_OPERATIONS, USED_SERVICES, trim_botocore_data
from lambda_package.build import PLATFORMS
from tests.support.source_code import nodes

FUNCTIONS = [name for name, item in template()["Resources"].items() if item["Type"] == "AWS::Serverless::Function"]
UNTRIMMED = Path(botocore.__file__).parent / "data"
CALLS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "s3": ("head_object", {"Bucket": "a-bucket", "Key": "a/key"}),
    "dynamodb": ("update_item", {"TableName": "a-table", "Key": {"media_id": {"S": "m1"}}}),
    "secretsmanager": ("get_secret_value", {"SecretId": "a-secret"}),
    "sns": ("publish", {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:alerts", "Message": "text"}),
}


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("botocore") / "data"
    data.mkdir()
    for name in (*USED_SERVICES, "sqs"):
        shutil.copytree(UNTRIMMED / name, data / name)
    for file in UNTRIMMED.glob("*.json"):
        shutil.copy(file, data)
    trim_botocore_data(data)
    return data


def members(model: ServiceModel, shape_name: str) -> list[str]:
    return list(getattr(model.shape_for(shape_name), "members", []))


def address_called(session: botocore.session.Session, service: str, region: str) -> str:
    client: Any = session.create_client(service, region, aws_access_key_id="testing", aws_secret_access_key="testing")
    operation, parameters = CALLS[service]
    return str(client.generate_presigned_url(operation, parameters)).split("?")[0]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("architecture", template()["Parameters"]["Architecture"]["AllowedValues"])
def test_every_function_is_built_by_the_recipe_for_its_processor(function: str, architecture: str) -> None:
    metadata = Stack(Architecture=architecture).resolve(template()["Resources"][function]["Metadata"])
    makefile = (ROOT / metadata["ContextPath"] / "Makefile").read_text(encoding="utf-8")
    assert metadata["BuildMethod"] == "makefile"
    assert f'build.sh" {architecture} ' in makefile
    assert architecture in PLATFORMS


def test_the_package_describes_exactly_the_services_that_the_code_uses() -> None:
    clients = (ROOT / "src" / "gopro_sync" / "aws" / "clients.py").read_text(encoding="utf-8")
    assert set(re.findall(r'create_client\("(\w+)"', clients)) == USED_SERVICES
    elsewhere = [file for file in (ROOT / "src").rglob("*.py") if file.name != "clients.py"]
    assert not [file for file in elsewhere if "create_client(" in file.read_text(encoding="utf-8")]


def called_names() -> set[str]:
    """Whatever is called as a method in src, and what is named to a paginator or a signer."""
    names: set[str] = set()
    for _, node in nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names.add(node.func.attr)
            if node.func.attr in {"get_paginator", "generate_presigned_url"}:
                (operation, *_) = node.args
                assert isinstance(operation, ast.Constant)
                names.add(str(operation.value))
    return names


@pytest.mark.parametrize("service", sorted(USED_SERVICES))
def test_the_package_describes_every_operation_that_the_code_calls(service: str) -> None:
    every = botocore.session.get_session().get_service_model(service).operation_names
    others = {"HeadBucket"}  # what botocore calls by itself
    names = called_names()
    called = {operation for operation in every if xform_name(operation) in names}
    assert called - others == USED_OPERATIONS[service] - others


@pytest.mark.parametrize("service", sorted(USED_SERVICES))
def test_trimming_leaves_used_operations_their_shapes_and_endpoints_as_they_are(trimmed: Path, service: str) -> None:
    whole = botocore.session.get_session()
    cut = botocore.session.get_session()
    cut.register_component("data_loader", type("Trimmed", (Loader,), {"BUILTIN_DATA_PATH": str(trimmed)})())

    before, after = whole.get_service_model(service), cut.get_service_model(service)
    assert set(after.operation_names) == USED_OPERATIONS[service]
    for name in after.operation_names:
        assert after.operation_model(name).http == before.operation_model(name).http
        assert {shape.name for shape in after.operation_model(name).error_shapes} == {
            shape.name for shape in before.operation_model(name).error_shapes
        }
    for name in after.shape_names:
        assert members(after, name) == members(before, name)
    assert {shape.name for shape in after.error_shapes} == {shape.name for shape in before.error_shapes}
    for region in ("eu-central-1", "us-east-1", "cn-north-1", "us-gov-west-1"):
        addresses = {address_called(session, service, region) for session in (whole, cut)}
        assert len(addresses) == 1, addresses


def test_other_services_and_documentation_are_gone(trimmed: Path) -> None:
    assert {folder.name for folder in trimmed.iterdir() if folder.is_dir()} == USED_SERVICES
    texts = [file.read_text(encoding="utf-8") for file in trimmed.rglob("*.json")]
    assert not [text for text in texts if re.search(r'"documentation":"[^"]', text)]
    assert sum(map(len, texts)) < 450_000  # of 3.6 million
