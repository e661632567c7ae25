"""Views whose changes can be told: which queries these are, and a query that carries the numbers of its tables' rows.

The query of a view, with other views and common table expressions put in, is projections, filters, inner joins and
UNION ALL over tables. Its leaves are these tables, numbered in the order in which they are written. `carry` adds to
each row the number of the row of each leaf that it was made of: together they tell rows of the view apart.

Source: docs.snowflake.com/en/user-guide/streams-intro#streams-on-views
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from snowmelt.base.datatypes import NUMBER
from snowmelt.base.errors import SqlError
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.sql.projections import TEXTS
from snowmelt.sql.rewrite.context import raw_query
from snowmelt.sql.rewrite.names import folded, is_cte

_LEAF = "snowmelt_leaf"

_JOIN_KINDS = ("", "INNER", "CROSS")

_UNCERTAIN = (
    *(exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Rand, exp.Randn, exp.Uuid, exp.Localtime),
    exp.Localtimestamp,
)
_UNCERTAIN_NAMES = frozenset(
    {"SYSDATE", "GETDATE", "RANDSTR", "UNIFORM", "NORMAL", "ZIPF", "SEQ1", "SEQ2", "SEQ4", "SEQ8", "SYSTIMESTAMP"}
)


def untrackable(what: str) -> SqlError:
    """The refusal of a view whose changes cannot be told (091926)."""
    return SqlError(f"SQL compilation error:\nChange tracking is not supported on queries {what}.", 91926, "0A000")


def check(tree: exp.Expr) -> None:
    """Check that a view's query is one whose changes can be told.

    Raises:
        SqlError: 091926.
    """
    for node in tree.walk():
        match node:
            case exp.Group():
                raise untrackable("with 'GROUP BY'")
            case (
                exp.Having() | exp.Qualify() | exp.Distinct() | exp.Limit() | exp.Fetch() | exp.Offset() | exp.Values()
            ):
                raise untrackable(f"with '{type(node).__name__.upper()}'")
            case exp.Pivot() | exp.MatchRecognize() | exp.TableSample() | exp.Connect():
                raise untrackable(f"with '{type(node).__name__.upper()}'")
            case exp.SetOperation() if not isinstance(node, exp.Union) or node.args.get("distinct"):
                raise untrackable(f"with '{type(node).__name__.upper()}'")
            case exp.SetOperation() if node.args.get("by_name"):
                raise untrackable("with 'UNION ALL BY NAME'")
            case exp.Lateral() | exp.TableFromRows() | exp.Unnest():
                raise untrackable("with table functions")
            case exp.Join():
                _check_join(node)
            case exp.Func() | exp.Window():
                _check_function(node)
            case exp.Query() if not _in_from(node):
                raise untrackable("with subquery expressions")


def _check_join(join: exp.Join) -> None:
    kind = (
        join.side
        or (join.kind if join.kind not in _JOIN_KINDS else "")
        or (join.method if join.method not in ("", "NATURAL") else "")
    )
    if kind:
        suffix = "_OUTER_JOIN" if join.side else "_JOIN"
        raise untrackable(f"with joins of type '[{kind.upper()}{suffix}]'")


def _check_function(node: exp.Expr) -> None:
    name = node.name.upper() if isinstance(node, exp.Anonymous) else node.key.upper()
    if isinstance(node, exp.Window):
        name = node.this.sql_name() if isinstance(node.this, exp.Func) else node.this.name.upper()
    elif isinstance(node, _UNCERTAIN) or name in _UNCERTAIN_NAMES:
        shown = node.sql_name() if isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous) else name
        raise SqlError(
            f"SQL compilation error:\nQuery contains the function '{shown}', but change tracking is not supported on "
            "queries with non-deterministic functions.",
            91926,
            "0A000",
        )
    elif not isinstance(node, exp.AggFunc):
        return
    else:
        name = node.sql_name()
    raise untrackable(f"containing the function '{name}'")


def _in_from(query: exp.Expr) -> bool:
    """Whether a query stands in FROM, is part of a set operation, or the whole."""
    node = query.parent
    if isinstance(query, exp.Subquery):
        return query.parent is None or isinstance(node, (exp.From, exp.Join, exp.Subquery, exp.SetOperation, exp.Tuple))
    return node is None or isinstance(node, (exp.Subquery, exp.SetOperation, exp.Tuple))


def inline(tree: exp.Query) -> exp.Query:
    """The query with its common table expressions put where their names stand.

    Raises:
        SqlError: 091926 for a recursive one.
    """
    # Innermost first, so that a name that is left over belongs to the WITH at hand.
    for query in reversed([node for node in tree.walk() if node.args.get("with_")]):
        with_ = query.args["with_"]
        if with_.args.get("recursive"):
            raise untrackable("with recursive common table expressions")
        for i, cte in enumerate(with_.expressions):
            name = folded(cte.args["alias"].this)
            for place in (*with_.expressions[i + 1 :], query):
                for table in list(place.find_all(exp.Table)):
                    outside = place is query and table.find_ancestor(exp.With) is with_
                    if not outside and is_cte(table) and folded(table.this) == name:
                        table.replace(
                            _as_source(cte.this.copy(), table, cte.args["alias"].this, cte.args["alias"].columns)
                        )
        query.set("with_", None)
    return tree


def _as_source(query: exp.Expr, table: exp.Table, name: exp.Expr, columns: Sequence[exp.Expr] = ()) -> exp.Subquery:
    """A query to stand where `table` stands, under the same alias."""
    alias = table.args.get("alias")
    this = alias.this if alias is not None and alias.this is not None else name
    named = (alias.columns if alias is not None else None) or columns
    source = exp.Subquery(
        this=query, alias=exp.TableAlias(this=this.copy(), columns=[column.copy() for column in named])
    )
    if table.args.get("joins"):
        source.set("joins", table.args["joins"])
    return source


def put_query(table: exp.Table, query: exp.Query, name: str, columns: Sequence[str]) -> None:
    """Put a view's query where its name stands."""
    names = [exp.to_identifier(column, quoted=True) for column in columns]
    table.replace(_as_source(query, table, exp.to_identifier(name, quoted=True), names))


