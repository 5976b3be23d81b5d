"""The state directory: what is up, where it listens, and its logs."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.processes import ProcessRecord

REPOSITORY = Path(__file__).resolve().parent.parent
STATE_DIRECTORY_VARIABLE = "GOPRO_SYNC_STATE_DIR"
_STATE_FILE = "state.json"
# Kept by `down`: shells that use `python -m local env` go on trusting through the first; the second is another cloud's.
_KEPT = frozenset({"trust", "demo"})


def default_state_directory() -> Path:
    """``$GOPRO_SYNC_STATE_DIR``, or ``.local/`` at the repository's root."""
    return Path(os.environ.get(STATE_DIRECTORY_VARIABLE) or REPOSITORY / ".local").absolute()


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudState:
    """What the state file holds; written as soon as a process is started, so that ``down`` always finds it.

    Attributes:
        processes: in the order in which they were started.
        endpoint_url: of the engine.
        gopro_api_base_url: of the simulator, or of what ``--gopro-api-base-url`` named.
        simulator_url: None when no simulator was started.
        outputs: of the stack; empty until it is deployed.
    """

    processes: tuple[ProcessRecord, ...] = ()
    endpoint_url: str = ""
    gopro_api_base_url: str = ""
    simulator_url: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether ``up`` came to its end."""
        return bool(self.outputs)

    def with_process(self, record: ProcessRecord) -> CloudState:
        """The state with one more process."""
        return replace(self, processes=(*self.processes, record))


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """A directory that belongs to one local cloud."""

    path: Path

    @property
    def trust(self) -> Path:
        """The engine's certificate and the bundle of trusted ones."""
        return self.path / "trust"

    @property
    def temporary(self) -> Path:
        """The engine's temporary files: unpacked functions."""
        return self.path / "tmp"

    @property
    def build(self) -> Path:
        """What ``sam build`` made."""
        return self.path / "build"

    def log(self, name: str) -> Path:
        """The log file of that name."""
        return self.path / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Makes the directories; readable by their owner only, for logs and credentials lie there."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        for directory in (self.temporary, self.path / "logs"):
            directory.mkdir(exist_ok=True)

    def read(self) -> CloudState | None:
        """What was written last; None when nothing is up."""
        try:
            document = json.loads((self.path / _STATE_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        processes = tuple(ProcessRecord(**record) for record in document.pop("processes"))
        return CloudState(processes=processes, **document)

    def write(self, state: CloudState) -> None:
        """Replaces the state file in one step."""
        document: dict[str, Any] = {
            "processes": [process.to_json() for process in state.processes],
            "endpoint_url": state.endpoint_url,
            "gopro_api_base_url": state.gopro_api_base_url,
            "simulator_url": state.simulator_url,
            "outputs": state.outputs,
        }
        replacement = self.path / f"{_STATE_FILE}.new"
        replacement.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        replacement.replace(self.path / _STATE_FILE)

    def remove(self, *, keep_logs: bool = False) -> None:
        """Removes what is in it, except for what shells may still use."""
        kept = _KEPT | {"logs"} if keep_logs else _KEPT
        for entry in self.path.iterdir() if self.path.exists() else ():
            if entry.name in kept:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
