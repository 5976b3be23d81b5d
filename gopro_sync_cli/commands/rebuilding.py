"""``rebuild``: the records are written again from the bucket."""

from __future__ import annotations

from gopro_sync_cli.interruption import Interruptions
from gopro_sync_cli.rebuild import open_rebuild
from gopro_sync_cli.terminal_output import error_console, output_console


def rebuild_records(
    *, stack_name: str, region: str | None, gopro_api_base_url: str | None, dry_run: bool, gopro_has_none: bool
) -> None:
    """Write the tracker's records again from the bucket's objects."""
    with (
        Interruptions(),
        open_rebuild(
            stack_name,
            region=region,
            gopro_api_base_url=gopro_api_base_url,
            output=output_console(),
            errors=error_console(),
        ) as it,
    ):
        it.run(is_dry_run=dry_run, gopro_has_none=gopro_has_none)
