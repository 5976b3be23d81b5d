"""The deployed stack: where its queue and its state machine are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gopro_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def stack_outputs(cloudformation: CloudFormationClient, stack_name: str) -> Mapping[str, str]:
    """Return the outputs of a stack, by name.

    Raises:
        ConfigurationError: there is no such stack in this account and region.
    """
    try:
        (stack,) = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        answer: Any = error.response["Error"]
        if answer["Code"] == "ValidationError":
            raise ConfigurationError(
                f"There is no stack {stack_name!r} in this account and region; name yours with --stack-name"
            ) from error
        raise
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
