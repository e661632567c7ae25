"""One walk over a query that notes each expression's Snowflake type."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from snowmelt.base.datatypes import (
    BOOLEAN,
    OBJECT,
    VARIANT,
    DataType,
    Kind,
    optional,
    required,
)
from snowmelt.base.errors import SqlError, invalid_identifier
from snowmelt.catalog.names import engine_name, logical_name
from snowmelt.sql.held_types import is_structured, parsed_type
from snowmelt.sql.rewrite.context import TYPE, Resolver, source_columns, target_alias
from snowmelt.sql.typing import numbers, stars
from snowmelt.sql.typing.assignments import check_assigned
from snowmelt.sql.typing.functions import BY_NAME, BY_NODE, TABLE_FUNCTIONS, beside_text, chosen, common
from snowmelt.sql.typing.nulls import never_null
from snowmelt.sql.typing.operators import ARITHMETIC, binary
from snowmelt.sql.typing.scopes import Columns, Found, Scope
from snowmelt.sql.typing.structured import MAP_FUNCTIONS, taken

STAR = "snowmelt_star"
"""Meta key: the columns that a star inside a call means."""

COLUMNS = "snowmelt_columns"
"""Meta key: the columns of both sides of a set operation, of VALUES, or of what is pivoted, where they are known."""

ALIASED = "snowmelt_aliased"
"""Meta key: a column that is the alias of an earlier projection of its SELECT."""

STRUCTURED = "snowmelt_has_structured"
"""Meta key, of what `annotate` is given: some expression in it is of a structured type, or may be."""


def type_of(node: exp.Expr) -> DataType | None:
    """The type that `annotate` has found for an expression; None when it is not known."""
    found: DataType | None = node.meta.get(TYPE)
    return found


def annotate(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Note the types of all expressions of a query or of single expressions; tell the resolver the columns' types."""
    found = Found()
    for node in list(tree.iter_expressions()):
        if isinstance(node, exp.Query):
            columns = _query(node, Scope(found))
            resolver.projected(None if columns is None else tuple(item for _, item in columns))
        elif isinstance(node, exp.Delete):
            _delete(node, Scope(found))
        else:
            _expression(node, Scope(found))
    if found.structured:
        tree.meta[STRUCTURED] = True
    return tree


# --- queries ---------------------------------------------------------------------------------------------------------


def _query(node: exp.Expr, scope: Scope) -> Columns | None:
    """The columns of a query; what is inside is annotated."""
    _with(node, scope)
    match node:
        case exp.Select():
            return _select(node, scope)
        case exp.SetOperation():
            left = _query(node.this, scope.inner())
            right = _query(node.expression, scope.inner())
            if left is None or right is None:
                return None
            if node.args.get("by_name"):
                return _by_name(dict(left), dict(right))
            if len(left) != len(right):
                return None
            nulls = zip(_nulls(node.this, len(left)), _nulls(node.expression, len(right)), strict=True)
            pairs = zip(left, right, nulls, strict=True)
            made = [(name, a, _either(a, b, null)) for (name, a), (_, b), null in pairs]
            node.meta[COLUMNS] = (left, right)
            # The rows of INTERSECT and EXCEPT are all of the left side's.
            is_union = isinstance(node, exp.Union)
            return tuple((name, found if is_union else _nullable_as(found, a)) for name, a, found in made)
        case exp.Subquery():
            return _renamed(node, _source_query(node, scope))
        case exp.Values():
            return _renamed(node, _values(node, scope))
        case _:
            return None


def _by_name(left: dict[str, DataType | None], right: dict[str, DataType | None]) -> Columns:
    """The columns of UNION BY NAME: what only one side has is NULL in the rows of the other."""
    pairs = {name: (left.get(name), right.get(name)) for name in (*left, *right)}
    absent = {name: (name not in left, name not in right) for name in pairs}
    return tuple((name, _either(*pair, absent[name])) for name, pair in pairs.items())


def _nulls(query: exp.Expr, width: int) -> list[bool]:
    """Which columns of a query are NULL itself."""
    items = query.expressions if isinstance(query, exp.Select) else []
    return [isinstance(item.unalias(), exp.Null) for item in items] if len(items) == width else [False] * width


def _either(left: DataType | None, right: DataType | None, null: tuple[bool, bool]) -> DataType | None:
    """The type of a column of a set operation; NULL is of the type that the other side has."""
    if any(null):
        other = right if null[0] else left
        return None if other is None else optional(other)
    found = common((left, right)) if left is not None and right is not None else None
    if found is None or left is None or right is None:
        return found
    return optional(found) if left.nullable or right.nullable else required(found)


def _nullable_as(found: DataType | None, other: DataType | None) -> DataType | None:
    if found is None or other is None:
        return found
    return optional(found) if other.nullable else required(found)


