"""docs/notices.md shows what the code writes, of nights as the state machine ends them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from docs.tools.notices import GOOD_NIGHT, NIGHTS, notices_page
from tests.contract.test_sync_runs import Cloud, failing_with

_PAGE: Final = Path(__file__).parents[2] / "docs" / "notices.md"
_ADDED_BY_THE_REPORT: Final = {"megabytes_per_second", "cost_usd", "source_etags_decided"}


def test_the_page_is_the_one_that_the_code_writes() -> None:
    assert _PAGE.read_text(encoding="utf-8") == notices_page()


def test_the_nights_are_summed_up_as_the_state_machine_does() -> None:
    output = Cloud(media_ids=("a", "b"), downloads={"b": failing_with("IntegrityError")}).run().output
    shown = set(GOOD_NIGHT).union(*(night.summary for night in NIGHTS))
    assert shown - _ADDED_BY_THE_REPORT <= set(output)
