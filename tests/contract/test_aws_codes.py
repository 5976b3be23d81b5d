"""The table of AWS's codes agrees with botocore, the state machine and the engine, and nobody reads codes beside it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from gates.template import states
from gopro_sync.archive.retries import PASSING_ERRORS
from gopro_sync.aws.answers import MEANINGS, OTHERWISE, TRIED_AGAIN, Meaning, Service, Tries, answer_of
from gopro_sync.errors import RetryableError
from tests.support.source_code import nodes

ROWS: Final = [(service, code, meaning) for service, codes in MEANINGS.items() for code, meaning in codes.items()]
ALL_MEANINGS: Final = [*(meaning for _, _, meaning in ROWS), *OTHERWISE.values()]

MODEL_OF: Final = {
    Service.S3: "s3",
    Service.DYNAMODB: "dynamodb",
    Service.SECRETS_MANAGER: "secretsmanager",
    Service.SNS: "sns",
}
# Codes that the models do not name. What all services have in common:
# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html; what S3 has:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
# What any service may answer is the same for all: it stands in each part of the table.
WHAT_ALL_MAY_ANSWER: Final = set.intersection(*(set(codes) for codes in MEANINGS.values()))
NOT_IN_THE_MODELS: Final = {
    Service.S3: {
        *("400", "404", "412", "AllAccessDisabled", "AccountProblem", "InvalidAccessKeyId", "NotSignedUp"),
        *("AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"),
        *("BadDigest", "ConditionalRequestConflict", "InvalidPart", "InvalidPartOrder", "OperationAborted"),
        *("PreconditionFailed", "EntityTooLarge", "EntityTooSmall", "InvalidArgument", "InvalidBucketState"),
        *("InvalidDigest", "InvalidStorageClass", "InvalidTag", "InvalidURI", "KeyTooLongError", "MalformedXML"),
        *("MetadataTooLarge", "MethodNotAllowed", "MissingContentLength", "NotImplemented"),
        # Of trailers; local/aws_chunked.py says who has seen them. The first is MinIO's.
        *("XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "IncompleteBody", "MalformedTrailerError"),
        "InvalidChunkSizeError",
    },
    Service.DYNAMODB: {
        *("AccessDeniedException", "UnauthorizedOperation"),
        *("InvalidClientTokenId", "UnrecognizedClientException"),
        *("ValidationException", "SerializationException"),
    },
    Service.SECRETS_MANAGER: {
        *("AccessDeniedException", "InvalidClientTokenId", "UnrecognizedClientException"),
        "ValidationException",
    },
    Service.SNS: {"InvalidClientTokenId"},
}
# Those of botocore's codes that come with a status at which it tries again: its models say so, or AWS's list.
SERVER_FAULTS: Final = {
    *("InternalError", "InternalFailure", "InternalServerError", "InternalServiceError", "ServiceUnavailable"),
    *("500", "502", "503", "504"),
}


def codes_of_model(service: Service) -> set[str]:
    shapes = botocore.session.get_session().get_service_model(MODEL_OF[service]).error_shapes
    return {shape.metadata.get("error", {}).get("code") or shape.name for shape in shapes}


@pytest.mark.parametrize("service", Service)
def test_every_code_is_one_that_aws_has(service: Service) -> None:
    known = codes_of_model(service)
    assert MEANINGS[service].keys() - known - WHAT_ALL_MAY_ANSWER == NOT_IN_THE_MODELS[service]


@pytest.mark.parametrize(("service", "code", "meaning"), ROWS)
def test_a_row_says_truly_whether_botocore_tries_again(service: Service, code: str, meaning: Meaning) -> None:
    tried = {
        # botocore documents them in prose only.
        *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,  # type: ignore[attr-defined]
        *TransientRetryableChecker._TRANSIENT_ERROR_CODES,  # type: ignore[attr-defined]
        *SERVER_FAULTS,
    }
    assert meaning.by_botocore is (code in tried), service


@pytest.mark.parametrize("error", TRIED_AGAIN)
def test_an_error_is_tried_again_where_the_table_says(error: type[Exception]) -> None:
    retriers = [retrier for _, state in states() for retrier in state.get("Retry", []) if retrier["MaxAttempts"]]
    retried = {name for retrier in retriers for name in retrier["ErrorEquals"]}
    tries = TRIED_AGAIN[error]  # type: ignore[index]  # its keys
    assert (Tries.STATE_MACHINE in tries) is (error.__name__ in retried)
    assert (Tries.INVOCATION in tries) is (error in PASSING_ERRORS)
    assert bool(tries) is issubclass(error, RetryableError)


def test_every_error_of_the_table_has_its_place_in_what_is_tried_again() -> None:
    assert {meaning.error for meaning in ALL_MEANINGS} == TRIED_AGAIN.keys()


@pytest.mark.parametrize(("service", "code", "meaning"), ROWS)
def test_what_a_person_reads_names_the_code(service: Service, code: str, meaning: Meaning) -> None:
    with pytest.raises(meaning.error, match=code), answer_of(service, "AnOperation", media_id="m1"):
        raise ClientError({"Error": {"Code": code}}, "AnOperation")


def nodes_beside_the_table() -> Iterator[tuple[str, ast.AST]]:
    yield from ((file, node) for file, node in nodes() if file != "aws/answers.py")


def test_no_code_is_read_beside_the_table() -> None:
    codes = {code for _, code, _ in ROWS}
    read = [(file, node.value) for file, node in nodes_beside_the_table() if isinstance(node, ast.Constant)]
    assert [(file, text) for file, text in read if text in codes] == []


def test_records_of_the_table_are_updated_in_one_place() -> None:
    updates = [
        file
        for file, node in nodes_beside_the_table()
        if isinstance(node, ast.Attribute) and node.attr == "update_item"
    ]
    assert updates == ["table/record_update.py"]


def is_field_of_an_answer(node: ast.AST) -> bool:
    """Whether it takes something by a name such as UploadId, as all are in the answers of these services."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Load()):
            return name[:1].isupper() and not name.isupper()
    return False


def test_every_field_that_an_answer_must_have_is_read_in_the_one_way_that_names_it_when_it_is_missing() -> None:
    taken = {(file, ast.unparse(node)) for file, node in nodes_beside_the_table() if is_field_of_an_answer(node)}
    assert taken == set()
