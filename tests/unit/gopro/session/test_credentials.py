from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.errors import AccessDeniedError, ConfigurationError, SecretStoreError, SessionRefusedError
from gopro_sync.gopro.session.credentials import CredentialMode, Credentials, CredentialStore
from gopro_sync.gopro.session.session import Session

TOKEN = "fake-token.of.five.parts.x"
NOW = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)


def credentials(**content: object) -> Credentials:
    return Credentials.parse(json.dumps(content))


class FakeSecrets:
    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self._answer = answer
        self.asked: list[dict[str, str]] = []

    def get_secret_value(self, **arguments: str) -> Mapping[str, Any]:
        self.asked.append(arguments)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def store(secrets: FakeSecrets) -> CredentialStore:
    return CredentialStore(secrets, "gopro/credentials")  # type: ignore[arg-type]  # the one call that loading makes


def load(answer: Mapping[str, Any] | Exception) -> Credentials:
    return store(FakeSecrets(answer)).load().credentials


def test_the_stored_token_becomes_the_session() -> None:
    secret = json.dumps({"auth_token": TOKEN, "user_id": "a-user", "expires_at": "2026-05-01T03:00:00Z"})
    secrets = FakeSecrets({"SecretString": secret, "VersionId": "a-version"})
    stored = store(secrets).load()
    assert stored.version_id == "a-version"
    assert stored.credentials.living_session(NOW) == Session(
        auth_token=TOKEN, user_id="a-user", expires_at=datetime(2026, 5, 1, 3, 0, tzinfo=UTC)
    )
    assert secrets.asked == [{"SecretId": "gopro/credentials", "VersionStage": "AWSCURRENT"}]


LOGIN = {"username": "me@example.com", "password": "fake"}


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        ({"auth_token": TOKEN}, CredentialMode.PASTED_TOKEN),
        ({"auth_token": TOKEN, "username": "me@example.com"}, CredentialMode.PASTED_TOKEN),
        ({"refresh_token": "fake"}, CredentialMode.REFRESH_TOKEN),
        ({"auth_token": TOKEN, "refresh_token": "fake"}, CredentialMode.REFRESH_TOKEN),
        (LOGIN, CredentialMode.PASSWORD),
        ({**LOGIN, "auth_token": TOKEN, "refresh_token": "fake"}, CredentialMode.PASSWORD),
    ],
)
def test_what_the_secret_holds_decides_the_mode(content: dict[str, str], mode: CredentialMode) -> None:
    assert credentials(**content).mode is mode


def test_a_token_without_an_end_is_used_until_gopro_refuses_it() -> None:
    assert credentials(auth_token=TOKEN).living_session(NOW).expires_at is None


@pytest.mark.parametrize("expires_at", ["2026-05-01T02:00:00Z", "2026-05-01T02:30:00+01:00", "2026-04-30T00:00:00Z"])
def test_a_session_past_its_stated_end_is_refused_and_the_message_says_since_when(expires_at: str) -> None:
    with pytest.raises(SessionRefusedError, match=r"ended at 2026-0[45]-[0-9T:-]+Z"):
        credentials(auth_token=TOKEN, refresh_token="fake", expires_at=expires_at).living_session(NOW)


def test_the_end_of_a_pasted_token_is_an_estimate_and_gopro_decides() -> None:
    stored = credentials(auth_token=TOKEN, expires_at="2026-04-30T00:00:00Z")
    assert stored.living_session(NOW).auth_token == TOKEN


@pytest.mark.parametrize("content", [LOGIN, {"refresh_token": "fake"}])
def test_a_secret_without_a_session_yet_says_so(content: dict[str, str]) -> None:
    with pytest.raises(SessionRefusedError, match="holds no session yet"):
        credentials(**content).living_session(NOW)


_TEXTS = ("auth_token", "user_id", "refresh_token", "username", "password", "client_id", "client_secret")


@given(
    st.dictionaries(st.sampled_from(_TEXTS), st.text(min_size=1)),
    st.dictionaries(st.text().filter(lambda name: name not in {*_TEXTS, "expires_at", "obtained_at"}), st.integers()),
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 - Hypothesis's bounds
)
def test_what_is_written_is_read_again(known: dict[str, str], unknown: dict[str, int], end: datetime) -> None:
    stored = credentials(**{**known, **unknown, "auth_token": TOKEN, "expires_at": f"{end:%Y-%m-%dT%H:%M:%S}Z"})
    assert Credentials.parse(stored.to_secret_string()) == stored


