"""The flagship's data-loading notebook, cell by cell, in a genuine session."""

from __future__ import annotations

import json
from typing import Any

import pytest
from snowflake.connector import connect
from snowflake.snowpark import Session

from snowmelt.cli.demo_data import pipeline_directory
from snowmelt.cli.deploy import run
from snowmelt.cli.manifest import actions_of
from snowmelt.testing.server import running_server

pytestmark = [pytest.mark.ml, pytest.mark.timeout(120)]


def test_the_notebook_fills_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWS", "10500")
    notebook = json.loads((pipeline_directory() / "load_data.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}
    with running_server() as server:
        with connect(**server.parameters) as connection:
            run(connection, actions_of(pipeline_directory()))
        session = Session.builder.configs(server.parameters).create()
        try:
            for _ in range(2):
                for cell in cells:
                    exec(compile(cell, "load_data.ipynb", "exec"), names)
            assert session.table("SOURCE_OF_TRUTH").count() == 10_000
            assert session.table("INCOMING_DATA_SOURCE").count() == 500, "twice is not more"
        finally:
            session.close()
