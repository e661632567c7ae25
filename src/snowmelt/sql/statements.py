"""Every statement Snowmelt understands, as a frozen dataclass.

`snowmelt.sql.parse.parse` makes these; `snowmelt.plan` and `snowmelt.session` read them. Names arrive folded as
`Name`; queries and expressions arrive as sqlglot trees in Snowflake's dialect. A statement that fits none of these is
a syntax error or an unsupported feature, never ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from snowmelt.base.datatypes import DataType
from snowmelt.catalog.names import Name
from snowmelt.catalog.objects import Argument, Durability, TableColumn
from snowmelt.sql.past import Moment


@dataclass(frozen=True, kw_only=True)
class Statement:
    """Base of all statements; `text` is the source text without the final semicolon."""

    text: str = ""


@dataclass(frozen=True)
class Create(Statement):
    """What all CREATE statements share: OR REPLACE and IF NOT EXISTS."""

    or_replace: bool = field(default=False, kw_only=True)
    if_not_exists: bool = field(default=False, kw_only=True)
    comment: str = field(default="", kw_only=True)


# --- queries and DML -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Query(Statement):
    """SELECT, WITH, VALUES, set operations."""

    tree: exp.Query


@dataclass(frozen=True)
class Insert(Statement):
    """INSERT [OVERWRITE] INTO target [(columns)] source; the source is a query, or `exp.Values` for VALUES."""

    target: exp.Expr
    columns: tuple[str, ...]
    source: exp.Expr
    overwrite: bool = False


@dataclass(frozen=True)
class Into:
    """One INTO clause of a multi-table INSERT.

    Attributes:
        when: number of the WHEN clause that it belongs to, from 0; -1 for ELSE; None in an unconditional INSERT.
        values: expressions over the source's columns; None takes the source's columns as they are.
    """

    target: exp.Expr
    columns: tuple[str, ...]
    values: tuple[exp.Expr, ...] | None
    when: int | None


@dataclass(frozen=True)
class MultiInsert(Statement):
    """INSERT [OVERWRITE] ALL | FIRST [WHEN condition THEN] INTO ... [ELSE INTO ...] query."""

    first: bool
    overwrite: bool
    conditions: tuple[exp.Expr, ...]
    targets: tuple[Into, ...]
    source: exp.Query


@dataclass(frozen=True)
class Update(Statement):
    """UPDATE target SET ... [FROM ...] [WHERE ...]; the sqlglot tree is whole."""

    tree: exp.Update


@dataclass(frozen=True)
class Delete(Statement):
    """DELETE FROM target [USING ...] [WHERE ...]."""

    tree: exp.Delete


@dataclass(frozen=True)
class Merge(Statement):
    """MERGE INTO target USING source ON ... WHEN ...."""

    tree: exp.Merge


@dataclass(frozen=True)
class Truncate(Statement):
    """TRUNCATE [TABLE] [IF EXISTS] name."""

    target: Name
    if_exists: bool = False


# --- databases, schemas, tables --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CreateDatabase(Create):
    """CREATE DATABASE; the new database becomes the session's."""

    name: str
    transient: bool = False
    retention_days: int | None = None
    extension_days: int | None = None


@dataclass(frozen=True)
class CreateSchema(Create):
    """CREATE SCHEMA [db.]name; it becomes the session's. `name.name` is the schema, `name.schema` the database."""

    name: Name
    transient: bool = False
    retention_days: int | None = None
    extension_days: int | None = None


@dataclass(frozen=True)
class ConstraintClause:
    """PRIMARY KEY, UNIQUE or FOREIGN KEY as written; `references` and `referenced` are a foreign key's target."""

    kind: str
    columns: tuple[str, ...]
    name: str | None = None
    references: Name | None = None
    referenced: tuple[str, ...] = ()
    rely: bool = False
    on_update: str = "NO ACTION"
    on_delete: str = "NO ACTION"


@dataclass(frozen=True)
class CreateTable(Create):
    """CREATE TABLE with columns, AS query, LIKE or USING TEMPLATE; the last three exclude each other.

    `is_event` for CREATE EVENT TABLE, `or_alter` for CREATE OR ALTER. `cluster_by` is the text in the parentheses of
    CLUSTER BY. `change_tracking` is None where nothing is said of it.
    """

    name: Name
    columns: tuple[TableColumn, ...] = ()
    query: exp.Query | None = None
    like: Name | None = None
    template: exp.Query | None = None
    durability: Durability = Durability.PERMANENT
    is_event: bool = False
    change_tracking: bool | None = None
    retention_days: int | None = None
    extension_days: int | None = None
    constraints: tuple[ConstraintClause, ...] = ()
    cluster_by: str = ""
    or_alter: bool = False


