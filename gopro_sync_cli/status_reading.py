"""Reads what `status` tells of a stack: many calls at once, each of which may be refused without harm to the others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync.aws.answers import code_of
from gopro_sync.errors import GoProSyncError
from gopro_sync.gopro.session.credentials import Credentials
from gopro_sync_cli.aws_errors import plain_words
from gopro_sync_cli.execution_history import last_executions
from gopro_sync_cli.option_defaults import DEFAULT_STACK_NAME, STACK_VARIABLE
from gopro_sync_cli.run_history import Execution, merged
from gopro_sync_cli.run_summary import RunSummary
from gopro_sync_cli.side_threads import SideThreads
from gopro_sync_cli.stack import DeployedStack, find_stack
from gopro_sync_cli.status_facts import Alerts, CountedVideos, Facts, Login, MonthCost, Schedule, Unread
from gopro_sync_cli.summary_store import KeptSummary, SummaryStore
from gopro_sync_cli.table_counts import BaseCount, DoesNotAddUpError, TableCounts

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_stepfunctions import SFNClient

# A person is waiting: what does not respond within this time is reported as such.
CLIENT_CONFIG: Final = Config(
    connect_timeout=3, read_timeout=6, retries={"mode": "standard", "total_max_attempts": 2}, max_pool_connections=24
)
NEEDED_OUTPUTS: Final = (
    "ArchiveBucketName",
    "TrackerTableName",
    "CredentialsSecretArn",
    "StateMachineArn",
    "ScheduleName",
    "AlertsTopicArn",
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
_EXECUTIONS_ASKED: Final = 50
_ASKED_AT_ONCE: Final = 8
_PATIENCE_SECONDS: Final = 15
# The last run by its end is among the last ones by their start: two hours are the most that a run takes.
_SUMMARIES_ALWAYS_READ: Final = 3
# As CloudWatch names what lies in a bucket.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
_STORAGE_TYPES: Final = {
    "StandardStorage": "Standard",
    "GlacierInstantRetrievalStorage": "Glacier Instant Retrieval",
    "DeepArchiveStorage": "Deep Archive",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """The AWS clients that `status` asks; each is shared by threads."""

    cloudformation: CloudFormationClient
    step_functions: SFNClient
    s3: S3Client
    dynamodb: DynamoDBClient
    scheduler: Any
    secrets_manager: SecretsManagerClient
    sns: SNSClient
    cloudwatch: CloudWatchClient


def make_clients(region: str | None) -> Clients:
    """Return the clients of a region; that of the AWS configuration if None."""
    session = botocore.session.get_session()

    def make(service: str) -> Any:
        return session.create_client(service, region_name=region, config=CLIENT_CONFIG)

    return Clients(
        cloudformation=make("cloudformation"),
        step_functions=make("stepfunctions"),
        s3=make("s3"),
        dynamodb=make("dynamodb"),
        scheduler=make("scheduler"),
        secrets_manager=make("secretsmanager"),
        sns=make("sns"),
        cloudwatch=make("cloudwatch"),
    )


def attempt[T](permission: str, read: Callable[[], T]) -> T | Unread:
    """Return what a call reads, or why it could not be read.

    Args:
        permission: what AWS must allow for it.
        read: makes the call.
    """
    try:
        return read()
    except (ClientError, BotoCoreError) as error:
        code = code_of(error) if isinstance(error, ClientError) else ""
        is_denied = code in _DENIED
        why = f"{permission} is denied" if is_denied else plain_words(error) or type(error).__name__
        return Unread(permission=permission, why=why, is_denied=is_denied)
    except GoProSyncError as error:
        return Unread(permission=permission, why=error.message)
    except DoesNotAddUpError:
        return Unread(permission=permission, why="the table's counts do not add up")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Unread(permission=permission, why=f"AWS sent an answer of another shape ({type(error).__name__})")


def read_facts(clients: Clients, stack_name: str, *, program: str, now: datetime, counts_anew: bool = False) -> Facts:
    """Read all that `status` tells.

    Args:
        clients: reach AWS.
        stack_name: the stack.
        program: what people type to run this command line.
        now: the time.
        counts_anew: whether to count the table's records one by one.

    Raises:
        ConfigurationError: there is no such stack, or it is not deployed to its end.
        ClientError, BotoCoreError: CloudFormation could not be asked, without which nothing is known.
    """
    stack = find_stack(clients.cloudformation, stack_name, *NEEDED_OUTPUTS)
    ask = _Asking()
    executions = ask("states:ListExecutions", lambda: _executions(clients.step_functions, stack))
    summaries = ask("s3:GetObject, s3:ListBucket", lambda: _summaries(clients.s3, stack, now))
    schedule = ask("scheduler:GetSchedule", lambda: _schedule(clients.scheduler, stack))
    login = ask("secretsmanager:GetSecretValue", lambda: _login(clients.secrets_manager, stack))
    alerts = ask("sns:ListSubscriptionsByTopic", lambda: _alerts(clients.sns, stack))
    storage = ask("cloudwatch:GetMetricData", lambda: _storage(clients.cloudwatch, stack, now))
    history = _History(executions(), summaries())
    base = None if counts_anew else history.base()
    videos = ask("dynamodb:Query, dynamodb:Scan", lambda: _videos(clients.dynamodb, stack, base, now))
    return Facts(
        now=now,
        stack_name=stack.name,
        stack_status=stack.status,
        state_machine_arn=stack.outputs["StateMachineArn"],
        program=program,
        stack_option=_stack_option(stack.name),
        runs=merged(history.executions, history.kept, history.read),
        executions=history.executions_unread,
        summaries=history.summaries_unread,
        videos=videos(),
        schedule=schedule(),
        login=login(),
        alerts=alerts(),
        storage=storage(),
        cost=history.cost(now),
    )


def _stack_option(stack_name: str) -> str:
    is_found = stack_name == os.environ.get(STACK_VARIABLE, DEFAULT_STACK_NAME)
    return "" if is_found else f" --stack-name {stack_name}"


class _Asking:
    """Asks several services at once, and waits for none of them for longer than a person does."""

    def __init__(self) -> None:
        self._threads = SideThreads(_ASKED_AT_ONCE)
        self._until = time.monotonic() + _PATIENCE_SECONDS

    def __call__[T](self, permission: str, read: Callable[[], T]) -> Callable[[], T | Unread]:
        """Begin to read; return what waits for it."""
        future: Future[T | Unread] = self._threads.start(lambda: attempt(permission, read))

        def waited() -> T | Unread:
            try:
                return future.result(timeout=max(0.0, self._until - time.monotonic()))
            except TimeoutError:
                return Unread(permission=permission, why=f"no answer within {_PATIENCE_SECONDS} seconds")

        return waited


class _History:
    """The runs, as far as they could be read."""

    def __init__(
        self,
        executions: Sequence[Execution] | Unread,
        summaries: tuple[Sequence[KeptSummary], Mapping[str, RunSummary]] | Unread,
    ) -> None:
        self.executions_unread = executions if isinstance(executions, Unread) else None
        self.summaries_unread = summaries if isinstance(summaries, Unread) else None
        self.executions = [] if isinstance(executions, Unread) else executions
        self._kept, self.read = ([], {}) if isinstance(summaries, Unread) else summaries

    @property
    def kept(self) -> dict[str, datetime] | None:
        """When each run began whose summary is kept, by its name; None if that could not be read."""
        if self.summaries_unread is not None:
            return None
        return {summary.name: summary.started_at for summary in self._kept}

    def base(self) -> BaseCount | None:
        """Return the last run's count of the table; None unless it is certain that no run has been at work since."""
        counted = [
            (summary.counted_at, summary) for summary in self.read.values() if summary.counted_at and summary.counts
        ]
        if not counted or self.executions_unread is not None:
            return None
        at, summary = max(counted, key=lambda pair: pair[0])
        others = [execution for execution in self.executions if execution.name != summary.name]
        if summary.counts is None or any(run.stopped_at is None or run.stopped_at > at for run in others):
            return None
        return BaseCount(counts=summary.counts, at=at)

    def cost(self, now: datetime) -> MonthCost | Unread:
        """Return what the runs of this month have cost; AWS bills by the months of UTC."""
        if self.summaries_unread is not None:
            return self.summaries_unread
        month = now.astimezone(UTC).strftime("%Y%m")
        names = [summary.name for summary in self._kept if summary.started_at.strftime("%Y%m") == month]
        costs = [self.read[name].cost_usd for name in names if name in self.read]
        known = [cost for cost in costs if cost is not None]
        return MonthCost(usd=sum(known), runs=len(known), others=len(names) - len(known))


