"""Compare the processor that the functions were built for with the one that they would be deployed to.

``make deploy`` runs it between ``sam build`` and ``sam deploy``. Each of these reads the parameters for itself, so that
they can differ; AWS accepts the package all the same, and the functions cannot load their libraries.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parent.parent
# e_machine of the ELF header, a little-endian number at byte 18:
# https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
_ELF: Final = b"\x7fELF"
_MACHINE: Final = slice(18, 20)
_ARCHITECTURES: Final = {62: "x86_64", 183: "arm64"}


class ProcessorError(Exception):
    """The functions must not be deployed like this; the message says why, and what to do."""


def deployed_architecture(samconfig: Path, profile: str) -> str:
    """Return the ``Architecture`` that the configuration file sets for ``sam deploy``.

    Args:
        samconfig: the file.
        profile: its section, such as ``default``.

    Raises:
        ProcessorError: the file does not say; then an existing stack would keep its own, whatever the template's
            default, which ``sam build`` uses.
    """
    sections: Mapping[str, Any] = tomllib.loads(samconfig.read_text(encoding="utf-8")).get(profile, {})
    for command in ("deploy", "global"):  # sam takes the one or the other, whole
        given = sections.get(command, {}).get("parameters", {}).get("parameter_overrides")
        if given is not None:
            parameters = _parameters(given)
            if "Architecture" in parameters:
                return str(parameters["Architecture"])
            break
    raise ProcessorError(
        f'{samconfig.name} does not say which processor {profile} is for: put "Architecture=x86_64" or '
        f'"Architecture=arm64" into parameter_overrides of [{profile}.global.parameters]'
    )


def _parameters(given: Any) -> Mapping[str, Any]:
    """Return what sam reads from a text, a list or a table of parameters."""
    if isinstance(given, Mapping):
        return given
    pairs = shlex.split(given) if isinstance(given, str) else given
    return dict(str(pair).partition("=")[::2] for pair in pairs)


def built_architectures(build: Path) -> dict[str, Path]:
    """Return each processor that a built library is for, with one such library.

    Args:
        build: folder that ``sam build`` fills, with one folder for each function.
    """
    return {_architecture_of(header): library for library, header in _libraries(build)}


def _libraries(build: Path) -> Iterator[tuple[Path, bytes]]:
    for file in sorted(build.rglob("*.so*")):
        with file.open("rb") as stream:
            header = stream.read(_MACHINE.stop)
        if header.startswith(_ELF):
            yield file, header


def _architecture_of(header: bytes) -> str:
    machine = int.from_bytes(header[_MACHINE], "little")
    return _ARCHITECTURES.get(machine, f"another processor (ELF machine {machine})")


def check(*, samconfig: Path, build: Path, profile: str) -> None:
    """Check that the functions were built for the processor that they would be deployed to.

    Raises:
        ProcessorError: they were not, or the processor is unknown.
    """
    deployed, built = deployed_architecture(samconfig, profile), built_architectures(build)
    if not built:
        raise ProcessorError("There is nothing built to deploy: run sam build first")
    for architecture, library in built.items():
        if architecture != deployed:
            raise ProcessorError(
                f"{library.name} in {build.name}/ is built for {architecture}, and {profile} would be deployed for "
                f"{deployed}: run sam build --config-env {profile} again, and leave Architecture to {samconfig.name}"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the contents of ``.aws-sam/build``; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="default", help="section of samconfig.toml")
    profile: str = parser.parse_args(arguments).profile
    try:
        check(samconfig=_ROOT / "samconfig.toml", build=_ROOT / ".aws-sam" / "build", profile=profile)
    except ProcessorError as error:
        print(f"make deploy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
