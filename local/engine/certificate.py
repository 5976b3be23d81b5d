"""The engine's TLS certificate, and the bundle of certificates that its clients trust."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.plain_files import read_plain, replace_plain

_VALID_DAYS = 825
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gopro-s3-sync local engine")])
# The variables that tell programs whom to trust: AWS SDKs; OpenSSL, Go and Rust; Python's requests; curl. A person may
# have named certificates there that this machine needs, such as those of a company's proxy.
TRUST_VARIABLES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PEM_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Files of the engine's certificate, in PEM form."""

    certificate: Path
    private_key: Path
    ca_bundle: Path


def ensure_trust(directory: Path, *, environ: Mapping[str, str] = os.environ) -> Trust:
    """Create the certificate once, and the bundle each time: all that this machine trusts, and the certificate.

    A shell that got the bundle from ``local env`` must keep working after ``down``; so the files stay. A link
    in the place of the directory or of one of the files is replaced, and what it leads to stays as it is.

    Args:
        directory: where the files are or will be.
        environ: names further bundles to include.
    """
    if directory.is_symlink():
        directory.unlink()
    directory.mkdir(parents=True, exist_ok=True)
    trust = Trust(
        certificate=directory / "engine.crt",
        private_key=directory / "engine.key",
        ca_bundle=directory / "ca-bundle.pem",
    )
    if not (_still_valid(trust.certificate) and read_plain(trust.private_key)):
        _make_certificate(trust)
    sources = [Path(environ[name]) for name in TRUST_VARIABLES if environ.get(name)]
    sources += [Path(ssl.get_default_verify_paths().cafile or certifi.where()), trust.certificate]
    certificates = [pem for path in sources if path.is_file() for pem in _certificates_in(path)]
    replace_plain(trust.ca_bundle, ("\n".join(dict.fromkeys(certificates)) + "\n").encode("ascii"))
    return trust


def is_engine_certificate(path: Path) -> bool:
    """Return whether a file is a certificate that :func:`ensure_trust` made, whether or not it is still valid."""
    certificate = _read_certificate(path)
    return certificate is not None and certificate.subject == _NAME


def _certificates_in(path: Path) -> list[str]:
    return _PEM_CERTIFICATE.findall(path.read_text(encoding="utf-8", errors="replace"))


def _still_valid(path: Path) -> bool:
    certificate = _read_certificate(path)
    return certificate is not None and certificate.not_valid_after_utc > dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


def _read_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(read_plain(path) or b"")
    except ValueError:
        return None


def _make_certificate(trust: Trust) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    replace_plain(trust.private_key, private)
    replace_plain(trust.certificate, certificate.public_bytes(serialization.Encoding.PEM))
