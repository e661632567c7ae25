"""CREATE TABLE.

Source: docs.snowflake.com/en/sql-reference/sql/create-table
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from snowmelt.base.errors import unsupported
from snowmelt.catalog.objects import Identity, TableColumn
from snowmelt.sql.cursor import Cursor
from snowmelt.sql.parse_constraint import CONSTRAINTS, column_constraint, table_constraint
from snowmelt.sql.parse_create import Head, take_options
from snowmelt.sql.statements import ConstraintClause, Create, CreateTable

_COLUMN_ENDS = (
    *CONSTRAINTS,
    *("NOT", "NULL", "COMMENT", "DEFAULT", "AUTOINCREMENT", "IDENTITY", "COLLATE", "WITH", "MASKING", "PROJECTION"),
    *("TAG", "ORDER", "NOORDER", ","),
)

REFUSED_COLUMN_OPTIONS = {
    "COLLATE": "COLLATE",
    "WITH": "column policies and tags",
    "MASKING": "MASKING POLICY",
    "PROJECTION": "PROJECTION POLICY",
    "TAG": "TAG",
    "AS": "virtual column",
    "CHECK": "CHECK constraint",
    "ENFORCED": "ENFORCED constraint",
}

TABLE_OPTIONS = (
    "COMMENT",
    "DATA_RETENTION_TIME_IN_DAYS",
    "MAX_DATA_EXTENSION_TIME_IN_DAYS",
    "CHANGE_TRACKING",
    "ENABLE_SCHEMA_EVOLUTION",
    "DEFAULT_DDL_COLLATION",
)

_REFUSED_TABLE_CLAUSES = {
    "WITH": "table policies and tags",
    "ROW": "ROW ACCESS POLICY",
    "AGGREGATION": "AGGREGATION POLICY",
    "TAG": "TAG",
    "PARTITION BY": "PARTITION BY",
    "STAGE_FILE_FORMAT": "STAGE_FILE_FORMAT",
    "STAGE_COPY_OPTIONS": "STAGE_COPY_OPTIONS",
    "BACKUP": "CREATE TABLE ... BACKUP",
    "FROM": "CREATE TABLE ... FROM",
}


@dataclass(frozen=True)
class _Columns:
    """What stands in the parentheses: columns with types, or only names (for AS SELECT); and constraints."""

    columns: tuple[TableColumn, ...] = ()
    names: tuple[str, ...] = ()
    constraints: tuple[ConstraintClause, ...] = ()


def table(cursor: Cursor, head: Head) -> Create:
    """CREATE TABLE and CREATE EVENT TABLE."""
    name = cursor.name()
    # snowpark writes CREATE TABLE name IF NOT EXISTS (...).
    head = replace(head, if_not_exists=cursor.take("IF", "NOT", "EXISTS") or head.if_not_exists)
    found = _columns(cursor) if cursor.at("(") else _Columns()
    made = CreateTable(
        name=name,
        columns=found.columns,
        durability=head.durability,
        is_event=head.kind == "EVENT TABLE",
        constraints=found.constraints,
        or_alter=head.or_alter,
        **head.flags,
    )
    while not cursor.done:
        made = _table_clause(cursor, made, found.names)
    if not (made.is_event or made.columns or made.query or made.like or made.template):
        raise cursor.unexpected()
    return made


def _table_clause(cursor: Cursor, made: CreateTable, names: tuple[str, ...]) -> CreateTable:
    """`made` with the clause that comes next."""
    if cursor.take("AS"):
        if made.like or made.is_event:
            raise cursor.unexpected()
        return replace(made, query=_renamed(cursor.query(), names))
    if cursor.take("LIKE"):
        return replace(made, like=cursor.name())
    if cursor.take("USING"):
        cursor.expect("TEMPLATE")
        with cursor.within() as inner:
            return replace(made, template=inner.query())
    if cursor.take("COPY", "GRANTS"):
        return made
    if cursor.take("CLUSTER BY"):
        return replace(made, cluster_by=clustering_key(cursor))
    if cursor.word() in _REFUSED_TABLE_CLAUSES:
        raise unsupported(_REFUSED_TABLE_CLAUSES[cursor.word()])
    options = take_options(cursor, *TABLE_OPTIONS, refused="CREATE TABLE")
    if not options:
        raise cursor.unexpected()
    refuse_options(options)
    return replace(
        made,
        comment=str(options.get("COMMENT", made.comment)),
        retention_days=options.get("DATA_RETENTION_TIME_IN_DAYS", made.retention_days),
        extension_days=options.get("MAX_DATA_EXTENSION_TIME_IN_DAYS", made.extension_days),
        change_tracking=options.get("CHANGE_TRACKING", made.change_tracking),
    )


def clustering_key(cursor: Cursor) -> str:
    """The text in the parentheses of CLUSTER BY [LINEAR] (expressions)."""
    cursor.take("LINEAR")
    first = cursor.index
    cursor.skip_parentheses()
    return cursor.source(first + 1, cursor.index - 1)


def refuse_options(options: dict[str, Any]) -> None:
    """Refuse those of `TABLE_OPTIONS` that would change what a table does."""
    if options.get("ENABLE_SCHEMA_EVOLUTION"):
        raise unsupported("ENABLE_SCHEMA_EVOLUTION")
    if options.get("DEFAULT_DDL_COLLATION"):
        raise unsupported("DEFAULT_DDL_COLLATION")


def _renamed(query: exp.Query, names: tuple[str, ...]) -> exp.Query:
    """`query` whose result columns bear `names`, when there are any."""
    if not names:
        return query
    alias = exp.TableAlias(
        this=exp.to_identifier("Q", quoted=True), columns=[exp.to_identifier(name, quoted=True) for name in names]
    )
    inner = exp.Subquery(this=query, alias=alias)
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=inner))


# --- columns ---------------------------------------------------------------------------------------------------------


def _columns(cursor: Cursor) -> _Columns:
    columns: list[TableColumn] = []
    names: list[str] = []
    constraints: list[ConstraintClause] = []
    for _ in cursor.items():
        if cursor.word() in CONSTRAINTS and not (cursor.word() == "CONSTRAINT" and cursor.word(1) in (",", ")")):
            constraints.append(table_constraint(cursor))
        elif cursor.word(1) in (",", ")"):
            names.append(cursor.identifier())
        else:
            made, own = column(cursor)
            columns.append(made)
            constraints += own
    if names and columns:
        raise unsupported("columns with and without a type in one CREATE TABLE")
    if not names and not columns:
        cursor.index -= 1
        raise cursor.unexpected()
    keys = {name for each in constraints if each.kind == "PRIMARY KEY" for name in each.columns}
    return _Columns(
        tuple(replace(each, nullable=False) if each.name in keys else each for each in columns),
        tuple(names),
        tuple(constraints),
    )


def column(cursor: Cursor) -> tuple[TableColumn, tuple[ConstraintClause, ...]]:
    """A column's definition: name, type and options; and the constraints among these."""
    made = TableColumn(cursor.identifier(), cursor.column_type())
    constraints: list[ConstraintClause] = []
    while not cursor.done and cursor.word() not in (",", ")"):
        if cursor.word() in REFUSED_COLUMN_OPTIONS:
            raise unsupported(REFUSED_COLUMN_OPTIONS[cursor.word()])
        if cursor.word() in CONSTRAINTS:
            constraints.append(column_constraint(cursor, made.name))
        else:
            made = _column_option(cursor, made)
    if any(each.kind == "PRIMARY KEY" for each in constraints):
        made = replace(made, nullable=False)
    return made, tuple(constraints)


def _column_option(cursor: Cursor, made: TableColumn) -> TableColumn:
    """`made` with the option that comes next."""
    if cursor.take("NOT", "NULL"):
        return replace(made, nullable=False)
    if cursor.take("NULL"):
        return made
    if cursor.take("DEFAULT"):
        return replace(made, default=cursor.expression_text(*_COLUMN_ENDS))
    if cursor.take_one_of("AUTOINCREMENT", "IDENTITY"):
        return replace(made, identity=_identity(cursor))
    cursor.expect("COMMENT")
    cursor.take("=")
    return replace(made, comment=cursor.string())


def _identity(cursor: Cursor) -> Identity:
    """``(n, m)`` or ``START n INCREMENT m``, both optional; then ORDER | NOORDER."""
    start, increment = 1, 1
    if cursor.take("("):
        start = cursor.integer()
        cursor.expect(",")
        increment = cursor.integer()
        cursor.expect(")")
    if cursor.take("START"):
        cursor.take_one_of("WITH", "=")
        start = cursor.integer()
    if cursor.take("INCREMENT"):
        cursor.take_one_of("BY", "=")
        increment = cursor.integer()
    return Identity(start, increment, cursor.take_one_of("ORDER", "NOORDER") == "ORDER")
