"""Write the page on what this system assumes about AWS and no test can try, from the cases that get it wrong. Pure.

.venv/bin/python -m docs.tools.assumptions > docs/assumptions.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

CASES: Final = Path(__file__).parents[2] / "tests" / "cases" / "aws.json"
_HEAD: Final = """# What is assumed about AWS

An engine on one machine cannot show how AWS really answers: which name Step Functions gives an error, for example, or
how fast a new table accepts writes. Each line gives an assumption and its source; what happens if it is wrong, which a
test plays through (`tests/integration/test_aws_cases.py`, under the name of the case); and how to check it on a
deployed stack. This page is generated from the cases:
`.venv/bin/python -m docs.tools.assumptions > docs/assumptions.md`

| assumption | if it is wrong | how to check on AWS | case |
|---|---|---|---|
"""


def assumptions_page(cases: Iterable[Mapping[str, Any]]) -> str:
    """Write the page, in Markdown.

    Args:
        cases: as ``tests/cases/aws.json`` has them.
    """
    rows = [
        f"| {assumption['says']} ([source]({assumption['source']})) | {assumption['if_wrong']} | {assumption['check']} "
        f"| {case['id']} |"
        for case in cases
        for assumption in case.get("assumptions", [])
    ]
    return _HEAD + "\n".join(rows) + "\n"


def main() -> None:
    """Write the page to standard output."""
    sys.stdout.write(assumptions_page(json.loads(CASES.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
