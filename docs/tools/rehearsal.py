"""``python -m docs.tools.rehearsal``: play a bad night on a cloud of its own, and print it into docs/local-cloud.md.

Each command is typed into a terminal as the page shows it, at the repository's root, and what it prints is written
down. What differs each time (ids, ports, dates, durations) is replaced, so that the same program gives the same page.

Exit codes: 0 written, or with --check the page is what the commands print today; 1 it is not, or a command failed.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import operator
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import dropwhile
from pathlib import Path
from typing import Final

from local import cloud, mails
from local.state import REPOSITORY, STATE_DIRECTORY_VARIABLE

PAGE: Final = REPOSITORY / "docs" / "local-cloud.md"
_BEGIN: Final = "<!-- This session is made by `make docs`: docs/tools/rehearsal.py -->\n```console\n"
_END: Final = "```\n<!-- End of the session -->\n"
# Of a cloud that lives for the page only: not where the shell, by its variable, has another one.
STATE_DIRECTORY: Final = REPOSITORY / ".local" / "rehearsal"
_SECONDS_PER_COMMAND: Final = 300.0
_POLL_SECONDS: Final = 0.5
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR")
_SHELL: Final = "/bin/bash"
_STARTED: Final = "Started arn:"
_RUN: Final = './gopro-sync local run > /dev/null; echo "exit code $?"'


class RehearsalError(Exception):
    """A command did not end, or did not have the expected effect; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the operator does next.

    Attributes:
        command: as it is typed.
        why: a comment above it.
        exit_code: the expected exit code.
        answer: what to type at the question that ends the command's output.
        subjects: how the subjects of all mails begin that have to arrive before the next step.
    """

    command: str
    why: str = ""
    exit_code: int = 0
    answer: str = ""
    subjects: tuple[str, ...] = ()


_MAILS_OF_FIRST_NIGHT: Final = ("AWS Notification", 'ALARM: "GoPro-Api-Changed-local"')
_MAILS_OF_SECOND_NIGHT: Final = (*_MAILS_OF_FIRST_NIGHT, "GoPro Sync Partial Failure")

STEPS: Final = (
    Step(command="./gopro-sync local up --alert-email you@example.com"),
    Step(command=_RUN, why="a good night"),
    Step(
        command="./gopro-sync local gopro film GX010700.MP4",
        why="two new videos; GoPro loses the file of one, and its CDN has too much to do",
        subjects=_MAILS_OF_FIRST_NIGHT,
    ),
    Step(command="./gopro-sync local gopro film GX010701.MP4"),
    Step(command="./gopro-sync local fault on not_found --endpoint cdn --file GX010700.MP4"),
    Step(command="./gopro-sync local fault on throttled --endpoint cdn --times 2 --retry-after 1"),
    Step(command=_RUN, why="a bad night"),
    Step(command="./gopro-sync local fault show"),
    Step(
        command="./gopro-sync local mails --last 1",
        why="what the operator finds in the morning",
        subjects=_MAILS_OF_SECOND_NIGHT,
    ),
    Step(command='eval "$(./gopro-sync local env)"', why="the operator's commands, here instead of on AWS"),
    Step(command="./gopro-sync redrive", why="too early: the file is still lost", answer="n", exit_code=1),
    Step(command="./gopro-sync local fault off --all", why="GoPro has found it again"),
    Step(command="./gopro-sync redrive --yes"),
    Step(command="./gopro-sync redrive", why="after a minute: did it work?"),
    Step(command=_RUN, why="the next night has nothing to do"),
    Step(
        command="./gopro-sync local mails | grep Subject:",
        why="the alarm is of the first night: one item of the sample library has a type that is not known",
    ),
    Step(command="./gopro-sync local down"),
)

# What differs from one session to the next, and its replacement.
_REPLACED: Final = (
    # The reader's cloud is in the default place, which no hint names.
    (re.compile(r" --state-dir [^\s)]+"), ""),
    (re.compile(r"(?<=State and logs: )\S+"), "~/gopro-s3-sync/.local"),
    (re.compile(r"(https://(?:127\.0\.0\.1|localhost)):\d+"), r"\1:4566"),
    (re.compile(r"(http://(?:127\.0\.0\.1|localhost)):\d+"), r"\1:4001"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "0f4c8a9e-2b71-4d3c-9a58-7e6d5c4b3a21"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d UTC"), "2026-11-02 22:04 UTC"),
    (re.compile(r"\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d \+0000"), "Mon, 02 Nov 2026 02:04:05 +0000"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "2026-11-02T22:04:05Z"),
    (re.compile(r"in \d+ seconds?: [\d.,]+ MB/s"), "in 3 seconds: 3.3 MB/s"),
    (re.compile(r"\b(sam \w+ took) \d+ s\b"), r"\1 9 s"),
)
# How far a run is, which a terminal shows in one line that is drawn over and over, and this one line by line.
_PROGRESS: Final = re.compile(r" *\d+ s  ")


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the session; write it into the page, or compare it with the page.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m docs.tools.rehearsal", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the page is up to date")
    options = parser.parse_args(arguments)
    page = PAGE.read_text(encoding="utf-8")
    try:
        session = played(STEPS, state_directory=STATE_DIRECTORY, report=lambda line: print(line, file=sys.stderr))
    except RehearsalError as error:
        print(error, file=sys.stderr)
        return 1
    if not options.check:
        PAGE.write_text(with_session(page, session), encoding="utf-8")
        return 0
    difference = list(
        difflib.unified_diff(session_of(page).splitlines(), session.splitlines(), "page", "today", lineterm="")
    )
    print("\n".join(difference))
    return 1 if difference else 0


def session_of(page: str) -> str:
    """Return the session in a page."""
    return page.partition(_BEGIN)[2].partition(_END)[0]


def with_session(page: str, session: str) -> str:
    """Return the page with another session in it."""
    before, _, rest = page.partition(_BEGIN)
    return before + _BEGIN + session + _END + rest.partition(_END)[2]


def commands_of(session: str) -> list[str]:
    """Return what is typed in a session."""
    return [line.removeprefix("$ ") for line in session.splitlines() if line.startswith("$ ")]


def played(steps: Sequence[Step], *, state_directory: Path, report: Callable[[str], None]) -> str:
    """Play the steps and return the session as a terminal would show it.

    Args:
        steps: in order; the first brings the cloud up.
        state_directory: of the cloud, which is taken down whatever happens.
        report: takes each command as it is typed.

    Raises:
        RehearsalError: a command failed, did not end, or did not have the expected effect.
    """
    terminal = _Terminal(state_directory)
    ids: dict[str, str] = {}
    shown: list[str] = []
    with contextlib.ExitStack() as stack:
        for step in steps:
            report(f"$ {step.command}")
            if step.subjects:
                _wait(partial(_have_come, step.subjects, state_directory), f"The mails {step.subjects}")
            output = terminal.type(step)
            if not shown:
                stack.callback(terminal.take_down)
            if _STARTED in output:
                _wait(partial(_nothing_runs, state_directory), "The end of the run")
            comment = f"# {step.why}\n" if step.why else ""
            shown.append(f"{comment}$ {step.command}\n{stable(output, ids)}")
    return "\n".join(shown)


def stable(output: str, ids: dict[str, str]) -> str:
    """Return what a command printed, without what differs each time.

    Args:
        output: of the command.
        ids: replacements for the media ids seen so far; those of new videos are added.
    """
    for found in re.findall(r"At GoPro now: \S+ \(([0-9a-f]{24})\)", output):
        ids.setdefault(found, f"64d2b7f0a1b2c3d4e5f6{len(ids) + 16:04x}")
    for media_id, standing_for in ids.items():
        output = output.replace(media_id, standing_for)
    for pattern, replacement in _REPLACED:
        output = pattern.sub(replacement, output)
    lines = [line.rstrip() for line in output.splitlines() if not _PROGRESS.match(line)]
    return "".join(f"{line}\n" for line in dropwhile(operator.not_, lines))


class _Terminal:
    """Where an operator types, at the repository's root.

    Args:
        state_directory: of the cloud.
    """

    def __init__(self, state_directory: Path) -> None:
        self._environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._environment |= {STATE_DIRECTORY_VARIABLE: str(state_directory), "TERM": "dumb", "COLUMNS": "400"}

    def type(self, step: Step) -> str:
        """Return what a command prints.

        Raises:
            RehearsalError: it failed or did not end.
        """
        if step.command.startswith("eval "):
            self._evaluate(step.command)
            return ""
        screen, keyboard = pty.openpty()
        try:
            with subprocess.Popen(  # noqa: S603  # the commands stand above
                [_SHELL, "-c", step.command],
                cwd=REPOSITORY,
                env=self._environment,
                stdin=keyboard,
                stdout=keyboard,
                stderr=keyboard,
            ) as process:
                os.close(keyboard)
                output = _read(screen, process, step.answer).decode().replace("\r\n", "\n")
        finally:
            os.close(screen)
        if process.returncode != step.exit_code:
            raise RehearsalError(f"{step.command} ended with exit code {process.returncode}:\n{output}")
        return output

    def take_down(self) -> None:
        """End the cloud, if it is still up."""
        command = [_SHELL, "-c", "./gopro-sync local down"]
        subprocess.run(command, cwd=REPOSITORY, env=self._environment, check=False, capture_output=True)  # noqa: S603

    def _evaluate(self, command: str) -> None:
        """Keep the variables that a command sets, as a shell would."""
        result = subprocess.run(  # noqa: S603  # the commands stand above
            [_SHELL, "-c", f"{command}; env -0"],
            cwd=REPOSITORY,
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
        )
        self._environment = dict(entry.split("=", 1) for entry in result.stdout.split("\0") if "=" in entry)


def _read(screen: int, process: subprocess.Popen[bytes], answer: str) -> bytes:
    """Return everything that the program prints until it ends; answer its question."""
    output = b""
    deadline = time.monotonic() + _SECONDS_PER_COMMAND
    while time.monotonic() < deadline:
        if not select.select([screen], [], [], _POLL_SECONDS)[0]:
            continue
        try:
            new = os.read(screen, 65536)
        except OSError:  # Linux says so when the last program that had the terminal has ended
            return output
        if not new:
            return output
        output += new
        if answer and output.endswith(b": "):
            os.write(screen, f"{answer}\n".encode())
            answer = ""
    process.terminate()
    raise RehearsalError(f"{process.args!r} did not end in {_SECONDS_PER_COMMAND:g} seconds:\n{output.decode()}")


def _have_come(subjects: Sequence[str], state_directory: Path) -> bool:
    kept = mails.read(cloud.load(state_directory)).mails
    if len(kept) < len(subjects):
        return False
    return all(mail.subject.startswith(subject) for mail, subject in zip(kept, subjects, strict=False))


def _nothing_runs(state_directory: Path) -> bool:
    here = cloud.load(state_directory)
    running = here.client("stepfunctions").list_executions(
        stateMachineArn=here.outputs["StateMachineArn"], statusFilter="RUNNING"
    )
    return not running["executions"]


def _wait(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS_PER_COMMAND
    while not is_so():
        if time.monotonic() > deadline:
            raise RehearsalError(f"{what} did not come in {_SECONDS_PER_COMMAND:g} seconds")
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
