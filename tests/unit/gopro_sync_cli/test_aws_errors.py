"""What AWS and its SDK refuse is said in one sentence, with what to type."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from gopro_sync_cli.aws_errors import plain_words


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder without AWS settings."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    return tmp_path


def _use() -> None:
    # An address that nothing can connect to without a network: what is wrong with the settings is found before.
    boto3.Session().client("cloudformation").describe_stacks()


def _said_by(action: Callable[[], object]) -> str:
    with pytest.raises(Exception) as raised:
        action()
    words = plain_words(raised.value)
    assert words is not None, raised.value
    assert "\n" not in words
    return words


@pytest.mark.parametrize(
    ("variables", "config", "stated"),
    [
        ({}, "", "There is no AWS region: name one with --region"),
        ({"AWS_DEFAULT_REGION": ""}, "[default]\nregion=eu-west-1", "AWS_DEFAULT_REGION is set and empty"),
        (
            {
                "AWS_DEFAULT_REGION": "",
                "AWS_ENDPOINT_URL": "https://127.0.0.1:9",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
            },
            "",
            "AWS_DEFAULT_REGION is set and empty",
        ),
        ({"AWS_DEFAULT_REGION": "eu west"}, "", "'eu west' is no AWS region"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "", "There are no AWS credentials: set AWS_PROFILE"),
        ({"AWS_PROFILE": "nope"}, "", "no profile 'nope' in your AWS configuration, nor any other: unset"),
        ({"AWS_PROFILE": "nope"}, "[profile film]\n[default]\n", "there is default, film: set AWS_PROFILE to one of"),
        ({}, "spoiled\n[x\n", "config cannot be parsed: correct it"),
        ({}, "\udcff\udcfe\x00", "config cannot be parsed: correct it"),
        ({}, "[default]\nregion=eu-west-1\nrole_arn=arn:aws:iam::1:role/x\n", "source_profile or credential_source is"),
        ({}, "[default]\nregion=eu-west-1\nretry_mode=wild\n", "A setting of the AWS SDK"),
        ({}, "[default]\nregion=eu-west-1\ncredential_process=/bin/false\n", "AWS credentials could not be obtained"),
        (
            {},
            "[default]\nregion=eu-west-1\nsso_session=x\nsso_account_id=1\nsso_role_name=r\n[sso-session x]\n"
            "sso_region=eu-west-1\nsso_start_url=https://x.awsapps.com/start\n",
            "There is no valid SSO sign-in: sign in again (aws sso login",
        ),
        ({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a"}, "", "AWS_SECRET_ACCESS_KEY is missing"),
        ({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "nonsense"}, "", "Invalid endpoint: nonsense"),
        ({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "many"}, "", "A setting of the AWS SDK"),
    ],
)
def test_settings_that_cannot_be_are_named_with_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], config: str, stated: str
) -> None:
    (home / ".aws" / "config").write_text(config, errors="surrogateescape")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert stated in _said_by(_use)


@pytest.mark.parametrize(
    ("error", "stated"),
    [
        (
            exceptions.EndpointConnectionError(endpoint_url="https://x/"),
            "Nothing answers at https://x/: check the spelling",
        ),
        (exceptions.ConnectTimeoutError(endpoint_url="https://x/"), "Nothing answers at https://x/"),
        (exceptions.ReadTimeoutError(endpoint_url="https://x/"), "https://x/ did not answer in time"),
        (exceptions.ConnectionClosedError(endpoint_url="https://x/"), "closed the connection"),
        (exceptions.SSLError(endpoint_url="https://x/", error=OSError("chain")), "not trusted: name the file"),
        (
            exceptions.ProxyConnectionError(proxy_url="http://me:secret@proxy:1"),  # pragma: allowlist secret - made up
            "The proxy http://[redacted]@proxy:1",
        ),
        (exceptions.UnauthorizedSSOTokenError(), "aws sso login"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="x"), "aws sso login"),
        (exceptions.ConfigNotFound(path="/x"), "no AWS configuration file /x"),
        (exceptions.ParamValidationError(report="a\nb"), "The request to AWS failed: Parameter validation failed: a b"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_sdk_meets_is_reported_in_one_line(error: Exception, stated: str) -> None:
    words = plain_words(error)
    assert words is not None
    assert stated in words
    assert "\n" not in words
    assert "secret" not in words


@pytest.mark.parametrize(
    ("code", "stated"),
    [
        ("ExpiredToken", "These AWS credentials have expired: sign in again"),
        ("InvalidClientTokenId", "AWS does not know these credentials"),
        ("SignatureDoesNotMatch", "AWS does not know these credentials"),
        ("AccessDenied", "AWS refused DescribeStacks (AccessDenied): not you two"),
        (None, "AWS refused DescribeStacks (no code): not you two"),
    ],
)
def test_what_aws_refuses_is_reported_with_its_code(code: str | None, stated: str) -> None:
    answer = {"Error": {"Message": "not you\ntwo"} | ({} if code is None else {"Code": code})}
    assert (plain_words(ClientError(answer, "DescribeStacks")) or "").startswith(stated)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OSError(28, "No space left")])
def test_what_is_not_awss_is_left_to_others(error: Exception) -> None:
    assert plain_words(error) is None
