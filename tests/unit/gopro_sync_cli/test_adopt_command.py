"""``./gopro-sync adopt``: what was kept is imported, whatever ended it before; what cannot be is left alone."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final, TextIO

import boto3
import pytest
import typer
from botocore.exceptions import EndpointConnectionError
from typer import testing
from typer.testing import CliRunner, Result

from gates.template import ROOT, Stack, pseudo_parameters, template
from gopro_sync_cli import __main__ as command_line
from gopro_sync_cli import checkout
from gopro_sync_cli.template import Template
from tests.support.kept_account import (
    ACCOUNT,
    AUDIT_BUCKET,
    BUCKET,
    KEY_ARN,
    KEY_ID,
    REGION,
    SECRET_ARN,
    STACK,
    TABLE,
    KeptAccount,
)
from tests.support.sqs import Moment, VirtualClock

ALL: Final = {
    "EncryptionKey": KEY_ID,
    "ArchiveBucket": BUCKET,
    "TrackerTable": TABLE,
    "CredentialsSecret": SECRET_ARN,
    "AuditBucket": AUDIT_BUCKET,
}
PROFILES: Final = """
[default.global.parameters]
stack_name = "gopro-s3-sync"
parameter_overrides = ["Environment=prod", "AlertEmail=ops-team@company.com"]
[dev.global.parameters]
stack_name = "gopro-s3-sync"
parameter_overrides = "Environment=dev"
[elsewhere.global.parameters]
stack_name = "elsewhere"
parameter_overrides = { Environment = "prod" }
[nameless.deploy.parameters]
resolve_s3 = true
[misspelt.global.parameters]
stack_name = "gopro-s3-sync"
parameter_overrides = ["Enviroment=dev"]
[forbidden.global.parameters]
stack_name = "gopro-s3-sync"
parameter_overrides = ["Environment=Dev"]
[broken.global.parameters]
stack_name = "gopro-s3-sync"
parameter_overrides = ["Environment"]
"""
# As far as it is read, which takes a tenth of the time.
TEMPLATE: Final = json.dumps(
    {
        **{section: template()[section] for section in ("Parameters", "Conditions")},
        "Resources": {name: value for name, value in template()["Resources"].items() if "DeletionPolicy" in value},
    }
)


class Setting:
    """The command, a checkout, the account that it is for, and a person at a terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.clock = VirtualClock()
        self.account = KeptAccount(self.clock)
        self.folder = folder
        self.has_terminal = True
        self.made: list[tuple[list[str], Path, str]] = []
        self.make_ends_with = 0
        (folder / "samconfig.toml").write_text(PROFILES)
        (folder / "template.yaml").write_text(TEMPLATE)
        monkeypatch.setattr(checkout, "checkout_folder", lambda _command: folder)
        monkeypatch.setattr(boto3, "Session", self._session)
        monkeypatch.setattr(time, "time", self.clock.time)
        monkeypatch.setattr(time, "sleep", self.clock.sleep)
        monkeypatch.setattr(subprocess, "run", self._run_program)

        def is_terminal(stream: TextIO) -> bool:
            return stream.name == "<stdin>" and self.has_terminal

        monkeypatch.setattr(testing._NamedTextIOWrapper, "isatty", is_terminal)

    def run(self, *arguments: str, answer: str = "") -> Result:
        result = CliRunner().invoke(command_line.app, ["adopt", *arguments], input=answer)
        if isinstance(result.exception, AssertionError):
            raise result.exception
        return result

    def refused(self, *arguments: str) -> str:
        """Run what is to be refused before anything is changed; return what is said."""
        result = self.run("--yes", *arguments)
        assert result.exit_code == (3 if "--check" in arguments else 1), result.output
        assert self.account.writes == []
        return stated(result)

    def _session(self, *, region_name: str | None) -> KeptAccount:
        self.account.region_name = region_name or self.account.region_name
        return self.account

    def _run_program(self, command: list[str], *, cwd: Path, check: bool, env: dict[str, str]) -> Any:
        self.made.append((command, cwd, env["AWS_DEFAULT_REGION"]))
        return subprocess.CompletedProcess(command, self.make_ends_with)


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Setting:
    return Setting(monkeypatch, tmp_path)


