"""The engine's certificate, and whom its clients trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from local.engine.certificate import ensure_trust, is_engine_certificate
from tests.support.folder_tree import contents, plant


def _trusted(bundle: Path) -> set[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bundle)
    return set(context.get_ca_certs(binary_form=True))


def _certificates(bundle: Path) -> list[str]:
    return bundle.read_text(encoding="ascii").split("-----END CERTIFICATE-----")[:-1]


def test_the_bundle_trusts_the_engine_and_all_that_was_trusted_before(tmp_path: Path) -> None:
    trust = ensure_trust(tmp_path, environ={"REQUESTS_CA_BUNDLE": certifi.where()})

    assert _trusted(Path(certifi.where())) <= _trusted(trust.ca_bundle)
    assert trust.certificate.read_text(encoding="ascii").strip() in trust.ca_bundle.read_text(encoding="ascii")


def test_the_certificate_stays_the_same_so_that_open_shells_go_on_trusting_it(tmp_path: Path) -> None:
    first = ensure_trust(tmp_path, environ={}).certificate.read_bytes()

    assert ensure_trust(tmp_path, environ={}).certificate.read_bytes() == first


def test_a_shell_that_already_trusts_the_bundle_does_not_make_it_grow(tmp_path: Path) -> None:
    bundle = ensure_trust(tmp_path, environ={}).ca_bundle
    before = _certificates(bundle)

    ensure_trust(tmp_path, environ={"SSL_CERT_FILE": str(bundle)})

    assert sorted(_certificates(bundle)) == sorted(before)


def test_a_bundle_that_does_not_exist_is_no_obstacle(tmp_path: Path) -> None:
    trust = ensure_trust(tmp_path, environ={"SSL_CERT_FILE": str(tmp_path / "deleted.pem")})

    assert trust.ca_bundle.exists()


def test_only_the_owner_can_read_the_private_key(tmp_path: Path) -> None:
    assert ensure_trust(tmp_path, environ={}).private_key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["engine.crt", "engine.key", "ca-bundle.pem", "ca-bundle.pem.new"])
def test_a_link_in_the_place_of_a_file_is_replaced_and_not_written_through(tmp_path: Path, name: str) -> None:
    plant(tmp_path / "anothers", {"file": b"precious"})
    plant(tmp_path / "trust", {name: tmp_path / "anothers" / "file"})

    trust = ensure_trust(tmp_path / "trust", environ={})

    assert contents(tmp_path / "anothers") == {"file": b"precious"}
    assert not [entry.name for entry in (tmp_path / "trust").iterdir() if entry.is_symlink()]
    assert trust.certificate.read_text(encoding="ascii").strip() in trust.ca_bundle.read_text(encoding="ascii")


def test_a_link_in_the_place_of_the_directory_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    plant(tmp_path, {"anothers": {"engine.key": b"precious"}, "trust": tmp_path / "anothers"})

    ensure_trust(tmp_path / "trust", environ={})

    assert contents(tmp_path / "anothers") == {"engine.key": b"precious"}
    assert not (tmp_path / "trust").is_symlink()


@pytest.mark.parametrize("content", [b"", b"no certificate", bytes(range(256))], ids=["empty", "text", "binary"])
def test_a_certificate_that_cannot_be_read_is_made_anew(tmp_path: Path, content: bytes) -> None:
    plant(tmp_path, {"engine.crt": content, "engine.key": content})

    trust = ensure_trust(tmp_path, environ={})

    assert is_engine_certificate(trust.certificate)
    assert _trusted(trust.ca_bundle)


def test_a_certificate_is_known_as_ours_by_its_content(tmp_path: Path) -> None:
    plant(tmp_path, {"anothers.crt": Path(certifi.where()).read_bytes(), "text": b"-----BEGIN CERTIFICATE-----"})
    ours = ensure_trust(tmp_path, environ={}).certificate

    assert is_engine_certificate(ours)
    assert not [name for name in ("anothers.crt", "text", "missing") if is_engine_certificate(tmp_path / name)]
