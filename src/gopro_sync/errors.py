"""The closed set of errors of this system.

Step Functions sees a Python exception only by its class name, and knows nothing of inheritance: the class name *is* the
contract with ``statemachine/sync.asl.json`` (``tests/contract`` holds both together). Renaming a class here changes
which Retry or Catch fires.

Every message says what happened and to which video; ``remedy`` says what the operator can do. No message contains a
token, a password or a signed URL: whatever looks like one is removed when the error is created.
"""

from __future__ import annotations

from typing import ClassVar, Final

from gopro_sync.redaction import redact
from gopro_sync.values.outside_values import one_line, sendable_text

# Step Functions keeps at most 32,768 characters of a function's error, stack trace included.
_LONGEST_MESSAGE_BYTES: Final = 4000
_LONGEST_ID_BYTES: Final = 128


class GoProSyncError(Exception):
    """Base of all errors that this system raises on purpose; never raised itself.

    Args:
        message: what happened, in one sentence.
        media_id: the GoPro media item concerned, if there is one.
    """

    remedy: ClassVar[str] = ""

    def __init__(self, message: str, *, media_id: str | None = None) -> None:
        self.message = sendable_text(redact(message), longest_bytes=_LONGEST_MESSAGE_BYTES)
        self.media_id = media_id
        super().__init__(self.message)

    def __str__(self) -> str:
        media_id = one_line(self.media_id or "", longest_bytes=_LONGEST_ID_BYTES)
        subject = f" (media item {media_id})" if media_id else ""
        return " ".join(part for part in (f"{self.message}{subject}.", self.remedy) if part)


class RefusalError(GoProSyncError):
    """Base of what AWS refuses and time does not mend; never raised itself.

    Args:
        message: what was refused.
        media_id: the GoPro media item concerned, if there is one.
        may_concern_one_object: whether S3 refused it. What S3 refuses may be wrong with a single object only, so that a
            second object has to show whether all are refused. Tables, secrets and topics are the same for all videos.
    """

    def __init__(self, message: str, *, media_id: str | None = None, may_concern_one_object: bool = False) -> None:
        super().__init__(message, media_id=media_id)
        self.may_concern_one_object = may_concern_one_object


class RetryableError(GoProSyncError):
    """Base of the errors that time alone can mend; never raised itself.

    Args:
        retry_after_seconds: how long the server asked to wait, if it did.
        is_unreadable: whether there was an answer that does not show the outcome of the call.
        if_it_persists: what to treat it as if retrying does not help; None if it stays what it is.
    """

    def __init__(
        self,
        message: str,
        *,
        media_id: str | None = None,
        retry_after_seconds: float | None = None,
        is_unreadable: bool = False,
        if_it_persists: AccessDeniedError | None = None,
    ) -> None:
        super().__init__(message, media_id=media_id)
        self.retry_after_seconds = retry_after_seconds
        self.is_unreadable = is_unreadable
        self.if_it_persists = if_it_persists


# --- the operator has to act -----------------------------------------------------------------------------------------


class ConfigurationError(RefusalError):
    """A part of the stack cannot be used: a variable, the secret, the bucket, the table, the topic or the key."""

    remedy = "Correct it, then start the run again."


class InvalidEventError(GoProSyncError):
    """The event that a function received does not have the expected shape."""

    remedy = "Compare the event with the samples in events/."


class AuthenticationError(GoProSyncError):
    """GoPro does not accept the credential: there is no session, and none can be obtained without a person."""

    remedy = "Then start the run again, or wait for the next one; what is archived stays archived."


class SessionRefusedError(GoProSyncError):
    """GoPro does not accept the session that was used, or there is none yet."""

    remedy = "A run renews it automatically; for a single call, invoke the authenticator first."


class AccessDeniedError(RefusalError):
    """AWS refused a call that every video needs: a role, a bucket policy or a key policy does not allow it."""

    remedy = "Compare the role's policy with template.yaml; redeploying the stack restores it."


class GoProApiChangedError(GoProSyncError):
    """GoPro answered in a way that this client does not know."""

    remedy = "GoPro's unofficial API has probably changed: look for a newer release, or report it."


class UnexpectedError(GoProSyncError):
    """Something that this version does not know of: a fault of its own, or of a library that it uses."""

    remedy = (
        "The line with this error in the function's log says what it was: please report it. What is archived is safe, "
        "and what is not is retried."
    )


# --- time alone may mend it ------------------------------------------------------------------------------------------


class NetworkError(RetryableError):
    """GoPro or its CDN could not be reached, broke off, or answered with a server error."""

    remedy = "It is retried automatically; if it persists, look at GoPro's service status."


class TimeoutError(NetworkError):  # noqa: A001 - the specification's name, which the state machine matches
    """GoPro or its CDN was reached, but sent nothing within the time-out.

    Python's own error of this name never leaves a function: it would be an ``UnexpectedError``.
    """


class ThrottledError(RetryableError):
    """GoPro or its CDN asked for fewer requests."""

    remedy = "It is retried automatically; lower MaxConcurrentDownloads if it persists."


class GoProUnavailableError(RetryableError):
    """All requests to GoPro pause: it asked for fewer, or failed to answer several."""

    remedy = "The system waits, and the next run resumes; if it persists, look at GoPro's service status."


class LibraryIncompleteError(RetryableError):
    """GoPro's listing shows nothing of what it counts, or hides more than it shows: it is broken."""

    remedy = "It is retried automatically; nothing was skipped, since the run stopped here."


