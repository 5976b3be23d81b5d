"""Import what an earlier stack left behind, so that the next deployment can continue with it.

``sam delete`` keeps the videos, the records, the key, the credentials and the audit records, so their names are taken:
a new stack cannot create them. CloudFormation imports them into a stack with a change set of type IMPORT, whose
template describes them and nothing else: it may add no outputs and create nothing.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from gopro_sync.aws.answers import code_of
from gopro_sync.errors import ConfigurationError
from gopro_sync_cli.errors import AdoptionError
from gopro_sync_cli.kept import OUR_DESCRIPTION, Found
from gopro_sync_cli.template import KeptResource

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_POLL_SECONDS: Final = 2
_PATIENCE_SECONDS: Final = 900
_NOT_THERE: Final = "NOT_THERE"
# A first deployment that failed leaves an empty stack, which can only be deleted.
_EMPTY_AND_FINAL: Final = "ROLLBACK_COMPLETE"
_EMPTY: Final = frozenset({_NOT_THERE, "REVIEW_IN_PROGRESS"})
_UNFINISHED: Final = frozenset({"CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"})


class Step(Enum):
    """What to do."""

    IMPORT = auto()
    DELETE_FAILED_STACK_AND_IMPORT = auto()
    DEPLOY = auto()  # the import is done
    NOTHING = auto()  # the stack is deployed, and holds all that is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, and with what.

    Attributes:
        step: what to do.
        found: what the stack imports.
        failed_stack_id: the stack to delete first; None if there is none.
    """

    step: Step
    found: Sequence[Found]
    failed_stack_id: str | None = None


