"""Every way to a session, and every way in which it fails, against the GoPro simulator over HTTP."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest
from botocore.exceptions import ClientError

from gopro_sync.aws.clients import make_dynamodb_client, make_secrets_client
from gopro_sync.errors import (
    AuthenticationError,
    ConfigurationError,
    GoProApiChangedError,
    NetworkError,
    SecretStoreError,
    SessionBusyError,
    ThrottledError,
)
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.http import Exchange, RetryPolicy, open_http_client
from gopro_sync.gopro.session.credentials import NEWEST, PENDING, Credentials, CredentialStore
from gopro_sync.gopro.session.renewal import Renewal
from gopro_sync.gopro.session.session import Session
from gopro_sync.gopro.session.tokens import TokenEndpoint
from gopro_sync.table.session_guard import GUARD_KEY, SessionGuard
from local.simulator import Library, Simulator, SimulatorAdmin
from local.simulator.faults import Endpoint, Fault, FaultName
from local.simulator.settings import RefreshTokenMode
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

SECRET, TABLE = "gopro/credentials", "gopro-sync-tracker"
COMMAND = "./gopro-sync credentials set --secret-id gopro/credentials"
CLIENT = {"client_id": "fake-client-id", "client_secret": "fake-client-secret"}
LOGIN = {**CLIENT, "username": "camera-owner@example.com", "password": "not-a-real-password"}
DAY_SECONDS = 86400


class AtomicDynamoDB:
    """moto's client, whose conditional writes are not atomic among threads; DynamoDB's are."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client
        self._lock = threading.Lock()

    def update_item(self, **arguments: Any) -> Any:
        with self._lock:
            return self._client.update_item(**arguments)


class WatchedSecrets:
    """moto's client, which can be made to fail, and what became current, in order."""

    def __init__(self, client: SecretsManagerClient) -> None:
        self._client = client
        self.failures: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_secret_value(self, **arguments: Any) -> Any:
        if self.failures:
            raise ClientError({"Error": {"Code": self.failures.pop(0), "Message": "no"}}, "PutSecretValue")
        return self._client.put_secret_value(**arguments)


@dataclass(slots=True, kw_only=True)
class Setting:
    """GoPro, the secret, the guard's table, and a clock that only tests move."""

    gopro: SimulatorAdmin
    gopro_url: str
    secrets: WatchedSecrets
    dynamodb: AtomicDynamoDB
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    slept: list[float] = field(default_factory=list)
    owners: Iterator[int] = field(default_factory=itertools.count)
    wait: Callable[[float], None] | None = None

    def renewal(self, http: Any) -> Renewal:
        """What one invocation of the authenticator makes."""
        patience = RetryPolicy(attempts=3, longest_pause_seconds=4)
        sleep = self.wait or self.slept.append

        def probe(session: Session) -> None:
            GoProClient(
                http, session, base_url=self.gopro_url, retry_policy=patience, sleep=sleep, now=lambda: self.now
            ).check_session()

        exchange = Exchange(http, base_url=self.gopro_url, retry_policy=patience, sleep=sleep, now=lambda: self.now)
        return Renewal(
            store=self.store(),
            guard=SessionGuard(
                cast("DynamoDBClient", self.dynamodb),
                TABLE,
                owner=f"invocation-{next(self.owners)}",
                clock=lambda: self.now,
            ),
            tokens=TokenEndpoint(exchange),
            probe=probe,
            clock=lambda: self.now,
            sleep=sleep,
            mending_command=COMMAND,
        )

    def store(self) -> CredentialStore:
        return CredentialStore(cast("SecretsManagerClient", self.secrets), SECRET)

    def ensure(self) -> Credentials:
        """What the authenticator does before a run."""
        with open_http_client() as http:
            return self.renewal(http).ensure()

    def renew_if_refused(self) -> Credentials:
        """What it does when somebody was refused."""
        with open_http_client() as http:
            return self.renewal(http).renew_if_refused()

    def put(self, **content: object) -> None:
        """Puts a value into the secret, as the operator does."""
        self.store().replace(Credentials.parse(json.dumps(content)))

    def stored(self) -> Credentials:
        return self.store().load().credentials

    def pass_time(self, **duration: float) -> None:
        """Lets time pass here and at GoPro."""
        self.now += timedelta(**duration)
        self.gopro.advance_clock(timedelta(**duration).total_seconds())

    def grants(self) -> int:
        """How often a session was asked for."""
        return len(self.gopro.requests(Endpoint.TOKEN))

    def fail_grants(self, name: FaultName, **options: Any) -> None:
        self.gopro.set_faults(Fault(name=name, endpoint=Endpoint.TOKEN, **options))

    def assert_accepted(self, credentials: Credentials) -> None:
        """GoPro takes this session, and it is the stored one."""
        assert self.stored().auth_token == credentials.auth_token
        with open_http_client() as http:
            GoProClient(http, credentials.session(), base_url=self.gopro_url).check_session()


