"""Every permission of every role is needed: each is taken away in turn, and AccessDenied is seen.

The list comes from template.yaml, so a new permission is tested without anyone remembering it: one that has neither a
flow nor an explanation fails. ``LEAST_PRIVILEGE_TABLE=file.md`` writes what was seen (docs/least-privilege.md).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from gates.template import Stack as Template
from gates.template import resource, roles_with_permissions
from local.simulator import SimulatedItem, SourceFile
from local.simulator.faults import Fault, FaultName
from tests.e2e.conftest import LOGIN, Stack, video

type Flow = Callable[[Stack], str]

KEY: Final = "gopro-videos/2026/05/GX010001.MP4"


# --- flows: each returns what the refused one had to say ------------------------------------------------------------


def failure_of(answer: Any) -> str:
    return json.dumps(answer)


def ensure_session(stack: Stack) -> str:
    return failure_of(stack.invoke("Authenticator", {"action": "ensure_session"})[0])


def sign_in(stack: Stack) -> str:
    stack.put_secret(json.dumps(LOGIN))
    return ensure_session(stack)


def rotation_step(stack: Stack, step: str, version_id: str) -> str:
    event = {"Step": step, "SecretId": stack.output("CredentialsSecretArn"), "ClientRequestToken": version_id}
    return failure_of(stack.invoke("Authenticator", event)[0])


def begin_rotation(stack: Stack) -> str:
    return rotation_step(stack, "testSecret", str(uuid4()))


def finish_rotation(stack: Stack) -> str:
    secrets, secret_id = stack.cloud.client("secretsmanager"), stack.output("CredentialsSecretArn")
    version_id = str(uuid4())
    secrets.put_secret_value(
        SecretId=secret_id, SecretString=stack.secret(), ClientRequestToken=version_id, VersionStages=["AWSPENDING"]
    )
    stated = rotation_step(stack, "finishSecret", version_id)
    # The function may not, and a label that stays stands in the next rotation's way.
    secrets.update_secret_version_stage(SecretId=secret_id, VersionStage="AWSPENDING", RemoveFromVersionId=version_id)
    return stated


def rotate_pasted_token(stack: Stack) -> str:
    logs, group = stack.cloud.client("logs"), f"/aws/lambda/{stack.output('AuthenticatorFunctionName')}"
    began = int(time.time() * 1000) - 1000

    def reported() -> list[str]:
        events = logs.filter_log_events(logGroupName=group, startTime=began)["events"]
        return [event["message"] for event in events if "AccessDenied" in event["message"]]

    of_earlier_calls = reported()
    stack.cloud.client("secretsmanager").rotate_secret(SecretId=stack.output("CredentialsSecretArn"))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if refusals := [message for message in reported() if message not in of_earlier_calls]:
            return str(refusals[-1])
        time.sleep(0.1)
    return "nothing was refused"


def list_library(stack: Stack) -> str:
    stack.put_library(video("m1"))
    event = {"execution_id": "least-privilege", "run_started_at": "2026-05-02T02:00:00Z"}
    return failure_of(stack.invoke("MediaLister", event)[0])


def report_run(stack: Stack) -> str:
    event = {"action": "report_run", "execution_id": "least-privilege", "summary": {"status": "SUCCEEDED"}}
    return failure_of(stack.invoke("MediaLister", event)[0])


def download(stack: Stack) -> str:
    stack.put_library(video("m1"))
    return failure_of(stack.invoke("VideoDownloader", {"media_id": "m1", "s3_key": KEY})[0])


def download_after_a_death_that_left_an_upload_open(stack: Stack) -> str:
    large = SourceFile(size_bytes=101_000_000, seed="large", etag_part_size_bytes=None)
    stack.put_library(
        SimulatedItem(media_id="m1", filename="GX010001.MP4", created_at="2026-05-01T18:02:44Z", chapters=(large,))
    )
    s3, bucket = stack.cloud.client("s3"), stack.output("ArchiveBucketName")
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=KEY)["UploadId"]
    try:
        return failure_of(stack.invoke("VideoDownloader", {"media_id": "m1", "s3_key": KEY})[0])
    finally:
        s3.abort_multipart_upload(Bucket=bucket, Key=KEY, UploadId=upload_id)


def run_with_a_failing_video(stack: Stack) -> str:
    stack.put_library(video("good"), video("bad", "GX010002.MP4"))
    stack.gopro.set_faults(Fault(FaultName.MISSING_SOURCE, media_id="bad"))
    return stack.history(stack.run().arn)


FLOWS: Final[dict[tuple[str, str], Flow]] = {
    ("AuthenticatorRole", "secretsmanager:GetSecretValue"): ensure_session,
    ("AuthenticatorRole", "secretsmanager:PutSecretValue"): sign_in,
    ("AuthenticatorRole", "secretsmanager:DescribeSecret"): begin_rotation,
    ("AuthenticatorRole", "secretsmanager:UpdateSecretVersionStage"): finish_rotation,
    ("AuthenticatorRole", "dynamodb:UpdateItem"): ensure_session,
    ("AuthenticatorRole", "sns:Publish"): rotate_pasted_token,
    ("MediaListerRole", "secretsmanager:GetSecretValue"): list_library,
    ("MediaListerRole", "dynamodb:BatchGetItem"): list_library,
    ("MediaListerRole", "dynamodb:PutItem"): list_library,
    ("MediaListerRole", "dynamodb:Scan"): report_run,
    ("MediaListerRole", "dynamodb:UpdateItem"): list_library,
    ("MediaListerRole", "s3:PutObject"): list_library,
    ("VideoDownloaderRole", "secretsmanager:GetSecretValue"): download,
    ("VideoDownloaderRole", "dynamodb:PutItem"): download,
    ("VideoDownloaderRole", "dynamodb:UpdateItem"): download,
    ("VideoDownloaderRole", "s3:PutObject"): download,
    ("VideoDownloaderRole", "s3:GetObject"): download,
    ("VideoDownloaderRole", "s3:ListBucketMultipartUploads"): download_after_a_death_that_left_an_upload_open,
    ("VideoDownloaderRole", "s3:ListMultipartUploadParts"): download_after_a_death_that_left_an_upload_open,
    ("VideoDownloaderRole", "s3:AbortMultipartUpload"): download_after_a_death_that_left_an_upload_open,
    ("SyncStateMachineRole", "lambda:InvokeFunction"): run_with_a_failing_video,
    ("SyncStateMachineRole", "dynamodb:UpdateItem"): run_with_a_failing_video,
    ("SyncStateMachineRole", "sqs:SendMessage"): run_with_a_failing_video,
    ("SyncStateMachineRole", "sns:Publish"): run_with_a_failing_video,
}

# What the local engine does itself, or does not check, although AWS does; each is held by a contract test instead.
_BY_THE_PLATFORM: Final = "the Lambda service does it in the role's name, outside of any call that the engine checks"
NOT_ENFORCED_LOCALLY: Final[dict[str, str]] = {
    "kms:Decrypt": "implied by calls to encrypted resources (tests/contract/test_template.py, KMS_BEHIND)",
    "kms:GenerateDataKey": "implied by calls to encrypted resources (tests/contract/test_template.py, KMS_BEHIND)",
    "logs:CreateLogStream": _BY_THE_PLATFORM,
    "logs:PutLogEvents": _BY_THE_PLATFORM,
    "xray:PutTraceSegments": _BY_THE_PLATFORM,
    "xray:PutTelemetryRecords": _BY_THE_PLATFORM,
    "xray:GetSamplingRules": "AWS's documentation of tracing in Step Functions asks for it",
    "xray:GetSamplingTargets": "AWS's documentation of tracing in Step Functions asks for it",
    **{
        f"logs:{name}": "AWS's documentation of logging in Step Functions asks for it"
        for name in (
            "CreateLogDelivery",
            "GetLogDelivery",
            "UpdateLogDelivery",
            "DeleteLogDelivery",
            "ListLogDeliveries",
            "PutResourcePolicy",
            "DescribeResourcePolicies",
            "DescribeLogGroups",
        )
    },
    "sqs:SendMessage": "failed asynchronous calls and failed starts: the platform sends them in the role's name",
    "s3:PutObjectTagging": "S3 asks for it when an object is written with tags; the engine does not",
    "s3:ListBucket": "without it S3 answers 403, not 404, to HeadObject of an absent key; the engine answers 404. "
    "The lister warns only",
    "s3:GetObject": "the distributed map's ItemReader: the engine reads the manifest itself",
    "states:StartExecution": "children of the distributed map, and the schedule: the engine starts them itself",
    "states:DescribeExecution": "children of the distributed map: the engine watches them itself",
    "states:StopExecution": "children of the distributed map: the engine stops them itself",
}


def permissions() -> list[tuple[str, str, str]]:
    """Every role, statement and action of the template."""
    return [
        (role, statement["Sid"], action)
        for role, properties in roles_with_permissions().items()
        for policy in properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    ]


def test_every_permission_is_tested_or_explained() -> None:
    unexplained = [
        (role, action)
        for role, _, action in permissions()
        if (role, action) not in FLOWS and action not in NOT_ENFORCED_LOCALLY
    ]
    assert unexplained == []
    assert set(FLOWS) <= {(role, action) for role, _, action in permissions()}


@contextmanager
def without(stack: Stack, role: str, sid: str, action: str) -> Iterator[None]:
    """Takes one action away from a deployed role, and gives it back."""
    template = Template(region=stack.cloud.region, Environment="local")
    iam, name = stack.cloud.client("iam"), template.resolve(resource(role)["RoleName"])
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    narrowed = json.loads(json.dumps(document))
    for statement in narrowed["Statement"]:
        if statement["Sid"] == sid:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            # A statement needs an action, and this one allows nothing that anybody here asks for.
            statement["Action"] = [kept for kept in actions if kept != action] or ["iam:GetAccountSummary"]
    assert narrowed != document
    iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(narrowed))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


TABLE: Final = os.environ.get("LEAST_PRIVILEGE_TABLE")
# Their state tries again for up to half a minute before it gives up.
PATIENT: Final = {"dynamodb:UpdateItem", "sqs:SendMessage", "sns:Publish"}


def removals() -> Iterator[Any]:
    for role, sid, action in permissions():
        if (role, action) in FLOWS:
            is_patient = role == "SyncStateMachineRole" and action in PATIENT
            marks = [pytest.mark.skipif(TABLE is None, reason="a minute of waiting: make least-privilege")]
            yield pytest.param(role, sid, action, marks=marks if is_patient else [])


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(("role", "sid", "action"), [*removals()])
def test_without_a_permission_what_needs_it_is_refused(stack: Stack, role: str, sid: str, action: str) -> None:
    with without(stack, role, sid, action):
        stated = FLOWS[role, action](stack)
    seen = next((word for word in ("AccessDenied", "AuthorizationError", "not authorized") if word in stated), None)
    assert seen is not None, f"{action} is not needed, or not enforced: {stated[:2000]}"
    note(role, action, FLOWS[role, action].__name__.replace("_", " "), f"refused: {seen}")


def test_the_explained_ones_are_written_down() -> None:
    for role, _, action in permissions():
        if (role, action) not in FLOWS:
            note(role, action, "-", f"not enforced locally: {NOT_ENFORCED_LOCALLY[action]}")


def note(*cells: str) -> None:
    """Adds a row to the table, if one is wanted."""
    if TABLE is not None:
        with Path(TABLE).open("a", encoding="utf-8") as file:
            file.write(f"| {' | '.join(cells)} |\n")