def stated(result: Result) -> str:
    """Return what stands on the screen, with the words of an error that ends the program in one line."""
    return f"{result.output}\n{getattr(result.exception, 'message', result.exception)}"


# --- what it is for --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "answer"), [(["--yes"], ""), ([], "y\n")])
def test_all_that_was_kept_is_imported_and_the_next_command_is_reported(
    setting: Setting, arguments: list[str], answer: str
) -> None:
    result = setting.run(*arguments, answer=answer)

    assert result.exit_code == 0, stated(result)
    assert setting.account.holds() == ALL
    assert setting.account.stacks[STACK]["status"] == "IMPORT_COMPLETE"
    assert all(name in result.output for name in (BUCKET, AUDIT_BUCKET, TABLE, "gopro/credentials", KEY_ID))
    assert result.output.endswith("Now deploy: make deploy PROFILE=default\n")


def test_the_import_says_what_is_there_as_it_is(setting: Setting) -> None:
    setting.run("--yes")

    resources = setting.account.stacks[STACK]["template"]["Resources"]
    properties = {logical_id: resource["Properties"] for logical_id, resource in resources.items()}
    # An index that is not mentioned would be made once more, and the lock of a bucket cannot be switched on.
    assert properties["TrackerTable"]["GlobalSecondaryIndexes"][0].keys() == {"IndexName", "KeySchema", "Projection"}
    assert properties["TrackerTable"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert properties["TrackerTable"]["SSESpecification"]["KMSMasterKeyId"] == KEY_ARN
    assert properties["AuditBucket"]["ObjectLockEnabled"] is True
    assert "ObjectLockEnabled" not in properties["ArchiveBucket"]
    assert properties["CredentialsSecret"] == {"Name": "gopro/credentials", "KmsKeyId": KEY_ARN}
    assert "Statement" in properties["EncryptionKey"]["KeyPolicy"]


@pytest.mark.parametrize(("has_terminal", "answer", "code"), [(True, "n\n", 1), (True, "", 1), (False, "", 2)])
def test_nothing_is_done_without_a_yes(setting: Setting, *, has_terminal: bool, answer: str, code: int) -> None:
    setting.has_terminal = has_terminal

    result = setting.run(answer=answer)

    assert result.exit_code == code
    assert setting.account.writes == []
    assert BUCKET in result.output


def test_what_is_gone_is_left_to_the_deployment(setting: Setting) -> None:
    setting.account.buckets.clear()

    result = setting.run("--yes")

    assert result.exit_code == 0, stated(result)
    assert setting.account.holds().keys() == {"EncryptionKey", "TrackerTable", "CredentialsSecret"}
    assert "creates it: ArchiveBucket, AuditBucket" in result.output


def test_where_nothing_was_kept_nothing_is_done(setting: Setting) -> None:
    setting.account.buckets.clear()
    setting.account.tables.clear()
    setting.account.secrets.clear()

    result = setting.run("--yes")

    assert (result.exit_code, setting.account.writes) == (0, [])
    assert "There is nothing to adopt" in result.output


def test_it_deploys_if_it_is_asked_to(setting: Setting) -> None:
    result = setting.run("--yes", "--deploy", "--region", REGION)

    assert result.exit_code == 0, stated(result)
    assert setting.made == [(["make", "deploy", "PROFILE=default"], setting.folder, REGION)]


def test_a_deployment_that_fails_is_reported_with_what_to_type(setting: Setting) -> None:
    setting.make_ends_with = 2

    result = setting.run("--yes", "--deploy")

    assert result.exit_code == 1
    assert "make ended with 2" in stated(result)
    assert setting.account.holds() == ALL


# --- before a deployment ---------------------------------------------------------------------------------------------


def test_a_deployment_with_nothing_in_its_way_is_reported_nothing(setting: Setting) -> None:
    setting.run("--yes")
    setting.account.writes.clear()

    result = setting.run("--check")

    assert (result.exit_code, result.output, setting.account.writes) == (0, "", [])


def test_a_deployment_that_something_kept_is_in_the_way_of_is_reported_what_to_type(setting: Setting) -> None:
    words = setting.refused("--check")

    assert BUCKET in words
    assert "./gopro-sync adopt --config-env default" in words


def test_a_deployment_that_would_change_the_environment_is_refused(setting: Setting) -> None:
    """It would make an empty archive, and copy every video again."""
    setting.account.add_stack("UPDATE_COMPLETE", parameters={"Environment": "prod"}, holds=dict(ALL))

    assert "is deployed with Environment=prod, and you asked for dev" in setting.refused(
        "--check", "--config-env", "dev"
    )


def test_a_deployment_onto_another_systems_stack_is_refused(setting: Setting) -> None:
    setting.account.add_stack("UPDATE_COMPLETE", description="a web shop")

    assert "belongs to another system (a web shop)" in setting.refused("--check")


# --- once more -------------------------------------------------------------------------------------------------------


def lost_network() -> None:
    raise EndpointConnectionError(endpoint_url="https://any")


def interruption() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("moment", "blow"), [("asked", interruption), ("acted", lost_network)])
def test_whatever_call_it_ends_at_it_can_be_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, moment: Moment, blow: Callable[[], None]
) -> None:
    whole = Setting(monkeypatch, tmp_path)
    whole.run("--yes")
    # Before it nothing is changed.
    for number in count(whole.account.calls.index("CreateChangeSet")):
        folder = tmp_path / str(number)
        folder.mkdir()
        setting = Setting(monkeypatch, folder)

        def end(call: int, _operation: str, now: Moment, *, last: int = number) -> None:
            if (call, now) == (last, moment):
                blow()

        setting.account.blow = end
        first = setting.run("--yes")
        if len(setting.account.calls) <= number:
            break  # each call was ended once
        assert first.exit_code in {0, 1, 130}
        setting.account.blow = lambda *_: None
        again = setting.run("--yes")
        assert again.exit_code == 0, f"after {setting.account.calls[number]}: {stated(again)}"
        assert setting.account.holds() == ALL


