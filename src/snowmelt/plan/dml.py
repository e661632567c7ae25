"""INSERT, UPDATE, DELETE, MERGE and TRUNCATE to plans, with the logging of old images that change tracking needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlglot import exp

from snowmelt.base.errors import SqlError, invalid_identifier, syntax_error, unsupported
from snowmelt.base.result import StatementType
from snowmelt.catalog.names import fold, quote
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.plan.query import Planner, read_steps, windows
from snowmelt.plan.steps import LogImages, Materialize, OpenWindow, Plan, Step, Write
from snowmelt.sql import tracking
from snowmelt.sql.rewrite.context import raw
from snowmelt.sql.rewrite.names import table_name
from snowmelt.sql.rewrite.rules import engine_sql, rewrite_tree
from snowmelt.sql.statements import Delete, Insert, Merge, Truncate, Update

_SOURCE = "snowmelt_source"


def target_columns(table: Table, names: Sequence[str]) -> list[TableColumn]:
    """The columns called `names`, or all when none are given.

    Raises:
        SqlError: 000904 for a column that the table has not.
    """
    if not names:
        return list(table.columns)
    by_name = {column.name: column for column in table.columns}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise invalid_identifier(missing[0])
    return [by_name[name] for name in names]


def _plan(
    table: Table, steps: Sequence[Step], kind: StatementType, planner: Planner, counts: tuple[str, ...], *, locks: bool
) -> Plan:
    tracked = tracking.is_tracked(table)
    return Plan(
        steps=(*windows(planner), *(step for step in steps if not isinstance(step, OpenWindow))),
        kind=kind,
        writes=frozenset({table.id} if tracked else ()),
        locks=frozenset({table.id} if tracked and locks else ()),
        streams=frozenset(planner.streams_read),
        counts=counts,
    )


class Defaults(Protocol):
    """What knows the defaults of columns."""

    def default(self, table: Table, column: TableColumn) -> str | None:
        """DuckDB text of the default, or None."""
        ...


def insert_text(table: Table, columns: Sequence[TableColumn], query: str, defaults: Defaults) -> str:
    """INSERT of the rows of `query`, columns left out getting their defaults."""
    left_out = left_out_columns(table, columns, defaults)
    if left_out:
        aliases = ", ".join(f"c{i}" for i in range(len(columns)))
        values = ", ".join(text for _, text in left_out)
        query = f"SELECT d.*, {values} FROM ({query}) AS d({aliases})"
        columns = [*columns, *(column for column, _ in left_out)]
    return tracking.insert(table, columns, query)


def left_out_columns(table: Table, columns: Sequence[TableColumn], defaults: Defaults) -> list[tuple[TableColumn, str]]:
    """The columns of `table` that are not among `columns` and have a default, each with the default's text."""
    named = {column.name for column in columns}
    found = [(column, defaults.default(table, column)) for column in table.columns if column.name not in named]
    return [(column, text) for column, text in found if text is not None]


def _with_defaults(table: Table, columns: Sequence[TableColumn], values: exp.Expr, planner: Planner) -> exp.Expr:
    """VALUES in which the word DEFAULT has become the column's default.

    Raises:
        SqlError: 002020 when a row has not as many values as there are columns.
    """
    values = values.copy()
    for row in values.expressions:
        items = row.expressions if isinstance(row, exp.Tuple) else [row]
        if len(items) != len(columns):
            raise _wrong_width(len(columns), len(items))
        for column, item in zip(columns, items, strict=True):
            if _is_default(item):
                item.replace(raw(planner.default(table, column) or "NULL"))
    return values


def _is_default(item: exp.Expr) -> bool:
    return isinstance(item, exp.Var) and item.name.upper() == "DEFAULT"


def _wrong_width(expected: int, got: int) -> SqlError:
    return SqlError(
        f"SQL compilation error:\nInsert value list does not match column list expecting {expected} but got {got}",
        2020,
        "21S01",
    )


def plan_insert(statement: Insert, planner: Planner) -> Plan:
    """The plan of INSERT [OVERWRITE]."""
    table = planner.table(table_name(_table(statement.target)))
    columns = target_columns(table, statement.columns)
    source = statement.source
    if isinstance(source, exp.Values):
        source = _with_defaults(table, columns, source, planner)
    elif isinstance(source, exp.Select) and not source.is_star and len(source.expressions) != len(columns):
        raise _wrong_width(len(columns), len(source.expressions))
    steps, query = read_steps(source, planner)
    write = Write(insert_text(table, columns, query, planner))
    if statement.overwrite:
        # The source may read the table itself, so its rows are kept before the table is emptied.
        steps.append(Materialize(_SOURCE, query))
        steps += [LogImages(text) for text in tracking.delete_all(table)]
        write = Write(insert_text(table, columns, f"SELECT * FROM {_SOURCE}", planner))
    return _plan(table, [*steps, write], StatementType.INSERT, planner, ("inserted",), locks=statement.overwrite)


