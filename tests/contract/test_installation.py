"""What is installed alone is what is tested, and one number names it everywhere."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from gates.template import ROOT, template
from gopro_sync_cli.checkout import version

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = [Requirement(line) for line in PROJECT["dependencies"]]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=lambda dependency: dependency.name)
def test_each_dependency_is_bounded_on_both_sides_and_tested_within_the_bounds(dependency: Requirement) -> None:
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    tested = re.search(rf"^{dependency.name}==(\S+)", lock, flags=re.MULTILINE)
    assert tested is not None
    assert tested[1] in dependency.specifier
    assert {specifier.operator for specifier in dependency.specifier} == {">=", "<"}


def test_the_stack_and_the_command_line_have_the_number_of_the_project() -> None:
    assert version() == PROJECT["version"] == template()["Outputs"]["Version"]["Value"]


def test_every_python_of_the_workflow_is_one_that_the_package_takes() -> None:
    pythons = WORKFLOW["jobs"]["command-line"]["strategy"]["matrix"]["python"]
    assert pythons == ["3.12", "3.13", "3.14"]
    assert all(python in SpecifierSet(PROJECT["requires-python"]) for python in pythons)
    assert "3.11" not in SpecifierSet(PROJECT["requires-python"])
