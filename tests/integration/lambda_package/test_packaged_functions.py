"""The functions start from the package that `sam build` makes, from its bytecode, and load only what they need."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from lambda_package.build import build

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_LAMBDA_FUNCTION_NAME": "under-test",
    "ENVIRONMENT": "test",
    "CREDENTIALS_SECRET_ID": "gopro/credentials",
    "TRACKER_TABLE_NAME": "gopro-sync-tracker",
    "ARCHIVE_BUCKET_NAME": "gopro-archive-bucket",
    "GOPRO_API_BASE_URL": "https://api.gopro.com",
    "MAX_VIDEOS_PER_RUN": "10",
    "NOT_READY_AFTER_DAYS": "7",
    "RUN_TIME_SECONDS": "6600",
    "GOPRO_REQUESTS_PER_MINUTE": "1200",
    "TRANSFER_WORKERS": "8",
}
START = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
importlib.import_module(sys.argv[2])
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packed for this machine, from the pinned dependencies; needs the package index unless they are cached."""
    machine = "arm64" if "aarch64" in sys.implementation._multiarch else "x86_64"
    artifacts = tmp_path_factory.mktemp("a function")
    build(source=ROOT / "src", artifacts=artifacts, architecture=machine)
    return artifacts


def modules_after_start(package: Path, handler: str) -> dict[str, str | None]:
    """Start a function as Lambda does, in an interpreter that sees nothing but the package."""
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", START, str(package), f"gopro_sync.handlers.{handler}"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    modules: dict[str, str | None] = json.loads(result.stdout)
    return modules


def test_every_module_has_its_bytecode_and_nothing_else_is_left_over(package: Path) -> None:
    modules = {file for file in package.rglob("*.py") if "__pycache__" not in file.parts}
    assert {Path(cache_from_source(str(file))) for file in modules} == set(package.rglob("*.pyc"))
    assert not [path for path in package.iterdir() if path.name in {"bin", "tests", "requirements.txt", "Makefile"}]


@pytest.mark.parametrize(
    ("handler", "loads", "leaves_out"),
    [
        (
            "authenticator",
            {"botocore.session"},
            {"httpx", "tenacity", "gopro_sync.table.tracker", "gopro_sync.archive"},
        ),
        ("media_lister", {"httpx", "gopro_sync.table.tracker"}, {"gopro_sync.archive.engine"}),
        ("video_downloader", {"httpx", "gopro_sync.table.tracker", "gopro_sync.archive.engine"}, set()),
    ],
)
def test_a_function_starts_with_what_it_needs_and_no_more(
    package: Path, handler: str, loads: set[str], leaves_out: set[str]
) -> None:
    modules = modules_after_start(package, handler)
    assert loads <= modules.keys()
    assert not (leaves_out | {"boto3", "s3transfer", "_awscrt"}) & modules.keys()
    own = [file for name, file in modules.items() if name.startswith(("gopro_sync", "botocore"))]
    assert all(file is None or file.startswith(str(package)) for file in own)
