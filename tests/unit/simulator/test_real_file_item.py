"""A file of a person's own is an item of the simulated library, whatever it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from gopro_sync.gopro.library.media import is_media_id
from local.simulator import real_file_item


@pytest.mark.parametrize(
    "name", ["GX010001.MP4", "my holiday.mp4", "Grüße 🏂.MP4", ".mp4", "[bold] :secret:\n.mp4", "x" * 250, "\udcff.mp4"]
)
def test_its_id_is_one_that_gopro_could_give(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"footage")

    item = real_file_item(tmp_path / name)

    assert is_media_id(item.media_id)
    assert item.media_id == real_file_item(tmp_path / name).media_id
    assert item.filename == name