def put_leaf(table: exp.Table, number: int, source: Table) -> None:
    """Mark where a table stands as the leaf of that number; the text in it is a placeholder."""
    hidden = TableColumn(hidden_name(number), NUMBER)
    leaf = raw_query(placeholder(number), (*source.columns, hidden))
    made = _as_source(leaf.this, table, exp.to_identifier(source.name, quoted=True))
    made.meta.update(leaf.meta)
    made.meta[_LEAF] = number
    table.replace(made)


def hidden_name(number: int) -> str:
    """The column that has the row number of a leaf."""
    return f"SNOWMELT$LEAF{number}"


def placeholder(number: int) -> str:
    """What stands for the rows of a leaf in the text of the query."""
    return f"snowmelt:leaf:{number}:"


# --- carrying the numbers of rows ------------------------------------------------------------------------------------


def leaves(node: exp.Expr) -> list[int]:
    """The numbers of the leaves in a part of the tree."""
    return sorted(each.meta[_LEAF] for each in node.find_all(exp.Subquery) if _LEAF in each.meta)


def branches(tree: exp.Expr) -> dict[int, dict[int, bool]]:
    """For each leaf the set operations that it is below, each with whether it is on their left."""
    found: dict[int, dict[int, bool]] = {}
    for leaf in (each for each in tree.find_all(exp.Subquery) if _LEAF in each.meta):
        sides: dict[int, bool] = {}
        node: exp.Expr = leaf
        while node.parent is not None:
            if isinstance(node.parent, exp.SetOperation):
                sides[id(node.parent)] = node.arg_key == "this"
            node = node.parent
        found[leaf.meta[_LEAF]] = sides
    return found


def carry(query: exp.Expr, wanted: Sequence[int]) -> None:
    """Let a query yield the row numbers of the leaves `wanted` behind its columns, null for those that it has not."""
    match query:
        case exp.Subquery():
            carry(query.this, wanted)
        case exp.SetOperation():
            query.set("order", None)
            carry(query.this, wanted)
            carry(query.expression, wanted)
        case exp.Select():
            _carry_select(query, wanted)


def _carry_select(select: exp.Select, wanted: Sequence[int]) -> None:
    sources = [(each, leaves(each) if _is_query(each) else [each.meta[_LEAF]]) for each in _sources(select)]
    for source, own in sources:
        if _is_query(source):
            carry(source.this, own)
    for projection in select.expressions:
        star = projection.this if isinstance(projection, exp.Column) else projection
        if isinstance(star, exp.Star):
            table = projection.args.get("table")
            hidden = [number for source, own in sources if table is None or _called(source, table) for number in own]
            excluded = [exp.column(exp.to_identifier(hidden_name(number), quoted=True)) for number in hidden]
            star.set("except_", [*(star.args.get("except_") or []), *excluded])
    present = {number for _, own in sources for number in own}
    names = [hidden_name(number) for number in wanted]
    added: list[exp.Expr] = [
        exp.column(exp.to_identifier(name, quoted=True))
        if number in present
        else exp.alias_(exp.cast(exp.null(), "NUMBER"), name, quoted=True)
        for number, name in zip(wanted, names, strict=True)
    ]
    texts = select.meta.get(TEXTS)
    if texts is not None:
        select.meta[TEXTS] = [*texts, *names]
    select.set("expressions", [*select.expressions, *added])
    select.set("order", None)


def _is_query(source: exp.Subquery) -> bool:
    return _LEAF not in source.meta


def _sources(select: exp.Select) -> Iterator[exp.Subquery]:
    """The leaves and subqueries in FROM, also those in parentheses."""
    clause = select.args.get("from_")
    first = [] if clause is None else [clause.this]
    yield from _flat([*first, *(join.this for join in select.args.get("joins") or ())])


def _flat(nodes: Sequence[exp.Expr]) -> Iterator[exp.Subquery]:
    for node in nodes:
        assert isinstance(node, exp.Subquery), f"not a source: {node!r}"
        inner = node.this
        if _is_query(node) and isinstance(inner, exp.Subquery) and not node.alias:
            yield from _flat([inner])
        else:
            yield node
        yield from _flat([join.this for join in node.args.get("joins") or ()])


def _called(source: exp.Subquery, name: exp.Expr) -> bool:
    alias = source.args.get("alias")
    return alias is not None and alias.this is not None and folded(alias.this) == folded(name)
