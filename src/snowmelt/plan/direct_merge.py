"""MERGE without anything kept in between: the images of the rows that will change go to the log, then the engine's own
MERGE changes them. The source is joined with the table twice for that, so it must have the same rows both times.

Source: docs.snowflake.com/en/sql-reference/sql/merge
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.plan.dml import row_source
from snowmelt.plan.query import Planner
from snowmelt.plan.steps import Direct
from snowmelt.sql import changes, numbering, tracking
from snowmelt.sql.rewrite.names import table_name
from snowmelt.sql.rewrite.rules import engine_sql, rewrite_tree

Clause = tuple[str, dict[TableColumn, exp.Expr]]
"""What a WHEN clause does (a count's name), and the new values of columns."""

UNSETTLED = (
    *(exp.Rand, exp.Randn, exp.Uuid, exp.Uniform, exp.Normal, exp.Zipf, exp.Randstr),
    *(exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8),
    *(exp.Anonymous, exp.TableSample, exp.Limit, exp.ModelAttribute),
)
"""What need not find the same rows when it is asked twice: numbers drawn, numbers by the order in which rows happen to
come, functions that nothing is known of, some of many rows.
"""

_SEVERAL = (exp.AggFunc, exp.Window, exp.Query, exp.Dot)
"""What an expression reads besides its own row; and sequences."""

_PLAIN_SELECT = {"expressions", "from_", "where", "kind", "hint"}
_PLAIN_TABLE = {"this", "db", "catalog", "alias"}


def direct_merge(
    tree: exp.Expr, table: Table, alias: str, clauses: Sequence[Clause], planner: Planner
) -> Direct | None:
    """The step that carries out a MERGE in this way; None for one that does not lend itself to it."""
    whens = tree.args["whens"].expressions
    removing = {action for action, _ in clauses} - {"inserted"}
    if len(removing) != 1 or not tracking.is_tracked(table) or not _is_plain_source(tree.args["using"], planner):
        return None
    conditions = [when.args.get("condition") for when in whens]
    values = [value for _, given in clauses for value in given.values()]
    if not all(_is_settled(each) for each in (tree.args["on"], *conditions, *values) if each is not None):
        return None
    if any(isinstance(each, exp.Var) and numbering.takes_number(each.name) for each in values):
        # One would be taken for each row of the source.
        return None
    # Conditions stay in a place for conditions, for which rules may have words of their own.
    tests = [exp.Case(ifs=[exp.If(this=each.copy(), true=exp.true())]) for each in conditions if each is not None]
    query = exp.Select(
        expressions=[exp.alias_(each.copy(), f"V{i}", quoted=True) for i, each in enumerate((*tests, *values))],
        from_=exp.From(this=tree.args["using"].copy()),
    )
    query.append("joins", exp.Join(this=row_source(table, alias, _rows(table)), side="LEFT", on=tree.args["on"].copy()))
    done = rewrite_tree(query, planner)
    if not _kept_shape(done, len(tests), len(values)):
        return None
    return _step(done, table, alias, conditions, clauses, removing.pop())


def _rows(table: Table) -> str:
    return f"SELECT _rid, _ins, {tracking.column_list(table.columns)} FROM {tracking.physical(table)}"


def _kept_shape(done: exp.Expr, tests: int, values: int) -> bool:
    """Whether the rules have left a query as it was, one join and nothing around it, so that its parts can be taken."""
    present = {name for name, value in done.args.items() if value}
    return (
        isinstance(done, exp.Select)
        and present <= {"expressions", "from_", "joins"}
        and len(done.args["joins"]) == 1
        and len(done.expressions) == tests + values
        and all(isinstance(each.this, exp.Case) for each in done.expressions[:tests])
    )


def _step(
    done: exp.Expr,
    table: Table,
    alias: str,
    conditions: Sequence[exp.Expr | None],
    clauses: Sequence[Clause],
    removing: str,
) -> Direct:
    source = engine_sql(done.args["from_"].this)
    on = engine_sql(done.args["joins"][0].args["on"])
    texts = iter(done.expressions)
    tests = ["" if each is None else f"({engine_sql(next(texts).this.args['ifs'][0].this)})" for each in conditions]
    whens = []
    for test, (action, given) in zip(tests, clauses, strict=True):
        values = {column: tracking.fitted(column, engine_sql(next(texts).this)) for column in given}
        head = f"WHEN {'NOT ' if action == 'inserted' else ''}MATCHED"
        whens.append(f"{head}{test and f' AND {test}'} THEN {_ACTIONS[action](values)}")
    target = f"{tracking.physical(table)} AS {engine_quote(alias)}"
    removed = [test for test, (action, _) in zip(tests, clauses, strict=True) if action == removing]
    where = "" if "" in removed else f" WHERE {' OR '.join(removed)}"
    assigned = {column for action, given in clauses if action == "updated" for column in given}
    held = tracking.imaged(table, assigned) if removing == "updated" else range(len(table.columns))
    return Direct(
        log=f"{changes.log_rows(table, engine_quote(alias), held)} FROM {source} JOIN {target} ON {on}{where}",
        logged=changes.logged_now(table),
        write=f"MERGE INTO {target} USING {source} ON {on} {' '.join(whens)}",
        removing=removing,
    )


def _update(values: dict[TableColumn, str]) -> str:
    return f"UPDATE SET {', '.join(f'{engine_quote(column.name)} = {text}' for column, text in values.items())}"


def _insert(values: dict[TableColumn, str]) -> str:
    return f"INSERT (_ins, {tracking.column_list([*values])}) VALUES ({', '.join([tracking.TX, *values.values()])})"


_ACTIONS: dict[str, Callable[[dict[TableColumn, str]], str]] = {
    "updated": _update,
    "inserted": _insert,
    "deleted": lambda values: "DELETE",
}


def _is_plain_source(source: exp.Expr, planner: Planner) -> bool:
    """Whether each row of a source is made of one row of a table, or written out: it costs little to read it twice, and
    it is the same both times.
    """
    present = {name for name, value in source.args.items() if value}
    match source:
        case exp.Table():
            return present <= _PLAIN_TABLE and isinstance(source.this, exp.Identifier) and _is_table(source, planner)
        case exp.Values():
            return all(_is_settled(each) for each in source.expressions)
        case exp.Subquery():
            return present <= {"this", "alias"} and _is_plain_source(source.this, planner)
        case exp.Select():
            read = source.args.get("from_")
            where = source.args.get("where")
            settled = all(_is_settled(each) for each in (*source.expressions, *([] if where is None else [where.this])))
            return settled and present <= _PLAIN_SELECT and read is not None and _is_plain_source(read.this, planner)
        case _:
            return False


def _is_table(source: exp.Table, planner: Planner) -> bool:
    try:
        return not planner.table(table_name(source)).is_event
    except SqlError:
        return False


def _is_settled(expression: exp.Expr) -> bool:
    """Whether an expression is the same for the same row whenever it is asked."""
    return expression.find(*UNSETTLED, *_SEVERAL) is None and not any(
        column.name.upper() == "NEXTVAL" for column in expression.find_all(exp.Column)
    )
