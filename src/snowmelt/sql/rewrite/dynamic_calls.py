"""``IDENTIFIER('name')(arguments)``: a function by a name that is known only when the statement runs.

Source: docs.snowflake.com/en/sql-reference/identifier-literal
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.catalog.names import split_name
from snowmelt.sql.dialect import DIALECT
from snowmelt.sql.rewrite.context import Resolver


def dynamic_calls(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Such calls become those that the names say; binds and variables are literals already."""
    if not resolver.mentions("IDENTIFIER"):
        return tree
    for node in list(tree.find_all(exp.DynamicIdentifier, bfs=False))[::-1]:
        if node.args.get("expressions") is None or not isinstance(node.this, exp.Literal):
            continue
        *prefix, name = split_name(node.this.name)
        call: exp.Expr = exp.func(name, *(item.copy() for item in node.expressions), dialect=DIALECT)
        if prefix:
            call = exp.Anonymous(this=name, expressions=[item.copy() for item in node.expressions])
            parts = [exp.to_identifier(part, quoted=True) for part in prefix]
            call = exp.Dot.build([*parts, call])
        node.replace(call)
    return tree