@dataclass(frozen=True)
class Clone(Create):
    """CREATE kind name CLONE source; `at` is the point in time that is copied.

    `ignore_purged`: IGNORE TABLES WITH INSUFFICIENT DATA RETENTION. `new_comment`: None for that of the source.
    """

    kind: str
    name: Name
    source: Name
    at: Moment | None = None
    durability: Durability = Durability.PERMANENT
    ignore_purged: bool = False
    new_comment: str | None = None


@dataclass(frozen=True)
class CreateView(Create):
    """CREATE VIEW name [(columns)] AS query; `durability` TEMPORARY for temporary views.

    `source` is the query as it is kept; `column_comments` go with `columns`, '' where there is none.
    """

    name: Name
    columns: tuple[str, ...]
    query: exp.Query
    durability: Durability = Durability.PERMANENT
    source: str = ""
    column_comments: tuple[str, ...] = ()
    secure: bool = False
    change_tracking: bool = False
    or_alter: bool = False


@dataclass(frozen=True)
class CreateSequence(Create):
    """CREATE SEQUENCE."""

    name: Name
    start: int = 1
    increment: int = 1
    ordered: bool = False


@dataclass(frozen=True)
class CreateStage(Create):
    """CREATE STAGE; internal stages only (a URL is refused by the parser)."""

    name: Name
    durability: Durability = Durability.PERMANENT
    file_format: dict[str, Any] | None = None
    directory: bool = False


@dataclass(frozen=True)
class CreateFileFormat(Create):
    """CREATE FILE FORMAT; option names in upper case, values as Python values."""

    name: Name
    options: dict[str, Any]
    durability: Durability = Durability.PERMANENT


