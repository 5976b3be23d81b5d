"""``adopt``: what an earlier stack has left is taken into a stack again."""

from __future__ import annotations

from pathlib import Path

from gopro_sync.errors import ConfigurationError
from gopro_sync_cli.adopt import Adopt
from gopro_sync_cli.commands.ending import as_a_check
from gopro_sync_cli.errors import AdoptionError
from gopro_sync_cli.interruption import Interruptions
from gopro_sync_cli.terminal_output import error_console, output_console


def adopt_what_was_kept(
    folder: Path, *, config_env: str, region: str | None, yes: bool, deploy: bool, check: bool
) -> None:
    """Take it into the stack, or with ``check`` only find out whether that is needed."""
    with Interruptions():
        adoption = Adopt(folder, config_env=config_env, region=region, output=output_console(), errors=error_console())
        if check:
            with as_a_check(AdoptionError, ConfigurationError):
                adoption.check()
        else:
            adoption.run(yes=yes, deploy=deploy)
