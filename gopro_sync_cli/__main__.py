"""``./gopro-sync``: what an operator does by hand. Its exit codes stand in `exit_codes.py`."""

from __future__ import annotations

import logging
import os
import re
from contextlib import AbstractContextManager
from typing import Annotated, Final

import typer

from gopro_sync_cli.command_end import ended_in_words
from gopro_sync_cli.exit_codes import ExitCode, exit_codes
from gopro_sync_cli.option_defaults import API_BASE_URL_VARIABLE, DEFAULT_STACK_NAME, STACK_VARIABLE
from gopro_sync_cli.terminal_output import error_console, new_command_line, print_document, working
from gopro_sync_cli.typed import typed_program

# A shell completes the commands of PATH: what is started by a path, as in a checkout, has another one in each folder.
_COMPLETED_PROGRAM: Final = re.compile(r"[\w-]+")

app = new_command_line(
    "What an operator of gopro-s3-sync does by hand. AWS credentials come from the environment or the profile, as with "
    f"the aws command.\n\n{exit_codes()}",
    add_completion=bool(_COMPLETED_PROGRAM.fullmatch(typed_program())),
)
credentials_app = new_command_line("The GoPro credentials in AWS Secrets Manager.")
app.add_typer(credentials_app, name="credentials")


def _loading() -> AbstractContextManager[object]:
    """Show in a terminal that the command has begun: the AWS SDK takes a moment to load."""
    return working(error_console(), "Loading the AWS SDK")


def _not_empty(value: str | None) -> str | None:
    # It comes from a shell variable that is not set, and would mean something other than was intended.
    if value == "":
        raise typer.BadParameter("an empty name names nothing")
    return value


def _media_ids(values: list[str]) -> list[str]:
    from gopro_sync.gopro.library.media import is_media_id

    for value in values:
        if not is_media_id(value):
            raise typer.BadParameter(f"{value!r} is no media id")
    return values


def _region(value: str | None) -> str | None:
    # The SDK reads the second variable only, AWS's CLI both, and the first of them first:
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
    return _not_empty(value) or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None


_StackName = Annotated[
    str,
    typer.Option("--stack-name", help="The deployed stack.", envvar=STACK_VARIABLE, callback=_not_empty),
]
_SecretId = Annotated[
    str | None,
    typer.Option("--secret-id", help="Name or ARN of the secret, instead of the stack's own.", callback=_not_empty),
]
_Region = Annotated[
    str | None,
    typer.Option(
        "--region",
        help="AWS region. Default: AWS_REGION, AWS_DEFAULT_REGION, or your AWS configuration.",
        callback=_region,
    ),
]
_AsJson = Annotated[bool, typer.Option("--json", help="JSON records, one a line (docs/cli.md).")]
_ApiBaseUrl = Annotated[
    str | None,
    typer.Option(
        "--gopro-api-base-url",
        help="Base URL of the GoPro API. Default: the stack's. A different one is refused.",
        envvar=API_BASE_URL_VARIABLE,
        callback=_not_empty,
    ),
]


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer gives the option's value so
    if asked:
        from gopro_sync_cli.checkout import version

        print_document(version())
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take what stands before the name of a command."""


@credentials_app.command(
    "set",
    epilog=exit_codes(
        {
            ExitCode.DONE: "it is stored",
            ExitCode.FAILED: "GoPro does not accept it, and nothing was stored",
            ExitCode.NOT_CHECKED: "GoPro or AWS could not be reached, and nothing was stored",
        }
    ),
)
def set_credentials(
    *,
    stack_name: _StackName = DEFAULT_STACK_NAME,
    secret_id: _SecretId = None,
    region: _Region = None,
    gopro_api_base_url: _ApiBaseUrl = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read one JSON object instead of asking.")] = False,
    another_account: Annotated[
        bool,
        typer.Option(
            "--another-account",
            help="This is another GoPro account than before, on purpose: its videos go into the same bucket.",
        ),
    ] = False,
) -> None:
    """Put a credential into the secret, once GoPro has accepted it.

    Asks for it without showing it, or reads one of these from standard input with --stdin:

    \b
    {"username": ..., "password": ..., "client_id": ..., "client_secret": ...}
    {"refresh_token": ..., "client_id": ..., "client_secret": ...}
    {"auth_token": ...}

    It is never an argument, since other programs can read arguments.
    """  # noqa: D301 - the help keeps the lines of a paragraph that begins with this character
    with _loading():
        from gopro_sync_cli.commands import credentials

    credentials.set_credentials(
        stack_name=stack_name,
        secret_id=secret_id,
        region=region,
        gopro_api_base_url=gopro_api_base_url,
        stdin=stdin,
        another_account=another_account,
    )


@credentials_app.command(
    "check",
    epilog=exit_codes(
        {
            ExitCode.DONE: "GoPro accepts the session",
            ExitCode.FAILED: "GoPro does not accept the session, or there is none yet",
            ExitCode.NOT_CHECKED: "GoPro or AWS could not be reached",
        }
    ),
)
def check_credentials(
    *,
    stack_name: _StackName = DEFAULT_STACK_NAME,
    secret_id: _SecretId = None,
    region: _Region = None,
    gopro_api_base_url: _ApiBaseUrl = None,
) -> None:
    """Show what the secret holds and whether GoPro accepts its session. Changes nothing."""
    with _loading():
        from gopro_sync_cli.commands import credentials

    credentials.check_credentials(
        stack_name=stack_name, secret_id=secret_id, region=region, gopro_api_base_url=gopro_api_base_url
    )


@app.command(
    "redrive",
    epilog=exit_codes(
        {
            ExitCode.DONE: "a run was started, or there is no failed video",
            ExitCode.FAILED: None,
            ExitCode.NOT_CHECKED: (
                "no video can be retried now, but the queue may hold some: run it again in 2 minutes; or "
                "it is unknown whether a run was started"
            ),
        }
    ),
)
def redrive_failed_videos(
    *,
    stack_name: _StackName = DEFAULT_STACK_NAME,
    region: _Region = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Retry the failed videos in the dead letter queue now, whether or not their next attempt is due.

    Removes the messages of videos that have been archived since, shows what else is in the queue, asks, and starts one
    run for these videos (1,000 at most). Everything else stays in the queue, however the command ends: run it again
    when the run is over.
    """
    with _loading():
        from gopro_sync_cli.commands import redriving

    redriving.redrive_failed_videos(stack_name=stack_name, region=region, yes=yes)


