"""What the documents are made with is in nobody's way: neither the demo nor a test needs it installed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest

from gates.template import ROOT

PARTS: Final = ("src", "local", "gopro_sync_cli", "lambda_package", "gates", "bench", "docs", "tests")
REQUIREMENTS: Final = ROOT / "requirements"

# All in one process, which reads the whole repository once.
pytestmark = pytest.mark.xdist_group("imports")


@cache
def imports() -> frozenset[tuple[str, str]]:
    """Return each file of the repository with each module that it imports anywhere."""
    return frozenset(
        (file.relative_to(ROOT).as_posix(), module)
        for part in PARTS
        for file in (ROOT / part).rglob("*.py")
        for statement in statements(ast.parse(file.read_text(encoding="utf-8")))
        for module in imported_by(statement)
    )


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is inside of a module or statement, but for expressions, which import nothing and are most of it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from statements(child)


def imported_by(statement: ast.AST) -> list[str]:
    match statement:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names):
            # What is imported may be a module itself: from docs.tools.dashboard import picture.
            return [module, *(f"{module}.{alias.name}" for alias in names)]
    return []


def importers(module: str) -> set[str]:
    """Return the files that import a module or something of it."""
    return {file for file, imported in imports() if imported == module or imported.startswith(f"{module}.")}


def pins(name: str) -> dict[str, str]:
    """Return the versions of a lock file."""
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("module", "files"),
    [
        ("matplotlib", {"docs/tools/dashboard/picture.py"}),
        ("docs.tools.dashboard.picture", {"docs/tools/dashboard/show.py", "tests/contract/dashboard_picture.py"}),
        ("docs.tools.dashboard.show", {"docs/tools/dashboard/__main__.py"}),  # inside of the command
    ],
)
def test_no_test_that_pytest_finds_and_no_command_but_one_needs_what_draws(module: str, files: set[str]) -> None:
    assert importers(module) == files


def test_what_comes_with_matplotlib_is_imported_by_nothing() -> None:
    alone = pins("docs").keys() - pins("dev").keys() - {"matplotlib"}
    assert {"numpy", "pillow"} <= alone
    modules = {"pillow": "PIL", "fonttools": "fontTools"}
    assert {name: importers(modules.get(name, name)) for name in alone} == {name: set() for name in alone}


def test_the_environment_of_demo_and_tests_has_no_matplotlib_and_keeps_its_versions_when_it_is_added() -> None:
    everyday, drawing = pins("dev"), pins("docs")
    assert "matplotlib" in drawing.keys() - everyday.keys()
    shared = everyday.keys() & drawing.keys()
    assert shared
    assert {name: drawing[name] for name in shared} == {name: everyday[name] for name in shared}


def test_only_tests_and_the_tools_themselves_import_the_tools() -> None:
    assert {file.partition("/")[0] for file in importers("docs")} == {"docs", "tests"}


def test_nothing_but_the_tests_imports_anything_of_the_tests() -> None:
    assert {file.partition("/")[0] for file in importers("tests")} == {"tests"}
