#!/usr/bin/env bash
# Removes what was built in this working copy: `make clean`. The local clouds of .local are ended first, since they run
# from .venv. What `local down` leaves stays: certificates that shells trust, and what no local cloud wrote.
set -euo pipefail
if [ -L "$0" ]; then # it would remove what is beside the link
  echo "clean: $0 is a link: run the script that it leads to" >&2
  exit 1
fi
CDPATH='' cd -P -- "$(dirname -- "$0")/.."

for state in .local .local/*/; do
  [ -e "$state/state.json" ] || [ -L "$state/state.json" ] || continue
  if ! .venv/bin/python -m local down --state-dir "$state"; then
    echo "clean: nothing else was removed, since a local cloud may still be up (state in $PWD/$state)." >&2
    echo "clean: without a working .venv it cannot be ended: make setup, then make clean." >&2
    exit 1
  fi
done

removed=()
for built in .aws-sam .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis; do
  if [ -e "$built" ] || [ -L "$built" ]; then removed+=("$built"); fi
done
rm -rf .aws-sam .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
if [ ! -L .venv ] && [ -f .venv/.locks-installed ]; then # made by setup.sh
  rm -rf .venv
  removed+=(.venv)
elif [ -e .venv ] || [ -L .venv ]; then
  echo "clean: left alone: $PWD/.venv is a link, or was not made by requirements/setup.sh" >&2
fi
echo "clean: removed: ${removed[*]:-nothing, since there was nothing}"
