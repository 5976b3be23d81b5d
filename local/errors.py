"""Errors of the local cloud; each message says what to do."""

from __future__ import annotations

from gopro_sync_cli.exit_codes import ExitCode


class LocalCloudError(Exception):
    """Base of the errors that ``gopro-sync local`` shows to a person instead of a stack trace.

    Attributes:
        exit_code: the exit code of the command that it ends.
    """

    exit_code: ExitCode = ExitCode.CANNOT_RUN


class AlreadyRunningError(LocalCloudError):
    """A local cloud is up in this state directory."""


class NotRunningError(LocalCloudError):
    """No local cloud is up in this state directory."""


class StateDirectoryError(LocalCloudError):
    """The folder cannot be used as a state directory, or cannot be read or written."""


class ForeignFilesError(StateDirectoryError):
    """The folder holds files that no local cloud wrote."""


class NoStateDirectoryError(StateDirectoryError):
    """The folder has no marker of a local cloud."""


class DamagedStateError(StateDirectoryError):
    """The state file does not say what is up.

    Attributes:
        problem: what is wrong with it, without what to do about it.
    """

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(f"{problem}. {advice}")
        self.problem = problem


class StopError(LocalCloudError):
    """A process of the cloud could not be ended."""


class StartError(LocalCloudError):
    """The engine or the simulator did not start."""


class DeploymentError(LocalCloudError):
    """``sam build`` or ``sam deploy`` failed."""


class CredentialsFileError(LocalCloudError):
    """The file given by ``--credentials`` cannot be used."""

    exit_code = ExitCode.WRONG_USE


class LibraryFileError(LocalCloudError):
    """The file given by ``--library`` cannot be used."""

    exit_code = ExitCode.WRONG_USE


class RunInputError(LocalCloudError):
    """The file given by ``--input`` cannot be used."""

    exit_code = ExitCode.WRONG_USE


class DiskSpaceError(LocalCloudError):
    """The disk does not have enough room for what was asked for."""


class NoSimulatorError(LocalCloudError):
    """The cloud uses a GoPro server that has no fault switches."""


class SimulatorRefusalError(LocalCloudError):
    """The simulator does not accept what it was given."""


class UnknownVideoError(LocalCloudError):
    """The name or id given matches no video at the simulated GoPro, or more than one."""

    exit_code = ExitCode.WRONG_USE


class DemoError(LocalCloudError):
    """The demonstration did not show what it promises.

    Args:
        message: what it did not show.
        exit_code: whether that is a failure, or could not be checked.
    """

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code
