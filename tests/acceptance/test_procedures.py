"""Python procedures: made, called, failing, cancelled; and Python functions.

Without ``from __future__ import annotations``: Snowpark reads the type hints of what it registers.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from harness import Sql, poll

pytestmark = pytest.mark.ml

DOCS = "https://docs.snowflake.com/en/sql-reference/sql"
GUIDE = "https://docs.snowflake.com/en/developer-guide/stored-procedure/python/procedures-python-overview"
RIGHTS = "https://docs.snowflake.com/en/developer-guide/stored-procedure/stored-procedures-rights"

HEAD = "LANGUAGE PYTHON RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run'"


def define(sql: Sql, signature: str, body: str, returns: str = "VARCHAR", more: str = "") -> None:
    """CREATE PROCEDURE with a Python body; `more` are further clauses."""
    answer = sql(f"CREATE OR REPLACE PROCEDURE {signature} RETURNS {returns} {HEAD} {more} AS $$\n{body}\n$$")
    assert answer == [(f"Function {signature.split('(')[0].upper()} successfully created.",)]


@pytest.mark.parity(
    "CREATE PROCEDURE", "a Python body in $$, with arguments of several types", f"{DOCS}/create-procedure"
)
def test_arguments(sql: Sql) -> None:
    define(
        sql,
        "describe(n NUMBER, f FLOAT, s VARCHAR, b BOOLEAN, v VARIANT, a ARRAY, d DATE)",
        """def run(session, *given):
    return " ".join(type(each).__name__ for each in given) + f" {given[0] + given[1]}\"""",
    )
    call = "CALL describe(1, 0.5::FLOAT, 'x', TRUE, PARSE_JSON('{\"k\": 1}'), PARSE_JSON('[1]'), '2026-01-01'::DATE)"
    assert sql.one(call) == "int float str bool dict list date 1.5"


@pytest.mark.parity("CALL", "arguments by name and defaults", f"{DOCS}/call")
def test_defaults_and_names(sql: Sql) -> None:
    define(
        sql,
        "join_them(a VARCHAR, b VARCHAR DEFAULT 'b', c NUMBER DEFAULT 3)",
        "def run(session, a, b, c):\n    return f'{a}{b}{c}'",
    )
    assert sql.one("CALL join_them('x')") == "xb3"
    assert sql.one("CALL join_them('x', 'y')") == "xy3"
    assert sql.one("CALL join_them(a => 'x', c => 9)") == "xb9"
    sql.fails("CALL join_them()")


@pytest.mark.parity("CALL", "values of the declared type come back", f"{DOCS}/call")
@pytest.mark.parametrize(
    ("returns", "expression", "value"),
    [
        ("NUMBER", "41 + 1", 42),
        ("FLOAT", "0.5", 0.5),
        ("BOOLEAN", "True", True),
        ("VARIANT", "{'a': [1]}", '{"a":[1]}'),
        ("VARCHAR", "None", None),
    ],
)
def test_return_values(sql: Sql, returns: str, expression: str, value: Any) -> None:
    define(sql, "answer()", f"def run(session):\n    return {expression}", returns)
    found = sql.one("CALL answer()")
    assert ("".join(found.split()) if returns == "VARIANT" else found) == value


@pytest.mark.parity("CALL", "RETURNS TABLE gives rows, which RESULT_SCAN reads again", f"{DOCS}/create-procedure")
def test_returns_table(sql: Sql) -> None:
    define(
        sql,
        "squares(n NUMBER)",
        "def run(session, n):\n    return session.create_dataframe([(i, i * i) for i in range(n)], ['N', 'SQUARE'])",
        "TABLE (n NUMBER, square NUMBER)",
    )
    assert sql.dicts("CALL squares(3)") == [{"N": 0, "SQUARE": 0}, {"N": 1, "SQUARE": 1}, {"N": 2, "SQUARE": 4}]
    assert sql.one("SELECT SUM(square) FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))") == 5


