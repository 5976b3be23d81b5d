"""``local fault`` and ``local gopro`` as an operator types them, against a simulator that runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from local import __main__ as command_line
from local import cloud
from local.cloud import Cloud
from local.simulator import FaultName, ItemSeries, Library, SimulatedItem, Simulator, SourceFile
from local.simulator.faults import POSSIBLE_ENDPOINTS

ACCEPT = "application/vnd.gopro.jk.media+json; version=2.0.0"


def _video(media_id: str, filename: str | None, chapters: int = 1) -> SimulatedItem:
    files = tuple(SourceFile(size_bytes=1000, seed=f"{media_id}/{number}") for number in range(chapters))
    return SimulatedItem(media_id=media_id, filename=filename, chapters=files)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    items = [_video("one", "GX010001.MP4"), _video("three", "GX010456.MP4", 3), _video("again", "GX010001.MP4")]
    with Simulator(Library([*items, _video("nameless", None)], ItemSeries(count=2))) as running:
        yield running


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, simulator: Simulator) -> Cloud:
    """A cloud that looks as if it were up."""
    up = Cloud(
        state_directory=tmp_path,
        endpoint_url="https://127.0.0.1:4566",
        ca_bundle=tmp_path,
        region="us-east-1",
        gopro_api_base_url=simulator.api_url,
        simulator_url=simulator.api_url,
        outputs={},
    )
    monkeypatch.setattr(cloud, "load", lambda _directory: up)
    return up


def _local(*arguments: str) -> Result:
    return CliRunner().invoke(command_line.app, list(arguments), env={"COLUMNS": "200"})


def _printed(*arguments: str) -> list[str]:
    result = _local(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def _listing(simulator: Simulator) -> httpx.Response:
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {simulator.credential['auth_token']}"}
    return httpx.get(f"{simulator.api_url}/media/search", headers=headers, trust_env=False)


def test_a_fault_strikes_from_on_to_off_and_its_hits_are_counted(simulator: Simulator) -> None:
    assert _printed("fault", "show") == ["No fault is on."]

    on = _printed("fault", "on", "throttled", "--endpoint", "search", "--times", "2", "--retry-after", "7")
    answer = _listing(simulator)

    assert on == ["On: throttled at search, 2 times, --retry-after 7: Answers 429: too many requests."]
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert _printed("fault", "show") == ["throttled at search, 2 times, --retry-after 7: struck once"]
    assert _printed("fault", "off", "throttled") == ["Off: throttled, which has struck once"]
    assert _listing(simulator).status_code == 200


def test_faults_add_up_and_those_that_are_on_keep_their_count(simulator: Simulator) -> None:
    _printed("fault", "on", "throttled", "--times", "1")
    _listing(simulator)
    _printed("fault", "on", "short-body", "slow")

    assert [line.partition(" ")[0] for line in _printed("fault", "show")] == ["throttled", "short_body", "slow"]
    assert _printed("fault", "show")[0].endswith("struck once, and will no more")
    assert _listing(simulator).status_code == 200, "it was to strike once"


def test_a_fault_that_is_switched_on_again_starts_anew(simulator: Simulator) -> None:
    for _ in range(2):
        _printed("fault", "on", "throttled", "--times", "1")
        assert [_listing(simulator).status_code for _ in range(2)] == [429, 200]

    assert len(_printed("fault", "show")) == 1


def test_all_faults_go_off_together() -> None:
    _printed("fault", "on", "throttled", "slow")

    assert len(_printed("fault", "off", "--all")) == 2
    assert _printed("fault", "off", "--all") == ["No fault was on."]
    assert _printed("fault", "off", "slow") == ["slow was not on."]


def test_scripts_get_what_is_on_as_json() -> None:
    assert json.loads(_local("fault", "show", "--json").stdout) == []

    _printed("fault", "on", "slow", "--media-id", "one")

    assert json.loads(_local("fault", "show", "--json").stdout) == [{"name": "slow", "media_id": "one", "hits": 0}]


def test_a_video_is_named_by_its_file() -> None:
    assert _printed("fault", "on", "not_found", "--endpoint", "cdn", "--file", "gx010456.mp4", "--chapter", "2") == [
        "On: not_found at cdn, for GX010456.MP4 (three), chapter 2, each time: "
        "Answers 404, as if there were no such thing."
    ]


@pytest.mark.parametrize("arguments", [("fault", "--help"), ("fault", "on", "--help"), ("fault", "list")], ids=" ".join)
def test_help_and_list_say_of_every_fault_what_it_does(arguments: tuple[str, ...]) -> None:
    printed = _local(*arguments).stdout

    assert [name for name in FaultName if f"  {name} " not in printed] == []
    assert [name for name in FaultName if name.description not in printed] == []


@pytest.mark.parametrize("name", list(FaultName))
def test_every_fault_can_be_switched_on_with_what_it_needs(name: FaultName) -> None:
    needed = {
        "odd_body": ["--text", "x"],
        "odd_url": ["--text", "x"],
        "foreign_url": ["--location", "https://example.com/"],
        "odd_headers": ["--header", "X-Odd: yes"],
    }

    [line] = _printed("fault", "on", name, *needed.get(name, []), "--endpoint", min(POSSIBLE_ENDPOINTS[name]))

    assert line.startswith(f"On: {name} at ")
    assert line.endswith(name.description)


WRONG = [
    (("throtled",), "did you mean throttled?"),
    (("page",), "short_page or overlapping_pages"),
    (("xyzzy",), "`fault list` shows them all"),
    (("short_page", "--endpoint", "cdn"), "cannot happen at cdn, only at search"),
    (("reply_lost", "--endpoint", "cdn"), "only at search, media, download, user, token, zip"),
    (("slow", "--endpoint", "moon"), "is none of search, media"),
    (("short_page", "--file", "GX010456.MP4"), "happens at search only, where no request is about a single video"),
    (("slow", "--page", "2"), "happens at cdn only, where no request is about a page of the listing"),
    (("slow", "--status", "500"), "slow does not depend on --status, only on --bytes"),
    (("missing_source", "--rows", "5"), "missing_source does not depend on --rows, nor on any other option"),
    (("odd_headers",), "odd_headers needs --header"),
    (("odd_headers", "--header", "no colon"), "is no header such as"),
    (("odd_row", "--text", "{"), "the text is not JSON"),
    (("slow", "--file", "GX010456.MP4", "--chapter", "4"), "GX010456.MP4 (three) has 3 files, and no number 4"),
    (("slow", "--file", "a", "--media-id", "b"), "one of them is enough"),
    (("slow", "--times", "0"), "--times"),
    (("throttled", "--retry-after", "1\r\nX: y"), "cannot be put into a header"),
]


@pytest.mark.parametrize(("arguments", "stated"), WRONG, ids=lambda value: " ".join(value)[:40] if value else "")
def test_what_could_do_nothing_is_wrong_use_and_switches_nothing_on(arguments: tuple[str, ...], stated: str) -> None:
    result = _local("fault", "on", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert stated in " ".join(result.stderr.replace("│", " ").split())
    assert _printed("fault", "show") == ["No fault is on."]


@pytest.mark.parametrize("arguments", [(), ("slow", "--all")], ids=["nothing", "both"])
def test_off_wants_names_or_all(arguments: tuple[str, ...]) -> None:
    assert _local("fault", "off", *arguments).exit_code == 2


def test_a_new_video_has_one_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.mp4"
    file.write_bytes(b"x")

    result = _local("gopro", "film", "GX010999.MP4", "--media", str(file))

    assert (result.exit_code, result.stdout) == (2, "")
    assert "one of them is enough" in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("option", [("--media-id", "nope"), ("--file", "nope.MP4")], ids=" ".join)
def test_a_video_that_is_not_there_is_an_error_that_says_what_is_there(option: tuple[str, str]) -> None:
    result = _local("fault", "on", "slow", *option)

    assert result.exit_code == 2
    assert f"'{option[1]}'" in result.stderr
    assert "  three  GX010456.MP4\n" in result.stderr
    assert "  nameless  (no name)\n" in result.stderr
    assert "2 that are numbered: series000000" in result.stderr


def test_a_name_that_two_videos_have_is_an_error_that_says_their_ids() -> None:
    result = _local("fault", "on", "slow", "--file", "GX010001.MP4")

    assert result.exit_code == 2
    assert "--media-id one or --media-id again" in result.stderr


COMMANDS = [("fault", "on", "slow"), ("fault", "show"), ("fault", "off", "--all"), ("gopro", "film")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_cloud_with_another_gopro_server_has_nothing_to_switch(
    monkeypatch: pytest.MonkeyPatch, here: Cloud, command: tuple[str, ...]
) -> None:
    other = replace(here, gopro_api_base_url="http://127.0.0.1:9000", simulator_url=None)
    monkeypatch.setattr(cloud, "load", lambda _directory: other)

    result = _local(*command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "This cloud uses the GoPro server at http://127.0.0.1:9000 (up --gopro-api-base-url) and not the simulator, "
        "which alone can be made to fail.\n"
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_simulator_that_is_gone_is_reported_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, here: Cloud, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(cloud, "load", lambda _directory: replace(here, simulator_url="http://127.0.0.1:1"))

    result = _local(*command)

    assert result.exit_code == 1
    assert result.stderr.startswith("The GoPro simulator at http://127.0.0.1:1 does not answer")
    assert "gopro-sync local down" in result.stderr


def test_a_simulator_of_another_version_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, here: Cloud) -> None:
    monkeypatch.setattr(cloud, "load", lambda _directory: replace(here, simulator_url=f"{here.simulator_url}/older"))

    result = _local("fault", "show")

    assert result.exit_code == 1
    assert "If another version of this program has started it: " in result.stderr


def test_a_new_video_is_at_gopro_at_once_under_the_next_name(simulator: Simulator) -> None:
    [line] = _printed("gopro", "film", "--mb", "2", "--chapters", "2")

    assert line.startswith("At GoPro now: GX010457.MP4 (")
    assert line.endswith("), 4.0 MB")
    newest = _listing(simulator).json()["_embedded"]["media"][0]
    assert (newest["filename"], newest["file_size"], newest["id"] in line) == ("GX010457.MP4", 4_000_000, True)


def test_a_real_file_comes_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "mine.mp4").write_bytes(b"footage")

    (line,) = _printed("gopro", "film", "--media", str(tmp_path / "mine.mp4"))

    assert re.fullmatch(r"At GoPro now: mine\.mp4 \([0-9a-f]{24}\), 0\.0 MB", line)


@pytest.mark.parametrize("media", ["empty.mp4", "/dev/zero", "/proc/cpuinfo"])
def test_what_is_no_file_with_something_in_it_is_no_video(tmp_path: Path, media: str) -> None:
    (tmp_path / "empty.mp4").touch()

    result = CliRunner().invoke(command_line.app, ["gopro", "film", "--media", str(tmp_path / media)])

    assert result.exit_code == 2
    assert media in result.stderr


@pytest.mark.parametrize("command", [("expire", "access-tokens"), ("forward", "1000")], ids=" ".join)
def test_a_login_runs_out(simulator: Simulator, command: tuple[str, ...]) -> None:
    before = _listing(simulator).status_code

    _printed("gopro", *command)

    assert (before, _listing(simulator).status_code) == (200, 401)


def test_who_signs_in_anew_gets_a_credential_that_works(simulator: Simulator) -> None:
    _printed("gopro", "expire", "access_tokens")

    credential = json.loads(_local("gopro", "sign-in").stdout)

    assert credential.keys() == simulator.credential.keys()
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {credential['auth_token']}"}
    assert httpx.get(f"{simulator.api_url}/media/search", headers=headers, trust_env=False).status_code == 200


def test_a_login_that_renews_itself_meets_the_faults_of_the_token_endpoint(simulator: Simulator) -> None:
    credential = json.loads(_local("gopro", "sign-in", "--renewing").stdout)
    form = {name: credential[name] for name in ("refresh_token", "client_id", "client_secret")}
    renewal = {"grant_type": "refresh_token", **form}
    _printed("fault", "on", "token_blacklisted", "--times", "1")

    answers = [httpx.post(f"{simulator.api_url}/v1/oauth2/token", data=renewal, trust_env=False) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [401, 200]
    assert "sign-in --renewing" in _local("fault", "list").stdout


def test_only_what_gopro_gives_can_run_out() -> None:
    result = _local("gopro", "expire", "patience")

    assert result.exit_code == 2
    assert "none of urls, access_tokens, refresh_tokens" in result.stderr
