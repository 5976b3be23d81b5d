"""Library files, faults and settings survive JSON, and a mistake in them is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.simulator.demo_library import demo_library, real_file_item
from local.simulator.faults import Endpoint, Fault, FaultName
from local.simulator.json_shape import MalformedDocumentError, from_json, to_json
from local.simulator.library import ItemSeries, Library, SimulatedItem, SourceFile
from local.simulator.search import SearchCriteria
from local.simulator.settings import RefreshTokenMode, Settings


def test_a_library_survives_json(tmp_path: Path) -> None:
    real = tmp_path / "real.mp4"
    real.write_bytes(b"bytes")
    item = SimulatedItem(
        media_id="a",
        filename=None,
        chapters=(SourceFile(size_bytes=5, seed="s", etag_part_size_bytes=None), SourceFile(path=real)),
        baked_source=SourceFile(size_bytes=1, seed="b"),
        row_overrides={"file_size": None, "item_count": "2"},
    )
    library = Library([item], ItemSeries(count=2, size_bytes=10))
    copy = Library.from_json(json.loads(json.dumps(library.to_json())))
    assert copy.get("a") == item
    assert copy.count(SearchCriteria()) == 3
    assert copy.stored_bytes() == 5 + 5 + 2 * 10


def test_the_demo_library_survives_json() -> None:
    library = demo_library()
    assert Library.from_json(json.loads(json.dumps(library.to_json()))).stated_items() == library.stated_items()


def test_a_fault_survives_json() -> None:
    fault = Fault(FaultName.STALL, endpoint=Endpoint.CDN, count=2, delay_seconds=0.5, probability=0.25)
    assert from_json(Fault, json.loads(json.dumps(to_json(fault)))) == fault


def test_settings_survive_json() -> None:
    settings = Settings(refresh_token_mode=RefreshTokenMode.OMIT, cdn_bytes_per_second=1000)
    assert from_json(Settings, json.loads(json.dumps(to_json(settings)))) == settings


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "library must be an object"),
        ({"itmes": []}, "unknown names: itmes"),
        ({"items": {}}, r"library\.items must be a list"),
        ({"items": [{}]}, r"library\.items\[0\] lacks media_id"),
        ({"items": [{"media_id": 1}]}, r"items\[0\]\.media_id must be str, not int"),
        ({"items": [{"media_id": "a", "width": True}]}, r"width must be int, not bool"),
        ({"items": [{"media_id": "a", "created_at": "yesterday"}]}, r"items\[0\]: a: 'yesterday' is no ISO 8601 time"),
        ({"items": [{"media_id": "a", "chapters": [{}]}]}, r"chapters\[0\]: .* either a seed or a path"),
        ({"items": [{"media_id": "a", "chapters": [{"path": "/no/such/file"}]}]}, "there is no file /no/such/file"),
        ({"items": [{"media_id": "a", "chapters": [{"seed": "s", "size_bytes": -1}]}]}, "negative size"),
        ({"items": [{"media_id": "a"}, {"media_id": "a"}]}, "already an item 'a'"),
    ],
)
def test_a_mistake_in_a_library_file_is_named(document: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Library.from_json(document)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "lacks name"),
        ({"name": "short_pgae"}, "'short_pgae' is not a valid FaultName"),
        ({"name": "short_page", "endpoint": "cdn"}, "short_page cannot happen at cdn, only at search"),
        ({"name": "throttled", "probability": 2}, "probability"),
        ({"name": "throttled", "count": -1}, "cannot be negative"),
    ],
)
def test_a_mistake_in_a_fault_is_named(document: object, words: str) -> None:
    with pytest.raises(MalformedDocumentError, match=words):
        from_json(Fault, document)


def test_the_demo_library_has_what_makes_real_libraries_awkward() -> None:
    items = demo_library().stated_items()
    names = [(item.filename, item.created_at[:7]) for item in items if item.filename]
    assert len(names) - len(set(names)) == 1, "two files of one name in one month"
    assert [len(item.chapters) for item in items].count(3) == 1
    assert sum(any(chapter.size_bytes > 100_000_000 for chapter in item.chapters) for item in items) == 1
    assert {item.type for item in items} == {"Video", "Photo", "MultiClipEdit", "Hologram"}
    assert {item.ready_to_view for item in items} == {"ready", "transcoding"}
    assert any(item.filename is None and item.chapters for item in items)
    assert 200_000_000 <= demo_library().stored_bytes() <= 250_000_000


def test_a_real_file_becomes_an_item_under_its_own_name(tmp_path: Path) -> None:
    file = tmp_path / "max-heromode.mp4"
    file.write_bytes(b"1234")
    item = real_file_item(file)
    assert (item.filename, item.size_bytes) == ("max-heromode.mp4", 4)


@pytest.mark.parametrize("name", ["no-such-file", "."])
def test_a_real_file_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises((OSError, ValueError), match=r"no-such-file|no file"):
        real_file_item(tmp_path / name)
