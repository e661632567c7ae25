"""Runs a notebook's code cells, or a Python file, in the current directory, with the session of connection.json active.

Called by test_published.py in a process of its own: ``python run_notebook.py FILE``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from snowflake.snowpark import Session


def cells(path: Path) -> list[str]:
    """The code cells, without those that are shell commands (downloads, which the caller has done)."""
    if path.suffix != ".ipynb":
        return [path.read_text()]
    code = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    return [text for text in code if not text.lstrip().startswith("!")]


def main() -> None:
    path = Path(sys.argv[1])
    names = {"__name__": "__main__"}
    session = None
    if "get_active_session" in path.read_text():
        # A notebook on Snowflake finds a session; one on the reader's machine makes its own.
        session = Session.builder.configs(json.loads(Path("connection.json").read_text())).create()
    try:
        for text in cells(path):
            exec(compile(text, str(path), "exec"), names)
    finally:
        for opened in filter(None, (session, names.get("session"))):
            opened.close()


if __name__ == "__main__":
    main()
