from __future__ import annotations

import pytest

from gopro_sync.values.file_extension import VIDEO_EXTENSIONS, content_type_of, is_video_extension


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("GX010456.MP4", "video/mp4"),
        ("gopro-videos/2026/05/a.mp4", "video/mp4"),
        ("IMG_0001.Mov", "video/quicktime"),
        ("GS010012.360", "application/octet-stream"),
        ("GL010012.LRV", "video/mp4"),
        ("clip.hevc", "application/octet-stream"),
        ("Surf day", "application/octet-stream"),
        ("mp4", "application/octet-stream"),
    ],
)
def test_the_type_goes_by_the_extension_in_either_case_and_is_none_in_particular_where_nobody_knows(
    name: str, content_type: str
) -> None:
    assert content_type_of(name) == content_type


@pytest.mark.parametrize(("extension", "is_of_a_video"), [("Mp4", True), ("360", True), ("jpg", False), ("", False)])
def test_a_videos_extension_is_known_in_either_case(extension: str, is_of_a_video: bool) -> None:
    assert is_video_extension(extension) is is_of_a_video


def test_a_cameras_proxy_has_a_complete_name_and_is_no_recording() -> None:
    assert is_video_extension("LRV")
    assert "lrv" not in VIDEO_EXTENSIONS
