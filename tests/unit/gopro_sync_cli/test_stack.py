"""The stack that a command is about: named, found by its secret, or missing with what there is instead."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gopro_sync.errors import ConfigurationError
from gopro_sync_cli.credential_place import CredentialPlace, find_credential_place, gopro_of_stack
from gopro_sync_cli.stack import DeployedStack, find_stack
from tests.support.deployed_stacks import AWS, GOPRO, SECRET, Account
from tests.support.deployed_stacks import described_stack as stack

SIMULATOR = "http://127.0.0.1:4001"
LOCAL_AWS = "https://127.0.0.1:4566"


def others(count: int) -> list[dict[str, Any]]:
    return [{"StackName": f"other-{number}", "StackId": stack("other")["StackId"]} for number in range(count)]


def missing(account: Account) -> str:
    with pytest.raises(ConfigurationError) as raised:
        find_stack(cast("Any", account), "gopro-s3-sync")
    return raised.value.message


def place(
    account: Account, *, secret_id: str | None = None, given: str | None = None, name: str = "gopro-s3-sync"
) -> CredentialPlace:
    return find_credential_place(cast("Any", account), stack_name=name, secret_id=secret_id, gopro_api_base_url=given)


def refused(account: Account, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        place(account, **options)
    return raised.value.message


# --- a stack that is not there ---------------------------------------------------------------------------------------


def test_a_missing_stack_is_an_error_that_says_where_it_was_looked_for_and_which_there_are() -> None:
    message = missing(Account(*others(3), stack("gopro-s3-sync-dev"), stack("film")))
    assert message.startswith("There is no stack 'gopro-s3-sync' in eu-central-1 (account 123456789012)")
    assert "there is gopro-s3-sync-dev, film: name it with --stack-name or GOPRO_SYNC_STACK" in message


@pytest.mark.parametrize(
    ("account", "stated"),
    [
        (Account(), "in eu-central-1 for these AWS credentials, nor any other of this system; name its region"),
        (Account(*others(1)), "in eu-central-1 (account 123456789012), nor any other of this system"),
        (Account(may_list=False), "in eu-central-1, and the existing ones cannot be listed"),
        (Account(endpoint_url=LOCAL_AWS), "in eu-central-1 at https://127.0.0.1:4566"),
    ],
    ids=["empty account", "other stacks only", "not allowed to list", "another endpoint"],
)
def test_a_missing_stack_says_what_can_be_known(account: Account, stated: str) -> None:
    assert stated in missing(account)


def test_of_many_stacks_some_are_named() -> None:
    assert "s7 and 22 more" in missing(Account(*(stack(f"s{number}") for number in range(30))))


# --- the secret and its GoPro ----------------------------------------------------------------------------------------


def test_the_stack_says_which_secret_and_which_gopro() -> None:
    local = stack("gopro-sync-local", gopro=f"{SIMULATOR}/")
    account = Account(local, endpoint_url=LOCAL_AWS)
    assert place(account, name="gopro-sync-local") == CredentialPlace(secret_id=SECRET, gopro_api_base_url=SIMULATOR)


@pytest.mark.parametrize("secret_id", [SECRET, SECRET[:-7], "gopro/credentials"])
def test_a_secret_is_found_with_its_stack_whatever_that_is_called(secret_id: str) -> None:
    account = Account(*others(3), stack("film", gopro="https://gopro.example.com"))
    assert place(account, secret_id=secret_id) == CredentialPlace(
        secret_id=secret_id, gopro_api_base_url="https://gopro.example.com"
    )


@pytest.mark.parametrize("secret_id", [None, SECRET])
@pytest.mark.parametrize(
    ("deployed", "given"), [(SIMULATOR, GOPRO), (GOPRO, SIMULATOR), (GOPRO, "https://gopro.example.com")]
)
def test_an_address_other_than_the_stacks_is_refused(secret_id: str | None, deployed: str, given: str) -> None:
    message = refused(Account(stack("gopro-s3-sync", gopro=deployed)), secret_id=secret_id, given=given)
    assert deployed in message
    assert given in message
    assert "GOPRO_API_BASE_URL" in message
    assert "nothing was sent" in message


def test_the_same_address_in_the_environment_changes_nothing() -> None:
    assert place(Account(stack("gopro-s3-sync")), given=f"{GOPRO}/").gopro_api_base_url == GOPRO


def test_no_address_is_guessed_where_the_stack_does_not_say_one() -> None:
    old = Account(stack("gopro-s3-sync", gopro=None))
    assert "give it with --gopro-api-base-url" in refused(old)
    assert place(old, given=GOPRO).gopro_api_base_url == GOPRO


@pytest.mark.parametrize("given", [None, GOPRO])
def test_a_secret_that_is_not_of_the_stacks_there_are_is_refused_with_those_that_are(given: str | None) -> None:
    message = refused(Account(stack("film")), secret_id="gopro/credentials-dev", given=given)
    assert f"in eu-central-1 has the secret 'gopro/credentials-dev'; there is film with {SECRET}" in message


def test_before_there_is_a_stack_a_secret_needs_an_address() -> None:
    assert "no such stack: deploy one first (make deploy)" in refused(Account(), secret_id="by-hand")
    assert place(Account(), secret_id="by-hand", given=GOPRO).gopro_api_base_url == GOPRO


@pytest.mark.parametrize(("aws", "gopro"), [(LOCAL_AWS, GOPRO), (AWS, SIMULATOR)])
def test_a_simulated_side_and_a_real_one_do_not_meet(aws: str, gopro: str) -> None:
    message = refused(Account(endpoint_url=aws), secret_id="by-hand", given=gopro)
    assert "nothing was sent" in message
    assert "AWS_ENDPOINT_URL" in message


@pytest.mark.parametrize(("aws", "gopro"), [(LOCAL_AWS, SIMULATOR), (AWS, GOPRO)])
def test_without_the_right_to_see_stacks_both_are_named_by_hand(aws: str, gopro: str) -> None:
    account = Account(stack("gopro-s3-sync"), endpoint_url=aws, may_list=False)
    assert "name both --secret-id and --gopro-api-base-url" in refused(account, secret_id=SECRET)
    assert place(account, secret_id=SECRET, given=gopro).gopro_api_base_url == gopro


def test_an_address_that_is_none_is_refused() -> None:
    assert "not a URL" in refused(Account(), secret_id="by-hand", given="http://127.0.0.1:many")


def test_what_is_no_stack_of_this_system_is_nobodys() -> None:
    assert not DeployedStack(name="other", outputs={}, parameters={}).has_secret("")
    with pytest.raises(ConfigurationError, match="address of the GoPro API is not known"):
        gopro_of_stack(DeployedStack(name="other", outputs={}, parameters={}), None)
