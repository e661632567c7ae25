"""What stands in FROM: tables, views, streams, table functions and stages become queries of the engine."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from snowmelt.base.errors import syntax_error, unsupported
from snowmelt.catalog.names import Name, engine_name, parse_name
from snowmelt.catalog.objects import TableColumn
from snowmelt.sql.past import past_of
from snowmelt.sql.rewrite.context import Resolver, StagedRows, raw, raw_query
from snowmelt.sql.rewrite.flatten import is_flatten
from snowmelt.sql.rewrite.names import is_cte, table_name


def resolve_sources(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Every name in FROM or JOIN that is not a common table expression becomes the engine's query for it."""
    for table in list(tree.find_all(exp.Table)):
        this = table.this
        if isinstance(this, exp.DynamicIdentifier):
            _resolve(table, parse_name(_text(this.this)), resolver)
        elif isinstance(this, exp.Dot) or (isinstance(this, exp.Identifier) and not is_cte(table)):
            _resolve(table, table_name(table), resolver)
        elif isinstance(this, exp.Identifier) and past_of(table) is not None:
            raise unsupported("AT / BEFORE / CHANGES of a common table expression")
        elif isinstance(this, (exp.Literal, exp.Parameter, exp.Placeholder)):
            # The engine would take a text for the name of one of its own tables, or of a file.
            raise syntax_error(f"unexpected '{this.sql(dialect='snowflake')}'")
    return tree


