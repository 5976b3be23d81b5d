"""boto3 clients of the local engine, whatever AWS settings the caller's environment and home directory hold."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from local.engine.environment import ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY

# Name in the configuration file, environment variable, value, conversion: no profile or file is ever read.
_ISOLATED = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def make_client(
    service: str,
    *,
    region: str,
    endpoint_url: str,
    ca_bundle: Path,
    access_key_id: str = ROOT_ACCESS_KEY_ID,
    secret_access_key: str = ROOT_SECRET_ACCESS_KEY,
    session_token: str | None = None,
) -> Any:
    """Make a client of that service, as the account's root user unless other credentials are given."""
    session = boto3.session.Session(
        botocore_session=botocore.session.Session(session_vars=_ISOLATED),
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
        region_name=region,
    )
    return session.client(
        service,  # type: ignore[call-overload]  # any service that the engine has
        endpoint_url=endpoint_url,
        verify=str(ca_bundle),
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    )


# The same client for the same arguments. Making one takes up to 0.2 seconds: botocore reads the service's description,
# and OpenSSL every certificate that this machine trusts.
shared_client = cache(make_client)
