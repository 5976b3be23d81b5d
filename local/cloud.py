"""One local cloud: engine, simulator and deployed stack, brought up and taken down as a whole."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError

from local import deployment, processes
from local.aws_client import shared_client
from local.engine.certificate import TRUST_VARIABLES, Trust, ensure_trust
from local.engine.environment import DEFAULT_REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY
from local.engine_process import start_engine, wait_until_ready
from local.errors import (
    AlreadyRunningError,
    CredentialsFileError,
    DamagedStateError,
    LibraryFileError,
    NotRunningError,
    StateDirectoryError,
    StopError,
)
from local.interruption import kept_back
from local.json_file import JsonFileError, read_json
from local.plain_files import NO_SPACE
from local.processes import ProcessRecord
from local.simulator import Library
from local.simulator_process import start_simulator, wait_for_simulator
from local.state import CloudState, StateDirectory, shown
from local.state_contents import is_marked
from local.state_place import state_place

# https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
_LARGEST_SECRET_BYTES = 65_536
_WHAT_IT_HOLDS = 'a credential is one JSON object, such as {"auth_token": "..."}'
_LARGEST_LIBRARY_BYTES = 256 * 1024 * 1024

# Called with each line about what is happening, for the person who waits.
Report = Callable[[str], None]


class Deployer(Protocol):
    """Packages the functions and creates the stack, as ``local.deployment`` does with sam's commands."""

    def build(self, directory: StateDirectory, /) -> None:
        """Package the functions."""

    def deploy(
        self,
        directory: StateDirectory,
        /,
        *,
        region: str,
        endpoint_url: str,
        ca_bundle: Path,
        parameters: Mapping[str, str],
    ) -> None:
        """Create the stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A running local cloud.

    Attributes:
        state_directory: its files and logs.
        endpoint_url: where AWS is.
        ca_bundle: the file that its certificate is checked against.
        region: where the stack is.
        gopro_api_base_url: the address that the functions use as GoPro's.
        simulator_url: of the simulator's admin interface; None when GoPro is somewhere else.
        outputs: of the stack.
    """

    state_directory: Path
    endpoint_url: str
    ca_bundle: Path
    region: str
    gopro_api_base_url: str
    simulator_url: str | None
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:
        """Make a boto3 client of that service, as the account's root user."""
        return shared_client(service, region=self.region, endpoint_url=self.endpoint_url, ca_bundle=self.ca_bundle)

    def environment(self) -> dict[str, str]:
        """Return the variables that point any AWS tool here, and the stack's outputs as ``GOPRO_SYNC_*``."""
        outputs = {f"GOPRO_SYNC_{_upper_snake(name)}": value for name, value in self.outputs.items()}
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",  # else the line above means nothing
            "AWS_ACCESS_KEY_ID": ROOT_ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": ROOT_SECRET_ACCESS_KEY,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            # The bundle also holds everything that this machine trusted before, so that other programs keep working.
            **{variable: str(self.ca_bundle) for variable in TRUST_VARIABLES},
            "GOPRO_API_BASE_URL": self.gopro_api_base_url,
            "GOPRO_SYNC_STACK": deployment.STACK_NAME,
            **outputs,
        }


def start(
    *,
    state_directory: Path,
    region: str = DEFAULT_REGION,
    library: str | Path = "demo",
    media: Path | None = None,
    gopro_api_base_url: str | None = None,
    credentials: Path | None = None,
    port: int = 0,
    alert_email: str | None = None,
    deployer: Deployer = deployment,
    owner: str | None = None,
    report: Report = lambda _line: None,
) -> Cloud:
    """Bring a cloud up; when it fails, is interrupted or is killed, nothing of it is left running.

    Args:
        state_directory: belongs to this cloud alone; missing, empty, or the state directory of one that is down.
        region: where the stack is deployed; one of :func:`local.regions.known_regions`.
        library: what the simulator serves: ``demo`` or a library file.
        media: one more real file that it serves.
        gopro_api_base_url: a GoPro-compatible server; then no simulator is started.
        credentials: a file with the secret's JSON object; default: what the simulator accepts.
        port: of the engine; 0 for any free one.
        alert_email: an address that is subscribed to the alerts, and not confirmed yet; default: nobody.
        deployer: packs and deploys; default: ``sam build`` and ``sam deploy``.
        owner: name of the command whose end, of whatever kind, ends the cloud too; default: it outlives its command.
        report: called with each line about what is happening.

    Raises:
        LocalCloudError: a subclass that says what to do.
    """
    directory = StateDirectory(state_place(state_directory))
    secret = None if credentials is None else _read_credentials(credentials)
    if gopro_api_base_url is None:
        _check_library(library)
    state = CloudState(region=region, owner=processes.this_process(owner or "up"))
    with _claimed(directory, state, report) as started:
        return _start(
            directory,
            started,
            state,
            outlives=owner is None,
            library=str(library),
            media=media,
            gopro_api_base_url=gopro_api_base_url,
            secret=secret,
            port=port,
            alert_email=alert_email,
            deployer=deployer,
            report=report,
        )


