"""What the rules ask about the world, and finished DuckDB text as a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sqlglot import exp

from snowmelt.base.datatypes import DataType
from snowmelt.catalog.names import FullName, Name
from snowmelt.catalog.objects import Function, TableColumn
from snowmelt.sql.past import Past

if TYPE_CHECKING:
    from snowmelt.sql.rewrite.table_calls import TableCall

TYPE = "snowmelt_type"
"""Meta key of an expression's Snowflake type (see snowmelt.sql.typing)."""

_COLUMNS = "snowmelt_columns"
_ALIAS = "snowmelt_alias"
_FULL = "snowmelt_full_name"


def raw(text: str, data_type: DataType | None = None) -> exp.Expr:
    """Finished DuckDB text as a node that no rule touches any more (a Var is written as it stands)."""
    node = exp.Var(this=text)
    if data_type is not None:
        node.meta[TYPE] = data_type
    return node


class StagedRows(Protocol):
    """Staged files as a relation of the engine."""

    @property
    def relation(self) -> str:
        """DuckDB text of the relation, in parentheses."""
        ...

    @property
    def is_document(self) -> bool:
        """Whether ``$1`` is one JSON document, whose fields are extracted like those of any VARIANT."""
        ...

    @property
    def column_type(self) -> DataType | None:
        """The type of ``$1``; None where files have types of their own."""
        ...

    def column(self, position: int, path: Sequence[str | int], alias: str) -> str:
        """DuckDB text of ``$position:path``."""
        ...

    def metadata(self, name: str, alias: str) -> str:
        """DuckDB text of a METADATA$ column."""
        ...


_TARGET = "snowmelt_target"


def as_target(query: exp.Subquery) -> exp.Subquery:
    """Mark a relation as the rows that a statement changes."""
    query.meta[_TARGET] = True
    return query


def is_target(node: exp.Expr) -> bool:
    """Whether a relation was marked by `as_target`."""
    return bool(node.meta.get(_TARGET))


_ENGINE = "snowmelt_engine"


def engine_call(name: str, *arguments: exp.Expr, data_type: DataType | None = None) -> exp.Anonymous:
    """A call of one of the engine's own functions, which no user may name; its arguments are still to be rewritten."""
    node = exp.Anonymous(this=name, expressions=list(arguments))
    node.meta[_ENGINE] = True
    if data_type is not None:
        node.meta[TYPE] = data_type
    return node


def is_engine_call(node: exp.Expr) -> bool:
    """Whether the node was made by `engine_call`."""
    return bool(node.meta.get(_ENGINE))


def source_columns(node: exp.Expr) -> Sequence[TableColumn] | None:
    """The columns of what a name in FROM became, where the resolver knew them."""
    found: Sequence[TableColumn] | None = node.meta.get(_COLUMNS)
    return found


def raw_target(text: str, alias: str, columns: Sequence[TableColumn]) -> exp.Expr:
    """`text` as the table of a DELETE; `columns` are what it has, and `alias` is what the statement calls it."""
    node = raw(text)
    node.meta[_COLUMNS], node.meta[_ALIAS] = columns, alias
    return node


def target_alias(node: exp.Expr) -> str:
    """What a statement calls the table that `raw_target` made."""
    return str(node.meta.get(_ALIAS, ""))


def goes_by(node: exp.Expr, name: FullName) -> None:
    """Note that columns of a source which has been resolved may be named by its full name."""
    node.meta[_FULL] = name


def full_name(node: exp.Expr) -> FullName | None:
    """What `goes_by` has noted."""
    found: FullName | None = node.meta.get(_FULL)
    return found


def raw_query(text: str, columns: Sequence[TableColumn] | None = None) -> exp.Subquery:
    """`text` in parentheses, to stand in FROM; `columns` are what it yields, if that is known."""
    query = exp.Subquery(this=raw(text))
    if columns is not None:
        query.meta[_COLUMNS] = columns
    return query


class Resolver(Protocol):
    """Answers about names, given by the session (see snowmelt.session.resolver). All raise SqlError for the unknown."""

    def full(self, name: Name) -> FullName:
        """`name` with the parts that are missing taken from the session."""
        ...

    def relation(self, name: Name, past: Past | None = None) -> str:
        """DuckDB text of a query that yields the rows of the table, view or stream called `name`, as they were at a
        point in time, or what changed between two.
        """
        ...

    def columns(self, name: Name, past: Past | None = None) -> Sequence[TableColumn] | None:
        """The columns of that relation with their types; None where they are not known beforehand."""
        ...

    def projected(self, types: Sequence[DataType | None] | None) -> None:
        """Takes the Snowflake types of the query's columns; None when not even their number is known."""
        ...

    def table_function(self, name: str, arguments: Sequence[exp.Expr]) -> tuple[str, Sequence[TableColumn] | None]:
        """DuckDB text of a query for ``TABLE(name(arguments))``, and its columns, if they are known; `name` is upper
        case and may be dotted.
        """
        ...

    def table_handler(self, name: str, arguments: int) -> Function | None:
        """The table function in Python that a name as written means, for so many arguments; None when there is none."""
        ...

    def described(self, query: exp.Query) -> tuple[TableColumn, ...]:
        """The columns of a Snowflake query, which is not run."""
        ...

    def call_table_function(self, call: TableCall) -> list[str]:
        """Have a call carried out before the query; DuckDB texts of the relations that stand before it, as they are
        joined with its rows, and last of its rows. All have the same number of rows, in the same order.
        """
        ...

    def stage(self, location: str, options: Mapping[str, Any]) -> StagedRows:
        """The files at a stage location; `options` may have ``format`` and ``pattern``."""
        ...

    def stage_alias(self) -> str | None:
        """The name to give staged rows, where the statement's own does not count."""
        ...

    def function(self, name: str, arguments: Sequence[exp.Expr]) -> exp.Expr | None:
        """What a context, system or user-defined function call becomes; None when the name is none of these."""
        ...

    def returned(self, name: str, arguments: int) -> DataType | None:
        """The type of a user-defined function with so many arguments; None when `name` is none."""
        ...

    def inlines(self) -> bool:
        """Whether there are functions in SQL."""
        ...

    def inlined(self, name: str, arguments: Sequence[exp.Expr]) -> exp.Expr | None:
        """The Snowflake tree that a call of a function in SQL stands for; None when `name` is none."""
        ...

    def binding(self, key: str) -> exp.Expr:
        """The literal bound to a placeholder: its position from 1, or its name."""
        ...

    def mentions(self, word: str) -> bool:
        """Whether an upper-case word may be in the text being rewritten; a cheap look, to save a walk over the tree."""
        ...

    def values(self, query: exp.Expr) -> Sequence[exp.Expr]:
        """Literals of what the first column of a Snowflake query holds now."""
        ...

    def sequence(self, name: Name) -> str:
        """DuckDB text that takes the next value of the sequence called `name`."""
        ...

    def parameter(self, name: str) -> Any:
        """The value of a session parameter."""
        ...

    def moment(self) -> str:
        """DuckDB text of the moment at which the statement began, in microseconds since 1970 in UTC."""
        ...

    def variable(self, name: str) -> exp.Expr:
        """The literal that a session variable (``$name``) holds."""
        ...
