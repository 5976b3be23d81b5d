"""The simulator as a process: it says where it is, ends cleanly, and refuses bad input in words."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.simulator import Fault, FaultName, Library, SimulatedItem, Simulator, SimulatorAdmin

REPOSITORY = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "local.simulator")


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def announcement(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    return dict(json.loads(process.stdout.readline()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_announces_itself_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    real, ready = tmp_path / "mine.mp4", tmp_path / "ready.json"
    real.write_bytes(b"footage")
    with start("--media", str(real), "--ready-file", str(ready)) as process:
        stated = announcement(process)
        written = json.loads(ready.read_text())
        assert ready.stat().st_mode & 0o077 == 0, "it holds a credential"
        assert stated == {name: written[name] for name in ("pid", "api_url", "cdn_url")}, (
            "and standard output holds none"
        )
        admin = SimulatorAdmin(written["api_url"])
        (mine,) = [item["media_id"] for item in admin.library()["items"] if item["filename"] == "mine.mp4"]
        assert admin.source(mine).size_bytes == 7
        assert len(admin.library()["items"]) == 12
        headers = {
            "Accept": "application/vnd.gopro.jk.media+json; version=2.0.0",
            "Authorization": f"Bearer {written['credential']['auth_token']}",
        }
        with httpx.Client(trust_env=False, verify=False) as kept_open:
            assert kept_open.get(f"{written['api_url']}/media/user", headers=headers).json()["total_count"] == 12
            process.send_signal(number)
            output, errors = process.communicate(timeout=10)
        assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("{", "library.json: Expecting"),
        ('{"itmes": []}', "unknown names: itmes"),
    ],
)
def test_a_bad_library_is_refused_in_one_line(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "library.json"
    if content is not None:
        file.write_text(content)
    with start("--library", str(file)) as process:
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (2, "")
    assert words in errors
    assert errors.count("\n") == 1


def test_a_library_file_and_settings_are_taken(tmp_path: Path) -> None:
    library, settings = tmp_path / "library.json", tmp_path / "settings.json"
    library.write_text(json.dumps({"items": [{"media_id": "a"}], "series": {"count": 5}}))
    settings.write_text(json.dumps({"url_lifetime_seconds": 5}))
    with start("--library", str(library), "--settings", str(settings)) as process:
        stated = announcement(process)
        admin = SimulatorAdmin(stated["api_url"])
        assert admin.library() == {"items": [{"media_id": "a"}], "series": {"count": 5}}
        assert admin.settings()["url_lifetime_seconds"] == 5
        assert stated["account"]["refresh_token"], "without a ready file, standard output is the only way"
        process.terminate()
        process.communicate(timeout=10)


def test_a_stalled_client_does_not_keep_it_alive() -> None:
    with Simulator(Library([SimulatedItem(media_id="a")])) as simulator:
        simulator.admin.set_faults(Fault(FaultName.STALL))
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{simulator.api_url}/media/search", timeout=0.1, trust_env=False, verify=False)
        started = time.monotonic()
    assert time.monotonic() - started < 2


def test_admin_refuses_mistakes_in_words() -> None:
    with Simulator() as simulator:
        admin = simulator.admin
        with pytest.raises(ValueError, match="unknown names: url_lifetime"):
            admin.set_settings(url_lifetime=5)
        with pytest.raises(ValueError, match="dead_token_status"):
            admin.set_settings(dead_token_status=418)
        with pytest.raises(ValueError, match="no original 1 of nothing"):
            admin.source("nothing")
        with pytest.raises(ValueError, match="deleted"):
            admin.delete_item("nothing")
        assert admin.settings()["dead_token_status"] == 401
        assert admin.faults() == []


def test_two_simulators_run_side_by_side() -> None:
    with Simulator(Library([SimulatedItem(media_id="a")])) as one, Simulator() as other:
        assert len({one.api_url, one.cdn_url, other.api_url, other.cdn_url}) == 4
        assert one.credential["auth_token"] != other.credential["auth_token"]
        assert (len(one.admin.library()["items"]), len(other.admin.library()["items"])) == (1, 0)


def test_a_taken_port_is_an_error_that_leaves_nothing_open() -> None:
    with Simulator() as simulator, pytest.raises(OSError, match="in use"):
        Simulator(api_port=int(simulator.api_url.rpartition(":")[2]))
