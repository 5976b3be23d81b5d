"""CloudFormation in one account and region, as far as the command line asks it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

from botocore.exceptions import ClientError

SECRET: Final = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gopro/credentials-AbCdEf"
GOPRO: Final = "https://api.gopro.com"
AWS: Final = "https://cloudformation.eu-central-1.amazonaws.com"


class Account:
    """Stands for CloudFormation's client; lists two stacks a page.

    Args:
        stacks: as CloudFormation describes them.
        endpoint_url: where it is.
        may_list: whether all stacks may be listed.
    """

    def __init__(self, *stacks: dict[str, Any], endpoint_url: str = AWS, may_list: bool = True) -> None:
        self.meta = SimpleNamespace(region_name="eu-central-1", endpoint_url=endpoint_url)
        self._stacks = list(stacks)
        self._may_list = may_list

    def describe_stacks(self, *, StackName: str | None = None, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        if StackName is not None:
            found = [stack for stack in self._stacks if stack["StackName"] == StackName]
            if not found:
                raise _refusal("ValidationError")
            return {"Stacks": found}
        if not self._may_list:
            raise _refusal("AccessDenied")
        start = int(NextToken)
        page = {"Stacks": self._stacks[start : start + 2]}
        return page | ({"NextToken": str(start + 2)} if start + 2 < len(self._stacks) else {})


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeStacks")


def described_stack(name: str, *, secret: str = SECRET, gopro: str | None = GOPRO) -> dict[str, Any]:
    """Return a stack of this system, as CloudFormation describes it."""
    outputs = {"CredentialsSecretArn": secret, "TrackerTableName": "tracker", "StateMachineArn": "arn"}
    parameters = {} if gopro is None else {"GoProApiBaseUrl": gopro}
    return {
        "StackName": name,
        "StackId": f"arn:aws:cloudformation:eu-central-1:123456789012:stack/{name}/1",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
