"""Common table expressions: which a query may refer to, and those with costly columns, which are computed once."""

from __future__ import annotations

from sqlglot import exp

from snowmelt.sql.rewrite.context import Resolver

_COSTLY = (
    *(exp.RegexpReplace, exp.RegexpExtract, exp.RegexpExtractAll, exp.RegexpLike, exp.RegexpILike, exp.RegexpCount),
    *(exp.RegexpInstr, exp.RegexpSplit),
)
"""What takes longer to compute than a row takes to keep for a while."""

_SOURCES = (exp.Subquery, exp.From, exp.Join, exp.SetOperation, exp.CTE, exp.With, exp.Tuple)


def computed_once(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Keep the engine from putting the columns of a common table expression wherever they are used.

    It moves conditions on them to where the rows are read, and so computes each such column twice: once to choose the
    rows and once to show them.
    """
    for with_ in tree.find_all(exp.With):
        if with_.args.get("recursive") or not _is_source(with_):
            continue
        for cte in with_.expressions:
            if isinstance(cte.this, exp.Query) and any(column.find(*_COSTLY) for column in cte.this.selects):
                cte.set("materialized", True)
    return tree


def _is_source(with_: exp.With) -> bool:
    """Whether a WITH belongs to the statement, or to a query in its FROM: one in an expression may name columns of the
    queries around it."""
    node: exp.Expr = with_
    while (parent := node.parent) is not None:
        if isinstance(parent, exp.Select):
            if isinstance(node, exp.Subquery):
                return False
        elif not isinstance(parent, _SOURCES):
            return False
        node = parent
    return True


def visible_ctes(select: exp.Select) -> list[exp.CTE]:
    """Copies of the common table expressions that `select` may refer to, its own included, outermost first."""
    found: list[exp.CTE] = []
    node: exp.Expr | None = select
    inside: exp.CTE | None = None
    while node is not None:
        if isinstance(node, exp.CTE):
            inside = node
        with_ = node.args.get("with_")
        if with_ is not None:
            before: list[exp.CTE] = []
            for cte in with_.expressions:
                if cte is inside:
                    break
                before.append(cte.copy())
            found = before + found
        node = node.parent
    return found
