"""The credentials of another GoPro account than the one whose library is archived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from gopro_sync.errors import AuthenticationError
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.http import open_http_client
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.session.session import Session
from gopro_sync.run.discovery import Discovery, discover
from gopro_sync.run.library_owner import admit, owner_shown_by
from gopro_sync.table.owner_record import OWNER_KEY, OwnerRecord
from gopro_sync.table.tracker import Tracker
from gopro_sync.values.timestamps import now_utc
from local.simulator import Library, SimulatedItem, Simulator
from tests.support.lost_answers import LostAnswers
from tests.support.tracker_table import tracker_table

TABLE: Final = "gopro-sync-tracker"
COMMAND: Final = "./gopro-sync credentials set --secret-id gopro/credentials"


@dataclass
class Stack:
    """A stack's table and its GoPro, with one video."""

    simulator: Simulator
    dynamodb: Any
    statement: str | None = None
    token_user_id: str | None = None
    media_ids: list[str] = field(default_factory=list)

    def run(self, *, is_dry_run: bool = False) -> Discovery:
        def admitted(listing: LibraryListing) -> None:
            admit(
                owner_shown_by(listing, session_user_id=self.token_user_id),
                OwnerRecord(self.dynamodb, TABLE),
                statement=lambda: self.statement,
                may_remember=not is_dry_run,
                mending_command=COMMAND,
            )

        session = Session(auth_token=self.simulator.credential["auth_token"])
        with open_http_client() as http:
            return discover(
                GoProClient(http, session, base_url=self.simulator.api_url),
                Tracker(self.dynamodb, TABLE, clock=now_utc, sleep=lambda _: None),
                owner="run-1",
                max_videos=10,
                now=now_utc(),
                records_what_is_new=not is_dry_run,
                admit=admitted,
            )

    def log_in(self, user_id: str, media_id: str) -> None:
        """Puts in the credentials of this account, whose library has this one video."""
        self.simulator.admin.set_settings(user_id=user_id)
        self.simulator.admin.put_library(library_of(media_id))

    def recorded(self) -> set[str]:
        found = self.dynamodb.scan(TableName=TABLE)["Items"]
        return {item["media_id"]["S"] for item in found} - {OWNER_KEY}


def library_of(media_id: str) -> Library:
    return Library([SimulatedItem(media_id=media_id)])


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Simulator(library_of("first")) as simulator, tracker_table(TABLE) as dynamodb:
        yield Stack(simulator, dynamodb)


def test_another_account_s_videos_are_neither_recorded_nor_shown_as_found(stack: Stack) -> None:
    stack.run()
    stack.log_in("another-user", "second")
    for is_dry_run in (False, True):
        with pytest.raises(AuthenticationError) as caught:
            stack.run(is_dry_run=is_dry_run)
        assert "another GoPro account" in str(caught.value)
        assert COMMAND in str(caught.value)
        assert "--another-account" in str(caught.value)
    assert stack.recorded() == {"first"}


def test_the_first_account_s_credentials_mend_it(stack: Stack) -> None:
    before = stack.simulator.credential["user_id"]
    stack.run()
    stack.log_in("another-user", "second")
    with pytest.raises(AuthenticationError):
        stack.run()
    stack.log_in(before, "third")
    assert [video.media_id for video in stack.run().videos] == ["third"]


def test_another_account_that_is_meant_is_let_in_once_for_each_time_that_a_person_says_so(stack: Stack) -> None:
    stack.run()
    stack.log_in("another-user", "second")
    stack.statement = "2026-05-02T01:00:00Z"
    stack.run()
    stack.run()
    assert stack.recorded() == {"first", "second"}
    stack.log_in("a-third-user", "third")
    with pytest.raises(AuthenticationError):
        stack.run()


def test_a_stack_that_has_a_library_and_no_memory_learns_whose_it_is(stack: Stack) -> None:
    stack.simulator.admin.set_settings(shows_user_ids=False)
    stack.run()
    stack.simulator.admin.set_settings(shows_user_ids=True)
    stack.run()
    stack.log_in("another-user", "second")
    with pytest.raises(AuthenticationError):
        stack.run()


def test_where_no_id_is_shown_nothing_is_decided(stack: Stack) -> None:
    stack.run()
    stack.simulator.admin.set_settings(shows_user_ids=False)
    stack.log_in("another-user", "second")
    assert [video.media_id for video in stack.run().videos] == ["second"]


@pytest.mark.parametrize(("token_user_id", "is_refused"), [("token-user", False), ("another-token-user", True)])
def test_where_the_rows_show_none_the_token_s_id_decides(stack: Stack, token_user_id: str, *, is_refused: bool) -> None:
    stack.token_user_id = "token-user"
    stack.run()
    stack.simulator.admin.set_settings(shows_user_ids=False)
    stack.token_user_id = token_user_id
    if is_refused:
        with pytest.raises(AuthenticationError):
            stack.run()
    else:
        stack.run()


def test_ids_of_two_kinds_are_never_compared(stack: Stack) -> None:
    """If GoPro's token named the account by another id than its rows, no run would end for that."""
    stack.simulator.admin.set_settings(shows_user_ids=False)
    stack.token_user_id = "id-of-the-token"
    stack.run()
    stack.simulator.admin.set_settings(shows_user_ids=True)
    stack.token_user_id = None
    stack.run()
    stack.token_user_id = "a-new-form-of-the-token-s-id"
    stack.run()  # the rows say that it is the same account


def test_a_dry_run_remembers_nothing(stack: Stack) -> None:
    stack.log_in("another-user", "second")
    stack.run(is_dry_run=True)
    stack.log_in("the-right-user", "first")
    stack.run()
    assert stack.recorded() == {"first"}


def test_the_memory_whose_answer_is_lost_is_written_once(stack: Stack) -> None:
    lost = LostAnswers(stack.dynamodb, "UpdateItem")
    stack.run()
    assert lost.left == 0
    stack.log_in("another-user", "second")
    with pytest.raises(AuthenticationError):
        stack.run()