def reclaim(state_directory: Path, *, report: Report = lambda _line: None) -> None:
    """Remove what a command has left that was killed; nothing happens when there is nothing, or when it still runs.

    :func:`start` does so too. Whoever asks first whether the disk has room does this before.

    Args:
        state_directory: of the cloud.
        report: gets what happens.

    Raises:
        LocalCloudError: a subclass that says what to do.
    """
    directory = StateDirectory(state_place(state_directory))
    with _plain_words(directory):
        if not is_marked(directory.path):
            return
        with directory.held():
            before = directory.read()
            if before is not None and before.owner is not None and not processes.is_running(before.owner):
                directory.refuse_foreign_files()
                _clear_away(directory, before, report)
                directory.remove()


def stop(state_directory: Path, *, keep_logs: bool = False, report: Report = lambda _line: None) -> bool:
    """End exactly the processes that :func:`start` started, and remove the state.

    Args:
        state_directory: of the cloud.
        keep_logs: leave the log files for inspection.
        report: called with a line that names what was left because no cloud wrote it.

    Returns:
        Whether there was anything to end.

    Raises:
        LocalCloudError: a subclass that says what to do.
    """
    directory = StateDirectory(state_place(state_directory))
    with _plain_words(directory):
        if not directory.is_in_use():
            return False
        with directory.held(), kept_back():
            was_up, damage = _what_is_up(directory)
            _end(directory, directory.recorded_processes())
            left = directory.remove(keep_logs=keep_logs)
    if left:
        report(f"Left alone in {shown(directory.path)}, since no local cloud wrote it: {directory.names(left)}")
    if damage is not None:
        raise DamagedStateError(
            damage.problem,
            "What belongs to a local cloud was removed. If its engine or simulator still runs, this lists it: "
            "ps ax | grep 'python.* -m local[.]'",
        )
    return was_up


def load(state_directory: Path) -> Cloud:
    """Return the cloud that another process brought up.

    Raises:
        NotRunningError: there is none, it is not up yet, or a part of it has ended.
        StateDirectoryError: the folder is not a state directory, or its state file cannot be understood.
    """
    directory = StateDirectory(state_place(state_directory))
    with _plain_words(directory):
        state = directory.read() if directory.is_in_use() else None
    if state is None:
        raise NotRunningError(f"No local cloud is up (state in {shown(directory.path)}): {directory.command('up')}")
    for reason in _unusable(directory, state):
        raise NotRunningError(reason)
    return _cloud(directory, state)


@contextmanager
def needed(cloud: Cloud) -> Iterator[None]:
    """Turn the failure of a call in the ``with`` block into NotRunningError if a part of the cloud has ended.

    Raises:
        NotRunningError: a part of it has ended.
    """
    try:
        yield
    except (BotoCoreError, OSError):
        load(cloud.state_directory)
        raise


def _unusable(directory: StateDirectory, state: CloudState) -> Iterator[str]:
    """Yield the reasons why the cloud cannot be used, the most informative first."""
    place, anew = shown(directory.path), directory.command("up")
    ended = {process.name for process in state.processes} - {process.name for process in _alive(state)}
    owner = state.owner
    if owner is not None and not processes.is_running(owner):
        yield f"`{owner.name}`, which the local cloud in {place} belonged to, has ended. Start one anew: {anew}"
    if owner is not None and not state.is_complete:
        yield f"The local cloud in {place} is still coming up (process {owner.pid}). Wait until it is up"
    if not state.is_complete:
        yield f"The local cloud in {place} was interrupted while it came up. Start it anew: {anew}"
    if "engine" in ended:
        yield f"{_loss(directory)} (log: {shown(directory.log('engine'))}). Start a new, empty one: {anew}"
    for name in sorted(ended):
        yield (
            f"The {name} of the local cloud in {place} has ended (log: {shown(directory.log(name))}). The archive is "
            f"on its engine until you start a new, empty cloud: {directory.renewal}"
        )


