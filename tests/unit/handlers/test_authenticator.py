"""What the authenticator tells about the credential, and which events of a rotation it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gopro_sync import composition
from gopro_sync.errors import (
    AccessDeniedError,
    AlertError,
    AuthenticationError,
    ConfigurationError,
    GoProSyncError,
    InvalidEventError,
    NetworkError,
    TimeIsUp,
    TrackerError,
)
from gopro_sync.gopro.session.credentials import Credentials
from gopro_sync.handlers import authenticator
from tests.support.lambda_context import FakeLambdaContext

EVENTS = Path(__file__).parents[3] / "events"
ENVIRONMENT = json.loads((EVENTS / "env.json").read_text())["Parameters"]
SECRET = ENVIRONMENT["CREDENTIALS_SECRET_ID"]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (ENVIRONMENT | {"AWS_DEFAULT_REGION": "eu-central-1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(composition, "session_guard", lambda owner: FakeGuard())
    composition.forget()
    yield
    composition.forget()


class FakeRenewal:
    """A renewal that has nothing to do."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def ensure(self) -> Credentials:
        return self._credentials


def hours_left_as_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **content: str
) -> list[dict[str, Any]]:
    """Lets the authenticator find this secret; returns the metrics that it wrote."""
    credentials = Credentials.parse(json.dumps({"auth_token": "fake-token", **content}))
    monkeypatch.setattr(composition, "renewal", lambda owner: FakeRenewal(credentials))
    authenticator.handler({"action": "ensure_session"}, FakeLambdaContext())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line for line in lines if "CredentialExpiresInHours" in line]


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def test_the_hours_that_a_pasted_token_has_left_are_reported_as_a_metric(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = hours_left_as_told(monkeypatch, capsys, expires_at=in_hours(47.5))
    (described,) = line["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "GoProSync"
    assert [metric["Name"] for metric in described["Metrics"]] == ["CredentialExpiresInHours"]
    assert "Environment" in described["Dimensions"][0]
    assert line["Environment"] == ENVIRONMENT["ENVIRONMENT"]
    assert line["CredentialExpiresInHours"] == pytest.approx([47.5], abs=0.1)


def test_a_pasted_token_past_its_estimated_end_has_no_hours_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = hours_left_as_told(monkeypatch, capsys, expires_at=in_hours(-5))
    assert line["CredentialExpiresInHours"] == [0]


@pytest.mark.parametrize("content", [{"refresh_token": "fake", "expires_at": in_hours(1)}, {}])
def test_what_renews_itself_or_has_no_known_end_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: dict[str, str]
) -> None:
    assert hours_left_as_told(monkeypatch, capsys, **content) == []


@pytest.mark.parametrize(
    ("error", "of_a_run", "reported"),
    [
        (None, True, {"AuthenticationSuccess": [1]}),
        (None, False, {"AuthenticationSuccess": [1]}),
        (AuthenticationError("GoPro refuses the password"), False, {"AuthenticationFailure": [1]}),
        (AuthenticationError("GoPro refuses the password"), True, {}),
        (NetworkError("The GoPro API did not answer"), False, {}),
    ],
    ids=["a run's success", "success", "failure", "a run's failure, which its report counts", "what time may mend"],
)
def test_each_outcome_is_counted_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: GoProSyncError | None,
    of_a_run: bool,
    reported: dict[str, list[int]],
) -> None:
    class Renewal:
        def ensure(self) -> Credentials:
            if error:
                raise error
            return Credentials.parse(json.dumps({"auth_token": "fake-token"}))

    monkeypatch.setattr(composition, "renewal", lambda owner: Renewal())
    with suppress(GoProSyncError):
        run = {"execution_id": "request-1"} if of_a_run else {}
        authenticator.handler({"action": "ensure_session", **run}, FakeLambdaContext())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [{name: line[name] for name in line if name not in {"_aws", "Environment"}} for line in lines] == (
        [{"correlation_id": "request-1", **reported}] if reported else []
    )


# --- rotation --------------------------------------------------------------------------------------------------------


class FakeSecrets:
    """A secret with these versions, of which only those in ``values`` have one."""

    def __init__(self, versions: dict[str, list[str]], values: dict[str, str]) -> None:
        self._versions = {version_id: list(stages) for version_id, stages in versions.items()}
        self._values = values
        self.moves: list[dict[str, str]] = []

    def describe_secret(self, **_: str) -> dict[str, Any]:
        return {"VersionIdsToStages": self._versions}

    def get_secret_value(self, **asked: str) -> Any:
        holders = (name for name, stages in self._versions.items() if asked["VersionStage"] in stages)
        version_id = asked.get("VersionId") or next(holders)
        if version_id not in self._values:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetSecretValue")
        return {"SecretString": self._values[version_id], "VersionId": version_id}

    def update_secret_version_stage(self, **arguments: str) -> dict[str, Any]:
        self.moves.append({name: value for name, value in arguments.items() if name != "SecretId"})
        stage = arguments["VersionStage"]
        if "RemoveFromVersionId" in arguments:
            self._versions[arguments["RemoveFromVersionId"]].remove(stage)
        if "MoveToVersionId" in arguments:
            assert not any(stage in stages for stages in self._versions.values()), "the label is attached elsewhere"
            self._versions[arguments["MoveToVersionId"]].append(stage)
        return {}

    @property
    def versions(self) -> dict[str, list[str]]:
        return {version_id: sorted(stages) for version_id, stages in self._versions.items()}