def plan_truncate(statement: Truncate, planner: Planner) -> Plan:
    """The plan of TRUNCATE; its rows show up as deleted in streams."""
    table = planner.table(statement.target)
    *before, last = tracking.delete_all(table)
    steps: list[Step] = [LogImages(text) for text in before]
    steps.append(LogImages(tracking.forget_loads(table)))
    return _plan(table, [*steps, Write(last)], StatementType.DELETE, planner, (), locks=True)


def plan_update(statement: Update, planner: Planner) -> Plan:
    """The plan of UPDATE ... SET ... [FROM ...] [WHERE ...]."""
    tree = statement.tree.copy()
    target = _table(tree.this)
    table = planner.table(table_name(target))
    alias = _alias(target)
    _strip_target(tree.expressions, alias)
    for assignment in tree.expressions:
        target_columns(table, [_column_name(assignment.this)])
    tree.set("this", raw(f"{tracking.physical(table)} AS {quote(alias)}"))
    steps: list[Step] = []
    if tracking.is_tracked(table):
        # An UPDATE has no images to return, so they are read first, by the same condition.
        probe = exp.Select(expressions=[exp.Star()])
        parts = [part.copy() for part in (tree.args.get("from_"), tree.args.get("where")) if part is not None]
        steps.append(LogImages(_images_of(table, alias, parts, probe, planner)))
    text = engine_sql(rewrite_tree(tree, planner))
    return _plan(table, [*steps, Write(text)], StatementType.UPDATE, planner, ("updated",), locks=True)


def _images_of(table: Table, alias: str, parts: list[exp.Expr], probe: exp.Select, planner: Planner) -> str:
    """The INSERT into the log for the rows of `table` that FROM and WHERE of an UPDATE select, each once."""
    condition = next((part.this for part in parts if isinstance(part, exp.Where)), None)
    source = next((part.this for part in parts if isinstance(part, exp.From)), None)
    test = exp.true() if condition is None else condition
    if source is None:
        where = engine_sql(rewrite_tree(test, planner))
        return tracking.log_images(table, quote(alias), f"WHERE {where}")
    inner = probe.from_(source).where(test)
    text = engine_sql(rewrite_tree(inner, planner))
    return tracking.log_images(table, quote(alias), f"WHERE EXISTS ({text})")


def plan_delete(statement: Delete, planner: Planner) -> Plan:
    """The plan of DELETE FROM ... [USING ...] [WHERE ...]: one pass that moves the rows to the log."""
    tree = statement.tree.copy()
    target = _table(tree.this)
    table = planner.table(table_name(target))
    tree.set("this", raw(f"{tracking.physical(table)} AS {quote(_alias(target))}"))
    text = engine_sql(rewrite_tree(tree, planner))
    if tracking.is_tracked(table):
        columns = f"_rid, _ins, {tracking.column_list(table.columns)}"
        text = (
            f"WITH d AS ({text} RETURNING {columns}) INSERT INTO {tracking.log_of(table)} "
            f"SELECT {tracking.LOG_NUMBER}, {tracking.TX}, * FROM d"
        )
    return _plan(table, [Write(text)], StatementType.DELETE, planner, ("deleted",), locks=True)


def plan_merge(statement: Merge, planner: Planner) -> Plan:
    """The plan of MERGE. The source is kept in a temporary relation, since it is read for the images and the merge."""
    tree = statement.tree.copy()
    target = _table(tree.this)
    table = planner.table(table_name(target))
    alias = _alias(target)
    source, source_alias = _merge_source(tree.args["using"])
    steps, query = read_steps(source, planner)
    steps.append(Materialize(_SOURCE, query))
    whens = tree.args["whens"].expressions
    for when in whens:
        _complete_when(when, table, alias, planner)
    tree.set("this", raw(f"{tracking.physical(table)} AS {quote(alias)}"))
    tree.set("using", raw(f"{_SOURCE} AS {quote(source_alias)}"))
    rewritten = rewrite_tree(tree, planner)
    if tracking.is_tracked(table):
        images = _merge_images(rewritten, table, alias, source_alias)
        if images is not None:
            steps.append(LogImages(images))
    text = engine_sql(rewritten) + " RETURNING merge_action"
    actions = {_action(when) for when in whens}
    counts = tuple(name for name in ("inserted", "updated", "deleted") if name in actions)
    return _plan(table, [*steps, Write(text, by_action=True)], StatementType.MERGE, planner, counts, locks=True)


