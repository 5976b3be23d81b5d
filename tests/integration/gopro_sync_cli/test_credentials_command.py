"""``./gopro-sync credentials``, against the simulator and Secrets Manager (moto)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

import boto3
import httpx
import pytest
import typer
from moto import mock_aws
from typer import testing
from typer.testing import CliRunner, Result

from gopro_sync.errors import ConfigurationError
from gopro_sync.gopro.http import RetryPolicy
from gopro_sync.gopro.session.credentials import Credentials, CredentialStore
from gopro_sync_cli import __main__ as command_line
from gopro_sync_cli import credential_update
from local.simulator import Library, Simulator
from tests.support.deployed_stacks import Account, described_stack

ROOT = Path(__file__).parents[3]
CLIENT = {"client_id": "fake-client-id", "client_secret": "fake-client-secret"}
LOGIN = {"username": "camera-owner@example.com", "password": "not-a-real-password", **CLIENT}


class Setting:
    """GoPro, a deployed stack with an empty secret, and the command."""

    def __init__(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.simulator = simulator
        self.api_url = simulator.api_url
        self.client = boto3.client("secretsmanager", region_name="eu-central-1")
        self.arn = self.client.create_secret(Name="gopro/credentials")["ARN"]
        self.stack_name = "gopro-s3-sync"
        self.has_terminal = True

        def is_terminal(stream: TextIO) -> bool:
            return stream.name == "<stdin>" and self.has_terminal

        monkeypatch.setattr(testing._NamedTextIOWrapper, "isatty", is_terminal)
        monkeypatch.setattr(boto3, "Session", lambda region_name=None: SimpleNamespace(client=self._client))

    def _client(self, service: str) -> Any:
        deployed = described_stack(self.stack_name, secret=self.arn, gopro=self.api_url)
        return {"secretsmanager": self.client, "cloudformation": Account(deployed)}[service]

    def run(self, *arguments: str, text: str = "") -> Result:
        return CliRunner().invoke(command_line.app, ["credentials", *arguments, "--region", "eu-central-1"], input=text)

    def stored(self) -> dict[str, Any]:
        # Without the label moto answers with the version that was put without labels last; AWS with the current one.
        answer = self.client.get_secret_value(SecretId=self.arn, VersionStage="AWSCURRENT")
        value: dict[str, Any] = json.loads(answer["SecretString"])
        return value


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    with Simulator(Library([])) as simulator, mock_aws():
        yield Setting(simulator, monkeypatch)


def test_a_simulators_token_does_not_get_to_the_real_gopro_by_an_address_that_is_left_in_the_environment(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = setting.simulator.credential["auth_token"]
    monkeypatch.setenv("GOPRO_API_BASE_URL", "https://api.gopro.com")
    result = setting.run("set", "--stdin", text=json.dumps({"auth_token": token}))
    assert isinstance(result.exception, ConfigurationError)
    assert "nothing was sent" in result.exception.message
    monkeypatch.delenv("GOPRO_API_BASE_URL")
    assert setting.run("set", "--stdin", text=json.dumps({"auth_token": token})).exit_code == 0


def test_a_person_is_not_asked_for_a_credential_before_it_is_known_where_it_goes(setting: Setting) -> None:
    setting.stack_name = "film"
    result = setting.run("set", text="1\n" + "\n".join(LOGIN.values()) + "\n")
    assert isinstance(result.exception, ConfigurationError)
    assert "there is film" in result.exception.message
    assert "How does this stack sign in" not in result.output


def test_a_login_is_asked_for_and_stored_with_the_session_that_it_gave(setting: Setting) -> None:
    result = setting.run("set", text="1\n" + "\n".join(LOGIN.values()) + "\n")
    assert result.exit_code == 0, result.output
    assert "Stored. The session lasts until" in result.output
    stored = setting.stored()
    assert stored | LOGIN == stored
    assert {"auth_token", "refresh_token", "expires_at", "obtained_at"} <= stored.keys()
    for secret in (LOGIN["password"], LOGIN["client_secret"], stored["auth_token"], stored["refresh_token"]):
        assert secret not in result.output


def test_without_a_terminal_nobody_is_asked(setting: Setting) -> None:
    setting.has_terminal = False
    result = setting.run("set", text="1\n" + "\n".join(LOGIN.values()) + "\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "There is no terminal to ask on: with --stdin" in result.stderr


def test_a_pasted_token_is_stored_with_its_latest_end_and_replaces_the_login_but_not_the_rest(setting: Setting) -> None:
    setting.client.put_secret_value(SecretId=setting.arn, SecretString=json.dumps({**LOGIN, "team": "film"}))
    token = setting.simulator.credential["auth_token"]
    result = setting.run("set", "--stdin", text=json.dumps({"auth_token": token}))
    assert result.exit_code == 0, result.output
    assert "only a person can replace it" in result.output
    stored = setting.stored()
    assert (stored["auth_token"], stored["team"], stored["client_id"]) == (token, "film", "fake-client-id")
    assert not {"username", "password"} & stored.keys()
    assert stored["expires_at"] > stored["obtained_at"]


def test_a_refresh_token_is_used_at_once_and_the_newest_is_stored(setting: Setting) -> None:
    reply = httpx.post(
        f"{setting.simulator.api_url}/v1/oauth2/token", data={"grant_type": "password", **LOGIN}, trust_env=False
    ).json()
    given = {
        "refresh_token": reply["refresh_token"],
        "client_id": "fake-client-id",
        "client_secret": "fake-client-secret",
    }
    assert setting.run("set", "--stdin", text=json.dumps(given)).exit_code == 0
    assert setting.stored()["refresh_token"] != reply["refresh_token"]


def test_what_another_wrote_meanwhile_is_replaced_by_what_a_person_puts_in(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.client.put_secret_value(SecretId=setting.arn, SecretString=json.dumps({"auth_token": "old"}))
    put = CredentialStore._put

    def put_after_another(store: CredentialStore, credentials: Credentials, **arguments: Any) -> str:
        monkeypatch.setattr(CredentialStore, "_put", put)
        store.replace(Credentials(auth_token="another"))
        return put(store, credentials, **arguments)

    monkeypatch.setattr(CredentialStore, "_put", put_after_another)
    token = setting.simulator.credential["auth_token"]
    assert setting.run("set", "--stdin", text=json.dumps({"auth_token": token})).exit_code == 0
    assert setting.stored()["auth_token"] == token


def test_that_another_account_is_meant_is_written_by_its_own_option_only(setting: Setting) -> None:
    given = json.dumps({"auth_token": setting.simulator.credential["auth_token"], "another_account": "copied"})
    setting.run("set", "--stdin", "--another-account", text=given)
    assert setting.stored()["another_account"] == setting.stored()["obtained_at"]
    setting.run("set", "--stdin", text=given)
    assert "another_account" not in setting.stored()


@pytest.mark.parametrize(
    ("given", "message", "code"),
    [
        ({**LOGIN, "password": "fake-wrong"}, "GoPro refuses the e-mail address and password", 3),
        ({**LOGIN, "client_secret": "fake-wrong"}, "client_id and client_secret", 1),
        ({"username": "me@example.com", "password": "fake-wrong"}, "lacks client_id and client_secret", 1),
        ({"auth_token": "fake-wrong"}, "GoPro does not accept this token. Nothing was stored", 3),
        ({"auth_token": "fake-wrong\n"}, "line break", 1),
        (
            {"refresh_token": "fake-wrong", "client_id": "fake-client-id", "client_secret": "fake-client-secret"},
            "refresh token",
            3,
        ),
        ({}, "holds no credential", 2),
    ],
)
def test_what_gopro_does_not_accept_is_not_stored(
    setting: Setting, given: dict[str, str], message: str, code: int
) -> None:
    setting.client.put_secret_value(SecretId=setting.arn, SecretString=json.dumps({"auth_token": "old"}))
    result = setting.run("set", "--stdin", text=json.dumps(given))
    assert result.exit_code == code
    printed = result.output + getattr(result.exception, "message", "")
    assert message in printed
    assert "fake-wrong" not in printed
    assert setting.stored() == {"auth_token": "old"}


def test_check_says_whether_gopro_accepts_what_is_stored(setting: Setting) -> None:
    token = setting.simulator.credential["auth_token"]
    setting.client.put_secret_value(SecretId=setting.arn, SecretString=json.dumps({"auth_token": token}))
    assert "GoPro accepts the session" in setting.run("check").output
    setting.client.put_secret_value(SecretId=setting.arn, SecretString=json.dumps({"auth_token": "fake-wrong"}))
    assert setting.run("check").exit_code == 3


def test_a_check_that_gopro_does_not_answer_is_reported_from_one_that_it_refuses(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_update, "_PATIENCE", RetryPolicy(attempts=1, longest_pause_seconds=0))
    setting.client.put_secret_value(SecretId=setting.arn, SecretString=json.dumps({"auth_token": "fake"}))
    setting.api_url = "http://127.0.0.1:9"  # nobody listens there

    result = setting.run("check")

    assert result.exit_code == 4
    assert "gopro-sync: " in result.stderr


def test_the_command_as_it_is_typed_says_what_is_wrong_in_one_line() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    result = subprocess.run(
        [str(ROOT / "gopro-sync"), "credentials", "set", "--stdin", "--region", "eu-central-1"],
        input="",
        env={**environment, "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "gopro-sync: There is nothing on standard input.\n"


def test_no_credential_can_be_an_argument() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "gopro_sync_cli", "credentials", "set", "--password", "fake"],
        env={**os.environ, "PYTHONPATH": "src:."},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "No such option: --password" in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interruption_at_a_question_stores_nothing(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    def interrupted(*_: Any, **__: Any) -> str:
        signal.raise_signal(number)
        return "1"

    monkeypatch.setattr(typer, "prompt", interrupted)

    assert setting.run("set").exit_code == code
