"""What a cold start costs: CPU time to import each function and create its clients, from the output of ``sam build``.

    python bench/cold_start.py [--build-dir .aws-sam/build] [--rounds 9] [--json FILE]

Beside it, alternating: the downloader as it is usually written and packed (``naive_function/``, no bytecode, as SAM's
own Python builder leaves it). Each start is a fresh interpreter that sees one package and nothing else; what the
interpreter itself costs is subtracted. Twice: with tracing on, as Lambda sets it for a function with
``Tracing: Active``, and with Powertools' tracing switched off.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).resolve().parents[1]
NAIVE = Path(__file__).resolve().parent / "naive_function"

_STARTS = {
    name: f"import gopro_sync.handlers.{handler}; from gopro_sync import composition; composition.prepare_{handler}()"
    for name, handler in {
        "AuthenticatorFunction": "authenticator",
        "MediaListerFunction": "media_lister",
        "VideoDownloaderFunction": "video_downloader",
    }.items()
}
_WITH_TRACER = "; from aws_lambda_powertools import Tracer; tracer = Tracer(service='gopro-sync', auto_patch=False)"
# The CPU time is taken before the interpreter tidies up: on Lambda it never does.
_MEASURED = """
import sys; sys.path.insert(0, {package!r})
{start}
import os, resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, flush=True)
os._exit(0)
"""
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_LAMBDA_FUNCTION_NAME": "cold-start",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "LAMBDA_TASK_ROOT": "/var/task",
    "ENVIRONMENT": "bench",
    "CREDENTIALS_SECRET_ID": "gopro/credentials",
    "TRACKER_TABLE_NAME": "gopro-sync-tracker",
    "ARCHIVE_BUCKET_NAME": "gopro-archive-bucket",
    "GOPRO_API_BASE_URL": "https://api.gopro.com",
    "VERIFY_SOURCE_ETAG": "true",
    "ALERTS_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:gopro-sync-alerts",
    "ALERTS_GO_TO": "e-mail",
    "MAX_VIDEOS_PER_RUN": "1000",
    "NOT_READY_AFTER_DAYS": "7",
    "RUN_TIME_SECONDS": "6600",
    "GOPRO_REQUESTS_PER_MINUTE": "1200",
    "TRANSFER_WORKERS": "8",
}
_TRACING = {
    "on": {
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    },
    "off": {"POWERTOOLS_TRACE_DISABLED": "true"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to start: a package, and what is imported and made."""

    name: str
    package: Path
    start: str


def build_naive(folder: Path) -> Contender:
    """Package the function that we compare with, as SAM's Python builder does: no bytecode."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--only-binary=:all:", "--target", str(folder), "--requirement", str(NAIVE / "requirements.txt")]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    shutil.copy(NAIVE / "naive_handler.py", folder)
    return Contender(name="naive", package=folder, start="import naive_handler")


def built_functions(build: Path) -> list[Contender]:
    """Return our functions, and the downloader with Powertools' Tracer if the package has the X-Ray SDK."""
    functions = [Contender(name=name, package=build / name, start=start) for name, start in _STARTS.items()]
    downloader = functions[-1]
    if (downloader.package / "aws_xray_sdk").is_dir():
        start = downloader.start + _WITH_TRACER
        functions.append(Contender(name=f"{downloader.name}+Tracer", package=downloader.package, start=start))
    return functions


def cpu_seconds(contender: Contender, tracing: Mapping[str, str]) -> float:
    """Return the CPU time, user and system, of one start."""
    code = _MEASURED.format(package=str(contender.package), start=contender.start)
    # -I -S: nothing of this machine's site-packages; -B: as on Lambda, whose package folder cannot be written.
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code],
        env={**_ENVIRONMENT, **tracing},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise SystemExit(f"{contender.name} does not start:\n{result.stderr}")
    return float(result.stdout.splitlines()[-1])


def measure(contenders: Sequence[Contender], *, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Start the contenders alternately; return CPU seconds above the bare interpreter by tracing and name."""
    bare = Contender(name="interpreter", package=Path("/nonexistent"), start="")
    seconds: dict[str, dict[str, list[float]]] = {
        tracing: {contender.name: [] for contender in contenders} for tracing in _TRACING
    }
    for _ in range(rounds):
        for tracing, variables in _TRACING.items():
            interpreter = cpu_seconds(bare, variables)
            for contender in contenders:
                seconds[tracing][contender.name].append(cpu_seconds(contender, variables) - interpreter)
    return seconds


def summarize(seconds: Mapping[str, Mapping[str, Sequence[float]]]) -> list[dict[str, float | str]]:
    """Return one row per contender: its median, and its ratio to the naive start of the same round."""
    rows: list[dict[str, float | str]] = []
    for tracing, of_contender in seconds.items():
        for name, values in of_contender.items():
            ratios = [value / naive for value, naive in zip(values, of_contender["naive"], strict=True)]
            rows.append(
                {
                    "tracing": tracing,
                    "function": name,
                    "cpu_milliseconds": round(statistics.median(values) * 1000, 1),
                    "ratio_min": round(min(ratios), 3),
                    "ratio_median": round(statistics.median(ratios), 3),
                    "ratio_max": round(max(ratios), 3),
                }
            )
    return rows


def main() -> None:
    """Measure, print a table, and write the rows as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", type=Path, default=REPOSITORY / ".aws-sam" / "build", help="what sam build made")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="file for the rows")
    options = parser.parse_args()
    build = options.build_dir.resolve()
    missing = [name for name in _STARTS if not (build / name).is_dir()]
    if missing:
        raise SystemExit(f"{build} has no {', '.join(missing)}: run `sam build` first, or name its --build-dir")
    with TemporaryDirectory() as folder:
        rows = summarize(measure([build_naive(Path(folder)), *built_functions(build)], rounds=options.rounds))
    print(f"{'tracing':8}{'function':34}{'CPU ms':>8}   ratio to naive: min - median - max")
    for row in rows:
        ratios = f"{row['ratio_min']:.3f} - {row['ratio_median']:.3f} - {row['ratio_max']:.3f}"
        print(f"{row['tracing']:8}{row['function']:34}{row['cpu_milliseconds']:8.1f}   {ratios}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
