"""Show a run's progress: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import RenderableType
from rich.progress import BarColumn, DownloadColumn, ProgressColumn, Task, TaskProgressColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from gopro_sync_cli.terminal_output import VerbatimColumn, VerbatimConsole, shown
from local.progress import Progress, Wait

_MEGABYTE = 1_000_000
_SECONDS_BETWEEN_LINES = 5.0
# Where nothing moves, a line now and then shows that the command is still watching.
_SECONDS_BETWEEN_LINES_WITHOUT_NEWS = 60.0
# Parts arrive in bursts: a speed is that of the last half minute.
_SPEED_SECONDS = 30.0
_WAITS_SHOWN = 3
# Below these widths columns are left out, since one that does not fit would be cut off.
_WIDE, _MIDDLING = 96, 64


@contextmanager
def live_progress(console: VerbatimConsole) -> Iterator[Callable[[Progress], None]]:
    """Yield a function that shows a run's progress on the console each time it is called."""
    if not _can_redraw(console):
        yield _lines(console)
        return
    with _Bar(console) as bar:
        task, speed = bar.add_task("starting", total=None, speed="", left=""), _Speed()

        def show(progress: Progress) -> None:
            bytes_per_second = speed.after(progress.seconds, progress.moved_bytes)
            bar.waits = progress.waits
            bar.update(
                task,
                description=f"{progress.step or 'starting'} {progress.completed}/{progress.total}",
                total=progress.total_bytes or None,
                completed=progress.moved_bytes,
                speed=_speed_words(bytes_per_second),
                left=_left_words(progress.total_bytes - progress.moved_bytes, bytes_per_second),
            )

        yield show


@contextmanager
def live_bytes(console: VerbatimConsole, what: str, *, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that adds the number of bytes it is called with, and shows the sum.

    Args:
        console: where; outside a terminal, `what` is one line, and nothing follows.
        what: what is being done, in words.
        total_bytes: how many there are; None if unknown.
    """
    if not _can_redraw(console):
        console.print(what)
        yield lambda _count: None
        return
    with _Bar(console) as bar:
        task = bar.add_task(what, total=total_bytes, speed="", left="")
        yield lambda count: bar.advance(task, count)


def _can_redraw(console: VerbatimConsole) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


class _Bar(RichProgress):
    """One line with a bar, as wide as fits, and below it what the run waits for."""

    def __init__(self, console: VerbatimConsole) -> None:
        self.waits: tuple[Wait, ...] = ()
        super().__init__(*_columns(console.width), console=console, transient=True)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Give rich what to draw."""
        yield self.make_tasks_table(self.tasks)
        for line in _first(self.waits):
            yield Text(shown(f"  waits: {line}"), style="yellow", no_wrap=True, overflow="ellipsis")


class _What(ProgressColumn):
    """The description, which is shortened where the line is too long: the numbers are not."""

    def render(self, task: Task) -> Text:
        """Give rich what to draw."""
        return Text(shown(task.description), no_wrap=True, overflow="ellipsis")


class _BytesDone(DownloadColumn):
    """How many bytes of how many, once there are any to count."""

    def render(self, task: Task) -> Text:
        """Give rich what to draw."""
        return Text() if task.total is None and not task.completed else super().render(task)


def _columns(width: int) -> tuple[ProgressColumn, ...]:
    percent = TaskProgressColumn(table_column=Column(no_wrap=True))
    bytes_done = _BytesDone(table_column=Column(no_wrap=True))
    if width < _MIDDLING:
        return _What(), percent, bytes_done
    speed, left = (
        VerbatimColumn(f"{{task.fields[{name}]}}", table_column=Column(no_wrap=True)) for name in ("speed", "left")
    )
    if width < _WIDE:
        return _What(), percent, bytes_done, speed, left
    return _What(), BarColumn(bar_width=20), percent, bytes_done, speed, left


class _Speed:
    """How fast bytes arrive: over the last half minute, so that it is zero when nothing comes."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def after(self, seconds: float, moved_bytes: int) -> float:
        """Note how much there is, and return the bytes a second.

        Args:
            seconds: since the beginning.
            moved_bytes: so far.
        """
        self._seen.append((seconds, moved_bytes))
        while len(self._seen) > 2 and self._seen[1][0] <= seconds - _SPEED_SECONDS:
            self._seen.popleft()
        first_seconds, first_bytes = self._seen[0]
        return (moved_bytes - first_bytes) / (seconds - first_seconds) if seconds > first_seconds else 0.0


def _speed_words(bytes_per_second: float) -> str:
    return f"{bytes_per_second / _MEGABYTE:.1f} MB/s" if bytes_per_second > 0 else ""


def _left_words(bytes_left: int, bytes_per_second: float) -> str:
    if bytes_left <= 0 or bytes_per_second <= 0:
        return ""
    minutes, seconds = divmod(round(bytes_left / bytes_per_second), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f"{clock} left"


def _first(waits: Sequence[Wait]) -> list[str]:
    first = [wait.line for wait in waits[:_WAITS_SHOWN]]
    more = len(waits) - len(first)
    return [*first, *([f"and {more} more"] if more else [])]


def _lines(console: VerbatimConsole) -> Callable[[Progress], None]:
    last: Progress | None = None
    waited_before: set[str] = set()
    speed = _Speed()

    def show(progress: Progress) -> None:
        nonlocal last, waited_before
        bytes_per_second = speed.after(progress.seconds, progress.moved_bytes)
        if last is None or _is_news(last, progress):
            last = progress
            _print(console, f"{progress.seconds:5.0f} s  {_words(progress, bytes_per_second)}")
        for line in _first([wait for wait in progress.waits if wait.which not in waited_before]):
            _print(console, f"{progress.seconds:5.0f} s  waits: {line}")
        waited_before = {wait.which for wait in progress.waits}

    return show


def _print(console: VerbatimConsole, line: str) -> None:
    console.print_line(line)


def _is_news(shown: Progress, progress: Progress) -> bool:
    if _counts(shown) != _counts(progress):
        return True
    pause = progress.seconds - shown.seconds
    moves = progress.moved_bytes != shown.moved_bytes
    return pause >= (_SECONDS_BETWEEN_LINES if moves else _SECONDS_BETWEEN_LINES_WITHOUT_NEWS)


def _counts(progress: Progress) -> tuple[str, int, int, int]:
    return progress.step, progress.total, progress.completed, progress.failed


def _words(progress: Progress, bytes_per_second: float) -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    moved, total = progress.moved_bytes / _MEGABYTE, progress.total_bytes / _MEGABYTE
    speed = _speed_words(bytes_per_second)
    return (
        f"{progress.step or 'starting'}: {progress.completed} of {progress.total} videos{failed}"
        f"  {moved:,.1f} of {total:,.1f} MB{f', {speed}' if speed else ''}"
    )