@contextmanager
def running(
    *,
    state_directory: Path,
    owner: str,
    keep_logs_of_failure: bool = False,
    report: Report = lambda _line: None,
    **options: Any,
) -> Iterator[Cloud]:
    """Yield a cloud for the length of a ``with`` block, or of this process if that is killed.

    Args:
        state_directory: of the cloud.
        owner: name of the command that this is.
        keep_logs_of_failure: leave the log files for inspection if the block raises.
        report: called with each line about what is happening.
        options: passed on to :func:`start`.

    Raises:
        LocalCloudError: a subclass that says what to do.
    """
    cloud = start(state_directory=state_directory, owner=owner, report=report, **options)
    keep_logs = keep_logs_of_failure
    try:
        yield cloud
        keep_logs = False
    finally:
        stop(state_directory, keep_logs=keep_logs, report=report)


@contextmanager
def _claimed(directory: StateDirectory, state: CloudState, report: Report) -> Iterator[list[ProcessRecord]]:
    """Prepare the directory; if what follows fails or is interrupted, end what is listed and keep the logs only."""
    started: list[ProcessRecord] = []
    with _plain_words(directory), directory.claimed() as is_taken_over:
        before = _refuse_second_cloud(directory)
        directory.refuse_foreign_files()
        if before is not None:
            _clear_away(directory, before, report)
        directory.prepare(state)
        if is_taken_over:
            report(f"{shown(directory.path)} held what an older version left: its certificate stays in use")
        try:
            yield started
        except BaseException:
            with kept_back():
                _end(directory, started)
                with suppress(OSError):  # the original failure matters more; the next cloud cleans up
                    directory.remove(keep_logs=True)
            raise


def _refuse_second_cloud(directory: StateDirectory) -> CloudState | None:
    """Return what a cloud left behind that nobody uses any more; None if there is nothing."""
    before = directory.read()
    if before is None:
        return None
    if before.owner is not None and processes.is_running(before.owner):
        raise AlreadyRunningError(directory.occupied_by(before.owner))
    if before.owner is None and "engine" in (process.name for process in _alive(before)):
        raise AlreadyRunningError(
            f"A local cloud is up already ({before.endpoint_url}, state in {shown(directory.path)}). "
            f"Use it, or end it first: {directory.command('down')}"
        )
    return before


def _clear_away(directory: StateDirectory, before: CloudState, report: Report) -> None:
    with kept_back():
        _end(directory, before.processes)
    if before.owner is not None:
        report(
            f"`{before.owner.name}` (process {before.owner.pid}) has ended without cleaning up: what it left in "
            f"{shown(directory.path)} is removed"
        )
    elif before.is_complete:
        report(f"{_loss(directory)}. A new, empty one is started")


def _loss(directory: StateDirectory) -> str:
    return (
        f"The AWS engine of the local cloud in {shown(directory.path)} has ended, and all that it held is gone: the "
        "archive, its records and the mails"
    )


def _alive(state: CloudState) -> list[ProcessRecord]:
    return [process for process in state.processes if processes.is_running(process)]


@contextmanager
def _plain_words(directory: StateDirectory) -> Iterator[None]:
    """Report what the system refuses, such as a write to a full disk, without a stack trace."""
    try:
        yield
    except OSError as error:
        place = shown(directory.path if error.filename is None else Path(os.fsdecode(error.filename)))
        if error.errno in NO_SPACE:
            raise StateDirectoryError(
                f"No space left on the device of {place}. Free some and run it again, or choose a folder on another "
                "disk with --state-dir; what was there before is kept"
            ) from error
        raise StateDirectoryError(
            f"The local cloud with its state in {shown(directory.path)} cannot go on: {error.strerror or error} "
            f"({place}). Mend that, or bring it up in another folder with --state-dir"
        ) from error


