"""Views of INFORMATION_SCHEMA, computed from the catalog when they are read.

Source: docs.snowflake.com/en/sql-reference/info-schema
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from snowmelt.base.datatypes import BOOLEAN, NUMBER, TIMESTAMP_LTZ, VARCHAR, DataType, Kind
from snowmelt.base.errors import object_missing
from snowmelt.base.result import arrow_type
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Model, Procedure, SchemaObject, Stage, Table, View
from snowmelt.session.packages import installed
from snowmelt.session.show_scope import row_count, visible

if TYPE_CHECKING:
    from snowmelt.session.session import Session

Header = tuple[tuple[str, DataType], ...]
Rows = Iterable[tuple[Any, ...]]

T = TypeVar("T", bound=SchemaObject)


def arrow_rows(header: Header, rows: Rows) -> pa.Table:
    """Python rows as an Arrow table with the header's names and types."""
    listed = list(rows)
    arrays = [pa.array([row[i] for row in listed], type=arrow_type(t)) for i, (_, t) in enumerate(header)]
    return pa.Table.from_arrays(arrays, names=[name for name, _ in header])


def _header(names: str, **types: DataType) -> Header:
    return tuple((name, types.get(name, VARCHAR)) for name in names.split())


def _inside(session: Session, database: str, *kinds: type[T]) -> list[T]:
    return [item for item in visible(session, *kinds) if item.full_name.database == database]


def _databases(session: Session, database: str) -> tuple[Header, Rows]:
    rows = [
        (d.name, d.owner, "NO", d.comment, d.created_on, d.created_on, 1)
        for d in session.services.engine.catalog.databases()
    ]
    names = "DATABASE_NAME DATABASE_OWNER IS_TRANSIENT COMMENT CREATED LAST_ALTERED RETENTION_TIME"
    return _header(names, CREATED=TIMESTAMP_LTZ, LAST_ALTERED=TIMESTAMP_LTZ, RETENTION_TIME=NUMBER), rows


def _schemata(session: Session, database: str) -> tuple[Header, Rows]:
    rows = [
        (database, s.name, s.owner, "NO", s.comment, s.created_on, s.created_on, 1)
        for s in session.services.engine.catalog.schemas(database)
    ]
    names = "CATALOG_NAME SCHEMA_NAME SCHEMA_OWNER IS_TRANSIENT COMMENT CREATED LAST_ALTERED RETENTION_TIME"
    return _header(names, CREATED=TIMESTAMP_LTZ, LAST_ALTERED=TIMESTAMP_LTZ, RETENTION_TIME=NUMBER), rows


def _tables(session: Session, database: str) -> tuple[Header, Rows]:
    def kind(item: SchemaObject) -> str:
        if isinstance(item, View):
            return "VIEW"
        assert isinstance(item, Table)
        if item.is_event:
            return "EVENT TABLE"
        return "LOCAL TEMPORARY" if item.session is not None else "BASE TABLE"

    rows = [
        (
            database,
            t.full_name.schema,
            t.name,
            t.owner,
            kind(t),
            "YES" if isinstance(t, Table) and t.durability.value == "TRANSIENT" else "NO",
            row_count(session, t) if isinstance(t, Table) else None,
            t.comment,
            t.created_on,
            t.created_on,
        )
        for t in _inside(session, database, Table, View)
    ]
    names = (
        "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER TABLE_TYPE IS_TRANSIENT ROW_COUNT COMMENT CREATED "
        "LAST_ALTERED"
    )
    return _header(names, ROW_COUNT=NUMBER, CREATED=TIMESTAMP_LTZ, LAST_ALTERED=TIMESTAMP_LTZ), rows


