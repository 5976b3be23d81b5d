#!/usr/bin/env bash
# Makes .venv at the repository's root, from the lock files beside this script; does nothing if it is up to date.
#
# Steps that an interrupted or failed set-up has finished are kept, and the next one resumes after them. A second set-up
# at the same time waits for the first.
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

. requirements/installing.sh

locks=(src/requirements.txt requirements/dev.txt requirements/sam.txt requirements/lambda-runtime.txt)
stamp=.venv/.locks-installed # in every .venv that was made here: empty until all is installed
made=.venv/made              # has a file for each step that was finished

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

recipe() { cat "${locks[@]}" requirements/setup.sh requirements/installing.sh; }

is_recipe() { recipe 2>/dev/null | cmp -s - "$1"; } # is_recipe FILE; cmp stops reading at the first difference

is_up_to_date() { [ -f "$stamp" ] && is_recipe "$stamp" && is_python312 .venv/bin/python; }

if is_up_to_date; then exit 0; fi

if [ -L .venv ] || { [ -e .venv ] && [ ! -f "$stamp" ]; }; then
  echo "setup: $PWD/.venv is a link, or was not made by this script: move it away or delete it, then try again" >&2
  exit 1
fi

# make puts .venv/bin on PATH: the new .venv must not be made with an old one, which is removed first.
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -vxF "$PWD/.venv/bin" | paste -sd: -)
python=$(find_python312)

# The lock is on an open file that pip inherits: it holds as long as any process of a set-up is running, and is released
# with the last one, however that ends. On a file system without such locks, two set-ups must not run at once.
lock='
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("setup: another set-up of this folder is at work: waiting until it has ended", flush=True)
    try:
        fcntl.flock(9, fcntl.LOCK_EX)
    except KeyboardInterrupt:
        sys.exit(130)
except OSError:
    pass'
exec 9<requirements/setup.sh
"$python" -c "$lock"
if is_up_to_date; then exit 0; fi

# --- the steps -------------------------------------------------------------------------------------------------------

# Everything slow runs as a background job that is waited for: only then does a signal take effect at once. The jobs
# ignore a terminal's Ctrl-C, so they are ended here.
end_jobs() {
  local running
  running=$(jobs -pr)
  if [ -n "$running" ]; then kill $running 2>/dev/null || true; fi # shellcheck disable=SC2086 # several numbers
}
interrupted() {
  { echo; echo "setup: interrupted; the next set-up resumes after the steps that are done"; } >&2 || true
  exit 130
}
trap end_jobs EXIT
trap interrupted INT TERM HUP

step() { # step NUMBER WHAT HOW-LONG; `done_with` or `failed` ends its line
  step_began=$SECONDS
  printf 'setup: step %s of 4: %s (usually %s) ...' "$1" "$2" "$3"
}

took() { printf ' %s s\n' "$((SECONDS - step_began))"; }

failed() { # failed NAME: of the step that is under way
  printf ' failed\n'
  say_why_not setup "$1"
  exit 1
}

is_made() { [ -f "$made/$1" ]; } # is_made NAME

make_empty() { # make_empty ENVIRONMENT: pip takes half-installed packages for installed, so nothing of them is kept
  if [ "$1" = .venv ]; then
    find .venv -mindepth 1 -maxdepth 1 ! -name "${stamp##*/}" ! -name "${made##*/}" ! -name install-logs ! -name sam \
      ! -name lambda-runtime -exec rm -rf {} +
  else
    rm -rf "$1"
  fi
  "$python" -m venv "$1" >>"$(install_log environments)" 2>&1
}

packages() { grep -c '^[a-zA-Z0-9]' "$1"; } # packages LOCK

if [ -f "$made/recipe" ] && is_recipe "$made/recipe" && [ "$(cat "$made/python")" = "$python" ]; then
  echo "setup: resuming: making .venv with $("$python" --version)"
else
  echo "setup: making .venv with $("$python" --version): one to two minutes, once; 0.8 GB"
  rm -rf .venv
  mkdir .venv && : >"$stamp" && mkdir "$made" .venv/install-logs
  echo "$python" >"$made/python"
  recipe >"$made/recipe"
fi

step 1 "empty environments" "10 to 20 s"
: >"$(install_log environments)"
empties=()
is_made project || { make_empty .venv & empties+=($!); }
is_made sam || { make_empty .venv/sam & empties+=($!); }
is_made lambda-runtime || { make_empty .venv/lambda-runtime & empties+=($!); }
for job in ${empties[@]+"${empties[@]}"}; do wait "$job" || failed environments; done
took

# The largest two are installed at the same time.
if ! is_made sam; then
  install_packages sam .venv/sam requirements/sam.txt &
  sam_job=$!
fi
if ! is_made project; then
  step 2 "the project, its tests and checks, the local cloud: $(packages requirements/dev.txt) packages" "40 to 100 s"
  install_packages project .venv requirements/dev.txt &
  wait $! || failed project
  : >"$made/project"
  took
fi
if ! is_made lambda-runtime; then
  step 3 "the Lambda runtime client: $(packages requirements/lambda-runtime.txt) packages" "3 s"
  install_packages lambda-runtime .venv/lambda-runtime requirements/lambda-runtime.txt &
  wait $! || failed lambda-runtime
  : >"$made/lambda-runtime"
  took
fi
if ! is_made sam; then
  step 4 "the SAM CLI: $(packages requirements/sam.txt) packages, begun with step 2" "10 s"
  wait "$sam_job" || failed sam
  : >"$made/sam"
  took
fi
ln -sf ../sam/bin/sam .venv/bin/sam

recipe >"$stamp"
echo "setup: done, after $SECONDS s"
