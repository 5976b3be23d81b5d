"""What a record keeps of a transfer: the files in S3, and the upload that is under way."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.block_md5s import BlockMd5s
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.table.fields import text_field, whole_number_field
from gopro_sync.values.outside_values import text_or_none, whole_number_or_none

_WHOLE_NUMBERS: Final = frozenset({"item_number", "size_bytes", "part_size"})
# Defaults for an upload that has not got as far, or a camera with one lens, as in records of earlier versions.
_LEFT_OUT_WHERE_NONE: Final = ("whole_crc64nvme", "replaces", "lens", "proved_parts", "block_md5s")
# A part's number and its checksum in S3's form: at most 18 bytes for each of at most 10,000 parts, less than half of
# what a record may have.
_PROVED_PART: Final = re.compile(r"([1-9][0-9]{0,4}):([A-Za-z0-9+/]{11}=)")


def item_of_file(file: ArchivedFile) -> dict[str, Any]:
    """Return a file as a record keeps it."""
    return _without_none(asdict(file), "lens")


def file_in(item: Mapping[str, Any]) -> ArchivedFile:
    """Read a file from a record.

    Raises:
        TypeError, ValueError: it cannot be read.
    """
    return ArchivedFile(**_fields(item))


def item_of_upload(upload: OpenUpload) -> dict[str, Any]:
    """Return an upload as a record keeps it; the checksums of its parts, and their MD5s, as text."""
    fields = asdict(upload)
    proved, block_md5s = fields.pop("proved"), fields.pop("block_md5s")
    item = {
        "part_size": fields.pop("part_size_bytes"),
        **fields,
        "proved_parts": " ".join(f"{number}:{checksum}" for number, checksum in sorted(proved.items())) or None,
        "block_md5s": None if block_md5s is None else {**block_md5s, "by_part": _as_text(block_md5s["by_part"])},
    }
    return _without_none(item, *_LEFT_OUT_WHERE_NONE)


def upload_in(item: Mapping[str, Any]) -> OpenUpload:
    """Read an upload from a record; parts that are not as they were written do not count as proved.

    Raises:
        KeyError, TypeError, ValueError: it cannot be read.
    """
    fields = _fields({name: value for name, value in item.items() if name != "block_md5s"})
    return OpenUpload(
        part_size_bytes=fields.pop("part_size"),
        proved=_proved_in(fields.pop("proved_parts", None)),
        block_md5s=_block_md5s_or_none(item.get("block_md5s")),
        **fields,
    )


def _proved_in(text: str | None) -> dict[int, str]:
    parts = [match for word in (text or "").split() if (match := _PROVED_PART.fullmatch(word))]
    return {number: match[2] for match in parts if (number := whole_number_or_none(match[1])) is not None}


def _as_text(by_part: Mapping[int, bytes]) -> dict[str, str]:
    return {str(number): b64encode(md5s).decode() for number, md5s in by_part.items()}


def _block_md5s_or_none(value: object) -> BlockMd5s | None:
    """Return them as they were written; None if they are not: then the source's ETag is merely not compared."""
    if not isinstance(value, Mapping) or not isinstance(value.get("by_part"), Mapping):
        return None
    block_bytes = whole_number_or_none(value.get("block_bytes"))
    if not block_bytes:
        return None
    numbered = {whole_number_or_none(number): text_or_none(md5s) for number, md5s in value["by_part"].items()}
    try:
        by_part = {number: b64decode(md5s, validate=True) for number, md5s in numbered.items() if number and md5s}
    except ValueError:
        return None
    return BlockMd5s(block_bytes=block_bytes, by_part=by_part)


def _fields(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: (whole_number_field if name in _WHOLE_NUMBERS else text_field)(item, name) for name in item}


def _without_none(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None or name not in names}
