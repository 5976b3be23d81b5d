from __future__ import annotations

import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.url_expiry import expires_at

END = 1_800_000_000


def custom_policy(document: object) -> str:
    """As CloudFront spells it."""
    return base64.b64encode(json.dumps(document).encode()).decode().translate(str.maketrans("+=/", "-_~"))


POLICY = {"Statement": [{"Resource": "https://cdn/*", "Condition": {"DateLessThan": {"AWS:EpochTime": END}}}]}


@pytest.mark.parametrize(
    "query",
    [
        f"Expires={END}&Signature=s",
        f"expires={END}",
        f"EXPIRES={END}",
        f"Policy={custom_policy(POLICY)}&Signature=s",
        f"policy={custom_policy(POLICY)}",
        "X-Amz-Date=20270115T070000Z&X-Amz-Expires=3600&X-Amz-Signature=s",
        "x-amz-date=20270115T070000Z&x-amz-expires=3600",
        "X-Goog-Date=20270115T070000Z&X-Goog-Expires=3600",
        f"Expires={END + 50}&Policy={custom_policy(POLICY)}",
    ],
)
def test_a_url_says_when_it_runs_out(query: str) -> None:
    assert expires_at(f"https://cdn.example/x?{query}") == END


@pytest.mark.parametrize(
    "query",
    [
        "",
        "Expires=soon",
        "X-Amz-Expires=3600",
        "X-Amz-Date=20270115T070000Z",
        "X-Amz-Date=yesterday&X-Amz-Expires=1",
        "Policy=",
        "Policy=%00",
        "Policy=e30_",
        "Policy=" + custom_policy([]),
        "Policy=" + custom_policy({"Statement": {}}),
        "Policy=" + custom_policy({"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": "soon"}}}]}),
        "Policy=" + base64.b64encode(b"[" * 100000).decode(),
        "x#Expires=5",
    ],
)
def test_a_url_that_does_not_say_so_has_no_end(query: str) -> None:
    assert expires_at(f"https://cdn.example/x?{query}") == math.inf


@given(st.text())
def test_no_query_raises(text: str) -> None:
    assert expires_at(f"https://cdn.example/x?Policy={text}&Expires={text}") >= 0
