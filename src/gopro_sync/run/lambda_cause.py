"""The sentence in what Step Functions calls the cause of a failed Lambda function."""

from __future__ import annotations

import json
import re
from typing import Final

_NO_CAUSE: Final = "No cause was given."
# What fits beside the rest of a notice, and into a record of the table.
_LONGEST_MESSAGE: Final = 1000
# A Lambda function's cause is JSON with a stack trace, and Step Functions may cut it off anywhere: so it is searched,
# not parsed. Where the text ends, the message ends too, except for half an escape.
_ERROR_MESSAGE: Final = re.compile(r'"errorMessage": ?"(?P<text>(?:[^"\\]|\\u[0-9A-Fa-f]{4}|\\[^u])*)')


def message_of_cause(cause: str | None) -> str:
    """Return the error's message, without its stack trace, at most 1,000 characters.

    Args:
        cause: a Lambda function's, whole or cut off; or a plain sentence, as from other services; or nothing.
    """
    found = _ERROR_MESSAGE.search(cause or "")
    message = _unescaped(found["text"]) if found else ""
    return (message or cause or _NO_CAUSE)[:_LONGEST_MESSAGE]


def _unescaped(text: str) -> str:
    try:
        unescaped: str = json.loads(f'"{text}"', strict=False)
    except ValueError:  # it only looked like JSON
        return text
    # Half of a character that JSON spells as two cannot be sent as text.
    return unescaped.encode("utf-8", "replace").decode()
