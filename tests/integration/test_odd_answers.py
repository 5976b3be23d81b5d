"""One odd answer to each call of a transfer, and to the write of a new session: nothing is lost, what is told is true.

The cases that users have reported are in ``test_aws_cases.py``; here is every call with every kind of answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.support.aws_cases.rotations import play_secret
from tests.support.aws_cases.transfers import TransferWorld, play_transfer, transfer_world

HTML: Final = "<html><body>Sign in</body></html>"


def refusal(code: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>no</Message></Error>'


# Each of them as an answer instead of the deed, and after it.
ANSWERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "500": {"status": 500},
    "503 of a proxy": {"status": 503, "body": HTML},
    "429": {"status": 429},
    "200 without a body": {"status": 200},
    "200 of a proxy": {"status": 200, "body": HTML},
    "200 cut off": {"status": 200, "body": '<?xml version="1.0"?><Comp'},
    "200 with InternalError": {"status": 200, "body": refusal("InternalError")},
    "200 with PreconditionFailed": {"status": 200, "body": refusal("PreconditionFailed")},
    "204": {"status": 204},
    "400": {"status": 400},
    "404": {"status": 404},
    "301": {"status": 301, "headers": {"Location": "http://127.0.0.1:1/"}},
    "no answer": {"is_lost": True},
}
FORBIDDEN: Final[Mapping[str, Mapping[str, Any]]] = {
    "403": {"status": 403},
    "403 of a proxy": {"status": 403, "body": HTML},
}
pytestmark = pytest.mark.slow

OF_SMALL: Final = ("PutObject", "HeadObject")
OF_LARGE: Final = ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")


@pytest.fixture(scope="module")
def world() -> Iterator[TransferWorld]:
    with pytest.MonkeyPatch.context() as patch, transfer_world() as made:
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        yield made


def troubles(world: TransferWorld, service: str, operation: str, answers: Mapping[str, Any], **more: Any) -> list[str]:
    """Say which answers cost the video something, or made the run tell something else than what was moved."""
    found = []
    for name, answer in answers.items():
        for acted in (False, True):
            odd = {"operation": operation, "acted": acted, **answer, **more}
            file = "small" if operation in {*OF_SMALL, "UpdateItem"} else "large"
            seen = play_transfer(world, {"file": file, service: [odd], "retries": 3})
            if (seen["record"], seen["is_told_right"], seen["attempts"]) != ("COMPLETED", True, 0):
                found.append(f"{name}, acted: {acted}: {seen['calls']}, {seen['bytes_told']} bytes: {seen['message']}")
    return found


@pytest.mark.parametrize("operation", [*OF_SMALL, *OF_LARGE])
def test_of_s3(world: TransferWorld, operation: str) -> None:
    assert troubles(world, "s3", operation, ANSWERS) == []


@pytest.mark.parametrize("operation", [*OF_SMALL, *OF_LARGE])
def test_of_s3_that_denies_without_a_word(world: TransferWorld, operation: str) -> None:
    assert troubles(world, "s3", operation, FORBIDDEN) == []


@pytest.mark.parametrize("holding", ["IN_PROGRESS", "COMPLETED"])
def test_of_the_table(world: TransferWorld, holding: str) -> None:
    assert troubles(world, "dynamodb", "UpdateItem", {**ANSWERS, **FORBIDDEN}, holding=holding) == []


def test_of_the_write_of_a_new_session(world: TransferWorld) -> None:
    lost = []
    for name, answer in ({**ANSWERS, **FORBIDDEN}).items():
        odd = {"operation": "PutSecretValue", **answer}
        seen = play_secret(
            world, {"holds": "refresh_token", "does": ["end-sessions", "renew", "renew"], "secretsmanager": [odd]}
        )
        if seen["session_afterwards"] != "lives":
            lost.append(f"{name}: {seen['errors']}")
    assert lost == []