def test_when_all_is_imported_it_says_so_and_what_is_next(setting: Setting) -> None:
    setting.run("--yes")
    setting.account.writes.clear()

    result = setting.run()

    assert (result.exit_code, setting.account.writes) == (0, [])
    assert "has imported all that was kept" in result.output
    assert "make deploy" in result.output


def test_what_turns_up_after_an_import_is_added_to_it(setting: Setting) -> None:
    audit = setting.account.buckets.pop(AUDIT_BUCKET)
    setting.run("--yes")
    setting.account.buckets[AUDIT_BUCKET] = audit

    result = setting.run("--yes")

    assert result.exit_code == 0, stated(result)
    assert setting.account.holds() == ALL


def test_the_empty_stack_of_a_deployment_that_failed_is_deleted_first(setting: Setting) -> None:
    setting.account.add_stack("ROLLBACK_COMPLETE")

    result = setting.run("--yes")

    assert result.exit_code == 0, stated(result)
    assert setting.account.writes[0] == "DeleteStack"
    assert setting.account.holds() == ALL
    assert "is empty; it is deleted first" in result.output


def test_a_stack_that_was_deployed_while_the_person_was_asked_is_not_deleted(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.account.add_stack("ROLLBACK_COMPLETE")

    def somebody_else_deploys(_question: str) -> bool:
        setting.account.add_stack("CREATE_COMPLETE", holds=dict(ALL))
        return True

    monkeypatch.setattr(typer, "confirm", somebody_else_deploys)

    result = setting.run()

    assert result.exit_code == 1
    assert setting.account.stacks[STACK]["status"] == "CREATE_COMPLETE"
    assert setting.account.holds() == ALL


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "IMPORT_ROLLBACK_COMPLETE"])
def test_an_import_that_did_not_come_through_is_made_again(setting: Setting, status: str) -> None:
    setting.account.add_stack(status, description="")

    assert setting.run("--yes").exit_code == 0
    assert setting.account.holds() == ALL


