"""Tell a person what came of a run."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.terminal_output import VerbatimConsole
from local.cloud import Cloud
from local.running import Execution, failed_videos


def explain(cloud: Cloud, execution: Execution, screen: VerbatimConsole) -> None:
    """Print the verdict, and of a run that was not good what the tracker has of each video that failed in it."""
    verdict = execution.verdict
    screen.print(verdict.headline, style=verdict.colour)
    for line in verdict.lines:
        screen.print(f"  {line}")
    if verdict.code is not ExitCode.DONE:
        for line in _failed(cloud, execution):
            screen.print(f"  {line}")
        screen.print(f"  {execution.arn}")


def _failed(cloud: Cloud, execution: Execution) -> Iterator[str]:
    try:
        for video in failed_videos(cloud, execution):
            yield f"{video.filename} ({video.media_id}): {video.error}: {video.message}"
    except (BotoCoreError, ClientError) as error:
        yield f"Which videos failed could not be read from the table: {error}"