def _merge_source(using: exp.Expr) -> tuple[exp.Expr, str]:
    """The source as a query, and the name by which the clauses call it."""
    alias = using.args.get("alias")
    if isinstance(using, exp.Table):
        plain = using.copy()
        plain.set("alias", None)
        name = fold(alias.this.sql(dialect="snowflake")) if alias is not None else table_name(using).name
        return exp.Select(expressions=[exp.Star()]).from_(plain), name
    if isinstance(using, exp.Subquery):
        return using.this, fold(alias.this.sql(dialect="snowflake")) if alias is not None else "SOURCE"
    raise unsupported(f"MERGE source {using.key}")


def _action(when: exp.When) -> str:
    then = when.args["then"]
    if isinstance(then, exp.Insert):
        return "inserted"
    if isinstance(then, exp.Update):
        return "updated"
    if isinstance(then, exp.Var) and then.name.upper() == "DELETE":
        return "deleted"
    raise syntax_error(f"unexpected '{then.sql(dialect='snowflake')}'")


def _complete_when(when: exp.When, table: Table, alias: str, planner: Planner) -> None:
    """Make a clause ready for the engine: inserted rows carry the transaction's number, targets lose their prefix."""
    then = when.args["then"]
    match _action(when):
        case "inserted":
            named = then.this.expressions if then.this is not None else []
            columns = target_columns(table, [_column_name(item) for item in named])
            values = then.expression.expressions if then.expression is not None else []
            if len(values) != len(columns):
                raise _wrong_width(len(columns), len(values))
            values = [
                raw(planner.default(table, column) or "NULL") if _is_default(value) else value
                for column, value in zip(columns, values, strict=True)
            ]
            left_out = left_out_columns(table, columns, planner)
            columns = [*columns, *(column for column, _ in left_out)]
            values += [raw(text) for _, text in left_out]
            identifiers = [exp.column(exp.to_identifier(column.name, quoted=True)) for column in columns]
            if tracking.is_tracked(table):
                identifiers = [exp.column(exp.to_identifier("_ins", quoted=True)), *identifiers]
                values = [raw(tracking.TX), *values]
            then.set("this", exp.Tuple(expressions=identifiers))
            then.set("expression", exp.Tuple(expressions=values))
        case "updated":
            _strip_target(then.expressions, alias)
            for assignment in then.expressions:
                target_columns(table, [_column_name(assignment.this)])
        case _:
            when.set("then", exp.Var(this="DELETE"))


def _merge_images(tree: exp.Expr, table: Table, alias: str, source_alias: str) -> str | None:
    """The INSERT into the log for all rows that the (rewritten) MERGE will update or delete."""
    fires: list[exp.Expr] = []
    for when in tree.args["whens"].expressions:
        if when.args.get("matched"):
            fires.append(when.args.get("condition") or exp.true())
        elif when.args.get("source"):
            raise unsupported("WHEN NOT MATCHED BY SOURCE")
    if not fires:
        return None
    fired = " OR ".join(f"({engine_sql(condition)})" for condition in fires)
    on = engine_sql(tree.args["on"])
    return tracking.log_images(
        table,
        quote(alias),
        f"WHERE EXISTS (SELECT 1 FROM {_SOURCE} AS {quote(source_alias)} WHERE ({on}) AND ({fired}))",
    )


# --- parts of trees --------------------------------------------------------------------------------------------------


def _table(node: exp.Expr) -> exp.Table:
    if isinstance(node, exp.Schema):
        node = node.this
    if not isinstance(node, exp.Table):
        raise syntax_error(f"unexpected '{node.sql(dialect='snowflake')}'")
    return node


def _alias(table: exp.Table) -> str:
    alias = table.args.get("alias")
    return fold(alias.this.sql(dialect="snowflake")) if alias is not None else table_name(table).name


def _column_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Column):
        node = node.this
    return fold(node.sql(dialect="snowflake"))


def _strip_target(assignments: Sequence[exp.Expr], alias: str) -> None:
    """``t.a = 1`` to ``a = 1``: the engine wants bare columns on the left.

    Raises:
        SqlError: 000904 when the column belongs to another table.
    """
    for assignment in assignments:
        if not isinstance(assignment, exp.EQ):
            raise syntax_error(f"unexpected '{assignment.sql(dialect='snowflake')}'")
        column = assignment.this
        if isinstance(column, exp.Column) and column.args.get("table") is not None:
            prefix = column.args["table"]
            if fold(prefix.sql(dialect="snowflake")) != alias:
                raise invalid_identifier(column.sql(dialect="snowflake").upper())
            assignment.set("this", exp.column(column.this.copy()))
