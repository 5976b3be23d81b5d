"""The environment that the engine's process runs in: everything that decides how it behaves, in one place."""

from __future__ import annotations

from pathlib import Path

DEFAULT_REGION = "us-east-1"
# Under enforced IAM these two are the account's root user, like the first key of a new AWS account.
ROOT_ACCESS_KEY_ID = "test"
ROOT_SECRET_ACCESS_KEY = "test"  # noqa: S105  # opens nothing but the engine on this machine

LISTENING_SOCKET_VARIABLE = "LOCAL_ENGINE_SOCKET"
LAMBDA_PYTHON_VARIABLE = "LOCAL_ENGINE_LAMBDA_PYTHON"


def engine_environment(
    *,
    port: int,
    region: str,
    listening_socket: int,
    certificate: Path,
    private_key: Path,
    ca_bundle: Path,
    lambda_python: Path,
    temporary_directory: Path,
) -> dict[str, str]:
    """Return the whole environment of the engine's process: the caller's leaks neither into it nor into the functions.

    Args:
        port: where it listens.
        region: the default where a request names none.
        listening_socket: the inherited file descriptor of the socket bound to that port.
        certificate: its TLS certificate.
        private_key: that of the certificate.
        ca_bundle: what the functions and the engine itself trust.
        lambda_python: the interpreter that has awslambdaric and nothing else.
        temporary_directory: for unpacked functions; its own, so that two engines can run side by side.
    """
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(temporary_directory),  # no ~/.aws, no ~/.docker
        "TMPDIR": str(temporary_directory),
        LISTENING_SOCKET_VARIABLE: str(listening_socket),
        LAMBDA_PYTHON_VARIABLE: str(lambda_python),
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": region,
        "MINISTACK_SSL_CERT": str(certificate),
        "MINISTACK_SSL_KEY": str(private_key),
        "USE_SSL": "1",
        "AUTH": "true",  # IAM is enforced
        "IOT_MTLS_ENABLED": "0",  # these two would open ports of their own
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(temporary_directory / "ministack"),  # else it writes keys to /tmp/ministack-state
        "LOG_LEVEL": "WARNING",
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",
        "AWS_CA_BUNDLE": str(ca_bundle),
        "SSL_CERT_FILE": str(ca_bundle),
        "AWS_ACCESS_KEY_ID": ROOT_ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET_ACCESS_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
