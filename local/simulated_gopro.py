"""The simulator of a local cloud that is up, and the videos in it, by the names that a person gives them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import cloud as local_cloud
from local.errors import NoSimulatorError, NotRunningError, SimulatorRefusalError, UnknownVideoError
from local.simulator import Library, SimulatedItem, SimulatorAdmin
from local.state import StateDirectory, default_state_directory

_MOST_ITEMS_SHOWN = 20


@contextmanager
def simulated_gopro(state_directory: Path | None) -> Iterator[SimulatorAdmin]:
    """Yield the switches of a cloud's simulator; report their failures in plain words.

    Args:
        state_directory: of the cloud; None is the default one.

    Raises:
        NotRunningError: no cloud is up, or its simulator does not answer.
        NoSimulatorError: the cloud uses another GoPro server.
        SimulatorRefusalError: the simulator does not accept what it was given.
    """
    cloud = local_cloud.load(state_directory or default_state_directory())
    renewal = StateDirectory(cloud.state_directory).renewal
    if cloud.simulator_url is None:
        raise NoSimulatorError(
            f"This cloud uses the GoPro server at {cloud.gopro_api_base_url} (up --gopro-api-base-url) and not the "
            "simulator, which alone can be made to fail."
        )
    try:
        yield SimulatorAdmin(cloud.simulator_url)
    except ValueError as error:
        raise SimulatorRefusalError(
            f"The GoPro simulator at {cloud.simulator_url} refused: {error}. If another version of this program has "
            f"started it: {renewal}"
        ) from error
    except OSError as error:
        raise NotRunningError(
            f"The GoPro simulator at {cloud.simulator_url} does not answer ({error}): {renewal}"
        ) from error


def library_of(gopro: SimulatorAdmin) -> Library:
    """Return what the simulator serves."""
    return Library.from_json(gopro.library())


def item_by_id(library: Library, media_id: str) -> SimulatedItem:
    """Return the item with that id.

    Raises:
        UnknownVideoError: there is none; the message says what there is.
    """
    item = library.get(media_id)
    if item is None:
        raise UnknownVideoError(f"There is no media id {media_id!r} at the simulated GoPro. {_what_there_is(library)}")
    return item


def item_by_filename(library: Library, filename: str) -> SimulatedItem:
    """Return the item whose file has that name; upper and lower case are the same.

    Raises:
        UnknownVideoError: there is none, or more than one; the message says what there is.
    """
    found = [item for item in library.stated_items() if (item.filename or "").lower() == filename.lower()]
    if not found:
        raise UnknownVideoError(f"There is no file {filename!r} at the simulated GoPro. {_what_there_is(library)}")
    if len(found) > 1:
        ids = " or ".join(f"--media-id {item.media_id}" for item in found)
        raise UnknownVideoError(f"There are {len(found)} files {filename!r} at the simulated GoPro: say which by {ids}")
    return found[0]


def shown_item(item: SimulatedItem) -> str:
    """Return how a message names an item."""
    return f"{item.filename} ({item.media_id})" if item.filename else item.media_id


def _what_there_is(library: Library) -> str:
    items = library.stated_items()
    lines = [f"  {item.media_id}  {item.filename or '(no name)'}" for item in items[:_MOST_ITEMS_SHOWN]]
    if len(items) > _MOST_ITEMS_SHOWN:
        lines.append(f"  and {len(items) - _MOST_ITEMS_SHOWN} more")
    if library.series_count:
        lines.append(f"  and {library.series_count} that are numbered: series000000, series000001, ...")
    return "\n".join(["There is:", *lines]) if lines else "There is nothing."