def _known(node: exp.Expr) -> Columns | None:
    """The columns of what the resolver put in the place of a name."""
    known = source_columns(node)
    if known is None:
        return None
    return tuple(
        (engine_name(column.name), column.type if column.nullable else required(column.type)) for column in known
    )


def _delete(node: exp.Delete, scope: Scope) -> None:
    """The condition of a DELETE is over the table and what stands in USING."""
    if isinstance(node.this, exp.Expr):
        scope.sources[engine_name(target_alias(node.this))] = _known(node.this)
    for other in node.args.get("using") or ():
        _add_source(other, scope)
    where = node.args.get("where")
    if where is not None:
        _expression(where, scope)


def _source_query(node: exp.Subquery, scope: Scope) -> Columns | None:
    known = _known(node)
    if known is not None:
        return known
    return _query(node.this, scope.inner()) if isinstance(node.this, exp.Query) else None


def _with(node: exp.Expr, scope: Scope) -> None:
    with_ = node.args.get("with_")
    if with_ is None:
        return
    for cte in with_.expressions:
        name = cte.alias
        body = cte.this
        if with_.args.get("recursive") and isinstance(body, exp.SetOperation):
            # The anchor says what the columns are; the other part may then refer to them.
            scope.ctes[name] = _renamed(cte, _query(body.this, scope.inner()))
        scope.ctes[name] = _renamed(cte, _query(body, scope.inner()))


def _renamed(node: exp.Expr, columns: Columns | None) -> Columns | None:
    """The columns under the names that an alias gives them."""
    alias = node.args.get("alias")
    names = [item.name for item in alias.args.get("columns") or ()] if isinstance(alias, exp.TableAlias) else []
    if columns is None or not names:
        return columns
    return tuple((name, item) for name, (_, item) in zip(names, columns, strict=False))


def _values(node: exp.Values, scope: Scope) -> Columns | None:
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
    types = [[_expression(cell, scope) for cell in row] for row in rows]
    if not types or any(len(row) != len(types[0]) for row in types):
        return None
    # A null fits to any type, so it says nothing; an unknown type says that nothing is known.
    merged = []
    for i, column in enumerate(zip(*types, strict=True)):
        known = [item for item, row in zip(column, rows, strict=True) if not isinstance(row[i], exp.Null)]
        found = None if any(item is None for item in known) else beside_text(known) or common(known)
        if found is not None:
            nullable = len(known) < len(rows) or any(item is None or item.nullable for item in known)
            found = optional(found) if nullable else required(found)
        merged.append((f"COLUMN{i + 1}", found))
    node.meta[COLUMNS] = tuple(merged)
    return tuple(merged)


def _select(node: exp.Select, scope: Scope) -> Columns | None:
    from_ = node.args.get("from_")
    if from_ is not None:
        _add_source(from_.this, scope)
    for join in node.args.get("joins") or ():
        before = set(scope.sources)
        _add_source(join.this, scope)
        if str(join.method or "").upper() == "NATURAL":
            _natural(before, scope)
        _outer(join, before, scope)
    for lateral in node.args.get("laterals") or ():
        _add_source(lateral, scope)
    columns: list[tuple[str, DataType | None]] | None = []
    for projection in node.expressions:
        found = _projection(projection, scope)
        columns = None if columns is None or found is None else [*columns, *found]
    if not any(join.args.get("using") for join in node.args.get("joins") or ()):
        written = [projection.meta.get(stars.WRITTEN) or [projection] for projection in node.expressions]
        node.set("expressions", [item for items in written for item in items])
    for key in ("joins", "where", "group", "having", "qualify", "order", "limit", "windows", "distinct"):
        value = node.args.get(key)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, exp.Join):
                for part in (item.args.get("on"),):
                    if part is not None:
                        _expression(part, scope)
            elif isinstance(item, exp.Expr):
                _expression(item, scope)
    if columns is None:
        return None
    group = node.args.get("group")
    if group is not None and any(group.args.get(key) for key in ("rollup", "cube", "grouping_sets")):
        columns = [(name, None if item is None else optional(item)) for name, item in columns]
    return tuple(columns)


def _natural(before: set[str], scope: Scope) -> None:
    """A star shows the columns that both sides of a NATURAL JOIN have once."""
    left = {name: known for alias in before for name, known in scope.sources[alias] or ()}
    for alias in scope.sources.keys() - before:
        for name, known in scope.sources[alias] or ():
            if name in left and left[name] == known:
                scope.merged.add((alias, name))
            elif name in left:
                scope.sources[alias] = None


def _outer(join: exp.Join, before: set[str], scope: Scope) -> None:
    """Columns of the side of an outer join that may have no row may be null."""
    side = str(join.side or "").upper()
    for name, columns in scope.sources.items():
        if columns is not None and (side == "FULL" or side == ("RIGHT" if name in before else "LEFT")):
            scope.sources[name] = tuple((key, None if item is None else optional(item)) for key, item in columns)


