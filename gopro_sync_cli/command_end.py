"""End a command that cannot continue with one sentence and an exit code, whatever went wrong.

Unexpected errors end the same way; their traceback goes into a file, without the values of variables.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NoReturn, TextIO

from gopro_sync_cli.exit_codes import ExitCode

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def ended_in_words(program: str, *, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Run a command in this block: an exception that leaves it becomes a sentence on standard error and an exit code.

    Args:
        program: the name to print before the sentence.
        say: prints a line on standard error; default: as plain text.

    Raises:
        SystemExit: the command has ended, or could not continue.
    """
    say = say or _print_error
    try:
        yield
        _flush_output()
    except SystemExit as end:
        _end_after_flush(program, say, end)
    except KeyboardInterrupt:
        _end(f"{program}: interrupted", say, ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has stopped reading, as `head` does.
        _end(None, say, ExitCode.CANNOT_RUN)
    except Exception as error:  # noqa: BLE001 - the last resort
        _end(f"{program}: {_sentence(error)}", say, ExitCode.CANNOT_RUN)


def _end_after_flush(program: str, say: Callable[[str], None], end: SystemExit) -> NoReturn:
    try:
        _flush_output()
    except OSError as error:
        _end(f"{program}: {_sentence(error)}", say, ExitCode.CANNOT_RUN)
    raise end


def _end(sentence: str | None, say: Callable[[str], None], code: int) -> NoReturn:
    if sentence is not None:
        with suppress(OSError, ValueError):  # standard error may be full, or closed
            say(sentence)
    with suppress(OSError, ValueError):
        _flush_output()
    raise SystemExit(code) from None


def _flush_output() -> None:
    """Write what is still buffered, or discard it, so that Python does not retry at exit and print a traceback.

    Raises:
        OSError: standard output cannot be written.
    """
    with suppress(OSError):  # there is nowhere left to report it
        _flush(sys.stderr)
    _flush(sys.stdout)


def _flush(stream: TextIO | None) -> None:
    if stream is None:  # closed before the start
        return
    try:
        stream.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise


def _print_error(line: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{line}\n")


def _sentence(error: Exception) -> str:
    # It loads the SDK, which a command that ends well may never need.
    from gopro_sync_cli.aws_errors import plain_words  # noqa: PLC0415

    words = plain_words(error)
    if words is None and isinstance(error, OSError) and error.errno is not None:
        words = _refused_by_the_system(error)
    return words or _unexpected(error)


def _refused_by_the_system(error: OSError) -> str:
    place = "standard output" if error.filename is None else os.fsdecode(error.filename)
    place = place if place.isprintable() else ascii(place)
    if error.errno in _NO_SPACE:
        return f"no space left on the device of {place}: free some, and run it again"
    return f"{place} cannot be used: {error.strerror}"


def _unexpected(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "an unknown place"
    try:
        details = f"details in {_kept(error)}"
    except OSError as refusal:
        details = f"the details could not be kept: {refusal.strerror}"
    return f"unexpected: {type(error).__name__} in {where}; {details}"


def _kept(error: Exception) -> Path:
    """Write the error's traceback into a new file, which only its owner may read, and return its name.

    It holds places in the code and error classes but no messages: a message may quote what was typed, even a password.
    """
    descriptor, name = tempfile.mkstemp(prefix="gopro-sync-error-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        for cause in _chain(error):
            file.writelines(traceback.format_tb(cause.__traceback__))
            file.write(f"{type(cause).__module__}.{type(cause).__qualname__}\n\n")
    return Path(name)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, the first cause first."""
    earlier = error.__cause__ or error.__context__
    if earlier is not None:
        yield from _chain(earlier)
    yield error
