"""The functions' code as syntax trees, each file parsed once however many tests look at it."""

from __future__ import annotations

import ast
from functools import cache
from typing import Final

from gates.template import ROOT

SOURCES: Final = ROOT / "src" / "gopro_sync"


@cache
def syntax_trees() -> dict[str, ast.Module]:
    """Return the tree of each file of our package, by its path in the package."""
    return {
        file.relative_to(SOURCES).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(SOURCES.rglob("*.py"))
    }


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """Return all nodes of these trees, each with its file's path in the package."""
    return [(name, node) for name, tree in syntax_trees().items() for node in ast.walk(tree)]
