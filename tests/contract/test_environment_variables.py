"""One table names every variable that is read or set, and no setting has two names."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from gates.template import ROOT, template
from gopro_sync.settings import FILTER_NAMES, VARIABLE_NAMES
from local.cloud import Cloud
from local.shell_environment import shell_lines

_PACKAGES: Final = ("src", "gopro_sync_cli", "local")
_NAME: Final = re.compile(r"_?[A-Z][A-Z0-9]*(_[A-Z0-9]+)*|[a-z]+_proxy")
_MENTIONED: Final = re.compile(r"os\.environ|\benviron\b|envvar|_VARIABLES?\b")


def _table() -> list[str]:
    """Return the names in the table; one that ends in `...` stands for all that begin so."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = text.partition("## Variables of the environment")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def _trees() -> Iterator[ast.Module]:
    for package in _PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            if _MENTIONED.search(text):  # the others are not worth the time
                yield ast.parse(text)


def _texts(node: ast.AST) -> set[str]:
    """Return the texts in an expression, but for beginnings of names."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
        return set()
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    return {text for part in ast.iter_child_nodes(node) for text in _texts(part)}


def _constants(trees: list[ast.Module]) -> dict[str, set[str]]:
    """Return the texts of each constant of a module, by its name."""
    found: dict[str, set[str]] = {}
    for tree in trees:
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            for target in targets:
                if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                    found.setdefault(target.id, set()).update(_texts(node.value))
    return found


def _is_environ(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id == "environ") or (
        isinstance(node, ast.Attribute) and node.attr == "environ"
    )


_LOOKS: Final = (ast.Subscript, ast.Call, ast.Compare, ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.SetComp)


def _looks(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the expressions that look something up in the process environment, those around them too."""
    for node in ast.walk(tree):
        if isinstance(node, _LOOKS) and any(_is_environ(part) for part in ast.walk(node)):
            yield node


@cache
def _read_in_code() -> frozenset[str]:
    trees = list(_trees())
    constants = _constants(trees)
    read: set[str] = set()
    for tree in trees:
        for node in _looks(tree):
            names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            read |= {text for text in _texts(node) if _NAME.fullmatch(text)}
            read |= {
                text for name in names for text in constants.get(name, ()) if name.isupper() and _NAME.fullmatch(text)
            }
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "envvar":
                named = node.value.id if isinstance(node.value, ast.Name) else ""
                read |= {text for text in _texts(node.value) if _NAME.fullmatch(text)} | constants.get(named, set())
    read |= {text for name, texts in constants.items() if name.endswith("_VARIABLE") for text in texts}
    return frozenset(read)


def _printed_by_env() -> set[str]:
    names = {"AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "GOPRO_API_BASE_URL", "GOPRO_SYNC_STACK"}
    outputs = dict.fromkeys(template()["Outputs"], "value")
    cloud = Cloud(
        state_directory=Path("/state"),
        endpoint_url="https://127.0.0.1:1",
        ca_bundle=Path("/state/ca-bundle.pem"),
        region="us-east-1",
        gopro_api_base_url="http://127.0.0.1:2",
        simulator_url=None,
        outputs=outputs,
    )
    printed = {line.split()[1].partition("=")[0] for line in shell_lines(cloud, {"HTTPS_PROXY": "http://proxy"})}
    assert names <= printed
    return printed


def _set_by_the_template() -> set[str]:
    return set(template()["Globals"]["Function"]["Environment"]["Variables"])


def _is_listed(name: str, table: list[str]) -> bool:
    return name in table or any(entry.endswith("...") and name.startswith(entry[:-3]) for entry in table)


def test_every_variable_that_is_read_or_set_is_in_the_table() -> None:
    used = VARIABLE_NAMES | FILTER_NAMES.keys() | _set_by_the_template() | _read_in_code() | _printed_by_env()
    table = _table()
    assert sorted(name for name in used if not _is_listed(name, table)) == []


def test_the_table_names_nothing_that_is_not_there() -> None:
    used = VARIABLE_NAMES | FILTER_NAMES.keys() | _set_by_the_template() | _read_in_code() | _printed_by_env()
    assert sorted(name for name in _table() if not name.endswith("...") and name not in used) == []


def test_what_env_prints_is_marked_in_the_table() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    marked = set(re.findall(r"`(\w+)(?:\.\.\.)?` \*", text))
    printed = {
        "GOPRO_SYNC_" if name.startswith("GOPRO_SYNC_") and name != "GOPRO_SYNC_STACK" else name
        for name in _printed_by_env()
    }
    assert marked == printed


def test_no_setting_has_two_names() -> None:
    table = _table()
    assert [name for name, count in Counter(table).items() if count > 1] == []
    bare = Counter(name.removeprefix("GOPRO_SYNC_").removeprefix("GOPRO_") for name in table)
    assert [name for name, count in bare.items() if count > 1] == []


def test_the_sample_of_the_functions_environment_has_the_same_names() -> None:
    sample = json.loads((ROOT / "events" / "env.json").read_text(encoding="utf-8"))["Parameters"]
    assert sample.keys() == VARIABLE_NAMES
