"""SQL for pages: statements run as the user who looks, and values as pages show them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from snowmelt.base.datatypes import SEMI_STRUCTURED, Kind
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.marks import shown
from snowmelt.base.request import Binding, Request
from snowmelt.base.result import Column, Result
from snowmelt.base.zoned import zoned_moments
from snowmelt.console.host import Session

TAG = "snowmelt-console"
"""QUERY_TAG of the console's statements."""

PATIENCE_SECONDS = 20
"""How long a statement that a page needs may run."""

LONGEST_CELL = 2_000
"""Characters of a value that a table of rows shows."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """Some rows of a result as text, for a table on a page.

    Attributes:
        numeric: which columns hold numbers.
        rows: a text for each value, None for NULL.
        total: how many rows the result has.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: list[list[str | None]]
    total: int


class Reader:
    """Runs the statements that pages are made of, in one session of the user.

    They are marked as made by the client, not by its user, so that QUERY_HISTORY leaves them out as it does those of
    Snowflake's own interface.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the session tells moments."""
        return ZoneInfo(str(self._session.parameters()["TIMEZONE"]))

    def rows(self, text: str, *binds: str) -> list[Row]:
        """The rows of a statement by column name in small letters; `binds` fill its question marks.

        Raises:
            SqlError: it failed.
        """
        result = self._result(text, binds)
        names = [column.name.lower() for column in result.columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*_columns(result, None), strict=True)]

    def grid(self, text: str, limit: int, *binds: str) -> Grid:
        """The first rows of a statement as text.

        Raises:
            SqlError: it failed.
        """
        return grid(self._result(text, binds), limit, self.zone)

    def _result(self, text: str, binds: Sequence[str]) -> Result:
        bindings = {str(number): Binding("TEXT", value) for number, value in enumerate(binds, 1)}
        parameters = {"QUERY_TAG": TAG, "STATEMENT_TIMEOUT_IN_SECONDS": PATIENCE_SECONDS}
        request = Request(text, str(uuid.uuid4()), bindings, parameters=parameters, client_generated=True)
        return self._session.execute(request)


def grid(result: Result, limit: int, zone: ZoneInfo) -> Grid:
    """The first `limit` rows of a result as text."""
    cells = [
        [cell(value, column, zone) for value in values]
        for column, values in zip(result.columns, _columns(result, limit), strict=True)
    ]
    return Grid(
        tuple(column.name for column in result.columns),
        tuple(column.type.sql for column in result.columns),
        tuple(column.type.kind in (Kind.FIXED, Kind.REAL) for column in result.columns),
        [list(row) for row in zip(*cells, strict=True)],
        result.row_count,
    )


def _columns(result: Result, limit: int | None) -> list[list[Any]]:
    """A result's values as Python's, column by column."""
    if result.table is None:
        return [[] for _ in result.columns]
    table = result.table if limit is None else result.table.slice(0, limit)
    return [_values(column, values) for column, values in zip(result.columns, table.columns, strict=True)]


def _values(column: Column, values: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_interval(values.type):
        return [moment for chunk in values.chunks for moment in _zoned(chunk)]
    found: list[Any]
    try:
        found = values.to_pylist()
    except (ValueError, OverflowError):
        # Python's calendar ends with the year 9999.
        found = values.cast(pa.string()).to_pylist()
    if column.type.kind is Kind.FIXED and not column.type.scale:
        return [None if value is None else int(value) for value in found]
    return found


def _zoned(chunk: pa.Array) -> list[datetime | None]:
    """TIMESTAMP_TZ values, each in its own offset."""
    moments, offsets = zoned_moments(chunk)
    zones = [timezone(timedelta(minutes=minutes - 24 * 60)) for minutes in offsets.to_pylist()]
    pairs = zip(moments.to_pylist(), zones, strict=True)
    return [None if moment is None else moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(z) for moment, z in pairs]


def cell(value: Any, column: Column, zone: ZoneInfo) -> str | None:
    """A value as text, as clients print it; None for NULL."""
    match value:
        case None:
            return None
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float() | Decimal():
            return str(value)
        case bytes():
            return value.hex().upper()[:LONGEST_CELL]
        case datetime() if column.type.kind is Kind.TIMESTAMP_LTZ:
            return value.astimezone(zone).isoformat(" ", "milliseconds")
        case datetime():
            return value.isoformat(" ", "milliseconds")
        case date():
            return value.isoformat()
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)[:LONGEST_CELL]
        case _:
            text = str(value)
            if column.type.kind in SEMI_STRUCTURED:
                text = shown(text)
            return text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + "…"
