"""FLATTEN and SPLIT_TO_TABLE: one row for each element, beside the row that it comes from.

Source: docs.snowflake.com/en/sql-reference/functions/flatten, .../split_to_table
"""

from __future__ import annotations

from typing import cast

from sqlglot import exp

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.sql.rewrite.context import Resolver, raw

_ROW = "snowmelt_row"
_LIST = "snowmelt_list"
_FIRST = "snowmelt_first"
_ENTRY = "snowmelt_entry"
_THIS = "snowmelt_this"
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
    alias = node.args.get("alias")
    if isinstance(call, exp.Explode):
        # Beside the entries, not in each of them: as many copies of a long ARRAY as it has elements fill any memory.
        value = _input(call)
        this = value if _is_asked_for("THIS", node) else "NULL::JSON"
        rows = _recursive(call, value, this) if _is_recursive(call) else _unnested(_entries(call, value), this, node)
        names: tuple[str, ...] = ("KEY", "PATH", "INDEX", "VALUE")
    else:
        rows, names = _unnested(_parts(call), None, node), ("INDEX", "VALUE")
    fields = [f'{_ENTRY}.{name.lower()} AS "{name}"' for name in names]
    if isinstance(call, exp.Explode):
        fields.append(f'{_THIS} AS "THIS"')
    query = exp.Subquery(this=raw(f'SELECT {sequence} AS "SEQ", {", ".join(fields)} FROM ({rows})'))
    name = alias.this if alias is not None and alias.this is not None else None
    default = "FLATTEN" if isinstance(call, exp.Explode) else "SPLIT_TO_TABLE"
    columns = [column.copy() for column in alias.args.get("columns") or ()] if alias is not None else []
    shown = exp.TableAlias(
        this=name.copy() if name is not None else exp.to_identifier(default, quoted=True), columns=columns
    )
    if join is None:
        query.set("alias", shown)
        if node.parent is not None and node.args.get("joins"):
            query.set("joins", node.args["joins"])
        node.replace(query)
        return
    node.replace(exp.Lateral(this=query, alias=shown))
    if join.args.get("on") is None and (join.side or join.kind not in ("", "CROSS")):
        join.set("on", exp.true())


# --- what stands before it in FROM -----------------------------------------------------------------------------------


def _number_rows(node: exp.Expr, join: exp.Join | None) -> str:
    """DuckDB text of SEQ: a number for each row of what stands before in FROM. Rows are numbered only where the number
    is asked for, by name or by a star.
    """
    select = node.find_ancestor(exp.Select)
    if join is None or select is None or not _is_asked_for("SEQ", node):
        return "1"
    first = _queried(select)
    if first is None:
        raise unsupported("SEQ of FLATTEN beside this FROM")
    return _more(select, first, _ROW, "row_number() OVER ()")


def _is_asked_for(name: str, node: exp.Expr) -> bool:
    """Whether a query around a call may show one of its columns: by name, by another name, or by a star."""
    select, alias = node.find_ancestor(exp.Select), node.args.get("alias")
    if select is None or (alias is not None and alias.args.get("columns")):
        return True
    if any(item.is_star for item in select.expressions) or any(join.args.get("using") for join in _joins(select)):
        return True
    return any(column.name == name for column in select.find_all(exp.Column))


def _joins(select: exp.Select) -> list[exp.Join]:
    return select.args.get("joins") or []


def _unnested(entries: str, this: str | None, node: exp.Expr) -> str:
    """DuckDB text of a row for each entry, with what FLATTEN calls THIS. Where a list is a column of what stands first
    in FROM, the engine takes it apart as it goes, and keeps the order; for any other expression it would join.
    """
    join = node.parent if isinstance(node.parent, exp.Join) else None
    select = join.find_ancestor(exp.Select) if join is not None else None
    columns = [column for item in node.this.iter_expressions() for column in item.find_all(exp.Column)]
    if select is not None and columns and select.args["joins"][0] is join:
        source = select.args["from_"].this
        if all(column.table in ("", source.alias_or_name) for column in columns):
            first = _queried(select)
            if first is not None:
                entries = _more(select, first, _LIST, entries)
                if this is not None and _is_asked_for("THIS", node):
                    this = _more(select, first, _THIS, this)
    beside = "" if this is None else f", {this} AS {_THIS}"
    return f"SELECT unnest({entries}) AS {_ENTRY}{beside}"


