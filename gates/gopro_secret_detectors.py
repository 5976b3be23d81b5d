"""What GoPro's secrets look like, for detect-secrets: shapes that its own detectors do not know."""

from __future__ import annotations

import re
from typing import ClassVar

from detect_secrets.plugins.base import RegexBasedDetector


class GoProAccessTokenDetector(RegexBasedDetector):  # type: ignore[misc]  # not installed beside mypy
    """An access token: an encrypted token (JWE) of five parts."""

    secret_type = "GoPro access token"  # noqa: S105 - the name of a kind
    denylist: ClassVar[list[re.Pattern[str]]] = [
        re.compile(r"eyJ[\w-]{10,}\.[\w-]{40,}\.[\w-]{10,}\.[\w-]{40,}\.[\w-]{10,}")
    ]


class GoProClientSecretDetector(RegexBasedDetector):  # type: ignore[misc]  # not installed beside mypy
    """A refresh token, a client id or a client secret: 64 hexadecimal digits. A SHA-256 has as many."""

    secret_type = "GoPro refresh token or client credential"  # noqa: S105 - the name of a kind
    denylist: ClassVar[list[re.Pattern[str]]] = [re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")]


class CloudFrontSignatureDetector(RegexBasedDetector):  # type: ignore[misc]  # not installed beside mypy
    """A signed URL of GoPro's CDN."""

    secret_type = "Signed URL"  # noqa: S105 - the name of a kind
    denylist: ClassVar[list[re.Pattern[str]]] = [re.compile(r"[?&]Signature=[\w~-]{60,}")]
