"""Which chapter each camera original of one lens is, by GoPro's number and by its address. Pure.

GoPro numbers chapters from 1, and sends null, 0 or nothing for a file that is the only one (observed by open-source
clients). Other numbers have not been seen; they cannot show where the numbering begins, but they do show the order.
Nothing here raises: where nothing identifies a chapter, the answer is ``None``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Final

# A camera counts its chapters with two digits.
MOST_CHAPTERS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What GoPro states of one original.

    Attributes:
        number: GoPro's number, of whatever size; None if there is no readable one.
        position: the number in which the path of its address ends; None if it ends otherwise.
        address: where it is, without the signature; empty if GoPro states none.
    """

    number: int | Decimal | None
    position: int | None
    address: str


def number_chapters(originals: Sequence[Stated], item_count: int) -> list[int | None]:
    """Return the chapter of each original, from 1, in the order of the originals; None where nothing identifies it.

    Args:
        originals: all that GoPro lists for one lens, available or not; at least one.
        item_count: the number of chapters according to the listing.
    """
    numbers = _numbers(originals)
    if all(number is None for number in numbers):
        return _by_addresses(originals, item_count)
    chapter_of = _as_chapters({number for number in numbers if number is not None})
    chapters = [
        _position_as_it_is(original) if number is None else chapter_of[number]
        for original, number in zip(originals, numbers, strict=True)
    ]
    return _with_the_last_one(originals, chapters, item_count)


def first_free(taken: Collection[int]) -> int:
    """Return the first chapter, from 1, that is not among these."""
    return next(number for number in count(1) if number not in taken)


def _numbers(originals: Sequence[Stated]) -> list[int | Decimal | None]:
    """Return the numbers; a file listed again without a number gets the same one, and a 0 may mean "none"."""
    begins_at_0 = _begins_at_0(originals)
    numbers = [None if one.number == 0 and not begins_at_0 else one.number for one in originals]
    of_address = {
        one.address: number
        for one, number in zip(originals, numbers, strict=True)
        if one.address and number is not None
    }
    return [
        of_address.get(one.address) if number is None else number
        for one, number in zip(originals, numbers, strict=True)
    ]


def _begins_at_0(originals: Sequence[Stated]) -> bool:
    """Return whether 0 is the first number, and not GoPro's word for "not numbered".

    It is if another file is number 1, unless its address shows that it is one of the unnumbered ones.
    """
    first = [one for one in originals if one.number == 0]
    others = [one for one in originals if one.number is not None and one.number != 0]
    numbers = {one.number for one in others if one.number is not None}
    if len({one.address for one in first}) != 1 or not (1 in numbers or any(number < 0 for number in numbers)):
        return False
    is_listed_again = first[0].address != "" and first[0].address in {one.address for one in others}
    position = first[0].position
    return not is_listed_again and (not position or position in numbers)


def _as_chapters(numbers: Collection[int | Decimal]) -> dict[int | Decimal, int]:
    """Return the chapter of each number; for numbers that no camera assigns, only the order counts."""
    usual = [number for number in numbers if isinstance(number, int) and 0 <= number <= MOST_CHAPTERS]
    if len(usual) == len(numbers):
        before = 1 if 0 in usual else 0
        return {number: number + before for number in usual}
    return {number: rank for rank, number in enumerate(sorted(numbers), start=1)}


def _by_addresses(originals: Sequence[Stated], item_count: int) -> list[int | None]:
    if len({one.address for one in originals}) == 1:
        # A file's name may end like a position: one that the listing does not account for is none.
        position = originals[0].position or 1
        return [position if position <= item_count else 1] * len(originals)
    chapter_of = _as_chapters({one.position for one in originals if one.position is not None})
    chapters = [None if one.position is None else chapter_of[one.position] for one in originals]
    return _with_the_last_one(originals, chapters, item_count)


def _position_as_it_is(original: Stated) -> int | None:
    position = original.position
    return position if position is not None and 1 <= position <= MOST_CHAPTERS else None


def _with_the_last_one(
    originals: Sequence[Stated], chapters: Sequence[int | None], item_count: int
) -> list[int | None]:
    """Return the chapters; a single unidentified file is the missing chapter, if only one is missing."""
    taken = {chapter for chapter in chapters if chapter is not None}
    left = {one.address for one, chapter in zip(originals, chapters, strict=True) if chapter is None and one.address}
    last = max(item_count, len(taken) + 1, *taken)
    if len(left) != 1 or (taken and last - len(taken) != 1):
        return list(chapters)
    (address,) = left
    return [
        first_free(taken) if chapter is None and one.address == address else chapter
        for one, chapter in zip(originals, chapters, strict=True)
    ]
