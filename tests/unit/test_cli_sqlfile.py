"""SQL files: statements with their lines, and places for variables."""

from __future__ import annotations

import pytest

from snowmelt.cli.sqlfile import Statement, render, statements


def test_statements_know_their_lines() -> None:
    text = "-- a; comment\n\nUSE SCHEMA A;\n/* b;\n */\nSELECT 'x;y',\n  2;\n-- the end\n"
    assert statements(text) == [Statement("USE SCHEMA A;", 3), Statement("SELECT 'x;y',\n  2;", 6)]


def test_a_quoted_body_is_one_statement() -> None:
    text = "CREATE PROCEDURE P() RETURNS INT LANGUAGE SQL AS $$\nBEGIN\n  RETURN 1;\nEND;\n$$;\nCALL P();"
    assert [(statement.line, statement.text[:8]) for statement in statements(text)] == [
        (1, "CREATE P"),
        (6, "CALL P()"),
    ]


def test_equal_statements_have_their_own_lines() -> None:
    assert [statement.line for statement in statements("SELECT 1;\nSELECT 1;\n\nSELECT 1;")] == [1, 2, 4]


def test_the_last_semicolon_may_be_left_out() -> None:
    assert statements("SELECT 1") == [Statement("SELECT 1", 1)]


@pytest.mark.parametrize("text", ["", "\n", "-- nothing\n", ";", "/* nothing */"])
def test_a_file_without_statements(text: str) -> None:
    assert statements(text) == []


def test_places_are_filled() -> None:
    assert render("USE SCHEMA <% database %>.<%schema%>;", {"database": "D", "schema": "S"}) == "USE SCHEMA D.S;"


def test_a_place_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="schema"):
        render("USE SCHEMA <% schema %>;", {})


def test_a_block_is_one_statement() -> None:
    block = "DECLARE\n  x INT;\nBEGIN\n  x := 1;\n  IF (x = 1) THEN RETURN 2; END IF;\nEND;"
    task = "CREATE TASK t AS BEGIN SELECT 1; SELECT 2; END;"
    text = f"SELECT 1;\n-- a block\n{block}\nBEGIN;\nSELECT 2;\nCOMMIT;\n{task}"
    assert [(statement.text, statement.line) for statement in statements(text)] == [
        ("SELECT 1;", 1),
        (block, 3),
        ("BEGIN;", 9),
        ("SELECT 2;", 10),
        ("COMMIT;", 11),
        (task, 12),
    ]
