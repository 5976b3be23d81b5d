"""``python -m local.simulator``: the simulator as a process of its own, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from local.lifeline import end_with_starter
from local.simulator import Library, Settings, Simulator, demo_library, real_file_item
from local.simulator.json_shape import from_json

_EXIT_BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator; return the exit code: 0 after a signal, 2 for bad arguments or files."""
    options = _parser().parse_args(arguments)
    end_with_starter()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        simulator = _simulator(options)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"local.simulator: {error}\n")
        return _EXIT_BAD_INPUT
    with simulator:
        _announce(simulator, options.ready_file)
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.simulator", description="A GoPro Cloud on this machine.")
    parser.add_argument("--api-port", type=int, default=0, help="port of the API (default: any free one)")
    parser.add_argument("--cdn-port", type=int, default=0, help="port of the CDN (default: any free one)")
    parser.add_argument("--cdn-certificate", type=Path, metavar="FILE", help="certificate and key: the CDN speaks TLS")
    parser.add_argument("--library", default="demo", metavar="demo|FILE", help="the built-in library, or a JSON file")
    parser.add_argument("--media", type=Path, action="append", default=[], metavar="FILE", help="add a real video file")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="JSON file with lifetimes, speeds, page sizes")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="where to write addresses and credential")
    return parser


def _simulator(options: argparse.Namespace) -> Simulator:
    library = demo_library() if options.library == "demo" else Library.from_json(_read_json(Path(options.library)))
    for path in options.media:
        library.add(real_file_item(path))
    settings = from_json(Settings, _read_json(options.settings), "settings") if options.settings else None
    return Simulator(
        library,
        settings,
        api_port=options.api_port,
        cdn_port=options.cdn_port,
        cdn_certificate=options.cdn_certificate,
    )


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply") from error


def _announce(simulator: Simulator, ready_file: Path | None) -> None:
    addresses = {"pid": os.getpid(), "api_url": simulator.api_url, "cdn_url": simulator.cdn_url}
    everything = {**addresses, "credential": simulator.credential, "account": simulator.account}
    if ready_file is not None:
        # Renamed into place: whoever sees the file sees all of it.
        unfinished = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(everything) + "\n", encoding="utf-8")
        unfinished.replace(ready_file)
    # Standard output often ends in a log, and a log holds no credential unless there is no other way to hand it over.
    sys.stdout.write(json.dumps(addresses if ready_file else everything) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
