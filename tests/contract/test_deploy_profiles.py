"""samconfig.toml, as sam itself reads it: what a deployment of each profile is given."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.deployment import ROOT, Stack, template

SAM_PYTHON: Final = ROOT / ".venv" / "sam" / "bin" / "python"
READ: Final = """
import json, sys
from pathlib import Path
import click
from samcli.cli.cli_config_file import ConfigProvider
from samcli.commands.build.command import cli as build
from samcli.commands.deploy.command import cli as deploy

file, profile = sys.argv[1:]
read = {}
for name, command in {"build": build, "deploy": deploy}.items():
    with click.Context(command, info_name=name) as context:
        given = ConfigProvider(section="parameters")(Path(file), profile, [name])
        (option,) = [option for option in command.params if option.name == "parameter_overrides"]
        read[name] = {**given, "parameter_overrides": option.process_value(context, given["parameter_overrides"])}
print(json.dumps(read))
"""


@cache
def read_by_sam(file: Path, profile: str) -> dict[str, Any]:
    """Return what ``sam build`` and ``sam deploy`` take from a configuration file, by command."""
    answer = subprocess.run(
        [SAM_PYTHON, "-c", READ, file, profile], capture_output=True, text=True, check=True, timeout=60
    )
    read: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return read


@pytest.mark.parametrize("profile", ["default", "dev"])
def test_build_and_deploy_are_given_the_same_parameters_and_the_template_has_them(profile: str) -> None:
    read = read_by_sam(ROOT / "samconfig.toml", profile)
    assert read["build"]["parameter_overrides"] == read["deploy"]["parameter_overrides"]
    assert read["deploy"]["parameter_overrides"].keys() <= template()["Parameters"].keys()


def test_the_line_for_the_e_mail_address_only_has_to_be_taken_out_of_its_comment(tmp_path: Path) -> None:
    text = (ROOT / "samconfig.toml").read_text()
    assert text.count('# "AlertEmail=') == 1
    file = tmp_path / "samconfig.toml"
    file.write_text(text.replace('# "AlertEmail=you@example.com"', '"AlertEmail=ops-team@company.com"'))

    given = read_by_sam(file, "default")["deploy"]["parameter_overrides"]

    assert given == {"Environment": "prod", "AlertEmail": "ops-team@company.com"}
    assert Stack(**given).resolve(template()["Outputs"]["AlertsGoTo"]["Value"]) == "ops-team@company.com"
