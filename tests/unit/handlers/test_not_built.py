"""A function that was deployed without its dependencies says so, and what to type."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gates.template import ROOT

# As in Lambda, where what stands in the checkout is all there is: no packages of this environment.
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); __import__(sys.argv[2])"


@pytest.mark.parametrize("handler", ["authenticator", "media_lister", "video_downloader"])
def test_a_function_without_its_dependencies_says_that_it_was_not_built(handler: str) -> None:
    module = f"gopro_sync.handlers.{handler}"
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(ROOT / "src"), module],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    last = answer.stderr.splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert "sam build && sam deploy" in last
