"""``./gopro-sync adopt``: show what an earlier stack left behind, ask, and import it."""

from __future__ import annotations

import os
import subprocess  # nosec B404 - runs make, with arguments that are all in this file
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import typer

from gopro_sync.errors import ConfigurationError
from gopro_sync_cli.adoption import Adoption, Plan, Step
from gopro_sync_cli.errors import AdoptionError
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.kept import Account, Found
from gopro_sync_cli.sam_profile import read_profile
from gopro_sync_cli.template import KeptResource, Template
from gopro_sync_cli.terminal_output import VerbatimConsole, working

_IMPORTS: Final = frozenset({Step.IMPORT, Step.DELETE_FAILED_STACK_AND_IMPORT})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was found, and what to do about it."""

    adoption: Adoption
    kept: Sequence[KeptResource]
    found: Sequence[Found]
    plan: Plan


class Adopt:
    """One call of the command.

    Args:
        folder: holds ``template.yaml`` and ``samconfig.toml``.
        config_env: the profile of samconfig.toml that the stack is deployed with.
        region: where it is; None takes the profile's, or that of the AWS configuration.
        output: where findings and results are printed.
        errors: where errors and progress are printed.

    Raises:
        ConfigurationError: the profile cannot be used, or no region is known.
    """

    def __init__(
        self, folder: Path, *, config_env: str, region: str | None, output: VerbatimConsole, errors: VerbatimConsole
    ) -> None:
        self._folder = folder
        self._profile = read_profile(folder, config_env)
        self._config_env = config_env
        self._command = ["make", "deploy", f"PROFILE={config_env}"]
        self._output = output
        self._errors = errors
        self._show: Callable[[str], None] = lambda _text: None
        if self._profile.stack_name is None:
            raise ConfigurationError(f"The profile {config_env!r} of samconfig.toml names no stack")
        self._stack_name = self._profile.stack_name
        self._session = boto3.Session(region_name=region or self._profile.region)
        if self._session.region_name is None:
            raise ConfigurationError("No region is configured: name it with --region")
        self._region = self._session.region_name

    def run(self, *, yes: bool, deploy: bool) -> None:
        """Find what was kept, show it, ask, import it, and deploy or name the command that deploys.

        Raises:
            typer.Exit: nobody could be asked, or the answer is no.
            ConfigurationError: it cannot be adopted; nothing was changed.
            AdoptionError: it was not adopted, or not deployed.
        """
        seen = self._look()
        if seen.plan.step in _IMPORTS:
            self._import(seen, yes=yes)
        elif seen.plan.step is Step.DEPLOY:
            self._say(f"The stack {self._stack_name} has imported all that was kept.")
        elif seen.found:
            self._say(f"There is nothing to adopt: the stack {self._stack_name} already holds everything.")
        else:
            self._say("There is nothing to adopt: no earlier stack left anything under the names of this one.")
        self._deploy_or_say(deploy=deploy)

    def check(self) -> None:
        """Return silently if a deployment can go ahead.

        Raises:
            ConfigurationError: it cannot, and the message says why.
            AdoptionError: what an earlier stack left behind is in its way.
        """
        plan = self._look().plan
        if plan.step in _IMPORTS:
            names = ", ".join(found.resource.name or found.physical_id for found in plan.found)
            raise AdoptionError(
                f"An earlier stack left {names} behind, which CloudFormation cannot create again. Import it into the "
                f"new stack first: ./gopro-sync adopt --config-env {self._config_env}"
            )

    def _look(self) -> _Seen:
        identity = self._session.client("sts").get_caller_identity()
        template = self._template(identity)
        kept = template.kept_resources()
        adoption = Adoption(
            self._session.client("cloudformation"),
            stack_name=self._stack_name,
            environment=template.value("Environment"),
            progress=self._show_progress,
        )
        with self._working():
            found = self._account(identity["Account"]).find(kept)
            return _Seen(adoption=adoption, kept=kept, found=found, plan=adoption.plan(found, kept))

    def _account(self, account_id: str) -> Account:
        return Account(
            account_id=account_id,
            region=self._region,
            s3=self._session.client("s3"),
            dynamodb=self._session.client("dynamodb"),
            secretsmanager=self._session.client("secretsmanager"),
            kms=self._session.client("kms"),
        )

    def _import(self, seen: _Seen, *, yes: bool) -> None:
        plan = seen.plan
        self._say(f"An earlier stack left behind, in {self._region}:")
        for resource in plan.found:
            self._say(f"  {resource.resource.logical_id:18}  {resource.resource.name or resource.physical_id}")
        there = {resource.resource.logical_id for resource in seen.found}
        if absent := [resource.logical_id for resource in seen.kept if resource.logical_id not in there]:
            self._say(f"Missing, so the deployment creates it: {', '.join(absent)}.")
        if plan.step is Step.DELETE_FAILED_STACK_AND_IMPORT:
            self._say(f"The stack {self._stack_name}, whose first deployment failed, is empty; it is deleted first.")
        self._say(f"The stack {self._stack_name} imports it unchanged; no video, record or credential is touched.")
        if not yes:
            self._ask()
        with self._working():
            seen.adoption.carry_out(plan)
        self._say(f"The stack {self._stack_name} has imported it.")

    def _ask(self) -> None:
        if sys.stdin is None or not sys.stdin.isatty():
            self._errors.print(
                "Nothing was done: there is no terminal to ask on. With --yes, it is adopted without asking."
            )
            raise typer.Exit(ExitCode.WRONG_USE)
        if not typer.confirm("Adopt it now?"):
            raise typer.Exit(ExitCode.CANNOT_RUN)

    def _deploy_or_say(self, *, deploy: bool) -> None:
        if not deploy:
            self._say(f"Now deploy: {' '.join(self._command)}")
            return
        done = subprocess.run(  # noqa: S603  # nosec B603 - fixed words, and a profile that was just read
            self._command, cwd=self._folder, check=False, env={**os.environ, "AWS_DEFAULT_REGION": self._region}
        )
        if done.returncode:
            raise AdoptionError(
                f"The deployment failed (make ended with {done.returncode}). What was kept is safe. Fix the problem "
                f"shown above, then: {' '.join(self._command)}"
            )

    def _template(self, identity: Any) -> Template:
        pseudo_parameters = {
            "AWS::Region": self._region,
            "AWS::AccountId": identity["Account"],
            "AWS::Partition": identity["Arn"].split(":")[1],
        }
        return Template(
            self._folder / "template.yaml", parameters=self._profile.parameters, pseudo_parameters=pseudo_parameters
        )

    @contextmanager
    def _working(self) -> Iterator[None]:
        with working(self._errors, "Looking at what is there") as self._show:
            yield

    def _show_progress(self, waited_for: str) -> None:
        self._show(f"Waiting for {waited_for}")

    def _say(self, line: str) -> None:
        self._output.print_line(line)
