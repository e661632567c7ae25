"""Views of INFORMATION_SCHEMA, computed from the catalog when they are read.

Source: docs.snowflake.com/en/sql-reference/info-schema
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR, DataType
from snowmelt.base.errors import object_missing
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import arrow_type
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Table
from snowmelt.session.information_views import OBJECT_VIEWS, inside
from snowmelt.session.load_history import load_history
from snowmelt.session.packages import installed
from snowmelt.session.show_scope import retention_days, visible

if TYPE_CHECKING:
    from snowmelt.session.session import Session

Header = tuple[tuple[str, DataType], ...]
Rows = Iterable[tuple[Any, ...]]


def arrow_rows(header: Header, rows: Rows) -> pa.Table:
    """Python rows as an Arrow table with the header's names and types."""
    listed = list(rows)
    arrays = [pa.array([row[i] for row in listed], type=arrow_type(t)) for i, (_, t) in enumerate(header)]
    return pa.Table.from_arrays(arrays, names=[name for name, _ in header])


def _header(names: str, **types: DataType) -> Header:
    return tuple((name, types.get(name, VARCHAR)) for name in names.split())


def _databases(session: Session, database: str) -> tuple[Header, Rows]:
    rows = [
        (
            d.name,
            d.owner,
            _yes(d.transient),
            d.comment or None,
            d.created_on,
            d.created_on,
            retention_days(session, d),
            "STANDARD",
            "NO",
            "ROLE",
        )
        for d in session.services.engine.catalog.databases()
    ]
    names = (
        "DATABASE_NAME DATABASE_OWNER IS_TRANSIENT COMMENT CREATED LAST_ALTERED RETENTION_TIME TYPE "
        "REPLICABLE_WITH_FAILOVER_GROUPS OWNER_ROLE_TYPE"
    )
    return _header(names, CREATED=TIMESTAMP_LTZ, LAST_ALTERED=TIMESTAMP_LTZ, RETENTION_TIME=NUMBER), rows


def _schemata(session: Session, database: str) -> tuple[Header, Rows]:
    catalog = session.services.engine.catalog
    unset = (None, None, None, None)
    rows: list[tuple[Any, ...]] = [
        (
            database,
            s.name,
            s.owner,
            _yes(s.transient),
            "NO",
            retention_days(session, s),
            *unset,
            s.created_on,
            s.created_on,
            s.comment or None,
            "NO",
            "ROLE",
        )
        for s in catalog.schemas(database)
    ]
    made = catalog.database(database).created_on
    rows.append((database, "INFORMATION_SCHEMA", "", "NO", "NO", 1, *unset, made, made, None, "NO", ""))
    names = (
        "CATALOG_NAME SCHEMA_NAME SCHEMA_OWNER IS_TRANSIENT IS_MANAGED_ACCESS RETENTION_TIME "
        "DEFAULT_CHARACTER_SET_CATALOG DEFAULT_CHARACTER_SET_SCHEMA DEFAULT_CHARACTER_SET_NAME SQL_PATH CREATED "
        "LAST_ALTERED COMMENT REPLICABLE_WITH_FAILOVER_GROUPS OWNER_ROLE_TYPE"
    )
    return _header(names, CREATED=TIMESTAMP_LTZ, LAST_ALTERED=TIMESTAMP_LTZ, RETENTION_TIME=NUMBER), rows


def _yes(flag: bool) -> str:
    return "YES" if flag else "NO"


def _packages(session: Session, database: str) -> tuple[Header, Rows]:
    """What handlers can import: the distributions installed beside Snowmelt."""
    rows = [(name, version, "python", None) for name, version in sorted(installed().items())]
    return _header("PACKAGE_NAME VERSION LANGUAGE RUNTIME_VERSION"), rows


def _load_history(session: Session, database: str) -> tuple[Header, Rows]:
    """What COPY INTO has loaded, or could not load."""
    return load_history(session, inside(session, database, Table))


def _referential_constraints(session: Session, database: str) -> tuple[Header, Rows]:
    targets = {table.id: table for table in visible(session, Table)}
    rows = []
    for table in inside(session, database, Table):
        for key in table.constraints:
            target = targets.get(key.references or 0)
            if target is None:
                continue
            unique = next((each.name for each in target.constraints if each.columns == key.referenced), None)
            rows.append(
                (
                    table.full_name.database,
                    table.full_name.schema,
                    key.name,
                    target.full_name.database,
                    target.full_name.schema,
                    unique,
                    "FULL",
                    key.on_update,
                    key.on_delete,
                    None,
                    key.created_on,
                    key.created_on,
                )
            )
    names = (
        "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME UNIQUE_CONSTRAINT_CATALOG UNIQUE_CONSTRAINT_SCHEMA "
        "UNIQUE_CONSTRAINT_NAME MATCH_OPTION UPDATE_RULE DELETE_RULE COMMENT CREATED LAST_ALTERED"
    )
    return _header(names, CREATED=TIMESTAMP_LTZ, LAST_ALTERED=TIMESTAMP_LTZ), rows


def _catalog_name(session: Session, database: str) -> tuple[Header, Rows]:
    return _header("CATALOG_NAME"), [(database,)]


VIEWS: dict[str, Callable[[Session, str], tuple[Header, Rows]]] = {
    "DATABASES": _databases,
    "INFORMATION_SCHEMA_CATALOG_NAME": _catalog_name,
    "LOAD_HISTORY": _load_history,
    "PACKAGES": _packages,
    "REFERENTIAL_CONSTRAINTS": _referential_constraints,
    "SCHEMATA": _schemata,
}
"""The views that are not over objects in a schema; for those see `snowmelt.session.information_views`."""


_OF_THE_ACCOUNT = frozenset({"DATABASES", "PACKAGES"})
"""Views that are the same in each database: clients read them in the database SNOWFLAKE, of which there is no more."""


def _check_database(session: Session, name: FullName) -> None:
    if name.database != "SNOWFLAKE" or name.name not in _OF_THE_ACCOUNT:
        session.services.engine.catalog.database(name.database)


def view_header(session: Session, name: FullName) -> Header:
    """The columns of a view of INFORMATION_SCHEMA.

    Raises:
        SqlError: 002003 when the database or the view does not exist.
    """
    _check_database(session, name)
    over_objects = OBJECT_VIEWS.get(name.name)
    if over_objects is not None:
        return tuple((column.name, column.type) for column in over_objects[1])
    view = VIEWS.get(name.name)
    if view is None:
        raise object_missing("Object", str(name))
    return view(session, name.database)[0]


def information_schema(session: Session, name: FullName) -> pa.Table:
    """The rows of a view of INFORMATION_SCHEMA.

    Raises:
        SqlError: 002003 when the database or the view does not exist.
    """
    _check_database(session, name)
    over_objects = OBJECT_VIEWS.get(name.name)
    if over_objects is not None:
        items, columns = over_objects
        rows = [
            tuple(None if c.get is None else c.get(item) for c in columns) for item in items(session, name.database)
        ]
        return arrow_rows(tuple((column.name, column.type) for column in columns), rows)
    view = VIEWS.get(name.name)
    if view is None:
        raise object_missing("Object", str(name))
    return arrow_rows(*view(session, name.database))
