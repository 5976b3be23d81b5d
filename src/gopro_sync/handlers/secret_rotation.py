"""The four steps in which Secrets Manager rotates the secret, every 90 days.

GoPro lets a program renew the session, not the password: a rotation obtains a new session, with a new refresh token, in
good time and whether or not a run needed it. A pasted token can only be replaced by a person: the rotation keeps it and
reminds them.

However a rotation ends, it leaves no version labelled AWSPENDING, or the next one would be refused. What it obtained
keeps the label of the newest session, by which a renewal finds it: GoPro may have ended the refresh token before it.

Between two steps a run may renew the session, or a person may set another credential. Then the secret already has what
the rotation was for, and what it prepared is not made current.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum, unique
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gopro_sync import composition
from gopro_sync.errors import AlertError, GoProSyncError, InvalidEventError
from gopro_sync.gopro.session.credentials import CURRENT, PENDING, CredentialMode, Credentials, CredentialStore
from gopro_sync.handlers.entry_point import STATUS_OK
from gopro_sync.telemetry.alerts import publish_alert
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.telemetry.metrics import Metric, emit
from gopro_sync.values.event_fields import JsonObject, required_text


@unique
class RotationStep(StrEnum):
    """The steps that Secrets Manager requests, in this order."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


def take_step(event: JsonObject, context: LambdaContext) -> dict[str, Any]:
    """Take one step; each may be requested twice.

    Event fields: ``Step``, ``SecretId``, ``ClientRequestToken``.

    Raises:
        InvalidEventError: an unknown step, another secret, or a version that is not being rotated.
        GoProSyncError: as the authenticator's handler says.
    """
    store = composition.credential_store()
    step, version_id = _step_of(event), required_text(event, "ClientRequestToken")
    if required_text(event, "SecretId") != store.secret_id:
        raise InvalidEventError("The event's SecretId is not the secret of this stack")
    stages = store.stages_of(version_id)
    if stages is None or not {CURRENT, PENDING} & set(stages):
        raise InvalidEventError("The event's ClientRequestToken is not a version of the secret that is being rotated")
    if CURRENT not in stages:
        try:
            _take_or_end(step, store, version_id, context)
        except (InvalidEventError, AlertError):
            raise  # nothing is known about the credential
        except GoProSyncError:
            _count_failure(version_id, context)
            raise
    elif step is RotationStep.FINISH:
        store.end_rotation(version_id)  # the step was repeated, after a death within it
    logger.info("Rotation step taken", extra={"event_type": EventType.SECRET_ROTATION_STEP, "step": step})
    return {"statusCode": STATUS_OK, "step": step}


def _step_of(event: JsonObject) -> RotationStep:
    try:
        return RotationStep(required_text(event, "Step"))
    except ValueError:
        raise InvalidEventError("The event's Step is no step of a rotation") from None


def _take_or_end(step: RotationStep, store: CredentialStore, version_id: str, context: LambdaContext) -> None:
    try:
        _take(step, store, version_id, context)
    except BaseException:  # however it fails, even at the end of the function's time
        _leave_no_label(step, store, version_id)
        raise


def _leave_no_label(step: RotationStep, store: CredentialStore, version_id: str) -> None:
    try:
        store.end_rotation(version_id)
    except GoProSyncError as left:
        _warn("The label of a rotation that failed could not be taken away", step, reason=str(left))
    else:
        _warn("The rotation failed and is over: the next one begins anew, with a version of its own", step)


def _warn(message: str, step: RotationStep, **fields: str) -> None:
    logger.warning(message, extra={"event_type": EventType.SECRET_ROTATION_STEP, "step": step, **fields})


def _take(step: RotationStep, store: CredentialStore, version_id: str, context: LambdaContext) -> None:
    if step is RotationStep.CREATE:
        _create(store, version_id, context)
    elif step is RotationStep.TEST:
        _test(store, version_id)
    elif step is RotationStep.FINISH:
        _finish(store, version_id)
    # SET has nothing to do: GoPro knows the new session from the moment in which it gave it.


def _count_failure(version_id: str, context: LambdaContext) -> None:
    """Count a failure once per version: Secrets Manager repeats a failed rotation, and reports it to nobody."""
    try:
        is_known = not composition.session_guard(context.aws_request_id).note_failed_rotation(version_id)
    except GoProSyncError:
        is_known = False  # better twice than never
    if not is_known:
        emit(Metric.AUTHENTICATION_FAILURE, 1, environment=composition.settings().environment)


def _create(store: CredentialStore, version_id: str, context: LambdaContext) -> None:
    if store.load_pending(version_id) is None:  # the step may be repeated
        composition.renewal(owner=context.aws_request_id).prepare_rotation(version_id)
    # The reminder is sent again with a repeated step: the first may not have got through. It depends on what is
    # current, not on what was prepared: a person may have acted since.
    if store.load().credentials.mode is CredentialMode.PASTED_TOKEN:
        publish_alert(
            composition.sns_client(),
            composition.settings().alerts_topic_arn,
            subject="GoPro Sync: replace the pasted token",
            message="The secret holds a token that was pasted from a browser. Nothing but a person can replace it, so "
            "this rotation keeps it as it is. Runs continue as long as GoPro accepts it.\n\n"
            f"To replace it, run: {composition.mending_command()}\n\n"
            "With the e-mail address and password, or with a refresh token, the system would renew it automatically.",
        )


def _test(store: CredentialStore, version_id: str) -> None:
    credentials = store.load_pending(version_id)
    if credentials is None:
        # Secrets Manager tries this step alone when the schedule is created: then the version has no value. A rotation
        # whose createSecret set none never gets as far as this.
        logger.info("Nothing to test yet", extra={"event_type": EventType.SECRET_ROTATION_STEP})
        # The one call that a deployment makes itself: from now on the alarms for silence count.
        emit(Metric.DEPLOYED, 1, environment=composition.settings().environment)
        return
    if _is_needed(store, credentials):
        composition.check_session(credentials.session())
    else:
        _warn("The secret was renewed since this rotation began: what it prepared is not needed", RotationStep.TEST)


def _finish(store: CredentialStore, version_id: str) -> None:
    credentials = store.load_pending(version_id)
    if credentials is None:
        raise InvalidEventError("The version of the secret that is being rotated has no value yet")
    if not store.make_current(version_id, supersedes=_superseded(store, credentials)):
        _warn("The secret was renewed since this rotation began: it stays as it is", RotationStep.FINISH)
    store.end_rotation(version_id)


def _is_needed(store: CredentialStore, prepared: Credentials) -> bool:
    return not prepared.supersedes or store.current_version() in prepared.supersedes


def _superseded(store: CredentialStore, prepared: Credentials) -> Collection[str]:
    """Return the versions that it may replace: any, unless this system wrote it, which always names them."""
    if prepared.supersedes:
        return prepared.supersedes
    current = store.current_version()
    return [] if current is None else [current]
