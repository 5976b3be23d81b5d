"""Whether what is archived of a video is all of it, by what GoPro's listing states. Pure."""

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


def shortfall(files: Sequence[ArchivedFile], *, listed_bytes: int | None, chapter_count: int) -> str | None:
    """Say in words what is missing of a video; None if nothing is.

    Args:
        files: its chapters that are in S3.
        listed_bytes: the size that GoPro's listing states, of all chapters together; None, or 0, if it states none.
        chapter_count: how many chapters GoPro says that there are, those of each lens counted.
    """
    archived_bytes = sum(file.size_bytes for file in files)
    is_short = listed_bytes is not None and archived_bytes < listed_bytes - slack_bytes(listed_bytes)
    if not is_short and len(files) >= chapter_count:
        return None
    of_bytes = f"{archived_bytes} bytes" if listed_bytes is None else f"{archived_bytes} of {listed_bytes} bytes"
    what = "chapters" if all(file.lens is None for file in files) else "files"
    return f"{of_bytes}, {what} {len(files)} of {chapter_count}"