@pytest.fixture
def setting() -> Iterator[Setting]:
    with Simulator(Library([])) as simulator, tracker_table(TABLE) as dynamodb:
        secrets = make_secrets_client()
        secrets.create_secret(Name=SECRET)
        yield Setting(
            gopro=SimulatorAdmin(simulator.api_url),
            gopro_url=simulator.api_url,
            secrets=WatchedSecrets(secrets),
            dynamodb=AtomicDynamoDB(dynamodb),
        )


def signed_in(setting: Setting) -> dict[str, str]:
    """An access token and a refresh token that GoPro knows, got behind the system's back."""
    reply = httpx.post(
        f"{setting.gopro_url}/v1/oauth2/token", data={"grant_type": "password", **LOGIN}, trust_env=False
    )
    setting.gopro.clear_requests()
    tokens: dict[str, str] = reply.json()
    return tokens


# --- the password ----------------------------------------------------------------------------------------------------


def test_with_a_password_the_first_run_signs_in_and_stores_all_that_it_got(setting: Setting) -> None:
    setting.put(**LOGIN, team="film")
    credentials = setting.ensure()
    setting.assert_accepted(credentials)
    stored = setting.stored()
    assert stored.refresh_token is not None
    assert stored.user_id == "11111111-2222-4333-8444-555555555555"
    assert stored.obtained_at == setting.now
    assert stored.expires_at == setting.now + timedelta(seconds=DAY_SECONDS)
    assert (stored.username, stored.unknown_fields) == (LOGIN["username"], {"team": "film"})


@pytest.mark.parametrize("lifetime_seconds", [2 * 3600, 7 * DAY_SECONDS])
def test_the_lifetime_that_gopro_states_is_trusted_and_renewed_half_an_hour_before_its_end(
    setting: Setting, lifetime_seconds: int
) -> None:
    setting.gopro.set_settings(token_lifetime_seconds=lifetime_seconds)
    setting.put(**LOGIN)
    first = setting.ensure()
    setting.pass_time(seconds=lifetime_seconds - 1801)
    assert setting.ensure() == first
    assert setting.grants() == 1
    setting.pass_time(seconds=1)
    second = setting.ensure()
    assert second.auth_token != first.auth_token
    setting.assert_accepted(second)


def test_a_wrong_password_needs_a_person_and_says_since_when_and_what_to_type(setting: Setting) -> None:
    setting.put(**{**LOGIN, "password": "fake-wrong-password"})
    with pytest.raises(AuthenticationError) as caught:
        setting.ensure()
    message = str(caught.value)
    assert "second factor" in message
    assert f"since {setting.now:%Y-%m-%dT%H:%M:%SZ}" in message
    assert COMMAND in message
    assert "fake-wrong-password" not in message


def test_a_wrong_password_is_tried_once_and_not_by_each_of_a_thousand_videos(setting: Setting) -> None:
    setting.put(**{**LOGIN, "password": "fake-wrong-password"})
    began = setting.now
    for _ in range(5):
        with pytest.raises(AuthenticationError, match=f"since {began:%Y-%m-%dT%H:%M:%SZ}"):
            setting.renew_if_refused()
        setting.pass_time(minutes=5)
    assert setting.grants() == 1


