"""Where statements end."""

from __future__ import annotations

import pytest

from snowmelt.base.errors import SqlError
from snowmelt.sql.parse import parse, parse_one, split
from snowmelt.sql.statements import CreateRoutine, Query, Transaction


def test_quotes_and_comments_hide_semicolons() -> None:
    text = "SELECT 1; -- a;b\nSELECT ';'; // c;\n/* d; */ SELECT $$;$$; SELECT \";\"\n;"
    assert split(text) == ["SELECT 1", "SELECT ';'", "SELECT $$;$$", 'SELECT ";"']


def test_bodies_of_procedures_stay_whole() -> None:
    text = (
        "CREATE PROCEDURE p() RETURNS STRING LANGUAGE PYTHON HANDLER = 'h' AS 'def h(s):\n  a = ''x;y''; return a';\n"
        "CREATE PROCEDURE q() RETURNS STRING LANGUAGE PYTHON HANDLER = 'h' AS $$ 'a;b' $$;\nCALL p();"
    )
    first, second, third = parse(text)
    assert isinstance(first, CreateRoutine) and isinstance(second, CreateRoutine)
    assert (first.body, second.body) == ("def h(s):\n  a = 'x;y'; return a", " 'a;b' ")
    assert third.text == "CALL p()"


def test_scripting_blocks_stay_whole() -> None:
    block = (
        "BEGIN LET x := CASE WHEN 1 = 1 THEN 2 ELSE 3 END; IF (x > 1) THEN BEGIN RETURN 1; END; END IF; "
        "FOR i IN 1 TO 3 DO x := 1; END FOR; CASE WHEN x THEN RETURN 1; END CASE; RETURN 2; END"
    )
    assert split(f"{block}; SELECT 1") == [block, "SELECT 1"]
    declared = f"CREATE PROCEDURE p() RETURNS INT LANGUAGE SQL AS DECLARE x INT; {block}"
    assert split(f"{declared}; SELECT 1") == [declared, "SELECT 1"]


def test_begin_of_a_transaction_is_a_statement() -> None:
    statements = parse("BEGIN; SELECT 1 AS begin; COMMIT; BEGIN TRANSACTION; ROLLBACK;")
    assert [type(statement) for statement in statements] == [Transaction, Query, Transaction, Transaction, Transaction]


def test_binds_are_counted_over_all_statements() -> None:
    first, second = parse("SELECT ?; SELECT ?")
    assert isinstance(first, Query) and isinstance(second, Query)
    assert (first.tree.sql("snowflake"), second.tree.sql("snowflake")) == ("SELECT :1", "SELECT :2")


@pytest.mark.parametrize("text", ["", "  \n", "-- only a comment", ";", "/* x */;"])
def test_nothing_is_no_statement(text: str) -> None:
    assert parse(text) == []
    with pytest.raises(SqlError) as caught:
        parse_one(text)
    assert caught.value.code == 900


def test_one_means_one() -> None:
    with pytest.raises(SqlError, match="Actual statement count 2"):
        parse_one("SELECT 1; SELECT 2")
