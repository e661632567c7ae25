"""FLATTEN and SPLIT_TO_TABLE: one row for each element, beside the row that it comes from.

Source: docs.snowflake.com/en/sql-reference/functions/flatten, .../split_to_table
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.sql.rewrite.context import Resolver, raw

_ROW = "snowmelt_row"
_FIRST = "snowmelt_first"
_ENTRY = "snowmelt_entry"
"""No alias of a user's may be called so, as an input names columns of what stands beside it."""

_ENGINE = "duckdb"
_MODES = ("BOTH", "ARRAY", "OBJECT")


def is_flatten(node: exp.Expr) -> bool:
    """Whether a table function is one of this module's."""
    return isinstance(node, (exp.Explode, exp.SplitToTable))


def flatten(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """Each call in FROM becomes a lateral subquery; its arguments are final and are written out."""
    for node in list(tree.find_all(exp.Lateral, exp.TableFromRows)):
        if is_flatten(node.this):
            _replace(node)
    return tree


def _replace(node: exp.Expr) -> None:
    join = node.parent if isinstance(node.parent, exp.Join) else None
    call = node.this
    sequence = _number_rows(node, join)
    text = _flattened(call, sequence) if isinstance(call, exp.Explode) else _split(call, sequence)
    alias = node.args.get("alias")
    name = alias.this if alias is not None and alias.this is not None else None
    default = "FLATTEN" if isinstance(call, exp.Explode) else "SPLIT_TO_TABLE"
    columns = [column.copy() for column in alias.args.get("columns") or ()] if alias is not None else []
    shown = exp.TableAlias(
        this=name.copy() if name is not None else exp.to_identifier(default, quoted=True), columns=columns
    )
    query = exp.Subquery(this=raw(text))
    if join is None:
        query.set("alias", shown)
        if node.parent is not None and node.args.get("joins"):
            query.set("joins", node.args["joins"])
        node.replace(query)
        return
    node.replace(exp.Lateral(this=query, alias=shown))
    if join.args.get("on") is None and (join.side or join.kind):
        join.set("on", exp.true())


def _number_rows(node: exp.Expr, join: exp.Join | None) -> str:
    """DuckDB text of SEQ: a number for each row of what stands before in FROM. Rows are numbered only where the number
    is asked for, by name or by a star.
    """
    select = node.find_ancestor(exp.Select)
    if join is None or select is None:
        return "1"
    stars = [item for item in select.expressions if item.is_star]
    if not stars and not any(column.name == "SEQ" for column in select.find_all(exp.Column)):
        return "1"
    first = _queried(select.args["from_"].this)
    if not first.meta.get(_ROW):
        inner = first.this.sql(dialect=_ENGINE)
        first.set("this", raw(f'SELECT *, row_number() OVER () AS "{_ROW}" FROM ({inner})'))
        first.meta[_ROW] = True
        for star in stars:
            target = star if isinstance(star, exp.Star) else star.this
            if isinstance(star, exp.Star) or star.table == first.alias:
                hidden = exp.to_identifier(_ROW, quoted=True)
                target.set("except_", [*(target.args.get("except_") or []), hidden])
    return f'"{first.alias}"."{_ROW}"'


def _queried(source: exp.Expr) -> exp.Subquery:
    """What stands first in FROM as a subquery with an alias, to which a column can be added."""
    if isinstance(source, exp.Subquery) and isinstance(source.this, (exp.Query, exp.Var)):
        if not source.alias:
            source.set("alias", exp.TableAlias(this=exp.to_identifier(_FIRST, quoted=True)))
        return source
    if not isinstance(source, exp.Table) or source.args.get("joins"):
        raise unsupported("SEQ of FLATTEN beside this FROM")
    alias = source.args.get("alias") or exp.TableAlias(this=source.this.copy())
    query = exp.Subquery(this=raw(f"SELECT * FROM {source.this.sql(dialect=_ENGINE)}"), alias=alias.copy())
    source.replace(query)
    return query


def _arguments(call: exp.Expr) -> dict[str, exp.Expr]:
    """Arguments by name; those without one in the order INPUT, PATH, OUTER, RECURSIVE, MODE."""
    names = ("INPUT", "PATH", "OUTER", "RECURSIVE", "MODE")
    found: dict[str, exp.Expr] = {}
    for position, item in enumerate((call.this, *call.expressions)):
        if isinstance(item, exp.Kwarg):
            found[item.this.name.upper()] = item.expression
        else:
            found[names[position]] = item
    unknown = set(found) - set(names)
    if unknown or "INPUT" not in found:
        raise SqlError("SQL compilation error:\ninvalid argument of function FLATTEN", 1018, "22023")
    return found


def _flag(arguments: dict[str, exp.Expr], name: str) -> bool:
    value = arguments.get(name)
    return isinstance(value, exp.Boolean) and bool(value.this)


def _flattened(call: exp.Explode, sequence: str) -> str:
    arguments = _arguments(call)
    value = arguments["INPUT"].sql(dialect=_ENGINE)
    if not isinstance(arguments["INPUT"], exp.Var):
        value = f"CAST({value} AS JSON)"
    path = arguments.get("PATH")
    prefix = "''"
    if path is not None:
        if not isinstance(path, exp.Literal):
            raise unsupported("FLATTEN with a PATH that is no constant")
        steps = path.sql(dialect=_ENGINE)
        value, prefix = f"json_extract({value}, '$.' || {steps})", steps
    mode = arguments.get("MODE")
    chosen = mode.name.upper() if isinstance(mode, exp.Literal) else "BOTH"
    if chosen not in _MODES:
        raise SqlError(f"SQL compilation error:\ninvalid value '{chosen}' for parameter 'MODE'", 1018, "22023")
    entries = f"snowmelt_entries({{}}, {{}}, '{chosen}')"
    rows = f"SELECT unnest({entries.format(value, prefix)}) AS {_ENTRY}"
    if _flag(arguments, "RECURSIVE"):
        deeper = entries.format(f"{_ENTRY}.value", f"{_ENTRY}.path")
        rows = (
            f"WITH RECURSIVE snowmelt_deep AS ({rows} UNION ALL SELECT unnest({deeper}) AS {_ENTRY} "
            f"FROM snowmelt_deep) SELECT {_ENTRY} FROM snowmelt_deep ORDER BY {_ENTRY}.path"
        )
    fields = ", ".join(f'{_ENTRY}.{name.lower()} AS "{name}"' for name in ("KEY", "PATH", "INDEX", "VALUE", "THIS"))
    text = f'SELECT {sequence} AS "SEQ", {fields} FROM ({rows})'
    if _flag(arguments, "OUTER"):
        nothing = (
            f'SELECT {sequence} AS "SEQ", NULL::VARCHAR AS "KEY", {prefix} AS "PATH", NULL::BIGINT AS "INDEX", '
            f'NULL::JSON AS "VALUE", {value} AS "THIS" WHERE coalesce(len({entries.format(value, prefix)}), 0) = 0'
        )
        text = f"{text} UNION ALL {nothing}"
    return text


def _split(call: exp.SplitToTable, sequence: str) -> str:
    text, separator = call.this.sql(dialect=_ENGINE), call.expression.sql(dialect=_ENGINE)
    parts = (
        f"SELECT unnest(list_transform(string_split({text}, {separator}), lambda x, i: {{'i': i, 'v': x}})) AS {_ENTRY}"
    )
    return f'SELECT {sequence} AS "SEQ", {_ENTRY}.i AS "INDEX", {_ENTRY}.v AS "VALUE" FROM ({parts})'
