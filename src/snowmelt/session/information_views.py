"""The views of INFORMATION_SCHEMA over objects: for each its columns in Snowflake's order, and what fills them.

Source: docs.snowflake.com/en/sql-reference/info-schema and the page of each view
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from snowmelt.base.datatypes import BOOLEAN, NUMBER, TIMESTAMP_LTZ, VARCHAR, DataType, Kind
from snowmelt.catalog.objects import (
    Constraint,
    FileFormat,
    Function,
    Model,
    Procedure,
    Routine,
    SchemaObject,
    Sequence,
    Stage,
    Table,
    TableColumn,
    View,
)
from snowmelt.session.file_format_options import all_options
from snowmelt.session.show_data import clustering, next_value
from snowmelt.session.show_scope import byte_count, retention_days, row_counts, visible

if TYPE_CHECKING:
    from snowmelt.session.session import Session

Rows = Iterable[tuple[Any, ...]]
Get = Callable[[Any], Any]
T = TypeVar("T", bound=SchemaObject)


@dataclass(frozen=True)
class Column:
    """A view's column: `get` takes its value from the item that a row stands for; None leaves it null."""

    name: str
    type: DataType = VARCHAR
    get: Get | None = None


def _c(name: str, get: Get, data_type: DataType = VARCHAR) -> Column:
    return Column(name, data_type, get)


def _null(names: str, data_type: DataType = VARCHAR) -> tuple[Column, ...]:
    """Columns that are always null here."""
    return tuple(Column(name, data_type) for name in names.split())


def _named(prefix: str, path: Get = lambda item: item) -> tuple[Column, ...]:
    """prefix_CATALOG, prefix_SCHEMA and prefix_NAME of the object that `path` leads to."""
    return (
        _c(f"{prefix}_CATALOG", lambda item: path(item).full_name.database),
        _c(f"{prefix}_SCHEMA", lambda item: path(item).full_name.schema),
        _c(f"{prefix}_NAME", lambda item: path(item).name),
    )


def _times(path: Get = lambda item: item) -> tuple[Column, ...]:
    return (
        _c("CREATED", lambda item: path(item).created_on, TIMESTAMP_LTZ),
        _c("LAST_ALTERED", lambda item: path(item).created_on, TIMESTAMP_LTZ),
    )


def _yes(flag: object) -> str:
    return "YES" if flag else "NO"


def _comment(path: Get = lambda item: item) -> Column:
    return _c("COMMENT", lambda item: path(item).comment or None)


@dataclass(frozen=True)
class _Relation:
    """A table or view, with how many rows it has, and for how many days its past is kept."""

    item: Table | View
    rows: int | None
    days: int

    @property
    def table(self) -> Table | None:
        return self.item if isinstance(self.item, Table) else None

    @property
    def kind(self) -> str:
        if self.table is None:
            return "VIEW"
        if self.table.is_event:
            return "EVENT TABLE"
        return "LOCAL TEMPORARY" if self.item.session is not None else "BASE TABLE"


def _relations(session: Session, database: str) -> Iterable[_Relation]:
    items = inside(session, database, Table, View)
    counts = row_counts(session, [item for item in items if isinstance(item, Table)])
    return [
        _Relation(item, counts.get(item.id), retention_days(session, item))
        for item in items
        if isinstance(item, (Table, View))
    ]


def inside(session: Session, database: str, *kinds: type[T]) -> list[T]:
    """The visible objects of some kinds in a database."""
    return [item for item in visible(session, *kinds) if item.full_name.database == database]


def _of_table(get: Get) -> Get:
    """`get` of the table; null for views."""
    return lambda relation: None if relation.table is None else get(relation.table)


_ITEM: Get = lambda relation: relation.item  # noqa: E731

