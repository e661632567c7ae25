"""What an account holds, as frozen dataclasses. A change makes a new object; the catalog swaps it in on commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from snowmelt.base.datatypes import DataType
from snowmelt.catalog.names import FullName


class Durability(StrEnum):
    """How long a table or stage lives."""

    PERMANENT = "PERMANENT"
    TRANSIENT = "TRANSIENT"
    TEMPORARY = "TEMPORARY"


@dataclass(frozen=True)
class Database:
    """A database.

    Attributes:
        retention_days, extension_days: DATA_RETENTION_TIME_IN_DAYS and MAX_DATA_EXTENSION_TIME_IN_DAYS; None where
            they are not set, for a schema or table that of what it lies in (see snowmelt.catalog.retention).
        event_table: where telemetry of its procedures and functions goes; None where that is the account's.
    """

    name: str
    id: int
    created_on: datetime
    owner: str = "ACCOUNTADMIN"
    comment: str = ""
    transient: bool = False
    retention_days: int | None = None
    extension_days: int | None = None
    event_table: FullName | None = None


@dataclass(frozen=True)
class Schema:
    """A schema in a database."""

    name: str
    database: str
    id: int
    created_on: datetime
    owner: str = "ACCOUNTADMIN"
    comment: str = ""
    transient: bool = False
    retention_days: int | None = None
    extension_days: int | None = None


@dataclass(frozen=True)
class Warehouse:
    """A warehouse: a name, and properties that are only shown.

    Attributes:
        options: what was set, by upper-case name.
    """

    name: str
    id: int
    created_on: datetime
    owner: str = "ACCOUNTADMIN"
    comment: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    suspended: bool = False
    resumed_on: datetime | None = None
    updated_on: datetime | None = None


@dataclass(frozen=True)
class Identity:
    """AUTOINCREMENT of a column.

    Attributes:
        ordered: ORDER; NOORDER is the default.
        id: names the engine's sequence behind it; 0 until the table is made.
    """

    start: int = 1
    increment: int = 1
    ordered: bool = False
    id: int = 0

    def __str__(self) -> str:
        order = "ORDER" if self.ordered else "NOORDER"
        return f"IDENTITY START {self.start} INCREMENT {self.increment} {order}"


@dataclass(frozen=True)
class TableColumn:
    """A column of a table or view.

    Attributes:
        default: SQL text of the default in Snowflake's dialect, names of sequences qualified; or None.
        identity: AUTOINCREMENT, or None.
        added: made by ALTER TABLE ADD COLUMN; such a column keeps its default.
    """

    name: str
    type: DataType
    nullable: bool = True
    default: str | None = None
    identity: Identity | None = None
    comment: str = ""
    added: bool = False


@dataclass(frozen=True)
class Constraint:
    """A PRIMARY KEY, UNIQUE or FOREIGN KEY; none is enforced.

    Attributes:
        references: for a foreign key the id of the table it points to, with `referenced` that table's columns.
    """

    kind: str
    name: str
    columns: tuple[str, ...]
    created_on: datetime
    references: int | None = None
    referenced: tuple[str, ...] = ()
    rely: bool = False
    on_update: str = "NO ACTION"
    on_delete: str = "NO ACTION"


@dataclass(frozen=True)
class SchemaObject:
    """What all objects in a schema have.

    Attributes:
        id: unique in the data directory and never used again; physical names are made of it.
        session: for temporary objects the session that owns them, else None.
    """

    full_name: FullName
    id: int
    created_on: datetime
    owner: str = field(default="ACCOUNTADMIN", kw_only=True)
    comment: str = field(default="", kw_only=True)
    session: int | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        return self.full_name.name


@dataclass(frozen=True)
class Table(SchemaObject):
    """A table.

    Attributes:
        is_event: for event tables, whose columns are fixed.
        cluster_by: the text in the parentheses of CLUSTER BY, which changes nothing but what is shown.
        change_tracking: whether CHANGES can be asked for; changes are logged in any case.
        tracked_since: when it was switched on; None when that was at creation.
        row_origins: of a clone, the tables that its first rows are from, each by its id and the number of the last of
            those rows; a row keeps its METADATA$ROW_ID.
    """

    columns: tuple[TableColumn, ...]
    durability: Durability = Durability.PERMANENT
    is_event: bool = False
    retention_days: int | None = None
    extension_days: int | None = None
    change_tracking: bool = False
    tracked_since: datetime | None = None
    constraints: tuple[Constraint, ...] = ()
    cluster_by: str = ""
    row_origins: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class View(SchemaObject):
    """A view: its columns, its defining query as written, and the statement that made it."""

    columns: tuple[TableColumn, ...]
    query: str
    text: str
    secure: bool = False
    change_tracking: bool = False


@dataclass(frozen=True)
class Sequence(SchemaObject):
    """A sequence; its values come from a sequence of the engine that bears its id."""

    start: int = 1
    increment: int = 1
    ordered: bool = False


@dataclass(frozen=True)
class Stage(SchemaObject):
    """An internal stage; its files live in a directory named by its id."""

    durability: Durability = Durability.PERMANENT
    file_format: dict[str, Any] | None = None
    directory: bool = False


@dataclass(frozen=True)
class FileFormat(SchemaObject):
    """A named file format: TYPE and its options, names in upper case."""

    options: dict[str, Any]
    durability: Durability = Durability.PERMANENT


@dataclass(frozen=True)
class Stream(SchemaObject):
    """A stream; its offset is kept in storage, beside the rows, not here.

    Attributes:
        source: id of the table or view it reads, as `source_kind` says.
        mode: ``DEFAULT``, ``APPEND_ONLY``.
        initial_rows: SHOW_INITIAL_ROWS: until first consumed, it shows the rows that were there at first.
        source_kind: ``TABLE`` or ``VIEW``.
        tables: ids of the tables below a view.
    """

    source: int
    source_name: FullName
    mode: str = "DEFAULT"
    initial_rows: bool = False
    source_kind: str = "TABLE"
    tables: tuple[int, ...] = ()

    @property
    def base(self) -> tuple[int, ...]:
        """The ids of the tables whose changes it tells of."""
        return self.tables or (self.source,)


class TaskStatus(StrEnum):
    """Whether a task runs on its own."""

    STARTED = "started"
    SUSPENDED = "suspended"


@dataclass(frozen=True)
class Task(SchemaObject):
    """A task.

    Attributes:
        body: the SQL text after AS.
        schedule: as written, ``11520 MINUTE`` or ``USING CRON 0 9 * * * UTC``; None for triggered and child tasks.
        when: the condition's SQL text after WHEN, or None.
        after: full names of the predecessors.
        finalize: full name of the root that this task finalizes.
        config: the JSON text of CONFIG.
        warehouse: as written; a warehouse needs not exist.
        allow_overlap: a graph run may begin while children of an earlier one still run.
        overlap_roots: a graph run may even begin while the root of an earlier one still runs.
        timeout_ms: USER_TASK_TIMEOUT_MS; 0 means the longest possible.
        suspend_after_failures: SUSPEND_TASK_AFTER_NUM_FAILURES; 0 means never.
        auto_retries: TASK_AUTO_RETRY_ATTEMPTS.
        minimum_trigger_seconds: USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS.
        parameters: session parameters set for its runs.
        initial_size: USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE, which means nothing here, like the next three.
        target_interval: TARGET_COMPLETION_INTERVAL, as written.
        minimum_size: SERVERLESS_TASK_MIN_STATEMENT_SIZE.
        maximum_size: SERVERLESS_TASK_MAX_STATEMENT_SIZE.
        suspended_reason: why it is suspended, as SHOW TASKS says; None for a new task.
        created_by: the user who made it; None where that was not noted down yet.
    """

    body: str
    schedule: str | None = None
    when: str | None = None
    after: tuple[FullName, ...] = ()
    finalize: FullName | None = None
    config: str | None = None
    warehouse: str | None = None
    state: TaskStatus = TaskStatus.SUSPENDED
    allow_overlap: bool = False
    timeout_ms: int = 3_600_000
    suspend_after_failures: int = 10
    auto_retries: int = 0
    minimum_trigger_seconds: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    last_committed_on: datetime | None = None
    last_suspended_on: datetime | None = None
    overlap_roots: bool = False
    initial_size: str | None = None
    suspended_reason: str | None = None
    target_interval: str | None = None
    minimum_size: str | None = None
    maximum_size: str | None = None
    created_by: str | None = None

    @property
    def scheduling_mode(self) -> str | None:
        """SCHEDULING_MODE of a task without a warehouse; None for one that has a warehouse or no schedule."""
        if self.warehouse is not None or self.schedule is None:
            return None
        return "FIXED" if self.target_interval is None else "FLEXIBLE"

    @property
    def overlap_policy(self) -> str:
        """OVERLAP_POLICY."""
        if self.overlap_roots:
            return "ALLOW_ALL_OVERLAP"
        return "ALLOW_CHILD_OVERLAP" if self.allow_overlap else "NO_OVERLAP"


@dataclass(frozen=True)
class Argument:
    """A parameter of a procedure or function; `default` is SQL text or None."""

    name: str
    type: DataType
    default: str | None = None


@dataclass(frozen=True)
class Routine(SchemaObject):
    """What procedures and functions share.

    Attributes:
        returns: the result type; for RETURNS TABLE the one of `returns_table` counts.
        returns_table: columns of RETURNS TABLE, or None; empty for RETURNS TABLE ().
        language: ``PYTHON`` or ``SQL``.
        handler: the Python function, or module.function when the code comes from imports.
        body: the text after AS, or None when the code comes from imports.
        imports: stage paths such as ``@db.schema.stage/dir/file.zip``.
    """

    arguments: tuple[Argument, ...]
    returns: DataType
    returns_table: tuple[tuple[str, DataType], ...] | None
    language: str
    handler: str | None
    body: str | None
    packages: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    runtime_version: str | None = None
    durability: Durability = Durability.PERMANENT
    returns_not_null: bool = False
    strict: bool = False

    def takes(self, given: int) -> bool:
        """Whether a call may give that many arguments."""
        required = sum(argument.default is None for argument in self.arguments)
        return required <= given <= len(self.arguments)


@dataclass(frozen=True)
class Procedure(Routine):
    """A stored procedure; `caller_rights` for EXECUTE AS CALLER."""

    caller_rights: bool = False


@dataclass(frozen=True)
class Function(Routine):
    """A user-defined function; `aggregate` and `table` kinds are refused for now."""


def is_in_sql(item: object) -> bool:
    """Whether something is a function in SQL."""
    return isinstance(item, Function) and item.language == "SQL"


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model.

    Attributes:
        name: the version's identifier, stored form.
        directory: the name of the artefacts' directory, beside those of stages.
        metadata: the JSON text of ``MODIFY VERSION ... SET METADATA``.
        functions: method descriptions read from MANIFEST.yml (see snowmelt.models).
        spec: the text of the artefacts' model.yaml, which SHOW VERSIONS gives to the registry client.
    """

    name: str
    created_on: datetime
    directory: str
    comment: str = ""
    metadata: str | None = None
    aliases: tuple[str, ...] = ()
    functions: tuple[dict[str, Any], ...] = ()
    user_data: dict[str, Any] = field(default_factory=dict)
    spec: str = ""


@dataclass(frozen=True)
class Model(SchemaObject):
    """A registered model: versions in order of creation and the name of the default one."""

    versions: tuple[ModelVersion, ...]
    default_version: str


@dataclass(frozen=True)
class Dropped:
    """Something that was dropped or replaced, and can be had back for a while.

    Attributes:
        item: what it was.
        dropped_on: when it was dropped.
        order: tells apart what was dropped at the same time; the last has the greatest.
        kept_until: from then on it is gone.
        parent: id of the schema that it lay in, for a schema that of the database; 0 for a database.
        group: id of the schema or database that it was dropped with; None when it was dropped by itself.
    """

    item: Database | Schema | SchemaObject
    dropped_on: datetime
    order: int
    kept_until: datetime
    parent: int = 0
    group: int | None = None
