#!/usr/bin/env bash
# The security gates: `make security`. One line per gate that passes; the output of one that fails.
#
# They live in an environment of their own, .venv/gates, made at the first use: checkov and its friends pin other versions
# of the AWS libraries than the project, and nothing else needs them.
set -euo pipefail
if [ -L "$0" ]; then
  echo "security: $0 is a link: run the script that it leads to" >&2
  exit 1
fi
CDPATH='' cd -P -- "$(dirname -- "$0")/.."
. requirements/installing.sh

tools=.venv/gates/bin
stamp=.venv/gates/.lock-installed
export DETECT_SECRETS_NO_COLOR=1 CHECKOV_RUN_SCA_PACKAGE_SCAN_V2=false PYTHONWARNINGS=ignore

if ! cmp -s gates/gates.txt "$stamp"; then
  if [ -L .venv ] || [ ! -f .venv/.locks-installed ]; then
    echo "security: $PWD/.venv is a link, or was not made by \`make setup\`: its gates are not replaced" >&2
    exit 1
  fi
  echo "security: installing the gates into .venv/gates (half a minute, once)"
  rm -rf .venv/gates
  .venv/bin/python -m venv .venv/gates
  if ! (install_packages gates .venv/gates gates/gates.txt); then
    say_why_not security gates
    exit 1
  fi
  cp gates/gates.txt "$stamp"
fi

failed=()
gate() { # gate NAME COMMAND...: shows the command's output only if it fails
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "security: $name: nothing found"
  else
    printf '%s\n' "$output"
    echo "security: $name: FAILED"
    failed+=("$name")
  fi
}

# Why each rule is left out:
#   ES6000  the dead letter queue is the last stop: there is no other queue to move its messages to
#   ES7000  the subscription is an e-mail address, to which SNS delivers with retries of its own
#   WS1004  the rule looks for a log group named after the logical id; ours are named after the function, and
#           tests/contract/test_template.py checks that each function has its own, with a retention
#   W1030  left out in template.yaml too, with the reason; options here replace those there
serverless_rules() {
  "$tools/cfn-lint" --append-rules cfn_lint_serverless.rules --ignore-checks ES6000 ES7000 WS1004 W1030 -t template.yaml
}

# Suppressions are in template.yaml's Metadata, each with its reason.
checkov_template() {
  "$tools/checkov" --quiet --compact --skip-download --framework cloudformation -f template.yaml
}

# Every role of the template, in a VPC. What is accepted, and why, is in gates/iam_findings.py.
iam_policies() {
  local policies
  policies=$(mktemp -d) || return
  trap 'rm -rf "$policies"' RETURN
  .venv/bin/python -m gates.iam_policies "$policies"
  # It ends with an error whenever it has findings; gates/iam_findings.py judges them.
  { "$tools/parliament" --directory "$policies" --include_policy_extension json --json || true; } |
    .venv/bin/python -m gates.iam_findings
}

# What runs in Lambda and at the operator's; the local cloud and the tests are held by ruff's own security rules (S).
bandit_code() { "$tools/bandit" --quiet --recursive src gopro_sync_cli lambda_package; }

# Only what git would publish. The keyword and entropy detectors are off: in a repository about tokens they flag every
# fake one. gates/gopro_secret_detectors.py finds real ones by their shape.
secrets() {
  git ls-files -z --cached --others --exclude-standard |
    xargs -0 "$tools/detect-secrets" scan --disable-plugin KeywordDetector --disable-plugin HexHighEntropyString \
      --disable-plugin Base64HighEntropyString --disable-plugin IPPublicDetector -p gates/gopro_secret_detectors.py |
    .venv/bin/python -m gates.secret_findings
}

gate "cfn-lint, serverless rules" serverless_rules
gate "checkov" checkov_template
gate "IAM policies (parliament)" iam_policies
gate "bandit" bandit_code
gate "secret scan" secrets

# The audit asks a public database. If that cannot be reached, it says so clearly and does not fail.
is_reached='
import urllib.error, urllib.request
try:
    urllib.request.urlopen("https://api.osv.dev/", timeout=5)
except urllib.error.HTTPError:
    pass'
if "$tools/python" -c "$is_reached" 2>/dev/null; then
  for lock in src/requirements.txt requirements/dev.txt requirements/docs.txt; do
    gate "dependency audit of $lock" "$tools/pip-audit" --vulnerability-service osv --disable-pip --no-deps -r "$lock"
  done
else
  echo "security: dependency audit: SKIPPED, api.osv.dev cannot be reached from here"
fi

if [ ${#failed[@]} -gt 0 ]; then
  echo "security: failed: ${failed[*]}"
  exit 1
fi