def _executions(step_functions: SFNClient, stack: DeployedStack) -> list[Execution]:
    return last_executions(step_functions, stack.outputs["StateMachineArn"], most=_EXECUTIONS_ASKED)


def _summaries(s3: S3Client, stack: DeployedStack, now: datetime) -> tuple[list[KeptSummary], dict[str, RunSummary]]:
    store = SummaryStore(s3, stack.outputs["ArchiveBucketName"])
    kept = store.last(now)
    month = now.astimezone(UTC).strftime("%Y%m")
    wanted = [summary for summary in kept if summary.started_at.strftime("%Y%m") == month]
    wanted = wanted if len(wanted) >= _SUMMARIES_ALWAYS_READ else kept[-_SUMMARIES_ALWAYS_READ:]
    return kept, store.read(wanted)


def _videos(dynamodb: DynamoDBClient, stack: DeployedStack, base: BaseCount | None, now: datetime) -> CountedVideos:
    table = TableCounts(dynamodb, stack.outputs["TrackerTableName"])
    if base is None:
        return table.recount(now)
    try:
        return table.since(base)
    except (DoesNotAddUpError, ClientError):
        return table.recount(now)


def _schedule(scheduler: Any, stack: DeployedStack) -> Schedule:
    answer = scheduler.get_schedule(Name=stack.outputs["ScheduleName"])
    return Schedule(
        is_enabled=answer["State"] == "ENABLED",
        expression=answer["ScheduleExpression"],
        zone_name=answer.get("ScheduleExpressionTimezone") or "UTC",
        changed_at=answer.get("LastModificationDate") or answer.get("CreationDate"),
    )


