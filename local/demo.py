"""The demonstration: a whole library from the simulator into S3, with proof, and a second run with nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.terminal_output import VerbatimConsole, print_table
from local import cloud
from local.cloud import Cloud
from local.disk_space import require_space
from local.errors import DemoError
from local.explanation import explain
from local.progress_display import live_bytes, live_progress
from local.running import Execution, run
from local.simulator import SimulatorAdmin
from local.state_place import state_place
from local.verification import CheckedFile, SkippedItem, checked_files, skipped_items

_SHOWN_DIGITS = 12
_READING_BACK = "Reading every object back from S3, to compare it with its source"
# Disk space for the built-in library, the functions' packages and the logs.
_SPACE_WITHOUT_MEDIA_BYTES = 500_000_000
_NOT_CHECKED = ExitCode.NOT_CHECKED


def show(
    *, state_directory: Path, media: Path | None, region: str, screen: VerbatimConsole, progress_screen: VerbatimConsole
) -> None:
    """Bring a cloud up, sync, prove, sync again, and take the cloud down whatever happens.

    Args:
        state_directory: of the demonstration's own cloud.
        media: one more real file to archive.
        region: where the cloud is.
        screen: gets the table and the verdict.
        progress_screen: gets the progress.

    Raises:
        DemoError: not every video was archived with the source's bytes, or that could not be checked, or the
            second run was not idle.
        LocalCloudError: the cloud did not come up, or the disk has no room for the archive.
    """

    def report(line: str) -> None:
        progress_screen.print(line)

    cloud.reclaim(state_directory, report=report)
    require_space(state_place(state_directory), _SPACE_WITHOUT_MEDIA_BYTES + (media.stat().st_size if media else 0))
    with cloud.running(
        state_directory=state_directory,
        owner="demo",
        keep_logs_of_failure=True,
        media=media,
        region=region,
        report=report,
    ) as here:
        _sync_and_prove(here, screen, progress_screen)


def _sync_and_prove(here: Cloud, screen: VerbatimConsole, progress_screen: VerbatimConsole) -> None:
    admin = SimulatorAdmin(here.gopro_api_base_url)
    first = _run(here, progress_screen)
    archived = (first.output or {}).get("bytes_transferred")
    with live_bytes(progress_screen, _READING_BACK, total_bytes=archived) as on_bytes:
        files = list(checked_files(here, admin, first, on_bytes=on_bytes))
    _print_table(screen, files, skipped_items(admin))
    explain(here, first, progress_screen)
    not_compared = [file for file in files if file.not_compared is not None]
    _check_archived(here, first, files)
    archived_bytes = sum(file.size_bytes for file in files)
    if not not_compared:
        screen.print(
            f"{len(files)} files, {archived_bytes / 1e6:,.1f} MB in {first.duration_seconds:.1f} s: "
            "every SHA-256 in S3 is its source's.",
            style="green",
        )

    admin.clear_requests()
    second = _run(here, progress_screen)
    _check_idle(here, second, admin)
    screen.print("Second run: 0 new, nothing transferred.")
    if not_compared:
        reasons = "; ".join(f"{file.filename}: {file.not_compared}" for file in not_compared)
        raise DemoError(f"All is archived, and not all could be compared: {reasons}. {_logs(here)}", _NOT_CHECKED)


def _check_archived(here: Cloud, first: Execution, files: Sequence[CheckedFile]) -> None:
    """Raise unless the first run was good and each file that could be compared is its source's."""
    wrong = [file.filename for file in files if not file.is_archived and file.not_compared is None]
    code = first.verdict.code
    if wrong or not files or code is not ExitCode.DONE or not first.every_video_archived:
        failure = ExitCode.FAILED if wrong or code is ExitCode.DONE else code
        raise DemoError(f"Not everything was archived: {', '.join(wrong) or 'see above'}. {_logs(here)}", failure)


def _run(here: Cloud, progress_screen: VerbatimConsole) -> Execution:
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


def _print_table(screen: VerbatimConsole, files: Sequence[CheckedFile], skipped: Sequence[SkippedItem]) -> None:
    title = "In the archive now: SHA-256 of the bytes in S3, and whether they match the source's"
    # Without vertical lines it fits into narrow terminals, too.
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("video", "status", "S3 key"):
        table.add_column(name)
    table.add_column("size", justify="right")
    table.add_column("MB/s", justify="right")
    table.add_column("SHA-256")
    table.add_column("match")
    for file in files:
        chapter = f" chapter {file.item_number}" if _has_chapters(file, files) else ""
        table.add_row(
            f"{file.filename}{chapter}",
            file.status,
            file.s3_key or "-",
            f"{file.size_bytes / 1e6:,.1f} MB",
            "-" if file.megabytes_per_second is None else f"{file.megabytes_per_second:.1f}",
            (file.sha256 or "-")[:_SHOWN_DIGITS],
            _match(file),
            style=_colour(file),
        )
    print_table(screen, table)
    for item in skipped:
        screen.print_line(f" skipped: {item.filename}: {item.reason}")


def _match(file: CheckedFile) -> str:
    if file.not_compared is not None:
        return "not read"
    return "yes" if file.matches else "NO"


def _colour(file: CheckedFile) -> str | None:
    if file.is_archived:
        return None
    return "bold red" if file.not_compared is None else "yellow"


def _has_chapters(file: CheckedFile, files: Sequence[CheckedFile]) -> bool:
    return file.item_number > 1 or any(other.item_number > 1 and other.filename == file.filename for other in files)


def _logs(here: Cloud) -> str:
    return f"Logs are in {here.state_directory / 'logs'}"
