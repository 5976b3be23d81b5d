"""Read what detect-secrets found (JSON on standard input): one line each, and a failure if there is any."""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Print the findings without the secrets; return 1 if there are any."""
    results = json.load(sys.stdin)["results"]
    for file, hits in results.items():
        for hit in hits:
            print(f"{file}:{hit['line_number']}: {hit['type']}")
    return int(bool(results))


if __name__ == "__main__":
    sys.exit(main())