class Adoption:
    """One stack, and what it is to import.

    Args:
        cloudformation: the client.
        stack_name: the stack.
        environment: the value of the template's parameter that the names were made with.
        progress: called with what it is waiting for.
    """

    def __init__(
        self,
        cloudformation: CloudFormationClient,
        *,
        stack_name: str,
        environment: str,
        progress: Callable[[str], None],
    ) -> None:
        self._cloudformation = cloudformation
        self._stack_name = stack_name
        self._environment = environment
        self._progress = progress

    def plan(self, found: Sequence[Found], kept: Sequence[KeptResource]) -> Plan:
        """Look at the stack and return what to do; wait for an import that is in progress.

        Args:
            found: what exists under the names of this deployment.
            kept: all that the template keeps.

        Raises:
            ConfigurationError: the stack is another project's or another environment's, is in a state that has to be
                fixed first, or keeps its data under other names, or what was found belongs to another stack. Nothing
                was changed.
            AdoptionError: it took too long.
        """
        stack = self._stack()
        if stack.get("StackStatus") == "IMPORT_IN_PROGRESS":
            stack = self._settled()
        status = str(stack.get("StackStatus", _NOT_THERE))
        if status not in _EMPTY:
            self._refuse_others(stack)
        if status.endswith("_IN_PROGRESS") and status not in _EMPTY:
            raise ConfigurationError(
                f"The stack {self._stack_name!r} is being changed ({status}): try again afterwards"
            )
        if status in _UNFINISHED:
            raise ConfigurationError(
                f"The stack {self._stack_name!r} is incomplete ({status}). Delete it, which keeps what is listed in "
                f"docs/deploy.md, then try again: sam delete --stack-name {self._stack_name}"
            )
        self._refuse_owned_by_others(found)
        if status == _EMPTY_AND_FINAL and found:
            return Plan(step=Step.DELETE_FAILED_STACK_AND_IMPORT, found=found, failed_stack_id=str(stack["StackId"]))
        held = self._held() if status not in _EMPTY else {}
        outside = [resource for resource in found if resource.physical_id not in held.values()]
        self._refuse_another_environment(outside, held)
        self._refuse_other_names(kept, held)
        return Plan(step=self._step(status, outside), found=outside)

    def carry_out(self, plan: Plan) -> None:
        """Import what the plan has found, and wait for it.

        Raises:
            AdoptionError: CloudFormation refused, or it took too long; what was kept is unchanged.
        """
        if plan.failed_stack_id is not None:
            self._delete_failed_stack(plan.failed_stack_id)
        template = self._template(plan.found)
        change_set = f"adopt-{uuid.uuid4()}"
        self._cloudformation.create_change_set(
            StackName=self._stack_name,
            ChangeSetName=change_set,
            ChangeSetType="IMPORT",
            TemplateBody=json.dumps(template),
            ResourcesToImport=[
                {
                    "ResourceType": found.resource.type,
                    "LogicalResourceId": found.resource.logical_id,
                    "ResourceIdentifier": dict(found.identifier),
                }
                for found in plan.found
            ],
        )
        self._wait_for_change_set(change_set)
        self._cloudformation.execute_change_set(StackName=self._stack_name, ChangeSetName=change_set)
        status = str(self._settled().get("StackStatus"))
        if status != "IMPORT_COMPLETE":
            raise AdoptionError(
                f"CloudFormation did not import them ({status}): {self._reason()}. What was kept is unchanged; fix "
                "that, then run this again"
            )

    # --- the stack ---------------------------------------------------------------------------------------------------

    def _stack(self) -> Mapping[str, Any]:
        try:
            (stack,) = self._cloudformation.describe_stacks(StackName=self._stack_name)["Stacks"]
        except ClientError as error:
            if code_of(error) == "ValidationError":
                return {}
            raise
        return {} if stack["StackStatus"] == "DELETE_COMPLETE" else stack

    def _settled(self) -> Mapping[str, Any]:
        """Return the stack once no operation on it is in progress."""
        end = time.time() + _PATIENCE_SECONDS
        while True:
            stack = self._stack()
            status = str(stack.get("StackStatus", _NOT_THERE))
            if not status.endswith("_IN_PROGRESS"):
                return stack
            self._pause(end, f"the stack {self._stack_name}: {status}")

    def _refuse_others(self, stack: Mapping[str, Any]) -> None:
        description = str(stack.get("Description", ""))
        is_empty = not description and not self._held()
        if not description.startswith(OUR_DESCRIPTION) and not is_empty:
            raise ConfigurationError(
                f"The stack {self._stack_name!r} belongs to another system ({description or 'it has no description'}): "
                "give yours a name of its own in samconfig.toml. Nothing was changed"
            )
        parameters = {item["ParameterKey"]: item.get("ParameterValue") for item in stack.get("Parameters", [])}
        if (deployed := parameters.get("Environment", self._environment)) != self._environment:
            raise ConfigurationError(
                f"The stack {self._stack_name!r} is deployed with Environment={deployed}, and you asked for "
                f"{self._environment}: give that one a stack name of its own in samconfig.toml. Nothing was changed"
            )

    def _refuse_owned_by_others(self, found: Sequence[Found]) -> None:
        for resource in found:
            owner = self._owner(resource.physical_id)
            if owner not in {None, self._stack_name}:
                raise ConfigurationError(
                    f"{resource.resource.name or resource.physical_id} belongs to the existing stack {owner!r}. "
                    f"Deploy that one, or give {self._stack_name!r} another Environment. Nothing was changed"
                )

    def _owner(self, physical_id: str) -> str | None:
        """Return the name of the stack that holds a resource; None for what a deleted stack left behind."""
        try:
            answer = self._cloudformation.describe_stack_resources(PhysicalResourceId=physical_id)
        except ClientError as error:
            if code_of(error) == "ValidationError":
                return None
            raise
        return next(
            (
                resource["StackName"]
                for resource in answer["StackResources"]
                if resource.get("PhysicalResourceId") == physical_id
                and not resource["ResourceStatus"].startswith("DELETE")
            ),
            None,
        )

    def _refuse_another_environment(self, outside: Sequence[Found], held: Mapping[str, str]) -> None:
        for found in outside:
            if other := held.get(found.resource.logical_id):
                raise ConfigurationError(
                    f"The stack {self._stack_name!r} holds {other}, not {found.resource.name or found.physical_id}: it "
                    "belongs to another Environment. Nothing was changed"
                )

    def _refuse_other_names(self, kept: Sequence[KeptResource], held: Mapping[str, str]) -> None:
        """Raise ConfigurationError if a deployment would create something empty in place of what holds the data.

        CloudFormation replaces what gets another name, and the old resource stays outside the stack: the table would
        still call videos archived that are in a bucket which nothing manages any more.
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
        """
        for resource in kept:
            there = held.get(resource.logical_id)
            if there is None or resource.name is None or _is_named(there, resource.name):
                continue
            raise ConfigurationError(
                f"The stack {self._stack_name!r} keeps its data in {there}, and this template names it "
                f"{resource.name}: a deployment would start with an empty one and leave {there} behind. Write the old "
                f"name into {resource.logical_id} in template.yaml, and run sam build again. Nothing was changed"
            )

    def _held(self) -> dict[str, str]:
        """Return the physical id of each resource that the stack holds, by its name in the template."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self._stack_name)
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if "PhysicalResourceId" in resource and resource["ResourceStatus"] != "DELETE_COMPLETE"
        }

    def _step(self, status: str, outside: Sequence[Found]) -> Step:
        if status in _EMPTY:
            return Step.IMPORT if outside else Step.NOTHING
        is_only_imported = status.startswith("IMPORT_")
        if not outside:
            return Step.DEPLOY if is_only_imported else Step.NOTHING
        if is_only_imported:
            return Step.IMPORT
        names = ", ".join(found.resource.name or found.physical_id for found in outside)
        raise ConfigurationError(
            f"The stack {self._stack_name!r} is deployed without {names}, left behind by an earlier one. Delete it, "
            "which keeps everything that docs/deploy.md lists, then run this again: "
            f"sam delete --stack-name {self._stack_name}"
        )

    # --- the import --------------------------------------------------------------------------------------------------

    def _template(self, found: Sequence[Found]) -> dict[str, Any]:
        """Return the reduced template; what the stack holds from an earlier import stays in it unchanged."""
        resources = {
            resource.resource.logical_id: {
                "Type": resource.resource.type,
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": resource.properties,
            }
            for resource in found
        }
        description = f"{OUR_DESCRIPTION} - what an earlier stack kept; the next deployment adds the rest"
        return {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": description,
            "Resources": {**self._imported_before(), **resources},
        }

    def _imported_before(self) -> Mapping[str, Any]:
        if not str(self._stack().get("StackStatus", _NOT_THERE)).startswith("IMPORT_"):
            return {}
        body: Any = self._cloudformation.get_template(StackName=self._stack_name)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        resources: dict[str, Any] = template["Resources"]
        return resources

    def _delete_failed_stack(self, stack_id: str) -> None:
        # By its id: somebody may have deployed a new stack under its name meanwhile.
        self._cloudformation.delete_stack(StackName=stack_id)
        if left := self._settled():
            raise AdoptionError(
                f"The failed stack {self._stack_name!r} could not be deleted ({left['StackStatus']}): {self._reason()}"
            )

    def _wait_for_change_set(self, name: str) -> None:
        end = time.time() + _PATIENCE_SECONDS
        while True:
            answer = self._cloudformation.describe_change_set(StackName=self._stack_name, ChangeSetName=name)
            if answer["Status"] == "FAILED":
                raise AdoptionError(
                    f"CloudFormation refuses the import: {answer.get('StatusReason', 'it does not say why')}. What was "
                    "kept is unchanged"
                )
            if answer["Status"] == "CREATE_COMPLETE":
                return
            self._pause(end, f"the change set: {answer['Status']}")

    def _reason(self) -> str:
        """Return the reason that the newest failed event gives."""
        events = self._cloudformation.describe_stack_events(StackName=self._stack_name)["StackEvents"]
        return next(
            (
                f"{event.get('LogicalResourceId', '')}: {event['ResourceStatusReason']}"
                for event in events
                if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
            ),
            "it does not say why",
        )

    def _pause(self, end: float, waited_for: str) -> None:
        if time.time() > end:
            raise AdoptionError(
                f"Waited {_PATIENCE_SECONDS // 60} minutes for {waited_for}. Run this again later: it resumes there"
            )
        self._progress(waited_for)
        time.sleep(_POLL_SECONDS)


def _is_named(physical_id: str, name: str) -> bool:
    """Return whether a resource has this name: its physical id is the name, or an ARN with it.

    Secrets Manager adds a hyphen and six characters: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
    """
    return physical_id == name or physical_id.rpartition(":secret:")[2][:-7] == name
