"""Each command that a message or a page names can be typed: it exists, and so does each option named with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest
import typer
from typer.core import TyperGroup

from gates.template import ROOT
from gopro_sync_cli.__main__ import app as operators_app
from local.__main__ import app as local_app

_FILES: Final = [
    *(ROOT / name for name in ("README.md", "Makefile", "template.yaml")),
    *(ROOT / "docs").glob("*.md"),
    *(file for folder in ("src", "statemachine", "local", "gopro_sync_cli") for file in (ROOT / folder).rglob("*.*")),
]
# As a shell reads it: up to what ends a command there, in Markdown or in a string. `ID`, `ADDRESS` are for the reader.
_COMMAND: Final = re.compile(r"\./gopro-sync((?: +[A-Za-z0-9./:_=\"$-]+)+)")

_OPERATORS: Final = typer.main.get_command(operators_app)
_LOCAL: Final = typer.main.get_command(local_app)


def _named() -> Iterator[tuple[str, tuple[str, ...]]]:
    for file in sorted(_FILES):
        if file.suffix in {".md", ".py", ".yaml", ".json", ".txt", ""} and file.is_file():
            for words in _COMMAND.findall(file.read_text(encoding="utf-8")):
                yield str(file.relative_to(ROOT)), tuple(words.split())


_COMMANDS: Final = sorted(set(_named()))


@pytest.mark.parametrize(("file", "words"), _COMMANDS, ids=lambda value: value if isinstance(value, str) else None)
def test_a_command_that_is_named_exists_and_so_do_its_options(file: str, words: tuple[str, ...]) -> None:
    command, rest = (_LOCAL, list(words[1:])) if words[0] == "local" else (_OPERATORS, list(words))
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        name = rest.pop(0).rstrip('".:')  # the end of a sentence, or of a string
        assert name in command.commands, f"{file} names `{' '.join(words)}`"
        command = command.commands[name]
    known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known | {"--help"}


def test_what_the_functions_say_to_a_person_works_as_typed() -> None:
    """Outside an activated virtual environment there is no ``gopro-sync``, only ``./gopro-sync``."""
    commands = "|".join(_OPERATORS.commands)  # type: ignore[attr-defined]
    bare = re.compile(rf"(?<![./\w-])gopro-sync (?:{commands})\b")
    files = [file for folder in ("src", "statemachine") for file in (ROOT / folder).rglob("*.*")]

    said = {
        str(file.relative_to(ROOT)): bare.findall(file.read_text(encoding="utf-8"))
        for file in files
        if file.suffix in {".py", ".json"}
    }

    assert {file: words for file, words in said.items() if words} == {}


def test_commands_are_named_in_messages_and_on_pages() -> None:
    assert {"README.md", "docs/local-cloud.md", "template.yaml"} <= {file for file, _ in _COMMANDS}


@pytest.mark.parametrize(
    "name",
    sorted(
        set(
            re.findall(
                r"""(?<!app)\.command\(["'](\w+)["']\)""",
                "".join(file.read_text(encoding="utf-8") for file in (ROOT / "local").glob("*.py")),
            )
        )
    ),
)
def test_a_hint_about_a_state_directory_names_a_command_that_there_is(name: str) -> None:
    assert isinstance(_LOCAL, TyperGroup)
    assert "--state-dir" in {option for parameter in _LOCAL.commands[name].params for option in parameter.opts}
