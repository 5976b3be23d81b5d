"""Draw the state machine as pictures, with every way from one state to the next, from the deployed file. Pure.

.venv/bin/python -m docs.tools.state_machine_picture docs/state-machine.md

The pictures are Mermaid's, which GitHub and most editors draw themselves, in the reader's own font and colours: a box
is made for its text, and a change of the state machine shows as a change of text in a diff.
https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/creating-diagrams
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

STATE_MACHINE: Final = Path(__file__).parents[2] / "statemachine" / "sync.asl.json"

_HEAD: Final = """# The state machine

What `statemachine/sync.asl.json` does, drawn from that file by `make docs`, or by
`.venv/bin/python -m docs.tools.state_machine_picture docs/state-machine.md` alone.
[How it is built](architecture.md#one-run) explains why.

An orange box is a call and names what it calls; a blue hexagon is a choice, whose arrows carry its rules. A dashed
arrow is an error that is caught once its retries are used up. A dashed box is drawn in another picture.
"""

# The picture that a state belongs to, with all that follow it in the file, until the next one that is named here.
_PICTURES: Final = {
    "AuthenticateGoPro": "Session and listing",
    "IsTimeLeft?": "One video: what DownloadVideos does for each",
    "WhatFailed?": "One video that fails",
    "MayRenewSession?": "One video whose session has ended",
    "IsTransferComplete?": "One video: what DownloadVideos does for each",
    "VideoHeldBack": "One video that fails",
    "GenerateSummary": "Summary and report",
    "CheckForFailures": "Notice, next run, end",
}

# Mermaid's usual distances, 50, leave too little room for the words at the arrows.
_LAYOUT: Final = """%%{init: {"flowchart": {"nodeSpacing": 70, "rankSpacing": 75}}}%%
flowchart TD"""

# Fills with a text colour of their own: readable on a white page and on a black one.
_CLASSES: Final = """\
    classDef task fill:#fff1e0,stroke:#d9730d,color:#1f2328
    classDef choice fill:#e7f1fb,stroke:#0969da,color:#1f2328
    classDef step fill:#f0f2f4,stroke:#57606a,color:#1f2328
    classDef good fill:#e4f4e4,stroke:#2f7d32,color:#1f2328
    classDef bad fill:#fdeaea,stroke:#b3261e,color:#1f2328
    classDef elsewhere fill:none,stroke-dasharray:4 3"""

# Mermaid's brackets for the box of a type of state, and the class of its colour.
_BOXES: Final = {
    "Task": ("[", "]", "task"),
    "Map": ("[[", "]]", "task"),
    "Choice": ("{{", "}}", "choice"),
    "Wait": ("(", ")", "step"),
    "Pass": ("[", "]", "step"),
    "Succeed": ("([", "])", "good"),
    "Fail": ("([", "])", "bad"),
}

type States = dict[str, dict[str, Any]]

# This many error names are written out at an arrow; more are counted.
_MOST_NAMES: Final = 2
_ANY_ERROR: Final = "States.ALL"
# The attempts of a retry rule that gives no number: https://states-language.net/#errors
_USUAL_ATTEMPTS: Final = 3


class PictureError(Exception):
    """The state machine cannot be drawn as it is."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a state to another.

    Attributes:
        words: when it is taken; empty: always.
        errors: the names of the errors that take it, if it is one of errors.
    """

    source: str
    target: str
    words: str = ""
    errors: tuple[str, ...] = ()


def state_machine_page(machine: Mapping[str, Any]) -> str:
    """Write the page, in Markdown.

    Args:
        machine: the state machine, as ``statemachine/sync.asl.json`` has it.

    Raises:
        PictureError: a rule of a choice has no comment, a state that begins a picture is not there, or a state is of a
            type that has no box.
    """
    pictures = pictures_of(machine)
    drawn = (f"## {title}\n\n```mermaid\n{_drawn(states)}\n```\n" for title, states in pictures.items())
    return "\n".join([_HEAD, *drawn])


def pictures_of(machine: Mapping[str, Any]) -> dict[str, States]:
    """Divide the states into pictures, by title; the states inside of a Map follow it.

    Raises:
        PictureError: the first state begins no picture, or a state that begins one is not there.
    """
    every = dict(_every_state(machine))
    if missing := _PICTURES.keys() - every.keys():
        raise PictureError(f"the state machine has no {', '.join(sorted(missing))}: mend _PICTURES in {__file__}")
    pictures: dict[str, States] = {}
    title = ""
    for name, state in every.items():
        title = _PICTURES.get(name, title)
        if not title:
            raise PictureError(f"{name}, the first state, begins no picture: mend _PICTURES in {__file__}")
        pictures.setdefault(title, {})[name] = state
    return pictures


def ways_from(name: str, state: Mapping[str, Any]) -> list[Way]:
    """Return the ways out of a state, in the order in which Step Functions looks at them."""
    ways = [Way(name, rule["Next"], _rule_words(name, rule)) for rule in state.get("Choices", [])]
    if "Default" in state:
        ways.append(Way(name, state["Default"], "otherwise"))
    if "Next" in state:
        ways.append(Way(name, state["Next"]))
    return ways + [Way(name, catch["Next"], errors=tuple(catch["ErrorEquals"])) for catch in state.get("Catch", [])]


def _every_state(machine: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from _every_state(state["ItemProcessor"])


def _rule_words(name: str, rule: Mapping[str, Any]) -> str:
    if "Comment" not in rule:
        raise PictureError(f"the rule of {name} that leads to {rule['Next']} has no Comment that says when it applies")
    return str(rule["Comment"])


def _drawn(states: States) -> str:
    """Draw one picture, as Mermaid reads it."""
    ways = [way for name, state in states.items() for way in ways_from(name, state)]
    elsewhere = dict.fromkeys(way.target for way in ways if way.target not in states)
    boxes = [_box(name, state) for name, state in states.items()]
    boxes += [f"    {_id(name)}([{_quoted([name])}]):::elsewhere" for name in elsewhere]
    return "\n".join([_LAYOUT, *boxes, *_arrows(ways), _CLASSES])


def _box(name: str, state: Mapping[str, Any]) -> str:
    if state["Type"] not in _BOXES:
        raise PictureError(f"{name} is a {state['Type']}, for which there is no box: _BOXES in {__file__}")
    opening, closing, colour = _BOXES[state["Type"]]
    return f"    {_id(name)}{opening}{_quoted([name, *_details(state)])}{closing}:::{colour}"


def _details(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a box says below the state's name."""
    match state["Type"]:
        case "Task":
            yield _called(state)
        case "Map":
            yield "once for each video"
        case "Wait":
            yield _waiting(state["Seconds"])
    if attempts := max((retry.get("MaxAttempts", _USUAL_ATTEMPTS) for retry in state.get("Retry", [])), default=0):
        yield f"up to {attempts} {'retry' if attempts == 1 else 'retries'}"


def _called(state: Mapping[str, Any]) -> str:
    """Return which function, or which call of which service, a Task is."""
    function = re.fullmatch(r"\$\{(\w+?)(?:Arn)?\}", state["Arguments"].get("FunctionName", ""))
    return function[1] if function else str(state["Resource"]).partition(":states:::")[2]


def _waiting(seconds: int | str) -> str:
    """Return how long a Wait takes: seconds, or the field that an expression takes them from."""
    return f"{seconds} s" if isinstance(seconds, int) else re.sub(r".*[.](\w+).*", r"\1", seconds)


def _arrows(ways: Sequence[Way]) -> list[str]:
    """Draw one arrow from a state to another for all rules that lead there, and one for all errors."""
    arrows: dict[tuple[str, str, bool], list[Way]] = {}
    for way in ways:
        arrows.setdefault((way.source, way.target, bool(way.errors)), []).append(way)
    return [
        f"    {_id(source)} {'-.->' if of_errors else '-->'}{_label(together, ways)} {_id(target)}"
        for (source, target, of_errors), together in arrows.items()
    ]


def _label(together: Sequence[Way], ways: Sequence[Way]) -> str:
    """Return what stands at an arrow: when it is taken.

    Args:
        together: the ways that the arrow is for.
        ways: all ways of the picture.
    """
    errors = [error for way in together for error in way.errors]
    if _ANY_ERROR in errors:
        others = {error for way in ways if way.source == together[0].source for error in way.errors}
        words = ["any error" if others <= set(errors) else "any other error"]
    elif len(errors) > _MOST_NAMES:
        words = [errors[0], f"and {len(errors) - 1} other errors"]
    else:
        words = errors or [way.words for way in together if way.words]
    return f"|{_quoted(words)}|" if words else ""


def _quoted(lines: Sequence[str]) -> str:
    """Return lines as one text of Mermaid's, in which a letter with a meaning of its own is written as an entity.

    https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
    """
    return f'"{"<br/>".join(re.sub(r'[#"<>]', lambda letter: f"#{ord(letter[0])};", line) for line in lines)}"'


def _id(name: str) -> str:
    return re.sub(r"\W", "_", name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the pictures into the page that is named."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.tools.state_machine_picture", description="Draw the state machine as pictures."
    )
    parser.add_argument("file", type=Path, help="the Markdown file to write")
    page = state_machine_page(json.loads(STATE_MACHINE.read_text(encoding="utf-8")))
    parser.parse_args(arguments).file.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
