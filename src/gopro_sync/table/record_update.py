"""One write to one record of the table: an update, usually conditional, and its outcome.

An answer can be lost on its way, and the client then sends the same write again. Its condition may no longer hold,
because the write itself has changed the record. So each write leaves a mark of its own in the record: it is not made
twice, and a refusal caused by an earlier try of the same write counts as success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

from tenacity import Retrying, retry_if_exception, stop_after_attempt

from gopro_sync.aws.answers import ExpectedRefusal, ExpectedRefusalError, Service, answer_of
from gopro_sync.errors import TrackerError
from gopro_sync.table.values import from_attribute_values, to_attribute_values
from gopro_sync.telemetry.retries import retry_logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


_MARK: Final = "last_write"
# The mark makes a repetition harmless. botocore retries what is refused or lost, but not what nobody can read.
_TRIES_OF_UNREADABLE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOutcome:
    """The outcome of an update.

    Attributes:
        is_done: whether the condition held, and the record was written.
        record: if it was, what was requested (after a lost answer, the record as it is); otherwise the record as it is,
            empty if there is none.
    """

    is_done: bool
    record: Mapping[str, Any]


def update_record(
    client: DynamoDBClient,
    table_name: str,
    key: str,
    expression: str,
    values: Mapping[str, Any],
    *,
    condition: str | None = None,
    names: Mapping[str, str] | None = None,
    returns: Literal["NONE", "ALL_OLD", "ALL_NEW"] = "NONE",
    media_id: str | None = None,
) -> UpdateOutcome:
    """Update a record if a condition holds.

    Args:
        client: a DynamoDB client.
        table_name: the table.
        key: the record's key.
        expression: the update.
        values: plain values for its placeholders and those of the condition.
        condition: what must hold of the record; None writes it unconditionally.
        names: attribute names for their placeholders.
        returns: which record to return: none, the one before or the one after.
        media_id: the video that an error names.

    Raises:
        AccessDeniedError: the role may not do it.
        ConfigurationError: there is no such table.
        TrackerError: DynamoDB failed after botocore's own retries.
    """
    this_write = uuid4().hex
    request: dict[str, Any] = {
        "TableName": table_name,
        "Key": to_attribute_values({"media_id": key}),
        "UpdateExpression": _marked(expression),
        "ExpressionAttributeValues": to_attribute_values({**values, ":this_write": this_write}),
        # Not "NONE": then the genuine answer to a write is empty, and an empty answer could be anything.
        "ReturnValues": "UPDATED_NEW" if returns == "NONE" else returns,
    }
    if names:
        request["ExpressionAttributeNames"] = names
    if condition is not None:
        not_made_yet = f"(attribute_not_exists({_MARK}) OR {_MARK} <> :this_write)"
        request |= {
            "ConditionExpression": f"({condition}) AND {not_made_yet}",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    retrying = Retrying(
        retry=retry_if_exception(_says_nothing),
        stop=stop_after_attempt(_TRIES_OF_UNREADABLE),
        before_sleep=retry_logger("write a record"),
        reraise=True,
    )
    outcome = retrying(_outcome, client, request, this_write, media_id)
    return replace(outcome, record={}) if outcome.is_done and returns == "NONE" else outcome


def _says_nothing(error: BaseException) -> bool:
    """Return whether the answer shows neither the outcome of the write nor, if it was refused, the reason."""
    return isinstance(error, TrackerError) and (error.is_unreadable or error.if_it_persists is not None)


def _outcome(
    client: DynamoDBClient, request: Mapping[str, Any], this_write: str, media_id: str | None
) -> UpdateOutcome:
    try:
        with answer_of(Service.DYNAMODB, "UpdateItem", ExpectedRefusal.CONDITION_FAILED, media_id=media_id) as call:
            answer = client.update_item(**request)
            # There may have been no record before; now there is one.
            before = request.get("ReturnValues") == "ALL_OLD"
            record = from_attribute_values(answer.get("Attributes", {}) if before else call.field(answer, "Attributes"))
    except ExpectedRefusalError as refused:
        record = from_attribute_values(refused.answer.get("Item", {}))
        return UpdateOutcome(is_done=record.get(_MARK) == this_write, record=record)
    return UpdateOutcome(is_done=True, record=record)


def _marked(expression: str) -> str:
    """Return the update with the mark added; an update has at most one SET clause."""
    mark = f"SET {_MARK} = :this_write"
    return f"{mark}, {expression.removeprefix('SET ')}" if expression.startswith("SET ") else f"{mark} {expression}"