def test_the_next_night_tries_again_and_still_knows_since_when(setting: Setting) -> None:
    setting.put(**LOGIN)
    setting.fail_grants(FaultName.INVALID_GRANT, count=1)
    began = setting.now
    with pytest.raises(AuthenticationError):
        setting.ensure()
    setting.pass_time(hours=24)
    setting.fail_grants(FaultName.INVALID_GRANT, count=1)
    with pytest.raises(AuthenticationError, match=f"since {began:%Y-%m-%dT%H:%M:%SZ}"):
        setting.ensure()
    setting.pass_time(hours=24)
    setting.assert_accepted(setting.ensure())


def test_a_mended_secret_is_taken_although_the_refusal_still_holds(setting: Setting) -> None:
    setting.put(**{**LOGIN, "password": "fake-wrong-password"})
    with pytest.raises(AuthenticationError):
        setting.ensure()
    setting.pass_time(minutes=1)
    setting.put(**LOGIN)
    setting.assert_accepted(setting.ensure())


# --- the refresh token -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(RefreshTokenMode))
def test_a_refresh_token_lives_on_whatever_gopro_does_with_it(setting: Setting, mode: RefreshTokenMode) -> None:
    setting.gopro.set_settings(refresh_token_mode=mode)
    first = signed_in(setting)["refresh_token"]
    setting.put(**CLIENT, refresh_token=first)
    for _ in range(3):
        setting.assert_accepted(setting.ensure())
        setting.pass_time(hours=24)
    is_kept = mode in {RefreshTokenMode.KEEP, RefreshTokenMode.OMIT}
    assert (setting.stored().refresh_token == first) is is_kept


@pytest.mark.parametrize("name", [FaultName.TOKEN_BLACKLISTED, FaultName.INVALID_GRANT])
def test_a_refresh_token_that_gopro_ended_is_made_good_by_one_password_login(setting: Setting, name: FaultName) -> None:
    setting.put(**LOGIN)
    setting.ensure()
    setting.pass_time(hours=24)
    setting.fail_grants(name, count=1)
    setting.assert_accepted(setting.ensure())
    assert setting.grants() == 3  # the first login, the refused refresh, the second login


def test_password_logins_are_a_minute_apart(setting: Setting) -> None:
    setting.put(**LOGIN)
    setting.ensure()
    setting.gopro.expire("access_tokens")
    setting.gopro.expire("refresh_tokens")
    with pytest.raises(SessionBusyError, match="less than a minute"):
        setting.renew_if_refused()
    setting.pass_time(minutes=1)
    setting.assert_accepted(setting.renew_if_refused())


def test_a_dead_refresh_token_without_a_password_needs_a_person(setting: Setting) -> None:
    setting.put(**CLIENT, refresh_token="fake-token-that-gopro-does-not-know")
    with pytest.raises(AuthenticationError, match="holds no password") as caught:
        setting.ensure()
    assert COMMAND in str(caught.value)
    assert "fake-token-that" not in str(caught.value)


@pytest.mark.parametrize("has_password", [True, False])
def test_a_refresh_whose_answer_is_lost_recovers_or_alerts_and_is_never_stuck(
    setting: Setting, has_password: bool
) -> None:
    setting.gopro.set_settings(refresh_token_mode=RefreshTokenMode.ROTATE_AND_KILL)
    setting.put(**(LOGIN if has_password else CLIENT), refresh_token=signed_in(setting)["refresh_token"])
    setting.fail_grants(FaultName.REPLY_LOST, count=1)
    if has_password:
        setting.assert_accepted(setting.ensure())
        return
    for _ in range(2):
        with pytest.raises(AuthenticationError, match="does not accept the refresh token"):
            setting.ensure()
    assert setting.grants() == 2  # the lost one, and the second attempt, which GoPro refused
    setting.put(**CLIENT, refresh_token=signed_in(setting)["refresh_token"])
    setting.assert_accepted(setting.ensure())


