"""The demonstration succeeds only if it showed what it promises, and always takes its own cloud down."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.terminal_output import output_console
from local import cloud, demo
from local.cloud import Cloud
from local.errors import AlreadyRunningError, DemoError, DiskSpaceError
from local.running import Execution
from local.verification import CheckedFile, SkippedItem

_IDLE = {"new_count": 0, "bytes_transferred": 0, "failed": 0, "deferred": 0}


class Theatre:
    """Everything that the demonstration uses, and a record of what it did."""

    def __init__(self, directory: Path) -> None:
        self.files = [_file()]
        self.outputs: list[dict[str, Any]] = [{"new_count": 1, "failed": 0, "deferred": 0}, _IDLE]
        self.cdn_requests: list[str] = []
        self.start_error: Exception | None = None
        self.stopped: list[bool] = []
        self.screen = output_console(io.StringIO(), width=160)
        self._directory = directory

    def show(self, media: Path | None = None) -> str:
        demo.show(
            state_directory=self._directory,
            media=media,
            region="us-east-1",
            screen=self.screen,
            progress_screen=self.screen,
        )
        return self.shown

    @property
    def shown(self) -> str:
        assert isinstance(self.screen.file, io.StringIO)
        return self.screen.file.getvalue()

    def start(self, **_: Any) -> Cloud:
        if self.start_error:
            raise self.start_error
        return Cloud(
            state_directory=self._directory,
            endpoint_url="https://127.0.0.1:4566",
            ca_bundle=self._directory,
            region="us-east-1",
            gopro_api_base_url="http://127.0.0.1:4001",
            simulator_url="http://127.0.0.1:4001",
            outputs={},
        )

    def stop(self, _directory: Path, *, keep_logs: bool, **_: Any) -> None:
        self.stopped.append(keep_logs)

    def run(self, *_: Any, **__: Any) -> Execution:
        output = self.outputs.pop(0)
        return Execution(arn="arn", status="SUCCEEDED", output=output, error=None, cause=None, duration_seconds=2.5)

    # The simulator's admin interface.
    def clear_requests(self) -> None:
        self.cdn_requests = [request for request in self.cdn_requests if "second run" in request]

    def requests(self, _endpoint: str) -> list[str]:
        return self.cdn_requests

    def mutations(self) -> list[str]:
        return []

    def header_leaks(self) -> list[str]:
        return []


def _file(**changes: Any) -> CheckedFile:
    facts: dict[str, Any] = {
        "filename": "GX010127.MP4",
        "item_number": 1,
        "status": "COMPLETED",
        "s3_key": "gopro-videos/2026/04/GX010127.MP4",
        "size_bytes": 9_441_505,
        "megabytes_per_second": 31.4,
        "sha256": "2b7a167232bb7ffe" * 4,
        "matches": True,
    }
    return CheckedFile(**(facts | changes))


@pytest.fixture
def theatre(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Theatre:
    theatre = Theatre(tmp_path)
    monkeypatch.setattr(cloud, "start", theatre.start)
    monkeypatch.setattr(cloud, "stop", theatre.stop)
    monkeypatch.setattr(demo, "run", theatre.run)
    monkeypatch.setattr(demo, "explain", lambda *_: None)
    monkeypatch.setattr(demo, "SimulatorAdmin", lambda _url: theatre)
    monkeypatch.setattr(demo, "checked_files", lambda *_, **__: iter(theatre.files))
    skipped = [SkippedItem(filename="GOPR0604.JPG", reason="type Photo")]
    monkeypatch.setattr(demo, "skipped_items", lambda _admin: skipped)
    return theatre


def test_the_table_tells_each_video_and_why_an_item_was_skipped(theatre: Theatre) -> None:
    shown = theatre.show()

    (video,) = [line for line in shown.splitlines() if "GX010127" in line]
    cells = ("COMPLETED", "gopro-videos/2026/04/GX010127.MP4", "9.4 MB", "31.4", "2b7a167232bb", "yes")
    assert [cell for cell in cells if cell not in video] == []
    assert "skipped: GOPR0604.JPG: type Photo" in shown
    assert "Second run: 0 new" in shown


def test_chapters_of_a_recording_are_reported_apart(theatre: Theatre) -> None:
    theatre.files = [_file(item_number=1), _file(item_number=2)]

    assert "GX010127.MP4 chapter 1" in theatre.show()
    assert "GX010127.MP4 chapter 2" in theatre.shown


@pytest.mark.parametrize(
    "file",
    [_file(matches=False), _file(status="FAILED"), _file(status="MISSING", s3_key=None, sha256=None, matches=False)],
    ids=["other bytes", "failed", "missing"],
)
def test_a_video_that_is_not_archived_fails_the_demonstration(theatre: Theatre, file: CheckedFile) -> None:
    theatre.files = [_file(filename="GX010001.MP4"), file]

    with pytest.raises(DemoError, match=r"Not everything was archived: GX010127\.MP4"):
        theatre.show()
    assert theatre.stopped == [True]


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ({"failed": 1, "deferred": 0, "failures": {"IntegrityError": 1}}, ExitCode.FAILED),
        ({"failed": 0, "deferred": 0, "listing_gap": {"stated": 9, "shown": 7}}, ExitCode.NOT_CHECKED),
        ({"failed": 0, "deferred": 1}, ExitCode.FAILED),
    ],
)
def test_a_first_run_that_was_not_good_ends_the_demonstration_with_its_code(
    theatre: Theatre, output: dict[str, Any], code: ExitCode
) -> None:
    theatre.outputs[0] = output

    with pytest.raises(DemoError) as end:
        theatre.show()

    assert end.value.exit_code is code


def test_a_file_that_could_not_be_read_back_is_no_failure_of_the_archive(theatre: Theatre) -> None:
    unread = _file(filename="GX010002.MP4", sha256=None, matches=False, not_compared="IncompleteRead(7 bytes read)")
    theatre.files = [_file(), unread]

    with pytest.raises(DemoError, match=r"GX010002\.MP4: IncompleteRead\(7 bytes read\)") as end:
        theatre.show()

    assert end.value.exit_code is ExitCode.NOT_CHECKED
    assert "every SHA-256" not in theatre.shown
    assert "not read" in theatre.shown
    assert "Second run: 0 new" in theatre.shown


def test_a_file_that_could_not_be_read_back_hides_no_wrong_one(theatre: Theatre) -> None:
    theatre.files = [_file(matches=False), _file(matches=False, not_compared="IncompleteRead")]

    with pytest.raises(DemoError) as end:
        theatre.show()

    assert end.value.exit_code is ExitCode.FAILED


def test_an_empty_archive_is_no_success(theatre: Theatre) -> None:
    theatre.files = []

    with pytest.raises(DemoError):
        theatre.show()


@pytest.mark.parametrize("second", [{**_IDLE, "new_count": 1}, {**_IDLE, "bytes_transferred": 5}])
def test_a_second_run_that_does_something_fails_the_demonstration(theatre: Theatre, second: dict[str, Any]) -> None:
    theatre.outputs[1] = second

    with pytest.raises(DemoError, match="should have had nothing to do"):
        theatre.show()


def test_a_second_run_that_fetches_bytes_fails_the_demonstration(theatre: Theatre) -> None:
    theatre.cdn_requests = ["in the first run", "in the second run"]

    with pytest.raises(DemoError, match="CDN"):
        theatre.show()


def test_the_cloud_is_taken_down_after_a_success_without_leaving_logs(theatre: Theatre) -> None:
    theatre.show()

    assert theatre.stopped == [False]


def test_a_disk_without_room_for_the_media_is_reported_before_anything_is_begun(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    media = tmp_path / "GX010001.MP4"
    with media.open("wb") as file:
        file.truncate(3 * 1024**3)  # takes no room itself
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=3_000_000_000))

    with pytest.raises(DiskSpaceError, match=r"needs 3\.7 GB of disk .* 3\.0 GB are free"):
        theatre.show(media)
    assert theatre.stopped == []


def test_what_a_killed_demo_left_does_not_count_as_full(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [0]
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free[0]))
    monkeypatch.setattr(cloud, "reclaim", lambda *_, **__: free.append(free.pop() + 10**9))

    assert "Second run: 0 new" in theatre.show()


def test_a_cloud_that_is_already_up_is_left_alone(theatre: Theatre) -> None:
    theatre.start_error = AlreadyRunningError("it is up")

    with pytest.raises(AlreadyRunningError):
        theatre.show()
    assert theatre.stopped == []
