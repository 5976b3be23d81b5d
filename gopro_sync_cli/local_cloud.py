"""``./gopro-sync local``: the commands of the cloud on your machine, which only a checkout has."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import NoReturn

from gopro_sync_cli.errors import NoCheckoutError
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.typed import typed_program


def run(arguments: Sequence[str]) -> NoReturn:
    """Run a command of the cloud on your machine, with its own help, errors and exit codes.

    Args:
        arguments: what was typed after ``local``.

    Raises:
        SystemExit: it has ended.
        NoCheckoutError: there is no such cloud here.
    """
    try:
        command_line = importlib.import_module("local.__main__")
    except ModuleNotFoundError as error:
        raise NoCheckoutError(
            f"the cloud on your machine needs a checkout of gopro-s3-sync with what its set-up installs ({error.name} "
            "is missing here); in the checkout's folder, type: ./gopro-sync local up"
        ) from error
    command_line.main(arguments, program=f"{typed_program()} local")
    raise SystemExit(ExitCode.DONE)