@dataclass(frozen=True)
class CreateWarehouse(Create):
    """CREATE WAREHOUSE; `options` are its properties by upper-case name."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AlterTable(Statement):
    """ALTER TABLE with one action.

    `action`: ``RENAME`` (value Name), ``ADD COLUMN`` (tuple of TableColumn), ``DROP COLUMN`` (tuple of str),
    ``RENAME COLUMN`` ((old, new)), ``SWAP`` (Name), ``SET`` (dict of properties), ``UNSET`` (tuple of str),
    ``ADD CONSTRAINT`` (ConstraintClause), ``DROP CONSTRAINT`` ((kind or '', name or None, columns)),
    ``RENAME CONSTRAINT`` ((old, new)), ``CLUSTER BY`` (text, empty to drop the key), ``ALTER COLUMN`` (tuple of
    (column, change, argument)) with the changes ``SET DATA TYPE`` (DataType), ``SET NOT NULL``, ``DROP NOT NULL``,
    ``SET DEFAULT`` (SQL text), ``DROP DEFAULT`` and ``COMMENT`` (str).

    `column_if_exists`: ADD COLUMN IF NOT EXISTS, DROP COLUMN IF EXISTS. `constraints`: those of added columns.
    """

    name: Name
    action: str
    value: Any
    if_exists: bool = False
    column_if_exists: bool = False
    constraints: tuple[ConstraintClause, ...] = ()


@dataclass(frozen=True)
class AlterObject(Statement):
    """ALTER of an object that has no statement of its own.

    `action`: ``RENAME`` (value Name), ``SET`` (dict of properties), ``UNSET`` (tuple of str); of views also
    ``COLUMN COMMENT`` (tuple of (column, text)), of warehouses ``SUSPEND`` and ``RESUME`` (whether IF SUSPENDED).
    """

    kind: str
    name: Name
    action: str
    value: Any = None
    if_exists: bool = False
    arguments: tuple[DataType, ...] | None = None


@dataclass(frozen=True)
class Drop(Statement):
    """DROP kind name; `kind` is TABLE, VIEW, SCHEMA, DATABASE, STREAM, TASK, PROCEDURE, FUNCTION, STAGE,
    FILE FORMAT, SEQUENCE, MODEL, WAREHOUSE. `arguments`: the types in a procedure's or function's signature."""

    kind: str
    name: Name
    if_exists: bool = False
    arguments: tuple[DataType, ...] | None = None
    cascade: bool = False
    restrict: bool = False


@dataclass(frozen=True)
class Undrop(Statement):
    """UNDROP TABLE | SCHEMA | DATABASE name."""

    kind: str
    name: Name


@dataclass(frozen=True)
class SetComment(Statement):
    """COMMENT [IF EXISTS] ON kind name IS 'text'; for routines `arguments` are the types in the signature, for kind
    COLUMN `column` is the column of the table or view `name`."""

    kind: str
    name: Name
    comment: str
    if_exists: bool = False
    arguments: tuple[DataType, ...] | None = None
    column: str = ""


# --- streams and tasks -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CreateStream(Create):
    """CREATE STREAM name ON TABLE | VIEW source; `at` is the point in time from which on it shows changes."""

    name: Name
    source: Name
    source_kind: str = "TABLE"
    append_only: bool = False
    show_initial_rows: bool = False
    at: Moment | None = None


@dataclass(frozen=True)
class CreateTask(Create):
    """CREATE TASK; `options` holds the other properties by upper-case name (WAREHOUSE, CONFIG,
    USER_TASK_TIMEOUT_MS, SUSPEND_TASK_AFTER_NUM_FAILURES, TASK_AUTO_RETRY_ATTEMPTS, ALLOW_OVERLAPPING_EXECUTION,
    USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS, session parameters, ...). `when` and `body` are source text.
    `or_alter` for CREATE OR ALTER."""

    name: Name
    body: str
    schedule: str | None = None
    when: str | None = None
    after: tuple[Name, ...] = ()
    finalize: Name | None = None
    options: dict[str, Any] = field(default_factory=dict)
    or_alter: bool = False


@dataclass(frozen=True)
class AlterTask(Statement):
    """ALTER TASK: ``RESUME``, ``SUSPEND``, ``SET`` (dict), ``UNSET`` (tuple), ``MODIFY AS`` (str),
    ``MODIFY WHEN`` (str), ``REMOVE WHEN``, ``ADD AFTER`` / ``REMOVE AFTER`` (tuple of Name)."""

    name: Name
    action: str
    value: Any = None
    if_exists: bool = False


@dataclass(frozen=True)
class ExecuteTask(Statement):
    """EXECUTE TASK name [USING CONFIG = '...'] | RETRY LAST | RETRY GRAPH RUN GROUP '...'."""

    name: Name
    config: str | None = None
    retry_last: bool = False
    retry_group: str | None = None


# --- routines and models ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CreateRoutine(Create):
    """CREATE PROCEDURE or FUNCTION (`kind`); fields as in `snowmelt.catalog.objects.Routine`."""

    kind: str
    name: Name
    arguments: tuple[Argument, ...]
    returns: DataType
    language: str
    returns_table: tuple[tuple[str, DataType], ...] | None = None
    handler: str | None = None
    body: str | None = None
    packages: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    runtime_version: str | None = None
    durability: Durability = Durability.PERMANENT
    caller_rights: bool = False
    strict: bool = False
    returns_not_null: bool = False


@dataclass(frozen=True)
class Call(Statement):
    """CALL name(args) [INTO :v]; argument i's name is `names[i]` or None when positional.

    `procedure` is set for the anonymous form, WITH name AS PROCEDURE ... CALL name(...).
    """

    name: Name
    arguments: tuple[exp.Expr, ...]
    names: tuple[str | None, ...]
    procedure: CreateRoutine | None = None


@dataclass(frozen=True)
class CreateModel(Create):
    """CREATE MODEL name [WITH VERSION v] FROM @stage/path, or FROM MODEL source [VERSION v]."""

    name: Name
    version: str | None
    source: str | None
    from_model: Name | None = None
    from_version: str | None = None


@dataclass(frozen=True)
class AlterModel(Statement):
    """ALTER MODEL: ``ADD VERSION`` (value: (version or None, stage path)), ``ADD VERSION FROM MODEL`` ((version or
    None, Name of the source, its version or None)), ``DROP VERSION`` (version),
    ``SET DEFAULT_VERSION`` (version), ``SET COMMENT`` (str), ``MODIFY VERSION`` ((version, dict of COMMENT /
    METADATA)), ``VERSION SET ALIAS`` ((version, alias)), ``VERSION UNSET ALIAS`` (version), ``RENAME`` (Name)."""

    name: Name
    action: str
    value: Any = None
    if_exists: bool = False


# --- stages and loading ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Put(Statement):
    """PUT 'file://...' @stage [PARALLEL = n] [AUTO_COMPRESS = b] [SOURCE_COMPRESSION = c] [OVERWRITE = b]."""

    source: str
    target: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Get(Statement):
    """GET @stage/path 'file://dir' [PARALLEL = n] [PATTERN = 'regex']."""

    source: str
    target: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ListFiles(Statement):
    """LIST | LS @stage[/path] [PATTERN = 'regex']."""

    location: str
    pattern: str | None = None


@dataclass(frozen=True)
class RemoveFiles(Statement):
    """REMOVE | RM @stage[/path] [PATTERN = 'regex']."""

    location: str
    pattern: str | None = None


@dataclass(frozen=True)
class CopyFiles(Statement):
    """COPY FILES INTO @target FROM @source [FILES = (...)] [PATTERN = 'regex'] [DETAILED_OUTPUT = b]."""

    target: str
    source: str
    files: tuple[str, ...] | None = None
    pattern: str | None = None
    detailed: bool = True


@dataclass(frozen=True)
class CopyIntoTable(Statement):
    """COPY INTO table [(columns)] FROM @stage[/path] | (SELECT ... FROM @stage) with options.

    `options`: FILES (list), PATTERN, FILE_FORMAT (dict, or {"FORMAT_NAME": name}), ON_ERROR, PURGE, FORCE,
    MATCH_BY_COLUMN_NAME, ....
    """

    target: Name
    columns: tuple[str, ...]
    location: str
    select: exp.Select | None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CopyIntoLocation(Statement):
    """COPY INTO @stage/path FROM table | (query) [PARTITION BY expression] with options."""

    location: str
    source: exp.Expr
    partition_by: exp.Expr | None = None
    options: dict[str, Any] = field(default_factory=dict)


# --- session ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Use(Statement):
    """USE [DATABASE | SCHEMA | ROLE | WAREHOUSE | SECONDARY ROLES] name; kind '' for a bare USE name."""

    kind: str
    name: Name


@dataclass(frozen=True)
class SetVariable(Statement):
    """SET name = expression, or SET (a, b) = (x, y)."""

    names: tuple[str, ...]
    values: tuple[exp.Expr, ...]


@dataclass(frozen=True)
class UnsetVariable(Statement):
    """UNSET name."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class AlterParameters(Statement):
    """ALTER SESSION | ACCOUNT SET ... / UNSET ...; `scope` is SESSION or ACCOUNT; a value of None unsets."""

    scope: str
    values: dict[str, Any]


