"""The session in docs/local-cloud.md: what is made stable in it, and where it stands."""

from __future__ import annotations

from docs.tools.rehearsal import STATE_DIRECTORY, commands_of, session_of, stable, with_session
from local.state_contents import NESTED

PAGE = """# Page

<!-- This session is made by `make docs`: docs/tools/rehearsal.py -->
```console
$ old
```
<!-- End of the session -->
more
"""


def test_the_session_of_a_page_is_replaced_and_nothing_else() -> None:
    page = with_session(PAGE, "$ new\nprinted\n")

    assert session_of(page) == "$ new\nprinted\n"
    assert page.replace("$ new\nprinted\n", "$ old\n") == PAGE


def test_its_cloud_is_in_nobodys_way_beside_the_others() -> None:
    assert STATE_DIRECTORY.name in NESTED


def test_commands_are_reported_from_what_they_print() -> None:
    assert commands_of("# why\n$ one\nprinted\n\n$ two --option\n") == ["one", "two --option"]


def test_two_sessions_of_the_same_program_are_the_same() -> None:
    def session(number: int) -> str:
        media_id, uuid = f"{number:024x}", f"{number:08x}-0000-4000-8000-000000000000"
        return stable(
            f"At GoPro now: GX010700.MP4 ({media_id}), 10.0 MB\n"
            f"  {number} s  SyncComplete: {number} of 2 videos\n"
            f"fault for {media_id} at http://127.0.0.1:{40000 + number}\n"
            f"arn:aws:states:us-east-1:000000000000:execution:sync:{uuid}\n"
            f"Date: Mon, {number:02} Nov 2026 02:04:{number:02} +0000\n"
            f"10 MB in {number} seconds: {number}.5 MB/s, due again from 2026-11-{number:02} 02:04 UTC\n"
            f"sam build took {number} s\nTried again from 2026-11-{number:02}T02:04:05Z.\n"
            f"./gopro-sync local run --state-dir /tmp/{number}   \n"
            f'eval "$(./gopro-sync local env --state-dir /tmp/{number})"\n',
            {},
        )

    assert session(11) == session(12)
    assert session(11).endswith('./gopro-sync local run\neval "$(./gopro-sync local env)"\n')


def test_a_video_has_one_id_all_through_the_session_and_another_video_another() -> None:
    ids: dict[str, str] = {}
    first = stable(f"At GoPro now: A.MP4 ({'a' * 24}), 1 MB\n", ids)
    second = stable(f"At GoPro now: B.MP4 ({'b' * 24}), 1 MB\n{'a' * 24}\n", ids)

    assert first.split("(")[1][:24] == second.splitlines()[1]
    assert first.split("(")[1][:24] != second.split("(")[1][:24]
