"""Sequences in queries: ``seq.NEXTVAL`` and ``TABLE(GETNEXTVAL(seq))``.

Every occurrence of NEXTVAL takes a value of its own; GETNEXTVAL takes one for each row, however often it is named.

Source: docs.snowflake.com/en/user-guide/querying-sequences
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.errors import syntax_error, unsupported
from snowmelt.catalog.names import parse_name
from snowmelt.sql.rewrite.context import Resolver, raw, raw_query
from snowmelt.sql.rewrite.names import table_name

_VALUE = "NEXTVAL"


def sequence_values(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Both forms become calls of the engine's own sequences."""
    if not resolver.mentions("NEXTVAL"):
        return tree
    for rows in list(tree.find_all(exp.TableFromRows)):
        call = rows.this
        if isinstance(call, exp.Anonymous) and str(call.this).upper() == "GETNEXTVAL":
            _per_row(rows, call, resolver)
    for column in list(tree.find_all(exp.Column)):
        if column.name == _VALUE and column.args.get("table") is not None and not _is_relation(column):
            _single(column, resolver)
    return tree


def _single(column: exp.Column, resolver: Resolver) -> None:
    *_, table = column.parts[:-1]
    name = table_name(exp.Table(this=table.copy(), db=column.args.get("db"), catalog=column.args.get("catalog")))
    value: exp.Expr = raw(resolver.sequence(name))
    parent = column.parent
    if isinstance(parent, exp.Select) and column.arg_key == "expressions":
        value = exp.Alias(this=value, alias=exp.to_identifier(_VALUE, quoted=True))
    column.replace(value)


def _is_relation(column: exp.Column) -> bool:
    """Whether the word before NEXTVAL means something in FROM, so that NEXTVAL is a column of it."""
    if column.args.get("db") is not None:
        return False
    name = column.args["table"].name
    select = column.find_ancestor(exp.Select, exp.Merge, exp.Update)
    while select is not None:
        for source in select.find_all(exp.From, exp.Join):
            if source.this.alias_or_name == name:
                return True
        select = select.find_ancestor(exp.Select, exp.Merge, exp.Update)
    return False


def _per_row(rows: exp.TableFromRows, call: exp.Anonymous, resolver: Resolver) -> None:
    if len(call.expressions) != 1 or not isinstance(call.expressions[0], exp.Column):
        raise syntax_error(f"unexpected '{call.sql(dialect='snowflake')}'")
    value = resolver.sequence(parse_name(call.expressions[0].sql(dialect="snowflake")))
    alias = rows.args.get("alias")
    shown = alias.this.name if alias is not None and alias.this is not None else "GETNEXTVAL"
    select = rows.find_ancestor(exp.Select)
    if isinstance(rows.parent, exp.From):
        query = raw_query(f'SELECT {value} AS "{_VALUE}"')
        query.set("alias", exp.TableAlias(this=exp.to_identifier(shown, quoted=True)))
        rows.replace(query)
    elif select is not None and isinstance(rows.parent, exp.Join) and len(select.args["joins"]) == 1:
        _beside(select, value, shown)
    elif select is None or not isinstance(rows.parent, exp.Join) or not _shown_once(select, rows.parent, value, shown):
        raise unsupported("GETNEXTVAL beside several tables but for a value that the select list shows once")


def _shown_once(select: exp.Select, join: exp.Join, value: str, shown: str) -> bool:
    """Beside several tables: the value is taken where the select list shows it, which must be its only place."""
    columns = [item for item in select.find_all(exp.Column) if item.name == _VALUE and item.table in ("", shown)]
    if len(columns) != 1 or columns[0].find_ancestor(exp.Where, exp.Join, exp.Group, exp.Order, exp.AggFunc):
        return False
    if any(item.is_star for item in select.expressions) or any(join.args.get(key) for key in ("on", "side", "using")):
        return False
    (column,) = columns
    made: exp.Expr = raw(value)
    if isinstance(column.parent, exp.Select):
        made = exp.Alias(this=made, alias=exp.to_identifier(_VALUE, quoted=True))
    column.replace(made)
    select.set("joins", [item for item in select.args["joins"] if item is not join])
    return True


def _beside(select: exp.Select, value: str, shown: str) -> None:
    """``FROM t, TABLE(GETNEXTVAL(s)) n``: the engine would take one value for all rows of t, so that the value
    becomes a column of t.
    """
    source = select.args["from_"].this
    name = source.alias_or_name
    columns = [exp.Star(), exp.Alias(this=raw(value), alias=exp.to_identifier(_VALUE, quoted=True))]
    inner = exp.Select(expressions=columns, from_=exp.From(this=source.copy()))
    alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
    source.replace(exp.Subquery(this=inner, alias=alias))
    select.set("joins", None)
    for column in select.find_all(exp.Column):
        table = column.args.get("table")
        if table is not None and table.name == shown and column.name == _VALUE:
            column.set("table", exp.to_identifier(name, quoted=True))
