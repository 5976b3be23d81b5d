from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.part_plan import (
    GIB,
    MIB,
    PartLimits,
    PartPlan,
    plan_aligned_parts,
    plan_parts,
)

S3 = PartLimits()
KIB = 1024
# A thousandth of S3, with fewer parts: kilobytes stand for megabytes.
SMALL = PartLimits(
    multipart_threshold_bytes=100 * KIB,
    smallest_part_bytes=5 * KIB,
    usual_part_bytes=50 * KIB,
    largest_part_bytes=5 * MIB,
    most_parts=100,
    largest_object_bytes=400 * MIB,
    granule_bytes=64,
)

sizes = st.one_of(st.integers(1, GIB), st.integers(1, 600 * GIB))


@given(
    st.one_of(st.tuples(sizes, st.just(S3)), st.tuples(st.integers(1, SMALL.largest_object_bytes), st.just(SMALL))),
    st.integers(1, 16),
)
def test_parts_cover_the_file_exactly_and_s3_takes_them(file: tuple[int, PartLimits], workers: int) -> None:
    size_bytes, limits = file
    parts = list(plan_parts(size_bytes, workers=workers, limits=limits))
    position = 0
    for number, part in enumerate(parts, start=1):
        assert (part.number, part.offset) == (number, position)
        position += part.size_bytes
    assert position == size_bytes
    assert len(parts) <= limits.most_parts
    assert len({part.size_bytes for part in parts[:-1]}) <= 1
    assert all(part.size_bytes >= limits.smallest_part_bytes for part in parts[:-1])
    assert 0 < parts[-1].size_bytes <= parts[0].size_bytes


@given(st.integers(1, S3.most_parts * S3.usual_part_bytes), st.integers(1, 16))
def test_parts_stay_within_50_mib_as_long_as_ten_thousand_suffice(size_bytes: int, workers: int) -> None:
    assert plan_parts(size_bytes, workers=workers, limits=S3).part_size_bytes <= S3.usual_part_bytes


@given(st.integers(1, 400 * GIB), st.integers(1, 16))
def test_the_last_wave_of_workers_is_full_up_to_rounding(size_bytes: int, workers: int) -> None:
    plan = plan_parts(size_bytes, workers=workers, limits=S3)
    waves = -(-plan.part_count // workers)
    if plan.part_size_bytes > S3.smallest_part_bytes:
        # A full last wave ends when a wave of equal shares would: no more than the 64 KiB of rounding later, per wave.
        assert waves * plan.part_size_bytes <= size_bytes / workers + waves * 64 * 1024 + 1


def test_one_gigabyte_is_balanced_over_eight_workers() -> None:
    plan = plan_parts(1_000_000_000, workers=8, limits=S3)
    assert (plan.part_count, plan.part_size_bytes) == (24, 41_680_896)


def test_the_largest_object_fits_in_ten_thousand_parts() -> None:
    plan = plan_parts(S3.largest_object_bytes, workers=8, limits=S3)
    assert plan.part_count <= S3.most_parts
    assert plan.part_size_bytes > S3.usual_part_bytes


@pytest.mark.parametrize("size_bytes", [0, -1, S3.largest_object_bytes + 1])
def test_a_size_that_s3_cannot_hold_is_refused(size_bytes: int) -> None:
    with pytest.raises(ValueError, match="an object has"):
        plan_parts(size_bytes, workers=8, limits=S3)


@pytest.mark.parametrize(
    ("size_bytes", "part_size_bytes"),
    [(100 * MIB, 0), (100 * MIB, 4 * MIB), (20 * GIB, 6 * GIB), (S3.most_parts * 5 * MIB + 1, 5 * MIB)],
)
def test_a_part_size_that_s3_refuses_is_refused(size_bytes: int, part_size_bytes: int) -> None:
    with pytest.raises(ValueError, match="part"):
        PartPlan(size_bytes=size_bytes, part_size_bytes=part_size_bytes, limits=S3)


@given(sizes, st.integers(1, 100).map(lambda mib: mib * MIB), st.integers(1, 16))
def test_aligned_parts_end_where_source_parts_end(size_bytes: int, source_part_bytes: int, workers: int) -> None:
    plan = plan_aligned_parts(size_bytes, source_part_bytes=source_part_bytes, workers=workers, limits=S3)
    assert plan is not None
    assert plan.part_size_bytes % source_part_bytes == 0
    assert plan.part_count <= S3.most_parts
    unaligned = plan_parts(size_bytes, workers=workers, limits=S3)
    assert plan.part_size_bytes < max(S3.usual_part_bytes, unaligned.part_size_bytes) + source_part_bytes


def test_small_source_parts_are_joined_to_parts_of_the_usual_size() -> None:
    plan = plan_aligned_parts(4_000_000_000, source_part_bytes=5 * MIB, workers=8, limits=S3)
    assert plan is not None
    assert (plan.part_size_bytes, plan.part_count) == (50 * MIB, 77)


@pytest.mark.parametrize("source_part_bytes", [60 * MIB, 100 * MIB, 100_000_000])
def test_a_source_part_above_the_usual_size_is_one_part(source_part_bytes: int) -> None:
    plan = plan_aligned_parts(4_000_000_000, source_part_bytes=source_part_bytes, workers=8, limits=S3)
    assert plan is not None
    assert plan.part_size_bytes == source_part_bytes


def test_source_parts_too_large_to_be_sent_in_one_piece_are_not_followed() -> None:
    assert plan_aligned_parts(4_000_000_000, source_part_bytes=GIB, workers=8, limits=S3) is None


def test_limits_are_those_of_s3_unless_others_are_named() -> None:
    assert (S3.smallest_part_bytes, S3.largest_part_bytes, S3.most_parts) == (5 * MIB, 5 * GIB, 10_000)


@pytest.mark.parametrize(
    "limits",
    [
        {"smallest_part_bytes": 0},
        {"smallest_part_bytes": 51 * MIB},
        {"usual_part_bytes": 6 * GIB},
        {"multipart_threshold_bytes": -1},
        {"multipart_threshold_bytes": 5 * GIB + 1},
        {"most_parts": 0},
        {"most_parts": 1000},
        {"granule_bytes": 0},
        {"largest_object_bytes": 0},
    ],
)
def test_limits_that_contradict_each_other_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        PartLimits(**limits)
