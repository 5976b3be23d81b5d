"""Which file of a recording: the chapter, and the lens where a camera has several."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gopro_sync.values.outside_values import one_line, text_or_none

# GoPro's word for the only lens, where it states one at all.
_USUAL_LENS: Final = "default"
_FIRST_LENS: Final = "front"
_LONGEST_LENS_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FileId:
    """One file of a recording; no two files of it share an id.

    Attributes:
        item_number: number of the chapter, from 1.
        lens: the lens, in lower case: ``front`` and ``back`` with a Fusion; None for the usual single one.
    """

    item_number: int
    lens: str | None = None

    @property
    def place(self) -> tuple[int, bool, bool, str]:
        """The sort key of files: the beginning of the recording comes first, and the front before the back."""
        return self.item_number, self.lens is not None, self.lens != _FIRST_LENS, self.lens or ""

    def __str__(self) -> str:
        """Return the file as a message to a person names it."""
        return f"chapter {self.item_number}" + ("" if self.lens is None else f", lens {self.lens}")


def lens_or_none(camera_position: object) -> str | None:
    """Read GoPro's ``camera_position``; None for the usual single lens, and for anything that is not a word."""
    word = text_or_none(camera_position)
    if word is None:
        return None
    lens = one_line(word.strip().casefold(), longest_bytes=_LONGEST_LENS_BYTES)
    return None if lens in {"", _USUAL_LENS} else lens


def files_of_recording(known: Collection[FileId], item_count: int, *, counts_gaps: bool = True) -> int:
    """Return how many files a recording has at least, as far as is known; a gap in the numbers counts as one more.

    All lenses film from beginning to end, so each has as many chapters as the one with the most; but where no two
    lenses share a number, the numbers count the files.

    Args:
        known: the files that have been seen, at GoPro or in S3.
        item_count: GoPro's count: of the chapters, or of all files (with two lenses it may be either).
        counts_gaps: False where the numbers of a recording with one lens may start or continue anywhere.
    """
    if len({one.item_number for one in known}) == len(known):
        return max(item_count, *(one.item_number for one in known if counts_gaps), len(known))
    of_usual_lens = max((one.item_number for one in known if one.lens is None), default=0)
    of_named_lenses = [one for one in known if one.lens is not None]
    lenses = {one.lens for one in of_named_lenses}
    most_chapters = max((one.item_number for one in of_named_lenses), default=0)
    return max(item_count, of_usual_lens + most_chapters * len(lenses))
