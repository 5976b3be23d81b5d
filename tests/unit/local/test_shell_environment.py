"""A shell that evaluates ``local env`` reaches the local cloud, whatever its settings were."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import boto3
import pytest

from local.cloud import Cloud
from local.shell_environment import shell_lines

_HERE = "https://127.0.0.1:4566"


def _evaluated(environ: dict[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a shell after the lines, read as a POSIX shell reads them."""
    cloud = Cloud(
        state_directory=folder,
        endpoint_url=_HERE,
        ca_bundle=folder / "it's a folder" / "ca-bundle.pem",
        region="eu-central-1",
        gopro_api_base_url="http://127.0.0.1:4001",
        simulator_url=None,
        outputs={},
    )
    after = dict(environ)
    for line in shell_lines(cloud, environ):
        command, *words = shlex.split(line)
        for word in words:
            name, _, value = word.partition("=")
            if command == "unset":
                after.pop(name)
            else:
                assert command == "export"
                after[name] = value
    return after


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"AWS_ENDPOINT_URL_CLOUDFORMATION": "https://elsewhere.example.com"},
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_PROFILE": "no-such-profile", "AWS_SESSION_TOKEN": "of-other-keys"},
        {"AWS_DEFAULT_PROFILE": "no-such-profile", "AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2"},
        {"AWS_CONFIG_FILE": "config"},
    ],
    ids=lambda before: " ".join(before) or "nothing",
)
def test_boto3_is_led_here_whatever_was_set_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, str]
) -> None:
    if "AWS_CONFIG_FILE" in before:
        before = {"AWS_CONFIG_FILE": str(tmp_path / "config")}
        (tmp_path / "config").write_text(
            "[default]\nignore_configured_endpoint_urls = true\nendpoint_url = https://elsewhere.example.com\n"
        )
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in _evaluated(before, tmp_path).items():
        monkeypatch.setenv(name, value)

    session = boto3.Session()
    client = session.client("cloudformation", verify=False)

    assert (client.meta.endpoint_url, client.meta.region_name) == (_HERE, "eu-central-1")
    credentials = session.get_credentials()
    assert credentials is not None
    assert (credentials.access_key, credentials.token) == ("test", None)


def test_a_proxy_is_kept_out_of_the_way_and_its_exceptions_are_kept(tmp_path: Path) -> None:
    proxy = {"HTTPS_PROXY": "http://proxy.example.com:3128", "no_proxy": "intranet", "NO_PROXY": "intranet,.lan"}
    after = _evaluated(proxy, tmp_path)
    assert after["NO_PROXY"] == after["no_proxy"] == "intranet,.lan,127.0.0.1,localhost"
    assert "NO_PROXY" not in _evaluated({}, tmp_path)
