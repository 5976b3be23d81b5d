"""A fault strikes the requests that it is meant for, as often as it is meant to."""

from __future__ import annotations

import pytest

from local.simulator.faults import POSSIBLE_ENDPOINTS, Endpoint, Fault, FaultBoard, FaultName, FaultScope

THROTTLED = frozenset({FaultName.THROTTLED})
CDN = FaultScope(endpoint=Endpoint.CDN, media_id="a", item_number=2)


def strikes(fault: Fault, scope: FaultScope, times: int = 1) -> list[bool]:
    board = FaultBoard([fault])
    return [board.strike_one(frozenset(FaultName), scope) is not None for _ in range(times)]


def test_every_fault_can_happen_somewhere() -> None:
    assert set(POSSIBLE_ENDPOINTS) == set(FaultName)


def test_every_fault_and_endpoint_says_what_it_is() -> None:
    assert all(name.description.endswith(".") for name in FaultName)
    assert all(endpoint.description for endpoint in Endpoint)


def test_a_fault_that_contradicts_itself_can_strike_nowhere() -> None:
    assert Fault(FaultName.SHORT_PAGE, media_id="a").endpoints == frozenset()
    assert Fault(FaultName.THROTTLED, item_number=2).endpoints == {Endpoint.CDN}


def test_the_next_n_requests_after_some_that_are_spared() -> None:
    assert strikes(Fault(FaultName.THROTTLED, skip=1, count=2), CDN, times=5) == [False, True, True, False, False]


def test_without_a_count_it_is_every_request() -> None:
    assert strikes(Fault(FaultName.THROTTLED), CDN, times=3) == [True, True, True]


def test_probability_can_be_repeated_by_its_seed() -> None:
    fault = Fault(FaultName.THROTTLED, probability=0.3, seed=7)
    first = strikes(fault, CDN, times=1000)
    assert strikes(fault, CDN, times=1000) == first
    assert 230 < sum(first) < 370


@pytest.mark.parametrize(
    ("fault", "is_struck"),
    [
        (Fault(FaultName.THROTTLED, endpoint=Endpoint.CDN), True),
        (Fault(FaultName.THROTTLED, endpoint=Endpoint.SEARCH), False),
        (Fault(FaultName.THROTTLED, media_id="a"), True),
        (Fault(FaultName.THROTTLED, media_id="b"), False),
        (Fault(FaultName.THROTTLED, item_number=2), True),
        (Fault(FaultName.THROTTLED, item_number=1), False),
        (Fault(FaultName.THROTTLED, method="GET"), True),
        (Fault(FaultName.THROTTLED, method="HEAD"), False),
        (Fault(FaultName.SHORT_PAGE), False),
    ],
)
def test_scope(fault: Fault, is_struck: bool) -> None:
    assert strikes(fault, CDN) == [is_struck]


@pytest.mark.parametrize(("per_page", "is_struck"), [(100, True), (200, True), (50, False), (None, False)])
def test_pages_come_short_only_when_more_than_50_rows_are_asked_for(per_page: int | None, is_struck: bool) -> None:
    assert strikes(Fault(FaultName.SHORT_PAGE), FaultScope(endpoint=Endpoint.SEARCH, per_page=per_page)) == [is_struck]


def test_a_fault_in_the_shadow_of_another_is_not_used_up() -> None:
    board = FaultBoard([Fault(FaultName.THROTTLED, count=1), Fault(FaultName.SERVER_ERROR, count=1)])
    both = THROTTLED | {FaultName.SERVER_ERROR}
    struck = [board.strike_one(both, CDN) for _ in range(3)]
    assert [fault and fault.name for fault in struck] == [FaultName.THROTTLED, FaultName.SERVER_ERROR, None]


def test_hits_are_counted_until_the_faults_are_replaced() -> None:
    board = FaultBoard([Fault(FaultName.THROTTLED)])
    board.strike_one(THROTTLED, CDN)
    board.strike_one(THROTTLED, CDN)
    assert board.to_json() == [{"name": "throttled", "hits": 2}]
    board.replace([])
    assert board.strike_one(THROTTLED, CDN) is None
