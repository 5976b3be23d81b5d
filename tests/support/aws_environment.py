"""An environment in which clients are made as in production, and lead nowhere real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

REGION = "eu-central-1"


@contextmanager
def aws_environment(*, endpoint_url: str | None = None) -> Iterator[None]:
    """Credentials that open nothing, and where AWS is: the real addresses, or that of a server of the test."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        if endpoint_url is not None:
            environment.setenv("AWS_ENDPOINT_URL", endpoint_url)
        yield
