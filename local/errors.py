"""What can go wrong with the local cloud; each message says what to do."""

from __future__ import annotations


class LocalCloudError(Exception):
    """Base of the errors that ``python -m local`` shows to a person instead of a stack trace."""


class AlreadyRunningError(LocalCloudError):
    """A local cloud is up in this state directory."""


class NotRunningError(LocalCloudError):
    """No local cloud is up in this state directory."""


class StartError(LocalCloudError):
    """The engine or the simulator did not start."""


class DeploymentError(LocalCloudError):
    """``sam build`` or ``sam deploy`` failed."""


class CredentialsFileError(LocalCloudError):
    """The file given by ``--credentials`` cannot be used."""


class RunInputError(LocalCloudError):
    """The file given by ``--input`` cannot be used."""


class DemoError(LocalCloudError):
    """The demonstration did not show what it promises."""
