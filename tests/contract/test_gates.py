"""No finding of a security gate is put aside without a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gates import iam_findings
from gates.template import ROOT, template

CHECKED = ("src", "gopro_sync_cli", "lambda_package")
PYTHON_FILES = [file for folder in CHECKED for file in (ROOT / folder).rglob("*.py")]


def test_every_check_that_the_template_skips_says_why() -> None:
    skipped = [
        skip
        for definition in template()["Resources"].values()
        for skip in definition.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert skipped
    assert [skip["id"] for skip in skipped if len(skip.get("comment", "").split()) < 5] == []


def test_every_rule_that_cfn_lint_ignores_is_explained_above_it() -> None:
    script = (ROOT / "gates" / "run.sh").read_text(encoding="utf-8")
    ignored = re.search(r"--ignore-checks ([A-Z0-9 ]+) -t", script)
    assert ignored
    for rule in ignored[1].split():
        assert re.search(rf"^#   {rule}  \w+ \w+ \w+", script, re.MULTILINE), rule


@pytest.mark.parametrize("file", [file for file in PYTHON_FILES if "nosec" in file.read_text(encoding="utf-8")])
def test_every_line_that_bandit_skips_says_why(file: Path) -> None:
    for line in file.read_text(encoding="utf-8").splitlines():
        if "# nosec" in line:
            assert re.search(r"# nosec B\d{3} - \w+ \w+", line), line


def test_every_accepted_finding_about_a_role_says_why() -> None:
    assert [finding for finding, reason in iam_findings.ACCEPTED.items() if len(reason.split()) < 5] == []
