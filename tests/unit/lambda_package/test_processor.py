"""Whether what was built is for the processor that it would be deployed to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gates.template import ROOT
from lambda_package.processor import ProcessorError, check, deployed_architecture

MACHINES = {"x86_64": 62, "arm64": 183, "riscv64": 243}


def library(folder: Path, name: str, machine: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + MACHINES[machine].to_bytes(2, "little")
    )


def samconfig(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "samconfig.toml"
    file.write_text(text)
    return file


def reported(architecture: str) -> str:
    return f'[default.global.parameters]\nparameter_overrides = ["Environment=prod", "Architecture={architecture}"]\n'


@pytest.mark.parametrize(
    "given",
    [
        '"Environment=prod Architecture=arm64"',
        '["Environment=prod", "Architecture=arm64"]',
        '{ Environment = "prod", Architecture = "arm64" }',
    ],
)
def test_the_processor_is_read_however_sam_lets_parameters_be_written(given: str, tmp_path: Path) -> None:
    file = samconfig(tmp_path, f"[default.global.parameters]\nparameter_overrides = {given}\n")

    assert deployed_architecture(file, "default") == "arm64"


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_what_was_built_for_it_may_be_deployed(architecture: str, tmp_path: Path) -> None:
    library(tmp_path / "build" / "AFunction", "_awscrt.abi3.so", architecture)
    (tmp_path / "build" / "AFunction" / "notes.so").write_text("no library")
    check(samconfig=samconfig(tmp_path, reported(architecture)), build=tmp_path / "build", profile="default")


@pytest.mark.parametrize(("built", "deployed"), [("x86_64", "arm64"), ("arm64", "x86_64"), ("riscv64", "arm64")])
def test_what_was_built_for_another_is_refused_by_name(built: str, deployed: str, tmp_path: Path) -> None:
    library(tmp_path / "build" / "AFunction", "_awscrt.abi3.so", deployed)
    library(tmp_path / "build" / "BFunction" / "deep", "_httptools.so.1", built)
    with pytest.raises(ProcessorError, match=rf"_httptools.*deployed for {deployed}: run sam build"):
        check(samconfig=samconfig(tmp_path, reported(deployed)), build=tmp_path / "build", profile="default")


@pytest.mark.parametrize(
    "text", ["version = 0.1\n", '[default.deploy.parameters]\nparameter_overrides = "Environment=x"\n']
)
def test_a_file_that_names_no_processor_is_refused_with_the_line_to_add(text: str, tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match=r"Architecture=arm64.*default\.global\.parameters"):
        deployed_architecture(samconfig(tmp_path, text + reported("x86_64") if "deploy" in text else text), "default")


def test_nothing_built_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match="run sam build first"):
        check(samconfig=samconfig(tmp_path, reported("x86_64")), build=tmp_path / "build", profile="default")


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_a_container_which_has_the_makefile_s_folder_only_is_refused_with_the_reason(
    architecture: str, tmp_path: Path
) -> None:
    mounted = tmp_path / "mounted"
    shutil.copytree(ROOT / "lambda_package" / architecture, mounted)
    answer = subprocess.run(
        ["make", "--makefile", mounted / "Makefile", "build-VideoDownloaderFunction", f"ARTIFACTS_DIR={tmp_path}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode != 0
    assert "without --use-container" in answer.stderr
