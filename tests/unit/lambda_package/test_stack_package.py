"""The package for CloudFormation alone: complete, the same each time, and new code under a new name."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lambda_package import stack_package
from lambda_package.build import PLATFORMS
from lambda_package.stack_package import BUCKET_PARAMETER, PREFIX_PARAMETER, StackPackage, pack
from tests.contract.test_plain_template import LARGEST_TEMPLATE_IN_A_REQUEST_BYTES, LARGEST_TEMPLATE_IN_S3_BYTES

FUNCTIONS = {"x86_64": b"code of x86_64", "arm64": b"code of arm64"}


def packed(folder: Path, functions: dict[str, bytes] = FUNCTIONS) -> StackPackage:
    return pack(folder, functions=functions, number="1.2.3")


def files(package: StackPackage) -> dict[str, bytes]:
    with zipfile.ZipFile(package.archive) as archive:
        assert all(name.startswith("gopro-s3-sync-1.2.3/") for name in archive.namelist())
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def template(package: StackPackage) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files(package)["template.json"])
    return document


def joined(value: Any, parameters: dict[str, str]) -> str:
    return "".join(parameters[part["Ref"]] if isinstance(part, dict) else part for part in value["Fn::Join"][1])


def keys(package: StackPackage, **parameters: str) -> set[str]:
    """The keys that the template has CloudFormation read in the bucket, for these parameters."""
    document = template(package)
    defaults = {name: item["Default"] for name, item in document["Parameters"].items() if "Default" in item}
    found = set()
    for resource in document["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Lambda::Function":
            assert properties["Code"]["S3Bucket"] == {"Ref": BUCKET_PARAMETER}
            found.add(joined(properties["Code"]["S3Key"], {**defaults, **parameters}))
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            assert properties["DefinitionS3Location"]["Bucket"] == {"Ref": BUCKET_PARAMETER}
            found.add(joined(properties["DefinitionS3Location"]["Key"], {**defaults, **parameters}))
    return found


@pytest.mark.parametrize("processor", PLATFORMS)
def test_all_that_the_template_reads_is_in_the_package_for_each_processor(processor: str, tmp_path: Path) -> None:
    package = packed(tmp_path)
    code, definition = sorted(key.partition("/")[2] for key in keys(package, Architecture=processor))
    assert keys(package, Architecture=processor) == {f"gopro-s3-sync-1.2.3/{name}" for name in (code, definition)}
    assert files(package)[code] == FUNCTIONS[processor]
    assert json.loads(files(package)[definition])["States"]


def test_the_files_may_lie_anywhere_in_the_bucket(tmp_path: Path) -> None:
    package = packed(tmp_path)
    assert keys(package, **{PREFIX_PARAMETER: ""}) < files(package).keys()
    assert all(key.startswith("a/b/") for key in keys(package, **{PREFIX_PARAMETER: "a/b/"}))


def test_the_same_code_makes_the_same_bytes_and_the_checksum_is_theirs(tmp_path: Path) -> None:
    first, again = packed(tmp_path / "first"), packed(tmp_path / "again")
    assert first.archive.read_bytes() == again.archive.read_bytes()
    digest = hashlib.sha256(first.archive.read_bytes()).hexdigest()
    assert first.digest_file.read_text() == f"{digest}  gopro-s3-sync-1.2.3.zip\n"


@pytest.mark.parametrize("processor", PLATFORMS)
def test_cloudformation_is_given_new_code_under_a_new_name(processor: str, tmp_path: Path) -> None:
    """It does not look into a file whose name it knows, and would leave the old code in place."""
    before, after = packed(tmp_path / "before"), packed(tmp_path / "after", {**FUNCTIONS, processor: b"new code"})
    assert len(keys(before) - keys(after)) == 1


def test_the_template_has_to_go_to_s3_and_the_instructions_say_so(tmp_path: Path) -> None:
    package = packed(tmp_path)
    document, text = files(package)["template.json"], files(package)["README.txt"].decode()
    assert LARGEST_TEMPLATE_IN_A_REQUEST_BYTES < len(document) <= LARGEST_TEMPLATE_IN_S3_BYTES
    assert "larger than CloudFormation takes in a request" in text
    assert all(command in text for command in package.commands)
    assert "$" not in text
    assert set(re.findall(r"\b(\w+)=", text)) - {"NAME"} <= template(package)["Parameters"].keys()


def test_nothing_in_it_belongs_to_the_build_or_to_sam(tmp_path: Path) -> None:
    text = files(packed(tmp_path))["template.json"].decode()
    assert not [word for word in ("Serverless", "BuildMethod", "ContextPath", "CodeUri") if word in text]


def test_lambda_can_read_the_functions_whoever_packed_them(tmp_path: Path) -> None:
    archive = tmp_path / "functions.zip"
    archive.write_bytes(stack_package.zipped({"module.py": b"code"}))
    with zipfile.ZipFile(archive) as opened:
        (entry,) = opened.infolist()
    assert stat.filemode(entry.external_attr >> 16) == "-rw-r--r--"
    assert entry.date_time == (1980, 1, 1, 0, 0, 0)