@pytest.mark.parity("CREATE PROCEDURE", "IMPORTS of modules and zip files from a stage", f"{DOCS}/create-procedure")
def test_imports(sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text("def greet(name):\n    return f'Hello {name}'\n")
    (tmp_path / "main.py").write_text("import words\n\ndef run(session, name):\n    return words.greet(name)\n")
    sql("CREATE STAGE code")
    sql(f"PUT 'file://{tmp_path}/*.py' @code/lib AUTO_COMPRESS = FALSE")
    sql(
        "CREATE PROCEDURE greet(name VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11' "
        "PACKAGES = ('snowflake-snowpark-python') IMPORTS = ('@code/lib/main.py', '@code/lib/words.py') "
        "HANDLER = 'main.run'"
    )
    assert sql.one("CALL greet('Ann')") == "Hello Ann"
    (tmp_path / "words.py").write_text("def greet(name):\n    return f'Bye {name}'\n")
    sql(f"PUT 'file://{tmp_path}/words.py' @code/lib AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
    assert sql.one("CALL greet('Ann')") == "Bye Ann"
    here = sql.one("SELECT CURRENT_DATABASE() || '.' || CURRENT_SCHEMA()")
    sql("CREATE SCHEMA elsewhere")
    assert sql.one(f"CALL {here}.greet('Ann')") == "Bye Ann", "the files are where they were when it was created"
    sql(f"USE SCHEMA {here}")
    sql.fails(f"CREATE PROCEDURE p() RETURNS VARCHAR {HEAD} IMPORTS = ('@code/missing.py') AS 'x = 1'")


@pytest.mark.parity("CREATE PROCEDURE", "PACKAGES that are not there are refused", f"{DOCS}/create-procedure")
def test_missing_package(sql: Sql) -> None:
    error = sql.fails(
        "CREATE PROCEDURE p() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11' "
        "PACKAGES = ('snowflake-snowpark-python', 'no-such-package') HANDLER = 'run' AS 'def run(session): pass'"
    )
    assert "no-such-package" in str(error)


@pytest.mark.parity("CALL", "an exception is error 100357 with the Python traceback", f"{GUIDE}")
def test_exception(sql: Sql) -> None:
    define(sql, "fail()", "def helper():\n    return {}['absent']\n\ndef run(session):\n    return helper()")
    error = sql.fails("CALL fail()", 100357)
    for text in (
        "Python Interpreter Error",
        "Traceback (most recent call last)",
        "in helper",
        "KeyError: 'absent'",
        "FAIL",
    ):
        assert text in str(error)
    assert sql.one("SELECT 1") == 1


@pytest.mark.parity("CALL", "a SQL error inside can be caught by the handler", GUIDE)
def test_sql_error_inside(sql: Sql) -> None:
    define(
        sql,
        "careful()",
        """from snowflake.snowpark.exceptions import SnowparkSQLException
def run(session):
    try:
        session.sql("SELECT * FROM missing").collect()
    except SnowparkSQLException as error:
        return f"{error.sql_error_code}\"""",
    )
    assert sql.one("CALL careful()") == "2003"


@pytest.mark.parity("CALL", "runs in its caller's transaction", GUIDE)
def test_transaction_of_the_caller(sql: Sql, other: Sql) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    define(sql, "fill()", "def run(session):\n    session.sql('INSERT INTO t VALUES (1)').collect()\n    return 'ok'")
    sql("BEGIN")
    sql("CALL fill()")
    assert (sql.one("SELECT COUNT(*) FROM t"), other.one("SELECT COUNT(*) FROM t")) == (1, 0)
    sql("ROLLBACK")
    assert sql.one("SELECT COUNT(*) FROM t") == 0
    sql("CALL fill()")
    assert other.one("SELECT COUNT(*) FROM t") == 1


@pytest.mark.parity("CALL", "reads and writes what is in the caller's session: temporary tables", RIGHTS)
def test_temporary_tables(sql: Sql) -> None:
    sql("CREATE TEMPORARY TABLE mine AS SELECT 7 AS n")
    define(
        sql,
        "look()",
        """def run(session):
    session.sql("CREATE TEMPORARY TABLE made AS SELECT n + 1 AS n FROM mine").collect()
    return str(session.table("mine").collect()[0][0])""",
        more="EXECUTE AS CALLER",
    )
    assert sql.one("CALL look()") == "7"
    assert sql("SELECT n FROM made") == [(8,)]


@pytest.mark.parity("EXECUTE AS", "OWNER looks names up in the procedure's schema, CALLER in the caller's", RIGHTS)
def test_rights(sql: Sql) -> None:
    sql("CREATE TABLE t AS SELECT 'public' AS place")
    body = "def run(session):\n    return session.table('t').collect()[0][0] + ' ' + session.get_current_schema()"
    define(sql, "as_owner()", body, more="EXECUTE AS OWNER")
    define(sql, "as_caller()", body, more="EXECUTE AS CALLER")
    sql("CREATE SCHEMA elsewhere")
    sql("CREATE TABLE t AS SELECT 'elsewhere' AS place")
    assert sql.one("CALL public.as_owner()") == 'public "PUBLIC"'
    assert sql.one("CALL public.as_caller()") == 'elsewhere "ELSEWHERE"'


@pytest.mark.parity("CALL", "a procedure calls another", GUIDE)
def test_nested_call(sql: Sql) -> None:
    define(sql, "inner_one(n NUMBER)", "def run(session, n):\n    return str(n * 2)")
    define(sql, "outer_one(n NUMBER)", "def run(session, n):\n    return 'got ' + session.call('inner_one', n + 1)")
    assert sql.one("CALL outer_one(20)") == "got 42"


@pytest.mark.parity("WITH ... AS PROCEDURE", "an anonymous procedure is made and called at once", f"{DOCS}/call-with")
def test_anonymous(sql: Sql) -> None:
    found = sql.one(
        f"WITH twice AS PROCEDURE (n NUMBER) RETURNS NUMBER {HEAD} "
        "AS $$\ndef run(session, n):\n    return n * 2\n$$ CALL twice(21)"
    )
    assert found == 42
    sql.fails("CALL twice(21)", 2140)


@pytest.mark.parity(
    "Overloading",
    "procedures of one name differ in their arguments",
    "https://docs.snowflake.com/en/developer-guide/udf-stored-procedure-naming-conventions#overloading-procedures-and-functions",
)
def test_overloads(sql: Sql) -> None:
    define(sql, "count_them(a NUMBER)", "def run(session, a):\n    return 'one'")
    define(sql, "count_them(a NUMBER, b NUMBER)", "def run(session, a, b):\n    return 'two'")
    assert (sql.one("CALL count_them(1)"), sql.one("CALL count_them(1, 2)")) == ("one", "two")
    sql("DROP PROCEDURE count_them(NUMBER)")
    sql.fails("CALL count_them(1)")
    assert sql.one("CALL count_them(1, 2)") == "two"


@pytest.mark.parity("SHOW PROCEDURES, DESCRIBE PROCEDURE", "name, arguments, handler, body", f"{DOCS}/desc-procedure")
def test_show_and_describe(sql: Sql) -> None:
    define(sql, "twice(n NUMBER)", "def run(session, n):\n    return str(n)")
    (shown,) = sql.dicts("SHOW PROCEDURES LIKE 'twice'")
    assert (shown["name"], shown["arguments"]) == ("TWICE", "TWICE(NUMBER) RETURN VARCHAR")
    described = {row["property"]: row["value"] for row in sql.dicts("DESCRIBE PROCEDURE twice(NUMBER)")}
    assert described["handler"] == "run"
    assert "return str(n)" in described["body"]


@pytest.mark.parity(
    "Cancel",
    "a running CALL ends when it is canceled",
    "https://docs.snowflake.com/en/sql-reference/functions/system_cancel_query",
)
def test_cancel_call(sql: Sql, other: Sql) -> None:
    sql("CREATE TABLE started (n NUMBER)")
    define(
        sql,
        "endless()",
        """import threading
def run(session):
    session.sql("INSERT INTO started VALUES (1)").collect()
    threading.Event().wait(120)""",
    )
    query_id = sql.cursor.execute_async("CALL endless()")["queryId"]
    poll(lambda: other.one("SELECT COUNT(*) FROM started"), "start of the procedure")
    assert "terminated" in other.one(f"SELECT SYSTEM$CANCEL_QUERY('{query_id}')")
    status = sql.connection.get_query_status
    poll(lambda: not sql.connection.is_still_running(status(query_id)), "end of the procedure", 20)
    assert status(query_id).name == "ABORTED"
    assert sql.one("SELECT 1") == 1


@pytest.mark.parity(
    "Snowpark: session.sproc",
    "registers temporary and permanent procedures from functions",
    "https://docs.snowflake.com/en/developer-guide/snowpark/python/creating-sprocs",
)
def test_registration(session: Any, sql: Sql) -> None:
    from snowflake.snowpark import Session
    from snowflake.snowpark.functions import sproc
    from snowflake.snowpark.types import IntegerType

    offset = 100

    @sproc(return_type=IntegerType(), input_types=[IntegerType()], packages=["snowflake-snowpark-python"])
    def shifted(inner: Session, n: int) -> int:
        return n + offset

    assert shifted(1) == 101
    sql("CREATE STAGE code")

    def doubled(inner: Session, n: int) -> int:
        return inner.sql(f"SELECT {n} * 2").collect()[0][0]

    session.sproc.register(
        doubled,
        name="doubled",
        is_permanent=True,
        stage_location="@code",
        return_type=IntegerType(),
        input_types=[IntegerType()],
        packages=["snowflake-snowpark-python"],
        replace=True,
    )
    assert session.call("doubled", 21) == 42
    assert sql.one("CALL doubled(4)") == 8


FUNCTIONS = "https://docs.snowflake.com/en/developer-guide/udf/python/udf-python-introduction"


@pytest.mark.parity("CREATE FUNCTION", "a scalar Python function in SQL", FUNCTIONS)
def test_scalar_function(sql: Sql) -> None:
    sql(
        "CREATE FUNCTION initials(first VARCHAR, last VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON "
        "RUNTIME_VERSION = '3.11' HANDLER = 'run' AS $$\ndef run(first, last):\n    return first[0] + last[0]\n$$"
    )
    assert sql("SELECT initials(a, b) FROM VALUES ('Ann', 'Lee'), ('Bob', 'Ray') AS v(a, b) ORDER BY a") == [
        ("AL",),
        ("BR",),
    ]
    assert "'NoneType'" in str(sql.fails("SELECT initials(NULL, 'x')", 100357))
    sql("DROP FUNCTION initials(VARCHAR, VARCHAR)")
    sql.fails("SELECT initials('a', 'b')", 2140)


@pytest.mark.parity("CREATE FUNCTION", "a VARIANT holds text as text, in arguments and results", FUNCTIONS)
def test_text_in_variants(sql: Sql) -> None:
    body = "AS 'def run(*given): return given[-1]'"
    head = "LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'run'"
    sql(f"CREATE FUNCTION same(v VARIANT) RETURNS VARIANT {head} {body}")
    sql(f"CREATE PROCEDURE same_by_call(v VARIANT) RETURNS VARIANT {HEAD} {body}")
    for given in ("'a b'", "'a b'::VARIANT", "'[1'"):
        assert sql.one(f"SELECT same({given})::VARCHAR = {given}")
        assert json.loads(sql.one(f"CALL same_by_call({given})")) == sql.one(f"SELECT {given}::VARCHAR")
    assert sql.one("SELECT TYPEOF(same([1, same('x')]))") == "ARRAY"


@pytest.mark.parity("CREATE FUNCTION", "a float within a VARIANT is a FLOAT, keys are in order", FUNCTIONS)
def test_floats_in_variants(sql: Sql) -> None:
    head = "LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'f'"
    body = "import numpy as np\ndef f(): return {'n': 2, 'f': 1.5, 'a': [np.float32(0.25), np.int64(3)]}"
    sql(f"CREATE FUNCTION made() RETURNS OBJECT {head} PACKAGES = ('numpy') AS $${body}$$")
    assert sql.one("SELECT made()::VARCHAR") == '{"a":[2.500000000000000e-01,3],"f":1.500000000000000e+00,"n":2}'
    assert sql("SELECT TYPEOF(made():f), TYPEOF(made():n), TYPEOF(made():a[0]), made():f = 1.5") == [
        ("DOUBLE", "INTEGER", "DOUBLE", True)
    ]
    sql(f"CREATE FUNCTION told(x FLOAT) RETURNS VARCHAR {head} AS 'def f(x): return x'")
    assert sql.one("SELECT told(1.5)") == "1.5"


@pytest.mark.parity("CREATE FUNCTION", "its type counts in the expression around a call", FUNCTIONS)
def test_types_of_functions(sql: Sql) -> None:
    head = "LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'f' AS 'def f(x): return x'"
    sql(f"CREATE FUNCTION same(x VARIANT) RETURNS VARIANT {head}")
    sql(f"CREATE FUNCTION price(x NUMBER(10, 2)) RETURNS NUMBER(10, 2) {head}")
    assert sql("SELECT same('x') = 'x', UPPER(same('x')), same('x') || 'y', same(1) + 1, NOT same(TRUE)") == [
        (True, "X", "xy", 2.0, False)
    ]
    assert sql.one("SELECT same(2) = same(2)") is True
    assert sql("SELECT price(1) / 3, SYSTEM$TYPEOF(price(1) / 3), SYSTEM$TYPEOF(PUBLIC.price(1))") == [
        (Decimal("0.33333333"), "NUMBER(16,8)[SB8]", "NUMBER(10,2)[SB8]")
    ]


@pytest.mark.parity("CREATE FUNCTION", "arguments by name, and defaults, of a Python function", FUNCTIONS)
def test_named_arguments(sql: Sql) -> None:
    sql(
        "CREATE FUNCTION power_of(base NUMBER, exponent NUMBER DEFAULT 1 + 1) RETURNS NUMBER LANGUAGE PYTHON "
        "RUNTIME_VERSION = '3.11' HANDLER = 'run' AS 'def run(base, exponent): return base ** exponent'"
    )
    assert sql("SELECT power_of(exponent => 3, base => n), power_of(n), power_of(n, 1) FROM (SELECT 2 AS n)") == [
        (8, 4, 2)
    ]
    sql.fails("SELECT power_of(2, nope => 3)", 1044)
    sql.fails("SELECT power_of(1, 2, 3)", 2140)


@pytest.mark.parity(
    "CREATE FUNCTION",
    "vectorized handlers get as many rows as they want, and give one value for each or for all",
    "https://docs.snowflake.com/en/developer-guide/udf/python/udf-python-batch",
)
def test_batches(sql: Sql) -> None:
    head = "LANGUAGE PYTHON RUNTIME_VERSION = '3.11' PACKAGES = ('pandas') HANDLER = 'run' AS"
    start = "import pandas\nfrom _snowflake import vectorized"
    for name, arguments, expression in (
        ("sizes", "n NUMBER", "[len(frame)] * len(frame)"),
        ("first_of", "n NUMBER", "[len(frame)]"),
        ("wrong", "n NUMBER", "[1, 2]"),
        ("of_nothing", "", "pandas.Series([7])"),
    ):
        mark = "@vectorized(input=pandas.DataFrame, max_batch_size=3)"
        body = f"{start}\n{mark}\ndef run(*given):\n    frame = given[0] if given else None\n    return {expression}"
        sql(f"CREATE FUNCTION {name}({arguments}) RETURNS NUMBER {head} $$\n{body}\n$$")
    sql("CREATE TABLE t AS SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 7))")
    counted = [(1, 1), (3, 6)]
    assert sql("SELECT size, COUNT(*) FROM (SELECT sizes(n) AS size FROM t) GROUP BY size ORDER BY size") == counted
    assert sql("SELECT size, COUNT(*) FROM (SELECT first_of(n) AS size FROM t) GROUP BY size ORDER BY size") == counted
    assert sql("SELECT of_nothing() AS s, COUNT(*) FROM t GROUP BY s") == [(7, 7)]
    assert "must give 3 value(s), and has given 2" in str(sql.fails("SELECT wrong(n) FROM t", 100357))


@pytest.mark.parity(
    "CREATE FUNCTION",
    "vectorized handlers get whole batches as pandas",
    "https://docs.snowflake.com/en/developer-guide/udf/python/udf-python-batch",
)
def test_vectorized_function(sql: Sql) -> None:
    sql(
        """CREATE FUNCTION total(a FLOAT, b FLOAT) RETURNS FLOAT LANGUAGE PYTHON RUNTIME_VERSION = '3.11'
           PACKAGES = ('pandas') HANDLER = 'run' AS $$
import pandas
from _snowflake import vectorized

@vectorized(input=pandas.DataFrame)
def run(frame):
    return frame[0] + frame[1]
$$"""
    )
    assert sql("SELECT total(a, b) FROM VALUES (1, 2), (3, 4) AS v(a, b) ORDER BY a") == [(3.0,), (7.0,)]


@pytest.mark.parity(
    "Snowpark: udf, pandas_udf",
    "register functions and use them in DataFrames",
    "https://docs.snowflake.com/en/developer-guide/snowpark/python/creating-udfs",
)
def test_snowpark_functions(session: Any) -> None:
    from snowflake.snowpark.functions import col, pandas_udf, udf
    from snowflake.snowpark.types import FloatType, IntegerType, PandasSeries

    @udf(return_type=IntegerType(), input_types=[IntegerType()], session=session)
    def plus_one(n: int) -> int:
        return n + 1

    @pandas_udf(session=session, return_type=FloatType(), input_types=[FloatType()])
    def half(values: PandasSeries[float]) -> PandasSeries[float]:
        return values / 2

    frame = session.create_dataframe([(1, 3.0), (2, 5.0)], ["N", "X"])
    found = frame.select(plus_one(col("N")), half(col("X"))).sort(col("N")).collect()
    assert [tuple(row) for row in found] == [(2, 1.5), (3, 2.5)]
