"""Find the secret that a credential belongs in, and the GoPro that has to accept it, from the deployed stack.

A credential must not reach the wrong host, nor one host's credential another's secret. So the address of GoPro is the
one that the stack's functions use; an address that is typed or set in the environment is compared, never preferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
from botocore.exceptions import ClientError

from gopro_sync.aws.answers import code_of
from gopro_sync.errors import ConfigurationError
from gopro_sync.gopro.http import is_on_this_machine
from gopro_sync_cli.option_defaults import API_BASE_URL_VARIABLE
from gopro_sync_cli.stack import (
    DeployedStack,
    find_stack,
    place_of,
    shown_names,
    stacks_of_ours,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_PARAMETER: Final = "GoProApiBaseUrl"
_SECRET_OUTPUT: Final = "CredentialsSecretArn"  # noqa: S105 - the name of an output
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_BOTH: Final = "name both --secret-id and --gopro-api-base-url"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialPlace:
    """Where a credential is kept, and who has to accept it."""

    secret_id: str
    gopro_api_base_url: str


def find_credential_place(
    cloudformation: CloudFormationClient, *, stack_name: str, secret_id: str | None, gopro_api_base_url: str | None
) -> CredentialPlace:
    """Return the secret and its GoPro.

    Args:
        cloudformation: the client.
        stack_name: the stack whose secret it is, unless ``secret_id`` names another one's.
        secret_id: name or ARN of the secret; None takes the stack's.
        gopro_api_base_url: the expected address of the GoPro API; None takes the stack's.

    Raises:
        ConfigurationError: there is no such stack or secret, or it is not sure which GoPro it belongs to.
    """
    if secret_id is None:
        stack = find_stack(cloudformation, stack_name, _SECRET_OUTPUT)
        return CredentialPlace(
            secret_id=stack.outputs[_SECRET_OUTPUT], gopro_api_base_url=gopro_of_stack(stack, gopro_api_base_url)
        )
    owner = _owner(cloudformation, secret_id, is_address_known=gopro_api_base_url is not None)
    if owner is not None:
        return CredentialPlace(secret_id=secret_id, gopro_api_base_url=gopro_of_stack(owner, gopro_api_base_url))
    url = gopro_api_base_url or ""
    _refuse_mixture(url, cloudformation.meta.endpoint_url)
    return CredentialPlace(secret_id=secret_id, gopro_api_base_url=url)


def gopro_of_stack(stack: DeployedStack, given: str | None) -> str:
    """Return where the GoPro API of a stack is.

    Args:
        stack: the stack.
        given: the address that was typed or is set in the environment.

    Raises:
        ConfigurationError: the two differ, or neither is known.
    """
    deployed = stack.parameters.get(_PARAMETER, "").rstrip("/")
    wanted = (given or "").rstrip("/")
    if deployed and wanted and deployed != wanted:
        raise ConfigurationError(
            f"The stack {stack.name!r} uses the GoPro API at {deployed}, and --gopro-api-base-url or "
            f"{API_BASE_URL_VARIABLE} says {wanted}; nothing was sent to either. Leave the option out and unset "
            f"{API_BASE_URL_VARIABLE}, or deploy the stack with {_PARAMETER}={wanted}"
        )
    if not (deployed or wanted):
        raise ConfigurationError(
            f"The address of the GoPro API is not known from the stack {stack.name!r} (it has no parameter "
            f"{_PARAMETER}): give it with --gopro-api-base-url"
        )
    return deployed or wanted


def _owner(cloudformation: CloudFormationClient, secret_id: str, *, is_address_known: bool) -> DeployedStack | None:
    """Return the stack of a secret; None if there is none yet or stacks may not be listed, and it need not be known.

    Raises:
        ConfigurationError: no existing stack has the secret, or its stack has to be known and cannot be found.
    """
    try:
        ours = stacks_of_ours(cloudformation)
    except ClientError as error:
        if code_of(error) not in _DENIED:
            raise
        if is_address_known:
            return None
        raise ConfigurationError(
            "These AWS credentials may not look up the stack of the secret (cloudformation:DescribeStacks), so it is "
            f"unknown which GoPro it is for: allow that, or {_BOTH}"
        ) from error
    owner = next((stack for stack in ours if stack.has_secret(secret_id)), None)
    if owner is None and (ours or not is_address_known):
        raise ConfigurationError(_no_owner(ours, secret_id, place_of(cloudformation)))
    return owner


def _no_owner(ours: Sequence[DeployedStack], secret_id: str, place: str) -> str:
    missing = f"No stack of this system {place} has the secret {secret_id!r}"
    if not ours:
        return f"{missing}, and there is no such stack: deploy one first (make deploy), or {_BOTH}"
    there = [f"{stack.name} with {stack.outputs[_SECRET_OUTPUT]}" for stack in ours]
    return f"{missing}; there is {shown_names(there)}: leave --secret-id out, and name the stack with --stack-name"


def _refuse_mixture(gopro_api_base_url: str, aws_endpoint_url: str) -> None:
    """Refuse to combine a simulated GoPro with the real AWS, or the other way round."""
    try:
        is_simulated = is_on_this_machine(gopro_api_base_url)
    except httpx.InvalidURL as error:
        raise ConfigurationError("The base URL of the GoPro API is not a URL") from error
    if is_simulated != is_on_this_machine(aws_endpoint_url):
        raise ConfigurationError(
            f"AWS is at {aws_endpoint_url} and the GoPro API at {gopro_api_base_url}: one of the two is on this "
            "machine and the other is not, so a credential would reach the wrong one; nothing was sent. In a "
            f"shell for real AWS, unset AWS_ENDPOINT_URL and {API_BASE_URL_VARIABLE}; in one for the local cloud, "
            "evaluate what `local env` prints"
        )
