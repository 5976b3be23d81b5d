"""Where a function's GoPro session comes from: the event, if it brings a token, or else the secret."""

from __future__ import annotations

from gopro_sync import composition
from gopro_sync.gopro.session.session import Session
from gopro_sync.values.event_fields import JsonObject, optional_text


def session_for(event: JsonObject) -> Session:
    """Return the session of the event's ``auth_token`` and ``user_id``, or the stored one.

    Raises:
        InvalidEventError: a field of the wrong shape.
        ConfigurationError: the secret, or the event's token, is malformed.
        SessionRefusedError: there is no stored session, or it is over.
    """
    auth_token = optional_text(event, "auth_token")
    if auth_token is None:
        return composition.stored_session()
    return Session(auth_token=auth_token, user_id=optional_text(event, "user_id"))
