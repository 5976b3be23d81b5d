"""The downloader is killed anywhere, again and again: `make chaos`."""

from __future__ import annotations

import os
import random
from typing import Final

import pytest

from tests.chaos.conftest import Death, World
from tests.chaos.test_killed_downloader import LARGE, MIB

# With each: how many moments a life without death has.
RECORDINGS: Final = {
    "one-file-in-parts": ((LARGE,), 53),
    "one-small-file": ((3 * MIB + 7,), 12),
    "three-chapters": ((2 * MIB, LARGE, MIB + 1), 69),
}
SEEDS: Final = range(int(os.environ.get("CHAOS_SEEDS", "50")))


@pytest.mark.parametrize("seed", SEEDS)
def test_anywhere_and_again_and_again(world: World, seed: int) -> None:
    chance = random.Random(seed)
    sizes, moments = RECORDINGS[chance.choice(list(RECORDINGS))]
    world.put_recording(*sizes)
    world.deaths = [a_death(chance, moments) for _ in range(chance.choice([1, 1, 2, 4]))]

    world.nights_until_archived()

    world.assert_archived_once()


def a_death(chance: random.Random, moments: int) -> Death:
    """At a random moment of a request, or at a random time that is none."""
    ends_the_run = chance.random() < 0.2
    if chance.random() < 0.2:
        return Death(after_seconds=chance.uniform(0.0, 0.5), ends_the_run=ends_the_run)
    return Death(nth=chance.randint(1, moments), ends_the_run=ends_the_run)