@dataclass(frozen=True)
class AlterUser(Statement):
    """ALTER USER name SET ... / UNSET ...; a value of None unsets."""

    name: Name
    values: dict[str, Any]
    if_exists: bool = False


@dataclass(frozen=True)
class Transaction(Statement):
    """BEGIN, COMMIT or ROLLBACK (`action`); `name` is what BEGIN calls the transaction."""

    action: str
    name: str | None = None


@dataclass(frozen=True)
class Show(Statement):
    """SHOW [TERSE] kind [HISTORY] [LIKE 'x'] [IN scope name] [STARTS WITH] [LIMIT n [FROM 'x']].

    `kind` in upper case as written after SHOW (TABLES, SCHEMAS, VERSIONS, FUNCTIONS, ...). `scope` is '' or ACCOUNT,
    DATABASE, SCHEMA, TABLE, MODEL, ...; `scope_version` for IN MODEL m VERSION v; `root_only` for TASKS.
    """

    kind: str
    like: str | None = None
    scope: str = ""
    scope_name: Name | None = None
    scope_version: str | None = None
    starts_with: str | None = None
    limit: int | None = None
    limit_from: str | None = None
    terse: bool = False
    history: bool = False
    root_only: bool = False


@dataclass(frozen=True)
class Describe(Statement):
    """DESCRIBE kind name; for kind RESULT the name is a query id; for routines `arguments` are their types."""

    kind: str
    name: Name
    arguments: tuple[DataType, ...] | None = None


@dataclass(frozen=True)
class Explain(Statement):
    """EXPLAIN [USING TABULAR | JSON | TEXT] statement."""

    form: str
    statement: Statement
