"""template.yaml keeps the promises that no local engine enforces: names, permissions, encryption, retention, bounds."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from gates.template import ROOT, Stack, resource, resources_of, roles_with_permissions, template
from gopro_sync.archive.object_key import PREFIX_ROOT
from gopro_sync.gopro.library.media import TYPES_OF_VIDEOS
from gopro_sync.run.video import object_tags
from gopro_sync.settings import FILTER_NAMES, VARIABLE_NAMES

POWERTOOLS_VARIABLES: Final = {"POWERTOOLS_LOG_LEVEL"}
FUNCTIONS: Final = resources_of("AWS::Serverless::Function")
ROLES: Final = roles_with_permissions()
LOG_GROUPS: Final = resources_of("AWS::Logs::LogGroup")
# Statements on everything, each because AWS offers no resource to name.
STATEMENTS_ON_EVERYTHING: Final = {"Trace", "DeliverLogs"}
# What AWS asks of the caller's role when the thing is encrypted with a customer's key.
KMS_BEHIND: Final = {
    "secretsmanager:GetSecretValue": {"kms:Decrypt"},
    "secretsmanager:PutSecretValue": {"kms:GenerateDataKey", "kms:Decrypt"},
    "s3:GetObject": {"kms:Decrypt"},
    "s3:PutObject": {"kms:GenerateDataKey", "kms:Decrypt"},  # Decrypt: every part of a multipart upload
    "dynamodb:BatchGetItem": {"kms:Decrypt"},
    "dynamodb:PutItem": {"kms:Decrypt"},
    "dynamodb:UpdateItem": {"kms:Decrypt"},
}
# For how many days S3 charges an object in a class at least.
LEAST_DAYS: Final = {"STANDARD_IA": 30, "ONEZONE_IA": 30, "GLACIER_IR": 90, "GLACIER": 90, "DEEP_ARCHIVE": 180}
YEARS: Final = range(2026, 2036)


def statements(role: str) -> list[dict[str, Any]]:
    documents = [policy["PolicyDocument"] for policy in ROLES[role]["Policies"]]
    return [statement for document in documents for statement in document["Statement"]]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(role: str, action: str) -> list[str]:
    """Return the resources on which a role may do something."""
    stack = Stack()
    return [
        str(target)
        for statement in statements(role)
        if action in as_list(statement["Action"])
        for target in as_list(stack.resolve(statement["Resource"]))
    ]


def lifecycle_rules(**parameters: str) -> dict[str, dict[str, Any]]:
    rules = Stack(**parameters).resolve(resource("ArchiveBucket")["LifecycleConfiguration"]["Rules"])
    return {rule["Id"]: rule for rule in rules}


def clock_time(expression: str) -> tuple[int, int]:
    """Return hour and minute of a schedule that starts once a day."""
    (parts,) = re.findall(r"^cron\((\d+) (\d+) \* \* \? \*\)$", expression)
    minute, hour = map(int, parts)
    return hour, minute


def times_a_night(hour: int, minute: int, zone: str) -> dict[date, int]:
    """Return how often the clocks of a zone show a time on each day: not at all or twice where they are changed."""
    clocks = ZoneInfo(zone)
    first, end = date(YEARS.start, 1, 1), date(YEARS.stop, 1, 1)
    times = {}
    for day in (first + timedelta(days=number) for number in range((end - first).days)):
        shown = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - what a clock shows has no zone
        moments = {shown.replace(tzinfo=clocks, fold=fold).astimezone(UTC) for fold in (0, 1)}
        times[day] = sum(moment.astimezone(clocks).replace(tzinfo=None) == shown for moment in moments)
    return times


def references(value: Any) -> Iterator[str]:
    """Yield what a value of the template refers to."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0]
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, str):
        yield from (name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", value))


# --- parameters and names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", template()["Parameters"])
def test_every_parameter_is_described_has_a_default_and_has_bounds(name: str) -> None:
    parameter = template()["Parameters"][name]
    assert {"Type", "Default", "Description", "ConstraintDescription"} <= parameter.keys()
    bounded_by = {
        "Number": {"MinValue", "MaxValue"},
        "String": {"AllowedPattern"},
        "CommaDelimitedList": {"AllowedPattern"},
    }[parameter["Type"]]
    assert "AllowedValues" in parameter or bounded_by <= parameter.keys()


@pytest.mark.parametrize("name", template()["Parameters"])
def test_every_parameter_is_used_and_shown_in_a_group(name: str) -> None:
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    used = set(references([template()[section] for section in ("Globals", "Conditions", "Resources")]))
    assert name in used
    assert sum(group["Parameters"].count(name) for group in groups) == 1


@pytest.mark.parametrize("name", template()["Parameters"])
def test_every_default_is_within_its_own_bounds(name: str) -> None:
    parameter = template()["Parameters"][name]
    default = parameter["Default"]
    if "AllowedValues" in parameter:
        assert default in parameter["AllowedValues"]
    elif parameter["Type"] == "Number":
        assert parameter["MinValue"] <= default <= parameter["MaxValue"]
    else:
        assert re.search(parameter["AllowedPattern"], default)


@pytest.mark.parametrize(
    ("parameter", "value", "accepted"),
    [
        ("Environment", "dev", True),
        ("Environment", "Prod", False),
        ("Environment", "dev-", False),
        ("Environment", "a" * 16, True),
        ("Environment", "a" * 17, False),
        ("Environment", "a--b", False),  # no name of a trail
        ("GoProApiBaseUrl", "http://127.0.0.1:8080", True),
        ("GoProApiBaseUrl", "http://api.gopro.com", False),
        ("GoProApiBaseUrl", "https://api.gopro.com?x=1", False),
        ("GoProApiBaseUrl", "https://user@api.gopro.com", False),
        ("ScheduleExpression", "rate(12 hours)", True),
        ("ScheduleExpression", "0 1 * * *", False),
        ("AlertEmail", "ops-team@company.com", True),
        ("AlertEmail", "ops-team", False),
    ],
)
def test_a_parameter_takes_what_works_and_refuses_what_does_not(parameter: str, value: str, *, accepted: bool) -> None:
    assert bool(re.search(template()["Parameters"][parameter]["AllowedPattern"], value)) is accepted


def test_production_in_us_east_1_has_the_names_of_the_specification() -> None:
    stack = Stack(region="us-east-1")
    names = {
        "ArchiveBucket": "gopro-archive-bucket-123456789012",
        "TrackerTable": "gopro-sync-tracker",
        "CredentialsSecret": "gopro/credentials",
        "AlertsTopic": "gopro-sync-alerts",
        "SyncStateMachine": "gopro-sync-orchestrator",
        "AuthenticatorFunction": "gopro-authenticator",
        "MediaListerFunction": "gopro-media-lister",
        "VideoDownloaderFunction": "gopro-video-downloader",
        "AuthenticatorRole": "gopro-authenticator-role",
        "MediaListerRole": "gopro-media-lister-role",
        "VideoDownloaderRole": "gopro-video-downloader-role",
        "SyncStateMachineRole": "gopro-stepfunctions-role",
    }
    assert {logical_id: stack.name_of(logical_id) for logical_id in names} == names


def test_two_environments_share_no_name() -> None:
    fields = ("AliasName", "BucketName", "FunctionName", "LogGroupName", "Name", "QueueName", "RoleName", "TableName")
    named = [
        properties[field]
        for definition in template()["Resources"].values()
        for properties in [definition["Properties"]]
        for field in (*fields, "TopicName")
        if field in properties
    ]
    production, development = (Stack(region="us-east-1", Environment=name).resolve(named) for name in ("prod", "dev"))
    assert len(named) > len(FUNCTIONS) + len(ROLES) + len(LOG_GROUPS)
    assert [name + "-dev" for name in production] == development


@pytest.mark.parametrize("name", template()["Outputs"])
def test_every_output_is_described(name: str) -> None:
    assert template()["Outputs"][name]["Description"]


# --- functions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_handler_exists(function: str) -> None:
    module, attribute = FUNCTIONS[function]["Handler"].rsplit(".", 1)
    assert (ROOT / "src" / module.replace(".", "/")).with_suffix(".py").is_file()
    assert callable(getattr(importlib.import_module(module), attribute))


def test_the_functions_get_exactly_the_variables_that_the_code_reads() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert set(variables) == VARIABLE_NAMES | FILTER_NAMES.keys() | POWERTOOLS_VARIABLES


def test_a_filter_takes_what_the_code_takes() -> None:
    (types,) = re.findall(r"\((.*)\)", template()["Parameters"]["MediaTypes"]["AllowedPattern"])
    assert set(types.split("|")) == TYPES_OF_VIDEOS
    for name in ("UploadedSince", "UploadedUntil", "CapturedSince", "CapturedUntil"):
        pattern = template()["Parameters"][name]["AllowedPattern"]
        for text in ("", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00"):
            assert re.fullmatch(pattern, text)
        assert not re.fullmatch(pattern, "2026-01-01")


def test_no_variable_holds_a_secret_value() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["CREDENTIALS_SECRET_ID"] == {"Fn::GetAtt": ["CredentialsSecret", "Id"]}
    assert "SecretString" not in resource("CredentialsSecret")


@pytest.mark.parametrize(
    ("function", "timeout_seconds", "memory_megabytes"),
    [("AuthenticatorFunction", 30, 256), ("MediaListerFunction", 300, 512), ("VideoDownloaderFunction", 900, 512)],
)
def test_the_functions_have_the_specified_time_and_memory(
    function: str, timeout_seconds: int, memory_megabytes: int
) -> None:
    values = Stack().resolve(FUNCTIONS[function])
    assert (values["Timeout"], values["MemorySize"]) == (timeout_seconds, memory_megabytes)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_traced_writes_to_its_own_log_group_and_has_a_dead_letter_queue(function: str) -> None:
    stack, properties = Stack(), FUNCTIONS[function]
    log_group = properties["LoggingConfig"]["LogGroup"]["Ref"]
    assert stack.resolve(LOG_GROUPS[log_group]["LogGroupName"]) == f"/aws/lambda/{stack.name_of(function)}"
    assert stack.resolve(properties["DeadLetterQueue"]["TargetArn"]) == "FailedCallsQueue.Arn"
    assert template()["Globals"]["Function"]["Tracing"] == "Active"


def test_concurrency_is_reserved_only_on_request_and_for_as_many_downloads_as_there_can_be() -> None:
    reserved = {name: properties["ReservedConcurrentExecutions"] for name, properties in FUNCTIONS.items()}
    assert Stack().resolve(reserved) == {}
    asked = Stack(ReserveConcurrency="true", MaxConcurrentDownloads="7").resolve(reserved)
    assert asked == {"AuthenticatorFunction": 1, "MediaListerFunction": 1, "VideoDownloaderFunction": "7"}


# --- permissions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_a_wildcard_action_and_every_statement_says_what_it_is_for(role: str) -> None:
    for statement in statements(role):
        assert statement["Effect"] == "Allow"
        assert statement["Sid"]
        assert not [action for action in as_list(statement["Action"]) if "*" in action]


@pytest.mark.parametrize("role", ROLES)
def test_only_what_has_no_resource_is_allowed_on_everything(role: str) -> None:
    assert {s["Sid"] for s in statements(role) if "*" in as_list(s["Resource"])} <= STATEMENTS_ON_EVERYTHING


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_the_permissions_on_the_key_that_its_other_permissions_imply_and_no_more(role: str) -> None:
    actions = {action for statement in statements(role) for action in as_list(statement["Action"])}
    implied = {needed for action in actions for needed in KMS_BEHIND.get(action, set())}
    assert {action for action in actions if action.startswith("kms:")} == implied
    for action in implied:
        assert allowed(role, action) == ["EncryptionKey.Arn"]


def test_each_function_has_a_role_of_its_own() -> None:
    roles = [properties["Role"]["Fn::GetAtt"][0] for properties in FUNCTIONS.values()]
    assert len(set(roles)) == len(FUNCTIONS)


def test_only_the_downloader_writes_videos_and_only_the_lister_writes_manifests() -> None:
    bucket = "ArchiveBucket.Arn"
    writers = {role: allowed(role, "s3:PutObject") for role in ROLES}
    assert {role: where for role, where in writers.items() if where} == {
        "VideoDownloaderRole": [f"{bucket}/{PREFIX_ROOT}/*"],
        "MediaListerRole": [f"{bucket}/runs/*", f"{bucket}/summaries/*"],
    }
    assert allowed("SyncStateMachineRole", "s3:GetObject") == [f"{bucket}/runs/*"]


def test_the_downloader_may_look_for_uploads_that_nobody_recorded() -> None:
    # The code goes on without it, and the uploads would stay until their lifecycle rule.
    assert allowed("VideoDownloaderRole", "s3:ListBucketMultipartUploads") == ["ArchiveBucket.Arn"]


def test_no_role_can_delete_an_object_a_record_or_the_secret() -> None:
    actions = [action for role in ROLES for statement in statements(role) for action in as_list(statement["Action"])]
    assert not [action for action in actions if "Delete" in action and action != "logs:DeleteLogDelivery"]


@pytest.mark.parametrize(("role", "service"), [("SyncStateMachineRole", "states"), ("SyncScheduleRole", "scheduler")])
def test_a_service_may_assume_a_role_for_this_account_only(role: str, service: str) -> None:
    (statement,) = Stack().resolve(ROLES[role]["AssumeRolePolicyDocument"]["Statement"])
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


@pytest.mark.parametrize(
    "policy", ["ArchiveBucketPolicy", "AlertsTopicPolicy", "DeadLetterQueuePolicy", "FailedCallsQueuePolicy"]
)
def test_nothing_is_reachable_without_tls(policy: str) -> None:
    document = resource(policy)["PolicyDocument"]
    (denied,) = [statement for statement in document["Statement"] if statement["Effect"] == "Deny"]
    assert denied["Principal"] == "*"
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# --- encryption and retention ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bucket", resources_of("AWS::S3::Bucket"))
def test_a_bucket_encrypts_with_kms_what_comes_without_a_word_on_encryption(bucket: str) -> None:
    (default,) = resource(bucket)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert default["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert default["BucketKeyEnabled"] is True  # without it, each object is a request to KMS


def test_one_key_of_the_customer_encrypts_whatever_is_kept() -> None:
    default = resource("ArchiveBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert default["BucketKeyEnabled"] is True
    keys = [
        default["ServerSideEncryptionByDefault"]["KMSMasterKeyID"],
        resource("TrackerTable")["SSESpecification"]["KMSMasterKeyId"],
        resource("CredentialsSecret")["KmsKeyId"],
        *(log_group["KmsKeyId"] for log_group in LOG_GROUPS.values()),
    ]
    assert keys == [{"Fn::GetAtt": ["EncryptionKey", "Arn"]}] * (3 + len(LOG_GROUPS))
    assert resource("EncryptionKey")["EnableKeyRotation"] is True


@pytest.mark.parametrize("environment", ["prod", "dev"])
def test_cloudwatch_may_use_the_key_for_every_log_group_of_the_stack(environment: str) -> None:
    stack = Stack(Environment=environment)
    statements = stack.resolve(resource("EncryptionKey")["KeyPolicy"]["Statement"])
    grants = [statement for statement in statements if statement["Sid"] == "CloudWatchLogsEncryptsOurLogGroups"]
    (patterns,) = [
        stack.resolve(grant["Condition"])["ArnLike"]["kms:EncryptionContext:aws:logs:arn"] for grant in grants
    ]
    for log_group in LOG_GROUPS.values():
        arn = f"arn:aws:logs:eu-west-1:123456789012:log-group:{stack.resolve(log_group['LogGroupName'])}"
        assert any(arn.startswith(pattern.removesuffix("*")) for pattern in patterns), arn


@pytest.mark.parametrize("logical_id", ["ArchiveBucket", "TrackerTable", "CredentialsSecret", "EncryptionKey"])
def test_deleting_or_replacing_the_stack_deletes_no_video_record_secret_or_key(logical_id: str) -> None:
    definition = template()["Resources"][logical_id]
    assert definition["DeletionPolicy"] in {"Retain", "RetainExceptOnCreate"}
    assert definition["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("log_group", LOG_GROUPS)
def test_every_log_group_expires_by_the_parameter(log_group: str) -> None:
    assert LOG_GROUPS[log_group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_bucket_is_versioned_private_and_without_acls() -> None:
    bucket = resource("ArchiveBucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_videos_move_to_glacier_after_7_and_14_days_unless_their_tag_is_changed() -> None:
    rules = lifecycle_rules()
    moves = [rules[name] for name in ("videos-to-instant-retrieval", "videos-to-deep-archive")]
    for rule in moves:
        assert (rule["Prefix"], rule["Status"]) == (f"{PREFIX_ROOT}/", "Enabled")
        assert rule["TagFilters"] == [{"Key": "AutoSync", "Value": "True"}]
    assert [rule["Transitions"] for rule in moves] == [
        [{"StorageClass": "GLACIER_IR", "TransitionInDays": "7"}],
        [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": "14"}],
    ]


def test_every_video_carries_the_tag_by_which_the_rules_know_what_to_move() -> None:
    for rule in lifecycle_rules().values():
        wanted = {tag["Key"]: tag["Value"] for tag in rule.get("TagFilters", [])}
        assert wanted.items() <= object_tags(None).items(), rule["Id"]
        assert wanted.items() <= object_tags(datetime(2026, 5, 1, tzinfo=UTC)).items(), rule["Id"]


def test_zero_days_skip_glacier_instant_retrieval() -> None:
    rules = lifecycle_rules(GlacierInstantRetrievalAfterDays="0", DeepArchiveAfterDays="1")
    assert "videos-to-instant-retrieval" not in rules
    assert rules["videos-to-deep-archive"]["Transitions"] == [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": "1"}]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"GlacierInstantRetrievalAfterDays": "7"},
        {"GlacierInstantRetrievalAfterDays": "0"},
        {"GlacierInstantRetrievalAfterDays": "30", "DeepArchiveAfterDays": "60"},
    ],
)
@pytest.mark.parametrize("bucket", resources_of("AWS::S3::Bucket"))
def test_no_rule_takes_a_video_out_of_a_storage_class_before_its_least_stay(
    bucket: str, parameters: dict[str, str]
) -> None:
    # S3 refuses such a rule, and with it the bucket. Two rules may do together what one may not:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
    for rule in Stack(**parameters).resolve(resource(bucket)["LifecycleConfiguration"]["Rules"]):
        for kind in ("Transitions", "NoncurrentVersionTransitions"):
            moves = sorted((int(move["TransitionInDays"]), move["StorageClass"]) for move in rule.get(kind, []))
            for (arrives, storage_class), (leaves, _) in pairwise(moves):
                assert leaves - arrives >= LEAST_DAYS[storage_class], rule["Id"]


def test_old_versions_unfinished_uploads_and_run_files_do_not_stay_for_ever() -> None:
    rules = lifecycle_rules()
    old_versions = rules["noncurrent-versions-to-deep-archive"]["NoncurrentVersionTransitions"]
    assert old_versions == [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 30}]
    assert rules["abort-incomplete-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert "Prefix" not in rules["abort-incomplete-uploads"]
    assert (rules["expire-run-files"]["Prefix"], rules["expire-run-files"]["ExpirationInDays"]) == ("runs/", 30)
    assert (rules["expire-summaries"]["Prefix"], rules["expire-summaries"]["ExpirationInDays"]) == ("summaries/", 400)


def test_no_rule_ever_expires_a_video() -> None:
    expiring = [rule for rule in lifecycle_rules().values() if any("Expiration" in key for key in rule)]
    assert [rule["Prefix"] for rule in expiring] == ["runs/", "summaries/"]


def test_the_tracker_has_the_specified_key_index_backup_and_expiry() -> None:
    table = resource("TrackerTable")
    (index,) = table["GlobalSecondaryIndexes"]
    assert table["KeySchema"] == [{"AttributeName": "media_id", "KeyType": "HASH"}]
    assert index["IndexName"] == "status-sync_timestamp-index"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["status", "sync_timestamp"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_dead_letters_are_kept_for_14_days() -> None:
    for queue in ("DeadLetterQueue", "FailedCallsQueue"):
        assert resource(queue)["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_a_queue_that_raises_an_alarm_gets_no_failed_videos_and_redrive_finds_them_in_the_other() -> None:
    """The run's notice names a failed video; an alarm for it would be the second message for one cause."""
    stack = Stack()
    watched = stack.resolve(resource("DeadLettersAlarm"))["Dimensions"]
    assert watched == [{"Name": "QueueName", "Value": "FailedCallsQueue.QueueName"}]
    substitutions = stack.resolve(resource("SyncStateMachine")["DefinitionSubstitutions"])
    assert substitutions["DeadLetterQueueUrl"] == stack.resolve(template()["Outputs"]["DeadLetterQueueUrl"]["Value"])
    assert substitutions["DeadLetterQueueUrl"] == "gopro-sync-dead-letters"


@pytest.mark.parametrize(
    ("role", "queue"),
    [
        ("AuthenticatorRole", "FailedCallsQueue"),
        ("MediaListerRole", "FailedCallsQueue"),
        ("VideoDownloaderRole", "FailedCallsQueue"),
        ("SyncScheduleRole", "FailedCallsQueue"),
        ("SyncStateMachineRole", "DeadLetterQueue"),
    ],
)
def test_each_role_may_send_to_the_queue_that_is_its_own_and_to_no_other(role: str, queue: str) -> None:
    (policy,) = Stack().resolve(resource(role)["Policies"])
    sending = [item for item in policy["PolicyDocument"]["Statement"] if "sqs:SendMessage" in item["Action"]]
    assert [item["Resource"] for item in sending] == [f"{queue}.Arn"]


# --- schedule --------------------------------------------------------------------------------------------------------


def test_the_schedule_starts_the_state_machine_every_night_at_two_in_central_europe_s_winter() -> None:
    schedule = Stack().resolve(resource("SyncSchedule"))
    (hour, minute), zone = clock_time(schedule["ScheduleExpression"]), schedule["ScheduleExpressionTimezone"]
    start = datetime(2026, 1, 15, hour, minute, tzinfo=ZoneInfo(zone))
    assert start.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M %Z") == "02:00 CET"
    assert schedule["State"] == "ENABLED"
    assert schedule["Target"]["Input"] == "{}"
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": "FailedCallsQueue.Arn"}
    # A start that did not come through is tried again for an hour, and then lies in the queue.
    assert schedule["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 3600}


def test_no_night_of_ten_years_is_without_a_run_or_has_its_time_twice() -> None:
    schedule = Stack().resolve(resource("SyncSchedule"))
    hour, minute = clock_time(schedule["ScheduleExpression"])
    assert set(times_a_night(hour, minute, schedule["ScheduleExpressionTimezone"]).values()) == {1}


def test_two_o_clock_in_berlin_is_missing_in_one_night_of_each_year_and_there_twice_in_another() -> None:
    nights = times_a_night(2, 0, "Europe/Berlin")
    assert [night.year for night, times in nights.items() if times == 0] == list(YEARS)
    assert [night.year for night, times in nights.items() if times == 2] == list(YEARS)


def test_an_address_for_alerts_is_subscribed_only_if_there_is_one() -> None:
    subscription = template()["Resources"]["AlertEmailSubscription"]
    assert subscription["Condition"] == "HasAlertEmail"
    assert subscription["Properties"]["Protocol"] == "email"
