"""Who may look: logins, cookies, forms of other sites, foreign names, and links that log in once."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from datetime import timedelta

import pytest
from furnished import Sql
from typer.testing import CliRunner
from visitor import Browser

from snowmelt.base.settings import Settings
from snowmelt.cli.connection import Target
from snowmelt.cli.console import login_link
from snowmelt.cli.main import app
from snowmelt.console.access import IDLE_LOGIN, LINK_LIFETIME, LONGEST_LOGIN, Links
from snowmelt.console.pages import PAGES
from snowmelt.session.logins import FIRST_DELAY, FREE_FAILURES
from snowmelt.testing.clock import ManualClock
from snowmelt.testing.server import RunningServer, running_server

pytestmark = pytest.mark.ml

POSTS = ("/console/statement", "/console/worksheet", "/console/logout")


@pytest.fixture
def stranger(server: RunningServer) -> Browser:
    """A browser that has not logged in."""
    return Browser(server)


def session_cookie(browser: Browser) -> str:
    (name,) = [name for name in browser.cookies if name.startswith("snowmelt_session")]
    return name


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_no_page_without_a_login(stranger: Browser, path: str) -> None:
    answer = stranger.request("GET", f"/console{path}?name=x")
    assert answer.status == 303
    assert answer.headers["location"] == f"/console/login?next=%2Fconsole{path.replace('/', '%2F')}%3Fname%3Dx"


@pytest.mark.parametrize("path", POSTS)
def test_no_form_without_a_login(stranger: Browser, path: str, sql: Sql) -> None:
    text = "CREATE TABLE SHOP.PUBLIC.A_1 (A INT)"
    answer = stranger.post(path, {"csrf": "", "statement": text, "text": text})
    assert answer.status == 303 and answer.headers["location"] == "/console/login"
    assert sql("SHOW TABLES LIKE 'A_1'") == []


def test_the_address_of_the_server_leads_to_the_console(stranger: Browser) -> None:
    answer = stranger.request("GET", "/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status == 303 and "Log in" in stranger.get(answer.headers["location"]).text
    assert stranger.request("GET", "/").body.startswith("Snowmelt "), "programs are told how to connect"


def test_a_login_leads_back_to_where_one_was(stranger: Browser) -> None:
    form = stranger.get("/console/streams").form("Log in")
    page = stranger.send(form, user="snowmelt", password=stranger.server.address.password)
    assert "ARRIVALS" in page.text and "SNOWMELT" in page.text
    assert stranger.request("GET", "/console/login").headers["location"] == "/console/"


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/console/", "/elsewhere", "/console/\\evil"])
def test_a_login_leads_nowhere_else(stranger: Browser, where: str) -> None:
    form = stranger.get("/console/login").form("Log in")
    given = {"next": where, "user": "snowmelt", "password": stranger.server.address.password}
    answer = stranger.post(form.action, {**form.fields, **given})
    assert answer.status == 303 and answer.headers["location"] == "/console/"


def test_cookies_are_for_this_server_alone(stranger: Browser) -> None:
    stranger.login()
    set_by = [cookie for cookie in stranger.set_cookies if "=" in cookie and "Max-Age=0" not in cookie]
    assert {cookie.partition("=")[0] for cookie in set_by} == {
        f"snowmelt_login_{stranger.server.address.port}",
        f"snowmelt_session_{stranger.server.address.port}",
    }
    for cookie in set_by:
        assert {"HttpOnly", "SameSite=strict", "Path=/console"} <= {part.strip() for part in cookie.split(";")}, cookie


@pytest.mark.parametrize(("user", "password"), [("SNOWMELT", "wrong"), ("somebody", None), ("", "")])
def test_wrong_logins_are_refused(stranger: Browser, user: str, password: str | None) -> None:
    form = stranger.get("/console/login").form("Log in")
    page = stranger.send(form, user=user, password=stranger.server.address.password if password is None else password)
    assert page.status == 401 and "Incorrect username or password was specified." in page.text
    assert not [name for name in stranger.cookies if name.startswith("snowmelt_session")]
    assert stranger.request("GET", "/console/").status == 303


def test_wrong_logins_are_slowed_as_those_of_other_clients() -> None:
    """The console and the connector count together, and the right password has to wait its turn, too."""
    with running_server(Settings(port=0)) as server:
        browser = Browser(server)
        form = browser.get("/console/login").form("Log in")
        for _ in range(FREE_FAILURES + 3):
            assert browser.send(form, user="SNOWMELT", password="wrong").status == 401
        began = time.monotonic()
        body = json.dumps({"data": {"LOGIN_NAME": "SNOWMELT", "PASSWORD": "wrong"}})
        browser.request("POST", "/session/v1/login-request", body, {"Content-Type": "application/json"})
        client = time.monotonic() - began
        assert browser.login().status == 200
        console = time.monotonic() - began - client
    # The delays are one second and two; some of it has passed before the next login comes.
    assert client > 2 * FIRST_DELAY and console > 4 * FIRST_DELAY


def test_logging_out_ends_the_login(browser: Browser) -> None:
    cookie = browser.cookies[session_cookie(browser)]
    assert "Log in" in browser.send(browser.get("/console/").form("Log out")).text
    browser.cookies[session_cookie(browser)] = cookie
    assert browser.request("GET", "/console/").status == 303


def test_logins_end_by_themselves() -> None:
    clock = ManualClock()
    with running_server(Settings(port=0), clock) as server:
        idle, busy = Browser(server), Browser(server)
        idle.login(), busy.login()
        passed = timedelta()
        while passed + IDLE_LOGIN / 2 < LONGEST_LOGIN:
            assert busy.request("GET", "/console/models").status == 200
            clock.advance((IDLE_LOGIN / 2).total_seconds())
            passed += IDLE_LOGIN / 2
        assert idle.request("GET", "/console/").status == 303
        clock.advance((LONGEST_LOGIN - passed).total_seconds())
        assert busy.request("GET", "/console/models").status == 303


@pytest.mark.parametrize("token", [None, "", "x" * 43])
@pytest.mark.parametrize("path", POSTS)
def test_no_form_without_its_token(browser: Browser, sql: Sql, path: str, token: str | None) -> None:
    fields = {
        "statement": "CREATE TABLE SHOP.PUBLIC.A_2 (A INT)",
        "text": "CREATE TABLE SHOP.PUBLIC.A_2 (A INT)",
        "back": "/console/",
    }
    answer = browser.post(path, fields if token is None else {**fields, "csrf": token})
    assert answer.status == 403 and "does not come from a page of this login" in answer.text
    assert sql("SHOW TABLES LIKE 'A_2'") == [] and browser.request("GET", "/console/").status == 200


def test_a_token_is_of_one_login(browser: Browser, server: RunningServer) -> None:
    other = Browser(server)
    token = other.login().form("Log out").fields["csrf"]
    assert browser.post("/console/worksheet", {"csrf": token, "text": "SELECT 1"}).status == 403


@pytest.mark.parametrize("path", ["/console/login", "/console/enter"])
def test_no_login_without_the_token_of_its_page(stranger: Browser, path: str) -> None:
    fields = {"user": "SNOWMELT", "password": stranger.server.address.password, "csrf": "x"}
    assert stranger.post(path, fields).status == 403, "without the cookie"
    stranger.get("/console/login")
    assert stranger.post(path, fields).status == 403, "with another token"
    assert stranger.post(path, {**fields, "csrf": ""}).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_forms_of_other_sites_are_refused(browser: Browser, headers: dict[str, str]) -> None:
    token = browser.get("/console/").form("Log out").fields["csrf"]
    answer = browser.post("/console/worksheet", {"csrf": token, "text": "SELECT 1"}, headers)
    assert answer.status == 403 and "another site" in answer.text
    assert browser.post("/console/worksheet", {"csrf": token, "text": "SELECT 1"}).status == 200


def test_what_is_no_form_is_refused(browser: Browser) -> None:
    token = browser.get("/console/").form("Log out").fields["csrf"]
    assert browser.post("/console/worksheet", {"csrf": token}, {"Content-Type": "text/plain"}).status == 415
    assert browser.post("/console/worksheet", {"csrf": token, "text": "x" * (1 << 20)}).status == 413
    assert browser.post("/console/worksheet", {str(n): "" for n in range(200)}).status == 400


@pytest.mark.parametrize("path", POSTS)
def test_nothing_happens_by_a_link(browser: Browser, path: str) -> None:
    answer = browser.request("GET", f"{path}?statement=SELECT+1")
    assert answer.status == (200 if path == "/console/worksheet" else 405)


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_foreign_names_are_refused(browser: Browser, name: str) -> None:
    for path in ("/console/", "/console/login", "/console/static/console.css"):
        assert browser.request("GET", path, headers={"Host": name}).status == 403


def test_the_console_is_for_this_machine_also_where_the_server_is_not() -> None:
    with running_server(Settings(port=0, host="0.0.0.0")) as server:
        browser = Browser(server)
        assert server.address.console == f"http://127.0.0.1:{server.address.port}/console/"
        assert browser.request("GET", "/console/login", headers={"Host": "192.0.2.1:8085"}).status == 403
        assert browser.request("GET", "/console/login", headers={"Host": "localhost:8085"}).status == 200


@pytest.mark.parametrize("path", ["/console/", "/console/login", "/console/nowhere", "/console/static/charts.js"])
def test_browsers_are_told_what_pages_may_do(browser: Browser, path: str) -> None:
    headers = browser.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")


def test_files_of_the_machine_are_not_served(stranger: Browser) -> None:
    for path in ("../app.py", "%2e%2e/app.py", "..%2fapp.py", "/etc/passwd", "uplot/../../app.py"):
        assert stranger.request("GET", f"/console/static/{path}").status == 404
    assert stranger.request("GET", "/console/static/uplot/LICENSE").status == 200


# --- links that log in once -------------------------------------------------------------------------------------------


def enter(browser: Browser, link: str) -> int:
    """The status after following a link, as the page's script does."""
    path, _, token = link.removeprefix(browser.origin).partition("#")
    page = browser.get(path)
    assert token not in page.body
    (form,) = page.forms
    return browser.send(form, token=token).status


