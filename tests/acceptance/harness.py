"""What the acceptance tests share: SQL in comparable shapes, and waiting with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import DatabaseError

T = TypeVar("T")


class Sql:
    """SQL through the genuine connector, in the shapes that tests compare."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self.connection = connection
        self.cursor: SnowflakeCursor = connection.cursor()

    def __call__(self, text: str, *binds: Any) -> list[tuple[Any, ...]]:
        """The rows that a statement answers; `binds` fill its question marks."""
        found = self.cursor.execute(text, list(binds), _force_qmark_paramstyle=True) if binds else self.run(text)
        return found.fetchall()  # type: ignore[union-attr, return-value]

    def run(self, text: str) -> SnowflakeCursor:
        """The cursor after a statement."""
        self.cursor.execute(text)
        return self.cursor

    def one(self, text: str, *binds: Any) -> Any:
        """The only value of an answer of one row and one column."""
        ((value,),) = self(text, *binds)
        return value

    def column(self, text: str, name: str | int = 0) -> list[Any]:
        """The values of one column of an answer, given by its name or number."""
        rows = self(text)
        index = name if isinstance(name, int) else [item.name for item in self.cursor.description].index(name)
        return [row[index] for row in rows]

    def dicts(self, text: str) -> list[dict[str, Any]]:
        """The rows by column name."""
        rows = self(text)
        names = [item.name for item in self.cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def fails(self, text: str, errno: int | None = None) -> DatabaseError:
        """The error of a statement that must fail, with number `errno` when that is given."""
        with pytest.raises(DatabaseError) as caught:
            self(text)
        if errno is not None:
            assert caught.value.errno == errno, caught.value
        return caught.value


def poll(look: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """What `look` finds, as soon as it finds something true; fails after `seconds`."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        pause.wait(0.05)
    raise AssertionError(f"no {what} within {seconds} s")
