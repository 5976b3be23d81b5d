"""The peak of a process is known even if it was short, and a child's is told apart."""

from __future__ import annotations

import subprocess
import sys

from tests.support.peak_memory import PeakMemory

_MEGABYTE = 1_000_000
# Takes much, gives it back, and has a child that takes more.
_PROGRAM = """
import subprocess, sys
taken = bytearray(80_000_000); del taken
child = "taken = bytearray(150_000_000); del taken; print('ready', flush=True); input()"
subprocess.run([sys.executable, "-c", child])
"""


def test_the_peaks_of_a_process_and_of_its_child_are_reported_apart() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with PeakMemory({"engine": process.pid, "nobody": 2**22 + 1}) as memory:
            pass
        process.communicate("\n")
    assert set(memory.peaks) == {"engine", "engine's children"}
    if sys.platform == "linux":
        assert 80 * _MEGABYTE < memory.peaks["engine"] < 150 * _MEGABYTE < memory.peaks["engine's children"]
