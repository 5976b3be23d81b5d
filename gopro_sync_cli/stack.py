"""Find the deployed stack that a command is about, by its name or its secret, with its outputs and parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync.aws.answers import code_of
from gopro_sync.errors import ConfigurationError
from gopro_sync_cli.option_defaults import STACK_VARIABLE

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_SECRET_OUTPUT: Final = "CredentialsSecretArn"  # noqa: S105 - the name of an output
# No other system's stack has all of these.
_OUTPUTS_OF_OURS: Final = frozenset({_SECRET_OUTPUT, "TrackerTableName", "StateMachineArn"})
_LENGTH_OF_RANDOM_END: Final = 7  # "-AbCdEf", which Secrets Manager adds to a secret's name in its ARN
_NAMES_SHOWN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedStack:
    """A stack as CloudFormation describes it.

    Attributes:
        name: of the stack.
        status: CloudFormation's word, such as UPDATE_IN_PROGRESS.
        outputs: their values, by name.
        parameters: what it was deployed with, defaults included, by name.
    """

    name: str
    status: str = ""
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @property
    def is_ours(self) -> bool:
        """Whether it is a stack of this system."""
        return self.outputs.keys() >= _OUTPUTS_OF_OURS

    def has_secret(self, secret_id: str) -> bool:
        """Whether this is its secret, by name or by ARN."""
        arn = self.outputs.get(_SECRET_OUTPUT, "")
        name = arn.partition(":secret:")[2][:-_LENGTH_OF_RANDOM_END]
        return bool(arn) and secret_id in {arn, arn[:-_LENGTH_OF_RANDOM_END], name}


def find_stack(cloudformation: CloudFormationClient, stack_name: str, *needed: str) -> DeployedStack:
    """Return a stack by its name.

    Args:
        cloudformation: the client.
        stack_name: the stack.
        needed: names of outputs that it must have.

    Raises:
        ConfigurationError: there is no such stack there, or it lacks a needed output; says which there are.
    """
    try:
        (stack,) = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html: a stack that does
        # not exist is a ValidationError.
        if code_of(error) == "ValidationError":
            raise ConfigurationError(f"There is no stack {stack_name!r} {_what_there_is(cloudformation)}") from error
        raise
    found = _deployed(stack)
    if missing := sorted(set(needed) - found.outputs.keys()):
        raise ConfigurationError(
            f"The stack {stack_name!r} has no output {' and no output '.join(missing)}: it is from an older template, "
            "only half deployed, or another system's; deploy it, or name yours with --stack-name or "
            f"{STACK_VARIABLE}"
        )
    return found


def stacks_of_ours(cloudformation: CloudFormationClient) -> list[DeployedStack]:
    """Return every stack of this system in the client's account and region."""
    return [stack for stack in map(_deployed, _described(cloudformation)) if stack.is_ours]


def place_of(cloudformation: CloudFormationClient) -> str:
    """Return in words where a client looks: the region, and the endpoint if it is not AWS's own."""
    endpoint = cloudformation.meta.endpoint_url
    is_aws = ".amazonaws.com" in endpoint
    return f"in {cloudformation.meta.region_name}" + ("" if is_aws else f" at {endpoint}")


def execution_arn(state_machine_arn: str, name: str) -> str:
    """Return the ARN of an execution of this name; with an empty name, the prefix of all of them."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"


def _what_there_is(cloudformation: CloudFormationClient) -> str:
    """Return the rest of the sentence: where the command looked, what is there, and what to type."""
    place = place_of(cloudformation)
    try:
        described = list(_described(cloudformation))
    except (ClientError, BotoCoreError):
        return f"{place}, and the existing ones cannot be listed; name yours with --stack-name or {STACK_VARIABLE}"
    place += f" (account {_account(described)})" if described else " for these AWS credentials"
    ours = [stack.name for stack in map(_deployed, described) if stack.is_ours]
    if ours:
        return f"{place}; there is {shown_names(ours)}: name it with --stack-name or {STACK_VARIABLE}"
    return (
        f"{place}, nor any other of this system; name its region with --region or AWS_REGION and its account with "
        "AWS_PROFILE, or deploy it first: make deploy"
    )


def shown_names(names: Sequence[str]) -> str:
    """Return names for a message, the first few of them."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _account(described: Sequence[Mapping[str, Any]]) -> str:
    # arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID
    parts = str(described[0].get("StackId", "")).split(":")
    return parts[4] if len(parts) > 5 else "unknown"


def _described(cloudformation: CloudFormationClient) -> Iterator[Mapping[str, Any]]:
    page: dict[str, str] = {}
    while True:
        answer = cloudformation.describe_stacks(**page)
        yield from answer["Stacks"]
        if not (next_page := answer.get("NextToken")):
            return
        page = {"NextToken": next_page}


def _deployed(stack: Mapping[str, Any]) -> DeployedStack:
    return DeployedStack(
        name=stack.get("StackName", ""),
        status=stack.get("StackStatus", ""),
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        parameters={entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in stack.get("Parameters", [])},
    )
