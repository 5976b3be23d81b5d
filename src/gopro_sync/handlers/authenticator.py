"""gopro-authenticator: ensures that there is a GoPro session; nothing else renews one or writes the secret.

Event ``{"action": "ensure_session"}`` (the state machine, before a run): everything about the session but the token,
since whatever a state returns stays readable in the execution's history.
Event ``{"action": "renew_session"}`` (the state machine, when GoPro refused a session in mid-run): the same, but the
stored session is first presented to GoPro, whatever expiry was stated for it.
Event ``{"action": "authenticate"}`` (a person or another program): as ``ensure_session``, and the token as well.
Event with a ``Step`` (Secrets Manager): one of the four steps of a rotation.
"""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from gopro_sync import composition
from gopro_sync.errors import AuthenticationError, ConfigurationError, InvalidEventError
from gopro_sync.gopro.session.credentials import CredentialMode, Credentials
from gopro_sync.handlers.entry_point import STATUS_OK, entry_point
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.telemetry.metrics import Metric, emit
from gopro_sync.values.event_fields import JsonObject, optional_text, required_text
from gopro_sync.values.timestamps import iso_utc, now_utc

_AUTHENTICATE: Final = "authenticate"
_ENSURE_SESSION: Final = "ensure_session"
_RENEW_SESSION: Final = "renew_session"
_SECONDS_PER_HOUR: Final = 3600


@entry_point(EventType.SESSION_FAILED, prepare=composition.prepare_authenticator)
def handler(event: JsonObject, context: LambdaContext) -> dict[str, Any]:
    """Return ``statusCode``, ``mode``, ``user_id``, ``expires_at`` (null if unknown) and, if requested, ``auth_token``.

    Raises:
        InvalidEventError: an unknown action or step.
        ConfigurationError: the secret is missing, malformed, or lacks what its kind of credential needs.
        AuthenticationError: no session can be obtained without a person.
        SessionBusyError: another invocation is renewing the session.
        AccessDeniedError: the secret or the tracker may not be used.
        GoProSyncError: what the secret store, the tracker and GoPro's servers raise.
    """
    if "Step" in event:
        from gopro_sync.handlers import secret_rotation  # noqa: PLC0415 - once in 90 days

        return secret_rotation.take_step(event, context)
    action = required_text(event, "action")
    if action not in {_AUTHENTICATE, _ENSURE_SESSION, _RENEW_SESSION}:
        raise InvalidEventError(
            f"The event's action is none of {_AUTHENTICATE!r}, {_ENSURE_SESSION!r} and {_RENEW_SESSION!r}"
        )
    credentials = _credentials(action, event, context)
    session = credentials.session()
    answer: dict[str, Any] = {
        "statusCode": STATUS_OK,
        "mode": credentials.mode,
        "user_id": session.user_id,
        "expires_at": None if session.expires_at is None else iso_utc(session.expires_at),
    }
    logger.info("GoPro session ready", extra={"event_type": EventType.SESSION_READY, **answer})
    _emit_hours_left(credentials)
    if action == _AUTHENTICATE:
        answer["auth_token"] = session.auth_token
    return answer


def _credentials(action: str, event: JsonObject, context: LambdaContext) -> Credentials:
    renewal = composition.renewal(owner=context.aws_request_id)
    environment = composition.settings().environment
    try:
        credentials = renewal.renew_if_refused() if action == _RENEW_SESSION else renewal.ensure()
    except (AuthenticationError, ConfigurationError):
        # A run asks often, even for each of its videos, and its report counts a run that ended by it (run/report.py).
        if optional_text(event, "execution_id") is None:
            emit(Metric.AUTHENTICATION_FAILURE, 1, environment=environment)
        raise
    emit(Metric.AUTHENTICATION_SUCCESS, 1, environment=environment)
    return credentials


def _emit_hours_left(credentials: Credentials) -> None:
    """Report how long the credential will last: a pasted token, unlike others, expires whatever the system does."""
    if credentials.mode is CredentialMode.PASTED_TOKEN and credentials.expires_at is not None:
        hours = (credentials.expires_at - now_utc()).total_seconds() / _SECONDS_PER_HOUR
        emit(Metric.CREDENTIAL_EXPIRES_IN_HOURS, max(0.0, hours), environment=composition.settings().environment)