def target(server: RunningServer, password: str | None = None) -> Target:
    address = server.address
    return Target(address.host, address.port, address.user, password or address.password)


def test_a_link_logs_in_once(server: RunningServer) -> None:
    link = login_link(target(server))
    assert re.fullmatch(rf"http://127\.0\.0\.1:{server.address.port}/console/enter#[\w-]{{43}}", link)
    first, second = Browser(server), Browser(server)
    assert enter(first, link) == 200 and first.request("GET", "/console/").status == 200
    assert enter(second, link) == 401 and second.request("GET", "/console/").status == 303


def test_a_link_is_good_for_a_short_time() -> None:
    clock = ManualClock()
    links = Links(clock)
    early, late = links.make("SNOWMELT"), links.make("SNOWMELT")
    clock.advance(LINK_LIFETIME.total_seconds() - 1)
    assert links.take(early) == "SNOWMELT" and links.take(early) is None
    clock.advance(1)
    assert links.take(late) is None and links.take("") is None


def test_links_are_for_those_who_have_the_password(server: RunningServer) -> None:
    with pytest.raises(Exception, match="Incorrect username or password was specified"):
        login_link(target(server, "wrong"))


def test_the_command_prints_a_link(server: RunningServer) -> None:
    address = server.address
    options = ["console", "--port", str(address.port), "--password"]
    right = CliRunner().invoke(app, [*options, address.password])
    assert right.exit_code == 0 and enter(Browser(server), right.output.strip()) == 200
    wrong = CliRunner().invoke(app, [*options, "wrong"])
    assert wrong.exit_code == 2 and "Incorrect username or password" in wrong.output


