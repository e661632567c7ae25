"""What FROM holds beside names: samples, ASOF joins; RATIO_TO_REPORT, and the order of a single row.

Source: docs.snowflake.com/en/sql-reference/constructs/sample, .../asof-join
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.errors import SqlError, wrong_match_operator
from snowmelt.sql.rewrite.context import Resolver


def relations(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Bring these into the engine's form, or refuse them by name."""
    for node in list(tree.find_all(exp.TableSample, exp.Join, exp.Window, exp.Select)):
        match node:
            case exp.Select():
                _one_row(node)
            case exp.TableSample():
                if node.args.get("size") is not None:
                    # A number of rows is drawn from all of them at once.
                    _limited(node)
                    node.set("method", exp.var("reservoir"))
                elif node.args.get("method") is not None:
                    # The engine's blocks are large: of a small table it would take all or nothing.
                    node.set("method", exp.var("bernoulli"))
            case exp.Join():
                _asof(node)
                _unconditional(node)
            case exp.Window():
                _check(node)
                _ratio(node)
    return tree


def _one_row(select: exp.Select) -> None:
    """Aggregates without GROUP BY give one row, whose order may name any column."""
    order = select.args.get("order")
    if order is None or select.args.get("group") is not None:
        return
    if any(_aggregates(item) for item in select.expressions):
        order.set("expressions", [item for item in order.expressions if _aggregates(item)])
        if not order.expressions:
            select.set("order", None)


def _aggregates(node: exp.Expr) -> bool:
    """Whether an aggregate of this query is in an expression."""
    select = node.find_ancestor(exp.Select)
    return any(
        not isinstance(found.parent, (exp.Window, exp.Filter, exp.WithinGroup))
        and found.find_ancestor(exp.Select) is select
        for found in node.find_all(exp.AggFunc)
    )


def _limited(sample: exp.TableSample) -> None:
    size = sample.args["size"].name
    if size.isdigit() and int(size) > _MOST_ROWS:
        raise SqlError(
            f"SQL compilation error:\nSample size {size} is out of range: it must be between 0 and {_MOST_ROWS}.",
            2306,
            "22023",
        )


_MOST_ROWS = 1_000_000


def _asof(join: exp.Join) -> None:
    """The nearest row by MATCH_CONDITION, which the engine takes as a part of ON; rows without one stay, with nulls.

    Raises:
        SqlError: 010001 for what is not one comparison, 010002 when it does not begin with the left table.
    """
    condition = join.args.get("match_condition")
    if condition is None:
        return
    compared = condition.unnest()
    if not isinstance(compared, (exp.GT, exp.GTE, exp.LT, exp.LTE)):
        raise wrong_match_operator()
    right = join.this.alias_or_name
    sides = (compared.this, compared.expression)
    left_tables, right_tables = ({column.table for column in side.find_all(exp.Column)} for side in sides)
    if right in left_tables or not right_tables <= {right, ""}:
        raise SqlError(
            "SQL compilation error:\nMATCH_CONDITION clause is invalid: The left side allows only column references "
            "from the left side table, and the right side allows only column references from the right side table.",
            10002,
            "42601",
        )
    on = join.args.get("on")
    join.set("match_condition", None)
    join.set("side", "LEFT")
    join.set("on", exp.and_(on.copy(), condition.copy()) if on is not None else condition.copy())


def _unconditional(join: exp.Join) -> None:
    """A join without a condition pairs all rows; an outer one keeps those that have no pair."""
    if join.args.get("on") is not None or join.args.get("using") or join.method or isinstance(join.this, exp.Lateral):
        return
    if join.side:
        join.set("on", exp.true())
    elif join.kind == "INNER":
        join.set("kind", "CROSS")


_ORDERED: tuple[type[exp.Func], ...] = (
    *(exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile),
    *(exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue),
)
"""Functions of windows that need an ORDER BY."""


def _check(window: exp.Window) -> None:
    """Refuse a function that needs an order and has none, and windows in WHERE and its kin.

    Raises:
        SqlError: 002303 and 002302.
    """
    function = window.this.this if isinstance(window.this, (exp.IgnoreNulls, exp.RespectNulls)) else window.this
    if isinstance(function, _ORDERED) and window.args.get("order") is None and not window.args.get("alias"):
        raise SqlError(
            f"SQL compilation error:\nWindow function type [{function.sql_name()}] requires ORDER BY in window "
            "specification.",
            2303,
            "42601",
        )
    clause = window.find_ancestor(exp.Select, exp.Where, exp.Having, exp.Group)
    if isinstance(clause, (exp.Where, exp.Having, exp.Group)):
        raise SqlError(
            f"SQL compilation error:\nWindow function [{window.sql(dialect='snowflake')}] appears outside of SELECT, "
            "QUALIFY, and ORDER BY clauses.",
            2302,
            "42601",
        )


def _ratio(window: exp.Window) -> None:
    """RATIO_TO_REPORT(x) OVER w is x in proportion to the sum over w; null where that is zero."""
    call = window.this
    if not isinstance(call, exp.Anonymous) or str(call.this).upper() != "RATIO_TO_REPORT" or len(call.expressions) != 1:
        return
    value = call.expressions[0]
    total = window.copy()
    total.set("this", exp.Sum(this=value.copy()))
    window.replace(
        exp.Div(this=exp.paren(value.copy()), expression=exp.Nullif(this=total, expression=exp.Literal.number(0)))
    )
