"""The session in docs/local-cloud.md is what its commands print today."""

from __future__ import annotations

from pathlib import Path

from docs.tools.rehearsal import PAGE, STEPS, played, session_of


def test_the_printed_session_is_what_the_commands_print_today(tmp_path: Path) -> None:
    session = played(STEPS, state_directory=tmp_path / "cloud", report=lambda _line: None)

    assert session.splitlines() == session_of(PAGE.read_text(encoding="utf-8")).splitlines(), "make docs"
