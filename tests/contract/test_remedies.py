"""Every remedy is true: no error that postpones its video for days promises the next run.

What becomes of a video that fails is asked of the state machine itself.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from gopro_sync import errors
from gopro_sync.errors import GoProSyncError
from tests.contract.test_sync_runs import Cloud, failing_with

_TROUBLESHOOTING: Final = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text()
# Of a row that says both: what the run does, and what becomes of a video.
_SAYS_WHEN: Final = re.compile(r"after one day|1, 2, 4|is due again")
_PROMISES_THE_NEXT_RUN: Final = re.compile(r"next run", re.IGNORECASE)


def all_errors() -> list[type[GoProSyncError]]:
    """Return the errors that can be raised: those that no other one is derived from, or that have a remedy."""
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, GoProSyncError)]
    return sorted((kind for kind in found if kind.remedy), key=lambda kind: kind.__name__)


@cache
def postpones_its_video(name: str) -> bool:
    """Return whether a video that fails with this error, for the fourth time, is left alone for days."""
    cloud = Cloud(media_ids=("a", "b"), retry_count=3, downloads={"b": failing_with(name)})
    cloud.run()
    return bool(cloud.sent_to("updateItem"))


def test_the_errors_of_both_kinds_are_found() -> None:
    assert postpones_its_video("IntegrityError")
    assert not postpones_its_video("AccessDeniedError")
    assert len([kind for kind in all_errors() if postpones_its_video(kind.__name__)]) > 10


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_a_remedy_promises_the_next_run_only_where_it_takes_the_video(kind: type[GoProSyncError]) -> None:
    assert not (_PROMISES_THE_NEXT_RUN.search(kind.remedy) and postpones_its_video(kind.__name__)), kind.remedy


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_the_page_for_trouble_promises_it_only_there_too(kind: type[GoProSyncError]) -> None:
    rows = [row for row in _TROUBLESHOOTING.splitlines() if row.startswith("| `") and f"`{kind.__name__}`" in row]
    assert rows
    for row in rows:
        is_true = not postpones_its_video(kind.__name__) or _SAYS_WHEN.search(row)
        assert is_true or not _PROMISES_THE_NEXT_RUN.search(row), row
