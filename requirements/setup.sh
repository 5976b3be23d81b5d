#!/usr/bin/env bash
# Makes .venv at the repository's root, from the lock files beside this script; does nothing when it is up to date.
#
#   .venv                  the project, its tests and checks, the local cloud
#   .venv/sam              the SAM CLI, linked as .venv/bin/sam (it pins another botocore than the local engine does)
#   .venv/lambda-runtime   the Lambda runtime interface client and nothing else, so that the local functions see only
#                          what `sam build` packed
#
# PYTHON=/path/to/python3.12 names the interpreter; without it, one is looked for.
set -euo pipefail
if [ -L "$0" ]; then # it would make, and remove, a .venv beside the link
  echo "setup: $0 is a link: run the script that it leads to" >&2
  exit 1
fi
CDPATH='' cd -P -- "$(dirname -- "$0")/.."

locks=(src/requirements.txt requirements/dev.txt requirements/sam.txt requirements/lambda-runtime.txt)
stamp=.venv/.locks-installed # in every .venv that was made here: empty until all is installed

is_python312() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 12))' >/dev/null 2>&1; }

# A name on PATH is not enough: pyenv leaves a `python3.12` there that fails unless its version is selected.
find_python312() {
  local candidate
  for candidate in "${PYTHON:-}" python3.12 python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python \
    "$HOME"/.local/share/uv/python/cpython-3.12*/bin/python3.12 \
    /opt/*/bin/python3.12 /usr/local/bin/python3.12 /opt/homebrew/bin/python3.12; do
    if [ -n "$candidate" ] && is_python312 "$candidate"; then echo "$candidate"; return; fi
  done
  if command -v uv >/dev/null && candidate=$(uv python find 3.12 2>/dev/null) && is_python312 "$candidate"; then
    echo "$candidate"; return
  fi
  if command -v uv >/dev/null && uv python install 3.12 >&2 && candidate=$(uv python find 3.12) && is_python312 "$candidate"; then
    echo "$candidate"; return
  fi
  echo "setup: Python 3.12 with its venv module was not found (it is what the Lambda functions run on)." >&2
  echo "setup: install it ('uv python install 3.12', 'pyenv install 3.12', or your system's package), or set PYTHON=/path/to/python3.12." >&2
  return 1
}

if [ -f "$stamp" ] && cat "${locks[@]}" requirements/setup.sh | cmp -s - "$stamp" && is_python312 .venv/bin/python; then exit 0; fi

if [ -L .venv ] || { [ -e .venv ] && [ ! -f "$stamp" ]; }; then
  echo "setup: $PWD/.venv is a link, or was not made by this script: move it away or delete it, then try again" >&2
  exit 1
fi

# make puts .venv/bin on PATH: an old .venv must not be what the new one is made with, since it is removed first.
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -vxF "$PWD/.venv/bin" | paste -sd: -)
python=$(find_python312)
echo "setup: making .venv with $("$python" --version) (about a minute, once)"
rm -rf .venv
mkdir .venv && : > "$stamp"
for env in .venv .venv/sam .venv/lambda-runtime; do "$python" -m venv "$env"; done

install() { "$1/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -r "$2"; }
install .venv/sam requirements/sam.txt &
sam_install=$!
install .venv requirements/dev.txt
install .venv/lambda-runtime requirements/lambda-runtime.txt
wait "$sam_install"
ln -s ../sam/bin/sam .venv/bin/sam

cat "${locks[@]}" requirements/setup.sh > "$stamp"