TABLES = (
    *_named("TABLE", _ITEM),
    _c("TABLE_OWNER", lambda r: r.item.owner),
    _c("TABLE_TYPE", lambda r: r.kind),
    _c("IS_TRANSIENT", _of_table(lambda t: _yes(t.durability.value == "TRANSIENT"))),
    _c("CLUSTERING_KEY", _of_table(lambda t: clustering(t) or None)),
    _c("ROW_COUNT", lambda r: r.rows, NUMBER),
    _c("BYTES", lambda r: None if r.table is None else byte_count(r.table, r.rows), NUMBER),
    _c("RETENTION_TIME", lambda r: None if r.table is None else r.days, NUMBER),
    *_null("SELF_REFERENCING_COLUMN_NAME REFERENCE_GENERATION USER_DEFINED_TYPE_CATALOG USER_DEFINED_TYPE_SCHEMA"),
    *_null("USER_DEFINED_TYPE_NAME"),
    _c("IS_INSERTABLE_INTO", lambda r: _yes(r.table is not None)),
    _c("IS_TYPED", lambda r: "YES"),
    *_null("COMMIT_ACTION"),
    *_times(_ITEM),
    _c("LAST_DDL", lambda r: r.item.created_on, TIMESTAMP_LTZ),
    *_null("LAST_DDL_BY"),
    _c("AUTO_CLUSTERING_ON", _of_table(lambda t: _yes(t.cluster_by))),
    _comment(_ITEM),
    _c("IS_TEMPORARY", _of_table(lambda t: _yes(t.session is not None))),
    _c("IS_ICEBERG", lambda r: "NO"),
    _c("IS_DYNAMIC", lambda r: "NO"),
    _c("IS_IMMUTABLE", lambda r: "NO"),
    _c("IS_HYBRID", lambda r: "NO"),
)

_KINDS = {Kind.FIXED: "NUMBER", Kind.REAL: "FLOAT"}


@dataclass(frozen=True)
class _Column:
    item: Table | View
    column: TableColumn
    position: int


def _columns(session: Session, database: str) -> Iterable[_Column]:
    for item in inside(session, database, Table, View):
        assert isinstance(item, (Table, View))
        for position, column in enumerate(item.columns):
            yield _Column(item, column, position + 1)


def _for(*kinds: Kind) -> Callable[[Get], Get]:
    """A getter of the column's type that is null for other kinds of types."""
    return lambda get: lambda each: get(each.column.type) if each.column.type.kind in kinds else None


def _identity(get: Get) -> Get:
    return lambda each: None if each.column.identity is None else get(each.column.identity)


_TIMES = (Kind.TIME, Kind.TIMESTAMP_NTZ, Kind.TIMESTAMP_LTZ, Kind.TIMESTAMP_TZ)
_OCTETS = 4
"""Bytes that a character of VARCHAR takes at most."""

_LONGEST = 16_777_216

COLUMNS = (
    *_named("TABLE", _ITEM),
    _c("COLUMN_NAME", lambda c: c.column.name),
    _c("ORDINAL_POSITION", lambda c: c.position, NUMBER),
    _c("COLUMN_DEFAULT", lambda c: c.column.default),
    _c("IS_NULLABLE", lambda c: _yes(c.column.nullable)),
    _c("DATA_TYPE", lambda c: _KINDS.get(c.column.type.kind, c.column.type.wire)),
    _c("CHARACTER_MAXIMUM_LENGTH", _for(Kind.TEXT)(lambda t: t.length), NUMBER),
    _c("CHARACTER_OCTET_LENGTH", _for(Kind.TEXT)(lambda t: min(t.length * _OCTETS, _LONGEST)), NUMBER),
    _c("NUMERIC_PRECISION", _for(Kind.FIXED)(lambda t: t.precision), NUMBER),
    _c("NUMERIC_PRECISION_RADIX", _for(Kind.FIXED)(lambda t: 10), NUMBER),
    _c("NUMERIC_SCALE", _for(Kind.FIXED)(lambda t: t.scale), NUMBER),
    _c("DATETIME_PRECISION", _for(*_TIMES)(lambda t: t.scale), NUMBER),
    *_null("INTERVAL_TYPE INTERVAL_PRECISION CHARACTER_SET_CATALOG CHARACTER_SET_SCHEMA CHARACTER_SET_NAME"),
    *_null("COLLATION_CATALOG COLLATION_SCHEMA COLLATION_NAME DOMAIN_CATALOG DOMAIN_SCHEMA DOMAIN_NAME"),
    *_null("UDT_CATALOG UDT_SCHEMA UDT_NAME SCOPE_CATALOG SCOPE_SCHEMA SCOPE_NAME MAXIMUM_CARDINALITY DTD_IDENTIFIER"),
    _c("IS_SELF_REFERENCING", lambda c: "NO"),
    _c("IS_IDENTITY", lambda c: _yes(c.column.identity)),
    _c("IDENTITY_GENERATION", _identity(lambda i: "BY DEFAULT")),
    _c("IDENTITY_START", _identity(lambda i: str(i.start))),
    _c("IDENTITY_INCREMENT", _identity(lambda i: str(i.increment))),
    *_null("IDENTITY_MAXIMUM IDENTITY_MINIMUM"),
    _c("IDENTITY_CYCLE", _identity(lambda i: "NO")),
    _c("IDENTITY_ORDERED", _identity(lambda i: _yes(i.ordered))),
    *_null("SCHEMA_EVOLUTION_RECORD"),
    _c("DATA_TYPE_ALIAS", lambda c: c.column.type.sql),
    _comment(lambda c: c.column),
)

