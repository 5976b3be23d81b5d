"""Tokens and signed URLs open what they are for, for as long as they say."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from local.simulator.clock import SimulatorClock
from local.simulator.settings import RefreshTokenMode
from local.simulator.signing import UrlSigner
from local.simulator.tokens import Account, GrantRefusedError, TokenIssuer

CLIENT = {"client_id": Account().client_id, "client_secret": Account().client_secret}
PASSWORD = {**CLIENT, "grant_type": "password", "username": Account().username, "password": Account().password}


@pytest.fixture
def clock() -> SimulatorClock:
    return SimulatorClock()


@pytest.fixture
def issuer(clock: SimulatorClock) -> TokenIssuer:
    return TokenIssuer(Account(), clock)


def grant(
    issuer: TokenIssuer, form: dict[str, str], mode: RefreshTokenMode = RefreshTokenMode.ROTATE
) -> dict[str, str]:
    reply = issuer.grant(form, lifetime_seconds=100, mode=mode)
    return {name: str(value) for name, value in reply.items()}


def refresh(issuer: TokenIssuer, token: str, mode: RefreshTokenMode) -> dict[str, str]:
    return grant(issuer, {**CLIENT, "grant_type": "refresh_token", "refresh_token": token}, mode)


def test_an_access_token_has_five_parts_and_lives_as_long_as_it_says(
    issuer: TokenIssuer, clock: SimulatorClock
) -> None:
    reply = grant(issuer, PASSWORD)
    token = reply["access_token"]
    assert token.count(".") == 4
    assert reply["expires_in"] == "100"
    assert issuer.is_alive(token)
    clock.advance(101)
    assert not issuer.is_alive(token)


@pytest.mark.parametrize(
    ("mode", "gives_new", "old_lives"),
    [
        (RefreshTokenMode.ROTATE, True, True),
        (RefreshTokenMode.ROTATE_AND_KILL, True, False),
        (RefreshTokenMode.KEEP, False, True),
    ],
)
def test_refresh_token_modes(issuer: TokenIssuer, mode: RefreshTokenMode, gives_new: bool, old_lives: bool) -> None:
    old = grant(issuer, PASSWORD)["refresh_token"]
    new = refresh(issuer, old, mode)["refresh_token"]
    assert (new != old) is gives_new
    assert "access_token" in refresh(issuer, new, mode)
    if old_lives:
        assert "access_token" in refresh(issuer, old, mode)
    else:
        with pytest.raises(GrantRefusedError, match="invalid_grant"):
            refresh(issuer, old, mode)


def test_a_refresh_may_leave_the_refresh_token_out(issuer: TokenIssuer) -> None:
    old = grant(issuer, PASSWORD)["refresh_token"]
    assert "refresh_token" not in refresh(issuer, old, RefreshTokenMode.OMIT)
    assert "access_token" in refresh(issuer, old, RefreshTokenMode.OMIT)


@pytest.mark.parametrize(
    ("change", "error", "status"),
    [
        ({"client_secret": "wrong"}, "invalid_client", 401),
        ({"password": "wrong"}, "invalid_grant", 401),
        ({"grant_type": "refresh_token", "refresh_token": "garbage"}, "invalid_grant", 400),
        ({"grant_type": "implicit"}, "unsupported_grant_type", 400),
    ],
)
def test_refusals(issuer: TokenIssuer, change: dict[str, str], error: str, status: int) -> None:
    with pytest.raises(GrantRefusedError) as caught:
        grant(issuer, {**PASSWORD, **change})
    assert (caught.value.error, caught.value.status) == (error, status)


def test_expired_tokens_are_dead_and_new_ones_are_not(issuer: TokenIssuer) -> None:
    access_token, refresh_token = issuer.sign_in(lifetime_seconds=100)
    issuer.expire_access_tokens()
    assert not issuer.is_alive(access_token)
    assert issuer.is_alive(refresh(issuer, refresh_token, RefreshTokenMode.ROTATE)["access_token"])
    issuer.expire_refresh_tokens()
    with pytest.raises(GrantRefusedError):
        refresh(issuer, refresh_token, RefreshTokenMode.ROTATE)


def test_a_signature_holds_for_one_method_one_path_and_its_time(clock: SimulatorClock) -> None:
    signer = UrlSigner(clock)
    url = signer.sign(
        method="GET", base_url="http://cdn", path="/a/1.mp4", filename="GX010001.MP4", lifetime_seconds=60
    )
    target = url.removeprefix("http://cdn")
    query = dict(parse_qsl(urlsplit(url).query))
    assert {"Expires", "Signature", "Key-Pair-Id", "response-content-disposition"} == set(query)
    assert signer.accepts(method="GET", target=target)
    assert not signer.accepts(method="HEAD", target=target)
    assert not signer.accepts(method="GET", target=target.replace("/1.mp4", "/2.mp4"))
    assert not signer.accepts(method="GET", target=target.replace(query["Expires"], "99999999999"))
    assert not signer.accepts(method="GET", target="/a/1.mp4")
    clock.advance(61)
    assert not signer.accepts(method="GET", target=target)


def test_a_signature_holds_for_the_very_bytes_that_were_signed(clock: SimulatorClock) -> None:
    signer = UrlSigner(clock)
    target = signer.sign(
        method="GET", base_url="", path="/a", filename="a", lifetime_seconds=60, odd_query="&x=%3b[1]|\u00e9 y"
    )
    sent = target.replace("\u00e9", "%C3%A9").replace(" ", "%20")
    assert signer.accepts(method="GET", target=sent)
    assert not signer.accepts(method="GET", target=sent.replace("%3b", "%3B"))
    assert not signer.accepts(method="GET", target=sent.replace("[", "%5B"))


def test_revoked_urls_are_worthless_at_once(clock: SimulatorClock) -> None:
    signer = UrlSigner(clock)
    url = signer.sign(method="GET", base_url="", path="/a", filename="a", lifetime_seconds=60)
    signer.revoke_all()
    assert not signer.accepts(method="GET", target=url)