def _queried(select: exp.Select) -> exp.Subquery | None:
    """What stands first in FROM as a query with an alias, to which columns can be added; None if it cannot be one."""
    source = select.args["from_"].this
    if source.meta.get(_FIRST):
        return cast(exp.Subquery, source)
    if not isinstance(source, (exp.Subquery, exp.Table, exp.Values)):
        return None
    if any(source.args.get(key) for key in ("joins", "pivots", "sample", "laterals")):
        return None
    alias = source.args.get("alias")
    if alias is None or not alias.this:
        known = source.this.copy() if isinstance(source, exp.Table) else exp.to_identifier(_FIRST, quoted=True)
        alias = exp.TableAlias(this=known, columns=alias.args.get("columns") if alias is not None else None)
        source.set("alias", alias)
    around = exp.Subquery(alias=exp.TableAlias(this=alias.this.copy()))
    source.replace(around)
    around.set("this", exp.Select(expressions=[exp.Star()], from_=exp.From(this=source)))
    around.meta[_FIRST] = True
    return around


def _more(select: exp.Select, first: exp.Subquery, name: str, text: str) -> str:
    """DuckDB text of a column that is added to what stands first in FROM; stars do not show it."""
    alias = exp.to_identifier(name, quoted=True)
    if all(item.alias != name for item in first.this.expressions):
        first.this.append("expressions", exp.Alias(this=raw(text), alias=alias))
        for star in select.expressions:
            if isinstance(star, exp.Star) or (star.is_star and star.table == first.alias):
                target = star if isinstance(star, exp.Star) else star.this
                target.set("except_", [*(target.args.get("except_") or []), alias.copy()])
    return f'"{first.alias}"."{name}"'


# --- the entries -----------------------------------------------------------------------------------------------------


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


def _is_recursive(call: exp.Explode) -> bool:
    return _flag(_arguments(call), "RECURSIVE")


def _input(call: exp.Explode) -> str:
    """DuckDB text of the value that is taken apart."""
    arguments = _arguments(call)
    value = arguments["INPUT"].sql(dialect=_ENGINE)
    if not isinstance(arguments["INPUT"], exp.Var):
        value = f"CAST({value} AS JSON)"
    path = arguments.get("PATH")
    if path is not None and not isinstance(path, exp.Literal):
        raise unsupported("FLATTEN with a PATH that is no constant")
    if path is not None and path.name:
        root = "$" if path.name.startswith("[") else "$."
        value = f"json_extract({value}, '{root}' || {path.sql(dialect=_ENGINE)})"
    return value


def _entries(call: exp.Explode, value: str) -> str:
    """DuckDB text of the list of what FLATTEN gives for one row; with OUTER, never an empty one."""
    arguments = _arguments(call)
    path = arguments.get("PATH")
    prefix = path.sql(dialect=_ENGINE) if path is not None else "''"
    entries = f"snowmelt_entries({value}, {prefix}, '{_mode(arguments)}')"
    if not _flag(arguments, "OUTER"):
        return entries
    nothing = f"{{'key': NULL, 'path': {prefix}, 'index': NULL, 'value': NULL}}"
    return f"CASE WHEN coalesce(len({entries}), 0) > 0 THEN {entries} ELSE [{nothing}] END"


def _mode(arguments: dict[str, exp.Expr]) -> str:
    mode = arguments.get("MODE")
    chosen = mode.name.upper() if isinstance(mode, exp.Literal) else "BOTH"
    if chosen not in _MODES:
        raise SqlError(f"SQL compilation error:\ninvalid value '{chosen}' for parameter 'MODE'", 1018, "22023")
    return chosen


def _recursive(call: exp.Explode, value: str, this: str) -> str:
    """The entries, those of the entries, and so on, in the order of their paths."""
    entries = _entries(call, value)
    deeper = f"snowmelt_entries({_ENTRY}.value, {_ENTRY}.path, '{_mode(_arguments(call))}')"
    inner = f"{_ENTRY}.value" if this == value else this
    return (
        f"WITH RECURSIVE snowmelt_deep AS (SELECT unnest({entries}) AS {_ENTRY}, {this} AS {_THIS} UNION ALL "
        f"SELECT unnest({deeper}) AS {_ENTRY}, {inner} AS {_THIS} FROM snowmelt_deep) "
        f"SELECT {_ENTRY}, {_THIS} FROM snowmelt_deep ORDER BY {_ENTRY}.path"
    )


def _parts(call: exp.SplitToTable) -> str:
    """DuckDB text of the list of a text's parts; without a separator the text is one."""
    text, separator = call.this.sql(dialect=_ENGINE), call.expression.sql(dialect=_ENGINE)
    parts = f"string_split({text}, {separator})"
    if isinstance(call.expression, exp.Literal) and not call.expression.name:
        parts = f"[{text}]"
    return f"list_transform({parts}, lambda x, i: {{'index': i, 'value': x}})"
