"""Remove secrets from texts: from log lines, error messages, and whatever else leaves a function.

A secret is recognised by its place: after the name of a field, in the query of a URL, after the scheme of an
authorization header; or by its own form, like an access token. Names and forms come from GoPro's API, CloudFront's and
S3's signed URLs, AWS's credentials, and headers as HTTP libraries print them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

REDACTED: Final = "[redacted]"

# Anything that ends like this: access_token, accessToken, X-Amz-Security-Token, gp_access_token, client_secret,
# Set-Cookie ...
_NAME: Final = (
    r"(?:[\w-]*(?:token|password|passwd|cookie|authorization|signature|secretstring|secret[_-]?key|access[_-]?key|"
    r"[_-]secret|clientsecret|x-amz-credential|key-pair-id))"
)
_QUERY_FIELDS: Final = (
    "Signature|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|Key-Pair-Id|Policy|access_token|gp_access_token"
)
# The end of a quoted value: the quote with as many backslashes before it as the opening one had; JSON inside a JSON
# string has more of them. Text that is redacted already stays, so that redacting is idempotent.
_QUOTED: Final = (
    r"""(?:"(?:[^"\\]|\\.)*|'(?:[^'\\]|\\.)*|(?P<open>\\+["'])(?:(?!(?<!\\)(?P=open)).)*|\[(?!redacted)[^\]]*\]?)"""
)

_TOKEN: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}")  # base64url in five or three parts
_OTHERS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(https?://)[^\s/@\"'<>]+(?=@)",
        r"\b((?:Bearer|Basic)\s+)[^\s;,\"'\\]+",
        r"(?<![\w\"'-])((?:Set-)?Cookie:[ \t]*)(?![\s\"'])[^\n\"'\\]+",
        # Whatever a query asks for: nobody needs it in a log, and a signature may have a name that is not known here.
        r"(\\?/[^\s\"'<>?]*\?)(?:[^\s\"'<>\\]|\\u0026|\\/)+",
        rf"((?:{_QUERY_FIELDS})(?:=|%(?:25)*3D))(?:(?!%(?:25)*26)[^&\s\"'\\<>;])+",
        r"(<(?:SignatureProvided|StringToSign|CanonicalRequest|AWSAccessKeyId)>)[^<]+",
    )
)
_QUOTED_FIELD: Final = re.compile(
    rf"(?P<name>(?P<quote>\\*[\"'])(?:{_NAME}|policy)(?P=quote)\s*[:=,]\s*b?)"
    rf"(?:{_QUOTED}|(?!null|true|false|None|\[redacted\])[^\s,;&\"'\\)}}\]>\[]+)",
    re.IGNORECASE | re.DOTALL,
)
_PLAIN_FIELD: Final = re.compile(
    rf"(?<![\w\"'-])(?P<name>{_NAME}\s*[:=]\s*b?)(?:{_QUOTED}|(?!\[redacted\])(?:(?<==)[^\s&\"'\\]+|[^\s,;&\"'\\)}}\]>\[]+))",
    re.IGNORECASE | re.DOTALL,
)
_OPENING: Final = re.compile(r"""\\*["']""")
_SECRET_NAME: Final = re.compile(_NAME, re.IGNORECASE)


def redact(text: str) -> str:
    """Return ``text`` with every recognisable secret replaced; idempotent.

    Lone surrogates, as broken JSON has them, become question marks: no stream can write them.
    """
    text = _TOKEN.sub(REDACTED, text.encode("utf-8", "replace").decode())
    for pattern in _OTHERS:
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return _PLAIN_FIELD.sub(_without_value, _QUOTED_FIELD.sub(_without_value, text))


def redact_values(value: object) -> object:
    """Return a value that JSON can hold with the secrets removed from its texts, and those under a secret's name whole.

    Args:
        value: of any type; anything but text, numbers, lists and mappings becomes text.
    """
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value)
        case Mapping():
            return {str(name): _redact_under(str(name), item) for name, item in value.items()}
        case list() | tuple():
            return [redact_values(item) for item in value]
    return redact(str(value))


def _redact_under(name: str, value: object) -> object:
    if _SECRET_NAME.fullmatch(name) and value is not None and not isinstance(value, bool):
        return REDACTED
    return redact_values(value)


def _without_value(match: re.Match[str]) -> str:
    quote = _OPENING.match(match[0], len(match["name"]))
    # The closing quote is not part of the match, so that JSON stays JSON.
    return f"{match['name']}{quote[0] if quote else ''}{REDACTED}"