def _add_source(source: exp.Expr, scope: Scope) -> None:
    # No alias is written like the names of those that have none.
    name = source.alias_or_name or f"{stars.UNNAMED}{len(scope.sources)}"
    if source.args.get("pivots"):
        _add_pivots(source, name, scope)
    elif isinstance(source, exp.Table) and not source.args.get("db"):
        scope.sources[name] = _renamed(source, scope.ctes.get(source.name))
    elif isinstance(source, (exp.Subquery, exp.Values)):
        scope.sources[name] = _query(source, scope)
    elif isinstance(source, (exp.Lateral, exp.TableFromRows)) and isinstance(source.this, exp.Func):
        for argument in source.this.iter_expressions():
            _expression(argument, scope)
        scope.sources[name] = TABLE_FUNCTIONS.get(type(source.this))
    elif isinstance(source, exp.Lateral) and isinstance(source.this, exp.Subquery):
        # What stands beside it in FROM is visible inside.
        scope.sources[name] = _query(source.this.this, scope.inner())
    else:
        scope.sources[name] = None
    for join in source.args.get("joins") or ():
        _add_source(join.this, scope)


_PIVOTED = (exp.Sum, exp.Count, exp.Max, exp.Min, exp.AnyValue)
"""Aggregates of which the engine gives what their type says."""


def _add_pivots(source: exp.Expr, name: str, scope: Scope) -> None:
    """What PIVOT makes of its source: the columns that it does not name, and one for each value."""
    pivot, *more = source.args["pivots"]
    columns: Columns | None = None
    if isinstance(source, exp.Subquery):
        columns = _query(source, scope)
    elif isinstance(source, exp.Table) and not source.args.get("db"):
        columns = scope.ctes.get(source.name)
    pivot.meta[COLUMNS] = columns
    alias = pivot.args.get("alias")
    shown = alias.name if isinstance(alias, exp.TableAlias) and alias.name else name
    scope.sources[shown] = None
    fields = list[exp.Expr](pivot.args.get("fields") or [])
    if columns is None or more or pivot.args.get("unpivot") or len(fields) != 1 or not isinstance(fields[0], exp.In):
        return
    inner = Scope(scope.found, sources={name: columns}, outer=scope)
    # Of copies: with a type some aggregates would become expressions, which the engine does not take there.
    given = [item.unalias().copy() for item in pivot.expressions]
    aggregates = [_expression(item, inner) if isinstance(item, _PIVOTED) else None for item in given]
    named = {column.name for item in (*pivot.expressions, fields[0].this) for column in item.find_all(exp.Column)}
    values = [item.name for item in pivot.args.get("columns") or () if isinstance(item, exp.Identifier)]
    if len(values) != len(fields[0].expressions) * len(aggregates):
        return
    types = [None if found is None else optional(found) for found in aggregates]
    made = [(value, types[i % len(types)]) for i, value in enumerate(values)]
    scope.sources[shown] = _renamed(pivot, (*(each for each in columns if each[0] not in named), *made))


def _projection(node: exp.Expr, scope: Scope) -> Columns | None:
    """The columns that one projection makes; None when it is a star over something unknown."""
    star = stars.of_star(node)
    if star is not None:
        replaced = {item.alias_or_name: _expression(item, scope) for item in star.args.get("replace") or ()}
        return stars.shown(node, scope.sources, scope.merged, replaced)
    found = _expression(node, scope)
    if isinstance(node, exp.Alias):
        scope.aliases[node.alias] = found
    return ((node.alias_or_name, found),)


# --- expressions -----------------------------------------------------------------------------------------------------


def _expression(node: exp.Expr, scope: Scope) -> DataType | None:
    """The type of an expression, noted at it and at all its parts."""
    if isinstance(node, exp.Column):
        found = scope.column(node.table, node.name)
        if found is None and node.table and scope.is_within_column(node):
            raise invalid_identifier(".".join(logical_name(part.name) for part in node.parts))
        if scope.is_alias(node):
            node.meta[ALIASED] = True
        if node.is_star:
            node.meta[STAR] = _visible(scope, node.table)
    elif isinstance(node, exp.Query):
        columns = _query(node, scope.inner() if isinstance(node, exp.Select) else scope)
        found = columns[0][1] if columns is not None and len(columns) == 1 else None
        # A query without rows is null.
        found = None if found is None else optional(found)
    elif isinstance(node, exp.Literal):
        found = required(_literal(node))
    elif isinstance(node, (exp.Var, exp.Identifier)):
        found = type_of(node)
    elif isinstance(node, exp.Lambda):
        found = _lambda(node, scope)
    elif isinstance(node, exp.Star):
        node.meta[STAR] = _visible(scope)
        found = None
    elif isinstance(node, exp.Rand) and isinstance(node.parent, exp.Ordered):
        node.meta[STAR] = _visible(scope)
        found = numbers.number(19, 0)
    elif isinstance(node, exp.StarMap):
        node.meta[STAR] = _visible(scope)
        found = OBJECT
    else:
        types = [_expression(child, scope) for child in node.iter_expressions()]
        found = _composed(node, types)
        if found is not None:
            found = required(found) if never_null(node) else optional(found)
    if found is not None:
        node.meta[TYPE] = found
        if found.parts is not None:
            scope.found.structured = True
    elif type(node) in MAP_FUNCTIONS:
        scope.found.structured = True
    return found


