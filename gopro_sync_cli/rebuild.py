"""Rebuild the tracker's records from the objects in the bucket, when the table is lost or older than the bucket."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import random
from threading import Lock
from typing import TYPE_CHECKING, Final

import boto3
import typer
from botocore.config import Config
from rich.progress import Progress, TimeElapsedColumn

from gopro_sync.archive.bucket_writer import BucketWriter, storage_pool
from gopro_sync.errors import ConfigurationError, RequestRefusedError, SessionRefusedError, TrackerError
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.http import open_http_client
from gopro_sync.gopro.session.credentials import CredentialStore
from gopro_sync.table.batches import Answer, Patience, in_batches
from gopro_sync.table.rebuilding import Confirmation, RebuiltRecord, write_rebuilt
from gopro_sync.table.tracker import Lookup, Tracker
from gopro_sync.values.timestamps import now_utc
from gopro_sync_cli.bucket_inventory import ASKED_AT_ONCE, Inventory, take_inventory
from gopro_sync_cli.credential_place import gopro_of_stack
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.rebuild_plan import Plan, is_of_another_library, plan_records
from gopro_sync_cli.stack import find_stack
from gopro_sync_cli.terminal_output import VerbatimColumn, VerbatimConsole

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_CLIENT_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=ASKED_AT_ONCE,
)
# A person waits, and can end it at any time.
_PATIENCE: Final = timedelta(hours=12)
# By then it is not DynamoDB's pace that keeps a record: it waits up to 10 s before each.
_MOST_TRIES_OF_A_RECORD: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The places to read from and write to.

    Attributes:
        s3: lists the bucket.
        writer: describes the bucket's objects.
        dynamodb: reaches the table.
        table_name: the stack's output TrackerTableName.
        gopro: the library, by the session that the stack uses.
    """

    s3: S3Client
    writer: BucketWriter
    dynamodb: DynamoDBClient
    table_name: str
    gopro: GoProClient


class Rebuild:
    """One call of the command.

    Args:
        places: where to read from and write to.
        caller: returns who is calling: the ARN that AWS knows the caller by.
        output: where results are printed.
        errors: where errors and progress are printed.
        sleep: waits that many seconds when DynamoDB asks for it.
    """

    def __init__(
        self,
        places: Places,
        *,
        caller: Callable[[], str],
        output: VerbatimConsole,
        errors: VerbatimConsole,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._places = places
        self._caller = caller
        self._output = output
        self._errors = errors
        self._sleep = sleep

    def run(self, *, is_dry_run: bool, gopro_has_none: bool) -> None:
        """Write what is missing, and print what was found.

        Args:
            is_dry_run: only print it.
            gopro_has_none: whether a person states that GoPro no longer has any of the videos.

        Raises:
            typer.Exit: a record could not be written or read, or GoPro lists none of the videos.
            GoProSyncError: what S3, the tracker and GoPro raise; what was written by then is right.
        """
        self._check_session()
        inventory = self._inventory()
        listing = self._places.gopro.list_library()
        if is_of_another_library(inventory, listing) and not gopro_has_none:
            self._errors.print(
                "Nothing was written: GoPro lists none of the videos in the bucket. If the secret holds the "
                "credential of another GoPro account, replace it with the right one; if GoPro no longer has these "
                "videos, run it again with --gopro-has-none."
            )
            raise typer.Exit(ExitCode.CANNOT_RUN)
        lookup = self._look_up(inventory)
        plan = plan_records(inventory, listing, lookup, now=now_utc())
        self._tell(inventory, plan)
        if is_dry_run:
            self._say("Nothing was written: this was a dry run.")
        else:
            self._write(plan.records)
        if lookup.unreadable:
            raise typer.Exit(ExitCode.NOT_CHECKED)

    def _check_session(self) -> None:
        # Before the bucket is read, which may take minutes.
        try:
            self._places.gopro.check_session()
        except SessionRefusedError as refused:
            raise SessionRefusedError(
                f'{refused.message}. Start a run with the input {{"dry_run": true}}, which renews the session and '
                "copies nothing, or store a new credential"
            ) from refused

    def _inventory(self) -> Inventory:
        with self._progress("objects looked at") as seen:
            return take_inventory(self._places.s3, self._places.writer, seen=seen)

    def _look_up(self, inventory: Inventory) -> Lookup:
        tracker = Tracker(self._places.dynamodb, self._places.table_name, clock=now_utc, sleep=self._sleep)
        try:
            return tracker.look_up({found.media_id for found in inventory.found}, until=now_utc() + _PATIENCE)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{error.message}. Create the table {self._places.table_name} again first: docs/troubleshooting.md, "
                "The table is lost; then run this again"
            ) from error

    def _tell(self, inventory: Inventory, plan: Plan) -> None:
        for remark in plan.remarks:
            self._errors.print_line(remark)
        size_bytes = sum(found.file.size_bytes for found in inventory.found)
        self._say(
            f"In the bucket: {len(inventory.found)} chapters, {size_bytes / 1e9:.1f} GB; "
            f"{len(inventory.odd)} other objects."
        )
        self._say(f"Recorded already: {plan.recorded} videos.")
        if plan.held:
            self._say(f"Left to the run that is working on them: {len(plan.held)} videos.")
        self._say(
            f"Records to write: {len(plan.records)}. Archived, as GoPro's listing confirms: "
            f"{plan.count(Confirmation.LISTING)}; archived, no longer listed by GoPro: "
            f"{plan.count(Confirmation.NOT_LISTED)}; for the next run, which fetches only what is missing: "
            f"{plan.count(None)}."
        )

    def _write(self, records: Sequence[RebuiltRecord]) -> None:
        if not records:
            return
        with self._progress(f"of {len(records)} records written") as written:
            work = _Writes(self._places, records, written_by=self._caller(), written=written)
            patience = Patience(until=now_utc() + _PATIENCE, clock=now_utc, sleep=self._sleep, jitter=random)
            try:
                outcome = in_batches("write records", work.media_ids, work.send, patience)
            except SystemExit:
                self._errors.print("Interrupted. What was written is valid; run it again for the rest.")
                raise
        self._say(f"Written: {work.written} records.")
        if work.overtaken:
            self._say(f"Left as a run wrote them in the meantime: {work.overtaken} records.")
        for media_id, reason in outcome.refused.items():
            self._errors.print(f"{media_id}: not written. {reason}.")
        if outcome.left:
            self._errors.print(f"{len(outcome.left)} records are left: {outcome.trouble}")
        if outcome.refused or outcome.left:
            raise typer.Exit(ExitCode.FAILED)

    @contextmanager
    def _progress(self, what: str) -> Iterator[Callable[[int], None]]:
        columns = (VerbatimColumn("{task.completed:.0f}"), VerbatimColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._errors, transient=True, disable=not self._errors.is_terminal) as display:
            task = display.add_task(what, total=None)
            yield lambda count: display.update(task, completed=count)

    def _say(self, line: str) -> None:
        self._output.print_line(line)


