"""A patch that no longer fits says so when the engine starts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from local.engine import patching
from local.engine.patching import EnginePatchError, assert_pinned_versions, replace, replace_entry


def test_a_name_that_exists_is_replaced() -> None:
    module = SimpleNamespace(handler="stock")

    replace(module, "handler", "patched")

    assert module.handler == "patched"


def test_a_name_that_is_gone_stops_the_start() -> None:
    with pytest.raises(EnginePatchError, match="handler is gone"):
        replace(SimpleNamespace(), "handler", "patched")


def test_an_entry_that_is_gone_stops_the_start() -> None:
    with pytest.raises(EnginePatchError, match="'AWS::S3::Bucket' is gone"):
        replace_entry({}, "AWS::S3::Bucket", "patched")


def test_the_installed_engine_is_the_one_that_the_patches_were_written_against() -> None:
    assert_pinned_versions()


def test_another_version_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(patching.PINNED_VERSIONS, "ministack", "0.0.1")

    with pytest.raises(EnginePatchError, match=r"need 0\.0\.1: run `make setup`"):
        assert_pinned_versions()
