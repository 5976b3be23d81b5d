"""What SAM's transformation makes of template.yaml: CloudFormation and Lambda see this, and limit it."""

from __future__ import annotations

import json
import tomllib
from typing import Any, Final

import pytest

from gates.template import ROOT, Stack, template
from tests.support.plain_deployment import template_of_tests

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LARGEST_TEMPLATE_IN_A_REQUEST_BYTES: Final = 51_200
LARGEST_TEMPLATE_IN_S3_BYTES: Final = 1_000_000
MOST_OF: Final = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST_VARIABLES_BYTES: Final = 4 * 1024


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return template_of_tests()


def of_type(document: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    found = {name: resource for name, resource in document["Resources"].items() if resource["Type"] == kind}
    return {name: resource["Properties"] for name, resource in found.items()}


def test_nothing_is_left_to_transform_and_only_the_limit_of_attempts_is_added(plain: dict[str, Any]) -> None:
    """A role or a permission that SAM adds by itself would be one that no test of the template looks at."""
    added = plain["Resources"].keys() - template()["Resources"].keys()
    functions = of_type(plain, "AWS::Lambda::Function")
    assert "Transform" not in plain
    assert template()["Resources"].keys() <= plain["Resources"].keys()
    assert not [name for name, resource in plain["Resources"].items() if "::Serverless::" in resource["Type"]]
    assert added == of_type(plain, "AWS::Lambda::EventInvokeConfig").keys()
    assert added == {f"{function}EventInvokeConfig" for function in functions}


def test_it_keeps_within_the_limits_of_cloudformation(plain: dict[str, Any]) -> None:
    assert len(json.dumps(plain, indent=2)) <= LARGEST_TEMPLATE_IN_S3_BYTES
    for section, most in MOST_OF.items():
        assert len(plain[section]) <= most


def test_it_goes_to_aws_by_s3_for_it_is_too_large_for_a_request() -> None:
    profiles = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    del profiles["version"]
    assert (ROOT / "template.yaml").stat().st_size > LARGEST_TEMPLATE_IN_A_REQUEST_BYTES
    assert {name: profile["deploy"]["parameters"]["resolve_s3"] for name, profile in profiles.items()} == dict.fromkeys(
        profiles, True
    )


def test_the_variables_of_a_function_fit_into_what_lambda_takes_at_their_longest(plain: dict[str, Any]) -> None:
    longest = dict.fromkeys(("MediaTypes", "GoProApiBaseUrl"), "x" * 250)
    stack = Stack(Environment="a" * 16, **longest)
    functions = of_type(plain, "AWS::Lambda::Function")
    assert functions
    for function in functions.values():
        variables = stack.resolve(function["Environment"]["Variables"])
        assert sum(len(name) + len(str(value)) for name, value in variables.items()) <= LARGEST_VARIABLES_BYTES