def _lambda(node: exp.Lambda, scope: Scope) -> DataType | None:
    """The type of a lambda's body; its parameters are elements of an ARRAY."""
    names = {item.name for item in node.expressions}
    for identifier in node.this.find_all(exp.Identifier):
        if identifier.name in names:
            identifier.meta[TYPE] = VARIANT
    if isinstance(node.this, exp.Identifier):
        return VARIANT
    return _expression(node.this, scope)


def _visible(scope: Scope, table: str = "") -> list[tuple[str, str, DataType | None]] | None:
    """All columns that a star would show: alias, name and type; None when they are not known."""
    sources = {table: scope.sources.get(table)} if table else scope.sources
    if any(columns is None for columns in sources.values()):
        return None
    shown = {alias: "" if alias.startswith(stars.UNNAMED) else alias for alias in sources}
    return [(shown[alias], name, item) for alias, columns in sources.items() for name, item in columns or ()]


def _literal(node: exp.Literal) -> DataType:
    if node.is_string:
        return DataType(Kind.TEXT, length=len(node.this))
    return numbers.literal(node.this)


def _composed(node: exp.Expr, types: Sequence[DataType | None]) -> DataType | None:
    """The type of a node from those of its children, which are in the order of `iter_expressions`."""
    if isinstance(node, (exp.Cast, exp.TryCast)):
        check_assigned(node)
        return _cast(node)
    arithmetic = ARITHMETIC.get(type(node))
    if arithmetic is not None:
        return binary(node, arithmetic)
    if isinstance(node, (exp.Predicate, exp.Connector, exp.Not, exp.Boolean)):
        return BOOLEAN
    if isinstance(node, (exp.Paren, exp.Alias, exp.Window, exp.Filter, exp.WithinGroup, exp.Distinct, exp.Ordered)):
        inner = node.expressions[0] if isinstance(node, exp.Distinct) and node.expressions else node.this
        return type_of(inner) if isinstance(inner, exp.Expr) else None
    if isinstance(node, exp.Case):
        return _branches([item.args["true"] for item in node.args["ifs"]], node.args.get("default"))
    if isinstance(node, (exp.If, exp.Nvl2)):
        return _branches([node.args["true"]], node.args.get("false"))
    if isinstance(node, exp.DecodeCase):
        # DECODE(value, search, result, ..., default)
        _, *rest = node.expressions
        return _branches(rest[1::2], rest[-1] if len(rest) % 2 else None)
    if isinstance(node, exp.Bracket):
        return taken(node)
    if isinstance(node, exp.ToNumber):
        return _to_number(node)
    if isinstance(node, exp.Anonymous):
        by_name = BY_NAME.get(str(node.this).upper())
        return by_name(node, [type_of(item) for item in node.expressions]) if by_name is not None else type_of(node)
    if isinstance(node, exp.Dot):
        return type_of(node)
    by_node = BY_NODE.get(type(node))
    return by_node(node, _arguments(node)) if by_node is not None else None


def _arguments(node: exp.Expr) -> list[DataType | None]:
    """The types of a call's arguments: its `this`, then the others; nulls do not count."""
    first = [node.this] if isinstance(node.this, exp.Expr) else []
    others = [item for item in node.expressions if isinstance(item, exp.Expr)]
    return [type_of(item) for item in (*first, *others) if not isinstance(item, exp.Null)]


def _branches(values: Sequence[exp.Expr], default: exp.Expr | None) -> DataType | None:
    return chosen([item for item in (*values, default) if item is not None])


def _cast(node: exp.Cast) -> DataType | None:
    to = node.args["to"]
    try:
        return parsed_type(to) if isinstance(to, exp.DataType) else None
    except SqlError:
        if is_structured(to):
            raise
        return None


def _to_number(node: exp.ToNumber) -> DataType | None:
    precision, scale = node.args.get("precision"), node.args.get("scale")
    if precision is None:
        return numbers.number(38, 0)
    if not isinstance(precision, exp.Literal) or not isinstance(scale, (exp.Literal, type(None))):
        return None
    return numbers.number(int(precision.name), int(scale.name) if scale is not None else 0)
