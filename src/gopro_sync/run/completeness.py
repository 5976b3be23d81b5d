"""Whether what is archived of a video is all of it, according to GoPro's listing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gopro_sync.archive.archived_file import ArchivedFile

# GoPro's `file_size` is the sum over the chapters as they were uploaded; after `reprocessed_at` the files were seen to
# differ from it by about 3 kB on 20 to 100 MB (open-source clients). A missing chapter is a matter of many megabytes.
_SLACK_BYTES: Final = 64 * 1024
_LARGE_PER_SLACK: Final = 2000
_SMALL_PER_SLACK: Final = 100


def slack_bytes(listed_bytes: int) -> int:
    """Return by how many bytes the files of a video may fall short of the listed size and still be all of it."""
    return min(max(_SLACK_BYTES, listed_bytes // _LARGE_PER_SLACK), listed_bytes // _SMALL_PER_SLACK)


def shortfall(
    files: Sequence[ArchivedFile], *, listed_bytes: int | None, chapter_count: int, possible_count: int = 0
) -> str | None:
    """Return in words what is missing from a video; None if nothing is.

    Where the bytes are as GoPro states, a gap in the chapter numbers, or an unreadable entry, is no missing chapter;
    where it states no size, or another one, it may be one.

    Args:
        files: its chapters that are in S3.
        listed_bytes: the size that GoPro's listing states, of all chapters together; None, or 0, if it states none.
        chapter_count: how many chapters GoPro states, counting those of each lens.
        possible_count: how many there may be, counting gaps in their numbers and unreadable entries too.
    """
    archived_bytes = sum(file.size_bytes for file in files)
    beyond = archived_bytes - (listed_bytes or 0)
    slack = slack_bytes(listed_bytes or 0)
    # More than GoPro states shows that its statement is incomplete.
    is_whole = bool(listed_bytes) and abs(beyond) <= slack
    most = max(chapter_count, possible_count)
    if beyond >= -slack and len(files) >= (chapter_count if is_whole else most):
        return None
    of_bytes = f"{archived_bytes} bytes" if listed_bytes is None else f"{archived_bytes} of {listed_bytes} bytes"
    what = "chapters" if all(file.lens is None for file in files) else "files"
    return f"{of_bytes}, {what} {len(files)} of {most}"
