"""Text that others wrote becomes a number or a date in one module, which cannot raise; nobody can forget to use it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from tests.support.source_code import nodes, syntax_trees

THE_ONE_MODULE: Final = "values/outside_values.py"

NUMBER_TYPES: Final = {"int", "float", "Decimal"}
READERS: Final = NUMBER_TYPES | {
    "fromisoformat",
    "fromtimestamp",
    "parsedate",
    "parsedate_to_datetime",
    "parsedate_tz",
    "strptime",
    "utcfromtimestamp",
}
# They are true of digits that no number of ours is spelled in, "²" and "٣" among them.
NO_TEST_OF_A_NUMBER: Final = {"isdecimal", "isdigit", "isnumeric"}

# What is read elsewhere, and why nothing from outside can be read there.
EXCEPTIONS: Final = {
    ("values/timestamps.py", "int(moment.timestamp())"): "this machine's clock, not text",
    ("cost/prices.py", "date.fromisoformat(text)"): "a file of this package",
    ("archive/object_key.py", "int(match['chapter'])"): "two ASCII digits, by the expression that matched them",
}


def calls() -> Iterator[tuple[str, ast.Call]]:
    yield from ((file, node) for file, node in nodes() if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """The last part of the called name; a function that is itself an expression has none."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def hands_over_a_reader(call: ast.Call) -> bool:
    """Whether a reader is given to another function, which may call it on a text: ``map(int, texts)``."""
    if called(call) in {"isinstance", "defaultdict"}:
        return False
    handed_over = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(
        (isinstance(value, ast.Name) and value.id in READERS)
        or (isinstance(value, ast.Attribute) and value.attr in READERS)
        for value in handed_over
    )


def readings() -> set[tuple[str, str]]:
    """The file and the text of every call that may read a number or a date."""
    return {(file, ast.unparse(call)) for file, call in calls() if called(call) in READERS or hands_over_a_reader(call)}


def test_numbers_and_dates_are_read_in_one_module() -> None:
    elsewhere = {(file, text) for file, text in readings() if file != THE_ONE_MODULE}
    assert elsewhere == set(EXCEPTIONS)


def test_the_one_module_is_where_they_are_read() -> None:
    read_there = {text for file, text in readings() if file == THE_ONE_MODULE}
    assert {reader for reader in READERS if any(f"{reader}(" in text for text in read_there)} >= NUMBER_TYPES | {
        "fromisoformat",
        "parsedate_to_datetime",
    }


def test_no_text_is_taken_for_a_number_because_of_digits_of_another_script() -> None:
    assert [(file, ast.unparse(call)) for file, call in calls() if called(call) in NO_TEST_OF_A_NUMBER] == []


def test_the_one_module_knows_neither_gopro_nor_s3() -> None:
    tree = syntax_trees()[THE_ONE_MODULE]
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not {module for module in imported if module.startswith("gopro_sync")}
