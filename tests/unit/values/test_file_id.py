"""How many files a recording has, by what is known of them."""

from __future__ import annotations

import pytest

from gopro_sync.values.file_id import FileId, files_of_recording


def ids(*files: tuple[int, str | None]) -> set[FileId]:
    return {FileId(item_number=number, lens=lens) for number, lens in files}


@pytest.mark.parametrize(
    ("known", "item_count", "count"),
    [
        ((), 3, 3),
        (((1, None), (3, None)), 1, 3),
        (((1, "front"), (1, "back")), 1, 2),
        (((1, "front"), (1, "back")), 2, 2),
        (((1, "front"), (2, "front"), (1, "back")), 2, 4),
        (((1, "front"), (2, "front"), (1, "back")), 4, 4),
        (((2, "front"),), 1, 2),
        (((1, "front"), (2, "back")), 2, 2),
        (((1, "front"), (2, "back"), (4, "back")), 2, 4),
        (((1, None), (2, None), (1, "front")), 2, 3),
    ],
)
def test_each_lens_has_all_chapters_whatever_gopro_counts(
    known: tuple[tuple[int, str | None], ...], item_count: int, count: int
) -> None:
    assert files_of_recording(ids(*known), item_count) == count


def test_a_file_is_named_by_its_lens_only_where_there_are_several() -> None:
    assert [str(FileId(item_number=2, lens=lens)) for lens in (None, "back")] == ["chapter 2", "chapter 2, lens back"]
