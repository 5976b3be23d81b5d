from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.part_plan import (
    GIB,
    MAX_OBJECT_BYTES,
    MAX_PARTS,
    MIB,
    MIN_PART_BYTES,
    USUAL_MAX_PART_BYTES,
    PartPlan,
    plan_aligned_parts,
    plan_parts,
)

sizes = st.one_of(st.integers(1, GIB), st.integers(1, 600 * GIB))


@given(sizes, st.integers(1, 16))
def test_parts_cover_the_file_exactly_and_s3_takes_them(size_bytes: int, workers: int) -> None:
    parts = list(plan_parts(size_bytes, workers=workers))
    position = 0
    for number, part in enumerate(parts, start=1):
        assert (part.number, part.offset) == (number, position)
        position += part.size_bytes
    assert position == size_bytes
    assert len(parts) <= MAX_PARTS
    assert len({part.size_bytes for part in parts[:-1]}) <= 1
    assert all(part.size_bytes >= MIN_PART_BYTES for part in parts[:-1])
    assert 0 < parts[-1].size_bytes <= parts[0].size_bytes


@given(st.integers(1, MAX_PARTS * USUAL_MAX_PART_BYTES), st.integers(1, 16))
def test_parts_stay_within_50_mib_as_long_as_ten_thousand_suffice(size_bytes: int, workers: int) -> None:
    assert plan_parts(size_bytes, workers=workers).part_size_bytes <= USUAL_MAX_PART_BYTES


@given(st.integers(1, 400 * GIB), st.integers(1, 16))
def test_the_last_wave_of_workers_is_full_up_to_rounding(size_bytes: int, workers: int) -> None:
    plan = plan_parts(size_bytes, workers=workers)
    waves = -(-plan.part_count // workers)
    if plan.part_size_bytes > MIN_PART_BYTES:
        # A full last wave ends when a wave of equal shares would: no more than the 64 KiB of rounding later, per wave.
        assert waves * plan.part_size_bytes <= size_bytes / workers + waves * 64 * 1024 + 1


def test_one_gigabyte_is_balanced_over_eight_workers() -> None:
    plan = plan_parts(1_000_000_000, workers=8)
    assert (plan.part_count, plan.part_size_bytes) == (24, 41_680_896)


def test_the_largest_object_fits_in_ten_thousand_parts() -> None:
    plan = plan_parts(MAX_OBJECT_BYTES, workers=8)
    assert plan.part_count <= MAX_PARTS
    assert plan.part_size_bytes > USUAL_MAX_PART_BYTES


@pytest.mark.parametrize("size_bytes", [0, -1, MAX_OBJECT_BYTES + 1])
def test_a_size_that_s3_cannot_hold_is_refused(size_bytes: int) -> None:
    with pytest.raises(ValueError, match="an object has"):
        plan_parts(size_bytes, workers=8)


@pytest.mark.parametrize(
    ("size_bytes", "part_size_bytes"),
    [(100 * MIB, 0), (100 * MIB, 4 * MIB), (20 * GIB, 6 * GIB), (MAX_PARTS * 5 * MIB + 1, 5 * MIB)],
)
def test_a_part_size_that_s3_refuses_is_refused(size_bytes: int, part_size_bytes: int) -> None:
    with pytest.raises(ValueError, match="part"):
        PartPlan(size_bytes=size_bytes, part_size_bytes=part_size_bytes)


@given(sizes, st.integers(1, 200).map(lambda mib: mib * MIB))
def test_aligned_parts_end_where_source_parts_end(size_bytes: int, source_part_bytes: int) -> None:
    plan = plan_aligned_parts(size_bytes, source_part_bytes=source_part_bytes)
    assert plan.part_size_bytes % source_part_bytes == 0
    assert plan.part_count <= MAX_PARTS
