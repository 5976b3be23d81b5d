"""``make big-file`` says what it needs, and takes no nonsense."""

from __future__ import annotations

import shutil
import signal
from types import SimpleNamespace

import pytest

from local import cloud
from tests.e2e import big_file


@pytest.mark.parametrize("nonsense", ["abc", "0", "0.9", "-3", "nan", "inf", "5001", "12GB", "1 2"])
def test_nonsense_is_refused_and_named(nonsense: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        big_file.main([nonsense])
    assert ended.value.code == 2
    assert f"GB={nonsense}: it must be a number from 1 to 5000" in capsys.readouterr().err


def test_a_disk_without_room_is_reported_and_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=11_900_000_000))
    monkeypatch.setattr(cloud, "start", lambda **_: pytest.fail("it was begun"))
    assert big_file.main(["12"]) == 1
    stated = capsys.readouterr().err
    assert "needs 12.5 GB of disk" in stated
    assert "11.9 GB are free" in stated
    assert len(stated.strip().splitlines()) == 1


@pytest.mark.parametrize(("is_equal", "code"), [(True, 0), (False, 3)])
def test_its_exit_codes_are_those_of_the_table(monkeypatch: pytest.MonkeyPatch, is_equal: bool, code: int) -> None:
    monkeypatch.setattr(big_file, "_archive_and_read_back", lambda *_: is_equal)
    assert big_file.main(["12"]) == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interruption_is_no_traceback(monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int) -> None:
    monkeypatch.setattr(big_file, "_archive_and_read_back", lambda *_: signal.raise_signal(number))
    with pytest.raises(SystemExit) as ended:
        big_file.main(["12"])
    assert ended.value.code == code
