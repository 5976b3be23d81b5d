"""``python -m docs.tools.dashboard FILE.png``: what ``make docs`` does once matplotlib is installed.

Its exit codes stand in `gopro_sync_cli/exit_codes.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError

from docs.tools.dashboard.widgets import WidgetError
from docs.tools.logs_insights import QueryError
from gopro_sync_cli.exit_codes import ExitCode
from local.errors import LocalCloudError
from local.interruption import interruptible
from local.state import REPOSITORY

# For a cloud that lives for the picture only: never the one that the shell's variable names.
_STATE_DIRECTORY: Final = REPOSITORY / ".local" / "dashboard"

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _in_a_folder(file: Path) -> Path:
    if not file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}")
    return file


@app.command()
def draw(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.png", dir_okay=False, callback=_in_a_folder, help="The picture to write.")
    ],
) -> None:
    """Draw the deployed dashboard as it looks after seven nights, good and bad ones (two minutes).

    Brings a cloud of its own up and takes it down. The runs and their metrics are real; only the nights' dates are not.
    """
    if find_spec("matplotlib") is None:
        _fail("Nothing was drawn: matplotlib is not installed. `make docs` installs it, then draws docs/dashboard.png")
    # Whatever else imports this module need not have matplotlib.
    from docs.tools.dashboard.show import show  # noqa: PLC0415

    with interruptible(_say), _errors_in_one_line(file):
        show(state_directory=_STATE_DIRECTORY, file=file, report=_say)


@contextmanager
def _errors_in_one_line(file: Path) -> Iterator[None]:
    try:
        yield
    except (LocalCloudError, WidgetError, QueryError) as error:
        _fail(str(error))
    except (BotoCoreError, ClientError) as error:
        _fail(f"The AWS engine refused or did not answer: {error}")
    except OSError as error:
        _fail(f"{file} could not be drawn: {error}")


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _fail(line: str) -> NoReturn:
    _say(line)
    raise typer.Exit(ExitCode.CANNOT_RUN)


if __name__ == "__main__":
    app(prog_name="python -m docs.tools.dashboard")
