"""SHOW: Snowflake's columns, filled from the catalog.

Each kind is one function of the visible list `SHOWS`; LIKE, STARTS WITH and LIMIT are applied to the column "name"
of whatever it gives.

Source: docs.snowflake.com/en/sql-reference/sql/show
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from snowmelt.base.errors import unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, StatementType, rows_result
from snowmelt.catalog.objects import Function, Procedure
from snowmelt.session import show_account, show_data, show_keys, show_users, show_work
from snowmelt.session.session import Session, description
from snowmelt.session.show_scope import Columns, Rows, Shown, columns
from snowmelt.session.transaction_commands import show_locks, show_transactions
from snowmelt.sql.statements import Show

SHOWS: dict[str, Callable[[Session, Show], Shown]] = {
    "DATABASES": show_data.show_databases,
    "SCHEMAS": show_data.show_schemas,
    "TABLES": show_data.show_tables,
    "SEQUENCES": show_data.show_sequences,
    "PRIMARY KEYS": show_keys.show_keys("PRIMARY KEY"),
    "UNIQUE KEYS": show_keys.show_keys("UNIQUE"),
    "IMPORTED KEYS": show_keys.show_imported_keys,
    "EXPORTED KEYS": show_keys.show_exported_keys,
    "EVENT TABLES": show_data.show_event_tables,
    "VIEWS": show_data.show_views,
    "OBJECTS": show_data.show_objects,
    "COLUMNS": show_data.show_columns,
    "STREAMS": show_work.show_streams,
    "TASKS": show_work.show_tasks,
    "PROCEDURES": show_work.show_routines(Procedure),
    "USER PROCEDURES": show_work.show_routines(Procedure),
    "FUNCTIONS": show_work.show_functions,
    "USER FUNCTIONS": show_work.show_routines(Function),
    "STAGES": show_data.show_stages,
    "FILE FORMATS": show_data.show_file_formats,
    "MODELS": show_work.show_models,
    "VERSIONS": show_work.show_versions,
    "TRANSACTIONS": show_transactions,
    "LOCKS": show_locks,
    "WAREHOUSES": show_account.show_warehouses,
    "PARAMETERS": show_account.show_parameters,
    "VARIABLES": show_account.show_variables,
    "INTEGRATIONS": show_account.show_integrations,
    "ROLES": show_users.show_roles,
    "USERS": show_users.show_users,
}
"""What can be shown, by the words after SHOW."""


def show(session: Session, statement: Show, request: Request) -> Result:
    """SHOW of anything."""
    shown = SHOWS.get(statement.kind)
    if shown is None:
        raise unsupported(f"SHOW {statement.kind}")
    if statement.history and statement.kind not in _HISTORY_KINDS:
        raise unsupported(f"SHOW {statement.kind} HISTORY")
    header, rows = shown(session, statement)
    if statement.terse:
        header, rows = _terse(statement.kind, header, rows)
    key = next((i for i, (name, _) in enumerate(header) if name in ("name", "column_name", "key")), 0)
    result = rows_result(header, list(_filtered(rows, key, statement)))
    return description(result.columns, StatementType.SHOW) if request.describe_only else result


_HISTORY_KINDS = frozenset({"DATABASES", "SCHEMAS", "TABLES"})
"""Kinds whose dropped objects can be shown."""

_TERSE = ("created_on", "name", "kind", "database_name", "schema_name")


def _terse(kind: str, header: Columns, rows: Rows) -> Shown:
    """The columns of SHOW TERSE, those that the kind does not have being null.

    Raises:
        SqlError: 000002 for a kind that has no TERSE.
    """
    if kind not in _TERSE_KINDS:
        raise unsupported(f"SHOW TERSE {kind}")
    places = {name: i for i, (name, _) in enumerate(header)}
    implied = {"kind": "VIEW"} if kind == "VIEWS" else {}
    more = _TERSE_MORE.get(kind, {})
    names = (*_TERSE, *(name for name in more if name not in _TERSE))
    sources = {name: more.get(name, name) for name in names}
    chosen = [tuple(row[places[sources[n]]] if sources[n] in places else implied.get(n) for n in names) for row in rows]
    return columns(" ".join(names)), chosen


_TERSE_MORE = {
    "STREAMS": {"kind": "type", "tableOn": "table_name"},
    "TASKS": {"schedule": "schedule"},
}
"""What SHOW TERSE shows besides of a kind: its own names of columns, and theirs in the full list."""

_TERSE_KINDS = frozenset({"DATABASES", "SCHEMAS", "TABLES", "VIEWS", "OBJECTS", "STREAMS", "TASKS", "EVENT TABLES"})


def _filtered(rows: Rows, key: int, statement: Show) -> Iterable[tuple[Any, ...]]:
    pattern = like_pattern(statement.like) if statement.like is not None else None
    given, begun = 0, statement.limit_from is None
    for row in rows:
        name = str(row[key])
        if not begun:
            begun = name.startswith(statement.limit_from or "")
            continue
        if pattern is not None and not pattern.fullmatch(name):
            continue
        if statement.starts_with is not None and not name.startswith(statement.starts_with):
            continue
        if statement.limit is not None and given >= statement.limit:
            return
        given += 1
        yield row


def like_pattern(pattern: str) -> re.Pattern[str]:
    """LIKE of SHOW: % and _ as in SQL, letters in any case."""
    parts = [{"%": ".*", "_": "."}.get(part, re.escape(part)) for part in re.split(r"([%_])", pattern)]
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
