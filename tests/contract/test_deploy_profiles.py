"""samconfig.toml, as sam itself reads it: what a deployment of each profile is given."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from gates.template import ROOT, Stack, template
from lambda_package.processor import deployed_architecture

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
ADDRESS: Final = "ops-team@company.com"
WITH_AN_ADDRESS: Final = "default, with the line for the address"
ON_ARM: Final = {profile: f"{profile}, for arm64" for profile in PROFILES}
WITH_ITS_OWN_PARAMETERS: Final = "default, whose section for deploy has parameters of its own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A section of a configuration file, and what sam takes from it, by command."""

    file: Path
    profile: str
    by: dict[str, Any]


# One process of sam, which takes a second to start, answers all of them.
pytestmark = pytest.mark.xdist_group("sam's configuration")


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1 if old == "confirm_changeset" else -1)


@pytest.fixture(scope="module")
def read_by_sam(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """Return what ``sam build`` and ``sam deploy`` take from the configuration file and from changed ones."""
    text = (ROOT / "samconfig.toml").read_text()
    assert text.count('# "AlertEmail=') == 1
    own = 'parameter_overrides = "Environment=prod Architecture=arm64"\nconfirm_changeset'
    texts = {
        **{profile: (profile, text) for profile in PROFILES},
        **{ON_ARM[profile]: (profile, changed(text, "=x86_64", "=arm64")) for profile in PROFILES},
        WITH_AN_ADDRESS: (
            "default",
            changed(text, '# "AlertEmail=you@example.com"', '"AlertEmail=ops-team@company.com"'),
        ),
        WITH_ITS_OWN_PARAMETERS: ("default", changed(text, "confirm_changeset", own)),
    }
    folder = tmp_path_factory.mktemp("sam")
    files = {name: folder / f"{number}.toml" for number, name in enumerate(texts)}
    for name, (_, content) in texts.items():
        files[name].write_text(content)
    asked = [(str(files[name]), profile) for name, (profile, _) in texts.items()]
    answer = subprocess.run(
        [SAM_PYTHON, "-c", READ, json.dumps(asked)], capture_output=True, text=True, check=True, timeout=60
    )
    read = json.loads(answer.stdout.splitlines()[-1])
    return {
        name: Read(file=files[name], profile=profile, by=by)
        for (name, (profile, _)), by in zip(texts.items(), read, strict=True)
    }


@pytest.mark.parametrize("profile", PROFILES)
def test_build_and_deploy_are_given_the_same_parameters_and_the_template_has_them(
    read_by_sam: dict[str, Read], profile: str
) -> None:
    read = read_by_sam[profile].by
    assert read["build"]["parameter_overrides"] == read["deploy"]["parameter_overrides"]
    assert read["deploy"]["parameter_overrides"].keys() <= template()["Parameters"].keys()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_one_line_says_the_processor_to_build_and_deploy_alike(
    read_by_sam: dict[str, Read], profile: str, architecture: str
) -> None:
    read = read_by_sam[profile if architecture == "x86_64" else ON_ARM[profile]]
    given = {command: options["parameter_overrides"]["Architecture"] for command, options in read.by.items()}
    assert given == {"build": architecture, "deploy": architecture}
    assert deployed_architecture(read.file, profile) == architecture


def test_parameters_of_deploy_take_the_place_of_the_global_ones_whole_as_sam_has_it(
    read_by_sam: dict[str, Read],
) -> None:
    read = read_by_sam[WITH_ITS_OWN_PARAMETERS]
    assert read.by["deploy"]["parameter_overrides"] == {"Environment": "prod", "Architecture": "arm64"}
    assert read.by["build"]["parameter_overrides"]["Architecture"] == "x86_64"
    assert deployed_architecture(read.file, "default") == "arm64"


def test_make_deploy_builds_checks_and_deploys_one_profile() -> None:
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "deploy", "PROFILE=dev"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    steps = [line for line in made if "--config-env" in line or "--profile" in line]
    assert steps == [
        "sam build --config-env dev",
        "python -m lambda_package.processor --profile dev",
        "./gopro-sync adopt --check --config-env dev",
        "sam deploy --config-env dev",
    ]


def test_the_line_for_the_e_mail_address_only_has_to_be_taken_out_of_its_comment(read_by_sam: dict[str, Read]) -> None:
    given = read_by_sam[WITH_AN_ADDRESS].by["deploy"]["parameter_overrides"]

    assert given == {"Environment": "prod", "Architecture": "x86_64", "AlertEmail": ADDRESS}
    assert Stack(**given).resolve(template()["Outputs"]["AlertsGoTo"]["Value"]) == ADDRESS


@pytest.mark.parametrize("profile", PROFILES)
def test_what_was_not_built_is_not_deployed(read_by_sam: dict[str, Read], profile: str) -> None:
    """Else sam would upload the folder as it stands, without its dependencies."""
    assert read_by_sam[profile].by["deploy"]["template_file"] == ".aws-sam/build/template.yaml"


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
