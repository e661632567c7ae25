"""What sqlglot's trees say after our preparation: models, binds, stages, streams' columns."""

from __future__ import annotations

import pytest
from sqlglot import exp

from snowmelt.base.errors import SqlError
from snowmelt.sql.dialect import ModelMethod, model_method
from snowmelt.sql.parse import parse_expression, parse_one, parse_query
from snowmelt.sql.statements import Insert, Query


def method(text: str) -> ModelMethod:
    node = parse_query(text).find(exp.ModelAttribute)
    assert node is not None
    return model_method(node)


def names(identifiers: tuple[exp.Identifier, ...]) -> list[str]:
    return [identifier.name for identifier in identifiers]


def test_model_with_a_version() -> None:
    found = method('SELECT *, MODEL(db.s."m", "V1.0")!PREDICT(a, b) AS r FROM x')
    assert names(found.parts) == ["db", "s", "m"]
    assert found.version is not None
    assert (found.version.name, found.version.quoted) == ("V1.0", True)
    assert (found.method.name, len(found.arguments)) == ("PREDICT", 2)


def test_model_without_a_version_and_a_field_of_the_answer() -> None:
    found = method("SELECT m!predict(*):output::float FROM t")
    assert (names(found.parts), found.version, found.method.name) == (["m"], None, "PREDICT")


def test_a_method_named_like_a_function_stays_a_method() -> None:
    found = method('SELECT s.m!transform(a), m!"count"(b) FROM t')
    assert (names(found.parts), found.method.name, len(found.arguments)) == (["s", "m"], "TRANSFORM", 1)


def test_a_models_table_function_has_a_window() -> None:
    found = method("SELECT * FROM x, TABLE(MODEL(m, v)!FIT(a) OVER (PARTITION BY b))")
    assert found.window is not None
    assert (names(found.parts), found.method.name) == (["m"], "FIT")


def test_a_model_can_be_named_in_the_with_list() -> None:
    tree = parse_query("WITH a AS MODEL db.s.m VERSION v, x AS (SELECT 1 AS c) SELECT a!PREDICT(c) FROM x")
    assert tree.sql("snowflake") == ('WITH x AS (SELECT 1 AS c) SELECT MODEL("DB"."S"."M", "V")!"PREDICT"(c) FROM x')
    alone = parse_query("WITH a AS MODEL m SELECT a!PREDICT(c) FROM x")
    assert alone.sql("snowflake") == 'SELECT MODEL("M")!"PREDICT"(c) FROM x'


def test_binds_bear_their_place_in_the_text() -> None:
    tree = parse_query("SELECT ? FROM IDENTIFIER(?) WHERE a IN (?, :x) LIMIT ?")
    assert sorted(node.name for node in tree.find_all(exp.Placeholder)) == ["1", "2", "3", "4", "x"]
    limit = tree.args["limit"].expression
    assert (type(limit), limit.name) == (exp.Placeholder, "4")


def test_a_bind_cannot_pass_for_a_field() -> None:
    with pytest.raises(SqlError, match=r"line 1 at position 9 unexpected '\?'"):
        parse_query("SELECT a ?")


def test_stages_in_from() -> None:
    tree = parse_query("""SELECT $1:"A"::NUMBER(38,0), t.$2 FROM @"st"/x/y (FILE_FORMAT => 'f', PATTERN => '.*') t""")
    table = tree.find(exp.Table)
    assert table is not None
    assert (table.this.name, table.args["format"].name, table.args["pattern"].name) == ('@"st"/x/y', "f", ".*")


@pytest.mark.parametrize(
    "text",
    [
        'SELECT METADATA$ACTION, METADATA$ISUPDATE, "METADATA$ROW_ID" FROM STREAM_ON_LANDING',
        "SELECT * FROM TABLE(RESULT_SCAN('01-a'))",
        "SELECT * FROM TABLE('name')",
        "SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'X'))",
        "SELECT * FROM TABLE(INFER_SCHEMA(LOCATION => '@st', FILE_FORMAT => 'f'))",
        "SELECT SYSTEM$STREAM_HAS_DATA('x')",
        'SELECT value:"A"::FLOAT, $var FROM t, LATERAL FLATTEN(input => x.y)',
        "SELECT * FROM t AT(TIMESTAMP => '2026-01-01'::TIMESTAMP_TZ) a",
        "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1",
        "VALUES (1, 'a'), (2, 'b')",
    ],
)
def test_snowflake_queries_are_queries(text: str) -> None:
    statement = parse_one(text)
    assert isinstance(statement, Query)
    assert isinstance(statement.tree, exp.Query)
    assert statement.tree.find(exp.Command) is None


def test_insert_from_a_query_with_a_with_list() -> None:
    statement = parse_one('INSERT OVERWRITE INTO db.s.t (a, "b") WITH x AS (SELECT 1, 2) SELECT * FROM x')
    assert isinstance(statement, Insert)
    assert statement.overwrite
    assert statement.columns == ("A", "b")
    assert isinstance(statement.target, exp.Table)


def test_an_expression_stands_alone() -> None:
    assert isinstance(parse_expression("SYSTEM$STREAM_HAS_DATA('s') AND 1 = 1"), exp.And)
    with pytest.raises(SqlError):
        parse_expression("1; 2")
