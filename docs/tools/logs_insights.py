"""Answer CloudWatch Logs Insights queries with SQLite: each step becomes a SELECT around the one before.

It knows ``fields``, ``filter``, ``stats ... by``, ``sort``, ``limit`` and ``display``, with SQLite's expressions,
which include those of Insights that our queries use. Anything else in a query is an error, so that a
wrong query is not answered as if it were right.
"""

# ruff: noqa: S608  # SQL is built from queries of our own, for a database that lives as long as one of them
from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

_STEP: Final = re.compile(r"\|(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")  # a bar that is not inside of quotes
_TEXT_OR_NAME: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|(@?[A-Za-z_][\w.@]*)')
_WORDS: Final = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "like",
        "as",
        "by",
        "is",
        "null",
        "asc",
        "desc",
        "avg",
        "max",
        "min",
        "sum",
        "count",
        "distinct",
        "ispresent",
        "coalesce",
        "case",
        "when",
        "then",
        "else",
        "end",
    ]
)


class QueryError(Exception):
    """The query is not understood."""


def run_query(query: str, lines: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Answer a query.

    Args:
        query: in the language of Logs Insights.
        lines: the lines of the logs: ``@timestamp``, ``@message`` and so on; the fields of JSON messages are found too.

    Returns:
        The rows, each mapping the name of a shown field to its value as text; fields that a line lacks are left out.

    Raises:
        QueryError: a step or an expression that is not understood.
    """
    steps = [step.strip() for step in _STEP.split(" ".join(query.split())) if step.strip()]
    rows = [_flat(line) for line in lines]
    columns = sorted({name for row in rows for name in row} | _names_in(steps))
    statement, shown = _statement(steps, columns)
    with sqlite3.connect(":memory:") as database:
        database.row_factory = sqlite3.Row
        database.create_function("ispresent", 1, lambda value: value is not None, deterministic=True)
        declared = ", ".join(map(_quoted, columns))
        database.execute(f"CREATE TABLE lines ({declared})")
        holes = ", ".join("?" * len(columns))
        values = [[row.get(name) for name in columns] for row in rows]
        database.executemany(f"INSERT INTO lines VALUES ({holes})", values)
        try:
            found = database.execute(statement).fetchall()
        except sqlite3.Error as error:
            raise QueryError(f"{error} in: {query}") from error
    return [{name: _text(row[name]) for name in shown if row[name] is not None} for row in found]


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _flat(line: Mapping[str, Any]) -> dict[str, Any]:
    try:
        document = json.loads(line["@message"])
    except ValueError:
        document = None
    fields = document if isinstance(document, dict) else {}
    plain = {
        name: value if isinstance(value, str | int | float) else json.dumps(value) for name, value in fields.items()
    }
    return {**plain, **line}


def _statement(steps: Sequence[str], columns: Sequence[str]) -> tuple[str, list[str]]:
    statement, shown = "SELECT * FROM lines", ["@timestamp", "@message"]
    known = list(columns)
    for step in steps:
        command, _, rest = step.partition(" ")
        match command.lower():
            case "fields" | "display":
                expressions = _expressions(rest)
                added = {name: text for name, text in expressions.items() if name not in known}
                new = "".join(f", {text} AS {_quoted(name)}" for name, text in added.items())
                statement, shown = f"SELECT *{new} FROM ({statement})", list(expressions)
                known += added
            case "filter":
                statement = f"SELECT * FROM ({statement}) WHERE {_translated(rest)}"
            case "stats":
                aggregates, _, groups = rest.partition(" by ")
                expressions = _expressions(f"{groups}, {aggregates}" if groups else aggregates)
                selected = ", ".join(f"{text} AS {_quoted(name)}" for name, text in expressions.items())
                grouping = f" GROUP BY {', '.join(_expressions(groups).values())}" if groups else ""
                statement, shown = f"SELECT {selected} FROM ({statement}){grouping}", list(expressions)
                known = list(expressions)
            case "sort":
                statement = f"SELECT * FROM ({statement}) ORDER BY {_translated(rest)}"
            case "limit" if rest.isdecimal():
                statement = f"{statement} LIMIT {int(rest)}"
            case _:
                raise QueryError(f"The step {step!r} is not known")
    return statement, shown


def _expressions(text: str) -> dict[str, str]:
    """Return each expression of a list by its name; a comma inside parentheses belongs to an expression."""
    parts = re.split(r",(?![^()]*\))", text)
    expressions = {}
    for part in parts:
        expression, _, name = part.strip().partition(" as ")
        expressions[name.strip() or expression.strip()] = _translated(expression.strip())
    return expressions


def _translated(expression: str) -> str:
    # `like "text"` asks for a part of the value; in SQL that is written with per cent signs.
    expression = re.sub(r'\blike\s+"((?:[^"\\]|\\.)*)"', r'like "%\1%"', expression)

    def piece(match: re.Match[str]) -> str:
        text, name = match.groups()
        if text is not None:
            return "'" + text.replace('\\"', '"').replace("'", "''") + "'"
        return str(name) if name.lower() in _WORDS else _quoted(name)

    return _TEXT_OR_NAME.sub(piece, expression)


def _names_in(steps: Sequence[str]) -> set[str]:
    """Return the fields that a query reads: one that no line has is empty, not an error."""
    names: set[str] = set()
    made: set[str] = set()
    for step in steps:
        body = step.partition(" ")[2]
        made |= set(re.findall(r"\bas\s+(\w+)", body))
        names |= {name for _, name in _TEXT_OR_NAME.findall(body) if name and name.lower() not in _WORDS}
    return names - made


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
