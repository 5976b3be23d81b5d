"""Seven nights in the life of an archive, lived through in two minutes: good ones, and some of what goes wrong.

The runs, their metrics, logs and alarms are real. Only the calendar is invented: each night's readings are
moved to 01:00 UTC of a day of its own, or all would fall within the same few minutes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from docs.tools.readings import Reading, moved, read_metrics, read_storage
from local.cloud import Cloud
from local.running import run
from local.simulator import Fault, SimulatedItem, SimulatorAdmin, SourceFile
from local.simulator.faults import FaultName
from local.simulator.tokens import Account

_MIB: Final = 1024 * 1024
_START: Final = timedelta(hours=1)  # by UTC, as the template's schedule has it
_NOT_THE_PASSWORD: Final = "changed-on-gopro.com"  # noqa: S105 - what the owner has set there instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What is different from the night before.

    Attributes:
        description: in a few words.
        new_videos: how many were uploaded during the day.
        faults: what goes wrong at GoPro.
        has_wrong_password: whether the owner has changed the password at GoPro only.
        run_input: the run's.
        empties_queue: whether an operator looks through the dead letter queue afterwards.
    """

    description: str
    new_videos: int
    faults: tuple[Fault, ...] = ()
    has_wrong_password: bool = False
    run_input: dict[str, Any] | None = None
    empties_queue: bool = False


# A video goes by the name of its night and its number: d2v1.
NIGHTS: Final = (
    Night(description="five videos", new_videos=5),
    Night(
        description="of four videos, one has lost a chapter at GoPro, and another its original",
        new_videos=4,
        faults=(Fault(FaultName.FEWER_SOURCES, media_id="d2v1"), Fault(FaultName.MISSING_SOURCE, media_id="d2v2")),
    ),
    Night(description="three videos", new_videos=3),
    Night(description="the password was changed at GoPro only", new_videos=2, has_wrong_password=True),
    Night(description="the new password is in: what was left is caught up on", new_videos=4),
    Night(
        description="of six videos, GoPro offers no original of four",
        new_videos=6,
        faults=tuple(Fault(FaultName.MISSING_SOURCE, media_id=f"d6v{number}") for number in range(1, 5)),
    ),
    Night(
        description="GoPro is well again, and the failed ones are tried",
        new_videos=2,
        run_input={"redrive": True},
        empties_queue=True,
    ),
)


def live_through(cloud: Cloud, nights: Sequence[Night], *, report: Callable[[str], None]) -> list[Reading]:
    """Live through the nights; return the readings, each night's on a day of its own, the last one today's.

    Args:
        cloud: fresh, with the simulator as GoPro.
        nights: one after the other.
        report: called with each line about what happens.
    """
    admin = SimulatorAdmin(cloud.gopro_api_base_url)
    library = _Library(admin)
    readings: list[Reading] = []
    for number, night in enumerate(nights, start=1):
        library.grow(number, night.new_videos)
        admin.set_faults(*night.faults)
        began_at = time.time()
        with _password(cloud, is_wrong=night.has_wrong_password):
            execution = run(cloud, night.run_input or {})
        report(f"Night {number}: {night.description}: {execution.status}")
        if night.empties_queue:
            cloud.client("sqs").purge_queue(QueueUrl=cloud.outputs["DeadLetterQueueUrl"])
        own = _readings_since(cloud, began_at)
        readings += moved(own, began_at=began_at, to=_start_of_run(days_ago=len(nights) - number))
    return readings


class _Library:
    """GoPro's library, which grows by some videos a day."""

    def __init__(self, admin: SimulatorAdmin) -> None:
        self._admin = admin
        self._admin.put_library({"items": []})

    def grow(self, day: int, count: int) -> None:
        uploaded = datetime.now(UTC) - timedelta(hours=8)
        for number in range(1, count + 1):
            self._admin.add_item(
                SimulatedItem(
                    media_id=f"d{day}v{number}",
                    filename=f"GX01{day:02}{number:02}.MP4",
                    created_at=(uploaded + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    chapters=(
                        SourceFile(size_bytes=(8 + 3 * number) * _MIB, seed=f"{day}/{number}/1"),
                        SourceFile(size_bytes=(1 + number) * _MIB, seed=f"{day}/{number}/2"),
                    ),
                )
            )


def _readings_since(cloud: Cloud, began_at: float) -> Iterator[Reading]:
    since = datetime.fromtimestamp(int(began_at), tz=UTC)
    now = time.time()
    yield from read_metrics(cloud, since=since, until=datetime.fromtimestamp(int(now) + 1, tz=UTC))
    yield from read_storage(cloud, at=now)


@contextmanager
def _password(cloud: Cloud, *, is_wrong: bool) -> Iterator[None]:
    """Let the secret hold a wrong password meanwhile, if so; what it held before is put back."""
    if not is_wrong:
        yield
        return
    secrets, secret = cloud.client("secretsmanager"), cloud.outputs["CredentialsSecretArn"]
    before = secrets.get_secret_value(SecretId=secret)["SecretString"]
    secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(_login(_NOT_THE_PASSWORD)))
    try:
        yield
    finally:
        secrets.put_secret_value(SecretId=secret, SecretString=before)


def _login(password: str) -> dict[str, str]:
    account = Account()
    return {
        "username": account.username,
        "password": password,
        "client_id": account.client_id,
        "client_secret": account.client_secret,
    }


def _start_of_run(*, days_ago: int) -> float:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today - timedelta(days=days_ago) + _START).timestamp()
