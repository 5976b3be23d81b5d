"""``credentials set`` and ``credentials check``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gopro_sync.errors import AuthenticationError, SessionRefusedError
from gopro_sync.gopro.session.credentials import CredentialMode, Credentials
from gopro_sync.values.timestamps import iso_utc
from gopro_sync_cli import credential_input
from gopro_sync_cli.commands.ending import as_a_check, end
from gopro_sync_cli.credential_update import open_update
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.interruption import Interruptions
from gopro_sync_cli.terminal_output import output_console

_GOPRO_SAYS_NO: Final = (AuthenticationError, SessionRefusedError)


def set_credentials(
    *,
    stack_name: str,
    secret_id: str | None,
    region: str | None,
    gopro_api_base_url: str | None,
    stdin: bool,
    another_account: bool,
) -> None:
    """Ask for a credential, or read it from standard input, and store it once GoPro has accepted it."""
    with Interruptions(), as_a_check(*_GOPRO_SAYS_NO):
        piped = _piped() if stdin else None
        with open_update(
            stack_name=stack_name, secret_id=secret_id, region=region, gopro_api_base_url=gopro_api_base_url
        ) as update:
            stored = update.store(piped or _asked(), is_another_account=another_account)
    output = output_console()
    output.print(f"Stored. {_description(stored)}")
    output.print("The next run uses it; there is nothing else to do.")


def check_credentials(
    *, stack_name: str, secret_id: str | None, region: str | None, gopro_api_base_url: str | None
) -> None:
    """Print what the secret holds, if GoPro accepts its session."""
    with (
        Interruptions(),
        as_a_check(*_GOPRO_SAYS_NO),
        open_update(
            stack_name=stack_name, secret_id=secret_id, region=region, gopro_api_base_url=gopro_api_base_url
        ) as update,
    ):
        stored = update.check()
    output_console().print(f"GoPro accepts the session. {_description(stored)}")


def _piped() -> Credentials:
    with _wrong_use():
        return credential_input.read(sys.stdin)


def _asked() -> Credentials:
    with _wrong_use():
        return credential_input.ask()


@contextmanager
def _wrong_use() -> Iterator[None]:
    try:
        yield
    except credential_input.InputError as error:
        end(error, ExitCode.WRONG_USE)


def _description(credentials: Credentials) -> str:
    end = None if credentials.expires_at is None else iso_utc(credentials.expires_at)
    if credentials.mode is CredentialMode.PASTED_TOKEN:
        how_long = "how long it lasts is not known" if end is None else f"it lasts until {end} at most, may end sooner"
        return f"It is a pasted token: {how_long}, and only a person can replace it."
    how_long = "How long the session lasts is not known; it" if end is None else f"The session lasts until {end}, and"
    return f"{how_long} is renewed automatically ({credentials.mode})."
