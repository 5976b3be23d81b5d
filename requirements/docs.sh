#!/usr/bin/env bash
# Adds to .venv what draws the documents' pictures, from docs.txt beside this script; does nothing if it is there.
#
# Nothing else needs it, so `make setup` leaves it out, and a new .venv does not have it.
set -euo pipefail
if [ -L "$0" ]; then
  echo "docs: $0 is a link: run the script that it leads to" >&2
  exit 1
fi
CDPATH='' cd -P -- "$(dirname -- "$0")/.."
. requirements/installing.sh

lock=requirements/docs.txt
stamp=.venv/.docs-installed

if cmp -s "$lock" "$stamp"; then exit 0; fi
if [ -L .venv ] || [ ! -f .venv/.locks-installed ]; then
  echo "docs: $PWD/.venv is a link, or was not made by \`make setup\`: nothing is installed into it" >&2
  exit 1
fi
echo "docs: installing matplotlib into .venv (a quarter of a minute, once)"
if ! (install_packages docs .venv "$lock"); then
  say_why_not docs docs
  exit 1
fi
cp "$lock" "$stamp"
