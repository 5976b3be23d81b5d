"""A file with a run's input is understood or refused before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.errors import RunInputError
from local.run_input_file import read_run_input


def written(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "input.json"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_the_object_in_the_file_is_the_input(tmp_path: Path) -> None:
    assert read_run_input(written(tmp_path, '{"dry_run": true}')) == {"dry_run": True}


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("dry_run: true", "is not JSON"),
        (b"\xff\xfe{\x00}\x00", "is not JSON"),
        ('{"max_videos": NaN}', "NaN is no JSON number"),
        ("[" * 100_000, "is nested too deeply"),
        ("9" * 5000, "holds too long a number"),
        (b" " * 2_000_000, "is larger than 1024 KiB"),
        ('[{"dry_run": true}]', "must hold one JSON object"),
        ("null", "must hold one JSON object"),
        ('"{}"', "must hold one JSON object"),
        (json.dumps({"filters": {"media_ids": ["x" * 300_000]}}), "293 KiB of input; Step Functions takes 256 KiB"),
    ],
    ids=range(12),
)
def test_anything_else_is_refused_with_the_reason(tmp_path: Path, content: str | bytes, reported: str) -> None:
    with pytest.raises(RunInputError, match=reported):
        read_run_input(written(tmp_path, content))


def test_a_file_that_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(RunInputError, match=f"{path} cannot be read"):
            read_run_input(path)
