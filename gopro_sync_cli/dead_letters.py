"""Sort the messages of the dead letter queue: this stack's failed videos, another stack's, or something else."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from gopro_sync.gopro.library.media import is_media_id
from gopro_sync_cli.held_messages import HeldMessages
from gopro_sync_cli.stack import execution_arn

# A run takes at most so many videos (MaxVideosPerRun), and their ids fit into its input.
MOST_VIDEOS: Final = 1000
# Half of the time for which a message is hidden: the first ones are still held when the last ones have been seen.
LOOKING_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedVideo:
    """The state machine's message about a video that failed."""

    media_id: str
    error: str


class NotOurs(Enum):
    """Why a message is not about a failed video of this stack."""

    ANOTHER_STACK = auto()
    NO_FAILED_VIDEO = auto()


class End(Enum):
    """Why no further message was received."""

    NO_MORE_CAME = auto()
    ENOUGH = auto()
    OUT_OF_TIME = auto()


# By message; a video that failed several times is there several times.
type FailedVideos = Mapping[str, FailedVideo]
type _Letters = Mapping[str, FailedVideo | NotOurs]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """What was seen of the queue.

    Attributes:
        videos: the failed videos that one run can retry.
        not_ours: how many messages are something else, by what they are.
        end: why there are no more; ENOUGH: there are more videos than one run can retry.
    """

    videos: FailedVideos
    not_ours: Mapping[NotOurs, int]
    end: End


def read_letter(body: str, *, state_machine_arn: str) -> FailedVideo | NotOurs:
    """Return what a message is; ``SendToDeadLetterQueue`` in ``statemachine/sync.asl.json`` writes the failed videos.

    Args:
        body: the message; anything.
        state_machine_arn: the state machine whose videos are ours.
    """
    try:
        letter: Any = json.loads(body)
    except (ValueError, RecursionError):
        return NotOurs.NO_FAILED_VIDEO
    fields: dict[str, Any] = letter if isinstance(letter, dict) else {}
    media_id, error, execution = (fields.get(name) for name in ("media_id", "error", "execution_id"))
    if not isinstance(media_id, str) or not isinstance(error, str) or not isinstance(execution, str):
        return NotOurs.NO_FAILED_VIDEO
    if not is_media_id(media_id):
        return NotOurs.NO_FAILED_VIDEO
    if not execution.startswith(execution_arn(state_machine_arn, "")):
        return NotOurs.ANOTHER_STACK
    return FailedVideo(media_id=media_id, error=error)


def media_ids_of(videos: FailedVideos) -> tuple[str, ...]:
    """Return the videos, each once, in the order of the messages."""
    return tuple(dict.fromkeys(video.media_id for video in videos.values()))


def look_through(held: HeldMessages, *, state_machine_arn: str, before_each_call: Callable[[int], None]) -> DeadLetters:
    """Receive messages until none come, or there are more videos than one run takes, or a minute has passed.

    Args:
        held: receives the messages, and holds all of them afterwards.
        state_machine_arn: the state machine whose videos are ours.
        before_each_call: called with how many messages have been seen; whatever it raises ends this.
    """
    letters, end = _receive(
        held,
        state_machine_arn=state_machine_arn,
        are_enough=lambda letters: len(media_ids_of(_videos(letters))) > MOST_VIDEOS,
        before_each_call=before_each_call,
    )
    return DeadLetters(
        videos=_videos(letters, of=media_ids_of(_videos(letters))[:MOST_VIDEOS]),
        not_ours=Counter(letter for letter in letters.values() if isinstance(letter, NotOurs)),
        end=end,
    )


def find_again(
    held: HeldMessages, videos: FailedVideos, *, state_machine_arn: str, before_each_call: Callable[[int], None]
) -> FailedVideos:
    """Receive the messages of these videos again, and return those that came; the arguments as for `look_through`."""
    letters, _ = _receive(
        held,
        state_machine_arn=state_machine_arn,
        are_enough=lambda letters: videos.keys() <= letters.keys(),
        before_each_call=before_each_call,
    )
    return _videos(letters, of=media_ids_of(videos))


def _receive(
    held: HeldMessages,
    *,
    state_machine_arn: str,
    are_enough: Callable[[_Letters], bool],
    before_each_call: Callable[[int], None],
) -> tuple[_Letters, End]:
    letters: dict[str, FailedVideo | NotOurs] = {}
    latest = time.time() + LOOKING_SECONDS
    while time.time() < latest:
        before_each_call(len(letters))
        received = held.receive()
        if not received:
            return letters, End.NO_MORE_CAME
        for message in received:
            letters[message.message_id] = read_letter(message.body, state_machine_arn=state_machine_arn)
        if are_enough(letters):
            return letters, End.ENOUGH
    return letters, End.OUT_OF_TIME


def _videos(letters: _Letters, *, of: Iterable[str] | None = None) -> FailedVideos:
    """Return the failed videos among the messages, or among those the ones with these media ids."""
    wanted = None if of is None else frozenset(of)
    return {
        message_id: letter
        for message_id, letter in letters.items()
        if isinstance(letter, FailedVideo) and (wanted is None or letter.media_id in wanted)
    }
