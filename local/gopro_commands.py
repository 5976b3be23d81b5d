"""``local gopro``: let things other than faults happen at the simulated GoPro while a cloud is up."""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from gopro_sync_cli.terminal_output import new_command_line, output_console, print_document
from local.media_file import MediaFile
from local.simulated_gopro import library_of, shown_item, simulated_gopro
from local.simulator import Library, SimulatedItem, SourceFile, real_file_item
from local.simulator.admin import Expirable
from local.state_option import StateDirectory

_MEGABYTE: Final = 1_000_000
_SECONDS_PER_HOUR: Final = 3600
_CAMERA_NUMBER: Final = re.compile(r"[A-Z]{2}\d{2}(\d{4})\.", re.ASCII)
_HIGHEST_CAMERA_NUMBER: Final = 9999
_EXPIRED: Final = {
    Expirable.URLS: "Every signed URL that GoPro has issued so far is now refused.",
    Expirable.ACCESS_TOKENS: "Every access token that GoPro has issued so far is now refused.",
    Expirable.REFRESH_TOKENS: "Every refresh token that GoPro has issued so far is now refused.",
}

app = new_command_line(
    "Let something happen at GoPro while a cloud is up: a new video, an expired login, an expired link."
)
_output = output_console()


def _expirable(text: str) -> Expirable:
    try:
        return Expirable(text.strip().lower().replace("-", "_"))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(Expirable)}") from None


@app.command()
def film(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Of the video. Default: the camera's next one.")
    ] = None,
    megabytes: Annotated[float, typer.Option("--mb", min=0.001, max=100_000, help="Size of each chapter.")] = 10.0,
    chapters: Annotated[int, typer.Option("--chapters", min=1, max=99, help="How many files it consists of.")] = 1,
    media: MediaFile = None,
    state_directory: StateDirectory = None,
) -> None:
    """Add a video, as if it had been uploaded just now; the next run archives it.

    With --media it is that file, by its own name, and the size and the number of chapters are its.
    """
    if media is not None and name is not None:
        raise typer.BadParameter(f"{name!r} and --media both name the video: one of them is enough")
    with simulated_gopro(state_directory) as gopro:
        library = library_of(gopro)
        item = _new_item(name or _next_name(library), int(megabytes * _MEGABYTE), chapters)
        if media is not None:
            item = real_file_item(media)
        gopro.add_item(item)
        _output.print_line(f"At GoPro now: {shown_item(item)}, {item.size_bytes / _MEGABYTE:,.1f} MB")


@app.command()
def expire(
    *,
    what: Annotated[Expirable, typer.Argument(metavar="|".join(Expirable), parser=_expirable)],
    state_directory: StateDirectory = None,
) -> None:
    """Expire everything of one kind that GoPro has issued so far: signed URLs, access tokens or refresh tokens.

    `up` puts an access token into the secret: once that has expired, runs fail until another one is stored
    (`gopro sign-in`). Only a login that renews itself (`gopro sign-in --renewing`) has a refresh token.
    """
    with simulated_gopro(state_directory) as gopro:
        gopro.expire(what)
        _output.print(_EXPIRED[what])


@app.command("sign-in")
def sign_in(
    *,
    renewing: Annotated[
        bool, typer.Option("--renewing", help="A login that renews itself, and so asks GoPro's token endpoint.")
    ] = False,
    state_directory: StateDirectory = None,
) -> None:
    """Sign in again, as in a browser: print the credential for `./gopro-sync credentials set --stdin`.

    It is valid at this simulator only.
    """
    with simulated_gopro(state_directory) as gopro:
        print_document(json.dumps(gopro.sign_in(renews_itself=renewing)))


@app.command()
def forward(
    *,
    hours: Annotated[float, typer.Argument(metavar="HOURS", min=0, max=1_000_000)],
    state_directory: StateDirectory = None,
) -> None:
    """Put GoPro's clock forward, so that signed URLs and tokens age; the rest of the cloud keeps its own time."""
    with simulated_gopro(state_directory) as gopro:
        gopro.advance_clock(hours * _SECONDS_PER_HOUR)
        _output.print(f"GoPro's clock was put forward by {hours:g} h.")


def _new_item(filename: str, size_bytes: int, chapters: int) -> SimulatedItem:
    media_id = secrets.token_hex(12)
    return SimulatedItem(
        media_id=media_id,
        filename=filename,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        chapters=tuple(
            SourceFile(size_bytes=size_bytes, seed=f"{media_id}/{number}") for number in range(1, chapters + 1)
        ),
    )


def _next_name(library: Library) -> str:
    names = (_CAMERA_NUMBER.match(item.filename or "") for item in library.stated_items())
    highest = max((int(match[1]) for match in names if match), default=0)
    return f"GX01{highest % _HIGHEST_CAMERA_NUMBER + 1:04d}.MP4"
