"""What a person sees of a run, in a terminal and elsewhere."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from gopro_sync_cli.terminal_output import VerbatimConsole, output_console
from local.progress import Progress, Wait
from local.progress_display import live_bytes, live_progress


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


def test_a_line_is_shown_when_a_video_is_done_or_bytes_have_come_for_five_seconds() -> None:
    lines = _shown(
        _progress(seconds=0),
        _progress(seconds=1, moved_bytes=1),
        _progress(seconds=2, moved_bytes=1, completed=1),
        _progress(seconds=6, moved_bytes=2, completed=1),
        _progress(seconds=7.5, moved_bytes=3, completed=1),
        _progress(seconds=40, moved_bytes=3, completed=1),
        _progress(seconds=67.6, moved_bytes=3, completed=1),
    )

    assert [line.split(" s  ")[0].strip() for line in lines] == ["0", "2", "8", "68"]


def test_a_line_tells_how_fast_bytes_come_and_nothing_of_it_when_none_come() -> None:
    lines = _shown(
        _progress(seconds=0),
        _progress(seconds=10, moved_bytes=50_000_000),
        _progress(seconds=41, moved_bytes=50_000_000),
        _progress(seconds=80, moved_bytes=50_000_000, completed=1),
    )

    assert [line.partition(" MB")[2] for line in lines] == ["", ", 5.0 MB/s", ""]


def _waiting(seconds: float, **lines: str) -> Progress:
    waits = tuple(Wait(line=line, which=which) for which, line in lines.items())
    return replace(_progress(seconds=seconds), waits=waits)


def test_what_waits_is_a_line_when_it_begins_and_not_while_the_seconds_run() -> None:
    lines = _shown(
        _waiting(0, first="a.MP4: refused, next in 40 s"),
        _waiting(6, first="a.MP4: refused, next in 34 s", other="b.MP4: throttled"),
        _waiting(40, second="a.MP4: refused, next in 80 s"),
        _waiting(90),
    )

    assert [line for line in lines if "waits" in line] == [
        "    0 s  waits: a.MP4: refused, next in 40 s",
        "    6 s  waits: b.MP4: throttled",
        "   40 s  waits: a.MP4: refused, next in 80 s",
    ]


def test_of_many_that_wait_some_are_named_and_the_others_counted() -> None:
    lines = _shown(_waiting(0, a="a: 1", b="b: 2", c="c: 3", d="d: 4", e="e: 5"))

    assert [line.partition("waits: ")[2] for line in lines[1:]] == ["a: 1", "b: 2", "c: 3", "and 2 more"]


_LONG = replace(
    _progress(seconds=100, completed=1234, moved_bytes=128_000_000_000),
    step="AuthenticateGoPro",
    total=2500,
    total_bytes=2_300_000_000_000,
    waits=(
        Wait(
            line="GX010042_2025-07-31_a-name-that-is-long.MP4: refused by the CDN (429), attempt 3 of 5, next in 40 s",
            which="the third",
        ),
    ),
)


def _terminal(width: int) -> VerbatimConsole:
    return VerbatimConsole(
        file=io.StringIO(),
        soft_wrap=True,
        force_terminal=True,
        width=width,
        height=20,
        color_system=None,
        legacy_windows=False,
    )


def _in_terminal(width: int, *looks: Progress) -> str:
    console = _terminal(width)
    with live_progress(console) as show:
        for look in looks:
            show(look)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _drawn_lines(drawn: str) -> list[str]:
    without_control = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", drawn).replace("\r", "\n")
    return [line.rstrip() for line in without_control.split("\n") if line.strip()]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_a_bar_takes_one_line_and_each_wait_one_however_narrow_the_terminal_is(width: int) -> None:
    last = _drawn_lines(_in_terminal(width, replace(_LONG, seconds=90), _LONG))[-2:]

    assert last[0].startswith("Auth"[: width // 10])
    assert last[0].endswith(" TB") or width < 40
    assert last[1].startswith("  waits: GX")
    assert all(len(line) <= width for line in last)


def test_a_bar_shows_bytes_speed_and_the_time_left() -> None:
    drawn = _in_terminal(120, _progress(seconds=0), replace(_progress(seconds=10, completed=2), moved_bytes=50_000_000))

    (line,) = {line for line in _drawn_lines(drawn) if "MB/s" in line}
    assert line.startswith("DownloadVideos 2/7 ")
    assert line.endswith(" 25% 50.0/200.0 MB 5.0 MB/s 0:30 left")


def test_nothing_is_reported_of_bytes_before_any_video_is_known() -> None:
    nothing_yet = replace(_progress(seconds=0), step="AuthenticateGoPro", total=0, total_bytes=0)

    assert "bytes" not in _in_terminal(120, nothing_yet)


def test_a_terminal_is_left_clean_when_the_run_is_interrupted() -> None:
    console = _terminal(80)

    def run_until_interrupted() -> None:
        with live_progress(console) as show:
            show(_LONG)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_until_interrupted()

    assert isinstance(console.file, io.StringIO)
    drawn = console.file.getvalue()
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")  # the cursor is shown again
    assert drawn.endswith("\x1b[2K")  # and the line is empty


def test_a_terminal_that_cannot_redraw_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")

    assert "\x1b" not in _in_terminal(80, _progress(seconds=0))


def test_outside_a_terminal_counted_bytes_are_one_line() -> None:
    output = io.StringIO()
    with live_bytes(output_console(output, width=200), "Reading back", total_bytes=10) as count:
        count(5)
        count(5)

    assert output.getvalue() == "Reading back\n"
