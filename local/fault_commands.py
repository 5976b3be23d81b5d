"""``local fault``: switch faults of the simulated GoPro on and off while a cloud is up."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from gopro_sync_cli.terminal_output import new_command_line, output_console, print_document
from local.fault_lines import (
    PARAMETER_OPTIONS,
    list_lines,
    near_names,
    off_line,
    phrase,
    places,
    possible_endpoints,
    show_line,
)
from local.simulated_gopro import item_by_filename, item_by_id, library_of, shown_item, simulated_gopro
from local.simulator import Endpoint, Fault, FaultName, Library, SimulatorAdmin
from local.simulator.faults import REQUIRED_PARAMETERS
from local.state_option import StateDirectory

_LIST = "\n".join(["", *list_lines(), ""])
_HEADER = re.compile(r"[\w-]+:.*", re.ASCII | re.DOTALL)


class FaultGroup(TyperGroup):
    """Commands whose help ends with everything that can go wrong."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        super().format_help(ctx, formatter)
        formatter.write(_LIST)


class _FaultCommand(TyperCommand):
    """A command whose help ends with everything that can go wrong."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        super().format_help(ctx, formatter)
        formatter.write(_LIST)


app = new_command_line(
    "Make GoPro fail: switch faults of the simulator on and off while a cloud is up.\n\n"
    "Faults that are switched on add up. They last until `off` or `down`, or for as many times as --times gives."
)
_output = output_console()


def _fault_name(text: str) -> FaultName:
    name = text.strip().lower().replace("-", "_")
    try:
        return FaultName(name)
    except ValueError:
        near = near_names(name)
        meant = f"did you mean {' or '.join(near)}?" if near else "`fault list` shows them all"
        raise typer.BadParameter(f"there is no fault {text!r}; {meant}") from None


def _endpoint(text: str) -> Endpoint:
    try:
        endpoint = Endpoint(text.strip().lower())
    except ValueError:
        endpoint = Endpoint.UNKNOWN
    if endpoint not in possible_endpoints():
        raise typer.BadParameter(f"{text!r} is none of {', '.join(possible_endpoints())}")
    return endpoint


def _header(text: str) -> str:
    if not (_HEADER.fullmatch(text) and text.isprintable()):
        raise typer.BadParameter(f"{text!r} is no header such as 'Content-Type: text/plain'")
    return text


def _printable(text: str | None) -> str | None:
    if text is not None and not text.isprintable():
        raise typer.BadParameter(f"{text!r} cannot be put into a header")
    return text


# Of text, since the help would spell all members of an enumeration out.
Names = Annotated[list[str], typer.Argument(metavar="NAME", parser=_fault_name, help="One or more; see `fault list`.")]


@app.command("list")
def list_faults() -> None:
    """Print everything that can go wrong, where, and which options change it; no cloud needs to be up."""
    _output.print("\n".join(list_lines()))


@app.command(cls=_FaultCommand)
def on(
    *,
    names: Names,
    endpoint: Annotated[
        Endpoint | None,
        typer.Option(
            "--endpoint",
            metavar="|".join(possible_endpoints()),
            parser=_endpoint,
            help="Only at this endpoint. Default: wherever it can happen.",
        ),
    ] = None,
    media_id: Annotated[str | None, typer.Option("--media-id", metavar="ID", help="Only for this video.")] = None,
    filename: Annotated[
        str | None, typer.Option("--file", metavar="NAME", help="Only for the video of this name.")
    ] = None,
    chapter: Annotated[int | None, typer.Option("--chapter", min=1, help="Only for this chapter (CDN).")] = None,
    page: Annotated[int | None, typer.Option("--page", min=1, help="Only for this page of the listing.")] = None,
    times: Annotated[int | None, typer.Option("--times", min=1, help="How often. Default: until `off`.")] = None,
    skip: Annotated[int, typer.Option("--skip", min=0, help="How many requests to spare first.")] = 0,
    probability: Annotated[
        float, typer.Option("--probability", min=0, max=1, help="Strike a request with this probability.")
    ] = 1.0,
    status: Annotated[int | None, typer.Option("--status", min=200, max=599, help="Another HTTP status.")] = None,
    retry_after: Annotated[
        str | None,
        typer.Option(
            "--retry-after", metavar="SECONDS|DATE", callback=_printable, help="When to try again, as GoPro states it."
        ),
    ] = None,
    size_bytes: Annotated[int | None, typer.Option("--bytes", min=0, help="How many bytes, or after how many.")] = None,
    delay_seconds: Annotated[
        float | None, typer.Option("--delay", metavar="SECONDS", min=0, max=86_400, help="How long it lasts.")
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", min=0, help="How many items of a listing.")] = None,
    location: Annotated[
        str | None, typer.Option("--location", metavar="URL", callback=_printable, help="Where to redirect to.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="What to answer with.")] = None,
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="'NAME: VALUE'", parser=_header, help="A header to answer with; repeatable."),
    ] = None,
    state_directory: StateDirectory = None,
) -> None:
    """Switch faults on, in addition to those that are on.

    For example: fault on throttled --endpoint cdn --times 3
    """
    given = {
        "endpoint": endpoint,
        "item_number": chapter,
        "page": page,
        "count": times,
        "skip": skip,
        "probability": probability,
        "status": status,
        "retry_after": retry_after,
        "size_bytes": size_bytes,
        "delay_seconds": delay_seconds,
        "rows": rows,
        "location": location,
        "text": text,
        "headers": {
            name.strip(): value.strip() for name, _, value in (header.partition(":") for header in headers or [])
        },
    }
    if media_id is not None and filename is not None:
        raise typer.BadParameter("--media-id and --file both name a video: one of them is enough")
    with simulated_gopro(state_directory) as gopro:
        library = library_of(gopro)
        item = None
        if media_id is not None:
            item = item_by_id(library, media_id)
        if filename is not None:
            item = item_by_filename(library, filename)
        if item is not None and chapter is not None and chapter > len(item.chapters):
            raise typer.BadParameter(f"{shown_item(item)} has {_files(len(item.chapters))}, and no number {chapter}")
        faults = [_fault(FaultName(name), {**given, "media_id": item and item.media_id}) for name in names]
        gopro.add_faults(*faults)
        for fault in faults:
            _output.print(f"On: {phrase(fault, _filenames(library))}: {fault.name.description}")


@app.command()
def off(
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", parser=_fault_name, help="One or more.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All faults that are on.")] = False,
    state_directory: StateDirectory = None,
) -> None:
    """Switch faults off: all with the given names, or all."""
    if bool(names) == every:
        raise typer.BadParameter("name the faults, or give --all; `fault show` shows which are on")
    with simulated_gopro(state_directory) as gopro:
        hits = _hits_by_name(gopro)
        for name in map(FaultName, names or [*hits]):
            gopro.remove_faults(name)
            _output.print(off_line(name, hits[name]) if name in hits else f"{name} was not on.")
        if every and not hits:
            _output.print("No fault was on.")


@app.command()
def show(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list, for scripts.")] = False,
    state_directory: StateDirectory = None,
) -> None:
    """Print which faults are on, and how often each has struck."""
    with simulated_gopro(state_directory) as gopro:
        documents = gopro.faults()
        if as_json:
            print_document(json.dumps(documents, indent=2))
            return
        filenames = _filenames(library_of(gopro))
        for document in documents:
            _output.print(show_line(_fault_of(document), document["hits"], filenames))
        if not documents:
            _output.print("No fault is on.")


def _fault(name: FaultName, given: dict[str, Any]) -> Fault:
    """Return the fault that the options describe; refuse one that could have no effect."""
    idle = [
        option
        for field, option in PARAMETER_OPTIONS.items()
        if given[field] not in (None, {}) and field not in name.parameters
    ]
    if idle:
        takes = [option for field, option in PARAMETER_OPTIONS.items() if field in name.parameters]
        raise typer.BadParameter(f"{name} does not depend on {' or '.join(idle)}{_but(takes)}")
    needed = REQUIRED_PARAMETERS.get(name)
    if needed and not given[needed]:
        raise typer.BadParameter(f"{name} needs {PARAMETER_OPTIONS[needed]}: {name.description}")
    try:
        fault = Fault(name, **given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not fault.endpoints:
        where = places(Fault(name, endpoint=fault.endpoint).endpoints)
        raise typer.BadParameter(f"{name} happens at {where} only, where no request is about {_scope_options(fault)}")
    return fault


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _but(options: list[str]) -> str:
    return f", only on {' and '.join(options)}" if options else ", nor on any other option of that kind"


def _scope_options(fault: Fault) -> str:
    scopes = {"media_id": "a single video", "item_number": "a single chapter", "page": "a page of the listing"}
    return " or ".join(words for field, words in scopes.items() if getattr(fault, field) is not None)


def _fault_of(document: dict[str, Any]) -> Fault:
    known = {field.name for field in fields(Fault)}
    return Fault(**{name: value for name, value in document.items() if name in known})


def _hits_by_name(gopro: SimulatorAdmin) -> dict[FaultName, int]:
    hits: dict[FaultName, int] = {}
    for document in gopro.faults():
        name = FaultName(document["name"])
        hits[name] = hits.get(name, 0) + document["hits"]
    return hits


def _filenames(library: Library) -> dict[str, str | None]:
    return {item.media_id: item.filename for item in library.stated_items()}
