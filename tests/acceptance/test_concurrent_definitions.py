"""Definitions of one object changed by several sessions at once: each that is acknowledged is there afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, takewhile
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from harness import Sql
from snowflake.connector.errors import ProgrammingError

DDL = "https://docs.snowflake.com/en/sql-reference/transactions"

SESSIONS = 4
TURNS = 12


@pytest.fixture
def sessions(connect: Callable[..., Any], database: str) -> list[Sql]:
    return [Sql(connect(database=database, schema="PUBLIC")) for _ in range(SESSIONS)]


def at_once(sessions: list[Sql], work: Callable[[Sql, int], None]) -> None:
    """`work(session, its number)` in all sessions, which begin together."""
    start = Barrier(SESSIONS)

    def begin(number: int) -> None:
        start.wait()
        work(sessions[number], number)

    with ThreadPoolExecutor(SESSIONS) as pool:
        list(pool.map(begin, range(SESSIONS)))


@pytest.mark.parity("ALTER TABLE ADD COLUMN", "by several sessions at once: none is lost", DDL)
def test_columns(sql: Sql, sessions: list[Sql]) -> None:
    sql("CREATE TABLE t (n NUMBER)")

    def work(session: Sql, number: int) -> None:
        for turn in range(TURNS):
            session(f"ALTER TABLE t ADD COLUMN c_{number}_{turn} NUMBER")
            session(f"COMMENT ON COLUMN t.c_{number}_{turn} IS 'of {number}'")

    at_once(sessions, work)
    described = {row["name"]: row["comment"] for row in sql.dicts("DESCRIBE TABLE t")}
    assert described == {"N": None} | {
        f"C_{number}_{turn}": f"of {number}" for number in range(SESSIONS) for turn in range(TURNS)
    }


@pytest.mark.parity("ALTER TASK ADD AFTER", "by several sessions at once: all predecessors are there", DDL)
def test_predecessors(sql: Sql, sessions: list[Sql]) -> None:
    sql("CREATE TASK root SCHEDULE = '60 MINUTES' AS SELECT 1")
    sql("CREATE TASK last AFTER root AS SELECT 1")
    names = [[f"T_{number}_{turn}" for turn in range(TURNS)] for number in range(SESSIONS)]

    def work(session: Sql, number: int) -> None:
        for name in names[number]:
            session(f"CREATE TASK {name} AFTER root AS SELECT 1")
            session(f"ALTER TASK last ADD AFTER {name}")

    at_once(sessions, work)
    (last,) = sql.dicts("SHOW TASKS LIKE 'last'")
    wanted = {"ROOT"} | {name for each in names for name in each}
    assert {name for name in wanted if f".{name}" in last["predecessors"]} == wanted


@pytest.mark.parity("ALTER TASK ADD AFTER", "two sessions at once make no circle", DDL)
def test_no_circle_of_tasks(sql: Sql, sessions: list[Sql]) -> None:
    sql("CREATE TASK root SCHEDULE = '60 MINUTES' AS SELECT 1")
    for turn in range(TURNS):
        for number in range(SESSIONS):
            sql(f"CREATE TASK t_{turn}_{number} AFTER root AS SELECT 1")
    answers: list[str] = []

    def work(session: Sql, number: int) -> None:
        for turn in range(TURNS):
            try:
                session(f"ALTER TASK t_{turn}_{number} ADD AFTER t_{turn}_{(number + 1) % SESSIONS}")
                answers.append("done")
            except ProgrammingError as error:
                assert error.errno == 91083
                answers.append("refused")

    at_once(sessions, work)
    assert answers.count("refused") == TURNS


@pytest.mark.parity("ALTER FILE FORMAT, VIEW, WAREHOUSE, DATABASE", "at once, each setting what is its own", DDL)
def test_properties(sql: Sql, sessions: list[Sql], database: str) -> None:
    warehouse = f"WH_{database}"
    sql("CREATE FILE FORMAT f TYPE = CSV")
    sql("CREATE TABLE t (a NUMBER, b NUMBER, c NUMBER, d NUMBER)")
    sql("CREATE VIEW v AS SELECT * FROM t")
    sql(f"CREATE WAREHOUSE {warehouse}")
    options = ("SKIP_HEADER = {0}", "NULL_IF = ('{0}')", "FIELD_DELIMITER = '{0}'", "COMMENT = 'at {0}'")
    sizes = (
        "COMMENT = 'at {0}'",
        "AUTO_SUSPEND = 7{0}",
        "MAX_CLUSTER_COUNT = {0}",
        "STATEMENT_TIMEOUT_IN_SECONDS = {0}",
    )
    kept = ("COMMENT = 'at {0}'", "DATA_RETENTION_TIME_IN_DAYS = {0}", "MAX_DATA_EXTENSION_TIME_IN_DAYS = {0}")

    def work(session: Sql, number: int) -> None:
        for turn in range(1, TURNS // 2):
            session(f"ALTER FILE FORMAT f SET {options[number].format(turn)}")
            session(f"COMMENT ON COLUMN v.{'abcd'[number]} IS 'at {turn}'")
            session(f"ALTER WAREHOUSE {warehouse} SET {sizes[number].format(turn)}")
            if number < len(kept):
                session(f"ALTER DATABASE {database} SET {kept[number].format(turn)}")

    try:
        at_once(sessions, work)
        last = str(TURNS // 2 - 1)
        described = {row["property"]: row["property_value"] for row in sql.dicts("DESCRIBE FILE FORMAT f")}
        assert described["SKIP_HEADER"] == last
        assert last in described["NULL_IF"]
        assert described["FIELD_DELIMITER"] == last
        assert sql.column("SHOW FILE FORMATS LIKE 'f'", "comment") == [f"at {last}"]
        assert {row["comment"] for row in sql.dicts("DESCRIBE VIEW v")} == {f"at {last}"}
        (shown,) = sql.dicts(f"SHOW WAREHOUSES LIKE '{warehouse}'")
        assert (shown["comment"], str(shown["auto_suspend"])) == (f"at {last}", f"7{last}")
        (shown,) = sql.dicts(f"SHOW DATABASES LIKE '{database}'")
        assert (shown["comment"], shown["retention_time"]) == (f"at {last}", last)
    finally:
        sql(f"DROP WAREHOUSE {warehouse}")


@pytest.mark.parity("DROP TABLE", "beside OR REPLACE and RENAME by others: what is there can be read", DDL)
def test_drops(sql: Sql, sessions: list[Sql]) -> None:
    sql("CREATE TABLE t (n NUMBER)")
    work = (
        lambda session: session("CREATE OR REPLACE TABLE t AS SELECT 1 AS n"),
        lambda session: session("DROP TABLE IF EXISTS t"),
        lambda session: session("ALTER TABLE IF EXISTS t RENAME TO u"),
        lambda session: session("DROP TABLE IF EXISTS u"),
    )

    def turns(session: Sql, number: int) -> None:
        for _ in range(TURNS):
            try:
                work[number](session)
            except ProgrammingError as error:
                # A name that is taken.
                assert error.errno == 2002

    at_once(sessions, turns)
    for name in sql.column("SHOW TABLES", "name"):
        assert sql(f"SELECT * FROM {name}") in ([], [(1,)])
    sql("CREATE OR REPLACE TABLE t AS SELECT 2 AS n")
    assert sql("SELECT n FROM t") == [(2,)]


@pytest.mark.parity("DROP SCHEMA", "beside CREATE in it: nothing is left that lies nowhere", DDL)
def test_schemas(sql: Sql, sessions: list[Sql]) -> None:
    sql("CREATE SCHEMA s")

    def work(session: Sql, number: int) -> None:
        for turn in range(TURNS):
            try:
                if number == 0:
                    session("CREATE OR REPLACE SCHEMA s" if turn % 2 else "DROP SCHEMA IF EXISTS s")
                else:
                    session(f"CREATE TABLE s.t_{number}_{turn} (n NUMBER)")
            except ProgrammingError as error:
                assert error.errno == 2003

    at_once(sessions, work)
    sql("CREATE OR REPLACE SCHEMA s")
    assert sql("SHOW TABLES IN SCHEMA s") == []


@pytest.fixture
def model_files(sql: Sql, session: Any) -> Iterator[str]:
    """A stage's directory with the files of a model, as the registry puts them there."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression
    from snowflake.ml.registry import Registry

    frame = pd.DataFrame({"A": [0.0, 1.0, 2.0]})
    Registry(session).log_model(
        LinearRegression().fit(frame, frame["A"]),
        model_name="PRICES",
        version_name="V1",
        sample_input_data=frame,
        options={"relax_version": False},
        target_platforms=["WAREHOUSE"],
    )
    sql("CREATE STAGE files")
    sql("COPY FILES INTO @files/m/ FROM 'snow://model/PRICES/versions/V1/'")
    yield "@files/m"


