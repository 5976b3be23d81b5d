"""The deployed stack: where its queue and its state machine are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from gopro_sync.aws.answers import code_of
from gopro_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def stack_outputs(cloudformation: CloudFormationClient, stack_name: str, *needed: str) -> Mapping[str, str]:
    """Return the outputs of a stack, by name.

    Args:
        cloudformation: the client.
        stack_name: the stack.
        needed: names of outputs.

    Raises:
        ConfigurationError: there is no such stack in this account and region, or it lacks a needed output.
    """
    try:
        (stack,) = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if code_of(error) == "ValidationError":
            raise ConfigurationError(
                f"There is no stack {stack_name!r} in this account and region; name yours with --stack-name"
            ) from error
        raise
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    if missing := sorted(set(needed) - outputs.keys()):
        raise ConfigurationError(
            f"The stack {stack_name!r} has no output {' and no output '.join(missing)}: it is of an older template, "
            "not deployed to its end, or another system's; deploy it, or name yours with --stack-name"
        )
    return outputs


def execution_arn(state_machine_arn: str, name: str) -> str:
    """Return the ARN that an execution of this name has; with an empty name, what all of them begin with."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"
