"""The download descriptor lays every trap that the real one lays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gopro_sync.gopro.library.download import choose_originals, parse_descriptor
from local.simulator.demo_library import demo_library
from local.simulator.download_descriptor import DescriptorBuilder, FileAddress, chapter_filename, file_at
from local.simulator.faults import FaultName
from local.simulator.library import SimulatedItem, SourceFile

ONE = SimulatedItem(media_id="one", filename="GX010001.MP4", chapters=(SourceFile(size_bytes=9, seed="1"),))
THREE = SimulatedItem(
    media_id="three",
    filename="GX010456.MP4",
    chapters=tuple(SourceFile(size_bytes=9, seed=str(number)) for number in range(3)),
)


def sign(address: FileAddress, *, method: str, filename: str) -> str:
    return f"{method} {address.path} {filename}"


def build(item: SimulatedItem, *defects: FaultName, foreign_url: str | None = None) -> Any:
    return DescriptorBuilder(item, sign, defects, foreign_url=foreign_url).build()


def variations(item: SimulatedItem, *defects: FaultName) -> list[dict[str, Any]]:
    return list(build(item, *defects)["_embedded"]["variations"])


def labels(item: SimulatedItem, *defects: FaultName) -> list[str]:
    return [variation["label"] for variation in variations(item, *defects)]


def test_a_single_video_has_one_source_without_a_number_and_a_proxy_in_files() -> None:
    assert labels(ONE) == ["source", "high_res_proxy_mp4", "mp4_low"]
    assert "item_number" not in variations(ONE)[0]
    assert "high_res_proxy_mp4" in build(ONE)["_embedded"]["files"][0]["url"]


def test_a_chaptered_video_has_the_join_first_and_numbered_sources() -> None:
    assert labels(THREE) == ["concat", "source", "source", "source", "high_res_proxy_mp4", "mp4_low"]
    assert [entry.get("item_number") for entry in variations(THREE)] == [None, 1, 2, 3, None, None]
    assert variations(THREE)[2]["url"] == "GET /three/source/default/2.mp4 GX020456.MP4"
    assert variations(THREE)[2]["head"] == "HEAD /three/source/default/2.mp4 GX020456.MP4"


def test_no_size_and_no_checksum_anywhere() -> None:
    assert not {"size", "file_size", "checksum", "etag"} & set(str(build(THREE)).replace("'", " ").split())


def test_photos_have_their_originals_in_files() -> None:
    photo = SimulatedItem(media_id="p", type="Photo", filename="GOPR0604.JPG", chapters=ONE.chapters)
    assert [entry["url"] for entry in build(photo)["_embedded"]["files"]] == [
        "GET /p/source/default/1.jpg GOPR0604.JPG"
    ]


def test_an_edit_without_a_render_has_no_original_at_all() -> None:
    edit = next(item for item in demo_library().stated_items() if item.type == "MultiClipEdit")
    assert not {"source", "baked_source"} & set(labels(edit))


def test_an_edit_with_a_render_has_a_baked_source_served_as_mp4() -> None:
    edit = SimulatedItem(media_id="e", type="Edit", filename=None, file_extension="json", baked_source=ONE.chapters[0])
    baked = next(entry for entry in variations(edit) if entry["label"] == "baked_source")
    assert baked["type"] == "mp4"


def test_what_is_still_being_processed_has_no_proxies() -> None:
    item = SimulatedItem(media_id="t", ready_to_view="transcoding", chapters=ONE.chapters)
    assert labels(item) == ["source"]
    assert build(item)["_embedded"]["files"] == []


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        (FaultName.MISSING_SOURCE, ["concat", "high_res_proxy_mp4", "mp4_low"]),
        (FaultName.FEWER_SOURCES, ["concat", "source", "source", "high_res_proxy_mp4", "mp4_low"]),
        (
            FaultName.DERIVED_FIRST,
            ["edit_proxy", "concat", "high_res_proxy_mp4", "mp4_low", "source", "source", "source"],
        ),
    ],
)
def test_sources_missing_or_last(defect: FaultName, expected: list[str]) -> None:
    assert labels(THREE, defect) == expected


def test_defects_of_the_source_itself() -> None:
    assert variations(ONE, FaultName.UNAVAILABLE_SOURCE)[0]["available"] is False
    assert variations(ONE, FaultName.EMPTY_SOURCE_URL)[0]["url"] == ""
    assert all("available" not in entry for entry in variations(ONE, FaultName.AVAILABLE_ABSENT))
    assert build(ONE, FaultName.EMPTY_FILENAME)["filename"] == ""
    foreign = build(ONE, FaultName.FOREIGN_URL, foreign_url="http://169.254.169.254/")
    assert foreign["_embedded"]["variations"][0]["url"] == "http://169.254.169.254/"


@pytest.mark.parametrize(
    "defects",
    [(FaultName.NUMBERS_ABSENT,), (FaultName.LABELS_RESPELT,), (FaultName.NUMBERS_ABSENT, FaultName.LABELS_RESPELT)],
)
def test_chapters_that_are_named_oddly_are_found_by_the_system_all_the_same(defects: tuple[FaultName, ...]) -> None:
    def sign_as_url(address: FileAddress, *, method: str, filename: str) -> str:
        return f"https://cdn.example.com{address.path}?Signature={method}-{filename}"

    payload = DescriptorBuilder(THREE, sign_as_url, defects).build()
    originals = choose_originals(parse_descriptor(payload, "three"), 3).originals
    assert [original.url.split("?")[0].rpartition("/")[2] for original in originals] == ["1.mp4", "2.mp4", "3.mp4"]


def test_a_chapter_can_be_numbered_from_0_or_stand_there_twice() -> None:
    sources = [entry for entry in variations(THREE, FaultName.NUMBERS_FROM_ZERO) if entry["label"] == "source"]
    assert [entry["item_number"] for entry in sources] == [0, 1, 2]
    assert labels(THREE, FaultName.SOURCE_LISTED_TWICE).count("source") == 6


@pytest.mark.parametrize("odd", ["null", '"text"', '{"label": "source", "type": "jpg"}'])
def test_anything_can_stand_among_the_variations(odd: str) -> None:
    built: Any = DescriptorBuilder(ONE, sign, {FaultName.ODD_VARIATION}, odd_variation=odd).build()
    assert built["_embedded"]["variations"] == [json.loads(odd), *variations(ONE)]


def test_a_proxy_can_have_the_size_of_the_source() -> None:
    source, proxy, _ = variations(ONE, FaultName.SAME_SIZE_PROXY)
    assert (proxy["width"], proxy["height"]) == (source["width"], source["height"])


def test_derived_files_differ_from_every_original() -> None:
    concat = file_at(THREE, "concat", 1)
    assert concat is not None
    assert concat.size_bytes == THREE.size_bytes
    assert concat.seed not in {chapter.seed for chapter in THREE.chapters}
    assert file_at(THREE, "source", 4) is None
    assert file_at(THREE, "source", 0) is None


@pytest.mark.parametrize("media_id", ["plain", "a/b", "ä %&?#"])
def test_an_address_is_found_again_from_its_path(media_id: str) -> None:
    address = FileAddress(media_id=media_id, label="source", item_number=12, extension="mp4")
    assert FileAddress.from_path(address.path) == address


@pytest.mark.parametrize("path", ["/", "/a/source/default", "/a/source/default/x.mp4", "/a/source/other/1.mp4"])
def test_other_paths_lead_nowhere(path: str) -> None:
    assert FileAddress.from_path(path) is None


@pytest.mark.parametrize(
    ("filename", "number", "expected"),
    [
        ("GX010456.MP4", 1, "GX010456.MP4"),
        ("GX010456.MP4", 12, "GX120456.MP4"),
        ("GS010456.360", 2, "GS020456.360"),
        ("GOPR0456.MP4", 2, "GP010456.MP4"),
        ("IMG_0001.MOV", 2, "IMG_0001.MOV"),
    ],
)
def test_chapter_names_are_those_of_the_camera(filename: str, number: int, expected: str) -> None:
    assert chapter_filename(filename, number) == expected
