"""Which WITH clauses are recursive: Snowflake needs no word for it.

Source: docs.snowflake.com/en/sql-reference/constructs/with
"""

from __future__ import annotations

from sqlglot import exp


def is_recursive(with_: exp.With) -> bool:
    """Whether a common table expression is a UNION ALL whose first part does not name it, while a later one does. What
    names itself in any other way means a table of that name.
    """
    recursive = False
    for cte in with_.expressions:
        first, *more = _parts(cte.this)
        if any(_names(part, cte.args["alias"].this) for part in more):
            if _names(first, cte.args["alias"].this):
                return False
            recursive = True
        elif _names(first, cte.args["alias"].this):
            return False
    return recursive


def _parts(query: exp.Expr) -> list[exp.Expr]:
    """The queries that UNION ALL puts together, in order."""
    query = query.unnest()
    if isinstance(query, exp.Union) and not query.args.get("distinct"):
        return [*_parts(query.this), *_parts(query.expression)]
    return [query]


def _names(query: exp.Expr, identifier: exp.Identifier) -> bool:
    wanted = _folded(identifier)
    tables = (table for table in query.find_all(exp.Table) if table.args.get("db") is None)
    return any(isinstance(table.this, exp.Identifier) and _folded(table.this) == wanted for table in tables)


def _folded(identifier: exp.Identifier) -> str:
    name: str = identifier.name
    return name if identifier.quoted else name.upper()
