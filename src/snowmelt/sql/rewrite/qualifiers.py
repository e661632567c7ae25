"""Columns named with a schema or a database: ``SELECT db.schema.t.c FROM db.schema.t``.

To the engine a source has one name, its alias. So such a column is given the alias of the source that its qualifiers
mean, and tables of the same name from different schemas get aliases that tell them apart.

Source: docs.snowflake.com/en/sql-reference/name-resolution
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from snowmelt.base.errors import invalid_identifier
from snowmelt.catalog.names import FullName, display, engine_name, parse_name
from snowmelt.sql.rewrite.context import Resolver, full_name, goes_by, target_alias
from snowmelt.sql.rewrite.names import is_cte, logical, table_name


def qualified_columns(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Columns with three and four parts come to have two; see above."""
    columns: list[exp.Column] = []
    named: dict[tuple[int, str], list[exp.Expr]] = {}
    for node in tree.find_all(exp.Table, exp.Column, exp.Subquery, exp.Delete):
        if isinstance(node, exp.Column):
            if node.args.get("db") is not None:
                columns.append(node)
            continue
        source = node.this if isinstance(node, exp.Delete) else node
        if full_name(source) is not None or (isinstance(source, exp.Table) and source.args.get("alias") is None):
            around = source.find_ancestor(exp.Select, exp.Delete)
            named.setdefault((id(around), _alias(source)), []).append(source)
    for sources in named.values():
        if len(sources) > 1:
            _tell_apart(sources, resolver)
    for column in columns:
        _shorten(column, resolver)
    return tree


def _alias(source: exp.Expr) -> str:
    """What the engine calls a source."""
    if isinstance(source, (exp.Table, exp.Subquery)):
        return source.alias_or_name
    return engine_name(target_alias(source))


def _tell_apart(sources: list[exp.Expr], resolver: Resolver) -> None:
    """Tables that bear one name in a FROM get their full names as aliases; the target of a DML statement keeps its."""
    for source in sources:
        found = _full(source, resolver)
        if found is not None and isinstance(source, exp.Table):
            source.set("alias", exp.TableAlias(this=exp.to_identifier(engine_name(str(found)), quoted=True)))
            goes_by(source, found)


def _shorten(column: exp.Column, resolver: Resolver) -> None:
    """Put the alias of the source in the place of the column's qualifiers.

    Raises:
        SqlError: 000904 when no source that is visible has that name.
    """
    prefix = [logical(part) for part in column.parts[:-1]]
    node: exp.Expr | None = column
    while node is not None:
        for source in _sources(node):
            found = _full(source, resolver)
            if found is not None and [found.database, found.schema, found.name][-len(prefix) :] == prefix:
                is_dynamic = isinstance(source.this, exp.DynamicIdentifier)
                alias = engine_name(found.name) if is_dynamic else _alias(source)
                column.set("table", exp.to_identifier(alias, quoted=True))
                column.set("db", None)
                column.set("catalog", None)
                return
        node = node.parent
    last = "*" if isinstance(column.this, exp.Star) else display(logical(column.this))
    raise invalid_identifier(".".join([*(display(part) for part in prefix), last]))


def _sources(node: exp.Expr) -> Iterator[exp.Expr]:
    """What stands in FROM, JOIN and USING of a statement."""
    if isinstance(node, exp.Delete):
        yield node.this
        yield from node.args.get("using") or ()
        return
    if not isinstance(node, exp.Select):
        return
    from_ = node.args.get("from_")
    pending = [*([from_.this] if from_ is not None else []), *(join.this for join in node.args.get("joins") or ())]
    for source in pending:
        yield source
        pending += [join.this for join in source.args.get("joins") or ()]


def _full(source: exp.Expr, resolver: Resolver) -> FullName | None:
    """The full name that a source goes by; None when it has an alias, or is no table."""
    known = full_name(source)
    if known is not None or not isinstance(source, exp.Table) or source.args.get("alias") is not None:
        return known
    if isinstance(source.this, exp.DynamicIdentifier):
        text = source.this.this
        return resolver.full(parse_name(text.name)) if isinstance(text, exp.Literal) else None
    if isinstance(source.this, exp.Identifier) and not is_cte(source):
        return resolver.full(table_name(source))
    return None
