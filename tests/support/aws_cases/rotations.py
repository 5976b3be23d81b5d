"""The secret: rotations and renewals by the functions' own code, over moto and the simulator."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import httpx
import pytest
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends

from gates.template import ROOT
from gopro_sync import composition
from gopro_sync.aws.clients import make_secrets_client, make_sns_client
from gopro_sync.errors import GoProSyncError
from gopro_sync.gopro.http import RetryPolicy
from gopro_sync.handlers import authenticator
from gopro_sync.table.session_guard import GUARD_KEY
from local.simulator import Library, Simulator
from local.simulator.faults import Endpoint, Fault, FaultName
from local.simulator.settings import RefreshTokenMode
from tests.support.aws_cases.transfers import TransferWorld, odd_answers
from tests.support.aws_environment import REGION, aws_environment
from tests.support.lambda_context import FakeLambdaContext
from tests.support.odd_client import OddClient

_ENVIRONMENT: Final = json.loads((ROOT / "events" / "env.json").read_text(encoding="utf-8"))["Parameters"]
_SECRET: Final = _ENVIRONMENT["CREDENTIALS_SECRET_ID"]
_CLIENT: Final = {"client_id": "fake-client-id", "client_secret": "fake-client-secret"}
_ACCOUNT: Final = "123456789012"
_FILLING: Final = "-1234-1234-1234-1234-123456789012"
_STEPS: Final = ("createSecret", "setSecret", "testSecret", "finishSecret")
_LOGIN: Final = {**_CLIENT, "username": "camera-owner@example.com", "password": "not-a-real-password"}


class RotationRefusedError(Exception):
    """Secrets Manager begins no rotation."""


@dataclass(kw_only=True)
class _Account:
    """The secret as Secrets Manager keeps it, and GoPro."""

    gopro: Simulator
    secrets: Any
    odd: OddClient
    errors: list[str | None] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def take(self, action: str) -> None:
        """Do one thing, and remember what it failed with."""
        name, _, argument = action.partition(" ")
        try:
            self._actions()[name](argument)
        except (GoProSyncError, RotationRefusedError) as failure:
            self.errors.append(type(failure).__name__)
            self.messages.append(str(failure))
        else:
            self.errors.append(None)

    def stages(self) -> Mapping[str, list[str]]:
        """Return the labels of all versions."""
        stages: Mapping[str, list[str]] = self.secrets.describe_secret(SecretId=_SECRET)["VersionIdsToStages"]
        return stages

    def _actions(self) -> Mapping[str, Callable[[str], object]]:
        admin = self.gopro.admin
        down = [Fault(FaultName.SERVER_ERROR, endpoint=endpoint) for endpoint in (Endpoint.TOKEN, Endpoint.SEARCH)]
        return {
            "begin": self._begin,
            **{step: partial(self._step, step) for step in _STEPS},
            "rotate": self._rotate,
            "renew": lambda _: authenticator.handler({"action": "renew_session"}, FakeLambdaContext()),
            "read": lambda _: composition.credential_store().load(),
            "end-sessions": lambda _: admin.expire("access_tokens"),
            "gopro-down": lambda _: admin.set_faults(*down),
            "gopro-up": lambda _: admin.set_faults(),
        }

    def _begin(self, version: str) -> None:
        """Label a version that has no value, as Secrets Manager does; it refuses while another one has the label."""
        if any("AWSPENDING" in labels for labels in self.stages().values()):
            raise RotationRefusedError("A previous rotation isn't complete")
        kept = secretsmanager_backends[_ACCOUNT][REGION].secrets[_SECRET].versions
        kept[_id(version)] = {"version_id": _id(version), "version_stages": ["AWSPENDING"], "createdate": 0}

    def _step(self, step: str, version: str) -> object:
        event = {"Step": step, "SecretId": _SECRET, "ClientRequestToken": _id(version)}
        return authenticator.handler(event, FakeLambdaContext(request_id=f"{step}-{len(self.errors)}"))

    def _rotate(self, version: str) -> None:
        self._begin(version)
        for step in _STEPS:
            self._step(step, version)


def play_secret(world: TransferWorld, given: Mapping[str, Any]) -> dict[str, Any]:
    """Rotate and renew.

    ``given``: ``holds`` (``password``, ``refresh_token`` or ``pasted_token``), ``does`` (one thing after the other,
    each with the version that it is about), ``secretsmanager`` (odd answers).
    """
    with _account(world, given) as account, redirect_stdout(io.StringIO()) as reported:
        for action in given["does"]:
            account.take(action)
        fetched = len(account.gopro.admin.requests(Endpoint.TOKEN))
        stages = account.stages()
        asked = Counter(account.odd.asked)
        account.odd.forget()
        topic = sns_backends[_ACCOUNT][REGION].topics[_ENVIRONMENT["ALERTS_TOPIC_ARN"]]
        return {
            "errors": list(account.errors),
            "message": " ".join(account.messages),
            "pending": sorted(_name(version) for version, labels in stages.items() if "AWSPENDING" in labels),
            "current": next(_name(version) for version, labels in stages.items() if "AWSCURRENT" in labels),
            "sessions_fetched": fetched,
            "reminders": len(topic.sent_notifications),
            "failures_counted": sum("AuthenticationFailure" in line for line in reported.getvalue().splitlines()),
            "asked": asked,
            # Last, since it may renew: a refresh token that GoPro has ended shows only when it is used.
            "session_afterwards": _session_afterwards(account),
        }


def _session_afterwards(account: _Account) -> str:
    """Say whether the next run gets a session out of what is current."""
    account.gopro.admin.set_faults()
    before = len(account.errors)
    account.take("renew")
    return account.errors[before] or "lives"


@contextmanager
def _account(world: TransferWorld, given: Mapping[str, Any]) -> Iterator[_Account]:
    guard = {"media_id": {"S": GUARD_KEY}}
    world.dynamodb.delete_item(TableName=_ENVIRONMENT["TRACKER_TABLE_NAME"], Key=guard)
    with pytest.MonkeyPatch.context() as environment, aws_environment(), Simulator(Library([])) as gopro:
        gopro.admin.set_settings(refresh_token_mode=RefreshTokenMode.ROTATE_AND_KILL)
        for name, value in (_ENVIRONMENT | {"GOPRO_API_BASE_URL": gopro.api_url}).items():
            environment.setenv(name, value)
        environment.setattr(composition, "_short_patience", lambda: RetryPolicy(attempts=1))  # it would wait
        composition.forget()
        secrets, sns = make_secrets_client(), make_sns_client()
        sns.create_topic(Name=_ENVIRONMENT["ALERTS_TOPIC_ARN"].rpartition(":")[2])
        holding = _holding(gopro, given["holds"])
        secrets.create_secret(Name=_SECRET, SecretString=json.dumps(holding))
        gopro.admin.clear_requests()
        odd = OddClient(composition.credential_store()._client, odd_answers(given.get("secretsmanager", [])))
        try:
            yield _Account(gopro=gopro, secrets=secrets, odd=odd)
        finally:
            composition._http_client().close()
            composition.forget()
            secrets.delete_secret(SecretId=_SECRET, ForceDeleteWithoutRecovery=True)
            sns.delete_topic(TopicArn=_ENVIRONMENT["ALERTS_TOPIC_ARN"])


def _holding(gopro: Simulator, kind: str) -> dict[str, str]:
    if kind == "password":
        return _LOGIN
    login = {"grant_type": "password", **_LOGIN}
    tokens = httpx.post(f"{gopro.api_url}/v1/oauth2/token", data=login, trust_env=False).json()
    if kind == "pasted_token":
        return {"auth_token": tokens["access_token"]}
    return {**_CLIENT, "auth_token": tokens["access_token"], "refresh_token": tokens["refresh_token"]}


def _id(version: str) -> str:
    """Return the id that a version of a case has: Secrets Manager wants 32 characters at least."""
    return f"{version}{_FILLING}"


def _name(version_id: str) -> str:
    return version_id.removesuffix(_FILLING) if version_id.endswith(_FILLING) else "another"
