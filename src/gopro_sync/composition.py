"""Where the parts are assembled: the only module that knows all of them.

Everything that lives as long as the function's environment is created once, on first use, and kept.
"""

# ruff: noqa: PLC0415 - what only some of the functions need is imported where it is created: the authenticator starts
# without the GoPro API's HTTP library, and only the downloader loads the transfer engine.

from __future__ import annotations

import os
import random
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from gopro_sync.aws.clients import (
    aws_session,
    make_dynamodb_client,
    make_s3_client,
    make_secrets_client,
    make_sns_client,
    make_transfer_client,
)
from gopro_sync.gopro.session.credentials import CredentialStore
from gopro_sync.gopro.session.session import Session
from gopro_sync.settings import Settings, read_settings
from gopro_sync.telemetry.retries import log_retries_of
from gopro_sync.values.timestamps import now_utc

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient

    from gopro_sync.archive.engine import TransferEngine
    from gopro_sync.archive.part_plan import PartLimits
    from gopro_sync.gopro.client import GoProClient
    from gopro_sync.gopro.http import RetryPolicy
    from gopro_sync.gopro.session.renewal import Renewal
    from gopro_sync.run.source_etags import LibraryEtags
    from gopro_sync.run.video import Invocation, VideoTransfer
    from gopro_sync.table.listing_record import ListingRecord
    from gopro_sync.table.owner_record import OwnerRecord
    from gopro_sync.table.renewal_claim import RenewalClaim
    from gopro_sync.table.request_budget import SharedGate
    from gopro_sync.table.session_guard import SessionGuard
    from gopro_sync.table.source_etags import SourceEtagRecord
    from gopro_sync.table.tracker import Tracker
    from gopro_sync.table.unarchived import UnarchivedVideos


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the function's settings.

    Raises:
        ConfigurationError: the environment is incomplete or wrong.
    """
    return read_settings(os.environ)


@lru_cache(maxsize=1)
def credential_store() -> CredentialStore:
    """Return the secret that holds the GoPro credential."""
    return CredentialStore(_logging_retries(make_secrets_client), settings().credentials_secret_id)


def stored_session() -> Session:
    """Return the session that the secret holds.

    Raises:
        ConfigurationError: the secret is missing, empty or malformed.
        SessionRefusedError: there is no session, or it is over.
    """
    return credential_store().load().credentials.living_session(now_utc())


def renewal(owner: str) -> Renewal:
    """Return what ensures that there is a session.

    Args:
        owner: this invocation, to distinguish invocations that renew at the same time.
    """
    from gopro_sync.gopro.http import Exchange
    from gopro_sync.gopro.session.renewal import Renewal
    from gopro_sync.gopro.session.tokens import TokenEndpoint

    exchange = Exchange(_http_client(), base_url=settings().gopro_api_base_url, retry_policy=_short_patience())
    return Renewal(
        store=credential_store(),
        guard=session_guard(owner),
        tokens=TokenEndpoint(exchange),
        probe=check_session,
        clock=now_utc,
        sleep=time.sleep,
        mending_command=mending_command(),
    )


def session_guard(owner: str) -> SessionGuard:
    """Return what allows only one renewal at a time.

    Args:
        owner: this invocation, to distinguish invocations that renew at the same time.
    """
    from gopro_sync.table.session_guard import SessionGuard

    return SessionGuard(_dynamodb_client(), settings().tracker_table_name, owner=owner, clock=now_utc)


def renewal_claim(owner: str) -> RenewalClaim:
    """Return what lets only one of the refused videos have the session renewed.

    Args:
        owner: the video of the run.
    """
    from gopro_sync.table.renewal_claim import RenewalClaim

    return RenewalClaim(_dynamodb_client(), settings().tracker_table_name, owner=owner, clock=now_utc)


def check_session(session: Session) -> None:
    """Check that GoPro accepts the session.

    Raises:
        SessionRefusedError: it does not.
        GoProSyncError: what the GoPro API's client raises.
    """
    from gopro_sync.gopro.client import GoProClient

    base_url = settings().gopro_api_base_url
    GoProClient(_http_client(), session, base_url=base_url, retry_policy=_short_patience()).check_session()


def mending_command() -> str:
    """Return what a person has to type when GoPro accepts no credential of the secret any more."""
    return f"./gopro-sync credentials set --secret-id {settings().credentials_secret_id}"


def sns_client() -> SNSClient:
    """Return an SNS client."""
    return _logging_retries(make_sns_client)


@lru_cache(maxsize=1)
def tracker() -> Tracker:
    """Return the tracker."""
    from gopro_sync.table.tracker import Tracker

    return Tracker(_dynamodb_client(), settings().tracker_table_name, clock=now_utc, sleep=time.sleep)


def owner_record() -> OwnerRecord:
    """Return the record of whose library this stack archives."""
    from gopro_sync.table.owner_record import OwnerRecord

    return OwnerRecord(_dynamodb_client(), settings().tracker_table_name)


def listing_record() -> ListingRecord:
    """Return the record of what people know about GoPro's listing."""
    from gopro_sync.table.listing_record import ListingRecord

    return ListingRecord(_dynamodb_client(), settings().tracker_table_name)


def unarchived_videos() -> UnarchivedVideos:
    """Return the records of what is not archived."""
    from gopro_sync.table.unarchived import UnarchivedVideos

    return UnarchivedVideos(_dynamodb_client(), settings().tracker_table_name, clock=now_utc)


