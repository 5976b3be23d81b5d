"""The engine reads an expression of DynamoDB once, however many records it looks at."""

from __future__ import annotations

from typing import Any

import pytest
from ministack.services import dynamodb

from local.engine import expressions

CONDITION = "#status = :status AND sync_timestamp >= :since"
VALUES = {":status": {"S": "COMPLETED"}, ":since": {"S": "2026-11-01T00:00:00Z"}}


def matches(moment: str) -> bool:
    record = {"status": {"S": "COMPLETED"}, "sync_timestamp": {"S": moment}}
    answer: Any = dynamodb._evaluate_condition(CONDITION, record, VALUES, {"#status": "status"})
    return bool(answer)


def test_an_expression_is_read_once_for_all_records(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    stock = dynamodb._tokenize

    def tokenize(text: str) -> Any:
        read.append(text)
        return stock(text)

    monkeypatch.setattr(dynamodb, "_tokenize", tokenize)
    monkeypatch.setattr(dynamodb, "_condition_syntax_error", dynamodb._condition_syntax_error)
    expressions.apply()

    found = [matches(f"2026-{month}-15T00:00:00Z") for month in ("10", "11", "12")]

    assert found == [False, True, True]
    assert read.count(CONDITION) == 1
