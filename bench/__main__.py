"""Compare the transfer engine with its peers, one after the other, in one run: ``python -m bench --help``.

Source and S3 are servers of our own, on loopback, with TLS on both sides. Each contender has one CPU to itself where
there are two, the servers have the others. Every object is checked: size and CRC64NVME must be the source's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.contenders.commands import CONTENDERS, OURS, SPECIFICATION_LOOP, UPLOAD_FILEOBJ, Contender
from bench.measurement import BenchError
from bench.report import Round, Target, memory_verdict, plot, table, verdicts
from bench.rounds import play_round
from bench.servers import open_servers
from local.simulator import Settings

_LEAST_BYTES = 100_000_000
_MOST_MEMORY_MEGABYTES = 80.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The network, the contenders measured in it, the promises, and the figure to draw."""

    title: str
    source: Settings
    contenders: tuple[str, ...]
    targets: tuple[Target, ...]
    plotted: str
    unit: str


type Results = dict[str, list[Round]]

SCENARIOS = {
    "fast": Scenario(
        title="as fast as the machine goes",
        source=Settings(),
        contenders=tuple(contender.name for contender in CONTENDERS),
        targets=(
            Target(peer=SPECIFICATION_LOOP, figure="cpu_seconds_per_gb", bound=0.40),
            Target(peer=UPLOAD_FILEOBJ, figure="cpu_seconds_per_gb", bound=0.72),
        ),
        plotted="cpu_seconds_per_gb",
        unit="CPU s/GB",
    ),
    "capped": Scenario(
        title="source capped at 12.5 MB/s per connection, 40 ms round trip",
        source=Settings(cdn_bytes_per_second=12_500_000, cdn_latency_seconds=0.04),
        contenders=(OURS, SPECIFICATION_LOOP),  # all that use one connection to the source are equal here
        targets=(Target(peer=SPECIFICATION_LOOP, figure="megabytes_per_second", bound=7.0, at_least=True),),
        plotted="megabytes_per_second",
        unit="MB/s",
    ),
}


def main() -> int:
    """Measure and report; return 0 if all promises are kept, 2 if not, 1 if nothing can be said."""
    arguments = _parse_arguments()
    all_results: dict[str, Results] = {}
    try:
        kept = [_run(name, arguments, all_results) for name in arguments.scenario or SCENARIOS]
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\n{_machine()}, {_today()}")
    if arguments.output:
        _write(arguments.output, all_results)
    return 0 if all(kept) else 2


def _run(name: str, arguments: argparse.Namespace, all_results: dict[str, Results]) -> bool:
    scenario = SCENARIOS[name]
    print(f"\n## {name}: {scenario.title}\n", flush=True)
    print(f"{arguments.size_bytes / 1e9:g} GB, {arguments.workers} workers, {arguments.rounds} rounds\n", flush=True)
    all_results[name] = results = _measure(scenario, arguments)
    print(table(results, ours=OURS), end="\n\n")
    judged = [
        *verdicts(results, scenario.targets, ours=OURS),
        memory_verdict(results[OURS], most_megabytes=_MOST_MEMORY_MEGABYTES),
    ]
    for verdict in judged:
        print(f"- {verdict}", flush=True)
    return all(verdict.is_kept for verdict in judged)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="may be repeated; all without it")
    parser.add_argument(
        "--contender",
        choices=[c.name for c in CONTENDERS],
        action="append",
        help="ours and these only; may be repeated",
    )
    parser.add_argument("--size-bytes", type=_size, default=1_000_000_000, help="size of the file (%(default)s)")
    parser.add_argument("--rounds", type=_positive, default=3, help="(%(default)s)")
    parser.add_argument("--workers", type=_positive, default=8, help="parts at once, of ours (%(default)s)")
    parser.add_argument("--output", type=Path, metavar="DIRECTORY", help="gets performance.json and the plots")
    return parser.parse_args()


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def _size(text: str) -> int:
    value = int(text)
    if value < _LEAST_BYTES:
        raise argparse.ArgumentTypeError(f"at least {_LEAST_BYTES}: of a smaller file it is the start that is measured")
    return value


def _measure(scenario: Scenario, arguments: argparse.Namespace) -> Results:
    contenders = _present(scenario, arguments.contender)
    results: Results = {contender.name: [] for contender in contenders}
    with open_servers(scenario.source) as servers:
        for number in range(arguments.rounds):
            for contender in contenders:
                print(f"round {number + 1} of {arguments.rounds}: {contender.name}", file=sys.stderr, flush=True)
                results[contender.name].append(
                    play_round(servers, contender, size_bytes=arguments.size_bytes, workers=arguments.workers)
                )
    return results


def _present(scenario: Scenario, wanted: Sequence[str] | None) -> list[Contender]:
    chosen = [c for c in CONTENDERS if c.name in scenario.contenders and (not wanted or c.name in {OURS, *wanted})]
    for contender in chosen:
        if contender.missing:
            print(f"{contender.name}: left out, not installed: {', '.join(contender.missing)}", flush=True)
    return [contender for contender in chosen if not contender.missing]


def _write(directory: Path, all_results: Mapping[str, Results]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    scenarios = {
        name: {who: [asdict(figures) for figures in rounds] for who, rounds in results.items()}
        for name, results in all_results.items()
    }
    record = {"machine": _machine(), "date": _today(), "scenarios": scenarios}
    (directory / "performance.json").write_text(json.dumps(record, indent=1) + "\n")
    for name, results in all_results.items():
        scenario = SCENARIOS[name]
        svg = plot(results, title=scenario.title, figure=scenario.plotted, unit=scenario.unit)
        (directory / f"performance-{name}.svg").write_text(svg)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cpu = f"{os.cpu_count()} x {names[0] if names else platform.machine()}"
    return f"{cpu}, Linux {platform.release()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
