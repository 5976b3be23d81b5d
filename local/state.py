"""The state directory: what is up, where it listens, and its logs."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.engine.environment import DEFAULT_REGION
from local.errors import AlreadyRunningError, DamagedStateError, ForeignFilesError, NoStateDirectoryError
from local.hints import local_command
from local.plain_files import read_plain, replace_plain
from local.processes import ProcessRecord, is_running
from local.state_contents import MARKER, MARKER_TEXT, STATE_FILE, foreign_entries, is_free, is_marked, remove_ours

REPOSITORY = Path(__file__).resolve().parent.parent
STATE_DIRECTORY_VARIABLE = "GOPRO_SYNC_STATE_DIR"
# Kept by `down` and by the next `up`: shells that use `local env` still refer to it.
_TRUST = "trust"
_LOGS = "logs"
_SHOWN_NAMES = 8
_OLDER_VERSION = "If an older version of this program made it, end its cloud with that version, then delete the folder."


def default_state_directory() -> Path:
    """``$GOPRO_SYNC_STATE_DIR``, or ``.local/`` at the repository's root."""
    return Path(os.environ.get(STATE_DIRECTORY_VARIABLE) or REPOSITORY / ".local").absolute()


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudState:
    """What the state file holds; written as soon as a process is started, so that ``down`` always finds it.

    Attributes:
        processes: in the order in which they were started.
        region: where the stack is.
        endpoint_url: of the engine.
        gopro_api_base_url: of the simulator, or of what ``--gopro-api-base-url`` named.
        simulator_url: None when no simulator was started.
        outputs: of the stack; empty until it is deployed.
        owner: the command that the cloud ends with, such as a demo or an ``up`` that is not done yet; None when the
            cloud has outlived its command.
    """

    processes: tuple[ProcessRecord, ...] = ()
    region: str = DEFAULT_REGION
    endpoint_url: str = ""
    gopro_api_base_url: str = ""
    simulator_url: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    owner: ProcessRecord | None = None

    @property
    def is_complete(self) -> bool:
        """Whether ``up`` came to its end."""
        return bool(self.outputs)

    def with_process(self, record: ProcessRecord) -> CloudState:
        """Return the state with one more process."""
        return replace(self, processes=(*self.processes, record))

    def to_json(self) -> dict[str, Any]:
        """Return the state as the file keeps it."""
        return {
            "processes": [process.to_json() for process in self.processes],
            "region": self.region,
            "endpoint_url": self.endpoint_url,
            "gopro_api_base_url": self.gopro_api_base_url,
            "simulator_url": self.simulator_url,
            "outputs": self.outputs,
            "owner": None if self.owner is None else self.owner.to_json(),
        }

    @classmethod
    def from_json(cls, document: object) -> CloudState:
        """Return the state that :meth:`to_json` was made from.

        Raises:
            ValueError: it is something else.
        """
        if isinstance(document, dict):
            # Versions that knew no other region, and no owner, wrote none.
            document = {"region": DEFAULT_REGION, "owner": None, **document}
        match document:
            case {
                "processes": list(processes),
                "region": str(region),
                "endpoint_url": str(endpoint_url),
                "gopro_api_base_url": str(gopro_api_base_url),
                "simulator_url": str() | None as simulator_url,
                "outputs": dict(outputs),
                "owner": owner,
            } if all(isinstance(value, str) for value in outputs.values()):
                return cls(
                    processes=tuple(map(ProcessRecord.from_json, processes)),
                    region=region,
                    endpoint_url=endpoint_url,
                    gopro_api_base_url=gopro_api_base_url,
                    simulator_url=simulator_url,
                    outputs=outputs,
                    owner=None if owner is None else ProcessRecord.from_json(owner),
                )
        raise ValueError("it does not hold what `up` writes")


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """A directory that belongs to one local cloud; ``state_contents`` says what in it is ours."""

    path: Path

    @property
    def trust(self) -> Path:
        """The engine's certificate and the bundle of trusted ones."""
        return self.path / _TRUST

    @property
    def temporary(self) -> Path:
        """Temporary files of the engine (unpacked functions) and of sam."""
        return self.path / "tmp"

    @property
    def build(self) -> Path:
        """What ``sam build`` made."""
        return self.path / "build"

    def log(self, name: str) -> Path:
        """Return the log file of that name."""
        return self.path / _LOGS / f"{name}.log"

    def command(self, name: str) -> str:
        """Return what to type for a command about this cloud.

        The folder is named unless it is the repository's own and nothing names another: the variable may have been set
        for one command only, or for a shell that is not the next one.
        """
        is_named = os.environ.get(STATE_DIRECTORY_VARIABLE) or self.path != (REPOSITORY / ".local").resolve()
        return local_command(name, *(["--state-dir", str(self.path)] if is_named else []))

    @property
    def renewal(self) -> str:
        """What to type for another cloud in place of this one."""
        return f"{self.command('down')}, then {self.command('up')}"

    def occupied_by(self, owner: ProcessRecord) -> str:
        """Return the message for while the command that the cloud belongs to is running."""
        return (
            f"`{owner.name}` is running in another terminal (process {owner.pid}, state in {shown(self.path)}). "
            f"Wait until it has ended, or end it: kill {owner.pid}"
        )

    def is_in_use(self) -> bool:
        """Whether there is anything to take down or to look at.

        Raises:
            NoStateDirectoryError: the folder holds something, but nothing says that it is a state directory.
        """
        if is_marked(self.path):
            return True
        if is_free(self.path):
            return False
        raise NoStateDirectoryError(
            f"{shown(self.path)} is no state directory (it has no {MARKER} of a local cloud), so nothing in it was "
            f"touched. {_OLDER_VERSION}"
        )

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Make the folder a state directory, if it is not one yet, and keep every other `up` and `down` out meanwhile.

        Yields:
            Whether it holds what a version without markers left.

        Raises:
            ForeignFilesError: it holds something, but nothing says that it is a state directory.
            AlreadyRunningError: another one is at work in it.
            OSError: it cannot be written.
        """
        was_marked = is_marked(self.path)
        if not was_marked:
            self._refuse_unless_free()
            self.path.mkdir(parents=True, exist_ok=True)
        with self.held(make_marker=True):
            if not is_marked(self.path):
                self._refuse_unless_free()
                self._write_marker()
            yield not was_marked and self.trust.exists()

    @contextmanager
    def held(self, *, make_marker: bool = False) -> Iterator[None]:
        """Keep every other `up` and `down` out.

        Raises:
            AlreadyRunningError: another one is at work in it.
            OSError: its marker cannot be opened.
        """
        flags = os.O_RDWR | os.O_NOFOLLOW | (os.O_CREAT if make_marker else 0)
        descriptor = os.open(self.path / MARKER, flags, 0o600)
        try:
            self._lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def refuse_foreign_files(self) -> None:
        """Raise unless the folder holds nothing but what is ours.

        Raises:
            ForeignFilesError: it holds something else.
            NoStateDirectoryError: it is no state directory.
            OSError: it cannot be read.
        """
        self._require_marker()
        if foreign := foreign_entries(self.path):
            raise ForeignFilesError(
                f"{shown(self.path)} holds what no local cloud wrote: {self.names(foreign)}. Nothing was started "
                "or changed. Move that elsewhere, or choose another folder with --state-dir"
            )

    def prepare(self, state: CloudState) -> None:
        """Remove what the last cloud left, and make the directories, readable by their owner only.

        Logs and credentials lie there. The state file is the first that is written and the last that is removed:
        what is made for the time of a cloud lies in the directory only as long as that file does.

        Args:
            state: of the cloud that is about to start.

        Raises:
            ForeignFilesError: it holds something that is not ours; nothing was changed.
            NoStateDirectoryError: it is no state directory.
            OSError: it cannot be written.
        """
        self.refuse_foreign_files()
        remove_ours(self.path, kept={_TRUST})
        self.path.chmod(0o700)
        self.write(state)
        for directory in (self.temporary, self.path / _LOGS):
            directory.mkdir()

    def read(self) -> CloudState | None:
        """Return what was written last; None if nothing is up.

        Raises:
            DamagedStateError: the file holds something else.
            OSError: it cannot be read.
        """
        if not os.path.lexists(self.path / STATE_FILE):
            return None
        try:
            return CloudState.from_json(self._document())
        except ValueError as error:
            raise DamagedStateError(
                f"{shown(self.path / STATE_FILE)} is damaged ({error}): it does not show what is up",
                f"Clear it away: {self.command('down')}",
            ) from error

    def recorded_processes(self) -> tuple[ProcessRecord, ...]:
        """Return as many processes as can be read from the state file, even if the rest of it is damaged."""
        try:
            document = self._document()
        except ValueError:
            return ()
        listed = document.get("processes") if isinstance(document, dict) else None
        return tuple(_well_formed(listed if isinstance(listed, list) else []))

    def write(self, state: CloudState) -> None:
        """Replace the state file in one step.

        Raises:
            NoStateDirectoryError: the folder is no state directory.
            OSError: it cannot be written.
        """
        self._require_marker()
        replace_plain(self.path / STATE_FILE, (json.dumps(state.to_json(), indent=2) + "\n").encode())

    def remove(self, *, keep_logs: bool = False) -> list[Path]:
        """Remove what is ours, except for what shells may still use, and return what was left because it is not ours.

        Raises:
            NoStateDirectoryError: the folder is no state directory.
            OSError: something cannot be removed.
        """
        self._require_marker()
        remove_ours(self.path, kept={_TRUST, _LOGS} if keep_logs else {_TRUST})
        return foreign_entries(self.path)

    def names(self, entries: Sequence[Path]) -> str:
        """Return the names of entries for a message."""
        names = [shown(entry.relative_to(self.path)) for entry in entries[:_SHOWN_NAMES]]
        more = len(entries) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "")

    def _document(self) -> object:
        content = read_plain(self.path / STATE_FILE)
        if content is None:
            raise ValueError("it is no plain file")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ValueError("it is not JSON") from error

    def _require_marker(self) -> None:
        if not is_marked(self.path):
            raise NoStateDirectoryError(f"{shown(self.path)} is no state directory: it has no {MARKER}")

    def _refuse_unless_free(self) -> None:
        if not is_free(self.path):
            raise ForeignFilesError(
                f"{shown(self.path)} is neither empty nor a state directory (it has no {MARKER} of a local cloud); it "
                f"holds {self.names(sorted(self.path.iterdir()))}. Nothing was started or changed. Choose a missing or "
                f"empty folder with --state-dir. {_OLDER_VERSION}"
            )

    def _lock(self, marker: int) -> None:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(self._held_by()) from error

    def _held_by(self) -> str:
        with suppress(DamagedStateError, OSError):
            state = self.read()
            if state is not None and state.owner is not None and is_running(state.owner):
                return self.occupied_by(state.owner)
        return (
            f"The local cloud in {shown(self.path)} is being brought up or taken down by another command. Wait until "
            "that one has ended, or interrupt it"
        )

    def _write_marker(self) -> None:
        marker = self.path / MARKER
        try:
            # In place, since the lock is held on this very file.
            with marker.open("r+", encoding="utf-8") as file:
                file.write(MARKER_TEXT)
        except OSError:
            marker.unlink()
            raise


def shown(path: Path) -> str:
    """Return a path for a message; escape a name that no terminal should be sent."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def _well_formed(documents: Sequence[object]) -> Iterator[ProcessRecord]:
    for document in documents:
        try:
            yield ProcessRecord.from_json(document)
        except ValueError:
            continue
