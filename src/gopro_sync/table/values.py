"""DynamoDB's typed values, to and from plain ones.

boto3 has a module for this, but it loads the transfer manager and more with it: a twentieth of a cold start.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.errors import TrackerError
from gopro_sync.values.outside_values import table_number_or_none

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
_PYTHON_TYPES: Final[Mapping[str, type]] = {
    **dict.fromkeys(["S", "N"], str),
    **dict.fromkeys(["SS", "NS", "BS", "L"], list),
    "B": bytes,
    "BOOL": bool,
    "NULL": bool,
    "M": dict,
}


def to_attribute_values(values: Mapping[str, Any]) -> dict[str, AttributeValueTypeDef]:
    """Convert plain values by name to DynamoDB's; errors as with `to_attribute_value`."""
    return {name: to_attribute_value(value) for name, value in values.items()}


def from_attribute_values(attributes: object) -> dict[str, Any]:
    """Convert DynamoDB's values by name, such as an item, to plain ones; errors as with `from_attribute_value`."""
    if not isinstance(attributes, Mapping):
        raise TrackerError("DynamoDB sent something else than a record", is_unreadable=True)
    return {name: from_attribute_value(attribute) for name, attribute in attributes.items()}


def to_attribute_value(value: Any) -> AttributeValueTypeDef:
    """Convert a plain value to DynamoDB's.

    Raises:
        TypeError: the value is not text, a whole number, a truth value, None, a list or mapping of these, or a
            set of texts or whole numbers.
    """
    match value:
        case None | bool() | str() | int():
            return _to_scalar(value)
        case set() | frozenset():
            return _to_set(value)
        case list() | tuple():
            return {"L": [to_attribute_value(item) for item in value]}
        case Mapping():
            return {"M": {name: to_attribute_value(item) for name, item in value.items()}}
    raise TypeError(f"The tracker cannot store a {type(value).__name__}")


def _to_scalar(value: str | int | None) -> AttributeValueTypeDef:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case _:
            return {"N": str(value)}


def _to_set(members: Collection[object]) -> AttributeValueTypeDef:
    texts = [member for member in members if isinstance(member, str)]
    if texts and len(texts) == len(members):
        return {"SS": sorted(texts)}
    numbers = [member for member in members if isinstance(member, int)]
    if numbers and len(numbers) == len(members):
        return {"NS": [str(number) for number in sorted(numbers)]}
    raise TypeError("A set in the tracker must hold only texts, or only whole numbers, and at least one")


def from_attribute_value(attribute: object) -> Any:
    """Convert any value of DynamoDB's to a plain one; a number that is not whole becomes a Decimal.

    Raises:
        TrackerError: no type, a type unknown to this version, or a value that is not of its type.
    """
    kind, value = _typed(attribute)
    match kind:
        case "NULL":
            return None
        case "N":
            return _number(value)
        case "SS" | "BS" | "NS":
            return {from_attribute_value({kind[0]: item}) for item in value}
        case "L":
            return [from_attribute_value(item) for item in value]
        case "M":
            return {name: from_attribute_value(item) for name, item in value.items()}
    return value


def _typed(attribute: object) -> tuple[str, Any]:
    """Return the type that DynamoDB states, and the value, checked to be of it: botocore does not check JSON types."""
    if not isinstance(attribute, Mapping):
        raise TrackerError("DynamoDB sent a value without a type", is_unreadable=True)
    if len(attribute) != 1:
        raise TrackerError(f"DynamoDB sent a value of {len(attribute)} types", is_unreadable=True)
    ((kind, value),) = attribute.items()
    if kind not in _PYTHON_TYPES:
        raise TrackerError(f"DynamoDB sent a value of the unknown type {kind}", is_unreadable=True)
    if not isinstance(value, _PYTHON_TYPES[kind]):
        raise TrackerError(f"DynamoDB sent a value that is not of its type {kind}", is_unreadable=True)
    return kind, value


def _number(digits: object) -> int | Decimal:
    number = table_number_or_none(digits)
    if number is None:
        raise TrackerError("DynamoDB sent a number that cannot be read", is_unreadable=True)
    return number
