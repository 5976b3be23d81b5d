"""``./gopro-sync local`` when nothing is up, and what it prints when something is."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from local import __main__ as command_line
from local import cloud, mails
from local.cloud import Cloud
from local.engine.mailbox import Mail
from local.mails import Mails
from local.running import Execution
from tests.support.folder_tree import contents, plant
from tests.support.full_disk import full_disk
from tests.support.local_cloud import FakeMachine


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command_line.app, list(arguments))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    """A cloud that looks as if it were up."""
    up = Cloud(
        state_directory=tmp_path,
        endpoint_url="https://127.0.0.1:4566",
        ca_bundle=tmp_path / "a directory with spaces" / "ca-bundle.pem",
        region="us-east-1",
        gopro_api_base_url="http://127.0.0.1:4001",
        simulator_url=None,
        outputs={},
    )
    monkeypatch.setattr(cloud, "load", lambda _directory: up)
    return up


def _ends_with(monkeypatch: pytest.MonkeyPatch, *outputs: dict[str, Any]) -> list[Any]:
    inputs: list[Any] = []

    def run(_cloud: Cloud, run_input: Any, **_: Any) -> list[Execution]:
        inputs.append(run_input)
        return [
            Execution(arn="arn", status="SUCCEEDED", output=output, error=None, cause=None, duration_seconds=1)
            for output in outputs
        ]

    monkeypatch.setattr(command_line, "run_state_machine", run)
    monkeypatch.setattr("local.explanation.failed_videos", lambda *_: iter(()))
    monkeypatch.setattr("local.explanation.videos_left", lambda _cloud: ())
    return inputs


@pytest.mark.parametrize("command", ["run", "env", "mails", "fault on slow", "fault show", "gopro film"])
def test_a_command_that_needs_a_cloud_says_how_to_get_one(tmp_path: Path, command: str) -> None:
    result = _run(*command.split(), "--state-dir", str(tmp_path))

    assert result.exit_code == 1
    assert " local up --state-dir" in result.stderr
    assert result.stdout == ("false  # nothing leads to a local cloud\n" if command == "env" else "")


def test_a_script_that_is_led_to_no_cloud_does_not_go_on_with_the_real_aws(tmp_path: Path) -> None:
    printed = _run("env", "--state-dir", str(tmp_path)).stdout

    script = f"set -e; eval {shlex.quote(printed)}; echo aws s3 rm"
    assert subprocess.run(["sh", "-c", script], capture_output=True, check=False).stdout == b""


def test_down_when_nothing_is_up_says_so_and_makes_nothing(tmp_path: Path) -> None:
    for name in ("missing", "missing/below", ""):
        result = _run("down", "--state-dir", str(tmp_path / name))

        assert (result.exit_code, result.stderr) == (0, "Nothing was up.\n")
    assert list(tmp_path.iterdir()) == []


_COMMANDS = (
    ("up",),
    ("demo",),
    ("run",),
    ("env",),
    ("mails",),
    ("fault", "on", "slow"),
    ("fault", "off", "--all"),
    ("fault", "show"),
    ("gopro", "film"),
    ("gopro", "expire", "urls"),
    ("gopro", "sign-in"),
    ("gopro", "forward", "1"),
    ("down",),
)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    return FakeMachine(monkeypatch)


@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
@pytest.mark.parametrize("by", ["option", "environment variable"])
def test_a_folder_that_is_no_state_directory_is_refused_and_stays_as_it_is(
    machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], by: str
) -> None:
    plant(
        tmp_path / "photos", {"a.jpg": b"1", "logs": {"engine.log": b"2"}, "state.json": b"{}", "trip": {"b.jpg": b"3"}}
    )
    before = contents(tmp_path)
    monkeypatch.setenv("GOPRO_SYNC_STATE_DIR", str(tmp_path / "photos"))

    result = _run(*command, *(["--state-dir", str(tmp_path / "photos")] if by == "option" else []))

    assert result.exit_code == 1
    assert re.search(r"photos is (no state directory|neither empty nor a state directory)", result.stderr)
    assert machine.started == []
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", ["", "file", "home", "repository", "repository/src", "."])
def test_a_name_that_is_no_place_for_a_state_directory_is_refused_by_every_command(
    machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], name: str
) -> None:
    plant(tmp_path, {"file": b"1", "home": {}, "repository": {"src": {}}})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("local.state_place.REPOSITORY", tmp_path / "repository")
    monkeypatch.chdir(tmp_path / "home")
    before = contents(tmp_path)

    result = _run(*command, "--state-dir", name and str(tmp_path / name))

    assert result.exit_code == (2 if name == "" else 1)
    words = " ".join(result.stderr.replace("│", " ").split())  # wrong usage is said in a box
    assert {"": "an empty name", "file": "is a file", ".": "home folder lies in"}.get(name, "is ") in words
    assert isinstance(result.exception, SystemExit)
    assert machine.started == []
    assert contents(tmp_path) == before


def test_down_names_what_it_has_left(machine: FakeMachine, tmp_path: Path) -> None:
    assert _run("up", "--state-dir", str(tmp_path)).exit_code == 0
    plant(tmp_path, {"notes.txt": b"1", "logs": {os.fsdecode(b"caf\xe9"): b"2"}})

    result = _run("down", "--state-dir", str(tmp_path))

    assert result.exit_code == 0
    assert result.stderr.splitlines()[0].endswith(r"wrote it: 'logs/caf\udce9', notes.txt")
    assert result.stderr.splitlines()[1] == "Down."


def test_down_of_a_damaged_cloud_says_what_it_could_not_do(machine: FakeMachine, tmp_path: Path) -> None:
    assert _run("up", "--state-dir", str(tmp_path)).exit_code == 0
    (tmp_path / "state.json").write_text("[]", encoding="utf-8")

    result = _run("down", "--state-dir", str(tmp_path))

    assert result.exit_code == 1
    assert "damaged" in result.stderr
    assert "ps ax | grep" in result.stderr
    assert _run("down", "--state-dir", str(tmp_path)).stderr == "Nothing was up.\n"


@pytest.fixture
def aws_cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that alone is on the PATH, for an `aws`."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("aws_cli")
def test_env_prints_lines_that_a_shell_can_read(here: Cloud) -> None:
    lines = _run("env").stdout.splitlines()

    exported = dict(shlex.split(line)[1].split("=", 1) for line in lines)
    assert all(line.startswith("export ") for line in lines)
    assert exported == here.environment()


@pytest.mark.usefixtures("here")
def test_env_warns_of_an_old_aws_command_beside_what_a_shell_evaluates(aws_cli: Path) -> None:
    quiet = _run("env")
    assert quiet.stderr == ""
    (aws_cli / "aws").write_text("#!/bin/sh\necho aws-cli/1.22.34 Python/3.10.12 botocore/1.27.96\n")
    (aws_cli / "aws").chmod(0o755)

    warned = _run("env")

    assert warned.stdout == quiet.stdout
    assert f"{aws_cli / 'aws'} is version 1.22.34, which ignores AWS_ENDPOINT_URL" in warned.stderr


@pytest.mark.usefixtures("here")
def test_run_prints_the_output_as_json_and_exits_0_when_every_video_was_archived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = _ends_with(monkeypatch, {"synced": 3, "failed": 0, "deferred": 0})

    result = _run("run")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"synced": 3, "failed": 0, "deferred": 0}
    assert inputs == [{}]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("output", "code", "says"),
    [
        ({"synced": 3, "failed": 1, "deferred": 0, "failures": {"IntegrityError": 1}}, 3, "1 video failed"),
        ({"synced": 3, "failed": 0, "deferred": 2}, 0, "2 videos are left for the next run"),
        ({"synced": 0, "failed": 0, "deferred": 0, "postponed": 4}, 0, "4 videos are postponed"),
        ({"synced": 3, "failed": 0, "deferred": 0, "listing_gap": {"stated": 9, "shown": 7}}, 4, "GoPro counts 9"),
        ({"status": "DRY_RUN", "videos": 7, "bytes": 5_000_000}, 0, "a run would archive 7 videos, 5.0 MB"),
    ],
)
def test_run_ends_with_the_code_of_what_came_of_it_and_says_so(
    monkeypatch: pytest.MonkeyPatch, output: dict[str, Any], code: int, says: str
) -> None:
    _ends_with(monkeypatch, output)

    result = _run("run")

    assert result.exit_code == code
    assert json.loads(result.stdout) == output
    assert says in result.stderr


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("failed", "exit_code"), [(0, 0), (1, 3)])
def test_a_run_whose_backlog_is_drained_by_the_next_one_archived_everything_that_did_not_fail(
    monkeypatch: pytest.MonkeyPatch, failed: int, exit_code: int
) -> None:
    _ends_with(monkeypatch, {"failed": failed, "deferred": 2}, {"failed": 0, "deferred": 0})

    result = _run("run")

    assert result.exit_code == exit_code
    assert result.stdout.count('"deferred"') == 2


@pytest.mark.usefixtures("here")
def test_run_takes_its_input_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    inputs = _ends_with(monkeypatch, {"failed": 0, "deferred": 0})
    file = tmp_path / "input.json"
    file.write_text('{"max_videos": 2}', encoding="utf-8")

    assert _run("run", "--input", str(file)).exit_code == 0
    assert inputs == [{"max_videos": 2}]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("content", "problem"), [("{", "is not JSON"), ("[]", "one JSON object")])
def test_run_refuses_an_input_that_is_no_json_object(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "input.json"
    file.write_text(content, encoding="utf-8")

    result = _run("run", "--input", str(file))

    assert result.exit_code == 2
    assert problem in result.stderr


@pytest.mark.usefixtures("here")
def test_an_interrupted_run_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> list[Execution]:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "run_state_machine", interrupt)

    assert _run("run").exit_code == 130


_MAIL = Mail(
    message_id="1",
    published_at="2026-05-01T18:02:44.123Z",
    to=(),
    unconfirmed=(),
    subject="A subject",
    text="a text",
    message="a text",
)


def _holds(monkeypatch: pytest.MonkeyPatch, *kept: Mail) -> None:
    held = Mails(
        display_name="GoPro Sync",
        mails=kept,
        dropped=0,
        confirmed=(),
        unconfirmed=(),
        confirm_command="mails --confirm",
    )
    monkeypatch.setattr(mails, "read", lambda _cloud: held)


@pytest.mark.usefixtures("here")
def test_mails_prints_what_would_have_been_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    _holds(monkeypatch, _MAIL)

    result = _run("mails")

    assert result.exit_code == 0
    assert result.stdout.startswith("Nobody would have received this mail: ")
    assert result.stdout.endswith("Subject: A subject\n\na text\n")


@pytest.mark.usefixtures("here")
def test_mails_as_json_prints_the_list_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _holds(monkeypatch, _MAIL)

    result = _run("mails", "--json")

    assert [mail["subject"] for mail in json.loads(result.stdout)] == ["A subject"]


@pytest.mark.usefixtures("here")
def test_mails_prints_only_the_latest_if_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    _holds(monkeypatch, *(replace(_MAIL, to=("me@example.com",), subject=f"Night {night}") for night in (1, 2, 3)))

    text, listed = _run("mails", "--last", "2").stdout, _run("mails", "--last", "2", "--json").stdout

    assert re.findall(r"Subject: (.*)", text) == ["Night 2", "Night 3"]
    assert text.startswith("--- Mail 2 of 3 ---")
    assert [mail["subject"] for mail in json.loads(listed)] == ["Night 2", "Night 3"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("confirmed", "stated"), [(("me@example.com",), "Confirmed: me@example.com"), ((), "No address")]
)
def test_mails_opens_the_confirmation_links_before_it_prints(
    monkeypatch: pytest.MonkeyPatch, confirmed: tuple[str, ...], stated: str
) -> None:
    _holds(monkeypatch)
    monkeypatch.setattr(mails, "confirm", lambda _cloud: confirmed)

    result = _run("mails", "--confirm")

    assert (result.exit_code, result.stdout) == (0, "No mail.\n")
    assert result.stderr.startswith(stated)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("options", "printed"), [((), "No mail.\n"), (("--json",), "[]\n")])
def test_no_mail_is_no_error(monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], printed: str) -> None:
    _holds(monkeypatch)

    result = _run("mails", *options)

    assert (result.exit_code, result.stdout) == (0, printed)


def _starts(monkeypatch: pytest.MonkeyPatch, here: Cloud) -> tuple[dict[str, Any], list[Cloud]]:
    """What the start was asked for, and where the confirmation link was opened."""
    asked: dict[str, Any] = {}
    opened: list[Cloud] = []

    def start(**options: Any) -> Cloud:
        asked.update(options)
        return here

    monkeypatch.setattr(cloud, "start", start)
    monkeypatch.setattr(mails, "confirm", opened.append)
    return asked, opened


def test_up_with_an_address_subscribes_and_confirms_it(monkeypatch: pytest.MonkeyPatch, here: Cloud) -> None:
    asked, opened = _starts(monkeypatch, here)

    result = _run("up", "--alert-email", "me@example.com")

    assert result.exit_code == 0
    assert (asked["alert_email"], opened) == ("me@example.com", [here])
    assert "Alerts go to me@example.com" in result.stderr


@pytest.mark.parametrize("options", [(), ("--alert-email", "")])
def test_up_without_an_address_says_that_nobody_is_notified_and_what_changes_it(
    monkeypatch: pytest.MonkeyPatch, here: Cloud, options: tuple[str, ...]
) -> None:
    asked, opened = _starts(monkeypatch, here)

    result = _run("up", *options)

    assert (asked["alert_email"], opened) == (None, [])
    (line,) = [line for line in result.stderr.splitlines() if "Nobody is notified" in line]
    assert "--alert-email" in line


def test_up_refuses_what_is_no_address_before_anything_is_started(monkeypatch: pytest.MonkeyPatch, here: Cloud) -> None:
    asked, _ = _starts(monkeypatch, here)

    result = _run("up", "--alert-email", "me@example")

    assert result.exit_code == 2
    assert "me@example" in result.stderr
    assert asked == {}


@pytest.mark.parametrize(("options", "region"), [((), "us-east-1"), (("--region", "eu-south-1"), "eu-south-1")])
def test_up_is_in_the_region_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, here: Cloud, options: tuple[str, ...], region: str
) -> None:
    asked, _ = _starts(monkeypatch, here)

    assert _run("up", *options).exit_code == 0
    assert asked["region"] == region


@pytest.mark.parametrize("command", ["up", "demo"])
@pytest.mark.parametrize(
    ("region", "stated"),
    [
        ("eu-central-l", "eu-central-1 or"),
        ("EU-CENTRAL-1", "is eu-central-1"),
        ("frankfurt", "'frankfurt' is no AWS region such as eu-central-1"),
        ("", "'' is no AWS region"),
        ("cn-north-1", "'cn-north-1' is in the partition aws-cn"),
        ("us-gov-west-1", "'us-gov-west-1' is in the partition aws-us-gov"),
    ],
)
def test_a_region_that_cannot_be_is_refused_before_anything_is_started(
    machine: FakeMachine, tmp_path: Path, command: str, region: str, stated: str
) -> None:
    result = _run(command, "--region", region, "--state-dir", str(tmp_path / "new"))

    assert result.exit_code == 2
    assert stated in " ".join(result.stderr.replace("│", " ").split())
    assert (machine.started, (tmp_path / "new").exists()) == ([], False)


_NO_FILES = {
    "empty": b"",
    "not text": b"\xff\xfe\x00",
    "half": b'{"items": [',
    "a list": b"[1]",
    "deep": b"[" * 100_000,
    "a long number": b"9" * 5000,
}


@pytest.mark.parametrize(
    ("option", "content"),
    [(option, content) for option in ("--library", "--credentials") for content in _NO_FILES.values()]
    + [("--library", b'{"items": [{"id": "x"}]}')],
    ids=[*_NO_FILES, *(f"secret {name}" for name in _NO_FILES), "of others"],
)
def test_a_file_that_cannot_be_used_is_named_in_one_line_before_anything_is_started(
    machine: FakeMachine, tmp_path: Path, option: str, content: bytes
) -> None:
    file = tmp_path / "given.json"
    file.write_bytes(content)

    result = _run("up", option, str(file), "--state-dir", str(tmp_path / "new"))

    assert result.exit_code == 2
    assert result.stderr.startswith(str(file))
    assert result.stderr.count("\n") == 1
    assert (machine.started, (tmp_path / "new").exists()) == ([], False)


@pytest.mark.parametrize("given", ["/nonexistent/library.json", "", "."])
def test_a_library_that_is_no_file_is_refused(machine: FakeMachine, tmp_path: Path, given: str) -> None:
    result = _run("up", "--library", given, "--state-dir", str(tmp_path / "new"))

    assert (result.exit_code, machine.started) == (2, [])
    assert "cannot be read: " in result.stderr


@pytest.mark.parametrize("command", ["up", "demo"])
@pytest.mark.parametrize("given", ["missing", "folder", "empty", "/dev/null", "/proc/self/mem"])
def test_media_that_is_no_file_with_something_in_it_is_wrong_usage(
    machine: FakeMachine, tmp_path: Path, command: str, given: str
) -> None:
    plant(tmp_path, {"folder": {}, "empty": b""})

    result = _run(command, "--media", str(tmp_path / given), "--state-dir", str(tmp_path / "new"))

    assert (result.exit_code, machine.started) == (2, [])
    assert "--media" in result.stderr


@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
@pytest.mark.parametrize("place", ["/proc/self", "/proc/self/x", "/sys/x", "/dev/x"])
def test_folders_of_the_system_are_no_place_for_a_state_directory(
    machine: FakeMachine, command: tuple[str, ...], place: str
) -> None:
    result = _run(*command, "--state-dir", place)

    assert (result.exit_code, machine.started) == (1, [])
    assert "which is the system's own" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_name_that_is_too_long_is_not_shown_whole(tmp_path: Path) -> None:
    result = _run("env", "--state-dir", str(tmp_path / ("x" * 5000)))

    assert result.exit_code == 1
    assert "File name too long" in result.stderr
    assert len(result.stderr) < 500


def test_a_full_disk_is_reported_in_one_sentence(machine: FakeMachine, tmp_path: Path) -> None:
    with full_disk():
        result = _run("up", "--state-dir", str(tmp_path / "new"))

    assert (result.exit_code, machine.started) == (1, [])
    assert result.stderr.startswith(f"No space left on the device of {tmp_path / 'new'}")
    assert result.stderr.count("\n") == 1


def test_a_wrong_option_is_wrong_usage() -> None:
    assert _run("up", "--port", "70000").exit_code == 2
