"""What AWS's answers mean to this system: one table of the codes of each service.

A row says which error of ``errors.py`` a code stands for, what a person reads, and who retries the call. Every call is
made within ``answer_of``, so that only errors of this system leave it.

The codes come from the error shapes of botocore's models, and for S3, whose model has few of them, from
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. An answer without a body, such as any to
HeadObject, has its status as its code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync.errors import (
    AccessDeniedError,
    AlertError,
    ConfigurationError,
    GoProSyncError,
    RefusalError,
    RequestRefusedError,
    RetryableError,
    SecretStoreError,
    StorageError,
    TimeIsUp,
    TrackerError,
)
from gopro_sync.values.outside_values import retry_after_seconds
from gopro_sync.values.timestamps import now_utc


@unique
class Service(StrEnum):
    """The services that are called, under the names people use."""

    S3 = "S3"
    DYNAMODB = "DynamoDB"
    SECRETS_MANAGER = "Secrets Manager"
    SNS = "SNS"


@unique
class Tries(StrEnum):
    """Who retries a call that failed this way."""

    INVOCATION = "the transfer of the video, within the same invocation: archive/retries.py"
    STATE_MACHINE = "the state machine, with a new invocation"
    NEXT_RUN = "the next run"
    ROTATION = "Secrets Manager, which repeats the step of a rotation"


@unique
class ExpectedRefusal(StrEnum):
    """A refusal that some callers expect: to them it is an outcome, to all others the row's error."""

    CONDITION_FAILED = "the condition of the write does not hold"
    CANCELLED = "one of the writes of a transaction was refused, and so none was made"
    NOT_VALID = "the service will never accept this request, or an item of it"
    NOT_THERE = "it does not exist"
    UPLOAD_UNKNOWN = "the multipart upload is completed, aborted or expired"
    UPLOAD_CONFLICTS = "another write to the key was in progress, and this upload can no longer be completed"
    VALUE_EXISTS = "this version of the secret already has another value"
    PARTS_REFUSED = "a part is missing or different"


# Who retries, in this order, after botocore, which goes by the code: ``by_botocore``.
TRIED_AGAIN: Final[Mapping[type[GoProSyncError], tuple[Tries, ...]]] = {
    AccessDeniedError: (),  # a person has to act first
    ConfigurationError: (),
    RequestRefusedError: (),  # it would be the same request
    StorageError: (Tries.INVOCATION, Tries.STATE_MACHINE, Tries.NEXT_RUN),
    TrackerError: (Tries.STATE_MACHINE, Tries.NEXT_RUN),
    SecretStoreError: (Tries.STATE_MACHINE, Tries.NEXT_RUN),
    AlertError: (Tries.ROTATION,),
}