def _login(secrets_manager: SecretsManagerClient, stack: DeployedStack) -> Login:
    try:
        answer = secrets_manager.get_secret_value(SecretId=stack.outputs["CredentialsSecretArn"])
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":  # the secret has no value yet
            return Login(mode=None)
        raise
    try:
        credentials = Credentials.parse(answer.get("SecretString", ""))
    except GoProSyncError as error:
        return Login(mode=None, fault=error.message)
    return Login(mode=credentials.mode, expires_at=credentials.expires_at, stored_at=answer.get("CreatedDate"))


def _alerts(sns: SNSClient, stack: DeployedStack) -> Alerts:
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=stack.outputs["AlertsTopicArn"])
    subscriptions = [subscription for page in pages for subscription in page["Subscriptions"]]
    confirmed = sum(subscription["SubscriptionArn"].startswith("arn:") for subscription in subscriptions)
    return Alerts(
        confirmed=confirmed,
        unconfirmed=len(subscriptions) - confirmed,
        has_slack=bool(stack.parameters.get("SlackChannelId")),
    )


def _storage(cloudwatch: CloudWatchClient, stack: DeployedStack, now: datetime) -> dict[str, int] | None:
    """Return how many bytes lie in the bucket; S3 measures it once a day, and tells it a day later."""
    bucket = stack.outputs["ArchiveBucketName"]
    queries: Any = [
        {
            "Id": f"class{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/S3",
                    "MetricName": "BucketSizeBytes",
                    "Dimensions": [
                        {"Name": "BucketName", "Value": bucket},
                        {"Name": "StorageType", "Value": storage_type},
                    ],
                },
                "Period": 86_400,
                "Stat": "Average",
            },
        }
        for number, storage_type in enumerate(_STORAGE_TYPES)
    ]
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries,
        StartTime=now - timedelta(days=4),
        EndTime=now,
        ScanBy="TimestampDescending",
    )
    values = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
    sizes = {
        name: round(values[f"class{number}"][0])
        for number, name in enumerate(_STORAGE_TYPES.values())
        if values.get(f"class{number}")
    }
    return sizes or None
