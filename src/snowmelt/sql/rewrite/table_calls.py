"""Table functions in Python in FROM: ``t, TABLE(f(t.a) OVER (PARTITION BY t.k ORDER BY t.o)) AS x``.

What stands before the call is one input for the function, computed before the query. The function's rows, and the rows
of the input that each belongs to, are relations of the same length, which the query joins row by row.

Source: docs.snowflake.com/en/developer-guide/udf/python/udf-python-tabular-functions
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from snowmelt.base.datatypes import SEMI_STRUCTURED, TIMESTAMP_LTZ, Kind
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.catalog.objects import Function, TableColumn
from snowmelt.sql.rewrite.common_tables import visible_ctes
from snowmelt.sql.rewrite.context import Resolver, engine_call, raw_query, source_columns
from snowmelt.sql.rewrite.inlining import called_name
from snowmelt.sql.rewrite.names import folded

PARTITION = "snowmelt_partition"
_ARGUMENT = "snowmelt_argument"


@dataclass(frozen=True)
class TableCall:
    """A call to be carried out before the query that it stands in.

    Attributes:
        input: a Snowflake query of the columns of `relations`, the arguments, and a number for the partition; its rows
            are ordered as the function is to get them.
        relations: the columns of each relation that stands before the call; none for a call with constants alone.
        kept: which of all these columns have a value beside the rows that the end of a partition gives.
        outer: rows of the input for which the function gives none stay, with nulls.
    """

    function: Function
    input: exp.Select
    relations: tuple[tuple[TableColumn, ...], ...] = ()
    kept: frozenset[int] = frozenset()
    outer: bool = False


@dataclass
class _Site:
    """Where a call stands: `rows` is the node in FROM, `join` what joins it to `before`."""

    rows: exp.Expr
    function: Function
    arguments: list[exp.Expr]
    window: exp.Window | None
    select: exp.Select
    join: exp.Join | None
    before: list[exp.Expr] = field(default_factory=list)


def table_calls(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Replace each call of a table function in Python by the relation of its rows.

    Raises:
        SqlError: 000002 for a place in FROM from which the input cannot be told.
    """
    sites = list(_sites(tree, resolver))
    # The columns of all inputs, before anything is replaced in them.
    known: dict[int, tuple[TableColumn, ...]] = {}
    for site in sites:
        for relation in site.before:
            if all(relation is not other.rows for other in sites):
                known[id(relation)] = resolver.described(_with_ctes(exp.select("*").from_(relation.copy()), site))
    for site in reversed(sites):
        _replace(site, resolver, known)
    return tree


def _sites(tree: exp.Expr, resolver: Resolver) -> Iterator[_Site]:
    """The calls in the order in which the tree is walked: a call in a subquery comes after those around it, and one
    that stands before another in FROM comes after it.
    """
    found: list[_Site] = []
    for rows in tree.find_all(exp.TableFromRows):
        call = rows.this
        window = call if isinstance(call, exp.Window) else None
        target = call.this if window is not None else call
        function_call = target
        while isinstance(function_call, exp.Dot):
            function_call = function_call.expression
        if not isinstance(function_call, exp.Anonymous):
            rows.set("this", target)
            continue
        function = resolver.table_handler(called_name(function_call, target), len(function_call.expressions))
        select = rows.find_ancestor(exp.Select)
        if function is None or select is None:
            if window is not None:
                rows.set("this", target)  # Snowflake's own table functions give the same for any partition
            continue
        outermost = rows.parent if isinstance(rows.parent, exp.Lateral) else rows
        join = outermost.parent if isinstance(outermost.parent, exp.Join) else None
        site = _Site(outermost, function, _arguments(function, function_call.expressions), window, select, join)
        if _depends(site):
            site.before = _before(site)
        found.append(site)
    yield from sorted(found, key=lambda site: (site.select.depth, -len(site.before)))


def _depends(site: _Site) -> bool:
    """Whether a call has anything to do with what stands before it."""
    parts = [*site.arguments, *_partitions(site)]
    return any(each.find(exp.Column, exp.Parameter) is not None for each in parts)


def _partitions(site: _Site) -> list[exp.Expr]:
    """What the partitions differ by; constants make no difference."""
    given = site.window.args.get("partition_by") or [] if site.window is not None else []
    return [each for each in given if not isinstance(each, (exp.Literal, exp.Null, exp.Boolean))]


