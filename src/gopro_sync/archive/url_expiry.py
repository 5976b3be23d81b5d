"""When a signed URL expires, as far as it says so itself."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from gopro_sync.values.outside_values import whole_number_or_none, zoned_moment_or_none

# S3 and Google's storage, which sign alike.
_SIGNED_WITH_A_DATE: Final = ("x-amz-", "x-goog-")
# CloudFront's replacements for the base64 characters that URLs do not allow.
_BASE64_OF_CLOUDFRONT: Final = str.maketrans("-_~", "+=/")


def expires_at(url: str) -> float:
    """Return when a URL expires, in seconds since the epoch; infinity where it does not say.

    CloudFront's canned policy, like S3's old signatures, states it in ``Expires``, its custom policy in ``Policy``, and
    S3 today in ``X-Amz-Date`` and ``X-Amz-Expires``:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    query = {name.lower(): value for name, value in parse_qsl(url.partition("#")[0].partition("?")[2])}
    found = [
        whole_number_or_none(query.get("expires")),
        _end_of_policy(query.get("policy")),
        *(_end_of_signature(query, prefix) for prefix in _SIGNED_WITH_A_DATE),
    ]
    return min((end for end in found if end is not None), default=math.inf)


def _end_of_policy(policy: str | None) -> int | None:
    try:
        document = json.loads(base64.b64decode((policy or "").translate(_BASE64_OF_CLOUDFRONT), validate=True))
    except (ValueError, RecursionError):  # base64 and JSON errors are ValueErrors
        return None
    match document:
        case {"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": end}}}, *_]}:
            return whole_number_or_none(end)
    return None


def _end_of_signature(query: Mapping[str, str], prefix: str) -> float | None:
    lifetime_seconds = whole_number_or_none(query.get(f"{prefix}expires"))
    signed_at = zoned_moment_or_none(query.get(f"{prefix}date"))
    return None if lifetime_seconds is None or signed_at is None else signed_at.timestamp() + lifetime_seconds
