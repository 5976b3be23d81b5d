"""What a run is asked for: the execution's input, or the event of a directly invoked media lister. Pure.

Nothing in it is ignored: an unknown name would start a run of the whole library where somebody meant a dry run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gopro_sync.errors import InvalidEventError
from gopro_sync.run.known_names import refuse_unknown_names
from gopro_sync.run.selection import FILTER_FIELDS, Selection, read_selection
from gopro_sync.values.event_fields import JsonObject, optional_count, optional_flag, optional_text, optional_time

RUN_FIELDS: Final = frozenset({"max_videos", "filters", "redrive", "dry_run", "continue_backlog"})
# Set by a run that starts the next one.
_CHAIN_FIELDS: Final = frozenset({"chain", "link", "day_began_at", "runs_of_day", "redrive_began_at"})
# For people, and for Step Functions itself: its console's sample input has the first, and a state machine that starts
# this one may send the second.
# https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
_IGNORED_FIELDS: Final = frozenset({"Comment", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"})
_JSON_TYPES: Final = {
    type(None): "null",
    bool: "true or false",
    str: "a text",
    list: "a list",
    int: "a number",
    float: "a number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInput:
    """What a run is asked for.

    Attributes:
        max_videos: how many videos it may take; None for as many as the stack allows.
        selection: which videos.
        is_dry_run: report what would happen, and change nothing.
    """

    max_videos: int | None
    selection: Selection
    is_dry_run: bool


def read_run_input(run_input: object, standing_filters: JsonObject) -> RunInput:
    """Read and check what a run is asked for; docs/configuration.md describes the fields.

    Args:
        run_input: the execution's input as it was given.
        standing_filters: those of the stack, spelled as in the input.

    Raises:
        InvalidEventError: no JSON object, an unknown name (the message suggests the one that was probably meant), or
            a value of the wrong shape.
    """
    if not isinstance(run_input, Mapping):
        given = _JSON_TYPES.get(type(run_input), type(run_input).__name__)
        raise InvalidEventError(f"The run's input is not a JSON object, such as {{}}, but {given}")
    named = {name: value for name, value in run_input.items() if name not in _CHAIN_FIELDS | _IGNORED_FIELDS}
    refuse_unknown_names(
        named,
        RUN_FIELDS,
        what="fields in the run's input",
        elsewhere=dict.fromkeys(FILTER_FIELDS, "inside of 'filters'"),
    )
    # These the state machine reads.
    optional_flag(run_input, "continue_backlog")
    optional_text(run_input, "chain")
    optional_count(run_input, "link")
    optional_time(run_input, "day_began_at")
    optional_count(run_input, "runs_of_day")
    max_videos = optional_count(run_input, "max_videos")
    if max_videos == 0:
        raise InvalidEventError("The field 'max_videos' is 0; a run takes at least one video")
    return RunInput(
        max_videos=max_videos,
        selection=read_selection(run_input, standing_filters),
        is_dry_run=optional_flag(run_input, "dry_run"),
    )
