"""Whatever AWS answers becomes an error of this system that says what happened."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.aws.answers import (
    MEANINGS,
    OTHERWISE,
    ExpectedRefusal,
    ExpectedRefusalError,
    Service,
    answer_of,
    refusal,
)
from gopro_sync.errors import (
    AccessDeniedError,
    AlertError,
    ConfigurationError,
    GoProSyncError,
    RequestRefusedError,
    RetryableError,
    SecretStoreError,
    StorageError,
    TrackerError,
)


def refused(code: str, *, status: int = 400, message: str | None = None) -> ClientError:
    error = {"Code": code} | ({} if message is None else {"Message": message})
    reported = {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": "7"}}
    return ClientError({"Error": error, "ResponseMetadata": reported}, "PutObject")  # type: ignore[typeddict-item]


def reported(service: Service, operation: str, error: Exception, *expected: ExpectedRefusal) -> GoProSyncError:
    with pytest.raises(GoProSyncError) as raised, answer_of(service, operation, *expected, media_id="m1"):
        raise error
    assert raised.value.media_id == "m1"
    return raised.value


@pytest.mark.parametrize(
    ("service", "code"),
    [
        (Service.S3, "KMS.DisabledException"),
        (Service.S3, "KMS.KMSInvalidStateException"),
        (Service.S3, "KMS.NotFoundException"),
        *((service, "DisabledException") for service in Service),
        *((service, "KMSInvalidStateException") for service in Service),
        *((service, "KMS.DisabledException") for service in (Service.DYNAMODB, Service.SECRETS_MANAGER)),
        (Service.SECRETS_MANAGER, "DecryptionFailure"),
        (Service.SECRETS_MANAGER, "EncryptionFailure"),
        (Service.SNS, "KMSDisabled"),
        (Service.SNS, "KMSInvalidState"),
        (Service.SNS, "KMSNotFound"),
    ],
)
def test_a_key_that_is_disabled_or_being_deleted_is_not_tried_again_and_named(service: Service, code: str) -> None:
    error = reported(service, "PutObject", refused(code))
    assert isinstance(error, ConfigurationError)
    assert "enable it in KMS, or cancel its deletion" in error.message


KEY_CODES = {
    Service.S3: "KMS.DisabledException",
    Service.DYNAMODB: "AccessDeniedException",
    Service.SECRETS_MANAGER: "DecryptionFailure",
}
DYNAMODB_ON_THE_KEY = (
    "KMS key access denied error: com.amazonaws.services.kms.model.{error} (Service: AWSKMS; Status Code: 400; "
    "Error Code: {error})"
)


@pytest.mark.parametrize("state", ["DisabledException: the key is disabled.", "KMSInvalidStateException: pending"])
def test_a_denial_that_is_about_the_keys_state_is_no_matter_of_the_role(state: str) -> None:
    stated = DYNAMODB_ON_THE_KEY.format(error=state)
    error = reported(Service.DYNAMODB, "UpdateItem", refused("AccessDeniedException", message=stated))
    assert isinstance(error, ConfigurationError)
    assert error.message.startswith(
        "DynamoDB cannot use the stack's key: enable it in KMS, or cancel its deletion (AccessDenied"
    )


@pytest.mark.parametrize(
    ("service", "operation", "stated"),
    [
        (Service.SECRETS_MANAGER, "GetSecretValue", "Access to KMS is not allowed"),
        (Service.DYNAMODB, "Scan", DYNAMODB_ON_THE_KEY.format(error="AccessDeniedException")),
        (Service.S3, "PutObject", "User: any is not authorized to perform: kms:GenerateDataKey on resource: any"),
    ],
)
def test_a_denial_of_the_key_says_where_to_look(service: Service, operation: str, stated: str) -> None:
    code = "AccessDenied" if service is Service.S3 else "AccessDeniedException"
    error = reported(service, operation, refused(code, status=403, message=stated))
    assert isinstance(error, AccessDeniedError)
    assert "see in KMS whether it is enabled and who may use it" in error.message
    assert stated[:20] in error.message


def test_what_to_do_about_the_key_is_in_the_first_hundred_characters() -> None:
    """So much of a video's reason comes into the notice about all (statemachine/sync.asl.json, VideoBlocked)."""
    for service, code in KEY_CODES.items():
        answer = {"Error": {"Code": code, "Message": "KMS: the key is disabled."}}
        told_first = str(refusal(service, "ListMultipartUploads", answer=answer))[:100]
        assert "enable it in KMS, or cancel its deletion" in told_first


def test_a_topic_that_was_deleted_is_a_matter_of_configuration() -> None:
    assert isinstance(reported(Service.SNS, "Publish", refused("NotFound", status=404)), ConfigurationError)


def test_clocks_that_differ_are_not_the_roles_fault() -> None:
    error = reported(Service.S3, "UploadPart", refused("RequestTimeTooSkewed", status=403))
    assert isinstance(error, StorageError)
    assert error.message == (
        "S3 answered UploadPart with RequestTimeTooSkewed (403): its clock and that of this function differ"
    )


