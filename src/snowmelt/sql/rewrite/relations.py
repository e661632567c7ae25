"""What FROM holds beside names: brackets, samples, ASOF joins; and RATIO_TO_REPORT.

Source: docs.snowflake.com/en/sql-reference/constructs/sample, .../asof-join
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.sql.rewrite.context import Resolver

_SINGLE = (exp.Table, exp.TableFromRows, exp.Values, exp.Subquery)


def brackets(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Take away brackets around a single table or VALUES in FROM, which the engine does not take."""
    for node in list(tree.find_all(exp.Subquery, bfs=False))[::-1]:
        inner = node.this
        if not isinstance(inner, _SINGLE) or inner.args.get("joins"):
            continue
        if not isinstance(node.parent, (exp.From, exp.Join, exp.Subquery)):
            continue
        outer = {key: value for key, value in node.args.items() if key != "this" and value}
        if any(inner.args.get(key) for key in outer):
            node.set("this", exp.select("*").from_(inner.copy()))
            continue
        inner = inner.pop()
        for key, value in outer.items():
            inner.set(key, value)
        node.replace(inner)
    return tree


def relations(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Bring these into the engine's form, or refuse them by name."""
    for node in list(tree.find_all(exp.TableSample, exp.Join, exp.Window)):
        match node:
            case exp.TableSample():
                if node.args.get("size") is not None:
                    # A number of rows is drawn from all of them at once.
                    node.set("method", exp.var("reservoir"))
                elif node.name.upper() == "BLOCK" or str(node.args.get("method") or "").upper() == "BLOCK":
                    node.set("method", exp.var("system"))
            case exp.Join():
                _asof(node)
                _unconditional(node)
            case exp.Window():
                _ratio(node)
    return tree


def _asof(join: exp.Join) -> None:
    """The nearest row by MATCH_CONDITION, which the engine takes as a part of ON; rows without one stay, with nulls."""
    condition = join.args.get("match_condition")
    if condition is None:
        return
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
