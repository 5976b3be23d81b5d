"""Write the lines that a shell evaluates to reach a local cloud, whatever AWS settings it had before."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from local.cloud import Cloud

# What takes precedence over the variables that lead here, or sends along what does not belong here:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html (an endpoint of a single service),
# https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html (a profile that does not exist, which
# SDKs refuse even with keys in the environment; the token of other keys).
_MISLEADING: Final = re.compile(r"AWS_ENDPOINT_URL_[A-Z0-9_]+|AWS_PROFILE|AWS_DEFAULT_PROFILE|AWS_SESSION_TOKEN")
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_HERE: Final = ("127.0.0.1", "localhost")


def shell_lines(cloud: Cloud, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield lines for a POSIX shell.

    Args:
        cloud: the cloud that they point to.
        environ: of the shell that evaluates them.
    """
    if misleading := sorted(name for name in environ if _MISLEADING.fullmatch(name)):
        yield f"unset {' '.join(misleading)}"
    for name, value in {**cloud.environment(), **_past_proxies(environ)}.items():
        yield f"export {name}={shlex.quote(value)}"


def _past_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what keeps a proxy out of the way to this machine."""
    if not any(environ.get(name) for name in _PROXIES):
        return {}
    # Programs read one name or the other, so both get the same value: all that either of them had.
    said = [place for name in ("NO_PROXY", "no_proxy") for place in environ.get(name, "").split(",") if place]
    places = ",".join(dict.fromkeys((*said, *_HERE)))
    return {"NO_PROXY": places, "no_proxy": places}