_LATER: Final = "{service} answered {operation} with {code}{status}"
_BUSY: Final = f"{_LATER}: it asks for fewer requests"
_DENIED: Final = "AccessDenied: {service} refused {operation}, which needs {action} ({code}{aws_message})"
# What to do comes before the code: a notice about many videos shows only the first hundred characters.
_NO_KEY: Final = (
    "{service} cannot use the stack's key: enable it in KMS, or cancel its deletion "
    "({code} on {operation}{aws_message})"
)
_KEY_DENIED: Final = (
    "AccessDenied: {service} was refused the stack's key: see in KMS whether it is enabled and who may use it "
    "({code} on {operation}{aws_message})"
)
_UNEXPLAINED: Final = (
    f"{_LATER} without giving a reason; if this persists, the role lacks {{action}}, or a policy of the bucket or the "
    "key denies it"
)
_REFUSED: Final = (
    "{service} does not accept {operation} as it was requested ({code}{aws_message}), and retrying does not help"
)
_NOT_KNOWN: Final = (
    "{service} does not accept the function's credentials for {operation} ({code}{aws_message}): the role or the "
    "account was changed or closed"
)
_DAMAGED: Final = f"{_LATER}: what arrived there is not what was sent"
_ELSEWHERE: Final = "The bucket is in another region than the stack ({code} on {operation})"
_NOT_VALID: Final = "{service} does not accept the data of {operation} ({code}{aws_message})"
_NOT_USABLE: Final = "The secret cannot be used ({code} on {operation}): it is missing, deleted or empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a code means.

    Attributes:
        error: what to raise.
        reads: the message; ``service``, ``operation``, ``code``, ``status`` (in brackets), ``action`` (the permission)
            and ``aws_message`` (AWS's own words, after a colon) are filled in.
        by_botocore: whether botocore retries at once, before anybody else.
        expected_as: what it is to a caller that expects it.
        is_denial_in_the_end: whether it counts as a denial if it persists, which only whoever retries can know.
    """

    error: type[GoProSyncError]
    reads: str = _LATER
    by_botocore: bool = False
    expected_as: ExpectedRefusal | None = None
    is_denial_in_the_end: bool = False


class ExpectedRefusalError(Exception):
    """A caller met a refusal that it expects; none leaves the module of that caller.

    Attributes:
        kind: which one.
        code: AWS's code.
        answer: the refusal, as botocore parses it.
    """

    def __init__(self, kind: ExpectedRefusal, code: str, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{kind} ({code})")
        self.kind = kind
        self.code = code
        self.answer = answer


_DENIAL: Final = Meaning(error=AccessDeniedError, reads=_DENIED)
_UNKNOWN_CREDENTIALS: Final = Meaning(error=AccessDeniedError, reads=_NOT_KNOWN)
_KEY_UNUSABLE: Final = Meaning(error=ConfigurationError, reads=_NO_KEY)
_KEY_DENIAL: Final = Meaning(error=AccessDeniedError, reads=_KEY_DENIED)
# How KMS itself names the state of a key, and words it.
# https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html
_KEY_STATE: Final = re.compile(r"\b(Disabled|KMSInvalidState)Exception\b|\bis disabled\b|\bis pending deletion\b")
_KMS: Final = re.compile(r"\bkms\b|AWSKMS", re.IGNORECASE)
_REFUSAL: Final = Meaning(error=RequestRefusedError, reads=_REFUSED)


def _passing(error: type[RetryableError]) -> dict[str, Meaning]:
    """Return the passing failures that any service may answer with.

    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, the codes at which the SDKs slow down, and
    what replaces a code where an answer has no body, or the body of an intermediary. Such a 403 may come from a proxy,
    from a new role that not all of AWS knows yet, or be a denial: only its persistence shows which. A signature is also
    refused when clocks differ.
    """
    busy = Meaning(error=error, reads=_BUSY)
    busy_too = Meaning(error=error, reads=_BUSY, by_botocore=True)
    ended = Meaning(error=error, reads=f"{_LATER}: the role's credentials have expired, and new ones are on the way")
    unexplained = Meaning(error=error, reads=_UNEXPLAINED, is_denial_in_the_end=True)
    clock = Meaning(error=error, reads=f"{_LATER}: its clock and that of this function differ")
    return {
        **dict.fromkeys(("403", "401", "SignatureDoesNotMatch", "InvalidSignatureException"), unexplained),
        **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"), ended),
        **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"), clock),
        **dict.fromkeys(("429", "Busy", "KMS.ThrottlingException", "KMSThrottlingException"), busy),
        **dict.fromkeys(
            (
                *("SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled"),
                *("RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded"),
                *("BandwidthLimitExceeded", "LimitExceededException", "PriorRequestNotComplete"),
                *("ProvisionedThroughputExceededException", "TransactionInProgressException"),
            ),
            busy_too,
        ),
        **dict.fromkeys(
            (
                *(
                    "RequestTimeout",
                    "RequestTimeoutException",
                    "InternalError",
                    "InternalFailure",
                    "ServiceUnavailable",
                ),
                *("500", "502", "503", "504"),
            ),
            Meaning(error=error, by_botocore=True),
        ),
    }


# KMS's own errors, which a service may pass on as they are, or with KMS's name before them, as S3 does. They are in no
# model, and an unknown code would be retried for nothing and reported without the remedy.
# https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html#API_GenerateDataKey_Errors
_FROM_KMS: Final[Mapping[str, Meaning]] = {
    **dict.fromkeys(
        (
            *("DisabledException", "KMSDisabledException", "KMS.DisabledException"),
            *("KMSInvalidStateException", "KMS.KMSInvalidStateException"),
            *("KMSNotFoundException", "KMS.NotFoundException"),
            *("InvalidKeyUsageException", "KMS.InvalidKeyUsageException"),
        ),
        _KEY_UNUSABLE,
    ),
    **dict.fromkeys(("KMSAccessDeniedException", "KMS.AccessDeniedException"), _KEY_DENIAL),
}

MEANINGS: Final[Mapping[Service, Mapping[str, Meaning]]] = {
    Service.S3: {
        **_passing(StorageError),
        **_FROM_KMS,
        **dict.fromkeys(("AccessDenied", "AllAccessDisabled"), _DENIAL),
        **dict.fromkeys(("InvalidAccessKeyId", "NotSignedUp", "AccountProblem"), _UNKNOWN_CREDENTIALS),
        "NoSuchBucket": Meaning(error=ConfigurationError, reads="There is no such bucket ({code} on {operation})"),
        # HeadObject's refusals have no body: this one may mean, among other things, that the key cannot be used.
        "400": Meaning(
            error=StorageError, reads=f"{_LATER}: if this persists, see in KMS whether the stack's key is enabled"
        ),
        **dict.fromkeys(
            ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
            Meaning(error=ConfigurationError, reads=_ELSEWHERE),
        ),
        **dict.fromkeys(
            (
                *("InvalidRequest", "InvalidArgument", "InvalidURI", "InvalidTag", "InvalidStorageClass"),
                *("InvalidDigest", "InvalidBucketState", "InvalidObjectState", "EncryptionTypeMismatch"),
                *("EntityTooSmall", "EntityTooLarge", "KeyTooLongError", "MetadataTooLarge", "TooManyParts"),
                *("MalformedXML", "MissingContentLength", "MethodNotAllowed", "NotImplemented"),
            ),
            _REFUSAL,
        ),
        "404": Meaning(error=StorageError, expected_as=ExpectedRefusal.NOT_THERE),
        "NoSuchKey": Meaning(error=StorageError, expected_as=ExpectedRefusal.NOT_THERE),
        "NoSuchUpload": Meaning(error=StorageError, expected_as=ExpectedRefusal.UPLOAD_UNKNOWN),
        # By the code too: it may come in an answer that began with status 200.
        "PreconditionFailed": Meaning(error=StorageError, expected_as=ExpectedRefusal.CONDITION_FAILED),
        "412": Meaning(error=StorageError, expected_as=ExpectedRefusal.CONDITION_FAILED),
        "InvalidPart": Meaning(error=StorageError, expected_as=ExpectedRefusal.PARTS_REFUSED),
        "InvalidPartOrder": Meaning(error=StorageError, expected_as=ExpectedRefusal.PARTS_REFUSED),
        # For a completion: its parts are not the ones sent; for bytes: they, or their checksum, changed on the way.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
        "BadDigest": Meaning(error=StorageError, reads=_DAMAGED, expected_as=ExpectedRefusal.PARTS_REFUSED),
        **dict.fromkeys(
            (
                *("XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "IncompleteBody"),
                *("MalformedTrailerError", "InvalidChunkSizeError"),
            ),
            Meaning(error=StorageError, reads=_DAMAGED),
        ),
        "OperationAborted": Meaning(error=StorageError, reads=f"{_LATER}: another operation on it is in progress"),
        # For a PutObject it means "try again"; for a completion, that the parts have to be sent again in a new upload:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        "ConditionalRequestConflict": Meaning(
            error=StorageError,
            reads=f"{_LATER}: another write to the key is in progress",
            expected_as=ExpectedRefusal.UPLOAD_CONFLICTS,
        ),
    },
    Service.DYNAMODB: {
        **_passing(TrackerError),
        **_FROM_KMS,
        **dict.fromkeys(("AccessDeniedException", "AccessDenied", "UnauthorizedOperation"), _DENIAL),
        **dict.fromkeys(("UnrecognizedClientException", "InvalidClientTokenId"), _UNKNOWN_CREDENTIALS),
        "ResourceNotFoundException": Meaning(
            error=ConfigurationError, reads="The tracker table does not exist ({code} on {operation})"
        ),
        "ConditionalCheckFailedException": Meaning(error=TrackerError, expected_as=ExpectedRefusal.CONDITION_FAILED),
        "TransactionCanceledException": Meaning(error=TrackerError, expected_as=ExpectedRefusal.CANCELLED),
        **dict.fromkeys(
            ("ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException"),
            Meaning(error=RequestRefusedError, reads=_NOT_VALID, expected_as=ExpectedRefusal.NOT_VALID),
        ),
        "TransactionConflictException": Meaning(error=TrackerError),
        "ReplicatedWriteConflictException": Meaning(error=TrackerError),
        "InternalServerError": Meaning(error=TrackerError, by_botocore=True),
    },
    Service.SECRETS_MANAGER: {
        **_passing(SecretStoreError),
        **_FROM_KMS,
        **dict.fromkeys(("AccessDeniedException", "AccessDenied"), _DENIAL),
        **dict.fromkeys(("UnrecognizedClientException", "InvalidClientTokenId"), _UNKNOWN_CREDENTIALS),
        # "Check that the key is available, enabled, and not in an invalid state": the model's own words on the second.
        "DecryptionFailure": _KEY_UNUSABLE,
        "EncryptionFailure": _KEY_UNUSABLE,
        "ResourceNotFoundException": Meaning(
            error=ConfigurationError, reads=_NOT_USABLE, expected_as=ExpectedRefusal.NOT_THERE
        ),
        "InvalidRequestException": Meaning(error=ConfigurationError, reads=_NOT_USABLE),
        "ResourceExistsException": Meaning(error=SecretStoreError, expected_as=ExpectedRefusal.VALUE_EXISTS),
        "InvalidParameterException": Meaning(error=ConfigurationError, reads=_NOT_USABLE),
        "ValidationException": _REFUSAL,
        "InternalServiceError": Meaning(error=SecretStoreError, by_botocore=True),
    },
    Service.SNS: {
        **_passing(AlertError),
        **_FROM_KMS,
        **dict.fromkeys(("AuthorizationError", "AccessDenied", "KMSAccessDenied", "KMSOptInRequired"), _DENIAL),
        **dict.fromkeys(("InvalidClientTokenId", "InvalidSecurity"), _UNKNOWN_CREDENTIALS),
        **dict.fromkeys(("KMSDisabled", "KMSInvalidState", "KMSNotFound"), _KEY_UNUSABLE),
        **dict.fromkeys(("InvalidParameter", "ParameterValueInvalid", "ValidationException"), _REFUSAL),
        "NotFound": Meaning(error=ConfigurationError, reads="The topic of the alerts does not exist ({code})"),
        "Throttled": Meaning(error=AlertError, reads=_BUSY),
        "KMSThrottling": Meaning(error=AlertError, reads=_BUSY),
    },
}

# No answer, an unreadable one, or a code that is in no row: time may mend it.
FAILURES: Final[Mapping[Service, type[RetryableError]]] = {
    Service.S3: StorageError,
    Service.DYNAMODB: TrackerError,
    Service.SECRETS_MANAGER: SecretStoreError,
    Service.SNS: AlertError,
}
OTHERWISE: Final[Mapping[Service, Meaning]] = {service: Meaning(error=error) for service, error in FAILURES.items()}

_IAM_PREFIXES: Final = {
    Service.S3: "s3",
    Service.DYNAMODB: "dynamodb",
    Service.SECRETS_MANAGER: "secretsmanager",
    Service.SNS: "sns",
}
# The operations whose permission has another name, by which an operator finds the missing line of the policy.
_IAM_ACTIONS: Final = {
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "ListParts": "s3:ListMultipartUploadParts",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "HeadObject": "s3:GetObject, or s3:ListBucket if the object is absent",
    "ListObjectsV2": "s3:ListBucket",
    "TransactWriteItems": "dynamodb:PutItem",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is being made, or whose answer is being read.

    Attributes:
        service: which service is called.
        operation: the operation, under AWS's name.
        media_id: the video concerned.
    """

    service: Service
    operation: str
    media_id: str | None

    def field(self, answer: Mapping[str, Any], name: str) -> Any:
        """Return a field that the answer, or a part of it, must have: there is no other way to read one unchecked.

        Raises:
            GoProSyncError: it is missing; the error is the service's own.
        """
        value = answer.get(name)
        if value is None or value == "":
            raise self.unreadable(f"without {name}")
        return value

    def text(self, answer: Mapping[str, Any], name: str) -> str:
        """Return a field that must be there and be text: botocore does not check the JSON types that it receives.

        Raises:
            GoProSyncError: it is missing, or anything else; the error is the service's own.
        """
        value = self.field(answer, name)
        if not isinstance(value, str):
            raise self.unreadable(f"with a {name} that is not text")
        return value

    def failure(self, message: str, *, is_unreadable: bool = False) -> RetryableError:
        """Create the service's own error."""
        return FAILURES[self.service](message, media_id=self.media_id, is_unreadable=is_unreadable)

    def unreadable(self, how: str) -> RetryableError:
        """Create the service's own error about an answer that does not show the outcome of the call."""
        return self.failure(f"{self.service} answered {self.operation} {how}", is_unreadable=True)


@contextmanager
def answer_of(
    service: Service, operation: str, *expected: ExpectedRefusal, media_id: str | None = None
) -> Iterator[Call]:
    """Make one call, and read its answer, within this context: failures are raised as errors of this system.

    Args:
        service: which service is called.
        operation: the operation, under AWS's name.
        expected: the refusals that the caller expects.
        media_id: the video concerned.

    Yields:
        The call, through which to read the fields of the answer.

    Raises:
        GoProSyncError: as the table says.
        ExpectedRefusalError: one of those expected.
    """
    call = Call(service=service, operation=operation, media_id=media_id)
    try:
        yield call
    except ClientError as error:
        raise refusal(service, operation, *expected, answer=error.response, media_id=media_id) from error
    except TimeIsUp as end:
        end.meaning = call.failure(f"{service} had not answered {operation} when the function's time was over")
        raise
    except BotoCoreError as error:
        # No credentials, no connection, or an unreadable answer.
        raise call.failure(f"The {operation} request to {service} failed ({type(error).__name__})") from error
    except (GoProSyncError, ExpectedRefusalError):
        raise
    except Exception as error:
        # A page of HTML, half an answer, a word for a number, a list for an object: botocore's parsers raise whatever
        # they stumble over (AttributeError, ValueError, RuntimeError ...), and their own ResponseParserError is no
        # BotoCoreError.
        raise call.unreadable(f"in a way that cannot be read ({type(error).__name__})") from error


def refusal(
    service: Service,
    operation: str,
    *expected: ExpectedRefusal,
    answer: Mapping[str, Any],
    media_id: str | None = None,
) -> GoProSyncError | ExpectedRefusalError:
    """Return the error that a refusal stands for.

    Args:
        service: which service refused.
        operation: the operation, under AWS's name.
        expected: the refusals that the caller expects.
        answer: the refusal, as botocore parses it.
        media_id: the video concerned.
    """
    code = _code_in(answer)
    metadata = answer.get("ResponseMetadata", {})
    meaning = MEANINGS[service].get(code, OTHERWISE[service])
    if meaning.expected_as is not None and meaning.expected_as in expected:
        return ExpectedRefusalError(meaning.expected_as, code, answer)
    aws_message = answer.get("Error", {}).get("Message")
    if meaning is _DENIAL and aws_message:
        meaning = _denial_by_key(aws_message)
    fields = {
        "service": service,
        "operation": operation,
        "code": code,
        # Where the code is the status, it need not be repeated.
        "status": f" ({status})" if (status := metadata.get("HTTPStatusCode")) and str(status) != code else "",
        "action": _IAM_ACTIONS.get(operation, f"{_IAM_PREFIXES[service]}:{operation}"),
        "aws_message": f": {aws_message}" if aws_message else "",
    }
    message = meaning.reads.format(**fields)
    is_object = service is Service.S3
    if issubclass(meaning.error, RefusalError):
        return meaning.error(message, media_id=media_id, may_concern_one_object=is_object)
    asked = retry_after_seconds(metadata.get("HTTPHeaders", {}).get("retry-after"), now_utc())
    denial = AccessDeniedError(_DENIED.format(**fields), media_id=media_id, may_concern_one_object=is_object)
    return FAILURES[service](
        message,
        media_id=media_id,
        retry_after_seconds=asked,
        if_it_persists=denial if meaning.is_denial_in_the_end else None,
    )


def _denial_by_key(aws_message: str) -> Meaning:
    """Return what a denial means: a service passes on KMS's denial as one of its own, in KMS's words.

    So does DynamoDB (``KMS key access denied error: com.amazonaws.services.kms.model...``:
    https://github.com/aws/aws-cdk/issues/18616), Secrets Manager (``Access to KMS is not allowed``:
    https://repost.aws/knowledge-center/secrets-manager-cross-account-key) and S3 (``... not authorized to perform:
    kms:GenerateDataKey ...``). Where the wording differs, it is treated like any other denial, which quotes it.
    """
    if not _KMS.search(aws_message):
        return _DENIAL
    return _KEY_UNUSABLE if _KEY_STATE.search(aws_message) else _KEY_DENIAL


def code_of(error: ClientError) -> str:
    """Return AWS's code of a refusal; ``no code`` if it names none."""
    return _code_in(error.response)


def _code_in(answer: Mapping[str, Any]) -> str:
    code: str = answer.get("Error", {}).get("Code") or "no code"
    return code
