"""Read from ``samconfig.toml`` what a deployment is made with, exactly as sam does.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gopro_sync.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class SamProfile:
    """One ``--config-env`` of sam.

    Attributes:
        stack_name: the stack that it deploys; None where it names none.
        region: the region that it names, if it does.
        parameters: the template's parameters that it sets.
    """

    stack_name: str | None
    region: str | None
    parameters: Mapping[str, str]


def read_profile(folder: Path, name: str) -> SamProfile:
    """Return a profile of the ``samconfig.toml`` of a folder, as ``sam deploy`` has it.

    Raises:
        ConfigurationError: there is no such file or profile, or it cannot be understood.
    """
    file = folder / "samconfig.toml"
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from error
    profile = document.get(name)
    if not isinstance(profile, dict):
        raise ConfigurationError(f"{file} has no profile {name!r}: name one of its sections with --config-env")
    # A command's own value replaces the global one entirely, parameter_overrides too.
    options = {**_options(profile, "global"), **_options(profile, "deploy")}
    return SamProfile(
        stack_name=options.get("stack_name"),
        region=options.get("region"),
        parameters=_parameters(options.get("parameter_overrides", []), file),
    )


def _options(profile: Mapping[str, Any], command: str) -> dict[str, Any]:
    options: dict[str, Any] = profile.get(command, {}).get("parameters", {})
    return options


def _parameters(overrides: Any, file: Path) -> dict[str, str]:
    if isinstance(overrides, dict):
        return {name: str(value) for name, value in overrides.items()}
    pairs = shlex.split(overrides) if isinstance(overrides, str) else [str(pair) for pair in overrides]
    if broken := [pair for pair in pairs if "=" not in pair]:
        raise ConfigurationError(f"parameter_overrides in {file} has {broken[0]!r}, which is not NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)
