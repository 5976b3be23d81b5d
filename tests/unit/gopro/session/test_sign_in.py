"""What GoPro's token endpoint states of a session's life, and what becomes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings

from gopro_sync.errors import GoProApiChangedError
from gopro_sync.gopro.http import Exchange, RetryPolicy, open_http_client
from gopro_sync.gopro.session.credentials import Credentials
from gopro_sync.gopro.session.sign_in import SignIn
from gopro_sync.gopro.session.tokens import TokenEndpoint
from tests.support.odd_values import json_values

NOW = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
STORED = Credentials(refresh_token="fake-refresh-token", client_id="fake-client", client_secret="fake-client-secret")


def signed_in(expires_in: str) -> Credentials:
    """The credentials after GoPro answered with this lifetime, as JSON spells it."""
    body = f'{{"access_token": "fake-token", "expires_in": {expires_in}}}'.encode()
    with open_http_client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))) as http:
        exchange = Exchange(
            http, base_url="https://api.gopro.com", retry_policy=RetryPolicy(attempts=1), now=lambda: NOW
        )
        return SignIn(TokenEndpoint(exchange), clock=lambda: NOW).renewed(STORED)


@pytest.mark.parametrize(("stated", "seconds"), [("86400", 86400), ('"86400"', 86400), ("86400.0", 86400), ("1", 1)])
def test_the_end_of_a_session_is_counted_from_now(stated: str, seconds: int) -> None:
    assert signed_in(stated).expires_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "stated", ["null", "0", "-1", "1.5", "true", '"soon"', '"1_0"', '"\\u0663"', "[]", "NaN", "Infinity", "1e400"]
)
def test_a_lifetime_that_is_no_number_is_an_api_change(stated: str) -> None:
    with pytest.raises(GoProApiChangedError, match="lifetime"):
        signed_in(stated)


@pytest.mark.parametrize("seconds", [1_777_600_800, 10**12, 10**15, 10**18 - 1, 10**30, 10**4000])
def test_a_lifetime_of_generations_is_a_time_or_another_unit_and_an_api_change(seconds: int) -> None:
    with pytest.raises(GoProApiChangedError, match="lifetime"):
        signed_in(str(seconds))


def test_a_number_too_long_for_python_is_an_api_change() -> None:
    with pytest.raises(GoProApiChangedError, match="not JSON"):
        signed_in("9" * 5_000)


@given(json_values.map(json.dumps))
@settings(deadline=None)
def test_no_lifetime_raises_anything_but_an_api_change(stated: str) -> None:
    try:
        expires_at = signed_in(stated).expires_at
    except GoProApiChangedError:
        return
    assert expires_at is not None
    assert expires_at > NOW