def _columns(session: Session, database: str) -> tuple[Header, Rows]:
    names_of = {Kind.FIXED: "NUMBER", Kind.REAL: "FLOAT"}
    rows = [
        (
            database,
            t.full_name.schema,
            t.name,
            c.name,
            i + 1,
            c.default,
            "YES" if c.nullable else "NO",
            names_of.get(c.type.kind, c.type.kind.value),
            c.type.length,
            c.type.precision if c.type.kind is Kind.FIXED else None,
            c.type.scale if c.type.kind is Kind.FIXED else None,
            c.comment or None,
        )
        for t in _inside(session, database, Table, View)
        if isinstance(t, (Table, View))
        for i, c in enumerate(t.columns)
    ]
    names = (
        "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION COLUMN_DEFAULT IS_NULLABLE DATA_TYPE "
        "CHARACTER_MAXIMUM_LENGTH NUMERIC_PRECISION NUMERIC_SCALE COMMENT"
    )
    numbers = ("ORDINAL_POSITION", "CHARACTER_MAXIMUM_LENGTH", "NUMERIC_PRECISION", "NUMERIC_SCALE")
    return _header(names, **dict.fromkeys(numbers, NUMBER)), rows


def _packages(session: Session, database: str) -> tuple[Header, Rows]:
    """What handlers can import: the distributions installed beside Snowmelt."""
    rows = [(name, version, "python", None) for name, version in sorted(installed().items())]
    return _header("PACKAGE_NAME VERSION LANGUAGE RUNTIME_VERSION"), rows


def _procedures(session: Session, database: str) -> tuple[Header, Rows]:
    rows = [
        (database, p.full_name.schema, p.name, p.owner, p.returns.sql, p.language, p.body, p.created_on, p.comment)
        for p in _inside(session, database, Procedure)
    ]
    names = (
        "PROCEDURE_CATALOG PROCEDURE_SCHEMA PROCEDURE_NAME PROCEDURE_OWNER DATA_TYPE PROCEDURE_LANGUAGE "
        "PROCEDURE_DEFINITION CREATED COMMENT"
    )
    return _header(names, CREATED=TIMESTAMP_LTZ), rows


def _stages(session: Session, database: str) -> tuple[Header, Rows]:
    rows = [
        (database, s.full_name.schema, s.name, "Internal Named", s.owner, s.comment, s.created_on)
        for s in _inside(session, database, Stage)
    ]
    names = "STAGE_CATALOG STAGE_SCHEMA STAGE_NAME STAGE_TYPE STAGE_OWNER COMMENT CREATED"
    return _header(names, CREATED=TIMESTAMP_LTZ), rows


def _model_versions(session: Session, database: str) -> tuple[Header, Rows]:
    rows = [
        (
            database,
            m.full_name.schema,
            m.name,
            v.name,
            v.name == m.default_version,
            v.metadata,
            v.comment,
            v.created_on,
        )
        for m in _inside(session, database, Model)
        for v in m.versions
    ]
    names = "CATALOG_NAME SCHEMA_NAME MODEL_NAME MODEL_VERSION_NAME IS_DEFAULT METADATA COMMENT CREATED"
    return _header(names, IS_DEFAULT=BOOLEAN, CREATED=TIMESTAMP_LTZ), rows


VIEWS: dict[str, Callable[[Session, str], tuple[Header, Rows]]] = {
    "COLUMNS": _columns,
    "DATABASES": _databases,
    "MODEL_VERSIONS": _model_versions,
    "PACKAGES": _packages,
    "PROCEDURES": _procedures,
    "SCHEMATA": _schemata,
    "STAGES": _stages,
    "TABLES": _tables,
}
"""The views there are, by name."""


def information_schema(session: Session, name: FullName) -> pa.Table:
    """The rows of a view of INFORMATION_SCHEMA.

    Raises:
        SqlError: 002003 when the database or the view does not exist.
    """
    session.services.engine.catalog.database(name.database)
    view = VIEWS.get(name.name)
    if view is None:
        raise object_missing("Object", str(name))
    return arrow_rows(*view(session, name.database))
