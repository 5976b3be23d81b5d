"""Telling a person why a run was not what they wanted."""

from __future__ import annotations

from rich.console import Console

from local.cloud import Cloud
from local.running import Execution, failed_videos


def explain(cloud: Cloud, execution: Execution, screen: Console) -> None:
    """Says what ended the execution, and what the tracker knows of each video that failed in it."""
    ended = (
        "Not every video was archived" if execution.status == "SUCCEEDED" else f"The execution ended {execution.status}"
    )
    screen.print(f"{ended}.", style="bold red")
    if execution.error:
        screen.print(f"{execution.error}: {execution.cause or 'no cause was given'}", markup=False, highlight=False)
    for video in failed_videos(cloud, execution):
        screen.print(
            f"  {video.filename} ({video.media_id}): {video.error}: {video.message}", markup=False, highlight=False
        )
    deferred = (execution.output or {}).get("deferred", 0)
    if deferred:
        screen.print(f"  {deferred} videos are left for the next run", highlight=False)
    screen.print(f"  {execution.arn}", markup=False, highlight=False)