@app.command(
    "accept",
    epilog=exit_codes(
        {
            ExitCode.DONE: "all of them are accepted",
            ExitCode.FAILED: "one is not accepted, and stderr says why",
            ExitCode.NOT_CHECKED: None,
        }
    ),
)
def accept_incomplete_videos(
    media_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="The videos' media ids, as given in the notice.", callback=_media_ids),
    ],
    *,
    stack_name: _StackName = DEFAULT_STACK_NAME,
    region: _Region = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Mark videos as archived although GoPro does not have all of them: the archive has everything that is left.

    For videos that are partly archived and failed with IncompleteSourceError, SourceMissingError, SourceLostError,
    ItemRefusedError or MediaGoneError, once you have looked on gopro.com: they are not retried any more. The record
    keeps who accepted them, when, and how many bytes; nothing is deleted.
    """
    with _loading():
        from gopro_sync_cli.commands import accepting

    accepting.accept_incomplete_videos(media_ids, stack_name=stack_name, region=region, yes=yes)


@app.command(
    "rebuild",
    epilog=exit_codes(
        {
            ExitCode.DONE: "the records are written, or none is missing",
            ExitCode.FAILED: "a record could not be written",
            ExitCode.NOT_CHECKED: "a record that is there could not be read, and was left as it is",
        }
    ),
)
def rebuild_records(
    *,
    stack_name: _StackName = DEFAULT_STACK_NAME,
    region: _Region = None,
    gopro_api_base_url: _ApiBaseUrl = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be written.")] = False,
    gopro_has_none: Annotated[
        bool,
        typer.Option("--gopro-has-none", help="GoPro no longer has any of the videos, and that is as it should be."),
    ] = False,
) -> None:
    """Rebuild the tracker's records from the bucket's objects, when the table was lost or is older than the bucket.

    Reads every object, GoPro's listing and the records, and writes the records that are missing. A video becomes
    COMPLETED if the listing confirms its files, or if GoPro no longer lists it; for any other video, the next run
    fetches only what is missing. No object is changed, nor any record that is COMPLETED or that a run is working on.
    The command can be repeated at any time, and resumes where it was interrupted.
    """
    with _loading():
        from gopro_sync_cli.commands import rebuilding

    rebuilding.rebuild_records(
        stack_name=stack_name,
        region=region,
        gopro_api_base_url=gopro_api_base_url,
        dry_run=dry_run,
        gopro_has_none=gopro_has_none,
    )


@app.command(
    "adopt",
    epilog=exit_codes(
        {
            ExitCode.DONE: "they are in the stack, or nothing was kept; with --check: a deployment can go ahead",
            ExitCode.FAILED: "the import or the deployment failed; with --check: a deployment would fail",
            ExitCode.NOT_CHECKED: "with --check: AWS could not be reached",
        }
    ),
)
def adopt_what_was_kept(
    *,
    config_env: Annotated[
        str, typer.Option("--config-env", help="The section of samconfig.toml that the stack is deployed with.")
    ] = "default",
    region: Annotated[
        str | None,
        typer.Option(
            "--region",
            help="AWS region. Default: that of samconfig.toml, or of your AWS configuration.",
            callback=_not_empty,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    deploy: Annotated[bool, typer.Option("--deploy", help="Deploy afterwards (make deploy).")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing: only show what a deployment would fail on.")
    ] = False,
) -> None:
    """Import what an earlier stack left behind into a stack, so that the next deployment continues with it.

    After sam delete, the videos, their records, the key, the credentials and the audit records still exist, and their
    names are taken. This command finds them, shows them, asks, imports them unchanged, and names the command that
    deploys the rest. It can be repeated at any time, and resumes where it was interrupted.

    With --check it prints nothing if a deployment can go ahead, and otherwise the reason: something was kept, or the
    stack belongs to another system or another Environment. make deploy checks this first.
    """
    from gopro_sync_cli.checkout import checkout_folder

    folder = checkout_folder("adopt")
    with _loading():
        from gopro_sync_cli.commands import adopting

    adopting.adopt_what_was_kept(folder, config_env=config_env, region=region, yes=yes, deploy=deploy, check=check)


@app.command(
    "status",
    epilog=exit_codes(
        {
            ExitCode.DONE: "SAFE; or BEHIND, and no video has failed",
            ExitCode.FAILED: "BROKEN; or BEHIND, and a video has failed",
            ExitCode.NOT_CHECKED: "UNKNOWN: what the word depends on could not be read, or there was no run yet",
        }
    ),
)
def status(
    *,
    stack_name: _StackName = DEFAULT_STACK_NAME,
    region: _Region = None,
    as_json: _AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the word alone.")] = False,
    recount: Annotated[bool, typer.Option("--recount", help="Count every record of the table.")] = False,
) -> None:
    """Say whether the archive is SAFE, BEHIND, BROKEN or UNKNOWN, why, and what to type next. Changes nothing."""
    with _loading():
        from gopro_sync_cli.status_command import show_status

    raise typer.Exit(show_status(stack_name, region=region, as_json=as_json, is_quiet=quiet, counts_anew=recount))


_CODES_OF_RUNS = exit_codes(
    {
        ExitCode.DONE: "they are printed, however they ended",
        ExitCode.FAILED: None,
        ExitCode.NOT_CHECKED: "not all could be read, and stderr says why",
    }
)


@app.command("runs", epilog=_CODES_OF_RUNS)
def runs(
    *,
    stack_name: _StackName = DEFAULT_STACK_NAME,
    region: _Region = None,
    most: Annotated[int, typer.Option("--last", help="How many.", min=1, max=1000)] = 20,
    as_json: _AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print their ids alone.")] = False,
) -> None:
    """List the last runs, the latest first: how each ended, what it archived, and what it cost."""
    with _loading():
        from gopro_sync_cli.runs_command import list_runs

    raise typer.Exit(list_runs(stack_name, region=region, most=most, as_json=as_json, is_quiet=quiet))


@app.command("run", epilog=_CODES_OF_RUNS)
def run(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="As `runs` shows it; also an execution's name or ARN.")],
    *,
    stack_name: _StackName = DEFAULT_STACK_NAME,
    region: _Region = None,
    as_json: _AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print how it ended alone.")] = False,
) -> None:
    """Show one run: how it ended and why, its figures, its cost, and the videos that failed in it."""
    with _loading():
        from gopro_sync_cli.runs_command import show_run

    raise typer.Exit(show_run(stack_name, run_id, region=region, as_json=as_json, is_quiet=quiet))


@app.command("cost")
def forecast_cost(
    *,
    gb_per_month: Annotated[float, typer.Option(help="What your cameras upload in a month, in GB.", min=0, max=1e6)],
    instant_retrieval: Annotated[
        bool,
        typer.Option(
            "--instant-retrieval/--no-instant-retrieval",
            help="Whether videos pass through Glacier Instant Retrieval, from the 7th day on.",
        ),
    ] = True,
    video_gb: Annotated[float, typer.Option(help="Size of a usual video, in GB.", min=0.001, max=1000)] = 1.0,
    months: Annotated[int, typer.Option(help="How many months to look ahead.", min=1, max=120)] = 12,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with every month.")] = False,
) -> None:
    """Forecast what the system costs, by service, for the first month and a later one (offline; see docs/cost.md)."""
    from gopro_sync_cli import cost

    cost.show_forecast(
        gb_per_month=gb_per_month,
        video_gb=video_gb,
        months=months,
        instant_retrieval=instant_retrieval,
        as_json=as_json,
    )


@app.command(
    "local",
    # All that follows is the other command line's: its options, --help too, and its errors.
    context_settings={
        "allow_extra_args": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
        "ignore_unknown_options": True,
    },
)
def run_local_cloud(context: typer.Context) -> None:
    """Run the cloud on your machine, to try everything without AWS: up, run, mails, fault, gopro, env, down, demo."""
    from gopro_sync_cli import local_cloud

    local_cloud.run(context.args)


def main() -> None:
    """Run, and turn whatever goes wrong into one line."""
    # The functions' code logs for CloudWatch, and has other words for that than a person needs here.
    logging.disable()
    try:
        with ended_in_words("gopro-sync"):
            _run()
    finally:
        logging.disable(logging.NOTSET)


def _run() -> None:
    try:
        app(prog_name=typed_program())
    except Exception as error:
        from gopro_sync_cli.commands.ending import end_if_expected

        end_if_expected(error)
        raise


if __name__ == "__main__":
    main()
