"""The demonstration: a whole library from the simulator into S3, with proof, and a second run with nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from local import cloud
from local.cloud import Cloud
from local.disk_space import require_space
from local.errors import DemoError
from local.explanation import explain
from local.progress_display import live_bytes, live_progress
from local.running import Execution, run
from local.simulator import SimulatorAdmin
from local.verification import CheckedFile, SkippedItem, checked_files, skipped_items

_SHOWN_DIGITS = 12
_READING_BACK = "Reading every object back from S3, to compare it with its source"
# What the built-in library, the functions' packages and the logs take.
_SPACE_WITHOUT_MEDIA_BYTES = 500_000_000


def show(*, state_directory: Path, media: Path | None, region: str, screen: Console, progress_screen: Console) -> None:
    """Brings a cloud up, syncs, proves, syncs again, and takes the cloud down whatever happened.

    Args:
        state_directory: of the demonstration's own cloud.
        media: one more real file to archive.
        region: that the cloud is in.
        screen: gets the table and the verdict.
        progress_screen: gets what happens meanwhile.

    Raises:
        DemoError: not every video was archived with the source's bytes, or the second run was not idle.
        LocalCloudError: the cloud did not come up, or the disk has no room for the archive.
    """
    require_space(state_directory, _SPACE_WITHOUT_MEDIA_BYTES + (media.stat().st_size if media else 0))

    def report(line: str) -> None:
        progress_screen.print(line, markup=False, highlight=False)

    with cloud.running(
        state_directory=state_directory,
        owner="demo",
        keep_logs_of_failure=True,
        media=media,
        region=region,
        report=report,
    ) as here:
        _sync_and_prove(here, screen, progress_screen)


def _sync_and_prove(here: Cloud, screen: Console, progress_screen: Console) -> None:
    admin = SimulatorAdmin(here.gopro_api_base_url)
    first = _run(here, progress_screen)
    archived = (first.output or {}).get("bytes_transferred")
    with live_bytes(progress_screen, _READING_BACK, total_bytes=archived) as on_bytes:
        files = list(checked_files(here, admin, first, on_bytes=on_bytes))
    _print_table(screen, files, skipped_items(admin))
    if not first.every_video_archived:
        explain(here, first, progress_screen)
    wrong = [file.filename for file in files if not file.is_archived]
    if wrong or not files or not first.every_video_archived:
        raise DemoError(f"Not everything was archived: {', '.join(wrong) or 'see above'}. {_logs(here)}")
    archived_bytes = sum(file.size_bytes for file in files)
    screen.print(
        f"{len(files)} files, {archived_bytes / 1e6:,.1f} MB in {first.duration_seconds:.1f} s: "
        "every SHA-256 in S3 is its source's.",
        highlight=False,
    )

    admin.clear_requests()
    second = _run(here, progress_screen)
    _check_idle(here, second, admin)
    screen.print("Second run: 0 new, nothing transferred.", highlight=False)


def _run(here: Cloud, progress_screen: Console) -> Execution:
    with live_progress(progress_screen) as follow:
        return run(here, {}, follow=follow)


def _check_idle(here: Cloud, second: Execution, admin: SimulatorAdmin) -> None:
    output = second.output or {}
    if second.status != "SUCCEEDED" or output.get("new_count") != 0 or output.get("bytes_transferred") != 0:
        raise DemoError(f"The second run should have had nothing to do: {second.status} {output}. {_logs(here)}")
    if admin.requests("cdn"):
        raise DemoError(f"The second run asked GoPro's CDN for bytes that were archived already. {_logs(here)}")
    if admin.mutations() or admin.header_leaks():
        raise DemoError("Something tried to change the library at GoPro, or sent a credential to the CDN.")


def _print_table(screen: Console, files: Sequence[CheckedFile], skipped: Sequence[SkippedItem]) -> None:
    title = "In the archive now: SHA-256 of the bytes in S3, and whether they match the source's"
    # Without vertical lines it fits into narrow terminals, too.
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("video", "status", "S3 key"):
        table.add_column(name, overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("MB/s", justify="right", no_wrap=True)
    table.add_column("SHA-256", no_wrap=True)
    table.add_column("match", no_wrap=True)
    for file in files:
        chapter = f" chapter {file.item_number}" if _has_chapters(file, files) else ""
        table.add_row(
            f"{file.filename}{chapter}",
            file.status,
            file.s3_key or "-",
            f"{file.size_bytes / 1e6:,.1f} MB",
            "-" if file.megabytes_per_second is None else f"{file.megabytes_per_second:.1f}",
            (file.sha256 or "-")[:_SHOWN_DIGITS],
            "yes" if file.matches else "NO",
            style=None if file.is_archived else "bold red",
        )
    screen.print(table)
    for item in skipped:
        screen.print(f" skipped: {item.filename}: {item.reason}", markup=False, highlight=False)


def _has_chapters(file: CheckedFile, files: Sequence[CheckedFile]) -> bool:
    return file.item_number > 1 or any(other.item_number > 1 and other.filename == file.filename for other in files)


def _logs(here: Cloud) -> str:
    return f"Logs are in {here.state_directory / 'logs'}"
