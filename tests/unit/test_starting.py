"""What a server loads, and in which order, before it listens: its users wait for that at every start."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from snowmelt.storage.opening import Store, begun_store, opening

_LATER = ("jinja2", "opentelemetry", "pandas", "pyarrow", "rich", "snowflake.", "snowmelt.console.app", "typer")
"""What statements, browsers, handlers and the command line need."""

_SCRIPT = """
import json, sys, threading, urllib.request
from snowmelt.testing.server import running_server

with running_server() as server:
    loaded = sorted(sys.modules)
    address = f"http://{server.address.host}:{server.address.port}"
    data = {"LOGIN_NAME": server.address.user, "PASSWORD": server.address.password}
    request = urllib.request.Request(
        f"{address}/session/v1/login-request",
        json.dumps({"data": data}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        login = json.load(answer)
    with urllib.request.urlopen(f"{address}/console/login") as answer:
        page = answer.read().decode()
print(json.dumps({"loaded": loaded, "login": login["success"], "page": "<form" in page}))
"""


def test_a_server_listens_before_it_loads_what_only_statements_and_browsers_need() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    told = json.loads(done.stdout)
    assert [name for name in told["loaded"] if name.startswith(_LATER)] == []
    assert told["login"]
    assert told["page"]


def test_a_store_is_opened_beside_the_thread_that_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB makes its tables while Python loads modules."""
    asked = threading.Event()
    threads: list[threading.Thread] = []

    def slow(data: Path | None, memory_mb: int) -> Store:
        threads.append(threading.current_thread())
        assert asked.wait(30)
        return begun_store(data, memory_mb)

    monkeypatch.setattr("snowmelt.storage.opening.begun_store", slow)
    store: Future[Store] = opening(None, 256)
    assert not store.done()
    asked.set()
    opened = store.result(60)
    opened.connection.close()
    opened.directory.leave()
    assert threads != [threading.current_thread()]
    assert not opened.directory.root.exists()


def test_what_keeps_a_store_from_being_opened_comes_out_of_the_future(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with pytest.raises(FileExistsError):
        opening(tmp_path / "data", 256).result(60)


def test_a_command_that_does_not_connect_does_not_load_the_connector() -> None:
    program = """
import atexit, sys
atexit.register(lambda: print([name for name in ("snowflake.connector", "sqlglot", "duckdb") if name in sys.modules]))
from snowmelt.cli.main import main
sys.argv = ["snowmelt", "serve", "--help"]
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]"