def test_a_rotation_that_did_not_end_leaves_a_refresh_token_that_is_found(setting: Setting) -> None:
    setting.gopro.set_settings(refresh_token_mode=RefreshTokenMode.ROTATE_AND_KILL)
    setting.put(**CLIENT, refresh_token=signed_in(setting)["refresh_token"])
    with open_http_client() as http:
        setting.renewal(http).prepare_rotation("11111111-1111-4111-8111-111111111111")
    assert setting.store().load(PENDING).credentials.refresh_token != setting.stored().refresh_token
    setting.assert_accepted(setting.ensure())


def test_what_a_failed_rotation_has_fetched_is_found(setting: Setting) -> None:
    setting.gopro.set_settings(refresh_token_mode=RefreshTokenMode.ROTATE_AND_KILL)
    setting.put(**CLIENT, refresh_token=signed_in(setting)["refresh_token"])
    version_id = "11111111-1111-4111-8111-111111111111"
    with open_http_client() as http:
        setting.renewal(http).prepare_rotation(version_id)
    setting.store().end_rotation(version_id)
    assert setting.store().stages_of(version_id) == [NEWEST]
    setting.assert_accepted(setting.ensure())


# --- the pasted token ------------------------------------------------------------------------------------------------


def test_a_pasted_token_is_shown_to_gopro_and_kept(setting: Setting) -> None:
    setting.put(auth_token=signed_in(setting)["access_token"])
    assert setting.ensure() == setting.stored()
    assert len(setting.gopro.requests(Endpoint.SEARCH)) == 1
    assert setting.grants() == 0


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_dead_pasted_token_needs_a_person_however_gopro_says_it(setting: Setting, status: int) -> None:
    setting.gopro.set_settings(dead_token_status=status)
    setting.put(auth_token="fake-token-that-gopro-does-not-know")
    before = setting.store().load().version_id
    with pytest.raises(AuthenticationError, match="does not accept the pasted token") as caught:
        setting.ensure()
    assert COMMAND in str(caught.value)
    assert setting.store().load().version_id == before


# --- in mid-run ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_session_that_died_before_its_end_is_renewed(setting: Setting, status: int) -> None:
    setting.gopro.set_settings(dead_token_status=status)
    setting.put(**LOGIN)
    first = setting.ensure()
    setting.gopro.expire("access_tokens")
    assert setting.ensure() == first  # nobody has asked GoPro
    renewed = setting.renew_if_refused()
    assert renewed.auth_token != first.auth_token
    setting.assert_accepted(renewed)


def test_a_session_that_gopro_accepts_is_not_renewed_for_whoever_was_refused_with_an_older_one(
    setting: Setting,
) -> None:
    setting.put(**LOGIN)
    first = setting.ensure()
    assert setting.renew_if_refused() == first
    assert setting.grants() == 1


def test_ten_that_are_refused_at_once_renew_once(setting: Setting) -> None:
    setting.put(**LOGIN)
    setting.ensure()
    setting.gopro.expire("access_tokens")
    setting.wait = lambda _: time.sleep(random.uniform(0.1, 1.0))  # or all would come again at the same moment
    with ThreadPoolExecutor(10) as pool:
        renewed = list(pool.map(lambda _: setting.renew_if_refused(), range(10)))
    assert len({credentials.auth_token for credentials in renewed}) == 1
    assert setting.grants() == 2  # the login, and one refresh
    setting.assert_accepted(renewed[0])


def test_who_renews_for_too_long_is_waited_for_and_then_named(setting: Setting) -> None:
    setting.put(**LOGIN)
    other = SessionGuard(cast("DynamoDBClient", setting.dynamodb), TABLE, owner="another", clock=lambda: setting.now)
    other.take()
    with pytest.raises(SessionBusyError, match="Another invocation"):
        setting.ensure()
    assert sum(setting.slept) <= 10
    assert setting.grants() == 0


def test_who_died_while_renewing_is_followed_by_the_next(setting: Setting) -> None:
    setting.put(**LOGIN)
    other = SessionGuard(cast("DynamoDBClient", setting.dynamodb), TABLE, owner="another", clock=lambda: setting.now)
    other.take()
    setting.pass_time(minutes=1)
    setting.assert_accepted(setting.ensure())
    other.release()  # it was not dead after all; it has nothing to give back any more
    setting.pass_time(hours=24)
    setting.assert_accepted(setting.ensure())


