"""No secret is readable in what leaves a function, however it is written down there."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopro_sync.redaction import REDACTED, redact, redact_values

SECRET = "fake-secret-value-0123456789"

FIELDS: Final = (
    "auth_token",
    "access_token",
    "refresh_token",
    "password",
    "client_secret",
    "Authorization",
    "Cookie",
    "SecretAccessKey",
    "SessionToken",
    "token",
)
SIGNATURES: Final = (
    "Signature",
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "Key-Pair-Id",
    "Policy",
)


def as_json(levels: int) -> Callable[[str, str], str]:
    """A JSON object inside of so many JSON strings."""

    def write(name: str, secret: str) -> str:
        text = json.dumps({"before": 1, name: secret, "after": "kept"})
        for _ in range(levels):
            text = json.dumps({"body": text})
        return text

    return write


WAYS_OF_WRITING_A_FIELD: Final[dict[str, Callable[[str, str], str]]] = {
    "json": as_json(0),
    "json in json": as_json(1),
    "json in json in json": as_json(2),
    "repr of a dict": lambda name, secret: repr({"before": 1, name: secret}),
    "repr of bytes": lambda name, secret: repr({name: secret.encode()}),
    "keyword argument": lambda name, secret: f"call({name}='{secret}')",
    "assignment": lambda name, secret: f"{name}={secret}",
    "header": lambda name, secret: f"{name}: {secret}",
}
WAYS_OF_WRITING_A_URL: Final[dict[str, Callable[[str], str]]] = {
    "plain": lambda url: f"GET {url} failed",
    "in brackets": lambda url: f"<{url}>",
    "quoted": repr,
    "in json": lambda url: json.dumps({"url": url}),
    "in json in json": lambda url: json.dumps({"body": json.dumps({"url": url})}),
    "percent-encoded": lambda url: quote(url, safe=""),
    "percent-encoded twice": lambda url: quote(quote(url, safe=""), safe=""),
}
# Begins as nothing else in the texts does, or a secret such as "client_secre" would be found in the field's own name.
SECRETS = st.text(string.ascii_letters + string.digits + "-_~.", min_size=12, max_size=60).map("zq7".__add__)


@pytest.mark.parametrize("way", WAYS_OF_WRITING_A_FIELD)
@pytest.mark.parametrize("name", FIELDS)
@settings(max_examples=20)
@given(secret=SECRETS)
def test_the_value_of_a_secret_field_is_never_readable(way: str, name: str, secret: str) -> None:
    assert secret not in redact(WAYS_OF_WRITING_A_FIELD[way](name, secret))


@pytest.mark.parametrize("way", WAYS_OF_WRITING_A_URL)
@pytest.mark.parametrize("name", SIGNATURES)
@settings(max_examples=20)
@given(secret=SECRETS)
def test_what_signs_a_url_is_never_readable(way: str, name: str, secret: str) -> None:
    url = f"https://cdn.example/source/1.mp4?{urlencode({'Expires': 1, name: secret, 'partNumber': 2})}"
    assert secret not in redact(WAYS_OF_WRITING_A_URL[way](url))


def test_a_url_that_is_signed_under_a_name_that_nobody_knows_is_not_readable_either() -> None:
    assert redact(f"https://cdn.example/1.mp4?sig={SECRET}") == f"https://cdn.example/1.mp4?{REDACTED}"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"password": "quoted \\" {SECRET}"}}',
        f"Authorization: Bearer {SECRET}",
        f"Authorization: Basic {SECRET}",
        f"Cookie: gp_access_token={SECRET}; gp_user_id=1",
        f"{{'headers': {{'cookie': 'a=b; gp_access_token={SECRET}'}}}}",
        f"the token eyJhbGciOiJSU0EtT0FFUCJ9.{SECRET}.{SECRET}.{SECRET}.{SECRET} was refused",
    ],
)
def test_secrets_are_replaced_wherever_they_stand(text: str) -> None:
    assert SECRET not in redact(text)


@pytest.mark.parametrize("secret", ["plain", 'with "quotes"', "a \\ backslash", "ends in \\", "two\nlines", "ünïcode"])
def test_a_line_of_json_stays_one_and_keeps_its_other_fields(secret: str) -> None:
    line = json.loads(redact(json.dumps({"media_id": "abc", "password": secret, "body": "kept"})))
    assert line == {"media_id": "abc", "password": REDACTED, "body": "kept"}


@pytest.mark.parametrize(
    "text",
    [
        "GoPro offers 2 of 3 chapters (media item abc123). Open the item on gopro.com; the next run takes it.",
        "The secret holds no credential: it needs auth_token, refresh_token, or username and password",
        "https://api.gopro.com/media/abc/download answered 404",
        "AccessDenied: S3 refused CreateMultipartUpload, which needs s3:PutObject",
        '{"token_type": "bearer", "media_id": "abc123", "file_size_bytes": 524288000}',
        '{"token": null, "password": true}',
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        f"Max retries exceeded with url: /1.mp4?sig={SECRET}&hdnts=exp=1~hmac={SECRET}",
        f'{{"url": "https:\\/\\/cdn.example\\/1.mp4?x={SECRET}"}}',
        f"GET /1.mp4?x=1\\u0026sig={SECRET}",
        f"[('authorization', '{SECRET}'), ('x', '1')]",
        f"[(b'x-gopro-token', b'{SECRET}')]",
        f"X-Amz-Security-Token: {SECRET}",
        f"{{'X-Amz-Security-Token': b'{SECRET}'}}",
        f"{{'Signature': '{SECRET}', 'Policy': '{SECRET}'}}",
        f"[('Signature', '{SECRET}')]",
        f"http://joe:{SECRET}@proxy.example:3128",
        f"Cookie: a=b; session={SECRET}",
        f"Set-Cookie: a=b, other={SECRET}; Path=/",
        f"secret_key='{SECRET}'",
        f"{{'accessToken': '{SECRET}', 'authToken': '{SECRET}', 'access-token': '{SECRET}'}}",
        f"password=a,{SECRET}",
        f'{{"cookie": ["a", "{SECRET}"]}}',
        f"{{'password': ['{SECRET}']}}",
        f"<SignatureProvided>{SECRET}</SignatureProvided>",
        f'answer: {{"error": "x", "access_token": "{SECRET}',
        f"bad \udcff https://x.example/?Signature={SECRET}",
    ],
)
def test_secrets_are_replaced_as_libraries_print_them(text: str) -> None:
    assert SECRET not in redact(text)


WRITTEN = st.one_of(
    st.text(),
    *(st.builds(write, st.sampled_from(FIELDS), SECRETS) for write in WAYS_OF_WRITING_A_FIELD.values()),
    *(
        st.builds(write, st.builds("https://cdn.example/1.mp4?{}={}".format, st.sampled_from(SIGNATURES), SECRETS))
        for write in WAYS_OF_WRITING_A_URL.values()
    ),
)


@given(texts=st.lists(WRITTEN, min_size=1, max_size=3))
def test_twice_is_the_same_as_once(texts: list[str]) -> None:
    once = redact(" ".join(texts))
    assert redact(once) == once


def test_what_stands_under_the_name_of_a_secret_is_replaced_whole_and_nothing_else_is() -> None:
    fields = {
        "auth_token": ["a"],
        "cookie": {"a": "b"},
        "password": 5,
        "token": None,
        "media_id": "abc",
        "sizes": [1, 2],
    }
    assert redact_values(fields) == {
        "auth_token": REDACTED,
        "cookie": REDACTED,
        "password": REDACTED,
        "token": None,
        "media_id": "abc",
        "sizes": [1, 2],
    }