def step(
    monkeypatch: pytest.MonkeyPatch,
    versions: dict[str, list[str]],
    *,
    values: dict[str, str] | None = None,
    **event: Any,
) -> tuple[dict[str, Any], FakeSecrets]:
    secrets = secrets_of(monkeypatch, versions, values or {})
    return take(secrets, **event), secrets


def secrets_of(monkeypatch: pytest.MonkeyPatch, versions: dict[str, list[str]], values: dict[str, str]) -> FakeSecrets:
    secrets = FakeSecrets(versions, values)
    monkeypatch.setattr(composition, "make_secrets_client", lambda: secrets)
    return secrets


def take(secrets: FakeSecrets, **event: Any) -> dict[str, Any]:
    del secrets
    whole_event = {"Step": "finishSecret", "SecretId": SECRET, "ClientRequestToken": "new", **event}
    return authenticator.handler(whole_event, FakeLambdaContext())


@pytest.mark.parametrize("versions", [{}, {"old": ["AWSCURRENT"]}])
def test_the_test_of_a_new_schedule_finds_a_pending_version_without_a_value(
    monkeypatch: pytest.MonkeyPatch, versions: dict[str, list[str]]
) -> None:
    answer, _ = step(monkeypatch, {**versions, "new": ["AWSPENDING"]}, Step="testSecret")
    assert answer == {"statusCode": 200, "step": "testSecret"}


