"""What ``./gopro-sync redrive`` talks to: a deployed stack's queue, its state machine, and CloudFormation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final

from tests.support.sqs import Call, Clock, FakeSqs, Moment, Watch, refusal

STACK_NAME: Final = "gopro-s3-sync"
STATE_MACHINE_ARN: Final = "arn:aws:states:eu-west-1:123456789012:stateMachine:gopro-sync-orchestrator"
QUEUE_URL: Final = "https://sqs.eu-west-1.amazonaws.com/123456789012/gopro-sync-dead-letters"

Blow = Callable[[int, str, Moment], None]


def failed_video(
    media_id: str, error: str = "SourceMissingError", *, state_machine: str = "gopro-sync-orchestrator"
) -> str:
    """Return the message that a run of the state machine sends for a video that failed."""
    return json.dumps(
        {
            "media_id": media_id,
            "filename": f"{media_id}.MP4",
            "s3_key": f"gopro-videos/2026/03/{media_id}.MP4",
            "error": error,
            "cause": "The video could not be archived",
            "execution_id": f"arn:aws:states:eu-west-1:123456789012:execution:{state_machine}:night",
        }
    )


class FakeStepFunctions:
    """Starts of executions, idempotent by name and input for as long as the first is under way, as documented.

    Args:
        clock: each call takes some of it.
        watch: told of each call's moments; what it raises comes out of the call.

    Attributes:
        executions: the inputs of those that started, by ARN.
    """

    def __init__(self, clock: Clock, *, watch: Watch) -> None:
        self._clock = clock
        self._watch = watch
        self.executions: dict[str, str] = {}

    def start_execution(self, **asked: str) -> dict[str, str]:
        with Call("StartExecution", self._clock, self._watch):
            assert {"stateMachineArn", "input"} <= asked.keys() <= {"stateMachineArn", "input", "name"}
            assert len(asked["input"].encode()) <= 256 * 1024
            name = asked.get("name", f"generated-{len(self.executions)}")
            assert re.fullmatch(r"[\w-]{1,80}", name)
            arn = f"{asked['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{name}"
            if self.executions.setdefault(arn, asked["input"]) != asked["input"]:
                raise refusal("StartExecution", "ExecutionAlreadyExists")
        return {"executionArn": arn}


class FakeCloudFormation:
    """Stacks with their outputs, by name.

    Args:
        stacks: the outputs of each stack.
        clock: each call takes some of it.
        watch: told of each call's moments; what it raises comes out of the call.
    """

    def __init__(self, stacks: Mapping[str, Mapping[str, str]], clock: Clock, *, watch: Watch) -> None:
        self._stacks = stacks
        self._clock = clock
        self._watch = watch
        self.meta = SimpleNamespace(
            region_name="eu-west-1", endpoint_url="https://cloudformation.eu-west-1.amazonaws.com"
        )

    def describe_stacks(self, **asked: str) -> dict[str, Any]:
        with Call("DescribeStacks", self._clock, self._watch):
            name = asked.get("StackName")
            if name is not None and name not in self._stacks:
                raise refusal("DescribeStacks", "ValidationError", f"Stack with id {name} does not exist")
            described = self._stacks if name is None else {name: self._stacks[name]}
        return {
            "Stacks": [
                {
                    "StackName": stack,
                    "StackId": f"arn:aws:cloudformation:eu-west-1:123456789012:stack/{stack}/1",
                    "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
                }
                for stack, outputs in described.items()
            ]
        }


class FakeTable:
    """The tracker's table, as far as it is read: the records of videos that have one.

    Args:
        clock: each call takes some of it.
        watch: told of each call's moments; what it raises comes out of the call.

    Attributes:
        archived: the videos that are archived; all others have failed.
    """

    def __init__(self, clock: Clock, *, watch: Watch) -> None:
        self._clock = clock
        self._watch = watch
        self.archived: set[str] = set()

    def batch_get_item(self, **asked: Any) -> dict[str, Any]:
        with Call("BatchGetItem", self._clock, self._watch):
            ((table, wanted),) = asked["RequestItems"].items()
            media_ids = [key["media_id"]["S"] for key in wanted["Keys"]]
            assert len(media_ids) <= 100
            records = [
                {"media_id": {"S": name}, "status": {"S": "COMPLETED" if name in self.archived else "FAILED"}}
                for name in media_ids
            ]
        return {"Responses": {table: records}, "UnprocessedKeys": {}}


class RedriveStack:
    """The stack, with the clients that reach it.

    Args:
        clock: what the services go by.
        queue_url: the queue's address.

    Attributes:
        calls: the operations that were called, in their order.
        blow: called at both moments of each call with the call's number; what it raises comes out of the call.
        outputs: those of each stack.
    """

    def __init__(self, clock: Clock, *, queue_url: str = QUEUE_URL) -> None:
        self.calls: list[str] = []
        self.blow: Blow = lambda _number, _operation, _moment: None
        self.outputs = {
            STACK_NAME: {
                "DeadLetterQueueUrl": queue_url,
                "StateMachineArn": STATE_MACHINE_ARN,
                "TrackerTableName": "gopro-sync-tracker",
            }
        }
        self.sqs = FakeSqs(clock, url=queue_url, watch=self._watch)
        self.step_functions = FakeStepFunctions(clock, watch=self._watch)
        self.table = FakeTable(clock, watch=self._watch)
        self._cloudformation = FakeCloudFormation(self.outputs, clock, watch=self._watch)

    def client(self, service: str, **_: Any) -> Any:
        """Return what ``boto3.client`` returns."""
        services: dict[str, Any] = {
            "sqs": self.sqs,
            "stepfunctions": self.step_functions,
            "cloudformation": self._cloudformation,
            "dynamodb": self.table,
        }
        return services[service]

    def tried(self) -> list[list[str]]:
        """Return the videos of each run that was started."""
        inputs = [json.loads(run_input) for run_input in self.step_functions.executions.values()]
        assert all(
            run_input.keys() == {"redrive", "continue_backlog", "filters"}
            and run_input["redrive"] is run_input["continue_backlog"] is True
            for run_input in inputs
        )
        return [run_input["filters"]["media_ids"] for run_input in inputs]

    def _watch(self, operation: str, moment: Moment) -> None:
        if moment == "asked":
            self.calls.append(operation)
        self.blow(len(self.calls) - 1, operation, moment)