def test_the_command_says_when_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = CliRunner().invoke(app, ["console", "--port", str(port), "--password", "x"])
    assert result.exit_code == 2 and "no Snowmelt answers" in result.output


def test_browsers_get_no_links(stranger: Browser) -> None:
    """Neither by a script of another site, which always tells its origin, nor by a form."""
    given = json.dumps({"user": "SNOWMELT", "password": stranger.server.address.password})
    as_json = {"Content-Type": "application/json"}
    assert stranger.request("POST", "/console/link", given, {**as_json, "Origin": stranger.origin}).status == 403
    assert stranger.request("POST", "/console/link", given, {"Content-Type": "text/plain"}).status == 403
    for bad in ("", "[]", "{}", '{"user": "SNOWMELT"}'):
        assert stranger.request("POST", "/console/link", bad, as_json).status == 403
    assert stranger.request("POST", "/console/link", given, as_json).status == 200


def test_a_server_that_stops_ends_what_the_worksheet_runs() -> None:
    with running_server(Settings(port=0)) as server:
        browser = Browser(server)
        token = browser.login().form("Log out").fields["csrf"]
        browser.post("/console/worksheet", {"csrf": token, "text": "CREATE DATABASE D"})
        connection = http.client.HTTPConnection(server.address.host, server.address.port, timeout=60)
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/console/worksheet", f"csrf={token}&text=CALL+SYSTEM%24WAIT(60)", headers)
        history = "/console/queries"
        deadline = time.monotonic() + 20
        while "SYSTEM$WAIT" not in browser.get(history).text:
            assert time.monotonic() < deadline
        began = time.monotonic()
    assert time.monotonic() - began < 20
    connection.close()