def resolve_table_functions(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``TABLE(f(...))`` becomes a query; ``TABLE('name')`` and ``TABLE(name)`` mean the table of that name."""
    for rows in list(tree.find_all(exp.TableFromRows)):
        this = rows.this
        if isinstance(this, exp.Window) and is_flatten(this.this):
            # Each row stands for itself, whatever rows OVER puts together.
            this = this.this
            rows.set("this", this)
        if isinstance(this, exp.Func) and past_of(rows) is not None:
            raise unsupported("AT / BEFORE / CHANGES of a table function")
        if is_flatten(this):
            continue
        if isinstance(this, exp.Literal):
            _resolve(rows, parse_name(this.name), resolver)
            continue
        if isinstance(this, exp.Column):
            _resolve(rows, parse_name(this.sql(dialect="snowflake")), resolver)
            continue
        prefix: list[str] = []
        while isinstance(this, exp.Dot):
            prefix.append(this.this.sql(dialect="snowflake").upper())
            this = this.expression
        if not isinstance(this, exp.Func):
            raise syntax_error(f"unexpected '{this.sql(dialect='snowflake')}'")
        function = this.name if isinstance(this, exp.Anonymous) else this.sql_name()
        arguments = this.expressions if isinstance(this, exp.Anonymous) else [this]
        name = ".".join([*prefix, function.upper()])
        text, columns = resolver.table_function(name, arguments)
        _replace(rows, text, function.upper(), columns)
    return tree


def resolve_stages(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``FROM @stage/path (FILE_FORMAT => f, PATTERN => p)`` becomes a relation, ``$1:"A"`` and METADATA$ columns of
    the SELECT around it become expressions over it.
    """
    for table in list(tree.find_all(exp.Table)):
        if not isinstance(table.this, (exp.Var, exp.Literal)) or not table.this.name.startswith("@"):
            continue
        options = {key: _text(value) for key in ("format", "pattern") if (value := table.args.get(key)) is not None}
        rows = resolver.stage(table.this.name, options)
        alias = table.args.get("alias")
        shown = alias.this.name if alias is not None and alias.this is not None else "STAGE"
        name = resolver.stage_alias() or shown
        select = table.find_ancestor(exp.Select)
        if select is not None:
            _without_metadata(select, shown)
            _plain_positions(select, shown)
            _resolve_columns(select, rows, name, shown)
        _replace(table, f"SELECT * FROM {rows.relation}", name)
    return tree


def _without_metadata(select: exp.Select, shown: str) -> None:
    """A star does not show METADATA$ columns.

    Source: docs.snowflake.com/en/user-guide/querying-metadata
    """
    for projection in select.expressions:
        star = projection.this if isinstance(projection, exp.Column) and _belongs(projection, shown) else projection
        if isinstance(star, exp.Star):
            hidden = [exp.to_identifier(name, quoted=True) for name in _METADATA]
            star.set("except_", [*(star.args.get("except_") or []), *hidden])


_METADATA = ("METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER")
"""What the relation of staged files has besides their columns."""


def _plain_positions(select: exp.Select, shown: str) -> None:
    """``t.$1``, ``"$1"`` and ``t."$1"`` become ``$1``; positions of another relation stay as they are."""
    for column in list(select.find_all(exp.Column)):
        if not _belongs(column, shown):
            continue
        if isinstance(column.this, exp.Parameter):
            _put(column, column.this.copy(), f"${column.this.name}")
        elif column.name.startswith("$") and column.name[1:].isdigit():
            _put(column, exp.Parameter(this=exp.Literal.number(column.name[1:])), column.name)


def _put(column: exp.Column, node: exp.Expr, name: str) -> None:
    """Put `node` where `column` stands; as a projection it keeps the column's name."""
    projected = isinstance(column.parent, exp.Select) and column.arg_key == "expressions"
    column.replace(exp.Alias(this=node, alias=exp.to_identifier(name, quoted=True)) if projected else node)


def _belongs(column: exp.Column, shown: str) -> bool:
    """Whether a column is one of the stage that the query calls `shown`."""
    return not column.table or column.table.upper() == shown.upper()


def _resolve_columns(select: exp.Select, rows: StagedRows, alias: str, shown: str) -> None:
    """References to staged columns in `select` become expressions of the engine."""
    if not rows.is_document:
        for extract in list(select.find_all(exp.JSONExtract)):
            path = _path_of(extract)
            if path is not None:
                extract.replace(raw(rows.column(path[0], path[1], alias)))
    for parameter in list(select.find_all(exp.Parameter)):
        if parameter.this.name.isdigit() and not isinstance(parameter.parent, exp.Column):
            parameter.replace(raw(rows.column(int(parameter.this.name), (), alias), rows.column_type))
    for column in list(select.find_all(exp.Column)):
        if column.name.startswith("METADATA$") and _belongs(column, shown):
            _put(column, raw(rows.metadata(column.name, alias)), column.name)


def _path_of(extract: exp.JSONExtract) -> tuple[int, list[str | int]] | None:
    """Position and path of ``$1:a[0].b``; None for a path into anything else."""
    base, path = extract.this, extract.expression
    if not (isinstance(base, exp.Parameter) and base.this.name.isdigit() and isinstance(path, exp.JSONPath)):
        return None
    return int(base.this.name), [part.args["this"] for part in path.expressions[1:]]


def _text(node: exp.Expr) -> str:
    return node.name if isinstance(node, exp.Literal) else node.sql(dialect="snowflake")


def _resolve(table: exp.Expr, name: Name, resolver: Resolver) -> None:
    """Put the engine's query for what is called `name` where `table` stands."""
    past = past_of(table)
    _replace(table, resolver.relation(name, past), name.name, resolver.columns(name, past))


def _replace(table: exp.Expr, text: str, name: str, columns: Sequence[TableColumn] | None = None) -> None:
    """Put the query `text` where `table` stands, keeping its alias, joins, pivots and sample."""
    query = raw_query(text, columns)
    alias = table.args.get("alias")
    if alias is None or alias.this is None:
        alias = exp.TableAlias(this=exp.to_identifier(engine_name(name), quoted=True))
    query.set("alias", alias.copy())
    for clause in ("joins", "pivots", "laterals", "sample"):
        if table.args.get(clause):
            query.set(clause, table.args[clause])
    table.replace(query)
