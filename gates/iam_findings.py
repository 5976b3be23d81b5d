"""Read what parliament found (JSON lines on standard input); fail on what is not accepted below, with the reason."""

from __future__ import annotations

import json
import sys
from typing import Final

# By the kind of finding and a word in its detail.
ACCEPTED: Final = {
    ("RESOURCE_STAR", "ec2:"): "a network interface has no name before it is created; only with a VPC",
    ("RESOURCE_MISMATCH", "states:DescribeExecution"): "parliament's table knows the ARNs of express executions only",
}


def main() -> int:
    """Report the findings; return 1 if any is not accepted."""
    findings = [json.loads(line) for line in sys.stdin if line.startswith("{")]
    left = [finding for finding in findings if not any(_is(finding, accepted) for accepted in ACCEPTED)]
    for finding in left:
        print(finding["severity"], finding["issue"], finding["detail"], finding["location"])
    # No finding at all would mean that nothing was examined.
    stale = [accepted for accepted in ACCEPTED if not any(_is(finding, accepted) for finding in findings)]
    for issue, word in stale:
        print(f"{issue} of {word} is accepted, and was not found")
    return int(bool(left or stale))


def _is(finding: dict[str, object], accepted: tuple[str, str]) -> bool:
    issue, word = accepted
    return finding["issue"] == issue and word in f"{finding['detail']} {finding['location']}"


if __name__ == "__main__":
    sys.exit(main())