def test_what_else_the_operator_keeps_in_the_secret_is_preserved() -> None:
    assert credentials(auth_token=TOKEN, owner="film team", tags=[1]).unknown_fields == {
        "owner": "film team",
        "tags": [1],
    }


def test_empty_fields_count_as_not_given() -> None:
    parsed = credentials(auth_token=TOKEN, user_id="", refresh_token=None, expires_at="")
    assert (parsed.user_id, parsed.refresh_token, parsed.expires_at) == (None, None, None)


@pytest.mark.parametrize("secret", ["", "fake-secret-text", "{", "[" * 100_000])
def test_a_secret_that_is_not_json_is_named_but_not_shown(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="not JSON") as caught:
        Credentials.parse(secret)
    assert caught.value.__cause__ is None
    assert "fake-secret-text" not in str(caught.value)


@pytest.mark.parametrize("secret", ["[]", '"fake-secret-text"', "7", "null"])
def test_a_secret_that_is_not_an_object_is_named(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="not an object"):
        Credentials.parse(secret)


@pytest.mark.parametrize("content", [{}, {"auth_token": ""}, {"user_id": "a-user"}, {"username": "me@example.com"}])
def test_a_secret_without_any_credential_says_what_it_needs(content: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="needs auth_token, refresh_token, or username and password"):
        credentials(**content)


@pytest.mark.parametrize("value", [7, ["fake-secret-text"], {"a": "fake-secret-text"}, True])
def test_a_field_of_the_wrong_type_is_named_but_not_shown(value: object) -> None:
    with pytest.raises(ConfigurationError, match="The secret's auth_token is not text") as caught:
        credentials(auth_token=value)
    assert "fake-secret-text" not in str(caught.value)


@pytest.mark.parametrize("value", ["tomorrow", "2026-05-01T02:00:00", "1777600800", "0001-01-01T00:00:00+14:00"])
def test_an_end_that_is_no_time_with_a_zone_is_named(value: str) -> None:
    with pytest.raises(ConfigurationError, match="The secret's expires_at is not a time with a zone"):
        credentials(auth_token=TOKEN, expires_at=value)


@pytest.mark.parametrize(
    "token",
    ["", " ", f"{TOKEN}\n", f"Bearer {TOKEN}", f'"{TOKEN}"', f"{TOKEN}; gp=1", f"{TOKEN}\r\nX-Evil: 1", "ä", "\x00"],
)
def test_a_token_that_would_break_a_header_is_refused_and_not_shown(token: str) -> None:
    for auth_token, user_id in ((token, None), (TOKEN, token)):
        with pytest.raises(ConfigurationError, match="holds a blank, a line break, a quote") as caught:
            Session(auth_token=auth_token, user_id=user_id)
        assert TOKEN not in str(caught.value)


@given(st.text())
def test_no_accepted_token_can_end_a_header_or_a_cookie(token: str) -> None:
    try:
        Session(auth_token=token)
    except ConfigurationError:
        return
    assert token.isascii()
    assert token.isprintable()
    assert not set(token) & set(' ",;\\')


def test_no_secret_shows_in_a_representation() -> None:
    texts = ("auth_token", "user_id", "refresh_token", "username", "password", "client_id", "client_secret")
    stored = credentials(**{name: f"fake-{name}-value" for name in texts}, note="fake-note-value")
    shown = f"{stored!r} {stored} {stored.session()!r}"
    assert "fake-" not in shown
    assert "refresh_token" in shown


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ResourceNotFoundException", ConfigurationError),
        ("InvalidRequestException", ConfigurationError),
        ("AccessDeniedException", AccessDeniedError),
        ("DecryptionFailure", ConfigurationError),
        ("InternalServiceError", SecretStoreError),
        ("ThrottlingException", SecretStoreError),
    ],
)
def test_each_failure_of_secrets_manager_has_its_name(code: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=code):
        load(ClientError({"Error": {"Code": code, "Message": "no"}}, "GetSecretValue"))


def test_an_unreachable_secrets_manager_may_be_tried_again() -> None:
    with pytest.raises(SecretStoreError, match="EndpointConnectionError"):
        load(EndpointConnectionError(endpoint_url="https://secretsmanager.example"))


@pytest.mark.parametrize("answer", [{"SecretString": ""}, {"SecretBinary": b"fake"}])
def test_a_secret_without_a_text_value_is_named(answer: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="no text value"):
        load(answer)
