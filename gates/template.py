"""What is deployed, as gates and tests read it: template.yaml with its intrinsic functions, and sync.asl.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from botocore.loaders import create_loader

try:  # PyYAML's parser in C, ten times as fast; PyYAML that was built without libyaml has none
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

ROOT: Final = Path(__file__).parents[1]
ACCOUNT: Final = "123456789012"
REGION: Final = "eu-west-1"
NO_VALUE: Final = object()


class _TemplateLoader(SafeLoader):
    """YAML with CloudFormation's short tags, read into their long form."""


def _construct_intrinsic(loader: _TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise TypeError(f"!{suffix} on a mapping")
    return {"Ref" if suffix == "Ref" else f"Fn::{suffix}": value}


yaml.add_multi_constructor("!", _construct_intrinsic, Loader=_TemplateLoader)


@cache
def template() -> dict[str, Any]:
    """Return template.yaml; intrinsic functions are in their long form."""
    return read_template((ROOT / "template.yaml").read_text(encoding="utf-8"))


def read_template(text: str) -> dict[str, Any]:
    """Return a template from its YAML; intrinsic functions are in their long form."""
    document: dict[str, Any] = yaml.load(text, Loader=_TemplateLoader)  # noqa: S506  # nosec B506 - a safe loader
    return document


@cache
def state_machine_text() -> str:
    """Return sync.asl.json as it is in the repository, its substitutions not yet made."""
    return (ROOT / "statemachine" / "sync.asl.json").read_text(encoding="utf-8")


def state_machine(environment: str = "prod", *, region: str = REGION) -> dict[str, Any]:
    """Return the state machine as it is deployed with the default parameters."""
    values = Stack(region=region, Environment=environment).resolve(
        resource("SyncStateMachine")["DefinitionSubstitutions"]
    )
    text = re.sub(r"\$\{(\w+)\}", lambda match: str(values[match[1]]), state_machine_text())
    document: dict[str, Any] = json.loads(text)
    return document


def states(machine: Mapping[str, Any] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state of the state machine, those inside the map included, with its name."""
    for name, state in (machine or state_machine())["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def resource(logical_id: str) -> dict[str, Any]:
    """Return a resource's properties."""
    properties: dict[str, Any] = template()["Resources"][logical_id]["Properties"]
    return properties


def resources_of(type_name: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type, by logical id."""
    return {
        logical_id: definition["Properties"]
        for logical_id, definition in template()["Resources"].items()
        if definition["Type"] == type_name
    }


def roles_with_permissions() -> dict[str, dict[str, Any]]:
    """Return the properties of the roles with permissions; the one that delivers to Slack has none."""
    return {name: role for name, role in resources_of("AWS::IAM::Role").items() if "Policies" in role}


def dashboard_body() -> dict[str, Any]:
    """Return the dashboard as it is deployed with the default parameters."""
    body: dict[str, Any] = json.loads(Stack().resolve(resource("Dashboard"))["DashboardBody"])
    return body


@cache
def partitions() -> dict[str, tuple[str, str]]:
    """Return name and domain of the partition that each region belongs to, as botocore lists them."""
    listed = create_loader().load_data("endpoints")["partitions"]
    return {region: (item["partition"], item["dnsSuffix"]) for item in listed for region in item["regions"]}


def pseudo_parameters(region: str) -> dict[str, str]:
    """Return CloudFormation's own parameters in a region."""
    partition, domain = partitions()[region]
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::StackName": "gopro-s3-sync",
        "AWS::URLSuffix": domain,
    }


class Stack:
    """The template's values in a region, for given parameters, the others at their defaults.

    A resource's Ref is ``<logical id>`` and an attribute ``<logical id>.<attribute>``, except that a resource with a
    name of its own is known by it.
    """

    _NAMES: Final = ("BucketName", "TableName", "FunctionName", "TopicName", "QueueName", "RoleName", "Name")

    def __init__(self, *, region: str = REGION, **parameters: str) -> None:
        defaults = {name: str(definition["Default"]) for name, definition in template()["Parameters"].items()}
        self._values = pseudo_parameters(region) | defaults | parameters

    def name_of(self, logical_id: str) -> str:
        """Return the name that a resource gets, or its logical id where CloudFormation generates the name."""
        properties = template()["Resources"][logical_id]["Properties"]
        for field in self._NAMES:
            if field in properties:
                return str(self.resolve(properties[field]))
        return logical_id

    def resolve(self, value: Any) -> Any:
        """Evaluate all intrinsic functions in a value; NoValue disappears."""
        if isinstance(value, list):
            resolved = [self.resolve(item) for item in value]
            return [item for item in resolved if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (function, argument), *_ = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, argument)
        items = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not NO_VALUE}

    def _call(self, function: str, argument: Any) -> Any:
        match function:
            case "Ref":
                return NO_VALUE if argument == "AWS::NoValue" else self._reference(argument)
            case "Fn::GetAtt":
                return f"{argument[0]}.{argument[1]}"
            case "Fn::Sub":
                text, extra = (argument, {}) if isinstance(argument, str) else argument
                values = {name: self.resolve(item) for name, item in extra.items()}
                return re.sub(
                    r"\$\{([^}]+)\}", lambda m: str(values[m[1]] if m[1] in values else self._reference(m[1])), text
                )
            case "Fn::If":
                condition, if_true, if_false = argument
                return self.resolve(if_true if self.holds(condition) else if_false)
            case "Fn::Join":
                separator, parts = argument
                parts = self.resolve(parts)
                # A list parameter is given as its text, with commas.
                return separator.join(parts.split(",") if isinstance(parts, str) else parts)
            case "Fn::FindInMap":
                name, first, second = argument
                return template()["Mappings"][name][first][second]
        raise NotImplementedError(function)

    def _reference(self, name: str) -> str:
        if name in self._values:
            return str(self._values[name])
        return name if "." in name else self.name_of(name)

    def holds(self, condition: str) -> bool:
        """Return whether one of the template's conditions holds."""
        return self._holds(template()["Conditions"][condition])

    def _holds(self, condition: Any) -> bool:
        (function, argument), *_ = condition.items()
        if function == "Fn::Not":
            return not self._holds(argument[0])
        if function != "Fn::Equals":
            raise NotImplementedError(function)
        first, second = (str(self.resolve(item)) for item in argument)
        return first == second
