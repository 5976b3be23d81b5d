"""The template as CloudFormation gets it from SAM's transformation, by the library that AWS runs itself.

https://github.com/aws/serverless-application-model
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from types import SimpleNamespace
from typing import Any, Final

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tests.support.deployment import template

BUCKET: Final = "packages"
PACKAGE_KEY: Final = "package.zip"
DEFINITION_KEY: Final = "sync.asl.json"


@cache
def plain_template() -> dict[str, Any]:
    """Return the template without its transformation; the code of all functions is one package in S3."""
    document = deepcopy(template())
    document["Globals"]["Function"]["CodeUri"] = f"s3://{BUCKET}/{PACKAGE_KEY}"
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = f"s3://{BUCKET}/{DEFINITION_KEY}"
    # All that it asks of AWS is the region; else it would look for one in the machine's AWS settings.
    translator = Translator(None, Parser(), boto_session=SimpleNamespace(region_name="us-east-1"))
    plain: dict[str, Any] = translator.translate(document, parameter_values={}, get_managed_policy_map=dict)
    return plain