def _arguments(function: Function, given: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The value of each argument, in the function's order; those that the call leaves out have defaults.

    Raises:
        SqlError: 001044 for a name that the function does not know.
    """
    from snowmelt.sql.parse import parse_expression

    values: dict[str, exp.Expr] = {}
    for argument, value in zip(function.arguments, given, strict=False):
        if isinstance(value, exp.Kwarg):
            values[folded(value.this)] = value.expression
        else:
            values[argument.name] = value
    unknown = values.keys() - {argument.name for argument in function.arguments}
    missing = [each.name for each in function.arguments if each.name not in values and each.default is None]
    if unknown or missing:
        named = ", ".join(sorted(unknown) or missing)
        raise SqlError(
            f"SQL compilation error:\nInvalid argument types for function '{function.name}': {named}", 1044, "42P13"
        )
    return [
        values[each.name] if each.name in values else parse_expression(each.default or "NULL")
        for each in function.arguments
    ]


def _before(site: _Site) -> list[exp.Expr]:
    """The relations that stand before a call in its FROM.

    Raises:
        SqlError: 000002 where these are no plain list.
    """
    name = site.function.name
    if site.join is None or site.join.parent is not site.select:
        raise unsupported(f"table function {name} of columns that do not stand before it in FROM")
    condition = site.join.args.get("on")
    if condition is not None and not (isinstance(condition, exp.Boolean) and condition.this):
        raise unsupported(f"JOIN of table function {name} by a condition", "Put the condition into WHERE.")
    joins = site.select.args["joins"]
    place = next(i for i, join in enumerate(joins) if join is site.join)
    relations = [site.select.args["from_"].this, *(join.this for join in joins[:place])]
    if len(relations) > 1:
        merged = any(join.args.get("using") or join.method == "NATURAL" for join in joins[:place])
        if merged or any(isinstance(each, exp.Lateral) or not each.alias_or_name for each in relations):
            raise unsupported(f"table function {name} beside these relations", "Put them into a subquery.")
    return relations


def _replace(site: _Site, resolver: Resolver, known: Mapping[int, tuple[TableColumn, ...]]) -> None:
    if site.before:
        site.before = _before(site)  # a call before this one has changed what stands there
    relations = tuple(known.get(id(each)) or tuple(source_columns(each) or ()) for each in site.before)
    outer = site.join is not None and site.join.side == "LEFT" and bool(site.before)
    call = TableCall(site.function, _input(site), relations, _kept(site, relations), outer)
    *texts, own = resolver.call_table_function(call)
    for node, text, columns in zip(site.before, texts, relations, strict=True):
        query = raw_query(text, columns)
        if node.alias_or_name:
            alias = node.args.get("alias")
            name = alias.this if alias is not None and alias.this is not None else node.this
            query.set("alias", exp.TableAlias(this=name.copy()))
        node.replace(query)
    columns = tuple(TableColumn(name, data_type) for name, data_type in site.function.returns_table or ())
    _put(site, raw_query(own, columns))
    if site.before and site.join is not None:
        joins = site.select.args["joins"]
        for join in joins[: joins.index(site.join) + 1]:
            for key in ("on", "kind", "side"):
                join.set(key, None)
            join.set("method", "POSITIONAL")


def _put(site: _Site, query: exp.Subquery) -> None:
    """Put the function's rows where its call stands, under its alias."""
    alias = site.rows.args.get("alias")
    named = alias.copy() if alias is not None else exp.TableAlias()
    if named.this is None:
        named.set("this", exp.to_identifier(site.function.name, quoted=True))
    query.set("alias", named)
    if site.rows.args.get("joins"):
        query.set("joins", site.rows.args["joins"])
    site.rows.replace(query)


def _input(site: _Site) -> exp.Select:
    """The rows of what stands before, with the arguments and the number of the partition, in the function's order."""
    columns: list[exp.Expr] = [exp.Star()] if len(site.before) == 1 else [_star(each) for each in site.before]
    for number, (value, argument) in enumerate(zip(site.arguments, site.function.arguments, strict=True)):
        # Python gets moments in UTC.
        moment = argument.type.kind is Kind.TIMESTAMP_TZ
        target = exp.DataType.build((TIMESTAMP_LTZ if moment else argument.type).sql, dialect="snowflake")
        made: exp.Expr = exp.Cast(this=value.copy(), to=target)
        if argument.type.kind in SEMI_STRUCTURED:
            made = engine_call("snowmelt_plain", made)
        columns.append(exp.alias_(made, f"{_ARGUMENT}_{number}", quoted=True))
    partitions = _partitions(site)
    rank: exp.Expr = exp.Literal.number(0)
    if partitions:
        order = exp.Order(expressions=[exp.Ordered(this=each.copy()) for each in partitions])
        rank = exp.Window(this=exp.DenseRank(), order=order)
    columns.append(exp.alias_(rank, PARTITION, quoted=True))
    query = exp.Select(expressions=columns)
    if site.before:
        joins = site.select.args["joins"][: len(site.before) - 1]
        query.set("from_", site.select.args["from_"].copy())
        query.set("joins", [join.copy() for join in joins] or None)
    within = site.window.args.get("order") if site.window is not None else None
    if partitions or within is not None:
        first = exp.Ordered(this=exp.column(exp.to_identifier(PARTITION, quoted=True)))
        rest = [each.copy() for each in within.expressions] if within is not None else []
        query.set("order", exp.Order(expressions=[first, *rest]))
    return _with_ctes(query, site)


def _star(relation: exp.Expr) -> exp.Expr:
    alias = relation.args.get("alias")
    name = alias.this if alias is not None and alias.this is not None else relation.this
    return exp.Column(this=exp.Star(), table=name.copy())


def _kept(site: _Site, relations: Sequence[Sequence[TableColumn]]) -> frozenset[int]:
    """Which columns the partitions are made by."""
    wanted = {
        (folded(each.args["table"]) if each.args.get("table") is not None else None, folded(each.this))
        for each in _partitions(site)
        if isinstance(each, exp.Column)
    }
    found, position = set(), 0
    for node, columns in zip(site.before, relations, strict=True):
        alias = node.args.get("alias")
        name = alias.this if alias is not None and alias.this is not None else node.this
        relation = folded(name) if isinstance(name, exp.Identifier) else None
        for column in columns:
            if (relation, column.name) in wanted or (None, column.name) in wanted:
                found.add(position)
            position += 1
    return frozenset(found)


def _with_ctes(query: exp.Select, site: _Site) -> exp.Select:
    """`query` with the common table expressions that the call's SELECT may refer to, outermost first."""
    found = visible_ctes(site.select)
    if found:
        query.set("with_", exp.With(expressions=found))
    return query
