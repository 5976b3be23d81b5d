"""Queries of Logs Insights over lines as the functions write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from docs.tools.logs_insights import QueryError, run_query


def lines(*messages: dict[str, Any] | str) -> list[dict[str, Any]]:
    """Return lines, one a second."""
    texts = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    return [{"@timestamp": f"2026-11-26 01:00:{n:02}.000", "@message": text} for n, text in enumerate(texts)]


def test_a_query_filters_by_fields_of_json_lines_and_calculates() -> None:
    done = [{"kind": "done", "bytes": size, "seconds": 2} for size in (1_000_000, 3_000_000)]
    query = """fields bytes, (bytes * 8 / seconds / 1000000) as mbps
        | filter kind = "done" and ispresent(bytes) and seconds > 0
        | stats avg(mbps) as average, max(mbps) as fastest"""
    assert run_query(query, lines(*done, {"kind": "start"}, "no JSON")) == [{"average": "8", "fastest": "12"}]


@pytest.mark.parametrize(
    "query",
    [
        "fields a | invent b",
        "fields a | filter",
        "fields a | filter a = (",
        "fields a | limit few",
        "stats percentile(a, 9) as p",
    ],
)
def test_a_query_that_is_not_understood_is_an_error(query: str) -> None:
    with pytest.raises(QueryError):
        run_query(query, lines({"a": 1}))


def test_rows_are_sorted_and_only_so_many() -> None:
    logged = lines({"a": 1}, {"a": 3}, {"a": 2})
    assert run_query("fields a | sort a desc | limit 2", logged) == [{"a": "3"}, {"a": "2"}]
    assert run_query("fields @timestamp | sort @timestamp desc | limit 1", logged) == [
        {"@timestamp": "2026-11-26 01:00:02.000"}
    ]


def test_like_asks_for_a_part_of_a_text_and_quotes_in_it_do_no_harm() -> None:
    logged = lines({"id": "arn:run-1"}, {"id": "arn:run-2"}, {"id": "it's"})
    assert run_query('fields id | filter id like "run-2"', logged) == [{"id": "arn:run-2"}]
    assert run_query('fields id | filter id = "it\'s"', logged) == [{"id": "it's"}]


def test_a_bar_inside_of_quotes_begins_no_step() -> None:
    assert run_query('fields a | filter a = "x | y"', lines({"a": "x | y"}, {"a": "x"})) == [{"a": "x | y"}]


def test_what_is_counted_by_a_field_has_a_row_for_each_of_its_values() -> None:
    logged = lines({"kind": "a"}, {"kind": "b"}, {"kind": "a"})
    query = "stats count(kind) as number by kind | sort kind asc"
    assert run_query(query, logged) == [{"kind": "a", "number": "2"}, {"kind": "b", "number": "1"}]


def test_what_a_line_lacks_is_left_out_and_a_field_of_no_line_is_no_error() -> None:
    assert run_query("fields a, b, c", lines({"a": 1, "b": "x"}, {"a": 2})) == [{"a": "1", "b": "x"}, {"a": "2"}]
