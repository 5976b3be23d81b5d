"""Sessions in whole runs and rotations: the real functions, the real state machine, GoPro simulated."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.simulator.faults import Endpoint, Fault, FaultName
from tests.e2e.conftest import LOGIN, Stack, video

IN_A_DAY = (datetime.now(UTC) + timedelta(days=1)).isoformat()

pytestmark = pytest.mark.usefixtures("secret")


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def end_the_session_after_the_listing(stack: Stack, videos: int) -> None:
    """Let GoPro refuse every video's first request, and all looks at whether the session is alive until it is renewed.

    Those are one for each refused video, and the authenticator's.
    """
    stack.invoke("MediaLister", {"max_videos": 1})
    requests_of_a_listing = len(stack.gopro.requests(Endpoint.SEARCH))
    stack.gopro.set_faults(
        *(
            Fault(FaultName.DEAD_TOKEN, endpoint=Endpoint.DOWNLOAD, status=401, media_id=f"m{n}", count=1)
            for n in range(1, videos + 1)
        ),
        Fault(FaultName.DEAD_TOKEN, endpoint=Endpoint.SEARCH, status=401, skip=requests_of_a_listing, count=videos + 1),
    )


def grants(stack: Stack) -> int:
    return len(stack.gopro.requests(Endpoint.TOKEN))


def test_with_a_password_in_the_secret_a_run_signs_in_by_itself(stack: Stack) -> None:
    stack.put_library(video("m1"))
    stack.put_secret(json.dumps(LOGIN))

    assert stack.run().every_video_archived

    kept = json.loads(stack.secret())
    assert kept["password"] == LOGIN["password"]
    assert {"auth_token", "refresh_token", "expires_at", "obtained_at", "user_id"} <= kept.keys()
    assert stack.run().every_video_archived
    assert grants(stack) == 1


def test_a_session_that_dies_in_mid_run_is_renewed_once_and_no_video_notices(stack: Stack, alerts: str) -> None:
    stack.put_library(*[video(f"m{n}", f"GX01000{n}.MP4") for n in range(1, 4)])
    stack.put_secret(json.dumps(LOGIN))
    stack.invoke("Authenticator", {"action": "ensure_session"})
    end_the_session_after_the_listing(stack, videos=3)

    assert stack.run().every_video_archived

    assert grants(stack) == 2  # the login, and one refresh for all
    assert set(stack.statuses().values()) == {"COMPLETED"}
    assert stack.take_notices(alerts) == []


def test_a_listing_that_is_refused_is_renewed_as_well(stack: Stack) -> None:
    stack.put_library(video("m1"))
    stack.put_secret(json.dumps({**LOGIN, "auth_token": "fake-token-that-gopro-ended", "expires_at": IN_A_DAY}))

    assert stack.run().every_video_archived


def test_a_session_that_dies_for_good_is_reported_once_asked_for_once_and_damages_nothing(
    stack: Stack, alerts: str
) -> None:
    stack.put_library(*[video(f"m{n}", f"GX01000{n}.MP4") for n in range(1, 4)])
    alive = json.loads(stack.secret())["auth_token"]
    wrong = {**LOGIN, "password": "not-the-password", "auth_token": alive, "expires_at": IN_A_DAY}
    stack.put_secret(json.dumps(wrong))
    end_the_session_after_the_listing(stack, videos=3)

    execution = stack.run()

    assert (execution.status, execution.error) == ("FAILED", "AuthenticationError")
    assert grants(stack) == 1
    (alert,) = stack.take_notices(alerts)
    assert "GoPro refuses the e-mail address and password" in alert["Message"]
    assert "since 20" in alert["Message"]
    assert f"./gopro-sync credentials set --secret-id {stack.output('CredentialsSecretArn')}" in alert["Message"]
    assert "FAILED" not in stack.statuses().values()
    assert stack.dead_letters() == []

    stack.put_secret(stack.sign_in())
    assert stack.run().every_video_archived


def test_another_account_ends_a_run_with_one_notice_and_is_not_mixed_in(stack: Stack, alerts: str) -> None:
    stack.put_library(video("m1"))
    stack.put_secret(stack.sign_in())
    assert stack.run().every_video_archived
    owner = json.loads(stack.secret())["user_id"]
    try:
        stack.gopro.set_settings(user_id="another-user")
        stack.put_library(video("m2", "GX010002.MP4"))
        execution = stack.run()
    finally:
        stack.gopro.set_settings(user_id=owner)

    assert (execution.status, execution.error) == ("FAILED", "AuthenticationError")
    (alert,) = stack.take_notices(alerts)
    assert "another GoPro account" in alert["Message"]
    assert f"credentials set --secret-id {stack.output('CredentialsSecretArn')}" in alert["Message"]
    assert stack.statuses() == {"m1": "COMPLETED"}
    assert stack.run().every_video_archived


def test_a_rotation_gets_a_new_session_and_runs_go_on(stack: Stack) -> None:
    stack.put_library(video("m1"))
    stack.put_secret(json.dumps(LOGIN))
    stack.invoke("Authenticator", {"action": "ensure_session"})
    before, version = json.loads(stack.secret()), stack.current_version()

    stack.cloud.client("secretsmanager").rotate_secret(SecretId=stack.output("CredentialsSecretArn"))
    wait_for(lambda: stack.current_version() != version)

    after = json.loads(stack.secret())
    assert after["auth_token"] != before["auth_token"]
    assert after["password"] == before["password"]
    assert stack.run().every_video_archived
    # A run that renews the session makes another version current; the next rotation is not held up for that.
    stack.put_secret(stack.secret())
    version = stack.current_version()
    stack.cloud.client("secretsmanager").rotate_secret(SecretId=stack.output("CredentialsSecretArn"))
    wait_for(lambda: stack.current_version() != version)


def test_a_rotation_keeps_a_pasted_token_and_reminds(stack: Stack, alerts: str) -> None:
    before, version = stack.secret(), stack.current_version()

    stack.cloud.client("secretsmanager").rotate_secret(SecretId=stack.output("CredentialsSecretArn"))
    wait_for(lambda: stack.current_version() != version)

    assert credential_in(stack.secret()) == credential_in(before)
    (reminder,) = stack.take_notices(alerts)
    assert reminder["Subject"] == "GoPro Sync: replace the pasted token"
    assert "./gopro-sync credentials set --secret-id" in reminder["Message"]


def credential_in(secret: str) -> dict[str, Any]:
    """Return what the secret holds, without the versions that it takes the place of."""
    return {name: value for name, value in json.loads(secret).items() if name != "supersedes"}


def labels(stack: Stack) -> set[str]:
    """Return the labels that the secret's versions carry."""
    found = stack.cloud.client("secretsmanager").describe_secret(SecretId=stack.output("CredentialsSecretArn"))
    return {label for carried in found["VersionIdsToStages"].values() for label in carried}


def test_a_rotation_whose_new_session_gopro_refuses_changes_nothing(stack: Stack) -> None:
    stack.put_library(video("m1"))
    stack.gopro.set_settings(refresh_token_mode="rotate_and_kill")
    stack.put_secret(json.dumps(LOGIN))
    stack.invoke("Authenticator", {"action": "ensure_session"})
    before, version = stack.secret(), stack.current_version()
    stack.gopro.clear_requests()
    stack.gopro.set_faults(Fault(FaultName.DEAD_TOKEN, endpoint=Endpoint.SEARCH, status=401))

    stack.cloud.client("secretsmanager").rotate_secret(SecretId=stack.output("CredentialsSecretArn"))
    wait_for(lambda: stack.gopro.requests(Endpoint.SEARCH) and "AWSPENDING" not in labels(stack))

    assert (stack.secret(), stack.current_version()) == (before, version)
    stack.gopro.set_faults()
    stack.gopro.expire("access_tokens")
    assert stack.run().every_video_archived  # with the refresh token that the rotation fetched
    stack.gopro.set_settings(refresh_token_mode="rotate")
