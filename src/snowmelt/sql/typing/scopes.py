"""What names mean while a query is walked."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from snowmelt.base.datatypes import DataType

Columns = tuple[tuple[str, DataType | None], ...]
"""A relation's columns by name, in order."""


@dataclass
class Found:
    """What is found out about a whole tree.

    Attributes:
        structured: whether an expression is of a structured type, or is a function of such values.
    """

    structured: bool = False


@dataclass
class Scope:
    """What names mean in a SELECT.

    Attributes:
        found: what is found out about the whole tree.
        sources: columns by the alias of what stands in FROM; None for a source that is not known.
        ctes: columns of common table expressions by name.
        aliases: types of the projections' aliases so far, which later expressions may use.
        outer: the scope around a subquery.
        merged: columns, each with its source's alias, that a NATURAL JOIN shows with those of the other side.
    """

    found: Found
    sources: dict[str, Columns | None] = field(default_factory=dict)
    ctes: dict[str, Columns | None] = field(default_factory=dict)
    aliases: dict[str, DataType | None] = field(default_factory=dict)
    outer: Scope | None = None
    merged: set[tuple[str, str]] = field(default_factory=set)

    def inner(self) -> Scope:
        """A scope for a query inside this one."""
        return Scope(self.found, ctes=dict(self.ctes), outer=self)

    def column(self, table: str, name: str) -> DataType | None:
        """The type of a column; None when it is unknown or ambiguous."""
        chosen = {table: self.sources[table]} if table in self.sources else {} if table else self.sources
        if any(columns is None for columns in chosen.values()):
            return None
        found = [item for columns in chosen.values() for key, item in columns or () if key == name]
        if found:
            return found[0] if len(set(found)) == 1 else None
        if not table and name in self.aliases:
            return self.aliases[name]
        return self.outer.column(table, name) if self.outer is not None else None

    def is_within_column(self, column: exp.Column) -> bool:
        """Whether a dotted name means a part of a column's value to the engine; to Snowflake it means nothing."""
        names = [part.name for part in column.parts]
        scope: Scope | None = self
        within = False
        while scope is not None:
            if column.table in scope.sources:
                return False
            held = {alias: {name for name, _ in columns or ()} for alias, columns in scope.sources.items()}
            within |= any(names[0] in columns for columns in held.values()) or names[1] in held.get(names[0], ())
            scope = scope.outer
        return within

    def is_alias(self, column: exp.Column) -> bool:
        """Whether a column certainly means an alias of this SELECT: columns of sources come first."""
        if column.table or column.name not in self.aliases:
            return False
        known = [columns for columns in self.sources.values() if columns is not None]
        return len(known) == len(self.sources) and all(column.name != name for each in known for name, _ in each)