def gopro_gate(*, run: str | None = None, taken_at_once: int = 1, patience_seconds: float = 0.0) -> SharedGate:
    """Return the gate that all workers ask before each request to GoPro, for one invocation.

    Args:
        run: whose videos are being archived; None outside a run.
        taken_at_once: how many requests to take out of the budget with one call.
        patience_seconds: how long to wait here, in total, for the gate to open.
    """
    from gopro_sync.table.request_budget import SharedGate

    return SharedGate(
        _dynamodb_client(),
        settings().tracker_table_name,
        requests_per_minute=settings().gopro_requests_per_minute,
        clock=now_utc,
        jitter=random.random,
        run=run,
        taken_at_once=taken_at_once,
        patience_seconds=patience_seconds,
    )


def gopro_client(session: Session, gate: SharedGate | None = None) -> GoProClient:
    """Return a client of the GoPro API that uses that session and that gate."""
    from gopro_sync.gopro.client import GoProClient

    return GoProClient(_http_client(), session, base_url=settings().gopro_api_base_url, gate=gate)


def video_transfer(session: Session, invocation: Invocation) -> VideoTransfer:
    """Return what archives one video on behalf of ``invocation`` and within its time."""
    from gopro_sync.run.video import VideoTransfer

    gate = gopro_gate(run=invocation.owner)
    return VideoTransfer(
        client=gopro_client(session, gate),
        gate=gate,
        tracker=tracker(),
        engine=_engine(),
        clock=now_utc,
        invocation=invocation,
        etags=_library_etags(invocation.owner) if settings().verify_source_etag else None,
    )


def _library_etags(run: str) -> LibraryEtags:
    from gopro_sync.run.source_etags import LibraryEtags

    return LibraryEtags(source_etag_record(), run=run, environment=settings().environment)


def source_etag_record() -> SourceEtagRecord:
    """Return the record of what the library's ETags have been worth."""
    from gopro_sync.table.source_etags import SourceEtagRecord

    return SourceEtagRecord(_dynamodb_client(), settings().tracker_table_name, clock=now_utc)


@lru_cache(maxsize=1)
def s3_client() -> S3Client:
    """Return the S3 client for a run's files."""
    return _logging_retries(make_s3_client)


def prepare_authenticator() -> None:
    """Create what the authenticator needs, ahead of its first invocation.

    Raises:
        ConfigurationError: the environment is incomplete or wrong.
    """
    credential_store()


def prepare_media_lister() -> None:
    """Create what the lister needs, ahead of its first invocation.

    Raises:
        ConfigurationError: the environment is incomplete or wrong.
    """
    credential_store()
    tracker()
    s3_client()
    _http_client()


def prepare_video_downloader() -> None:
    """Create what the downloader needs, ahead of its first invocation.

    Raises:
        ConfigurationError: the environment is incomplete or wrong.
    """
    credential_store()
    tracker()
    _engine()
    _http_client()


def forget() -> None:
    """Discard everything that was created, so that the next use reads the environment again."""
    for kept in (settings, credential_store, tracker, s3_client, _dynamodb_client, _http_client, _engine):
        kept.cache_clear()


def _logging_retries[Client](make: Callable[[], Client]) -> Client:
    """Create an AWS client that logs when it retries a call."""
    log_retries_of(aws_session())  # idempotent
    return make()


def _short_patience() -> RetryPolicy:
    """Return a policy of three attempts, whose pauses fit into the authenticator's 30 seconds."""
    from gopro_sync.gopro.http import RetryPolicy

    return RetryPolicy(attempts=3, longest_pause_seconds=4)


@lru_cache(maxsize=1)
def _dynamodb_client() -> DynamoDBClient:
    return _logging_retries(make_dynamodb_client)


@lru_cache(maxsize=1)
def _http_client() -> httpx.Client:
    from gopro_sync.archive.net.tls import block_tls_context
    from gopro_sync.gopro.http import open_http_client

    # Shared with the transfers: reading the trusted certificates is a tenth of a cold start.
    return open_http_client(tls=block_tls_context(None))


@lru_cache(maxsize=1)
def _engine() -> TransferEngine:
    from gopro_sync.archive.bucket_writer import BucketWriter, storage_pool
    from gopro_sync.archive.engine import TransferEngine, TransferRules
    from gopro_sync.archive.source import source_pool
    from gopro_sync.archive.surroundings import Surroundings
    from gopro_sync.archive.thread_crew import ThreadCrew
    from gopro_sync.gopro.http import is_on_this_machine

    workers = settings().transfer_workers
    return TransferEngine(
        writer=BucketWriter(
            s3=make_transfer_client(), http=storage_pool(workers=workers), bucket=settings().archive_bucket_name
        ),
        source_http=source_pool(
            workers=workers, allows_internal_addresses=is_on_this_machine(settings().gopro_api_base_url)
        ),
        rules=TransferRules(limits=part_limits(), workers=workers, verify_source_etag=settings().verify_source_etag),
        surroundings=Surroundings(clock=time.monotonic, wall_clock=now_utc, random=random.random, crew=ThreadCrew),
    )


def part_limits() -> PartLimits:
    """Return which files are cut, and into which parts: S3's own limits."""
    from gopro_sync.archive.part_plan import PartLimits

    return PartLimits()