def test_a_deployed_stack_that_holds_everything_has_nothing_to_adopt(setting: Setting) -> None:
    setting.account.add_stack("UPDATE_COMPLETE", parameters={"Environment": "prod"}, holds=dict(ALL))

    result = setting.run("--yes")

    assert (result.exit_code, setting.account.writes) == (0, [])
    assert "already holds everything" in result.output


def test_a_refused_change_set_is_reported_with_its_reason(setting: Setting) -> None:
    setting.account.refuses = "Bucket not found"

    result = setting.run("--yes")

    assert result.exit_code == 1
    assert "refuses the import: Bucket not found" in stated(result)
    assert setting.account.writes == ["CreateChangeSet"]


def test_an_import_that_is_rolled_back_is_reported_with_the_reason_of_its_event(setting: Setting) -> None:
    setting.account.rolls_back = True

    result = setting.run("--yes")

    assert result.exit_code == 1
    assert "TrackerTable: the reason of the event" in stated(result)


def test_it_does_not_wait_for_ever(setting: Setting) -> None:
    setting.account.add_stack("IMPORT_IN_PROGRESS")

    result = setting.run("--yes")

    assert result.exit_code == 1
    assert "Run this again later" in stated(result)


# --- what cannot be adopted is left alone ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "members", "words"),
    [
        ("CREATE_COMPLETE", {"description": "a web shop"}, "belongs to another system (a web shop)"),
        ("ROLLBACK_COMPLETE", {"description": "a web shop"}, "belongs to another system (a web shop)"),
        ("CREATE_COMPLETE", {"description": "", "holds": {"Shop": "shop"}}, "it has no description"),
        ("CREATE_COMPLETE", {"parameters": {"Environment": "dev"}}, "deployed with Environment=dev"),
        ("IMPORT_COMPLETE", {"holds": {"TrackerTable": f"{TABLE}-dev"}}, f"holds {TABLE}-dev, not {TABLE}"),
        ("UPDATE_IN_PROGRESS", {}, "is being changed (UPDATE_IN_PROGRESS)"),
        ("DELETE_IN_PROGRESS", {}, "is being changed (DELETE_IN_PROGRESS)"),
        ("DELETE_FAILED", {}, "sam delete --stack-name gopro-s3-sync"),
        ("ROLLBACK_FAILED", {}, "sam delete --stack-name gopro-s3-sync"),
        (
            "UPDATE_COMPLETE",
            {"holds": {name: value for name, value in ALL.items() if name != "AuditBucket"}},
            f"deployed without {AUDIT_BUCKET}",
        ),
    ],
)
def test_a_stack_that_is_not_free_is_left_alone(
    setting: Setting, status: str, members: dict[str, Any], words: str
) -> None:
    setting.account.add_stack(status, **members)

    assert words in setting.refused()


@pytest.mark.parametrize(
    ("logical_id", "older", "newer"),
    [
        ("ArchiveBucket", f"gopro-archive-bucket-{ACCOUNT}", BUCKET),
        ("TrackerTable", "tracker", TABLE),
        (
            "CredentialsSecret",
            f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:credentials-AbCdEf",
            "gopro/credentials",
        ),
    ],
)
def test_no_deployment_begins_with_an_empty_one_where_the_stack_keeps_its_data_under_an_earlier_name(
    setting: Setting, logical_id: str, older: str, newer: str
) -> None:
    setting.account.buckets.clear()
    setting.account.tables.clear()
    setting.account.secrets.clear()
    setting.account.add_stack("UPDATE_COMPLETE", holds={**ALL, logical_id: older})

    words = setting.refused("--check")

    assert f"keeps its data in {older}, and this template names it {newer}" in words


def test_what_another_stack_holds_is_left_to_it(setting: Setting) -> None:
    setting.account.add_stack("UPDATE_COMPLETE", holds=dict(ALL))

    assert f"{KEY_ID} belongs to the existing stack {STACK!r}" in setting.refused("--config-env", "elsewhere")


