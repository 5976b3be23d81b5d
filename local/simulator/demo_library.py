"""The library that ``make demo`` copies: small, but with everything that makes real libraries awkward."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from local.simulator.library import Library, SimulatedItem, SourceFile

_MIB = 1024 * 1024
_ID_DIGITS = 24


def demo_library() -> Library:
    """Return about ten items, 220 MB in all."""
    return Library(_demo_items())


def real_file_item(path: Path) -> SimulatedItem:
    """Return a media item for a real file, under its own name. Raises OSError if it cannot be read."""
    path = path.resolve(strict=True)
    # Names may hold what no id of GoPro's does, such as blanks; the same name has the same id.
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()
    modified = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    return SimulatedItem(
        media_id=digest[:_ID_DIGITS],
        filename=path.name,
        created_at=modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
        chapters=(SourceFile(path=path),),
    )


def _demo_items() -> list[SimulatedItem]:
    return [
        _video("64d2b7f0a1b2c3d4e5f60001", "GX010127.MP4", "2026-04-02T17:12:08Z", 9 * _MIB + 4321),
        _video("64d2b7f0a1b2c3d4e5f60002", "GH010311.MP4", "2026-04-11T08:40:51Z", 14 * _MIB + 77),
        # A recording in three chapters, the last one shorter.
        _video(
            "64d2b7f0a1b2c3d4e5f60003", "GX010456.MP4", "2026-05-01T18:02:44Z", 16 * _MIB, 16 * _MIB, 5 * _MIB + 999
        ),
        # Two cameras that count alike, in one month.
        _video("64d2b7f0a1b2c3d4e5f60004", "GX010500.MP4", "2026-05-09T10:00:00Z", 11 * _MIB + 5),
        _video("ab01Cd23Ef45G", "GX010500.MP4", "2026-05-21T19:30:30Z", 7 * _MIB + 512),
        # Large enough for a multipart upload.
        _video("64d2b7f0a1b2c3d4e5f60006", "GX010602.MP4", "2026-06-14T12:25:00Z", 114 * _MIB + 123),
        # Without a name.
        SimulatedItem(
            media_id="64d2b7f0a1b2c3d4e5f60007",
            filename=None,
            file_extension="MP4",
            created_at="2026-06-20T07:07:07Z",
            camera_model=None,
            chapters=(SourceFile(size_bytes=3 * _MIB + 17, seed="demo-7"),),
        ),
        # An edit: GoPro's own render, without an original.
        SimulatedItem(
            media_id="xY98zW76vU54T",
            filename=None,
            type="MultiClipEdit",
            file_extension="json",
            created_at="2026-06-21T20:00:00Z",
            camera_model=None,
            width=None,
            height=None,
            duration_milliseconds=None,
        ),
        # Still being processed.
        SimulatedItem(
            media_id="64d2b7f0a1b2c3d4e5f60009",
            filename="GX010603.MP4",
            created_at="2026-06-22T06:30:00Z",
            ready_to_view="transcoding",
            row_overrides={"file_size": None},
        ),
        SimulatedItem(
            media_id="64d2b7f0a1b2c3d4e5f6000a",
            filename="GOPR0604.JPG",
            type="Photo",
            created_at="2026-06-22T06:31:00Z",
            width=5568,
            height=4872,
            duration_milliseconds=None,
            chapters=(SourceFile(size_bytes=4 * _MIB, seed="demo-10"),),
        ),
        # A type that GoPro might invent tomorrow, and no name of a video.
        SimulatedItem(
            media_id="64d2b7f0a1b2c3d4e5f6000b",
            filename="HG010605.HOLO",
            type="Hologram",
            created_at="2026-06-23T11:11:11Z",
            chapters=(SourceFile(size_bytes=2 * _MIB, seed="demo-11"),),
        ),
    ]


def _video(media_id: str, filename: str, created_at: str, *chapter_bytes: int) -> SimulatedItem:
    return SimulatedItem(
        media_id=media_id,
        filename=filename,
        created_at=created_at,
        chapters=tuple(
            SourceFile(size_bytes=size, seed=f"{media_id}/{number}")
            for number, size in enumerate(chapter_bytes, start=1)
        ),
    )