@pytest.mark.parametrize("status", [200, 412, 500])
def test_a_condition_that_failed_is_known_by_its_code_whatever_the_status(status: int) -> None:
    with (
        pytest.raises(ExpectedRefusalError) as raised,
        answer_of(Service.S3, "PutObject", ExpectedRefusal.CONDITION_FAILED),
    ):
        raise refused("PreconditionFailed", status=status)
    assert raised.value.kind is ExpectedRefusal.CONDITION_FAILED


@pytest.mark.parametrize(
    ("service", "operation", "code", "needs"),
    [
        (Service.S3, "UploadPart", "AccessDenied", "s3:PutObject"),
        (Service.S3, "ListParts", "AccessDenied", "s3:ListMultipartUploadParts"),
        (Service.DYNAMODB, "UpdateItem", "AccessDeniedException", "dynamodb:UpdateItem"),
        (Service.DYNAMODB, "TransactWriteItems", "AccessDeniedException", "dynamodb:PutItem"),
        (Service.SECRETS_MANAGER, "GetSecretValue", "AccessDeniedException", "secretsmanager:GetSecretValue"),
        (Service.SNS, "Publish", "AuthorizationError", "sns:Publish"),
    ],
)
def test_a_denial_names_the_permission_and_repeats_aws(service: Service, operation: str, code: str, needs: str) -> None:
    error = reported(service, operation, refused(code, message="no {policy} allows it"))
    assert isinstance(error, AccessDeniedError)
    assert error.message == (
        f"AccessDenied: {service} refused {operation}, which needs {needs} ({code}: no {{policy}} allows it)"
    )


PERMANENT = [
    *("InvalidRequest", "InvalidArgument", "EntityTooSmall", "EntityTooLarge", "MalformedXML", "MethodNotAllowed"),
]


@pytest.mark.parametrize("code", PERMANENT)
def test_what_s3_will_never_take_is_named_with_its_reason_and_may_concern_one_object(code: str) -> None:
    error = reported(Service.S3, "PutObject", refused(code, message="Your proposed upload is too odd"))
    assert isinstance(error, RequestRefusedError)
    assert error.may_concern_one_object
    assert f"({code}: Your proposed upload is too odd), and retrying does not help" in error.message


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("code", ["403", "SignatureDoesNotMatch"])
def test_a_403_that_says_nothing_passes_or_is_a_denial_in_the_end(service: Service, code: str) -> None:
    error = reported(service, "Publish", refused(code, status=403))
    assert type(error) is PASSING[service]
    assert isinstance(error, RetryableError)
    assert "without giving a reason; if this persists, the role lacks" in error.message
    assert isinstance(error.if_it_persists, AccessDeniedError)


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize(
    "code",
    [
        *("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "RequestTimeout"),
        *("KMS.ThrottlingException", "ThrottlingException", "LimitExceededException", "SlowDown", "503"),
        *("BandwidthLimitExceeded", "TooManyRequestsException", "RequestThrottled", "RequestTimeTooSkewed"),
        *("TransactionInProgressException", "RequestExpired"),
    ],
)
def test_weather_passes(service: Service, code: str) -> None:
    error = reported(service, "Publish", refused(code))
    assert type(error) is PASSING[service]
    assert isinstance(error, RetryableError)
    assert error.if_it_persists is None


@pytest.mark.parametrize(
    "expected",
    [
        expected
        for expected in ExpectedRefusal
        if expected not in {ExpectedRefusal.NOT_THERE, ExpectedRefusal.NOT_VALID}
    ],
)
def test_an_expected_refusal_is_an_error_to_a_caller_that_does_not_expect_it(expected: ExpectedRefusal) -> None:
    for service, codes in MEANINGS.items():
        for code in (code for code, meaning in codes.items() if meaning.expected_as is expected):
            error = reported(
                service, "PutObject", refused(code), *(other for other in ExpectedRefusal if other is not expected)
            )
            assert type(error) is OTHERWISE[service].error


def test_a_pause_that_is_asked_for_is_passed_on() -> None:
    error = reported(Service.S3, "PutObject", refused("SlowDown", status=503))
    assert isinstance(error, StorageError)
    assert error.retry_after_seconds == 7


PASSING = {
    Service.S3: StorageError,
    Service.DYNAMODB: TrackerError,
    Service.SECRETS_MANAGER: SecretStoreError,
    Service.SNS: AlertError,
}


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize(
    "fault",
    [
        refused("NewCode"),
        ClientError({}, "PutObject"),
        EndpointConnectionError(endpoint_url="https://aws.example"),
        KeyError("ETag"),
        ValueError("no number"),
        RuntimeError("no date"),
    ],
)
def test_what_the_table_does_not_know_may_pass_and_has_the_services_name(service: Service, fault: Exception) -> None:
    error = reported(service, "AnOperation", fault)
    assert type(error) is PASSING[service]
    assert f"{service}" in error.message
    assert "AnOperation" in error.message


@given(st.sampled_from(Service), st.text(), st.text())
def test_no_code_and_no_message_raises_anything_else(service: Service, code: str, message: str) -> None:
    reported(service, "AnOperation", refused(code, message=message))
