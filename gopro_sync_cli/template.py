"""Read from the SAM template what is kept when its stack is deleted, and under which names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from gopro_sync.errors import ConfigurationError

try:  # PyYAML's parser in C, ten times as fast; PyYAML that was built without libyaml has none
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

# Of each type that the template keeps: the property that is its name. A key has none: it is found by what it encrypts.
_NAMES: Final = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::KMS::Key": None,
}
_KEEPING: Final = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResource:
    """A resource that stays when its stack is deleted.

    Attributes:
        logical_id: its name in the template.
        type: of CloudFormation's types.
        name: its name in the account; None where AWS makes one.
    """

    logical_id: str
    type: str
    name: str | None


class _Loader(SafeLoader):
    """YAML with CloudFormation's short tags, read into their long form."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise yaml.constructor.ConstructorError(None, None, f"!{suffix} on a mapping", node.start_mark)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


yaml.add_multi_constructor("!", _intrinsic, Loader=_Loader)


class Template:
    """A template with values for its parameters.

    Args:
        file: the template.
        parameters: values; the others are at their defaults.
        pseudo_parameters: ``AWS::Region``, ``AWS::AccountId`` and ``AWS::Partition``.

    Raises:
        ConfigurationError: the file cannot be read, or a parameter is not its own or out of its bounds.
    """

    def __init__(self, file: Path, *, parameters: Mapping[str, str], pseudo_parameters: Mapping[str, str]) -> None:
        try:
            with file.open(encoding="utf-8") as stream:
                self._document: dict[str, Any] = yaml.load(stream, Loader=_Loader)  # noqa: S506  # nosec B506 - a safe loader
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
        except yaml.YAMLError as error:
            raise ConfigurationError(f"{file} is not a template: {error}") from error
        declared = self._document["Parameters"]
        if unknown := sorted(parameters.keys() - declared.keys()):
            raise ConfigurationError(f"The template has no parameter {unknown[0]!r}")
        for name, value in parameters.items():
            _check_pattern(name, value, declared[name])
        defaults = {name: str(declaration["Default"]) for name, declaration in declared.items()}
        self._values = {**defaults, **parameters, **pseudo_parameters}

    def kept_resources(self) -> list[KeptResource]:
        """Return what stays in the account when the stack is deleted, in the template's order."""
        return [
            KeptResource(logical_id=logical_id, type=resource["Type"], name=self._name(resource))
            for logical_id, resource in self._document["Resources"].items()
            if resource.get("DeletionPolicy") in _KEEPING
        ]

    def value(self, parameter: str) -> str:
        """Return a parameter's value."""
        return self._values[parameter]

    def _name(self, resource: Mapping[str, Any]) -> str | None:
        field = _NAMES[resource["Type"]]
        return None if field is None else str(self._resolved(resource["Properties"][field]))

    def _resolved(self, value: Any) -> Any:
        """Evaluate the intrinsic functions that a name or a condition is made with."""
        if not isinstance(value, dict):
            return value
        ((function, argument),) = value.items()
        match function:
            case "Ref":
                return self._values[argument]
            case "Fn::Sub":
                text, extra = (argument, {}) if isinstance(argument, str) else argument
                values = {**self._values, **{name: self._resolved(item) for name, item in extra.items()}}
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(values[found[1]]), text)
            case "Fn::If":
                condition, if_true, if_false = argument
                return self._resolved(if_true if self._holds({"Condition": condition}) else if_false)
            case "Fn::Join":
                separator, parts = argument
                return separator.join(str(self._resolved(part)) for part in parts)
        raise NotImplementedError(f"a name is made with {function}")

    def _holds(self, condition: Mapping[str, Any]) -> bool:
        ((function, argument),) = condition.items()
        match function:
            case "Condition":
                return self._holds(self._document["Conditions"][argument])
            case "Fn::Not":
                return not self._holds(argument[0])
            case "Fn::And":
                return all(self._holds(part) for part in argument)
            case "Fn::Or":
                return any(self._holds(part) for part in argument)
            case "Fn::Equals":
                first, second = (str(self._resolved(part)) for part in argument)
                return first == second
        raise NotImplementedError(f"a condition is made with {function}")


def _check_pattern(name: str, value: str, declaration: Mapping[str, Any]) -> None:
    if not re.fullmatch(declaration.get("AllowedPattern", ".*"), value):
        raise ConfigurationError(f"{name} cannot be {value!r}: {declaration['ConstraintDescription']}")