def test_a_pending_version_with_a_value_is_shown_to_gopro(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(composition, "check_session", lambda session: shown.append(session.auth_token))
    value = json.dumps({"auth_token": "fake-new-token"})
    step(monkeypatch, {"new": ["AWSPENDING"]}, values={"new": value}, Step="testSecret")
    assert shown == ["fake-new-token"]


def test_a_secret_that_cannot_be_read_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    denial = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")

    def refuse(*_: Any, **__: Any) -> Any:
        raise denial

    monkeypatch.setattr(FakeSecrets, "get_secret_value", refuse)
    monkeypatch.setattr(composition, "session_guard", lambda owner: FakeGuard())
    with pytest.raises(AccessDeniedError):
        step(monkeypatch, {"new": ["AWSPENDING"]}, Step="testSecret")


class FakeGuard:
    """What the guard remembers of failed rotations."""

    def __init__(self) -> None:
        self._failed: str | None = None

    def note_failed_rotation(self, version_id: str) -> bool:
        is_news, self._failed = self._failed != version_id, version_id
        return is_news


class UnreachableGuard:
    """A table that does not answer."""

    def note_failed_rotation(self, version_id: str) -> bool:
        raise TrackerError("DynamoDB did not answer")


def refused(*_: Any, **__: Any) -> Any:
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateSecretVersionStage")


@pytest.mark.parametrize(
    ("error", "guard", "counted"),
    [
        (AuthenticationError("GoPro refuses the password"), FakeGuard(), 1),
        (AccessDeniedError("The secret may not be written"), FakeGuard(), 1),
        (AuthenticationError("GoPro refuses the password"), UnreachableGuard(), 3),
        (NetworkError("The GoPro API did not answer"), FakeGuard(), 1),
        (AlertError("SNS did not take it"), FakeGuard(), 0),
    ],
    ids=["refused", "denied", "it cannot be remembered", "no answer", "the reminder alone"],
)
def test_a_rotation_that_fails_counts_once_however_often_it_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: GoProSyncError,
    guard: FakeGuard | UnreachableGuard,
    counted: int,
) -> None:
    class Renewal:
        def prepare_rotation(self, version_id: str) -> Credentials:
            raise error

    monkeypatch.setattr(composition, "renewal", lambda owner: Renewal())
    monkeypatch.setattr(composition, "session_guard", lambda owner: guard)
    monkeypatch.setattr(FakeSecrets, "update_secret_version_stage", refused)  # else the same step cannot come again
    for _ in range(3):
        with pytest.raises(type(error)):
            step(monkeypatch, {"new": ["AWSPENDING"], "old": ["AWSCURRENT"]}, Step="createSecret")
    lines = [line for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert sum("AuthenticationFailure" in json.loads(line) for line in lines) == counted


def test_the_reminder_of_a_pasted_token_that_did_not_get_through_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pasted = json.dumps({"auth_token": "fake-token"})
    sent: list[str] = []

    class Topic:
        tries = 0

        def publish(self, **arguments: str) -> dict[str, str]:
            self.tries += 1
            if self.tries == 1:
                raise EndpointConnectionError(endpoint_url="https://sns.example")
            sent.append(arguments["Subject"])
            return {}

    class Renewal:
        def prepare_rotation(self, version_id: str) -> Credentials:
            return Credentials.parse(pasted)

    topic = Topic()
    monkeypatch.setattr(composition, "renewal", lambda owner: Renewal())
    monkeypatch.setattr(composition, "sns_client", lambda: topic)
    secrets = secrets_of(
        monkeypatch, {"new": ["AWSPENDING"], "newer": ["AWSPENDING"], "old": ["AWSCURRENT"]}, {"old": pasted}
    )
    with pytest.raises(AlertError):
        take(secrets, Step="createSecret")
    take(secrets, Step="createSecret", ClientRequestToken="newer")  # the failed rotation is over: the next one

    assert sent == ["GoPro Sync: replace the pasted token"]


def test_what_a_rotation_prepared_does_not_replace_what_a_person_put_in_since(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = json.dumps({"auth_token": "fake-token", "supersedes": ["old"]})
    given = json.dumps({"username": "me@example.com", "password": "not-a-real-password"})
    versions = {"new": ["AWSPENDING", "GOPRO-SYNC-NEWEST"], "old": ["AWSPREVIOUS"], "given": ["AWSCURRENT"]}
    secrets = secrets_of(monkeypatch, versions, {"new": prepared, "given": given})
    for name in ("createSecret", "testSecret", "finishSecret"):  # and neither a reminder nor GoPro is asked for
        take(secrets, Step=name)
    assert secrets.versions == {**versions, "new": ["GOPRO-SYNC-NEWEST"]}


def test_a_version_that_is_current_already_is_left_alone_whatever_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        _, secrets = step(monkeypatch, {"new": ["AWSCURRENT"], "old": ["AWSPREVIOUS"]}, Step=name)
        assert secrets.moves == []


def test_the_last_step_makes_the_pending_version_current(monkeypatch: pytest.MonkeyPatch) -> None:
    value = json.dumps({"auth_token": "fake-new-token"})
    _, secrets = step(monkeypatch, {"new": ["AWSPENDING"], "old": ["AWSCURRENT"]}, values={"new": value})
    assert secrets.versions == {"new": ["AWSCURRENT"], "old": []}


def test_the_last_step_that_comes_again_ends_the_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    _, secrets = step(monkeypatch, {"new": ["AWSCURRENT", "AWSPENDING"], "old": ["AWSPREVIOUS"]})
    assert secrets.versions == {"new": ["AWSCURRENT"], "old": ["AWSPREVIOUS"]}


@pytest.mark.parametrize("failure", [NetworkError("GoPro does not answer"), TimeIsUp(), KeyError("a fault")], ids=repr)
def test_a_rotation_that_fails_stands_in_no_later_one_s_way_and_keeps_what_it_fetched(
    monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def refuse(_: object) -> None:
        raise failure

    monkeypatch.setattr(composition, "check_session", refuse)
    secrets = secrets_of(
        monkeypatch,
        {"new": ["AWSPENDING", "GOPRO-SYNC-NEWEST"], "old": ["AWSCURRENT"]},
        {"new": json.dumps({"auth_token": "fake-new-token"})},
    )

    with pytest.raises(GoProSyncError):
        take(secrets, Step="testSecret")

    assert secrets.versions == {"new": ["GOPRO-SYNC-NEWEST"], "old": ["AWSCURRENT"]}


@pytest.mark.parametrize("values", [{}, {"new": "no JSON"}], ids=str)
def test_a_rotation_that_fetched_nothing_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    secrets = secrets_of(monkeypatch, {"new": ["AWSPENDING"], "old": ["AWSCURRENT"]}, values)
    with pytest.raises((InvalidEventError, ConfigurationError)):
        take(secrets, Step="finishSecret")
    assert secrets.versions == {"new": [], "old": ["AWSCURRENT"]}


def test_a_failure_is_reported_even_when_its_label_cannot_be_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateSecretVersionStage")

    secrets = secrets_of(monkeypatch, {"new": ["AWSPENDING"], "old": ["AWSCURRENT"]}, {})
    monkeypatch.setattr(secrets, "update_secret_version_stage", refuse)
    with pytest.raises(InvalidEventError, match="has no value"):
        take(secrets, Step="finishSecret")


def test_the_last_step_never_makes_a_version_without_a_value_current(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidEventError, match="has no value"):
        step(monkeypatch, {"new": ["AWSPENDING"], "old": ["AWSCURRENT"]})


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"Step": "deleteSecret"}, "no step of a rotation"),
        ({"Step": 5}, "'Step' is not a string"),
        ({"SecretId": "another"}, "not the secret of this stack"),
        ({"ClientRequestToken": "unknown"}, "not a version of the secret"),
        ({"ClientRequestToken": "forgotten"}, "not a version of the secret"),
        ({"ClientRequestToken": None}, "no field 'ClientRequestToken'"),
    ],
)
def test_an_event_that_is_no_step_of_this_rotation_is_refused(
    monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidEventError, match=message):
        step(monkeypatch, {"new": ["AWSPENDING"], "old": ["AWSCURRENT"], "forgotten": ["AWSPREVIOUS"]}, **event)
