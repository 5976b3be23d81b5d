"""samconfig.toml, as sam itself reads it: what a deployment of each profile is given."""

from __future__ import annotations

import json
import os
import subprocess
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

def read(file, profile, name, command):
    with click.Context(command, info_name=name) as context:
        given = ConfigProvider(section="parameters")(Path(file), profile, [name])
        (option,) = [option for option in command.params if option.name == "parameter_overrides"]
        return {**given, "parameter_overrides": option.process_value(context, given["parameter_overrides"])}

commands = {"build": build, "deploy": deploy}
asked = json.loads(sys.argv[1])
print(json.dumps([{name: read(*one, name, command) for name, command in commands.items()} for one in asked]))
"""
PROFILES: Final = ("default", "dev")
WITH_AN_ADDRESS: Final = "default, with the line for the address"

# One process of sam, which takes a second to start, answers all of them.
pytestmark = pytest.mark.xdist_group("sam's configuration")


@pytest.fixture(scope="module")
def read_by_sam(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what ``sam build`` and ``sam deploy`` take from the configuration file, by profile and command."""
    file = ROOT / "samconfig.toml"
    text = file.read_text()
    assert text.count('# "AlertEmail=') == 1
    changed = tmp_path_factory.mktemp("sam") / "samconfig.toml"
    changed.write_text(text.replace('# "AlertEmail=you@example.com"', '"AlertEmail=ops-team@company.com"'))
    asked = {**{profile: (str(file), profile) for profile in PROFILES}, WITH_AN_ADDRESS: (str(changed), "default")}
    answer = subprocess.run(
        [SAM_PYTHON, "-c", READ, json.dumps(list(asked.values()))],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return dict(zip(asked, json.loads(answer.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("profile", PROFILES)
def test_build_and_deploy_are_given_the_same_parameters_and_the_template_has_them(
    read_by_sam: dict[str, Any], profile: str
) -> None:
    read = read_by_sam[profile]
    assert read["build"]["parameter_overrides"] == read["deploy"]["parameter_overrides"]
    assert read["deploy"]["parameter_overrides"].keys() <= template()["Parameters"].keys()


def test_the_line_for_the_e_mail_address_only_has_to_be_taken_out_of_its_comment(read_by_sam: dict[str, Any]) -> None:
    given = read_by_sam[WITH_AN_ADDRESS]["deploy"]["parameter_overrides"]

    assert given == {"Environment": "prod", "AlertEmail": "ops-team@company.com"}
    assert Stack(**given).resolve(template()["Outputs"]["AlertsGoTo"]["Value"]) == "ops-team@company.com"


@pytest.mark.parametrize("profile", PROFILES)
def test_what_was_not_built_is_not_deployed(read_by_sam: dict[str, Any], profile: str) -> None:
    """Else sam would upload the folder as it stands, without its dependencies."""
    assert read_by_sam[profile]["deploy"]["template_file"] == ".aws-sam/build/template.yaml"


@pytest.mark.slow
def test_sam_refuses_what_was_not_built_before_it_asks_aws(tmp_path: Path) -> None:
    for name in ("samconfig.toml", "template.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SAM_CLI_TELEMETRY": "0"}

    answer = subprocess.run(
        [SAM_PYTHON.with_name("sam"), "deploy"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert answer.returncode != 0
    assert "Template file not found" in answer.stderr
