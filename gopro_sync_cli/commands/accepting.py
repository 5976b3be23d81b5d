"""``accept``: incomplete videos are called archived."""

from __future__ import annotations

from collections.abc import Sequence

import boto3

from gopro_sync_cli.accept import Acceptance
from gopro_sync_cli.interruption import Interruptions
from gopro_sync_cli.stack import find_stack
from gopro_sync_cli.terminal_output import error_console, output_console


def accept_incomplete_videos(media_ids: Sequence[str], *, stack_name: str, region: str | None, yes: bool) -> None:
    """Call videos archived that GoPro does not have in full."""
    with Interruptions():
        session = boto3.Session(region_name=region)
        outputs = find_stack(session.client("cloudformation"), stack_name, "TrackerTableName").outputs
        acceptance = Acceptance(
            session.client("dynamodb"),
            outputs["TrackerTableName"],
            caller=lambda: session.client("sts").get_caller_identity()["Arn"],
            output=output_console(),
            errors=error_console(),
        )
        acceptance.accept(media_ids, asks=not yes)
