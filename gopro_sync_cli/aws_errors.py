"""Explain refusals of AWS and its SDK in plain words: what happened, where, and what to type.

botocore's own messages name neither the wrong setting nor the possible values; an error that is not in the tables here
is shown in the words of botocore or AWS, on one line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import botocore.session
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync.redaction import redact
from gopro_sync_cli.stack import shown_names

_SETTING: Final = "A setting of the AWS SDK (a variable AWS_..., or a line of ~/.aws/config) cannot be used"
_NAME_REGION: Final = "name one with --region, such as --region eu-central-1, or with AWS_REGION"
_SIGN_IN: Final = "sign in again (aws sso login, or new keys), or name another profile with AWS_PROFILE"
_NO_CREDENTIALS: Final = (
    "There are no AWS credentials: set AWS_PROFILE to a profile of yours, sign in (aws sso login, or aws configure), "
    "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for the local cloud, evaluate what `local env` prints"
)
_NO_REGION: Final = f"There is no AWS region: {_NAME_REGION}"
_EMPTY_REGION: Final = f"AWS_DEFAULT_REGION is set and empty: {_NAME_REGION}, or unset it"
_UNKNOWN_KEYS: Final = f"AWS does not know these credentials: {_SIGN_IN}"
_EXPIRED: Final = f"These AWS credentials have expired: {_SIGN_IN}"
_LONGEST: Final = 600  # characters

_Fields = Mapping[str, Any]


def _unreachable(fields: _Fields) -> str:
    return (
        f"Nothing answers at {fields.get('endpoint_url', 'AWS')}: check the spelling of the region (--region, "
        "AWS_REGION), whether AWS_ENDPOINT_URL is intended, and the network"
    )


def _no_profile(fields: _Fields) -> str:
    try:
        names = sorted(botocore.session.Session().available_profiles)
    except BotoCoreError:
        names = []
    missing = f"There is no profile {fields.get('profile', '')!r} in your AWS configuration"
    if not names:
        return f"{missing}, nor any other: unset AWS_PROFILE, or make one with aws configure"
    return f"{missing}; there is {shown_names(names)}: set AWS_PROFILE to one of them, or unset it"


# By class; the subclasses of one that stands here mean the same.
_BY_CLASS: Final[Mapping[type[BotoCoreError], Callable[[_Fields], str]]] = {
    exceptions.NoRegionError: lambda _: _NO_REGION,
    exceptions.InvalidRegionError: lambda fields: f"{fields.get('region_name')!r} is no AWS region: {_NAME_REGION}",
    exceptions.ProfileNotFound: _no_profile,
    exceptions.ConfigNotFound: lambda fields: f"There is no AWS configuration file {fields.get('path')}",
    exceptions.ConfigParseError: lambda fields: (
        f"The AWS configuration file {fields.get('path')} cannot be parsed: correct it, or name another one with "
        "AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE"
    ),
    exceptions.InvalidConfigError: lambda fields: f"{_SETTING}: {fields.get('error_msg')}",
    exceptions.NoCredentialsError: lambda _: _NO_CREDENTIALS,
    exceptions.PartialCredentialsError: lambda fields: (
        f"The AWS credentials are incomplete ({fields.get('provider')}): {fields.get('cred_var')} is missing"
    ),
    exceptions.CredentialRetrievalError: lambda fields: (
        f"AWS credentials could not be obtained ({fields.get('provider')}): {_SIGN_IN}"
    ),
    exceptions.SSOError: lambda _: f"There is no valid SSO sign-in: {_SIGN_IN}",
    exceptions.TokenRetrievalError: lambda _: f"There is no valid SSO sign-in: {_SIGN_IN}",
    exceptions.ProxyConnectionError: lambda fields: (
        f"The proxy {fields.get('proxy_url')} does not answer: correct HTTPS_PROXY, or exclude the address with "
        "NO_PROXY"
    ),
    exceptions.SSLError: lambda fields: (
        f"The certificate at {fields.get('endpoint_url')} is not trusted: name the file with the certificates to trust "
        "with AWS_CA_BUNDLE"
    ),
    exceptions.EndpointConnectionError: _unreachable,
    exceptions.ConnectTimeoutError: _unreachable,
    exceptions.ReadTimeoutError: lambda fields: f"{fields.get('endpoint_url')} did not answer in time: try again",
    exceptions.ConnectionClosedError: lambda fields: (
        f"{fields.get('endpoint_url')} closed the connection before it had answered: try again"
    ),
}

# By AWS's code. https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
_BY_CODE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "RequestExpired"), _EXPIRED),
    **dict.fromkeys(
        (
            *("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId"),
            *("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"),
        ),
        _UNKNOWN_KEYS,
    ),
}


def plain_words(error: BaseException) -> str | None:
    """Return one sentence about an error of AWS, its SDK or its settings; None if it is none of these."""
    match error:
        case ClientError():
            words = _refusal(error)
        case BotoCoreError() if explain := _of_class(type(error)):
            words = explain(error.kwargs)
        case BotoCoreError() | ValueError() | TypeError() | OSError() if _is_raised_in_making_a_client(error):
            words = _unusable_setting(error)
        case BotoCoreError():
            words = f"The request to AWS failed: {error}"
        case RuntimeError() if _is_region_empty():  # of signing, where an endpoint is named and so needs no region
            words = _EMPTY_REGION
        case _:
            return None
    return redact(" ".join(words.split()))[:_LONGEST]


def _of_class(kind: type[BotoCoreError]) -> Callable[[_Fields], str] | None:
    return next((_BY_CLASS[base] for base in kind.__mro__ if base in _BY_CLASS), None)


def _refusal(error: ClientError) -> str:
    details = error.response.get("Error", {})
    code = details.get("Code", "no code")
    return (
        _BY_CODE.get(code)
        or f"AWS refused {error.operation_name} ({code}): {details.get('Message', 'no reason given')}"
    )


def _unusable_setting(error: BaseException) -> str:
    if _is_region_empty() and "..amazonaws.com" in str(error):
        return _EMPTY_REGION
    return f"{_SETTING}: {error}"


def _is_region_empty() -> bool:
    return os.environ.get("AWS_DEFAULT_REGION") == ""


def _is_raised_in_making_a_client(error: BaseException) -> bool:
    """Return whether botocore failed on a setting: it then raises Python's own exceptions, and gives no other sign."""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_name == "create_client" and "botocore" in code.co_filename:
            return True
        trace = trace.tb_next
    return False
