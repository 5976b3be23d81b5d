"""Takes secrets out of texts: of log lines, of error messages, of whatever leaves a function.

A secret is known by where it stands: behind the name of a field, in the query of a URL, behind the scheme of an
authorization header; or by its own form, as an access token is. Names and forms: GoPro's API, CloudFront's and S3's
signed URLs, AWS's credentials.
"""

from __future__ import annotations

import re
from typing import Final

REDACTED: Final = "[redacted]"

_FIELDS: Final = (
    "auth_token|access_token|refresh_token|gp_access_token|id_token|token|password|client_secret|authorization|cookie|"
    "set-cookie|secretstring|secretaccesskey|aws_secret_access_key|sessiontoken|aws_session_token"
)
_QUERY_FIELDS: Final = (
    "Signature|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|Key-Pair-Id|Policy|access_token|gp_access_token"
)
_OPENING: Final = r"""(?:\\*["'])?"""
# The end of a quoted value: the quote with as many backslashes before it as the opening one had; JSON inside of a
# JSON string has more of them. A value without quotes ends where a list, an object or a sentence would go on.
_VALUE: Final = (
    r"""(?:"(?:[^"\\]|\\.)*|'(?:[^'\\]|\\.)*|(?P<open>\\+["'])(?:(?!(?<!\\)(?P=open)).)*|[^\s,;&"'\\)}\]>]+)"""
)

# An access token of GoPro's, encrypted or signed: five or three parts in base64url.
_TOKEN: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}")
_SCHEME: Final = re.compile(r"\b((?:Bearer|Basic)\s+)[^\s;,\"'\\]+", re.IGNORECASE)
_QUERY_FIELD: Final = re.compile(
    rf"((?:{_QUERY_FIELDS})(?:=|%(?:25)*3D))(?:(?!%(?:25)*26)[^&\s\"'\\<>;])+", re.IGNORECASE
)
_FIELD: Final = re.compile(
    rf"(?<![\w-])(?P<name>{_OPENING}(?:{_FIELDS}){_OPENING}\s*[:=]\s*)(?P<bytes>b?(?=\\*[\"'])|){_VALUE}",
    re.IGNORECASE | re.DOTALL,
)
# Whatever else a URL asks with: nobody needs it in a log, and a signature may go by a name that is not known here.
_QUERY: Final = re.compile(r"(https?://[^\s\"'<>\\?]*\?)(?!\[redacted\])[^\s\"'<>\\]+", re.IGNORECASE)
_QUOTE: Final = re.compile(r"""\\*["']""")


def redact(text: str) -> str:
    """Return ``text`` with every secret that can be recognised replaced; twice is the same as once."""
    text = _TOKEN.sub(REDACTED, text)
    text = _SCHEME.sub(rf"\g<1>{REDACTED}", text)
    text = _QUERY_FIELD.sub(rf"\g<1>{REDACTED}", text)
    text = _FIELD.sub(_field_without_value, text)
    return _QUERY.sub(rf"\g<1>{REDACTED}", text)


def _field_without_value(match: re.Match[str]) -> str:
    head = match["name"] + match["bytes"]
    quote = _QUOTE.match(match[0], len(head))
    # The closing quote is not a part of the match, so that a line of JSON stays one.
    return f"{head}{quote[0] if quote else ''}{REDACTED}"
