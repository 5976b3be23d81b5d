"""``./gopro-sync local``, which is ``python -m local``: the cloud on your machine.

Its exit codes stand in `gopro_sync_cli/exit_codes.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from gopro_sync_cli.command_end import ended_in_words
from gopro_sync_cli.exit_codes import ExitCode, exit_codes
from gopro_sync_cli.terminal_output import error_console, new_command_line, output_console, print_document
from local import cloud as local_cloud
from local import demo as demonstration
from local import fault_commands, gopro_commands
from local import mails as alert_mails
from local.alert_email import is_alert_email
from local.aws_cli_version import aws_cli_warning
from local.engine.environment import DEFAULT_REGION
from local.errors import LocalCloudError
from local.explanation import explain
from local.gopro_address import is_gopro_address
from local.hints import local_command
from local.interruption import interruptible
from local.media_file import MediaFile
from local.progress_display import live_progress
from local.regions import unusable_because
from local.run_input_file import read_run_input
from local.running import run_with_successors as run_state_machine
from local.shell_environment import shell_lines
from local.state import StateDirectory as CloudDirectory
from local.state import default_state_directory
from local.state_option import StateDirectory
from local.verdict import code_of_chain

app = new_command_line(
    "The cloud on your machine: an AWS engine with this repository's real template deployed, and a GoPro Cloud "
    f"simulator. Nothing leaves 127.0.0.1.\n\n{exit_codes()}"
)
_output = output_console()
_errors = error_console()


def _region(name: str) -> str:
    if why := unusable_because(name):
        raise typer.BadParameter(why)
    return name


Region = Annotated[
    str, typer.Option("--region", metavar="REGION", callback=_region, help="The AWS region that the stack is in.")
]


def _alert_email(address: str | None) -> str | None:
    if address and not is_alert_email(address):
        raise typer.BadParameter(f"{address!r} is not an address such as you@example.com that a stack can be given")
    return address or None


def _gopro_address(url: str | None) -> str | None:
    if url is not None and not is_gopro_address(url):
        raise typer.BadParameter(
            f"{url!r} is not an address that a stack can be given: https://HOST, or http://127.0.0.1:PORT or "
            "http://localhost:PORT"
        )
    return url


@app.command()
def up(
    *,
    gopro_api_base_url: Annotated[
        str | None,
        typer.Option(
            "--gopro-api-base-url",
            metavar="URL",
            callback=_gopro_address,
            help="A GoPro-compatible server; then no simulator is started.",
        ),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(
            "--credentials",
            exists=True,
            dir_okay=False,
            help="A file with the JSON object to put into the secret. Default: what the simulator accepts.",
        ),
    ] = None,
    library: Annotated[str, typer.Option("--library", metavar="demo|FILE", help="What the simulator serves.")] = "demo",
    media: MediaFile = None,
    region: Region = DEFAULT_REGION,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The AWS engine's port; 0 for any free one.")] = 0,
    alert_email: Annotated[
        str | None,
        typer.Option(
            "--alert-email",
            metavar="ADDRESS",
            callback=_alert_email,
            help="Who is notified of failures; see `mails`. Nothing is really sent. Default: nobody.",
        ),
    ] = None,
    state_directory: StateDirectory = None,
) -> None:
    """Start the AWS engine and the simulator, build and deploy the template.

    It is an error when a cloud is up already in this state directory. A failure or Ctrl-C leaves no process behind.
    """
    with _readable_errors():
        cloud = local_cloud.start(
            state_directory=state_directory or default_state_directory(),
            region=region,
            library=library,
            media=media,
            gopro_api_base_url=gopro_api_base_url,
            credentials=credentials,
            port=port,
            alert_email=alert_email,
            report=_say,
        )
        if gopro_api_base_url is not None and credentials is None:
            _say("The secret is empty: store a credential in it before the first run (or use --credentials)")
        if alert_email is None:
            _say("Nobody is notified of failures: no e-mail address is subscribed (up --alert-email ADDRESS)")
        else:
            alert_mails.confirm(cloud)
            _say(f"Alerts go to {alert_email}; its confirmation link was opened here (on AWS, its owner has to)")
        _say(f"Up. State and logs: {cloud.state_directory}")
        here = CloudDirectory(cloud.state_directory)
        _say(f"Next:  {here.command('run')}              sync once")
        _say(f"       {here.command('mails')}            read what a person would have received")
        if cloud.simulator_url is not None:
            _say(f"       {local_command('fault', 'list')}       what can go wrong at GoPro, to rehearse a bad night")
        _say(f'       eval "$({here.command("env")})"    point aws, boto3 and other S3 tools here')
        _say(f"       {here.command('down')}            take it down")


@app.command(
    epilog=exit_codes(
        {
            ExitCode.DONE: "all that was due is archived; what waits for a later run, or is another run's, is named",
            ExitCode.CANNOT_RUN: "the run could not do its work: no cloud is up, or GoPro accepts no login",
            ExitCode.FAILED: "a video failed, or is gone, or was asked for and is not to be had; or the run broke",
            ExitCode.NOT_CHECKED: "nothing failed, and what GoPro counts but does not show could not be checked, or "
            "what has no record that can be written or read",
            ExitCode.INTERRUPTED: "interrupted; Ctrl-C stops the execution",
        }
    )
)
def run(
    *,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input", exists=True, dir_okay=False, help="A file with the execution's input, a JSON object. Default: {}"
        ),
    ] = None,
    state_directory: StateDirectory = None,
) -> None:
    """Start the state machine, show its progress, print its output as JSON on stdout, and on stderr what came of it.

    A run that leaves a backlog and starts the next run is followed to the last one: an output and a verdict for each.
    """
    with _readable_errors():
        cloud = local_cloud.load(state_directory or default_state_directory())
        run_input = {} if input_file is None else read_run_input(input_file)
        with live_progress(_errors) as follow:
            executions = run_state_machine(cloud, run_input, follow=follow)
        for execution in executions:
            if execution.output is not None:
                print_document(json.dumps(execution.output, indent=2))
            explain(cloud, execution, _errors, was_resumed=execution is not executions[-1])
        raise typer.Exit(code_of_chain([execution.verdict for execution in executions]))


@contextmanager
def _failing_where_it_is_evaluated() -> Iterator[None]:
    try:
        yield
    except BaseException:
        # `eval` has the status of what it evaluates, and no other one. A script that went on would use the real AWS.
        print_document("false  # nothing leads to a local cloud")
        raise


@app.command()
def env(*, state_directory: StateDirectory = None) -> None:
    """Print `export NAME=value` lines that lead aws, boto3, other S3 tools and `./gopro-sync` here.

    The stack's outputs come as GOPRO_SYNC_<OUTPUT_NAME>. Variables that would lead elsewhere, such as AWS_PROFILE, are
    unset first; stderr warns of an aws command that is too old to be led here. Trusted certificates stay trusted: the
    bundle holds them all, and stays where it is after `down`. Where no cloud is up it prints `false`, so that `eval`
    fails, too.
    """
    with _readable_errors(), _failing_where_it_is_evaluated():
        cloud = local_cloud.load(state_directory or default_state_directory())
        for line in shell_lines(cloud, os.environ):
            print_document(line)
        if warning := aws_cli_warning(os.environ):
            _say(warning)


@app.command()
def mails(
    *,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Open each confirmation link first, as the owners of the addresses would.")
    ] = False,
    last: Annotated[int | None, typer.Option("--last", min=1, help="Only so many of the latest. Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list, for scripts.")] = False,
    state_directory: StateDirectory = None,
) -> None:
    """Print the e-mails that a person would have received since `up`, in order; none is really sent.

    Without an address (`up --alert-email`) nobody would have; what was published is printed all the same.
    """
    with _readable_errors():
        cloud = local_cloud.load(state_directory or default_state_directory())
        if confirm:
            confirmed = alert_mails.confirm(cloud)
            _say(f"Confirmed: {', '.join(confirmed)}" if confirmed else "No address waits for its confirmation.")
        received = alert_mails.read(cloud)
        print_document(
            alert_mails.as_json(received, last=last) if as_json else alert_mails.as_text(received, last=last)
        )


@app.command()
def down(*, state_directory: StateDirectory = None) -> None:
    """End what `up` started, and remove what it wrote, and nothing else. Nothing happens when nothing is up.

    The certificate stays, for shells may trust it. What no local cloud has written stays, too, and is named.
    """
    with _readable_errors():
        was_up = local_cloud.stop(state_directory or default_state_directory(), report=_say)
        _say("Down." if was_up else "Nothing was up.")


@app.command(
    epilog=exit_codes(
        {
            ExitCode.DONE: "every video is archived with a matching SHA-256, and the second sync transferred nothing",
            ExitCode.FAILED: "a video is not archived, or not with the source's bytes",
            ExitCode.NOT_CHECKED: "a file could not be compared with its source; all others match",
        }
    )
)
def demo(*, media: MediaFile = None, region: Region = DEFAULT_REGION, state_directory: StateDirectory = None) -> None:
    """Bring a cloud up, sync a small library, prove every byte, sync again, take the cloud down.

    It is a cloud of its own: without --state-dir, in the folder demo/ of the default one.
    """
    with _readable_errors():
        demonstration.show(
            state_directory=state_directory or default_state_directory() / "demo",
            media=media,
            region=region,
            screen=_output,
            progress_screen=_errors,
        )


def _say(line: str) -> None:
    _errors.print(line)


@contextmanager
def _readable_errors() -> Iterator[None]:
    with interruptible(_say), _errors_in_one_line():
        yield


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except LocalCloudError as error:
        _errors.print(str(error), style="yellow" if error.exit_code is ExitCode.NOT_CHECKED else "red")
        raise typer.Exit(error.exit_code) from error
    except (BotoCoreError, ClientError) as error:
        _errors.print(f"The AWS engine refused or did not answer: {error}", style="red")
        raise typer.Exit(ExitCode.CANNOT_RUN) from error


class _EndingAsHere(TyperGroup):
    """Commands of another module, which end like those of this one."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _readable_errors():
            return super().invoke(ctx)


class _FaultGroup(_EndingAsHere, fault_commands.FaultGroup):
    """The commands of faults."""


app.add_typer(fault_commands.app, name="fault", cls=_FaultGroup)
app.add_typer(gopro_commands.app, name="gopro", cls=_EndingAsHere)


def main(arguments: Sequence[str] | None = None, *, program: str = "python -m local") -> None:
    """Run a command and exit.

    Args:
        arguments: of the command; default: those of the process.
        program: what was typed before them, for usage and help.

    Raises:
        SystemExit: it has ended.
    """
    with ended_in_words(program):
        app(args=arguments, prog_name=program)


if __name__ == "__main__":
    main()
