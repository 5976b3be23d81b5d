"""The file that ``local run --input`` names: an execution's input, checked before anything starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from local.errors import RunInputError
from local.json_file import JsonFileError, read_json

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
LARGEST_INPUT_BYTES: Final = 262_144
_LARGEST_FILE_BYTES: Final = 4 * LARGEST_INPUT_BYTES  # with white space that is not sent


def read_run_input(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds; the run itself checks its fields.

    Raises:
        RunInputError: the file cannot be read, is not JSON, holds no object, or is larger than an execution's input.
    """
    try:
        document = read_json(path, largest_bytes=_LARGEST_FILE_BYTES)
    except JsonFileError as error:
        raise RunInputError(f"{path} {error}") from error
    if not isinstance(document, dict):
        raise RunInputError(f"{path} must hold one JSON object, such as {{}}")
    size_bytes = len(json.dumps(document).encode())
    if size_bytes > LARGEST_INPUT_BYTES:
        raise RunInputError(
            f"{path} is {size_bytes / 1024:.0f} KiB of input; Step Functions takes {LARGEST_INPUT_BYTES // 1024} KiB "
            "at most: ask for fewer videos at once"
        )
    return document
