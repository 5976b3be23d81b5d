#!/bin/sh
# Finds a Python 3.12 with pip and lets it build one function's package: build.sh ARCHITECTURE ARTIFACTS_DIR.
# It has to be 3.12, as on Lambda: bytecode of another version is ignored there. PYTHON=/path/to/python3.12 names one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

for python in "${PYTHON:-}" python3.12 python3 python "$here/../.venv/bin/python"; do
  if [ -n "$python" ] && "$python" -c 'import sys, pip; sys.exit(sys.version_info[:2] != (3, 12))' >/dev/null 2>&1; then
    PYTHONPATH="$here/.." exec "$python" -B -m lambda_package.build --architecture "$1" --source . --artifacts "$2"
  fi
done
echo "sam build: no Python 3.12 with pip was found. \`make setup\` makes one (.venv), or set PYTHON=/path/to/python3.12." >&2
exit 1