class StorageError(RetryableError):
    """S3 failed, timed out or lost something, after this client's own retries."""

    remedy = "It is retried automatically; what S3 already holds of the video is used."


class TrackerError(RetryableError):
    """DynamoDB failed after botocore's own retries."""

    remedy = "It is retried automatically."


class SecretStoreError(RetryableError):
    """Secrets Manager failed after botocore's own retries."""

    remedy = "It is retried automatically."


class AlertError(RetryableError):
    """SNS did not accept a message."""

    remedy = "It is retried automatically; compare the role's policy with template.yaml if it persists."


class SessionBusyError(RetryableError):
    """Another invocation is renewing the session at this moment."""

    remedy = "It is retried automatically."


class SourceResponseError(RetryableError):
    """The CDN sent something other than the requested piece of the video: another range, too few bytes, a web page."""

    remedy = "It is retried automatically; nothing of the wrong answer was kept."


class SourceUrlExpiredError(RetryableError):
    """A freshly signed URL was refused by the CDN."""

    remedy = "It is retried automatically with a new URL."


class SourceChangedError(RetryableError):
    """The file at GoPro changed while it was being copied, twice."""

    remedy = "It is retried automatically from the start."


# --- this video cannot be archived now -------------------------------------------------------------------------------


class SourceMissingError(GoProSyncError):
    """GoPro offers no camera original, or several that cannot be distinguished. A proxy is never taken instead."""

    remedy = (
        "Open the item on gopro.com: once it has exactly one original, it can be archived. It is retried automatically "
        "after a day, then two, four and so on."
    )


class IncompleteSourceError(GoProSyncError):
    """GoPro offers less of the video than its listing states: fewer chapters, or fewer bytes.

    What it offers is archived and kept.
    """

    remedy = (
        "What GoPro offers is archived; the rest is retried after a day, then two, four and so on. Open the item on "
        "gopro.com; if there is no more of it, accept it as complete: ./gopro-sync accept ID."
    )


class SourceLostError(GoProSyncError):
    """GoPro offers a file of the video, but its CDN does not have it."""

    remedy = (
        "GoPro may have lost this file: keep the camera's own copy, and ask GoPro's support. The other files of the "
        "video are archived; this one is retried after a day, then two, four and so on."
    )


class NotResumableError(GoProSyncError):
    """A file is too large for one invocation, and its CDN sends no ETag by which the next one could recognise it."""

    remedy = (
        "A faster copy may fit: raise the downloader's MemoryMegabytes (FunctionLimits in template.yaml), or "
        "TransferWorkers, and deploy. It is retried from the start after a day, then two, four and so on."
    )


class MediaGoneError(GoProSyncError):
    """GoPro no longer has the media item."""

    remedy = "Nothing to do if you deleted it; an archived copy stays untouched."


class ItemRefusedError(GoProSyncError):
    """GoPro or its CDN refuses one item, or keeps throttling it, while it answers the same session about others."""

    remedy = (
        "The message says what GoPro's status means. Open the item on gopro.com: if it is refused there as well, only "
        "GoPro's support can help. It is retried automatically after a day, then two, four and so on."
    )


class ItemUnreadableError(GoProSyncError):
    """GoPro's answer for one item cannot be read, while its other answers can."""

    remedy = (
        "It is retried automatically after a day, then two, four and so on. If many videos fail this way, GoPro's "
        "unofficial API has probably changed: look for a newer release, or report it."
    )


class IntegrityError(GoProSyncError):
    """The object in S3 does not equal the source; it does not count as archived."""

    remedy = (
        "It is copied again after a day, then two, four and so on; if it fails again, compare the file on gopro.com by "
        "hand (docs/troubleshooting.md: what to do when all videos fail this way)."
    )


class ObjectRefusedError(GoProSyncError):
    """S3 refused an object of this video, and accepts others: the trouble is the video's, not the run's."""

    remedy = (
        "Check what the message names, and look for a statement in the bucket's policy that names this key; the other "
        "videos are not affected."
    )


class RequestRefusedError(RefusalError):
    """AWS does not accept a request because of its content: it would not accept the same one another time either."""

    remedy = (
        "Retrying does not help: the message gives AWS's code and reason. If the cause is not a setting of yours, such "
        "as a rule of the bucket, look for a newer release, or report it."
    )


class KeyConflictError(GoProSyncError):
    """Other objects hold the S3 key and the disambiguated key, or each key of a file holds another edition of it."""

    remedy = (
        "Look at the objects in the bucket: move the one that is not from this system. If all are copies of one file, "
        "docs/troubleshooting.md says how to make room for another."
    )


# What stays as it is at GoPro, whatever is done here: the state machine sends one dead letter for a video that fails
# this way, with its first failure, and none with later ones (sync.asl.json, HasDeadLetter?).
MAY_LAST_FOR_MONTHS: Final = frozenset(
    {
        IncompleteSourceError,
        ItemRefusedError,
        ItemUnreadableError,
        MediaGoneError,
        NotResumableError,
        SourceLostError,
        SourceMissingError,
    }
)


# --- no error of the set: how the end of a function's time travels ---------------------------------------------------


class TimeIsUp(BaseException):
    """The function is about to be killed; ``handlers/last_word.py`` raises it, and converts it to an error of the set.

    It is no Exception, so that nothing on its way takes it for a failed request and retries.

    Attributes:
        meaning: the error of whichever service was being called, once that is known.
    """

    meaning: GoProSyncError | None = None