VIEWS = (
    *_named("TABLE"),
    _c("TABLE_OWNER", lambda v: v.owner),
    _c("VIEW_DEFINITION", lambda v: v.text),
    _c("CHECK_OPTION", lambda v: "NONE"),
    _c("IS_UPDATABLE", lambda v: "NO"),
    _c("INSERTABLE_INTO", lambda v: "NO"),
    _c("IS_SECURE", lambda v: _yes(v.secure)),
    *_times(),
    _c("LAST_DDL", lambda v: v.created_on, TIMESTAMP_LTZ),
    *_null("LAST_DDL_BY"),
    _comment(),
)

SEQUENCES = (
    *_named("SEQUENCE", lambda s: s[1]),
    _c("SEQUENCE_OWNER", lambda s: s[1].owner),
    _c("DATA_TYPE", lambda s: "NUMBER"),
    _c("NUMERIC_PRECISION", lambda s: 38, NUMBER),
    _c("NUMERIC_PRECISION_RADIX", lambda s: 10, NUMBER),
    _c("NUMERIC_SCALE", lambda s: 0, NUMBER),
    _c("START_VALUE", lambda s: str(s[1].start)),
    _c("MINIMUM_VALUE", lambda s: str(-(2**63))),
    _c("MAXIMUM_VALUE", lambda s: str(2**63 - 1)),
    _c("NEXT_VALUE", lambda s: str(next_value(*s))),
    _c("INCREMENT", lambda s: str(s[1].increment)),
    _c("CYCLE_OPTION", lambda s: "NO"),
    *_times(lambda s: s[1]),
    _c("ORDERED", lambda s: _yes(s[1].ordered)),
    _comment(lambda s: s[1]),
)

STAGES = (
    *_named("STAGE"),
    *_null("STAGE_URL STAGE_REGION"),
    _c("STAGE_TYPE", lambda s: "Internal Named"),
    _c("STAGE_OWNER", lambda s: s.owner),
    _comment(),
    *_times(),
    *_null("ENDPOINT"),
    _c("DIRECTORY_ENABLED", lambda s: _yes(s.directory)),
)


def _option(name: str) -> Column:
    def get(item: FileFormat) -> str | None:
        value = all_options(item.options).get(name)
        return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return _c(name, get)


FILE_FORMATS = (
    *_named("FILE_FORMAT"),
    _c("FILE_FORMAT_OWNER", lambda f: f.owner),
    _c("FILE_FORMAT_TYPE", lambda f: str(f.options.get("TYPE", "CSV"))),
    *map(
        _option,
        ["RECORD_DELIMITER", "FIELD_DELIMITER", "SKIP_HEADER", "DATE_FORMAT", "TIME_FORMAT", "TIMESTAMP_FORMAT"],
    ),
    *map(_option, ["BINARY_FORMAT", "ESCAPE", "ESCAPE_UNENCLOSED_FIELD", "TRIM_SPACE", "FIELD_OPTIONALLY_ENCLOSED_BY"]),
    *map(_option, ["NULL_IF", "COMPRESSION", "ERROR_ON_COLUMN_COUNT_MISMATCH"]),
    *_times(),
    _comment(),
)


def type_name(data_type: DataType) -> str:
    """A type as signatures show it: without digits and lengths."""
    return {Kind.FIXED: "NUMBER", Kind.REAL: "FLOAT", Kind.TEXT: "VARCHAR"}.get(data_type.kind, data_type.kind.value)


def _signature(routine: Routine) -> str:
    return "(" + ", ".join(f"{a.name} {type_name(a.type)}" for a in routine.arguments) + ")"


def _routine(prefix: str, *between: Column) -> tuple[Column, ...]:
    return (
        *_named(prefix),
        _c(f"{prefix}_OWNER", lambda r: r.owner),
        _c("ARGUMENT_SIGNATURE", _signature),
        _c("DATA_TYPE", lambda r: "TABLE" if r.returns_table is not None else r.returns.sql),
        _c("CHARACTER_MAXIMUM_LENGTH", lambda r: r.returns.length, NUMBER),
        *_null("CHARACTER_OCTET_LENGTH", NUMBER),
        _c("NUMERIC_PRECISION", lambda r: r.returns.precision if r.returns.kind is Kind.FIXED else None, NUMBER),
        _c("NUMERIC_PRECISION_RADIX", lambda r: 10 if r.returns.kind is Kind.FIXED else None, NUMBER),
        _c("NUMERIC_SCALE", lambda r: r.returns.scale if r.returns.kind is Kind.FIXED else None, NUMBER),
        _c(f"{prefix}_LANGUAGE", lambda r: r.language),
        _c(f"{prefix}_DEFINITION", lambda r: r.body),
        *between,
        *_times(),
        _comment(),
    )


