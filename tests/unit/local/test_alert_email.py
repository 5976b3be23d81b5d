"""An address that the deployment would refuse is refused before anything is started."""

from __future__ import annotations

import pytest

from gates.template import template
from local.alert_email import ALERT_EMAIL_PATTERN, is_alert_email


def test_the_pattern_is_the_templates() -> None:
    assert template()["Parameters"]["AlertEmail"]["AllowedPattern"] == f"^$|^{ALERT_EMAIL_PATTERN}$"


@pytest.mark.parametrize("address", ["me@example.com", "o'brien+gopro@mail.example.org", "ops-team@company.com"])
def test_an_address_is_taken(address: str) -> None:
    assert is_alert_email(address)


@pytest.mark.parametrize(
    "address",
    ["", "me", "me@example", "me@@example.com", "a b@example.com", "me@example.com\n", "@example.com", "me@example.c"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert not is_alert_email(address)


@pytest.mark.parametrize("address", ['"a"@example.com', 'a"b@example.com', "'a@example.com", "a\\'b@example.com"])
def test_an_address_that_sam_would_change_on_the_way_is_refused(address: str) -> None:
    assert not is_alert_email(address)


def test_an_address_that_would_control_the_terminal_is_refused() -> None:
    assert not is_alert_email("\x1b[31mme@example.com")
