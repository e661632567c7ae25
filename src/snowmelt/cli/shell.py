"""The interactive `snowmelt sql`: a prompt with history and completion; statements end with a semicolon."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from platformdirs import user_state_path
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import HTML
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import Output
from pygments.lexers.sql import SqlLexer
from rich.console import Console
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error as ConnectorError

from snowmelt.cli.results import Format, complain, show
from snowmelt.cli.sqlfile import statements

SHOWN_ROWS = 200
"""Rows of a result that the shell shows."""

_LEAVE = frozenset({"exit", "quit", "!exit", "!quit"})
_HELP = "!help"
_SECRET = re.compile(r"password|secret|token|rsa_public_key", re.IGNORECASE)
_WORD = re.compile(r"[\w$.\"]+$")
_CHANGES_NAMES = re.compile(r"\s*(create|alter|drop|undrop|use|truncate)\b", re.IGNORECASE)

_KEYWORDS = """
ALTER AND AS ASC AT BEFORE BEGIN BETWEEN BY CALL CASE CAST CLONE COMMIT COPY CREATE CROSS DATABASE DELETE DESC DESCRIBE
DISTINCT DROP ELSE END EXECUTE EXISTS EXPLAIN FALSE FILE FLATTEN FORMAT FROM FULL FUNCTION GET GROUP HAVING ILIKE IN
INNER INSERT INTO IS JOIN LATERAL LEFT LIKE LIMIT LIST MATCHED MERGE MODEL NOT NULL OFFSET ON OR ORDER OVER OVERWRITE
PARTITION PIVOT PROCEDURE PUT QUALIFY REMOVE REPLACE RESUME RIGHT ROLLBACK SCHEMA SELECT SEQUENCE SESSION SET SHOW STAGE
STREAM SUSPEND TABLE TASK TEMPORARY THEN TRANSIENT TRUE TRUNCATE UNDROP UNION UNPIVOT UPDATE USE USING VALUES VIEW
WAREHOUSE WHEN WHERE WITH
"""
KEYWORDS = frozenset(_KEYWORDS.split())


def history_file() -> Path:
    """Where the shell keeps what was typed; readable by its owner only."""
    path = user_state_path("snowmelt", appauthor=False, ensure_exists=True) / "history"
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    return path


class _History(FileHistory):
    """What was typed, without statements that may hold a secret."""

    def store_string(self, string: str) -> None:
        if not _SECRET.search(string):
            super().store_string(string)


class Names(Completer):
    """Completes keywords, and the names of tables and columns, which are asked for when first needed."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self._connection = connection
        self._names: tuple[str, ...] | None = None

    def forget(self) -> None:
        """Names have changed."""
        self._names = None

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        found = _WORD.search(document.text_before_cursor)
        if found is None:
            return
        word = found.group().rpartition(".")[2]
        for name in sorted({*KEYWORDS, *self._known()}):
            if name.upper().startswith(word.upper()) and name.upper() != word.upper():
                shown = name.lower() if word.islower() and name.isupper() else name
                yield Completion(shown, start_position=-len(word))

    def _known(self) -> tuple[str, ...]:
        if self._names is None:
            self._names = tuple(self._ask())
        return self._names

    def _ask(self) -> Iterator[str]:
        if self._connection.database is None:
            return
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT table_name, column_name FROM INFORMATION_SCHEMA.COLUMNS")
                for row in cursor.fetchall():
                    yield from (str(value) for value in row)
        except ConnectorError:
            return  # an account may not let this user look


class Shell:
    """One interactive session.

    Args:
        connection: where statements run.
        output: how results are printed.
        typed, screen: the terminal; by default that of the process.
    """

    def __init__(
        self,
        connection: SnowflakeConnection,
        output: Format,
        *,
        typed: Input | None = None,
        screen: Output | None = None,
    ) -> None:
        self._connection = connection
        self._output = output
        self._names = Names(connection)
        self._console = Console(highlight=False)
        self._prompt: PromptSession[str] = PromptSession(
            history=_History(str(history_file())),
            lexer=PygmentsLexer(SqlLexer),
            completer=self._names,
            complete_in_thread=True,
            complete_while_typing=False,
            multiline=True,
            key_bindings=_keys(),
            prompt_continuation=lambda width, number, soft: " " * (width - 4) + "  > ",
            input=typed,
            output=screen,
        )

    def run(self) -> None:
        """Read and run until the user leaves."""
        self._console.print("[dim]Statements end with a semicolon. !help helps, Ctrl-D leaves.[/]")
        while True:
            try:
                text = self._prompt.prompt(self._place())
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            word = text.strip().rstrip(";").lower()
            if word in _LEAVE:
                return
            if word == _HELP:
                self._help()
            else:
                self._run(text)

    def _place(self) -> HTML:
        place = ".".join(filter(None, (self._connection.database, self._connection.schema))) or "snowmelt"
        return HTML("<ansicyan>{}</ansicyan>> ").format(place)

    def _help(self) -> None:
        self._console.print(
            "  Enter after [bold];[/] runs, before it begins a new line. Tab completes, arrows bring back.\n"
            "  Ctrl-C cancels a statement, [bold]!quit[/] or Ctrl-D leaves.\n"
            f"  At most {SHOWN_ROWS:,} rows are shown; [bold]snowmelt sql -q ... --format csv[/] gives all."
        )

    def _run(self, text: str) -> None:
        for statement in statements(text):
            started = time.monotonic()
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(statement.text)
                    rows = cursor.fetchmany(SHOWN_ROWS)
                    total = cursor.rowcount
                    names = [column.name for column in cursor.description or []]
            except KeyboardInterrupt:
                self._console.print("[yellow]Cancelled.[/]")
                return
            except ConnectorError as error:
                complain(error, statement.text)
                return
            show(names, rows, self._output, sys.stdout)
            self._note(len(rows), total, time.monotonic() - started)
            if _CHANGES_NAMES.match(statement.text):
                self._names.forget()

    def _note(self, shown: int, total: int | None, seconds: float) -> None:
        if self._output is not Format.TABLE:
            return
        rows = f"{shown:,} row{'' if shown == 1 else 's'}"
        if total is not None and total > shown == SHOWN_ROWS:
            rows = f"the first {shown:,} of {total:,} rows"
        self._console.print(f"[dim]{rows}, {seconds * 1000:,.0f} ms[/]\n")


def _is_complete(text: str) -> bool:
    """Whether Enter runs what was typed rather than begin a new line."""
    words = text.strip()
    return not words or words.endswith(";") or words.lower() in {*_LEAVE, _HELP}


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @Condition
    def complete() -> bool:
        from prompt_toolkit.application import get_app

        return _is_complete(get_app().current_buffer.text)

    @keys.add("enter", filter=complete)
    def run(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys
