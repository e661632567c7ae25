"""Retention, pruning and staleness, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import snowflake.connector
from harness import Sql, poll

from snowmelt.base.request import Request
from snowmelt.base.settings import Settings
from snowmelt.catalog.names import FullName
from snowmelt.runtime import Runtime
from snowmelt.session.pruning import prune
from snowmelt.testing.clock import ManualClock
from snowmelt.testing.server import RunningServer, running_server

DAY = 86_400
RETENTION = "https://docs.snowflake.com/en/user-guide/data-time-travel"
STREAMS = "https://docs.snowflake.com/en/user-guide/streams-intro"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class Timed(Sql):
    """A client of a server whose clock stands still but when the client says so."""

    def __init__(self, server: RunningServer, clock: ManualClock) -> None:
        self._server, self._clock = server, clock
        super().__init__(snowflake.connector.connect(**server.parameters))

    def advance(self, seconds: float) -> None:
        """Let time pass; sessions do not live so long, so there is a new one."""
        self.connection.close()
        self._clock.advance(seconds)
        super().__init__(snowflake.connector.connect(**self._server.parameters, database="D", schema="PUBLIC"))


@pytest.fixture
def timed(clock: ManualClock) -> Iterator[Timed]:
    with running_server(Settings(port=0), clock) as server:
        client = Timed(server, clock)
        client("CREATE DATABASE d")
        yield client
        client.connection.close()


@pytest.mark.parity("Time travel", "TIMESTAMP and OFFSET reach back for as long as the retention says", RETENTION)
def test_time_and_offset(timed: Timed) -> None:
    timed("CREATE TABLE t AS SELECT 1 AS n")
    timed.advance(60)
    timed("UPDATE t SET n = 2")
    timed.advance(60)
    timed("UPDATE t SET n = 3")
    assert timed("SELECT n FROM t AT (OFFSET => -60)") == [(2,)]
    assert timed("SELECT n FROM t BEFORE (OFFSET => -60)") == [(1,)]
    assert timed("SELECT n FROM t AT (OFFSET => -60*1.5)") == [(1,)]
    assert timed("SELECT n FROM t AT (TIMESTAMP => '2026-01-01 12:01:59'::TIMESTAMP_NTZ)") == [(2,)]
    timed.fails("SELECT n FROM t AT (OFFSET => -121)", 707)
    timed.advance(DAY)
    assert timed("SELECT n FROM t AT (OFFSET => -60)") == [(3,)]
    assert timed(f"SELECT n FROM t AT (OFFSET => -{DAY})") == [(3,)]
    timed.fails(f"SELECT n FROM t AT (OFFSET => -{DAY + 1})", 707)


@pytest.mark.parity("UNDROP", "restores within the retention of what was dropped, and not later", RETENTION)
def test_undrop_expires(timed: Timed) -> None:
    timed("CREATE TABLE t AS SELECT 1 AS n")
    timed("CREATE TABLE longer (n NUMBER) DATA_RETENTION_TIME_IN_DAYS = 3")
    timed("DROP TABLE t")
    timed("DROP TABLE longer")
    timed.advance(DAY + 1)
    timed.fails("UNDROP TABLE t", 90025)
    assert timed.column("SHOW TABLES HISTORY", "name") == ["LONGER"]
    timed("UNDROP TABLE longer")
    timed("ALTER ACCOUNT SET DATA_RETENTION_TIME_IN_DAYS = 0")
    timed("CREATE DATABASE e")
    timed("DROP DATABASE e")
    timed.fails("UNDROP DATABASE e", 90025)
    timed("DROP DATABASE d")
    timed("ALTER ACCOUNT UNSET DATA_RETENTION_TIME_IN_DAYS")
    timed.fails("UNDROP DATABASE d", 90025)


@pytest.mark.parity("UNDROP", "a database with its schemas and tables", RETENTION)
def test_undrop_database(timed: Timed) -> None:
    timed("CREATE SCHEMA d.s")
    timed("CREATE TABLE d.s.t AS SELECT 1 AS n")
    timed("DROP DATABASE d")
    assert "D" not in timed.column("SHOW DATABASES", "name")
    assert "D" in timed.column("SHOW DATABASES HISTORY", "name")
    assert timed("UNDROP DATABASE d") == [("Database D successfully restored.",)]
    assert timed("SELECT n FROM d.s.t") == [(1,)]


@pytest.mark.parity(
    "CLONE", "a database with its schemas, as it was", "https://docs.snowflake.com/en/sql-reference/sql/create-clone"
)
def test_clone_database(timed: Timed) -> None:
    timed("CREATE SCHEMA d.s")
    timed("CREATE TABLE d.s.t AS SELECT 1 AS n")
    timed.advance(60)
    timed("DROP SCHEMA d.s")
    timed("CREATE TABLE d.public.u (n NUMBER)")
    timed("CREATE DATABASE e CLONE d AT (OFFSET => -30)")
    assert timed("SELECT n FROM e.s.t") == [(1,)]
    assert timed("SHOW TABLES IN DATABASE e") and len(timed("SHOW TABLES IN DATABASE e")) == 1
    assert timed("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()") == [("E", "PUBLIC")]
    timed.fails("CREATE DATABASE f CLONE d AT (OFFSET => -3600)", 707)


@pytest.mark.parity("Streams", "go stale when they are not read within the extended retention", STREAMS)
def test_streams_go_stale(timed: Timed) -> None:
    timed("CREATE TABLE t (n NUMBER) MAX_DATA_EXTENSION_TIME_IN_DAYS = 5")
    timed("CREATE STREAM s ON TABLE t")
    timed("INSERT INTO t VALUES (1)")
    (shown,) = timed.dicts("SHOW STREAMS")
    assert (shown["stale"], shown["stale_after"].day) == ("false", 6)
    timed.advance(5 * DAY - 1)
    assert timed("SELECT n FROM s") == [(1,)]
    timed.advance(1)
    (shown,) = timed.dicts("DESCRIBE STREAM s")
    assert shown["stale"] == "true"
    timed.fails("SELECT n FROM s", 707)
    timed.fails("CREATE TABLE u AS SELECT n FROM s", 707)
    timed("CREATE OR REPLACE STREAM s ON TABLE t")
    assert timed("SELECT n FROM s") == []


@pytest.mark.parity("Streams", "consuming puts staleness off", STREAMS)
def test_consuming_puts_staleness_off(timed: Timed) -> None:
    timed("CREATE TABLE t (n NUMBER)")
    timed("CREATE STREAM s ON TABLE t")
    timed.advance(13 * DAY)
    timed("INSERT INTO t VALUES (1)")
    timed("CREATE TABLE u AS SELECT n FROM s")
    timed.advance(13 * DAY)
    assert timed("SELECT n FROM s") == []


@pytest.mark.parity(
    "SYSTEM$STREAM_HAS_DATA",
    "puts staleness off while there is nothing to read, and only then",
    "https://docs.snowflake.com/en/sql-reference/functions/system_stream_has_data",
)
def test_asking_an_empty_stream_puts_staleness_off(timed: Timed) -> None:
    timed("CREATE TABLE t (n NUMBER)")
    timed("CREATE STREAM s ON TABLE t")
    for _ in range(3):
        timed.advance(13 * DAY)
        assert timed.one("SELECT SYSTEM$STREAM_HAS_DATA('s')") is False
    timed("INSERT INTO t VALUES (1)")
    timed.advance(13 * DAY)
    assert timed.one("SELECT SYSTEM$STREAM_HAS_DATA('s')") is True
    timed.advance(2 * DAY)
    timed.fails("SELECT n FROM s", 707)


def days_left(timed: Timed, clock: ManualClock) -> int:
    """In how many days the only stream goes stale."""
    return int((timed.dicts("SHOW STREAMS")[0]["stale_after"] - clock.now()).days)


@pytest.mark.parity(
    "Triggered tasks",
    "ask their stream for data every 12 hours, which keeps it from going stale",
    "https://docs.snowflake.com/en/user-guide/tasks-triggered",
)
def test_a_triggered_task_keeps_its_stream_fresh(timed: Timed, clock: ManualClock) -> None:
    timed("CREATE TABLE t (n NUMBER)")
    timed("CREATE TABLE seen (n NUMBER)")
    timed("CREATE STREAM s ON TABLE t")
    timed("CREATE TASK moves WHEN SYSTEM$STREAM_HAS_DATA('s') AS INSERT INTO seen SELECT n FROM s")
    timed("ALTER TASK moves RESUME")
    for _ in range(3):
        timed.advance(10 * DAY)
        poll(lambda: days_left(timed, clock) == 14, "a look at the stream")
    timed("INSERT INTO t VALUES (1)")
    poll(lambda: timed("SELECT n FROM seen") == [(1,)], "a triggered run")


@pytest.mark.parity(
    "Streams",
    "SYSTEM$STREAM_GET_TABLE_TIMESTAMP tells the version that was read",
    "https://docs.snowflake.com/en/sql-reference/functions/system_stream_get_table_timestamp",
)
def test_table_timestamp(timed: Timed, clock: ManualClock) -> None:
    timed("CREATE TABLE t AS SELECT 1 AS n")
    before = int(clock.now().timestamp()) * 10**9
    timed.advance(60)
    timed("CREATE STREAM s ON TABLE t")
    timed("INSERT INTO t VALUES (2)")
    assert int(timed.one("SELECT SYSTEM$STREAM_GET_TABLE_TIMESTAMP('s')")) == before


def test_a_dropped_streams_changes_are_found_again(timed: Timed) -> None:
    timed("CREATE TABLE t (n NUMBER)")
    timed("CREATE STREAM s ON TABLE t")
    assert timed("DROP STREAM s") == [("S successfully dropped.",)]
    timed("CREATE STREAM s ON TABLE t")
    timed("INSERT INTO t VALUES (1), (2)")
    timed.advance(3 * DAY)
    timed("UPDATE t SET n = n + 1")
    assert "stream D.PUBLIC.S held 2 unread changes" in timed.one("DROP STREAM s")
    timed.advance(DAY - 1)
    timed("CREATE STREAM s ON TABLE t AT (STREAM => 's')")
    assert sorted(timed("SELECT n FROM s")) == [(2,), (3,)]
    assert "held 2 unread changes" in timed.one("CREATE OR REPLACE STREAM s ON TABLE t")
    timed("INSERT INTO t VALUES (9)")
    assert "stream D.PUBLIC.S held 1 unread change of it" in timed.one("DROP TABLE t")
    timed.advance(DAY)
    timed.fails("CREATE STREAM z ON TABLE u AT (STREAM => 'nothing')", 2003)


class Engine:
    """A runtime without a server, whose pruning is done when the test says so."""

    def __init__(self, clock: ManualClock, settings: Settings) -> None:
        self.runtime = Runtime.open(settings, clock)
        self.session = self.runtime.open_session("SNOWMELT")
        self.number = 0

    def __call__(self, text: str) -> list[tuple[object, ...]]:
        self.number += 1
        table = self.session.execute(Request(text, f"q{self.number}")).table
        assert table is not None
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def inside(self, text: str) -> int:
        return int(self.session.core.connection.scalar(text))

    def prune(self) -> list[str]:
        return list(prune(self.runtime.services))

    def close(self) -> None:
        self.session.close()
        self.runtime.close(0)


@pytest.fixture
def engine(clock: ManualClock) -> Iterator[Engine]:
    opened = Engine(clock, Settings(password="p"))
    opened("CREATE DATABASE d")
    yield opened
    opened.close()


def test_the_log_is_pruned_below_retention_and_streams(engine: Engine, clock: ManualClock) -> None:
    engine("CREATE TABLE t AS SELECT 1 AS n")
    table = engine.runtime.engine.catalog.relation(FullName("D", "PUBLIC", "T"))
    assert table is not None
    log = f"SELECT count(*) FROM data.l{table.id}"
    engine("UPDATE t SET n = 2")
    engine("CREATE STREAM s ON TABLE t")
    engine("UPDATE t SET n = 3")
    engine("UPDATE t SET n = 4")
    clock.advance(2 * DAY)
    engine("UPDATE t SET n = 5")
    engine.prune()
    assert engine.inside(log) == 3, "those since the stream's offset and the newest"
    assert engine('SELECT n, "METADATA$ACTION" FROM s ORDER BY 2') == [(2, "DELETE"), (5, "INSERT")]
    engine("CREATE TABLE u AS SELECT n FROM s")
    engine.prune()
    assert engine.inside(log) == 1
    assert engine("SELECT n FROM t AT (OFFSET => -60)") == [(4,)]
    clock.advance(2 * DAY)
    engine("INSERT INTO t VALUES (6)")
    engine.prune()
    assert engine.inside(log) == 0
    assert engine.inside("SELECT count(*) FROM snowmelt.commits") <= 3
    assert engine("SELECT n FROM s") == [(6,)]
    assert engine("SELECT n FROM t AT (OFFSET => -60)") == [(5,)]
    assert engine.prune() == []


def test_what_was_dropped_is_purged(engine: Engine, clock: ManualClock) -> None:
    engine("CREATE TABLE t AS SELECT 1 AS n")
    engine("CREATE SCHEMA s")
    engine("CREATE TABLE s.u (n NUMBER AUTOINCREMENT)")
    tables = "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'data'"
    kept = engine.inside(tables)
    engine("DROP TABLE PUBLIC.t")
    engine("DROP SCHEMA s")
    engine.prune()
    assert engine.inside(tables) == kept
    clock.advance(2 * DAY)
    engine.prune()
    assert engine.inside(tables) == 0
    assert engine.inside("SELECT count(*) FROM duckdb_sequences() WHERE schema_name = 'data'") == 0
    assert not engine.runtime.engine.catalog.dropped


def test_an_open_transaction_keeps_what_it_may_ask_for(engine: Engine, clock: ManualClock) -> None:
    engine("CREATE TABLE t (n NUMBER) DATA_RETENTION_TIME_IN_DAYS = 0")
    engine("CREATE STREAM s ON TABLE t")
    engine("CREATE STREAM x ON TABLE t")
    engine("INSERT INTO t VALUES (1)")
    clock.advance(3600)
    other = engine.runtime.open_session("SNOWMELT")
    other.execute(Request("USE SCHEMA d.public", "o1"))
    other.execute(Request("BEGIN", "o2"))
    clock.advance(3600)
    engine("UPDATE t SET n = 2")
    engine("CREATE TABLE u AS SELECT n FROM x")
    clock.advance(3600)
    engine("UPDATE t SET n = 3")
    engine.prune()
    table = other.execute(Request("SELECT n FROM s", "o3")).table
    assert table is not None and table.column(0).to_pylist() == [1]
    other.close()
    engine.prune()
    assert engine("SELECT n FROM s") == [(3,)]


def test_dropped_objects_and_statements_outlive_a_restart(clock: ManualClock, tmp_path: object) -> None:
    settings = Settings(data=tmp_path, password="p")  # type: ignore[arg-type]
    first = Engine(clock, settings)
    first("CREATE DATABASE d")
    first("CREATE TABLE t AS SELECT 1 AS n")
    clock.advance(60)
    first("DELETE FROM t")
    deleted = f"q{first.number}"
    first("CREATE TABLE gone AS SELECT 7 AS n")
    first("DROP TABLE gone")
    first.close()
    second = Engine(clock, settings)
    second("USE SCHEMA d.public")
    assert second(f"SELECT n FROM t BEFORE (STATEMENT => '{deleted}')") == [(1,)]
    second("UNDROP TABLE gone")
    assert second("SELECT n FROM gone") == [(7,)]
    second.close()
