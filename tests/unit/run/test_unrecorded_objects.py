"""Objects that lie where the table knows of none: a run says so, and does not fail for it."""

from __future__ import annotations

from typing import Any, Final, cast

import pytest
from botocore.exceptions import ClientError

from gopro_sync.run.unrecorded_objects import unrecorded_objects
from gopro_sync.table.video import Video


class FakeS3:
    """A bucket with these keys; it notes what it is asked."""

    def __init__(self, *keys: str, refuses: bool = False) -> None:
        self._keys = sorted(keys)
        self._refuses = refuses
        self.asked: list[str] = []

    def list_objects_v2(self, **asked: Any) -> dict[str, Any]:
        assert (asked["Bucket"], asked["MaxKeys"]) == ("archive", 1)
        self.asked.append(asked["Prefix"])
        if self._refuses:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListObjectsV2")
        found = [{"Key": key} for key in self._keys if key.startswith(asked["Prefix"])]
        return {"Contents": found[:1]} if found else {}


def video(name: str) -> Video:
    return Video(media_id=name, filename=name, s3_key=f"gopro-videos/2026/05/{name}")


def ask(s3: FakeS3, *names: str) -> int:
    answer = unrecorded_objects(cast("Any", s3), bucket="archive", videos=[video(name) for name in names])
    return int(answer["found_without_record"])


MANY: Final = [f"GX01{number:04}.MP4" for number in range(1000)]


def test_an_object_under_the_key_of_a_video_without_record_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    assert ask(FakeS3("gopro-videos/2026/05/a.MP4", "gopro-videos/2026/05/b.MP4.txt"), "a.MP4", "b.MP4", "c.MP4") == 1
    assert "gopro-sync rebuild" in caplog.text


def test_nothing_is_reported_of_a_first_run(caplog: pytest.LogCaptureFixture) -> None:
    s3 = FakeS3()
    assert ask(s3, *MANY) == 0
    assert len(s3.asked) == 20
    assert ask(s3) == 0
    assert caplog.text == ""


def test_the_videos_that_are_asked_for_are_of_all_ages() -> None:
    newest_half = [f"gopro-videos/2026/05/{name}" for name in MANY[500:]]
    assert ask(FakeS3(*newest_half), *MANY) == 10


def test_a_run_does_not_fail_because_it_may_not_ask(caplog: pytest.LogCaptureFixture) -> None:
    assert ask(FakeS3(refuses=True), "a.MP4") == 0
    assert "s3:ListBucket" in str([vars(line) for line in caplog.records])
