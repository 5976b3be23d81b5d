"""What a person sees of a run outside a terminal."""

from __future__ import annotations

import io

from gopro_sync_cli.terminal_output import output_console
from local.progress import Progress
from local.progress_display import live_progress


def _progress(*, seconds: float, completed: int = 0, failed: int = 0, moved_bytes: int = 0) -> Progress:
    return Progress(
        step="DownloadVideos",
        total=7,
        completed=completed,
        failed=failed,
        total_bytes=200_000_000,
        moved_bytes=moved_bytes,
        seconds=seconds,
    )


def _shown(*looks: Progress) -> list[str]:
    output = io.StringIO()
    with live_progress(output_console(output, width=200)) as show:
        for look in looks:
            show(look)
    return output.getvalue().splitlines()


def test_a_line_tells_step_videos_and_bytes() -> None:
    (line,) = _shown(_progress(seconds=12, completed=2, failed=1, moved_bytes=50_000_000))

    assert line == "   12 s  DownloadVideos: 2 of 7 videos, 1 failed  50.0 of 200.0 MB"


def test_a_line_is_shown_when_a_video_is_done_and_else_every_five_seconds() -> None:
    lines = _shown(
        _progress(seconds=0),
        _progress(seconds=1, moved_bytes=1),
        _progress(seconds=2, completed=1),
        _progress(seconds=6, completed=1),
        _progress(seconds=7.5, completed=1),
    )

    assert [line.split(" s  ")[0].strip() for line in lines] == ["0", "2", "8"]