def test_a_bucket_name_that_somebody_else_owns_is_reported(setting: Setting) -> None:
    setting.account.buckets[BUCKET]["owner"] = "999999999999"

    assert f"{BUCKET}, and AWS does not let you look at it: either it belongs to another account" in setting.refused()


def test_a_bucket_of_another_region_is_reported_with_the_region(setting: Setting) -> None:
    setting.account.buckets[BUCKET]["region"] = "us-west-2"

    assert "say --region us-west-2" in setting.refused()


def test_a_secret_that_is_to_be_deleted_is_reported_with_the_command_that_keeps_it(setting: Setting) -> None:
    setting.account.secrets["gopro/credentials"]["DeletedDate"] = "tomorrow"

    assert "restore-secret --secret-id gopro/credentials --region eu-west-1" in setting.refused()


@pytest.mark.parametrize(("state", "command"), [("PendingDeletion", "cancel-key-deletion"), ("Disabled", "enable-key")])
def test_a_key_that_is_switched_off_is_reported_with_the_command_that_switches_it_on(
    setting: Setting, state: str, command: str
) -> None:
    setting.account.key["KeyState"] = state

    assert f"aws kms {command} --key-id {KEY_ID} --region {REGION}" in setting.refused()


def test_a_key_that_is_gone_is_reported_with_what_that_means(setting: Setting) -> None:
    setting.account.key.clear()

    assert f"{KEY_ARN}, with which {BUCKET} is encrypted, is gone" in setting.refused()


@pytest.mark.parametrize("description", ["the key of the whole company", None])
def test_a_key_that_is_not_ours_keeps_its_policy(setting: Setting, description: str | None) -> None:
    setting.account.key.pop("Description")
    if description is not None:
        setting.account.key["Description"] = description

    assert f"{KEY_ID}, with which what was kept is encrypted, does not belong to this system" in setting.refused()


def test_two_keys_are_reported_and_whose_each_is(setting: Setting) -> None:
    setting.account.tables[TABLE] = "arn:aws:kms:eu-west-1:123456789012:key/another"

    words = setting.refused()

    assert f"{BUCKET}: {KEY_ID}" in words
    assert f"{TABLE}: another" in words


def test_without_a_key_of_ours_none_is_adopted(setting: Setting) -> None:
    setting.account.key["KeyManager"] = "AWS"
    for bucket in setting.account.buckets.values():
        bucket["key"] = None

    assert setting.run("--yes").exit_code == 0
    assert "EncryptionKey" not in setting.account.holds()


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("none", "has no profile 'none'"),
        ("nameless", "names no stack"),
        ("misspelt", "no parameter 'Enviroment'"),
        ("forbidden", "Environment cannot be 'Dev'"),
        ("broken", "'Environment', which is not NAME=VALUE"),
    ],
)
def test_a_profile_that_cannot_be_deployed_is_refused(setting: Setting, profile: str, words: str) -> None:
    assert words in setting.refused("--config-env", profile)


def test_without_a_region_nothing_is_asked_of_aws(setting: Setting) -> None:
    setting.account.region_name = None

    assert "name it with --region" in setting.refused()
    assert setting.account.calls == []


@pytest.mark.parametrize("file", ["samconfig.toml", "template.yaml"])
def test_a_folder_that_is_no_checkout_is_reported(setting: Setting, file: str) -> None:
    (setting.folder / file).unlink()

    assert f"{file} cannot be read" in setting.refused()


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
@pytest.mark.parametrize("environment", ["prod", "dev"])
def test_what_is_looked_for_has_the_names_that_a_deployment_gives(environment: str, region: str) -> None:
    read = Template(
        ROOT / "template.yaml",
        parameters={"Environment": environment},
        pseudo_parameters=pseudo_parameters(region),
    )
    deployed = Stack(region=region, Environment=environment)

    names = {resource.logical_id: resource.name for resource in read.kept_resources() if resource.name}

    assert names == {logical_id: deployed.name_of(logical_id) for logical_id in names}
    assert names.keys() == ALL.keys() - {"EncryptionKey"}
    assert ACCOUNT in names["ArchiveBucket"]
