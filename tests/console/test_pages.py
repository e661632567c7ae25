"""Every page, with real objects, with none, and with what fails."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
import snowflake.connector
from furnished import HOSTILE, MARK, Sql, poll
from visitor import Browser, Page, every_page

from snowmelt.base.settings import Settings
from snowmelt.console.pages import MENU, PAGES
from snowmelt.testing.server import RunningServer, running_server

pytestmark = pytest.mark.ml


def about(path: str, name: str, **more: str) -> str:
    return f"/console{path}?{urlencode({'database': 'SHOP', 'schema': 'PUBLIC', 'name': name, **more})}"


def row_of(page: Page, first: str) -> list[str]:
    """The row of a table that begins with a cell."""
    (found,) = [row for row in page.cells if row and row[0] == first]
    return found


@pytest.fixture(scope="module")
def everything(server: RunningServer) -> list[tuple[str, Page]]:
    """All kinds of pages, with their addresses."""
    browser = Browser(server)
    browser.login()
    browser.send(browser.get("/console/worksheet").form("Run"), text=f"SELECT '{MARK}'")
    return list(every_page(browser))


def test_every_page_can_be_reached_and_is_whole(everything: list[tuple[str, Page]]) -> None:
    seen = set()
    for path, page in everything:
        assert page.status == 200, f"{path}: {page.text}"
        assert not page.left_open, path
        assert [tag for tag, _ in page.elements].count("h1") == 1, path
        seen.add(path.partition("?")[0].removeprefix("/console"))
    assert seen >= {page.path for page in PAGES}


def test_nothing_of_the_database_becomes_markup(everything: list[tuple[str, Page]]) -> None:
    hostile = marked = 0
    for path, page in everything:
        tags = {tag for tag, _ in page.elements}
        assert "x-mark" not in tags, path
        scripts = [values for tag, values in page.elements if tag == "script"]
        assert all(values.get("src", "").startswith("/console/static/") for values in scripts), f"{path}: {scripts}"
        assert not [name for _, values in page.elements for name in values if name.startswith("on")], path
        hostile += HOSTILE in page.text
        marked += MARK in page.text
    assert hostile >= 2 and marked >= 5


def test_menu_shows_where_one_is(browser: Browser) -> None:
    for page in PAGES:
        path = {"/task": about("/task", "GOOD_TASK"), "/model": about("/model", "PLAIN")}.get(page.path)
        if path is None and not page.in_menu:
            continue
        shown = browser.get(path or f"/console{page.path}")
        (current,) = [values["href"] for tag, values in shown.elements if "aria-current" in values]
        assert current == f"/console{page.section}"
    assert [page.title for page in MENU][:2] == ["Overview", "Tasks"]


def test_overview_puts_failures_first(browser: Browser) -> None:
    page = browser.get("/console/")
    assert "1 failed run in the last 24 hours" in page.text
    assert page.text.index("ZeroDivisionError: division by zero") < page.text.index("Last runs of tasks")
    assert row_of(page, "SHOP.PUBLIC.ARRIVALS")[2] == "2 rows"
    assert "Base table 'SHOP.PUBLIC.GONE' dropped" in row_of(page, "SHOP.PUBLIC.LEFT_BEHIND")[2]
    assert "4 tables, 1 view, 3 streams, 4 tasks, 2 models" in row_of(page, "SHOP.PUBLIC")[1]


def test_tasks(browser: Browser) -> None:
    page = browser.get("/console/tasks")
    drawn = {values["aria-label"] for tag, values in page.elements if tag == "a" and "aria-label" in values}
    assert drawn == {
        "CHECK_TASK: failed",
        "AFTER_CHECK: no run yet",
        "AT_LAST: succeeded",
        "GOOD_TASK: succeeded",
    }
    states = {row[0]: row[1] for row in page.cells if row[0] in ("CHECK_TASK", "AT_LAST", "GOOD_TASK")}
    assert states == {"CHECK_TASK": "failed", "AT_LAST": "succeeded", "GOOD_TASK": "succeeded"}


def test_tasks_of_several_schemas_are_told_apart() -> None:
    with running_server(Settings(port=0)) as server, snowflake.connector.connect(**server.parameters) as connection:
        sql = Sql(connection.cursor())
        ended = "SELECT COUNT(*) FROM TABLE({}.INFORMATION_SCHEMA.TASK_HISTORY()) WHERE COMPLETED_TIME IS NOT NULL"
        browser = Browser(server)
        browser.login()
        for database, shown in (("HERE", ["NIGHTLY"]), ("THERE", ["THERE.PUBLIC.NIGHTLY", "HERE.PUBLIC.NIGHTLY"])):
            sql(f"CREATE DATABASE {database}")
            sql("CREATE TASK NIGHTLY SCHEDULE = '600 MINUTES' AS SELECT 1")
            sql("EXECUTE TASK NIGHTLY")
            poll(lambda text=ended.format(database): sql(text)[0][0], "finished run")  # type: ignore[misc]
            page = browser.get("/console/")
            assert [row[0] for row in page.cells if row and row[0].endswith("NIGHTLY")] == shown


def test_a_failed_run_has_its_traceback_and_leads_to_its_trace(browser: Browser) -> None:
    task = browser.get(about("/task", "CHECK_TASK"))
    (link,) = [link for link in task.links if link.startswith("/console/run?")]
    run = browser.get(link)
    assert re.search(r'File "[^"]+", line 10, in run\n.*return str\(3 / 0\)', run.body.replace("&#34;", '"'))
    assert "ZeroDivisionError: division by zero" in run.text
    (link,) = [link for link in run.links if link.startswith("/console/trace?")]
    trace = browser.get(link)
    assert "check_batch" in trace.text and "share_of_bad_rows" in trace.text
    assert f"the batch is empty {MARK}" in trace.text and f"seven {MARK}" in trace.text
    opened = [values for tag, values in trace.elements if tag == "details" and "open" in values]
    assert len(opened) == 1, "only the span that failed by itself is open"
    bars = [values for tag, values in trace.elements if tag == "rect" and values.get("class") == "fill"]
    assert len(bars) >= 2
    assert all(float(bar["x"]) >= 0 and float(bar["x"]) + float(bar["width"]) <= 1000.01 for bar in bars)


def test_traces_and_logs(browser: Browser) -> None:
    page = browser.get("/console/traces")
    (row,) = [row for row in page.cells if "CHECK_BATCH" in row]
    assert int(row[4]) >= 2 and int(row[5]) >= 1 and int(row[6]) >= 2, "spans, logs, errors"
    (log,) = [row for row in page.cells if f"the batch is empty {MARK}" in row]
    assert log[1] == "warn" and log[3] == "checks"


def test_buttons_run_the_statement_that_is_shown(browser: Browser, sql: Sql) -> None:
    path = about("/task", "GOOD_TASK")
    form = browser.get(path).form("Resume")
    assert form.fields["statement"] == "ALTER TASK SHOP.PUBLIC.GOOD_TASK RESUME"
    assert f"Resume {form.fields['statement']}" in browser.get(path).text
    page = browser.send(form)
    assert "The statement has run" in page.text and "Statement executed successfully." in page.text
    assert page.form("Suspend").fields["statement"] == "ALTER TASK SHOP.PUBLIC.GOOD_TASK SUSPEND"
    assert "The statement has run" not in browser.get(path).text, "a notice is told once"
    browser.send(page.form("Suspend"))
    assert sql("SHOW TASKS LIKE 'GOOD_TASK'")[0][10] == "suspended"


def test_a_button_whose_statement_fails_says_why(browser: Browser) -> None:
    form = browser.get(about("/task", "GOOD_TASK")).form("Run now")
    form.fields["statement"] = "EXECUTE TASK SHOP.PUBLIC.NOWHERE"
    page = browser.send(form)
    assert "The statement failed" in page.text and "does not exist or not authorized" in page.text


def test_another_version_becomes_the_default(browser: Browser, sql: Sql) -> None:
    page = browser.get(about("/model", "PLAIN"))
    assert row_of(page, "V1 FIRST")[1] == "0.25" and row_of(page, "V1 FIRST")[3] == "default"
    form = page.form("Make v 2's the default")
    assert form.fields["statement"] == 'ALTER MODEL SHOP.PUBLIC.PLAIN SET DEFAULT_VERSION = "v 2\'s"'
    page = browser.send(form)
    assert row_of(page, "v 2's LAST")[3] == "default"
    assert sql("SHOW MODELS LIKE 'PLAIN'")[0][8] == "v 2's"
    browser.send(page.form("Make V1 the default"))
    assert sql("SHOW MODELS LIKE 'PLAIN'")[0][8] == "V1"


def test_a_model_with_a_procedure_of_its_own_is_set_by_that(browser: Browser, sql: Sql) -> None:
    page = browser.get(about("/model", "RECORDED"))
    assert "A click calls SHOP.PUBLIC.SERVE" in page.text and "There are none yet." in page.text
    form = page.form("Let v 2's serve")
    assert form.fields["statement"] == "CALL SHOP.PUBLIC.SERVE('v 2''s')"
    page = browser.send(form)
    assert "now serves v 2's" in page.text
    assert row_of(page, "v 2's LAST")[3] == "default"
    (decision,) = [row for row in page.cells if row[-1] == "SNOWMELT"]
    assert decision[0] == "v 2's" and sql("SELECT VERSION FROM DECISIONS") == [("v 2's",)]
    browser.send(page.form("Let V1 serve"))
    assert [row[0] for row in browser.get(about("/model", "RECORDED")).cells[-2:]] == ["V1", "v 2's"]


def test_looking_at_a_stream_consumes_nothing(browser: Browser, sql: Sql) -> None:
    for _ in range(2):
        for path in ("/console/", "/console/streams", about("/stream", "ARRIVALS")):
            page = browser.get(path)
    assert row_of(page, "1")[1:3] == ["2.50", "first"] and "INSERT" in row_of(page, "1")
    assert "2 rows" in page.text
    assert sql.one("SELECT COUNT(*) FROM ARRIVALS") == 2


def test_a_stream_that_cannot_be_read_says_why(browser: Browser) -> None:
    page = browser.get(about("/stream", "LEFT_BEHIND"))
    assert page.status == 200 and "Base table 'SHOP.PUBLIC.GONE' dropped" in page.text


def test_tables_show_values_of_all_kinds(browser: Browser) -> None:
    page = browser.get(about("/table", "LANDING"))
    assert row_of(page, "1") == ["1", "2.50", "first", "2026-01-02 03:04:05.000+02:00", "AB", '{"a":[1,2]}']
    assert row_of(page, "2") == ["2", *["NULL"] * 5]
    assert row_of(page, "PRICE")[1:3] == ["NUMBER(10,2)", "yes"]
    listed = browser.get("/console/tables")
    assert row_of(listed, "LANDING")[1:3] == ["table", "2"] and row_of(listed, "EVENTS")[1] == "event table"
    assert row_of(listed, HOSTILE)[4] == f"table {MARK}"


def test_a_view_that_cannot_be_read_says_why_and_shows_its_text(browser: Browser) -> None:
    page = browser.get(about("/table", "OF_GONE"))
    assert page.status == 200 and "does not exist" in page.text and "SELECT ID FROM GONE" in page.text


def test_queries(browser: Browser, sql: Sql) -> None:
    with pytest.raises(Exception, match="NOWHERE"):
        sql("SELECT '<x-mark>' FROM NOWHERE")
    sql("SELECT 'console test' AS SAID")
    page = browser.get("/console/queries")
    assert row_of(page, "SELECT 'console test' AS SAID")[1] == "success"
    assert "SHOW DATABASES" not in page.text, "the console's own reading is left out"
    failed = browser.get("/console/queries?only=failed")
    (row,) = [row for row in failed.cells if row[0].startswith("SELECT '<x-mark>' FROM NOWHERE")]
    assert "Object 'NOWHERE' does not exist" in row[0] and row[1] == "failed with error"
    (link,) = [link for link in failed.links if link.startswith("/console/query?")][:1]
    assert "Error 002003" in browser.get(link).text
    without_time = re.sub("&ended=.*", "", link)
    assert "Error 002003" in browser.get(without_time).text


def test_worksheet(browser: Browser) -> None:
    form = browser.get("/console/worksheet").form("Run")
    page = browser.send(form, text="USE SCHEMA SHOP.PUBLIC")
    assert "in SHOP.PUBLIC" in page.text
    page = browser.send(form, text="SELECT ID, NOTE FROM LANDING ORDER BY ID")
    assert page.cells[-2:] == [["1", "first"], ["2", "NULL"]] and "2 rows in" in page.text
    page = browser.send(form, text="SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 1234))")
    assert "1,234 rows" in page.text and "the first 200 are shown" in page.text and len(page.rows) == 201
    page = browser.send(form, text="SELECT * FROM LANDING WHERE FALSE")
    assert "No rows." in page.text
    for text, complaint in (
        ("SELEC 1", "001003 (42000)"),
        ("SELECT 1; SELECT 2", "Actual statement count 2"),
        ("", "Empty SQL statement"),
        ("PUT file:///etc/hosts @SHOP.PUBLIC.FILES", "Unsupported feature 'PUT and GET in the console'"),
    ):
        page = browser.send(form, text=text)
        assert page.status == 200 and "It failed" in page.text and complaint in page.text


def test_worksheet_takes_a_text_from_the_address_and_does_not_run_it(browser: Browser, sql: Sql) -> None:
    page = browser.get(
        "/console/worksheet?" + urlencode({"text": "CREATE TABLE SHOP.PUBLIC.BY_LINK (A INT) </textarea>"})
    )
    assert "CREATE TABLE SHOP.PUBLIC.BY_LINK (A INT) </textarea>" in page.text
    assert sql("SHOW TABLES LIKE 'BY_LINK'") == []


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/console/nowhere", "no page at this address"),
        ("/console/task", "lacks the parameter database"),
        ("/console/task?database=SHOP&schema=PUBLIC&name=NO", "There is no task SHOP.PUBLIC.NO"),
        ("/console/model?database=SHOP&schema=PUBLIC&name=NO", "There is no model SHOP.PUBLIC.NO"),
        ("/console/stream?database=SHOP&schema=PUBLIC&name=NO", "There is no stream SHOP.PUBLIC.NO"),
        ("/console/table?database=SHOP&schema=PUBLIC&name=NO", "There is no table or view SHOP.PUBLIC.NO"),
        ("/console/traces?database=SHOP&schema=PUBLIC&name=NO", "There is no event table SHOP.PUBLIC.NO"),
        ("/console/trace?database=SHOP&schema=PUBLIC&name=EVENTS&id=0", "has no trace 0"),
        ("/console/run?id=0", "No run of the last 7 days has the query id 0"),
        ("/console/query?id=0", "No statement that is remembered has the id 0"),
    ],
)
def test_what_is_not_there_is_named(browser: Browser, path: str, complaint: str) -> None:
    page = browser.get(path)
    assert page.status == 404 and complaint in page.text and not page.left_open


def test_a_bad_address_is_no_fault_of_the_server(browser: Browser) -> None:
    page = browser.get("/console/run?id=0&at=yesterday")
    assert page.status == 422 and "This page cannot be shown" in page.text


def test_pages_without_anything() -> None:
    with running_server(Settings(port=0)) as server:
        browser = Browser(server)
        assert "There is no database yet." in browser.login().text
        for page in MENU:
            shown = browser.get(f"/console{page.path}")
            assert shown.status == 200 and not shown.left_open
        assert "There are no tasks." in browser.get("/console/tasks").text
        assert "There is no event table." in browser.get("/console/traces").text
        assert "there is none yet" in browser.get("/console/queries").text


def test_the_console_reads_as_a_client_that_leaves_no_trace(browser: Browser, sql: Sql) -> None:
    browser.get("/console/streams")
    asked = (
        "SELECT QUERY_TEXT, USER_NAME FROM TABLE(SHOP.INFORMATION_SCHEMA.QUERY_HISTORY("
        "INCLUDE_CLIENT_GENERATED_STATEMENT => {}, RESULT_LIMIT => 1000)) WHERE QUERY_TAG = 'snowmelt-console'"
    )
    own = poll(lambda: sql(asked.format("TRUE")), "statements of the console")
    assert ("SHOW STREAMS IN ACCOUNT", "SNOWMELT") in own
    assert all(not text.startswith("SHOW ") for text, _ in sql(asked.format("FALSE")))
