"""Statements through the genuine connector: errors, binds, DML, asynchronous, long, cancelled, several at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest
from snowflake.connector.constants import QueryStatus
from snowflake.connector.errors import DatabaseError, ProgrammingError
from test_server_fakes import FakeExecutor, FakeHost, Rig, serving

from snowmelt.base.clock import SystemClock
from snowmelt.base.datatypes import NUMBER, VARCHAR
from snowmelt.base.errors import SqlError, object_missing
from snowmelt.base.request import Binding, Request
from snowmelt.base.result import Column, Result, StatementType, dml_result, rows_result, status_result
from snowmelt.server.answer import Encoder
from snowmelt.server.chunks import ChunkStore
from snowmelt.server.queries import Queries, Run, new_query_id


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with serving() as running:
        yield running


@pytest.fixture
def hasty() -> Iterator[Rig]:
    """A server that lets a request wait for 50 ms only."""
    with serving(patience=0.05) as running:
        yield running


def last(rig: Rig) -> Request:
    return rig.host.sessions[-1].requests[-1]


def test_query_ids_are_uuids_in_order_of_time() -> None:
    ids = [new_query_id() for _ in range(3)]
    assert all(UUID(query_id).version == 7 for query_id in ids)
    assert [query_id[:12] for query_id in ids] == sorted(query_id[:12] for query_id in ids)


def test_errors_keep_code_state_id_and_text(rig: Rig) -> None:
    rig.host.answers["missing"] = object_missing("Table", "DB.PUBLIC.T")
    rig.host.answers["hint"] = SqlError("SQL compilation error: error line 2 at position 7", 904, "42000", "Try that.")
    with rig.connect() as connection:
        with pytest.raises(ProgrammingError) as caught:
            connection.cursor().execute("missing")
        assert (caught.value.errno, caught.value.sqlstate) == (2003, "42S02")
        assert caught.value.sfqid == last(rig).query_id
        assert "Table 'DB.PUBLIC.T' does not exist or not authorized." in str(caught.value)
        with pytest.raises(ProgrammingError, match=r"position 7\nTry that\."):
            connection.cursor().execute("hint")


def test_unexpected_exception_is_an_incident(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.host.answers["broken"] = ZeroDivisionError("inner detail")
    with rig.connect() as connection, pytest.raises(ProgrammingError) as caught:
        connection.cursor().execute("broken")
    assert (caught.value.errno, caught.value.sqlstate) == (603, "XX000")
    assert "inner detail" not in str(caught.value)
    record = next(record for record in caplog.records if record.exc_info and "incident" in record.getMessage())
    assert record.getMessage().split()[1] in str(caught.value)
    assert rig.host.sessions[-1].parameters() is not None


def test_binds_reach_the_executor(rig: Rig) -> None:
    with rig.connect(paramstyle="qmark") as connection:
        cursor = connection.cursor()
        cursor.execute("q", (1, "a", None, 2.5))
        assert dict(last(rig).bindings) == {
            "1": Binding("FIXED", "1"),
            "2": Binding("TEXT", "a"),
            "3": Binding("ANY", None),
            "4": Binding("REAL", "2.5"),
        }
        cursor.executemany("insert into t values (?, ?)", [(1, "a"), (2, None)] * 5_000)
        bindings = last(rig).bindings
        assert bindings["1"] == Binding("FIXED", ["1", "2"] * 5_000)
        assert bindings["2"].value == ["a", None] * 5_000


def test_parameters_and_describe_reach_the_executor(rig: Rig) -> None:
    rig.host.answers["described"] = Result((Column("A", NUMBER, nullable=False),), None)
    with rig.connect() as connection:
        cursor = connection.cursor()
        description = cursor.describe("described")
        assert [(column.name, column.is_nullable) for column in description] == [("A", False)]
        assert last(rig).describe_only
        cursor.execute("q", _statement_params={"query_tag": "tag"}, num_statements=1)
        assert dict(last(rig).parameters) == {"QUERY_TAG": "tag", "MULTI_STATEMENT_COUNT": 1}
        assert not last(rig).describe_only


def test_binding_by_stage_reaches_the_executor(rig: Rig) -> None:
    with rig.connect(paramstyle="qmark") as connection:
        connection.cursor().execute("insert", _bind_stage="@SYSTEMBIND/0a1b")
        assert last(rig).bind_stage == "@SYSTEMBIND/0a1b"
        with pytest.raises(ProgrammingError, match="Unsupported feature 'bind stage @a b'"):
            connection.cursor().execute("insert", _bind_stage="@a b")


def test_dml_counts(rig: Rig) -> None:
    rig.host.answers["merge"] = dml_result(StatementType.MERGE, number_of_rows_inserted=3, number_of_rows_updated=4)
    with rig.connect() as connection:
        cursor = connection.cursor().execute("merge")
        assert cursor.rowcount == 7
        assert cursor.fetchall() == [(3, 4)]
        assert (cursor.stats.num_rows_inserted, cursor.stats.num_rows_updated) == (3, 4)
        assert [column.name for column in cursor.description] == ["number of rows inserted", "number of rows updated"]


def test_current_names_follow_the_executor(rig: Rig) -> None:
    def use(executor: FakeExecutor, request: Request) -> Result:
        executor.schema, executor.role = "OTHER", None
        return status_result("Statement executed successfully.")

    rig.host.answers["use schema other"] = use
    with rig.connect() as connection:
        connection.cursor().execute("use schema other")
        assert (connection.schema, connection.role) == ("OTHER", None)


def test_several_statements(rig: Rig) -> None:
    def several(executor: FakeExecutor, request: Request) -> Result:
        children = []
        for number, kind in ((1, StatementType.SELECT), (2, StatementType.INSERT)):
            child = rows_result([("N", NUMBER)], [(number,)], kind)
            child.query_id = new_query_id()
            executor.host.results[child.query_id] = child
            children.append(child)
        return Result((), None, StatementType.MULTI, children=tuple(children))

    rig.host.answers["one; two"] = several
    with rig.connect() as connection:
        cursor = connection.cursor().execute("one; two", num_statements=2)
        assert cursor.fetchall() == [(1,)]
        assert cursor.nextset() is not None
        assert cursor.fetchall() == [(2,)]
        assert cursor.nextset() is None


def test_asynchronous_statement(rig: Rig) -> None:
    release = threading.Event()

    def slow(executor: FakeExecutor, request: Request) -> Result:
        assert release.wait(30)
        return rows_result([("S", VARCHAR)], [("done",)])

    rig.host.answers["slow"] = slow
    with rig.connect() as connection:
        cursor = connection.cursor()
        query_id = cursor.execute_async("slow")["queryId"]
        assert connection.get_query_status(query_id) == QueryStatus.RUNNING
        rig.host.answers[f"select * from table(result_scan('{query_id}'))"] = lambda e, r: e.host.results[query_id]
        release.set()
        cursor.get_results_from_sfqid(query_id)
        assert cursor.fetchall() == [("done",)]
        assert connection.get_query_status(query_id) == QueryStatus.SUCCESS
        assert connection.cursor().query_result(query_id).fetchall() == [("done",)]
        assert connection.get_query_status(new_query_id()) == QueryStatus.NO_DATA


def test_asynchronous_failure(rig: Rig) -> None:
    rig.host.answers["fails later"] = object_missing("Table", "T")
    with rig.connect() as connection:
        cursor = connection.cursor()
        query_id = cursor.execute_async("fails later")["queryId"]
        with pytest.raises(DatabaseError, match="Table 'T' does not exist") as caught:
            cursor.get_results_from_sfqid(query_id)
            cursor.fetchall()
        assert (caught.value.errno, caught.value.sqlstate) == (2003, "42S02")
        assert connection.get_query_status(query_id) == QueryStatus.FAILED_WITH_ERROR


def test_unknown_result(rig: Rig) -> None:
    with rig.connect() as connection, pytest.raises(ProgrammingError, match="not found") as caught:
        connection.cursor().query_result(new_query_id())
    assert caught.value.errno == 709


def test_long_statement_is_polled_and_runs_once(hasty: Rig) -> None:
    release = threading.Event()

    def slow(executor: FakeExecutor, request: Request) -> Result:
        assert release.wait(30)
        return rows_result([("N", NUMBER)], [(1,)])

    hasty.host.answers["slow"] = slow
    with hasty.connect() as connection:
        threading.Timer(0.3, release.set).start()
        assert connection.cursor().execute("slow").fetchall() == [(1,)]
        assert len([r for r in hasty.host.sessions[0].requests if r.text == "slow"]) == 1


def test_same_request_id_executes_once(rig: Rig) -> None:
    request_id = "0b5f7e5c-3f0e-4c39-8b0e-2a6d4a1c9e11"
    with rig.connect() as connection:
        first = connection.cursor().execute("once", _statement_params={"requestId": request_id})
        second = connection.cursor().execute("once", _statement_params={"requestId": request_id})
        assert first.fetchall() == second.fetchall() == [(1,)]
        assert first.sfqid == second.sfqid
    assert len([r for r in rig.host.sessions[-1].requests if r.text == "once"]) == 1


def test_cancel_by_timeout_and_by_id(rig: Rig) -> None:
    def blocks(executor: FakeExecutor, request: Request) -> Result:
        executor.block(request)
        return status_result("not cancelled")

    rig.host.answers["blocks"] = blocks
    with rig.connect() as connection:
        with pytest.raises(ProgrammingError, match=r"SQL execution (canceled|was cancelled by the client)") as caught:
            connection.cursor().execute("blocks", timeout=1)
        assert (caught.value.errno, caught.value.sqlstate) == (604, "57014")
        rig.host.blocking.clear()
        query_id = connection.cursor().execute_async("blocks")["queryId"]
        assert rig.host.blocking.wait(10)
        assert connection.cursor().abort_query(query_id)
        with pytest.raises(DatabaseError):
            connection.cursor().query_result(query_id)
        assert connection.get_query_status(query_id) == QueryStatus.ABORTED
        assert not connection.cursor().abort_query(query_id)


def test_other_users_queries_are_invisible(rig: Rig) -> None:
    with rig.connect() as ann, rig.connect(user="bob") as bob:
        query_id = ann.cursor().execute("select 1").sfqid
        assert ann.get_query_status(query_id) == QueryStatus.SUCCESS
        assert bob.get_query_status(query_id) == QueryStatus.NO_DATA
        with pytest.raises(ProgrammingError, match="not found"):
            bob.cursor().query_result(query_id)
        assert not bob.cursor().abort_query(query_id)


def test_stopping_cancels_what_runs() -> None:
    failures: list[BaseException] = []
    with serving() as rig:
        rig.host.answers["blocks"] = lambda executor, request: executor.block(request) or status_result("")
        connection = rig.connect()

        def run() -> None:
            try:
                connection.cursor().execute("blocks")
            except ProgrammingError as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert rig.host.blocking.wait(10)
    thread.join(10)
    assert [getattr(error, "errno", None) for error in failures] == [604]
    connection.rest.close()


def test_ended_runs_are_forgotten_beyond_the_limit() -> None:
    host = FakeHost(SystemClock())
    executor = FakeExecutor(host, 1, "ann")
    encoder = Encoder(ChunkStore(lambda: 0.0), "http://localhost")

    async def run_twelve() -> list[bool]:
        queries = Queries(kept=5)
        runs = [Run(executor, Request("select 1", new_query_id()), str(i), detached=False) for i in range(12)]
        for run in runs:
            queries.start(run, encoder)
            assert await run.wait(30)
        queries.close()
        return [queries.find(run.query_id) is run for run in runs]

    known = asyncio.run(run_twelve())
    assert known[-5:] == [True] * 5
    assert not any(known[:6])
