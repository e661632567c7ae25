"""A block of Snowflake Scripting as frozen dataclasses.

`snowmelt.sql.parse_block` makes them, the room `scripting` runs them.

Source: docs.snowflake.com/en/sql-reference-snowflake-scripting
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from snowmelt.base.datatypes import DataType
from snowmelt.sql.statements import Statement


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """Base of all nodes: line (from 1) and position in it (from 0) within the block's text."""

    line: int = 1
    position: int = 0


@dataclass(frozen=True, eq=False)
class Expression(Node):
    """An expression to be evaluated.

    Attributes:
        names: what may be variables in it, folded: bare names outside of subqueries, and binds (``R.PRICE`` for the
            column of a row).
        pure: it holds no query.
    """

    text: str
    tree: exp.Expr
    names: tuple[str, ...]
    pure: bool


@dataclass(frozen=True, eq=False)
class Sql(Node):
    """A SQL statement of its own.

    Attributes:
        statement: as parsed; None when a bind stands for a name or an option, so that it can only be parsed when run.
        binds: names of the binds as they are written, ``r.price`` for the column of a row.
        into: variables of an INTO clause, folded.
    """

    text: str
    statement: Statement | None
    binds: tuple[str, ...]
    into: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ExecuteImmediate(Node):
    """EXECUTE IMMEDIATE text [INTO :a] [USING (a, b)]."""

    source: Expression
    using: tuple[Expression, ...] = ()
    into: tuple[str, ...] = ()


Query = Sql | ExecuteImmediate
"""What a RESULTSET may be filled by."""


@dataclass(frozen=True, eq=False)
class DeclareVariable(Node):
    """A variable; without a type it takes that of its value."""

    name: str
    type: DataType | None
    value: Expression | None


@dataclass(frozen=True, eq=False)
class DeclareCursor(Node):
    """name CURSOR FOR query | resultset; `source` is a query, or the name of a RESULTSET."""

    name: str
    source: Sql | str


@dataclass(frozen=True, eq=False)
class DeclareResultSet(Node):
    """name RESULTSET [:= (query)]."""

    name: str
    query: Query | None


@dataclass(frozen=True, eq=False)
class DeclareException(Node):
    """name EXCEPTION [(number, 'message')]."""

    name: str
    number: int = -20_000
    message: str = ""


@dataclass(frozen=True, eq=False)
class Assign(Node):
    """name := expression; `query` is set instead of `value` where only a RESULTSET can take it."""

    name: str
    value: Expression | None
    query: Query | None = None


@dataclass(frozen=True, eq=False)
class If(Node):
    """IF ... ELSEIF ... ELSE; the branches in order."""

    branches: tuple[tuple[Expression, tuple[Node, ...]], ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Case(Node):
    """CASE [(operand)] WHEN ... ELSE ... END."""

    operand: Expression | None
    branches: tuple[tuple[Expression, tuple[Node, ...]], ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class CountedLoop(Node):
    """FOR name IN [REVERSE] first TO last DO ... END FOR [label]."""

    name: str
    first: Expression
    last: Expression
    reverse: bool
    body: tuple[Node, ...]
    label: str | None


@dataclass(frozen=True, eq=False)
class RowLoop(Node):
    """FOR name IN cursor | resultset DO ... END FOR [label]."""

    name: str
    source: str
    body: tuple[Node, ...]
    label: str | None


@dataclass(frozen=True, eq=False)
class Loop(Node):
    """WHILE (condition), REPEAT ... UNTIL (condition), and LOOP, which has neither."""

    body: tuple[Node, ...]
    label: str | None
    condition: Expression | None = None
    until: Expression | None = None


@dataclass(frozen=True, eq=False)
class Jump(Node):
    """BREAK | EXIT [label] (``BREAK``), CONTINUE | ITERATE [label] (``CONTINUE``)."""

    action: str
    label: str | None


@dataclass(frozen=True, eq=False)
class Return(Node):
    """RETURN [value], or RETURN TABLE(table), naming a RESULTSET or, in RESULTSET_FROM_CURSOR, a cursor."""

    value: Expression | None
    table: str | None = None


@dataclass(frozen=True, eq=False)
class ReturnQuery(Node):
    """RETURN TABLE(query)."""

    query: Query


@dataclass(frozen=True, eq=False)
class Open(Node):
    """OPEN cursor [USING (values)]."""

    cursor: str
    using: tuple[Expression, ...]


@dataclass(frozen=True, eq=False)
class Fetch(Node):
    """FETCH cursor INTO names."""

    cursor: str
    into: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Close(Node):
    """CLOSE cursor."""

    cursor: str


@dataclass(frozen=True, eq=False)
class Raise(Node):
    """RAISE exception, or RAISE alone in a handler."""

    name: str | None


@dataclass(frozen=True, eq=False)
class Nothing(Node):
    """NULL, the statement that does nothing."""


@dataclass(frozen=True, eq=False)
class Handler(Node):
    """WHEN name [OR name ...] [EXIT | CONTINUE] THEN statements."""

    names: tuple[str, ...]
    body: tuple[Node, ...]
    goes_on: bool = False


@dataclass(frozen=True, eq=False)
class Block(Node):
    """[DECLARE ...] BEGIN ... [EXCEPTION ...] END."""

    declarations: tuple[Node, ...]
    body: tuple[Node, ...]
    handlers: tuple[Handler, ...]


@dataclass(frozen=True)
class RunBlock(Statement):
    """An anonymous block as a statement."""

    block: Block


@dataclass(frozen=True)
class RunText(Statement):
    """EXECUTE IMMEDIATE as a statement: `source` is a text, a session variable or an expression."""

    source: exp.Expr
    using: tuple[exp.Expr, ...] = field(default=())


@dataclass(frozen=True)
class RunFile(Statement):
    """EXECUTE IMMEDIATE FROM: `location` is a file on a stage."""

    location: str