@pytest.mark.ml
@pytest.mark.parity("ALTER MODEL", "ADD VERSION and MODIFY VERSION by several sessions at once: none is lost", DDL)
def test_models(sql: Sql, sessions: list[Sql], model_files: str) -> None:
    def work(session: Sql, number: int) -> None:
        for turn in range(TURNS // 2):
            session(f"ALTER MODEL prices ADD VERSION v_{number}_{turn} FROM {model_files}")
            session(f"ALTER MODEL prices MODIFY VERSION v_{number}_{turn} SET COMMENT = 'of {number}'")

    at_once(sessions, work)
    shown = {row["name"]: row["comment"] for row in sql.dicts("SHOW VERSIONS IN MODEL prices")}
    added = {f"V_{number}_{turn}": f"of {number}" for number in range(SESSIONS) for turn in range(TURNS // 2)}
    assert {name: comment for name, comment in shown.items() if name != "V1"} == added


class Held:
    """A function in SQL, ``held(n)``, that gives `n` back once it is let go."""

    def __init__(self, sql: Sql, directory: Path) -> None:
        self._begun, self._go = directory / "begun", directory / "go"
        sql(
            "CREATE FUNCTION held(n NUMBER) RETURNS NUMBER LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'f' "
            "AS $$\n"
            "import pathlib, time\n"
            "def f(n):\n"
            f"    pathlib.Path({str(self._begun)!r}).touch()\n"
            f"    while not pathlib.Path({str(self._go)!r}).exists():\n"
            "        time.sleep(0.01)\n"
            "    return n\n$$"
        )

    def wait(self, run: Future[Any]) -> None:
        """Until a statement that uses it has come so far."""
        deadline = time.monotonic() + 30
        while not self._begun.exists():
            assert not run.done() and time.monotonic() < deadline
            time.sleep(0.01)

    def let_go(self) -> None:
        self._go.touch()


@pytest.mark.parametrize(
    "source", ["CREATE TABLE long AS SELECT held(1) AS n", "CREATE OR REPLACE TABLE t AS SELECT held(1) AS n"]
)
@pytest.mark.parity("CREATE TABLE AS", "while one runs, other definitions do not wait for it", DDL)
def test_long_ones(sql: Sql, sessions: list[Sql], tmp_path: Path, source: str) -> None:
    sql("CREATE TABLE t (m NUMBER)")
    held = Held(sql, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(sessions[0], source)
        held.wait(run)
        sql("CREATE TABLE short (n NUMBER)")
        sql("ALTER TABLE t ADD COLUMN k NUMBER")
        sql("DROP TABLE short")
        assert not run.done()
        held.let_go()
        run.result()
    name = "long" if "long" in source else "t"
    assert sql(f"SELECT * FROM {name}") == [(1,)]
    assert set(sql.column("SHOW TABLES", "name")) == {"T", name.upper()}


@pytest.mark.parity("CREATE TABLE AS", "of a name that another session takes meanwhile is refused", DDL)
def test_names_taken_meanwhile(sql: Sql, sessions: list[Sql], tmp_path: Path) -> None:
    held = Held(sql, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(sessions[0].fails, "CREATE TABLE t AS SELECT held(1) AS n", 2002)
        held.wait(run)
        sql("CREATE TABLE t (m NUMBER)")
        held.let_go()
        run.result()
    assert sql("SELECT * FROM t") == []
    assert sql.column("SHOW TABLES", "name") == ["T"]


@pytest.mark.parity(
    "ALTER TABLE", "beside changes of its rows and their streams: what the stream tells stays right", DDL
)
def test_changes_of_rows_beside_alter(sql: Sql, sessions: list[Sql]) -> None:
    fillers = ", ".join(f"x{turn} NUMBER" for turn in range(3 * TURNS))
    sql(f"CREATE TABLE t (k NUMBER, {fillers}, c NUMBER, d NUMBER)")
    sql("CREATE STREAM changes ON TABLE t")
    sql("CREATE TABLE sink (batch NUMBER, k NUMBER, c NUMBER, d NUMBER, action VARCHAR)")
    sql("INSERT INTO t (k, c, d) SELECT SEQ4(), 0, 0 FROM TABLE(GENERATOR(ROWCOUNT => 20))")
    done = Event()
    consume = "INSERT INTO sink SELECT {}, k, c, d, METADATA$ACTION FROM changes"

    def alter(session: Sql) -> None:
        try:
            for turn in range(3 * TURNS):
                session(f"ALTER TABLE t DROP COLUMN x{turn}")
                if turn % 4 == 0:
                    session(f"ALTER TABLE t ADD COLUMN y{turn} NUMBER DEFAULT 1")
        finally:
            done.set()

    def change(session: Sql) -> None:
        for turn in takewhile(lambda _: not done.is_set(), count(1)):
            session(f"UPDATE t SET c = c + 1 WHERE k = {turn % 20}")
            session(f"INSERT INTO t (k, c, d) VALUES ({100 + turn}, 0, 0)")
            source = f"(SELECT {turn % 20} AS k) AS s"
            session(f"MERGE INTO t USING {source} ON t.k = s.k WHEN MATCHED THEN UPDATE SET d = {turn}")

    def change_together(session: Sql) -> None:
        for turn in takewhile(lambda _: not done.is_set(), count(1)):
            try:
                session("BEGIN")
                session(f"UPDATE t SET d = d + 1 WHERE k = {turn % 20}")
                session(f"UPDATE t SET c = c + 1 WHERE k = {turn % 20}")
                session("COMMIT")
            except ProgrammingError as error:
                session("ROLLBACK")
                # The table is not the one that the transaction has changed.
                assert error.errno == 625, error

    def read(session: Sql) -> None:
        for turn in takewhile(lambda _: not done.is_set(), count(1)):
            session(consume.format(turn))

    work = (alter, change, change_together, read)
    at_once(sessions, lambda session, number: work[number](session))
    sql(consume.format(1_000_000))
    rows: Counter[tuple[int, int, int]] = Counter()
    for batch in sql("SELECT DISTINCT batch FROM sink ORDER BY 1"):
        told = sql(f"SELECT k, c, d, action FROM sink WHERE batch = {batch[0]}")
        rows.subtract(tuple(row[:3]) for row in told if row[3] == "DELETE")
        assert min(rows.values(), default=0) >= 0, "a row is told to be gone that was not there"
        rows.update(tuple(row[:3]) for row in told if row[3] == "INSERT")
    assert +rows == Counter(sql("SELECT k, c, d FROM t"))
    assert any(row[1] for row in rows.elements())
