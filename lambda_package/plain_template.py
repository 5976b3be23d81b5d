"""template.yaml as plain CloudFormation: SAM's transformation is applied, and all code comes from S3.

It is applied by the library that AWS applies it with (https://github.com/aws/serverless-application-model), so that who
deploys the result needs neither SAM nor the right to run its transformation.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from gates.template import template

# What only `sam build` reads.
_OF_THE_BUILD: Final = ("BuildMethod", "ContextPath")
_ANY_ADDRESS: Final = "s3://bucket/key"
# What is translated is the same in every region (held by a contract test); the translator asks for one all the same.
_ANY_REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInS3:
    """Where CloudFormation finds a file: texts, or intrinsic functions that give them.

    Attributes:
        bucket: its bucket.
        key: its key.
    """

    bucket: str | Mapping[str, Any]
    key: str | Mapping[str, Any]


def plain_template(*, functions: ObjectInS3, definition: ObjectInS3) -> dict[str, Any]:
    """Return template.yaml as plain CloudFormation.

    Args:
        functions: the zip file with the code of the functions, which is the same for all of them.
        definition: the state machine's definition, before its substitutions.
    """
    document = deepcopy(template())
    document["Globals"]["Function"]["CodeUri"] = _ANY_ADDRESS
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = _ANY_ADDRESS
    document = translate(document)
    for resource in document["Resources"].values():
        # Written in afterwards, since SAM evaluates some intrinsic functions in addresses by itself.
        match resource["Type"]:
            case "AWS::Lambda::Function":
                resource["Properties"]["Code"] = {"S3Bucket": functions.bucket, "S3Key": functions.key}
                for name in _OF_THE_BUILD:
                    resource["Metadata"].pop(name)
            case "AWS::StepFunctions::StateMachine":
                resource["Properties"]["DefinitionS3Location"] = {"Bucket": definition.bucket, "Key": definition.key}
    return document


def translate(document: dict[str, Any], region: str = _ANY_REGION) -> dict[str, Any]:
    """Return what SAM's transformation makes of a template whose code is in S3.

    Args:
        document: the template; it is changed.
        region: where it would be deployed.
    """
    # All that it asks of AWS is the region; else it would look for one in the machine's AWS settings.
    session = SimpleNamespace(region_name=region)
    translator = Translator(None, Parser(), boto_session=session)
    translated: dict[str, Any] = translator.translate(document, parameter_values={}, get_managed_policy_map=dict)
    return translated