class _Writes:
    """The records that are being written, several at once."""

    def __init__(
        self, places: Places, records: Sequence[RebuiltRecord], *, written_by: str, written: Callable[[int], None]
    ) -> None:
        self._places = places
        self._records = {record.video.media_id: record for record in records}
        self._written_by = written_by
        self._tell = written
        self._lock = Lock()
        self._tries = Counter[str]()
        self.media_ids = list(self._records)
        self.written = 0
        self.overtaken = 0

    def send(self, batch: Sequence[str]) -> Answer[str]:
        """Write one record after the other, until one is not accepted."""
        for place, media_id in enumerate(batch):
            try:
                self._write(self._records[media_id])
            except RequestRefusedError as refusal:
                return Answer(again=batch[place + 1 :], refused={media_id: refusal.message})
            except TrackerError as trouble:
                self._tries[media_id] += 1
                rest = batch[place + 1 :]
                if self._tries[media_id] >= _MOST_TRIES_OF_A_RECORD:
                    return Answer(again=rest, refused={media_id: trouble.message})
                return Answer(again=[*rest, media_id], trouble=trouble)
        return Answer()

    def _write(self, record: RebuiltRecord) -> None:
        places = self._places
        is_written = write_rebuilt(
            places.dynamodb, places.table_name, record, written_by=self._written_by, now=now_utc()
        )
        with self._lock:
            self.written += is_written
            self.overtaken += not is_written
            self._tell(self.written)


@contextmanager
def open_rebuild(
    stack_name: str,
    *,
    region: str | None,
    gopro_api_base_url: str | None,
    output: VerbatimConsole,
    errors: VerbatimConsole,
) -> Iterator[Rebuild]:
    """Make the clients, and close them afterwards.

    Args:
        stack_name: the deployed stack.
        region: where it is; None takes that of the AWS configuration.
        gopro_api_base_url: the expected address of the GoPro API; None takes the stack's.
        output: where results are printed.
        errors: where errors and progress are printed.

    Raises:
        ConfigurationError: there is no such stack, or no credential in its secret.
        BotoCoreError: no region or no AWS credentials can be found.
    """
    session = boto3.Session(region_name=region)
    stack = find_stack(
        session.client("cloudformation"), stack_name, "ArchiveBucketName", "TrackerTableName", "CredentialsSecretArn"
    )
    outputs, base_url = stack.outputs, gopro_of_stack(stack, gopro_api_base_url)
    s3 = session.client("s3", config=_CLIENT_CONFIG)
    secret = CredentialStore(session.client("secretsmanager"), outputs["CredentialsSecretArn"])
    with open_http_client() as http:
        places = Places(
            s3=s3,
            writer=BucketWriter(s3=s3, http=storage_pool(workers=1), bucket=outputs["ArchiveBucketName"]),
            dynamodb=session.client("dynamodb", config=_CLIENT_CONFIG),
            table_name=outputs["TrackerTableName"],
            gopro=GoProClient(http, secret.load().credentials.session(), base_url=base_url),
        )
        yield Rebuild(
            places, caller=lambda: session.client("sts").get_caller_identity()["Arn"], output=output, errors=errors
        )
