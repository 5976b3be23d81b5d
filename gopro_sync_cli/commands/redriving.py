"""``redrive``: the failed videos are tried now."""

from __future__ import annotations

import boto3

from gopro_sync_cli.interruption import Interruptions
from gopro_sync_cli.redrive import CLIENT_CONFIG, Redrive, archived_of
from gopro_sync_cli.stack import find_stack
from gopro_sync_cli.terminal_output import error_console, output_console


def redrive_failed_videos(*, stack_name: str, region: str | None, yes: bool) -> None:
    """Start a run that tries the videos of the dead letter queue."""
    with Interruptions() as interruptions:
        cloudformation = boto3.client("cloudformation", region_name=region)
        needed = ("DeadLetterQueueUrl", "StateMachineArn", "TrackerTableName")
        outputs = find_stack(cloudformation, stack_name, *needed).outputs
        dynamodb = boto3.client("dynamodb", region_name=region, config=CLIENT_CONFIG)
        redrive = Redrive(
            boto3.client("sqs", region_name=region, config=CLIENT_CONFIG),
            boto3.client("stepfunctions", region_name=region, config=CLIENT_CONFIG),
            queue_url=outputs["DeadLetterQueueUrl"],
            state_machine_arn=outputs["StateMachineArn"],
            archived=lambda media_ids: archived_of(dynamodb, outputs["TrackerTableName"], media_ids),
            interruptions=interruptions,
            output=output_console(),
            errors=error_console(),
        )
        if yes:
            redrive.try_all()
        else:
            redrive.ask_and_try()
