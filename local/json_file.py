"""Read a JSON file that a person named, up to a size limit, and refuse it in plain words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NoReturn

_KIB: Final = 1024


class JsonFileError(ValueError):
    """The file holds no usable JSON; the message continues a sentence that begins with its name, and quotes nothing."""


def read_json(path: Path, *, largest_bytes: int) -> object:
    """Return what a file holds.

    Args:
        path: the file; a pipe will do.
        largest_bytes: how large it may be.

    Raises:
        JsonFileError: it cannot be read, is larger, or is not JSON.
    """
    try:
        with path.open("rb") as file:
            content = file.read(largest_bytes + 1)
    except OSError as error:
        raise JsonFileError(f"cannot be read: {error.strerror}") from error
    if len(content) > largest_bytes:
        raise JsonFileError(f"is larger than {largest_bytes // _KIB} KiB, the most that is possible here")
    try:
        return json.loads(content.decode(), parse_constant=_refuse)
    except UnicodeDecodeError:
        reason = "is not JSON: it is not UTF-8 text"
    except json.JSONDecodeError as error:
        reason = f"is not JSON from line {error.lineno}, column {error.colno} on"
    except RecursionError:
        reason = "is nested too deeply"
    except ValueError as error:
        reason = f"is not JSON: {error}" if str(error).endswith("is no JSON number") else "holds too long a number"
    raise JsonFileError(reason)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
