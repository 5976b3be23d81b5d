"""What the guard remembers: a record that was changed by hand is forgotten where it cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.gopro.session.renewal import GuardMemory, Refusal
from gopro_sync.table.session_guard import SessionGuard
from gopro_sync.table.values import to_attribute_value
from tests.support.odd_values import calendar_ends, texts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
REFUSAL = {
    "version_id": "a-version",
    "since": "2026-04-30T02:00:00Z",
    "last_tried_at": "2026-05-01T01:00:00Z",
    "reason": "GoPro refuses the password",
}


class Table:
    """DynamoDB with one record, which holds these attributes besides the lease."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        self._attributes = attributes

    def update_item(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {name: to_attribute_value(value) for name, value in self._attributes.items()}}


def remembered(**attributes: Any) -> GuardMemory | None:
    guard = SessionGuard(cast("DynamoDBClient", Table(attributes)), "a-table", owner="me", clock=lambda: NOW)
    return guard.take()


def test_what_was_remembered_is_read() -> None:
    assert remembered(refusal=REFUSAL, password_login_at="2026-05-01T01:59:59Z") == GuardMemory(
        refusal=Refusal(
            version_id="a-version",
            since=datetime(2026, 4, 30, 2, 0, tzinfo=UTC),
            last_tried_at=datetime(2026, 5, 1, 1, 0, tzinfo=UTC),
            reason="GoPro refuses the password",
        ),
        password_login_at=datetime(2026, 5, 1, 1, 59, 59, tzinfo=UTC),
    )


@pytest.mark.parametrize("field", REFUSAL)
@pytest.mark.parametrize("value", [None, 7, "", [], "0001-01-01T00:00:00+14:00"])
def test_a_refusal_that_cannot_be_read_is_forgotten(field: str, value: object) -> None:
    if isinstance(value, str) and value and field in {"version_id", "reason"}:
        return  # that is a text
    assert remembered(refusal={**REFUSAL, field: value}) == GuardMemory(refusal=None, password_login_at=None)
    without = {name: value for name, value in REFUSAL.items() if name != field}
    assert remembered(refusal=without) == GuardMemory(refusal=None, password_login_at=None)


@pytest.mark.parametrize("value", ["yesterday", 7, None, [], {}, "2026-05-01T02:00:00", "0001-01-01T00:00:00+14:00"])
def test_a_login_whose_time_cannot_be_read_is_forgotten(value: object) -> None:
    assert remembered(password_login_at=value, refusal=value) == GuardMemory(refusal=None, password_login_at=None)


values = st.none() | st.booleans() | st.integers() | texts | calendar_ends.map(datetime.isoformat)


@given(st.dictionaries(st.sampled_from(sorted(REFUSAL)), values), values)
def test_no_record_raises(refusal: dict[str, Any], login_at: object) -> None:
    assert remembered(refusal={**REFUSAL, **refusal}, password_login_at=login_at) is not None