PROCEDURES = _routine("PROCEDURE")

FUNCTIONS = (
    *_routine(
        "FUNCTION",
        *_null("VOLATILITY"),
        _c("IS_NULL_CALL", lambda f: _yes(not f.strict)),
        _c("IS_SECURE", lambda f: "NO"),
    ),
    _c("IS_EXTERNAL", lambda f: "NO"),
    *_null("API_INTEGRATION CONTEXT_HEADERS MAX_BATCH_ROWS COMPRESSION"),
    _c("PACKAGES", lambda f: "[" + ", ".join(f"'{name}'" for name in f.packages) + "]"),
    _c("RUNTIME_VERSION", lambda f: f.runtime_version),
    *_null("INSTALLED_PACKAGES"),
    _c("IS_MEMOIZABLE", lambda f: "NO"),
)


def _constraints(session: Session, database: str) -> Iterable[tuple[Table, Constraint]]:
    return [(table, each) for table in inside(session, database, Table) for each in table.constraints]


_CONSTRAINT = (
    _c("CONSTRAINT_CATALOG", lambda p: p[0].full_name.database),
    _c("CONSTRAINT_SCHEMA", lambda p: p[0].full_name.schema),
    _c("CONSTRAINT_NAME", lambda p: p[1].name),
)

TABLE_CONSTRAINTS = (
    *_CONSTRAINT,
    *_named("TABLE", lambda p: p[0]),
    _c("CONSTRAINT_TYPE", lambda p: p[1].kind),
    _c("IS_DEFERRABLE", lambda p: "NO"),
    _c("INITIALLY_DEFERRED", lambda p: "YES"),
    _c("ENFORCED", lambda p: "NO"),
    *_null("COMMENT"),
    *_times(lambda p: p[1]),
    _c("RELY", lambda p: _yes(p[1].rely)),
)

MODELS = (
    _c("CATALOG_NAME", lambda m: m.full_name.database),
    _c("SCHEMA_NAME", lambda m: m.full_name.schema),
    _c("MODEL_NAME", lambda m: m.name),
    _c("MODEL_OWNER", lambda m: m.owner),
    _c("DEFAULT_VERSION_NAME", lambda m: m.default_version),
    _c("VERSIONS", lambda m: json.dumps([version.name for version in m.versions])),
    _c("COMMENT", lambda m: m.comment),
    _c("CREATED", lambda m: m.created_on, TIMESTAMP_LTZ),
)

MODEL_VERSIONS = (
    _c("CATALOG_NAME", lambda p: p[0].full_name.database),
    _c("SCHEMA_NAME", lambda p: p[0].full_name.schema),
    _c("MODEL_NAME", lambda p: p[0].name),
    _c("MODEL_VERSION_NAME", lambda p: p[1].name),
    _c("IS_DEFAULT", lambda p: p[1].name == p[0].default_version, BOOLEAN),
    _c("METADATA", lambda p: p[1].metadata),
    _c("COMMENT", lambda p: p[1].comment),
    _c("CREATED", lambda p: p[1].created_on, TIMESTAMP_LTZ),
)

OBJECT_VIEWS: dict[str, tuple[Callable[[Session, str], Iterable[Any]], tuple[Column, ...]]] = {
    "COLUMNS": (_columns, COLUMNS),
    "FILE_FORMATS": (lambda session, database: inside(session, database, FileFormat), FILE_FORMATS),
    "FUNCTIONS": (lambda session, database: inside(session, database, Function), FUNCTIONS),
    "MODELS": (lambda session, database: inside(session, database, Model), MODELS),
    "MODEL_VERSIONS": (
        lambda session, database: [(m, v) for m in inside(session, database, Model) for v in m.versions],
        MODEL_VERSIONS,
    ),
    "PROCEDURES": (lambda session, database: inside(session, database, Procedure), PROCEDURES),
    "SEQUENCES": (lambda session, database: [(session, s) for s in inside(session, database, Sequence)], SEQUENCES),
    "STAGES": (lambda session, database: inside(session, database, Stage), STAGES),
    "TABLES": (_relations, TABLES),
    "TABLE_CONSTRAINTS": (_constraints, TABLE_CONSTRAINTS),
    "VIEWS": (lambda session, database: inside(session, database, View), VIEWS),
}
"""By name: the items that rows stand for, and the columns."""
