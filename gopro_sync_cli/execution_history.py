"""The executions of the state machine, as Step Functions lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gopro_sync_cli.run_history import Execution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_MOST: Final = 1000  # https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html


def last_executions(step_functions: SFNClient, state_machine_arn: str, *, most: int) -> list[Execution]:
    """Return the executions that began last, and those that are running, the latest first.

    Step Functions forgets an execution 90 days after its end.

    Args:
        step_functions: the client.
        state_machine_arn: of which.
        most: how many to ask for.
    """
    asked: dict[str, Any] = {"stateMachineArn": state_machine_arn, "maxResults": min(most, _MOST)}
    listed = step_functions.list_executions(**asked)["executions"]
    running = step_functions.list_executions(**asked, statusFilter="RUNNING")["executions"]
    # What the second call says of one is newer.
    known = {item["executionArn"]: item for item in [*listed, *running]}
    return [
        Execution(
            name=item["name"],
            arn=arn,
            status=item["status"],
            started_at=item["startDate"],
            stopped_at=item.get("stopDate"),
        )
        for arn, item in known.items()
    ]
