"""Identifiers fold to upper case, projections get Snowflake's names, ``$n`` becomes a column."""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import Name, engine_name, fold
from snowmelt.sql.projections import TEXTS
from snowmelt.sql.rewrite.context import Resolver, raw

_LOGICAL = "snowmelt_name"
"""Meta key of an identifier: the name of which the engine's was made."""


def name_projections(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Give each unnamed projection the name Snowflake shows: the expression as written, in upper case."""
    for select in tree.find_all(exp.Select):
        projections = select.args["expressions"]
        texts = select.meta.get(TEXTS)
        if texts is not None and len(texts) != len(projections):
            texts = None
        for i, projection in enumerate(projections):
            named = isinstance(projection, exp.Subquery) and projection.args.get("alias") is not None
            if named or isinstance(projection, (exp.Alias, exp.Aliases, exp.Star)):
                continue
            if projection.is_star and not isinstance(projection, exp.Subquery):
                continue
            if isinstance(projection, exp.Column):
                continue
            name = texts[i].upper() if texts is not None else projection.sql(dialect="snowflake").upper()
            projections[i] = exp.Alias(this=projection.copy(), alias=exp.to_identifier(name, quoted=True))
        select.set("expressions", projections)
    return tree


def fold_identifiers(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Unquoted identifiers become upper case; all become the engine's names, quoted. ORDER BY ALL names no column."""
    for identifier in tree.find_all(exp.Identifier):
        column = identifier.parent
        if isinstance(column, exp.Column) and _is_all(column):
            column.replace(exp.var("ALL"))
            continue
        # The keys of an object constant and of an OBJECT's type are text, though the parser takes them for names.
        if isinstance(identifier.parent, (exp.PropertyEQ, exp.ColumnDef)):
            identifier.set("quoted", True)
            continue
        name = identifier.this if identifier.quoted else identifier.this.upper()
        identifier.set("quoted", True)
        identifier.set("this", engine_name(name))
        if identifier.this != name:
            identifier.meta[_LOGICAL] = name
    return tree


def _is_all(column: exp.Column) -> bool:
    """Whether what looks like a column is the word of ORDER BY ALL."""
    if column.this.name.upper() != "ALL" or column.this.args.get("quoted") or column.table:
        return False
    order = column.parent.parent if isinstance(column.parent, exp.Ordered) else None
    return isinstance(order, exp.Order) and len(order.expressions) == 1 and isinstance(order.parent, exp.Query)


def logical(identifier: exp.Expr) -> str:
    """The name that an identifier gives, folded; `fold_identifiers` may have put the engine's in its place."""
    found: str | None = identifier.meta.get(_LOGICAL)
    if found is not None:
        return found
    return folded(identifier)


def folded(identifier: exp.Expr) -> str:
    """The stored form of the name that an identifier gives as it was written."""
    if isinstance(identifier, exp.Identifier):
        return identifier.name if identifier.args.get("quoted") else identifier.name.upper()
    return fold(identifier.sql(dialect="snowflake"))


def positional_columns(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``$2`` means the second column of the row; VALUES call theirs COLUMN1, COLUMN2, ..."""
    for node in list(tree.find_all(exp.Parameter)):
        name = _positional(node)
        if name is not None:
            node.replace(exp.column(exp.to_identifier(name, quoted=True)))
        else:
            whole = node.parent if isinstance(node.parent, exp.Column) else node
            whole.replace(raw(f"#{node.this.name}"))
    for values in tree.find_all(exp.Values):
        if not isinstance(values.parent, (exp.From, exp.Join)):
            continue
        alias = values.args.get("alias")
        if alias is not None and alias.args.get("columns"):
            continue
        first = values.expressions[0]
        width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
        columns = [exp.to_identifier(f"COLUMN{i + 1}", quoted=True) for i in range(width)]
        this = alias.this if alias is not None and alias.this is not None else exp.to_identifier("VALUES", quoted=True)
        values.set("alias", exp.TableAlias(this=this, columns=columns))
    return tree


def _positional(node: exp.Parameter) -> str | None:
    """The name of the column that ``$2`` means, of the subquery or VALUES it is taken from; None where that is not
    known, and the engine counts.
    """
    select = node.find_ancestor(exp.Select)
    clause = select.args.get("from_") if select is not None else None
    inner = clause.this.this if clause is not None and isinstance(clause.this, exp.Subquery) else None
    position = node.this.name
    if isinstance(inner, exp.Select) and position.isdigit() and not inner.is_star:
        names = inner.named_selects
        if 0 < int(position) <= len(names):
            return names[int(position) - 1]
    if select is None or clause is None or select.args.get("joins"):
        return f"COLUMN{position}"
    counted = isinstance(clause.this, (exp.Table, exp.TableFromRows, exp.Subquery))
    return None if counted and position.isdigit() else f"COLUMN{position}"


def table_name(table: exp.Table) -> Name:
    """The `Name` that a table node gives, parts folded.

    ``database.schema.INFORMATION_SCHEMA.view`` is taken for the database's view, as tutorials write it.
    """
    parts = [logical(part) for part in table.parts]
    if table.args.get("catalog") is not None and not table.args.get("db"):
        # ``db..t`` leaves the schema out.
        parts.insert(1, "PUBLIC")
    if len(parts) == 4 and parts[2] == "INFORMATION_SCHEMA":
        del parts[1]
    if len(parts) > 3:
        raise unsupported(f"name of {len(parts)} parts")
    return Name(*reversed(parts))


def is_cte(table: exp.Table) -> bool:
    """Whether a name in FROM means a common table expression that is visible there."""
    if table.args.get("db") is not None:
        return False
    name = table.name if table.this.quoted else table.name.upper()
    node: exp.Expr | None = table
    inside: exp.CTE | None = None
    while node is not None:
        if isinstance(node, exp.CTE):
            inside = node
        with_ = node.args.get("with_")
        if with_ is not None and node is not table:
            for cte in with_.expressions:
                if cte is inside and not with_.args.get("recursive"):
                    break
                identifier = cte.args["alias"].this
                if (identifier.name if identifier.quoted else identifier.name.upper()) == name:
                    return True
        node = node.parent
    return False
