"""No message of our own looks like a secret: redaction leaves each as it was written."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from gopro_sync.redaction import redact
from tests.support.source_code import nodes


def raised_texts() -> Iterator[tuple[str, str]]:
    """Yield the texts of all errors that are raised, what is filled in standing as a word."""
    for file, node in nodes():
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            text = _text_of(node.exc.args[0])
            if text:
                yield f"{file}:{node.lineno}", text


def _text_of(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text_of(part) if isinstance(part, ast.Constant) else "something" for part in parts)
    return ""


RAISED = list(raised_texts())


def test_there_are_messages() -> None:
    assert len(RAISED) > 100


@pytest.mark.parametrize("text", [text for _, text in RAISED], ids=[place for place, _ in RAISED])
def test_a_message_of_ours_reaches_its_reader_whole(text: str) -> None:
    assert redact(text) == text
