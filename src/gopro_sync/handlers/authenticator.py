"""gopro-authenticator: makes sure that there is a GoPro session.

Event ``{"action": "ensure_session"}`` (the state machine): everything about the session but the token, since whatever
a state returns stays readable in the execution's history.
Event ``{"action": "authenticate"}`` (a person or another program): the token as well.
"""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from gopro_sync import composition
from gopro_sync.errors import InvalidEventError
from gopro_sync.handlers.entry_point import STATUS_OK, entry_point
from gopro_sync.json_fields import JsonObject, required_text
from gopro_sync.observability import EventType, logger
from gopro_sync.timestamps import iso_utc

_AUTHENTICATE: Final = "authenticate"
_ENSURE_SESSION: Final = "ensure_session"


@entry_point(EventType.SESSION_FAILED, prepare=composition.prepare_authenticator)
def handler(event: JsonObject, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return ``statusCode``, ``user_id``, ``expires_at`` (null where unknown) and, if asked for, ``auth_token``.

    Raises:
        InvalidEventError: an unknown action.
        ConfigurationError: the secret is missing or malformed.
        AuthenticationError: the session is over and cannot be renewed.
        AccessDeniedError: the secret may not be read.
        SecretStoreError: Secrets Manager failed.
    """
    action = required_text(event, "action")
    if action not in {_AUTHENTICATE, _ENSURE_SESSION}:
        raise InvalidEventError(f"The event's action is neither {_AUTHENTICATE!r} nor {_ENSURE_SESSION!r}")
    session = composition.stored_session()
    answer: dict[str, Any] = {
        "statusCode": STATUS_OK,
        "user_id": session.user_id,
        "expires_at": None if session.expires_at is None else iso_utc(session.expires_at),
    }
    logger.info("GoPro session ready", extra={"event_type": EventType.SESSION_READY, **answer})
    if action == _AUTHENTICATE:
        answer["auth_token"] = session.auth_token
    return answer
