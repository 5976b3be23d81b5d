"""``make package``: everything that CloudFormation alone needs to deploy the stack, in one zip file.

For people without SAM, a checkout or a compiler: the template, to which SAM's transformation is already applied, the
built functions for both processors, and how to upload and deploy them. The same commit, dependencies and Python give
the same bytes.

The template is larger than CloudFormation takes in a request (51,200 bytes), so it goes to S3 with the rest:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess  # nosec B404 - runs this Python, with arguments that are all in this file
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Any, Final

from gates.template import state_machine_text
from gopro_sync_cli.checkout import version
from lambda_package.build import PLATFORMS, PackagingError
from lambda_package.plain_template import ObjectInS3, plain_template

BUCKET_PARAMETER: Final = "PackageBucket"
PREFIX_PARAMETER: Final = "PackagePrefix"
TEMPLATE_FILE: Final = "template.json"
_README_FILE: Final = "README.txt"
_ROOT: Final = Path(__file__).resolve().parent.parent
_DIGEST_CHARACTERS: Final = 16
# A zip file keeps no earlier time; that of a build would make each one another file.
_ALWAYS: Final = (1980, 1, 1, 0, 0, 0)
_FILE_MODE: Final = 0o100644 << 16  # Lambda runs as another user than the owner
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPackage:
    """A package that was made.

    Attributes:
        archive: the zip file.
        digest_file: its SHA-256, as ``sha256sum --check`` reads it.
        sizes: bytes of each file in the archive, by name.
        commands: what uploads it, and what deploys it.
    """

    archive: Path
    digest_file: Path
    sizes: Mapping[str, int]
    commands: Sequence[str]


def make_stack_package(folder: Path) -> StackPackage:
    """Build the functions for every processor, and pack them with the template.

    Args:
        folder: gets the archive; is made where it does not exist.

    Raises:
        PackagingError: the functions cannot be built.
    """
    functions = {architecture: _built_functions(architecture) for architecture in PLATFORMS}
    return pack(folder, functions=functions, number=version(_ROOT))


def pack(folder: Path, *, functions: Mapping[str, bytes], number: str) -> StackPackage:
    """Pack built functions with the template.

    Args:
        folder: gets the archive; is made where it does not exist.
        functions: the zip file of the functions for each processor.
        number: the version, which is part of the names.
    """
    name = f"gopro-s3-sync-{number}"
    definition = state_machine_text().encode()
    # Named after what is in them: CloudFormation takes new code only from a key of another name.
    functions_name = f"functions-{_digest(b''.join(functions.values()))}"
    definition_file = f"sync-{_digest(definition)}.asl.json"
    document = _parametrized_template(functions_name, definition_file, default_prefix=f"{name}/")
    commands = _commands(name)
    files = {
        _README_FILE: _instructions(name, commands).encode(),
        TEMPLATE_FILE: json.dumps(document, indent=1).encode(),
        definition_file: definition,
        **{f"{functions_name}-{processor}.zip": code for processor, code in functions.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    archive, digest_file = folder / f"{name}.zip", folder / f"{name}.zip.sha256"
    content = zipped({f"{name}/{file}": data for file, data in files.items()})
    archive.write_bytes(content)
    digest_file.write_text(f"{hashlib.sha256(content).hexdigest()}  {archive.name}\n", encoding="ascii")
    sizes = {file: len(data) for file, data in files.items()}
    return StackPackage(archive=archive, digest_file=digest_file, sizes=sizes, commands=commands)


def _built_functions(architecture: str) -> bytes:
    """Return the zip file of the functions for a processor."""
    with TemporaryDirectory() as place:
        artifacts = Path(place) / "package"
        command = [sys.executable, "-B", "-m", "lambda_package.build", "--architecture", architecture]
        command += ["--source", str(_ROOT / "src"), "--artifacts", str(artifacts)]
        # Fixed arguments, no shell.
        result = subprocess.run(  # noqa: S603  # nosec B603 - as above
            command, cwd=_ROOT, check=False, capture_output=True, text=True
        )
        if result.returncode != 0:
            raise PackagingError(result.stderr.strip().removeprefix("sam build: "))
        files = sorted(file for file in artifacts.rglob("*") if file.is_file())
        return zipped({file.relative_to(artifacts).as_posix(): file.read_bytes() for file in files})


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file that depends on nothing but names and contents, in their order."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _ALWAYS)
            entry.external_attr = _FILE_MODE
            entry.create_system = 3  # Unix, whose modes these are, whatever system this is
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".zip") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=9)
    return packed.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]


def _parametrized_template(functions_name: str, definition_file: str, *, default_prefix: str) -> dict[str, Any]:
    """Return the plain template whose code comes from a bucket that a parameter names."""
    bucket, prefix = {"Ref": BUCKET_PARAMETER}, {"Ref": PREFIX_PARAMETER}
    document = plain_template(
        functions=ObjectInS3(
            bucket=bucket, key={"Fn::Join": ["", [prefix, functions_name, "-", {"Ref": "Architecture"}, ".zip"]]}
        ),
        definition=ObjectInS3(bucket=bucket, key={"Fn::Join": ["", [prefix, definition_file]]}),
    )
    document["Parameters"] |= {
        BUCKET_PARAMETER: {
            "Type": "String",
            "Description": "Bucket that this package was uploaded to; it has to be in the stack's region.",
            "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            "ConstraintDescription": "The name of a bucket.",
        },
        PREFIX_PARAMETER: {
            "Type": "String",
            "Default": default_prefix,
            "Description": "What the keys of the package's files begin with in that bucket, up to the last slash.",
            "AllowedPattern": "^([A-Za-z0-9._/-]+/)?$",
            "ConstraintDescription": "Empty, or a path that ends in a slash.",
        },
    }
    groups = document["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    groups.insert(0, {"Label": {"default": "Where the package is"}, "Parameters": [BUCKET_PARAMETER, PREFIX_PARAMETER]})
    return document


def _commands(name: str) -> list[str]:
    return [
        f"aws s3 cp . s3://BUCKET/{name}/ --recursive",
        f"aws cloudformation deploy --stack-name gopro-s3-sync --template-file {TEMPLATE_FILE} --s3-bucket BUCKET "
        f"--s3-prefix {name} --capabilities CAPABILITY_NAMED_IAM --parameter-overrides {BUCKET_PARAMETER}=BUCKET "
        "AlertEmail=YOU@EXAMPLE.COM",
    ]


def _instructions(name: str, commands: Sequence[str]) -> str:
    upload, deploy = commands
    text = Path(__file__).with_name("stack_package_readme.txt").read_text(encoding="utf-8")
    return Template(text).substitute(name=name, upload=upload, deploy=deploy, template=TEMPLATE_FILE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the package, say what was made, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder for the zip file")
    try:
        made = make_stack_package(parser.parse_args(arguments).folder)
    except PackagingError as error:
        print(f"make package: {error}", file=sys.stderr)
        return 1
    width = max(map(len, made.sizes))
    print(f"{made.archive}  {made.archive.stat().st_size / _MEGABYTE:.1f} MB")
    for file, size in made.sizes.items():
        print(f"  {file:{width}}  {size / _MEGABYTE:5.1f} MB")
    print(f"{made.digest_file}  {made.digest_file.read_text(encoding='ascii').split()[0]}")
    print("\nUnpack it; BUCKET is a bucket of yours in the stack's region. In its folder:\n")
    print("\n\n".join(f"  {command}" for command in made.commands))
    return 0


if __name__ == "__main__":
    sys.exit(main())
