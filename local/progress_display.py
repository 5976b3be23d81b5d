"""Showing a run's progress: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskProgressColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from gopro_sync_cli.terminal_output import VerbatimColumn, VerbatimConsole
from local.progress import Progress

_MEGABYTE = 1_000_000
_SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def live_progress(console: VerbatimConsole) -> Iterator[Callable[[Progress], None]]:
    """Gives a function that shows a run's progress on the console each time it is called."""
    if console.is_terminal:
        with _bar(console) as show:
            yield show
    else:
        yield _lines(console)


@contextmanager
def _bar(console: VerbatimConsole) -> Iterator[Callable[[Progress], None]]:
    columns = (
        VerbatimColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(progress: Progress) -> None:
            bar.update(
                task,
                description=f"{progress.step} {progress.completed}/{progress.total}",
                total=progress.total_bytes or None,
                completed=min(progress.moved_bytes, progress.total_bytes),
            )

        yield show


def _lines(console: VerbatimConsole) -> Callable[[Progress], None]:
    shown: dict[str, object] = {"counts": None, "at": float("-inf")}

    def show(progress: Progress) -> None:
        counts = (progress.step, progress.total, progress.completed, progress.failed)
        if counts == shown["counts"] and progress.seconds - float(str(shown["at"])) < _SECONDS_BETWEEN_LINES:
            return
        shown.update(counts=counts, at=progress.seconds)
        moved, total = progress.moved_bytes / _MEGABYTE, progress.total_bytes / _MEGABYTE
        console.print(f"{progress.seconds:5.0f} s  {_words(progress)}  {moved:,.1f} of {total:,.1f} MB")

    return show


def _words(progress: Progress) -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.step or 'starting'}: {progress.completed} of {progress.total} videos{failed}"