def _start(
    directory: StateDirectory,
    started: list[ProcessRecord],
    state: CloudState,
    *,
    outlives: bool,
    library: str,
    media: Path | None,
    gopro_api_base_url: str | None,
    secret: dict[str, Any] | None,
    port: int,
    alert_email: str | None,
    deployer: Deployer,
    report: Report,
) -> Cloud:
    region = state.region
    trust = ensure_trust(directory.trust)
    engine = start_engine(directory, trust, region=region, port=port)
    started.append(engine.process)
    state = replace(state.with_process(engine.process), endpoint_url=engine.endpoint_url)
    directory.write(state)

    if gopro_api_base_url is None:
        simulator = start_simulator(directory, library=library, media=media)
        started.append(simulator)
        state = state.with_process(simulator)
        directory.write(state)
        address = wait_for_simulator(simulator, directory)
        state = replace(state, gopro_api_base_url=address.api_url, simulator_url=address.api_url)
        secret = secret or address.credential
        report(f"GoPro Cloud simulator at {address.api_url}")
    else:
        state = replace(state, gopro_api_base_url=gopro_api_base_url)

    report("sam build (the first one downloads the functions' packages)")
    began = time.monotonic()
    deployer.build(directory)
    report(f"sam build took {time.monotonic() - began:.0f} s")
    wait_until_ready(engine, directory, trust)
    report(f"AWS engine at {engine.endpoint_url}; sam deploy to {region}")
    began = time.monotonic()
    parameters = {"GoProApiBaseUrl": state.gopro_api_base_url}
    if alert_email:  # sam takes no empty value
        parameters["AlertEmail"] = alert_email
    deployer.deploy(
        directory,
        region=region,
        endpoint_url=engine.endpoint_url,
        ca_bundle=trust.ca_bundle,
        parameters=parameters,
    )
    report(f"sam deploy took {time.monotonic() - began:.0f} s")
    state = replace(state, outputs=_stack_outputs(region, engine.endpoint_url, trust))
    cloud = _cloud(directory, state)
    if secret is not None:
        cloud.client("secretsmanager").put_secret_value(
            SecretId=cloud.outputs["CredentialsSecretArn"], SecretString=json.dumps(secret)
        )
    if outlives:
        state = replace(state, owner=None)
    directory.write(state)
    if outlives:
        for process in started:
            processes.let_outlive(process)
    return cloud


def _what_is_up(directory: StateDirectory) -> tuple[bool, DamagedStateError | None]:
    try:
        return directory.read() is not None, None
    except DamagedStateError as error:
        return True, error


def _end(directory: StateDirectory, records: Sequence[ProcessRecord]) -> None:
    for process in reversed(records):
        with suppress(PermissionError):  # another user's: reported below
            processes.stop(process)
    if alive := [process for process in records if processes.is_running(process)]:
        named = " and ".join(f"{process.name} (process {process.pid})" for process in alive)
        raise StopError(
            f"The {named} of the local cloud cannot be ended. End it as the user who started it, then: "
            f"{directory.command('down')}"
        )


def _stack_outputs(region: str, endpoint_url: str, trust: Trust) -> dict[str, str]:
    client = shared_client("cloudformation", region=region, endpoint_url=endpoint_url, ca_bundle=trust.ca_bundle)
    stack = client.describe_stacks(StackName=deployment.STACK_NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _cloud(directory: StateDirectory, state: CloudState) -> Cloud:
    return Cloud(
        state_directory=directory.path,
        endpoint_url=state.endpoint_url,
        ca_bundle=directory.trust / "ca-bundle.pem",
        region=state.region,
        gopro_api_base_url=state.gopro_api_base_url,
        simulator_url=state.simulator_url,
        outputs=state.outputs,
    )


def _read_credentials(path: Path) -> dict[str, Any]:
    try:
        secret = read_json(path, largest_bytes=_LARGEST_SECRET_BYTES)
    except JsonFileError as error:
        raise CredentialsFileError(f"{shown(path)} {error}; {_WHAT_IT_HOLDS}") from error
    if not isinstance(secret, dict):
        raise CredentialsFileError(f"{shown(path)} holds something else; {_WHAT_IT_HOLDS}")
    return secret


def _check_library(library: str | Path) -> None:
    """Raise unless the simulator can serve it; it reads the file again itself."""
    if str(library) == "demo":
        return
    path = Path(library)
    try:
        Library.from_json(read_json(path, largest_bytes=_LARGEST_LIBRARY_BYTES))
    except (ValueError, RecursionError) as error:  # JsonFileError is one
        says = str(error) if isinstance(error, JsonFileError) else f"holds no library: {error}"
        raise LibraryFileError(f"{shown(path)} {says}") from error


def _upper_snake(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() and index else letter for index, letter in enumerate(name)).upper()
