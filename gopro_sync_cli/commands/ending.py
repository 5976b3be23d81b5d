"""How an error ends a command: with its sentence, and with the code that the error stands for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync.errors import GoProSyncError, RetryableError
from gopro_sync_cli.aws_errors import plain_words
from gopro_sync_cli.errors import AdoptionError, NoCheckoutError, RedriveError, StartUnknownError
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.terminal_output import error_console


@contextmanager
def as_a_check(*findings: type[Exception]) -> Iterator[None]:
    """End with what a check found, or with why it could not be made; any other error passes through."""
    try:
        yield
    except findings as error:
        end(error, ExitCode.FAILED)
    except (RetryableError, BotoCoreError, ClientError) as error:
        end(error, ExitCode.NOT_CHECKED)


def end_if_expected(error: Exception) -> None:
    """End the command by an error that it has foreseen; return if it is none of these."""
    match error:
        case StartUnknownError():
            end(error, ExitCode.NOT_CHECKED)
        case AdoptionError():
            end(error, ExitCode.FAILED)
        case GoProSyncError() | RedriveError() | NoCheckoutError():
            end(error, ExitCode.CANNOT_RUN)


def end(error: Exception, code: ExitCode) -> NoReturn:
    """Print what the error says, and end the command with a code."""
    # The remedy of one of our errors is that of a run.
    words = error.message if isinstance(error, GoProSyncError) else plain_words(error) or str(error)
    error_console().print(f"gopro-sync: {words}")
    raise SystemExit(code) from None
