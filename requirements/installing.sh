# How packages are installed here, for the scripts that source this file: setup.sh, docs.sh and gates/run.sh.
# shellcheck shell=bash
#
# pip's output goes to a log and not to the screen: most of it, warnings about an index included, needs no action. When
# pip fails, its last lines are shown, with one sentence that says what to do.

install_log() { echo ".venv/install-logs/$1.log"; } # install_log NAME

# install_packages NAME ENVIRONMENT LOCK: ends as pip ends. `exec`, so that a background job is pip itself and can be ended.
install_packages() {
  mkdir -p .venv/install-logs && exec "$2/bin/python" -m pip install --no-input --no-color --progress-bar off \
    --disable-pip-version-check --only-binary :all: -r "$3" >"$(install_log "$1")" 2>&1 </dev/null
}

# say_why_not WHO NAME: what a person needs to know of an installation that failed.
say_why_not() {
  local who=$1 log what_to_do
  log=$(install_log "$2")
  _ask_why_nothing_was_found "$log"
  { grep -v -e '^WARNING' -e '^ *$' -e '^\[notice\]' "$log" | tail -n 6 | cut -c 1-300 | sed -e 's#//[^/@ ]*@#//***@#g' -e 's/^/  /'; } >&2 || true
  what_to_do=$(_what_to_do "$log")
  echo "$who: $what_to_do (pip's whole output: $PWD/$log)" >&2
}

# About an index that refuses it, pip only says "from versions: none", unless it is asked for every detail.
_ask_why_nothing_was_found() {
  local requirement
  requirement=$(sed -n 's/.*satisfies the requirement \([^ ]*\) .*from versions: none.*/\1/p' "$1" | head -n 1)
  [ -n "$requirement" ] || return 0
  { .venv/bin/python -m pip install --no-input --disable-pip-version-check --dry-run --no-deps --retries 0 -vv \
    "$requirement" 2>&1 </dev/null | grep 'Could not fetch URL' | sed 's#//[^/@ ]*@#//***@#g' >>"$1"; } || true
}

_what_to_do() { # in this order: the cause of pip's failure is often followed by its consequences
  if [ "$(df -Pk .venv | awk 'NR == 2 {print $4}')" -lt 20000 ] || grep -qE 'No space left|Errno 28|Disk quota|Errno 122' "$1"; then
    echo "no space is left on this disk: a complete .venv takes 0.8 GB; make room, then try again"
  elif grep -qE '(HTTP error|status_code|code|\b)(401|403|407)\b|(401|403|407) (Client )?Error|Tunnel connection failed' "$1"; then
    echo "the package index, or a proxy before it, refuses this machine: check PIP_INDEX_URL or pip's configuration, and its credentials"
  elif grep -qE 'CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerification' "$1"; then
    echo "the package index's certificate is not trusted here: set PIP_CERT to a file with the certificate of your proxy or index, then try again"
  elif grep -qE 'NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ConnectionResetError|ProxyError|Max retries exceeded|Network is unreachable' "$1"; then
    echo "the package index cannot be reached: check the network, PIP_INDEX_URL and HTTPS_PROXY, then try again"
  elif grep -qE 'No matching distribution|HASHES DO NOT MATCH' "$1"; then
    echo "the package index does not have what the lock file names, as a wheel for this machine: try another index (PIP_INDEX_URL), or a processor and system with wheels"
  else
    echo "pip's lines above say what is wrong; fix it, then try again"
  fi
}
