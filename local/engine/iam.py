"""Credentials of a service role, so that what a service does in a role is checked against the role's policies.

The engine as published does this for functions only: a state machine acts as root there.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ministack.services import iam, sts


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCredentials:
    """Temporary credentials as STS would issue them."""

    access_key_id: str
    secret_access_key: str
    session_token: str


class RoleNotAssumableError(PermissionError):
    """The role does not exist, or its trust policy does not name the service."""


def assume_role(role_arn: str, *, service: str, session_name: str) -> RoleCredentials:
    """Return a service's credentials for a role; the same call returns the same ones.

    Args:
        role_arn: the role's ARN.
        service: the principal that assumes it, such as ``states.amazonaws.com``.
        session_name: appears in the ARN that access-denied messages show.

    Raises:
        RoleNotAssumableError: the role is missing or does not trust the service.
    """
    account, role_name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    if service not in _trusted_services(role_name):
        raise RoleNotAssumableError(f"{service} is not allowed to assume {role_arn}")
    digest = hashlib.sha256(f"{role_arn}:{session_name}".encode()).hexdigest()
    credentials = RoleCredentials(
        access_key_id=f"ASIA{digest[:16].upper()}",
        secret_access_key=hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
        session_token=hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
    )
    sts.register_session(
        credentials.access_key_id,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}",
            "UserId": f"{role_name}:{session_name}",
            "SecretAccessKey": credentials.secret_access_key,
            "SessionToken": credentials.session_token,
        },
    )
    return credentials


def _trusted_services(role_name: str) -> set[str]:
    role = iam._roles.get(role_name)
    document = (role or {}).get("AssumeRolePolicyDocument") or {}
    if isinstance(document, str):
        document = json.loads(document)
    return {
        service
        for statement in _as_list(document.get("Statement", []))
        if statement.get("Effect") == "Allow" and isinstance(statement.get("Principal"), dict)
        for service in _as_list(statement["Principal"].get("Service", []))
    }


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
