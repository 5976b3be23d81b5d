"""Write the page on what each of AWS's codes means to this system, from the table in the code. Pure.

.venv/bin/python -m docs.tools.aws_codes > docs/aws-codes.md
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Final

from gopro_sync.aws.answers import MEANINGS, OTHERWISE, TRIED_AGAIN, Meaning, Service, Tries

_HEAD: Final = """# What AWS's codes mean here

The errors in logs, notices and records come from one table, `src/gopro_sync/aws/answers.py`. A code that some callers
expect is not an error to them. This page is generated from the table:
`.venv/bin/python -m docs.tools.aws_codes > docs/aws-codes.md`

A request is retried by botocore at once, then by the transfer within the same invocation (`archive/retries.py`), then
by the state machine with a new invocation, and finally by the next run.
"""
_COLUMNS: Final = """
| code | error | retried by | reads |
|---|---|---|---|
"""
_WHO: Final = {
    Tries.INVOCATION: "the transfer",
    Tries.STATE_MACHINE: "the state machine",
    Tries.NEXT_RUN: "the next run",
    Tries.ROTATION: "Secrets Manager",
}


def codes_page() -> str:
    """Write the page, in Markdown: a table for each service."""
    return _HEAD + "".join(f"\n## {service}\n{_COLUMNS}{_rows(service)}" for service in Service)


def _rows(service: Service) -> str:
    # Codes that mean the same share a row, in the table's order.
    groups = groupby(MEANINGS[service].items(), key=lambda row: row[1])
    rows = [_row(service, [code for code, _ in group], meaning) for meaning, group in groups]
    rows.append(_row(service, [], OTHERWISE[service]))
    return "\n".join(rows) + "\n"


def _row(service: Service, codes: list[str], meaning: Meaning) -> str:
    names = ", ".join(f"`{code}`" for code in codes) or "any other, or an unreadable answer"
    what = f"`{meaning.error.__name__}`"
    if meaning.is_denial_in_the_end:
        what += "; `AccessDeniedError` if it persists"
    if meaning.expected_as is not None:
        what += f"; expected by some callers: {meaning.expected_as}"
    tries = [*(["botocore"] if meaning.by_botocore else []), *(_WHO[tries] for tries in TRIED_AGAIN[meaning.error])]
    reads = meaning.reads.format(
        service=service,
        operation="OPERATION",
        code="CODE",
        status="",
        action="PERMISSION",
        aws_message=": AWS's own words",
    )
    return f"| {names} | {what} | {', '.join(tries) or 'nobody'} | {reads} |"


def main() -> None:
    """Write the page to standard output."""
    sys.stdout.write(codes_page())


if __name__ == "__main__":
    main()
