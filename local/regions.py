"""The regions that a local cloud can be in."""

from __future__ import annotations

import difflib
from functools import cache
from typing import Final

from botocore.loaders import create_loader

# The engine writes this one into every ARN, whatever the region: China's, GovCloud's and the closed ones are not tried.
_PARTITION: Final = "aws"
_NAMES_OFFERED: Final = 3


def unusable_because(region: str) -> str | None:
    """Return why no local cloud can be in this region, with the names that may be meant; None if one can be."""
    regions = _partition_of_region()
    if regions.get(region) == _PARTITION:
        return None
    if region in regions:
        return f"{region!r} is in the partition {regions[region]}; the local engine only has the partition aws"
    usable = [name for name, partition in regions.items() if partition == _PARTITION]
    near = difflib.get_close_matches(region.strip().lower(), usable, n=_NAMES_OFFERED)
    return f"{region!r} is no AWS region" + (f"; is {' or '.join(near)} meant?" if near else " such as eu-central-1")


@cache
def _partition_of_region() -> dict[str, str]:
    """Return the partition of each region, as botocore lists them."""
    partitions = create_loader().load_data("endpoints")["partitions"]
    return {region: partition["partition"] for partition in partitions for region in partition["regions"]}
