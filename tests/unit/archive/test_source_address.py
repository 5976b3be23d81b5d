"""A signed URL is sent as it was signed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.net.source_address import read_address
from gopro_sync.errors import GoProApiChangedError


@pytest.mark.parametrize(
    "target",
    [
        "/1.mp4?Expires=1&Signature=a~b_c-&Key-Pair-Id=K",
        "/a%3bb/c%2fd.mp4?x=%3b%2F",
        "/a[1]|b^`{c}\\d.mp4?x[]={y}|z^",
        "/a//b/../c/./d.mp4?x=..//",
        "//a/b.mp4",
        "/a;v=1/b.mp4;c?x;y=1&&z",
        "/a.mp4?x='y'\"z\"<>&sp=+",
        "/a%.mp4?x=%zz%",
        "/?",
        "/a?x=https://b/?y=1",
        "/~a$-_.!*(),:@&=b",
    ],
)
def test_nothing_that_a_request_line_can_carry_is_changed(target: str) -> None:
    assert read_address(f"https://cdn.example{target}").target == target


@pytest.mark.parametrize(
    ("given_target", "sent"),
    [
        ("/a b.mp4?x=c d", "/a%20b.mp4?x=c%20d"),
        ("/caf\u00e9.mp4?x=\U0001f3a5", "/caf%C3%A9.mp4?x=%F0%9F%8E%A5"),
        ("/a\r\nHost: b\tc\x7f", "/a%0D%0AHost:%20b%09c%7F"),
        ("/half\ud800", "/half%ED%A0%80"),
        ("/%3b b[", "/%3b%20b["),
        ("/a?b#fragment", "/a?b"),
        ("", "/"),
        ("?x=1", "/?x=1"),
    ],
)
def test_only_what_it_cannot_carry_is_escaped(given_target: str, sent: str) -> None:
    assert read_address(f"https://cdn.example{given_target}").target == sent


@given(st.text(st.characters(codec=None)))
def test_every_target_fits_into_a_request_line(text: str) -> None:
    target = read_address(f"https://cdn.example/{text}").target
    assert all("\x21" <= character <= "\x7e" for character in target)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://CDN.Example/x", "cdn.example", 443),
        ("HTTPS://cdn.example:8443/x", "cdn.example", 8443),
        (" https://cdn.example/x\r\n", "cdn.example", 443),
        ("https://cdn.example./x", "cdn.example.", 443),
        ("https://b\u00fccher.example/x", "xn--bcher-kva.example", 443),
        ("https://[2600:9000::1]:8443/x", "2600:9000::1", 8443),
        ("https://me@cdn.example/x", "cdn.example", 443),
        ("http://127.0.0.1:8080/x", "127.0.0.1", 8080),
    ],
)
def test_whom_to_connect_to(url: str, host: str, port: int) -> None:
    address = read_address(url)
    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/x",
        "https://",
        "https:///x",
        "https://cdn.example:99999/x",
        "https://cdn.example:x/x",
        "https://[::1/x",
        "https://cdn.ex ample/x",
        "https://cdn.example\\@127.0.0.1/x",
        "https://cdn\x00.example/x",
        "https://a%00b/x",
        "https://" + "ä" * 300 + "/x",
    ],
)
def test_what_is_no_url_is_named_without_being_quoted(url: str) -> None:
    with pytest.raises(GoProApiChangedError, match="malformed") as caught:
        read_address(url)
    assert caught.value.__cause__ is None


def test_the_target_is_not_told() -> None:
    assert "secret" not in repr(read_address("https://cdn.example/x?Signature=secret"))
