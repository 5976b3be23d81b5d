"""Read a new credential from a person at the keyboard, or from JSON on standard input. Never from arguments."""

from __future__ import annotations

import json
import sys
from typing import TextIO

import typer

from gopro_sync.errors import ConfigurationError
from gopro_sync.gopro.session.credentials import Credentials
from gopro_sync_cli.terminal_output import output_console

_KINDS = {
    "1": ("e-mail address and password (renews itself)", ("username", "password", "client_id", "client_secret")),
    "2": ("refresh token (renews itself)", ("refresh_token", "client_id", "client_secret")),
    "3": ("token pasted from a browser, the cookie gp_access_token (a person has to renew it)", ("auth_token",)),
}
_SHOWN = frozenset({"username", "client_id"})
_LONGEST_INPUT = 64 * 1024  # what a secret may hold


class InputError(Exception):
    """The input cannot be a credential."""


def ask() -> Credentials:
    """Ask for the kind and then for its fields, without showing the secret ones.

    Raises:
        InputError: there is no terminal to ask on, no such kind, or what was typed cannot be a credential.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError("There is no terminal to ask on: with --stdin the credential is read from standard input.")
    screen = output_console()
    screen.print("How does this stack sign in to GoPro?")
    for number, (description, _) in _KINDS.items():
        screen.print(f"  {number}  {description}")
    kind = _KINDS.get(typer.prompt("Number").strip())
    if kind is None:
        raise InputError("That is not one of the numbers.")
    fields = {name: typer.prompt(name, hide_input=name not in _SHOWN).strip() for name in kind[1]}
    return _parsed(json.dumps(fields))


def read(stream: TextIO | None) -> Credentials:
    """Read one JSON object.

    Raises:
        InputError: nothing, more than a secret may hold, not JSON, not an object, or no credential in it.
    """
    text = "" if stream is None else stream.read(_LONGEST_INPUT + 1)  # None: it was closed before the start
    if not text.strip():
        raise InputError("There is nothing on standard input.")
    if len(text) > _LONGEST_INPUT:
        raise InputError(f"There is more on standard input than a secret may hold ({_LONGEST_INPUT} characters).")
    return _parsed(text)


def _parsed(text: str) -> Credentials:
    try:
        return Credentials.parse(text)
    except ConfigurationError as error:
        raise InputError(error.message) from error
