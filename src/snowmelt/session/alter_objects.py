"""ALTER of everything but tables, tasks and models: renaming, comments, and the few properties that can change.

Source: docs.snowflake.com/en/sql-reference/sql/alter
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from snowmelt.base.errors import SqlError, invalid_identifier, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.catalog import Catalog, Change
from snowmelt.catalog.objects import FileFormat, SchemaObject, Sequence, View
from snowmelt.session.containers import alter_container
from snowmelt.session.ddl import CLASSES, find_object
from snowmelt.session.definitions import apply_change, replace_object
from snowmelt.session.session import Session
from snowmelt.session.warehouses import alter_warehouse
from snowmelt.sql import numbering
from snowmelt.sql.statements import AlterObject
from snowmelt.storage.connection import Connection
from snowmelt.storage.formats import parse_format

T = TypeVar("T", bound=SchemaObject)

_DONE = "Statement executed successfully."


def alter_object(session: Session, statement: AlterObject, request: Request) -> Result:
    """ALTER kind name action."""
    try:
        if statement.kind in ("DATABASE", "SCHEMA"):
            alter_container(session, statement)
        elif statement.kind == "WAREHOUSE":
            alter_warehouse(session, statement)
        else:
            _alter(session, statement)
    except SqlError as error:
        if not (statement.if_exists and error.code == 2003):
            raise
    return status_result(_DONE)


def _alter(session: Session, statement: AlterObject) -> None:
    item = find_object(session, CLASSES[statement.kind], statement.kind, statement.name, statement.arguments)
    if statement.action == "RENAME":
        full = session.scope.full(statement.value)
        session.services.engine.catalog.schema(full.database, full.schema)
        replace_object(session, item, dataclasses.replace(item, full_name=full))
        return
    if statement.action == "COLUMN COMMENT" and isinstance(item, View):
        replace_object(session, item, _with_comments(item, statement.value))
        return
    changes = dict(statement.value) if statement.action == "SET" else dict.fromkeys(statement.value)
    if isinstance(item, Sequence) and changes.get("INCREMENT") is not None:
        _change_step(session, item, changes)
        return
    changed = _changed(item, statement.kind, changes)
    if isinstance(changed, FileFormat):
        parse_format(changed.options)
    replace_object(session, item, changed)


def _changed(item: T, kind: str, changes: dict[str, Any]) -> T:
    """`item` with properties set; a value of None unsets."""
    fields: dict[str, Any] = {}
    for name, value in changes.items():
        if name == "COMMENT":
            fields["comment"] = value or ""
        elif isinstance(item, FileFormat) and name != "TYPE":
            fields["options"] = {**fields.get("options", item.options), name: value}
        elif (kind, name) in _FIELDS and value is not None:
            field, convert = _FIELDS[kind, name]
            fields[field] = convert(value)
        else:
            raise unsupported(f"ALTER {kind} ... {name}")
    return dataclasses.replace(item, **fields)


_FIELDS: dict[tuple[str, str], tuple[str, Callable[[Any], Any]]] = {
    ("VIEW", "SECURE"): ("secure", bool),
    ("VIEW", "CHANGE_TRACKING"): ("change_tracking", bool),
    ("SEQUENCE", "ORDER"): ("ordered", bool),
    ("STAGE", "FILE_FORMAT"): ("file_format", dict),
    ("STAGE", "DIRECTORY"): ("directory", lambda value: isinstance(value, dict) and value.get("ENABLE") is True),
}
"""Properties besides COMMENT: the catalog's field, and how a value as written gets there."""


def _with_comments(view: View, comments: tuple[tuple[str, str], ...]) -> View:
    columns = {column.name: column for column in view.columns}
    for name, text in comments:
        if name not in columns:
            raise invalid_identifier(name)
        columns[name] = dataclasses.replace(columns[name], comment=text)
    return dataclasses.replace(view, columns=tuple(columns.values()))


def _change_step(session: Session, sequence: Sequence, changes: dict[str, Any]) -> None:
    """Another step: the engine's sequence is made anew, to go on one step after the last value."""
    step = int(changes.pop("INCREMENT"))
    if step == 0:
        raise SqlError("SQL compilation error:\ninvalid value [0] for parameter 'INCREMENT'", 1008, "22023")
    if (step > 0) != (sequence.increment > 0):
        raise unsupported("ALTER SEQUENCE that turns its direction")
    new = dataclasses.replace(_changed(sequence, "SEQUENCE", changes), increment=step)

    def physical(connection: Connection) -> None:
        following = connection.scalar(numbering.following(sequence.id, step))
        connection.run(numbering.drop(sequence.id))
        connection.run(numbering.create(sequence.id, int(following), step))

    def build(catalog: Catalog) -> Change:
        catalog.check_current(sequence)
        return Change(put=(new,))

    apply_change(session, build, physical)