# --- what fails on the way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "options", "error"),
    [
        (FaultName.SERVER_ERROR, {"status": 503}, NetworkError),
        (FaultName.CONNECTION_RESET, {}, NetworkError),
        (FaultName.THROTTLED, {}, ThrottledError),
        (FaultName.BLOCK_PAGE, {}, ThrottledError),
    ],
)
def test_trouble_on_the_network_is_tried_three_times_and_then_named(
    setting: Setting, fault: FaultName, options: dict[str, Any], error: type[Exception]
) -> None:
    setting.put(**LOGIN)
    setting.fail_grants(fault, **options)
    with pytest.raises(error):
        setting.ensure()
    assert setting.grants() == 3
    assert setting.stored().auth_token is None
    setting.gopro.set_faults()
    setting.pass_time(minutes=1)
    setting.assert_accepted(setting.ensure())


def test_trouble_that_passes_is_not_noticed(setting: Setting) -> None:
    setting.put(**LOGIN)
    setting.fail_grants(FaultName.SERVER_ERROR, count=2, status=503)
    setting.assert_accepted(setting.ensure())


@pytest.mark.parametrize("fault", [FaultName.EMPTY_BODY, FaultName.HTML_PAGE, FaultName.ODD_BODY])
def test_an_answer_without_a_session_is_named(setting: Setting, fault: FaultName) -> None:
    setting.put(**LOGIN)
    setting.fail_grants(fault)
    with pytest.raises(GoProApiChangedError):
        setting.ensure()


def test_a_client_that_gopro_does_not_know_is_a_matter_of_configuration(setting: Setting) -> None:
    setting.put(**{**LOGIN, "client_secret": "fake-wrong-secret"})
    with pytest.raises(ConfigurationError, match="client_id and client_secret") as caught:
        setting.ensure()
    assert "fake-wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("missing", ["client_id", "client_secret"])
def test_a_client_that_is_missing_is_named(setting: Setting, missing: str) -> None:
    setting.put(**{name: value for name, value in LOGIN.items() if name != missing})
    with pytest.raises(ConfigurationError, match=f"lacks {missing},"):
        setting.ensure()
    assert setting.grants() == 0


@pytest.mark.parametrize("has_password", [True, False])
def test_a_session_that_could_not_be_stored_is_not_lost_silently(setting: Setting, has_password: bool) -> None:
    setting.gopro.set_settings(refresh_token_mode=RefreshTokenMode.ROTATE_AND_KILL)
    setting.put(**(LOGIN if has_password else CLIENT), refresh_token=signed_in(setting)["refresh_token"])
    setting.secrets.failures = ["InternalServiceError"] * 3
    with pytest.raises(SecretStoreError, match="PutSecretValue with InternalServiceError"):
        setting.ensure()
    if has_password:
        setting.assert_accepted(setting.ensure())
    else:
        with pytest.raises(AuthenticationError):
            setting.ensure()


def test_a_session_is_put_again_where_it_is_not_known_to_be_stored(setting: Setting) -> None:
    setting.gopro.set_settings(refresh_token_mode=RefreshTokenMode.ROTATE_AND_KILL)
    setting.put(**CLIENT, refresh_token=signed_in(setting)["refresh_token"])
    setting.secrets.failures = ["InternalServiceError"] * 2
    setting.assert_accepted(setting.ensure())


def test_the_guard_keeps_no_secret(setting: Setting) -> None:
    setting.put(**LOGIN)
    credentials = setting.ensure()
    setting.fail_grants(FaultName.INVALID_GRANT)
    setting.pass_time(hours=24)
    with pytest.raises(AuthenticationError):
        setting.ensure()
    item = make_dynamodb_client().get_item(TableName=TABLE, Key={"media_id": {"S": GUARD_KEY}})["Item"]
    assert item["refusal"]["M"]["since"]["S"] == f"{setting.now:%Y-%m-%dT%H:%M:%SZ}"
    kept = json.dumps(item)
    for secret in (credentials.auth_token, credentials.refresh_token, LOGIN["password"], CLIENT["client_secret"]):
        assert str(secret) not in kept
