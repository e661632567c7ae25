"""What only a browser can tell: scripts, charts, the page's policy, keys, widths and colours."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from chromium import Chromium, found
from furnished import Sql
from test_access import target
from test_pages import about

from snowmelt.cli.console import login_link
from snowmelt.testing.server import RunningServer

REQUIRED = os.environ.get("SNOWMELT_BROWSER_TESTS") == "required"
"""Whether a machine without a browser fails these tests; otherwise they are skipped there."""

pytestmark = [
    pytest.mark.ml,
    pytest.mark.skipif(not found() and not REQUIRED, reason="no chromium here; `apt-get install chromium` brings one"),
]


@pytest.fixture(scope="module")
def browser(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser that has logged in by a link."""
    path = found()
    assert path is not None, "there is no chromium, and SNOWMELT_BROWSER_TESTS says that there must be"
    opened = Chromium(path, tmp_path_factory.mktemp("profile"))
    opened.size(1280, 800)
    opened.go(login_link(target(server)))
    opened.until("document.querySelector('h1')?.textContent === 'Overview'")
    yield opened
    opened.close()


@pytest.fixture
def page(browser: Chromium, server: RunningServer) -> Iterator[Chromium]:
    """The browser, which must not complain about anything."""
    browser.size(1280, 800)
    browser.complaints.clear()
    yield browser
    assert browser.complaints == []


def open_page(page: Chromium, server: RunningServer, path: str) -> None:
    page.go(f"http://127.0.0.1:{server.address.port}{path}")


def test_the_token_of_a_link_leaves_the_address(page: Chromium, server: RunningServer) -> None:
    address = page.ask("location.href")
    assert address == f"http://127.0.0.1:{server.address.port}/console/"
    assert page.ask("document.cookie") == "", "no script reads the cookies"
    open_page(page, server, "/console/enter#no-token")
    page.until("document.body.innerText.includes('used before or is too old')")
    assert "#" not in page.ask("location.href")
    assert page.complaints.pop().endswith("(Unauthorized)")


@pytest.mark.parametrize(
    ("path", "charts"), [(about("/model", "PLAIN"), 1), (about("/task", "CHECK_TASK"), 0), ("/console/tasks", 1)]
)
def test_charts_are_drawn(page: Chromium, server: RunningServer, path: str, charts: int) -> None:
    open_page(page, server, path)
    assert page.ask("document.querySelectorAll('.chart canvas').length") == charts
    drawn = """[...document.querySelectorAll('.chart canvas')].every(canvas => canvas.getContext('2d')
        .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value > 0))"""
    assert page.ask(drawn)


def test_a_chart_follows_the_colours_and_the_width(page: Chromium, server: RunningServer) -> None:
    open_page(page, server, about("/model", "PLAIN"))
    width = page.ask("document.querySelector('canvas').width")
    page.size(500, 800, dark=True)
    page.until(f"document.querySelector('canvas').width < {width}")
    assert page.ask("document.querySelectorAll('canvas').length") == 1
    assert page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(18, 23, 28)"


def test_one_click_makes_another_version_the_default(page: Chromium, server: RunningServer, sql: Sql) -> None:
    open_page(page, server, about("/model", "PLAIN"))
    click = "[...document.querySelectorAll('button')].find(each => each.textContent.startsWith('{}')).click()"
    page.ask(click.format("Make v 2"))
    page.until("document.body.innerText.includes('The statement has run')")
    assert sql("SHOW MODELS LIKE 'PLAIN'")[0][8] == "v 2's"
    page.ask(click.format("Make V1"))
    page.until("document.body.innerText.includes('SET DEFAULT_VERSION = V1')")
    page.until("[...document.querySelectorAll('button')].some(each => each.textContent.startsWith('Make v 2'))")
    assert sql("SHOW MODELS LIKE 'PLAIN'")[0][8] == "V1"


def test_the_worksheet_runs_by_keys(page: Chromium, server: RunningServer) -> None:
    open_page(page, server, "/console/worksheet")
    assert page.ask("document.activeElement.id") == "text"
    page.call("Input.insertText", text="SELECT 40 + 2 AS ANSWER")
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": 2}
    page.call("Input.dispatchKeyEvent", type="rawKeyDown", **key)
    page.until("document.querySelector('td')?.textContent === '42'")
    assert page.ask("document.querySelector('textarea').value") == "SELECT 40 + 2 AS ANSWER"


def test_the_first_key_leads_past_the_menu(page: Chromium, server: RunningServer) -> None:
    open_page(page, server, "/console/tables")
    page.call("Input.dispatchKeyEvent", type="rawKeyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert page.ask("document.activeElement.textContent") == "Skip to the content"
    assert page.ask("document.activeElement.getBoundingClientRect().left") >= 0


@pytest.mark.parametrize(
    "path",
    [
        *("/console/", "/console/tasks", "/console/models", "/console/streams", "/console/tables"),
        *("/console/traces", "/console/queries", "/console/worksheet"),
        *(about("/model", "RECORDED"), about("/table", "LANDING"), about("/stream", "ARRIVALS")),
    ],
)
def test_pages_fit_a_narrow_window(page: Chromium, server: RunningServer, path: str) -> None:
    page.size(400, 800)
    open_page(page, server, path)
    assert page.ask("document.documentElement.scrollWidth") <= 400
