"""Commands named in messages, written so that they work when typed where the message was read."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).resolve().parent.parent


def local_command(*arguments: str) -> str:
    """Return what to type, in the current folder, for a command of the cloud on your machine.

    Args:
        arguments: of the command line, such as ``down``; they are quoted.
    """
    wrapper = "./gopro-sync" if _is_current(_CHECKOUT) else quoted(str(_CHECKOUT / "gopro-sync"))
    return " ".join([wrapper, "local", *map(quoted, arguments)])


def make_command(target: str) -> str:
    """Return what to type, in the current folder, for a target of the Makefile."""
    return f"make {target}" if _is_current(_CHECKOUT) else f"make -C {quoted(str(_CHECKOUT))} {target}"


def quoted(text: str) -> str:
    """Quote a word for a POSIX shell; characters that must not reach a terminal become octal escapes (``$'...'``)."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_octal_unless_plain, os.fsencode(text))) + "'"


def _octal_unless_plain(byte: int) -> str:
    character = chr(byte)
    is_plain = character.isascii() and character.isprintable() and character not in "'\\"
    return character if is_plain else f"\\{byte:03o}"


def _is_current(folder: Path) -> bool:
    with suppress(OSError):  # the current folder may have been removed
        return Path.cwd() == folder
    return False
