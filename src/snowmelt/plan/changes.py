"""UPDATE, DELETE and MERGE to plans: one query stages what happens to which row, then the changes are carried out.

Source: docs.snowflake.com/en/sql-reference/sql/update, .../delete, .../merge
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlglot import exp

from snowmelt.base.errors import invalid_identifier, syntax_error, unsupported
from snowmelt.base.result import StatementType
from snowmelt.catalog.names import engine_quote
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.plan.direct_merge import UNSETTLED, Clause, direct_merge
from snowmelt.plan.dml import (
    as_column,
    dml_plan,
    duplicate_column,
    is_default,
    left_out_columns,
    row_source,
    target_columns,
    target_table,
    wrong_width,
)
from snowmelt.plan.models import extract_models
from snowmelt.plan.query import Planner
from snowmelt.plan.steps import LogImages, Plan, Stage, Step, Write
from snowmelt.sql import changes, tracking
from snowmelt.sql.pending import Pending, relation
from snowmelt.sql.rewrite.context import goes_by, raw, raw_target
from snowmelt.sql.rewrite.names import folded, table_name
from snowmelt.sql.rewrite.rules import engine_sql, rewrite, rewrite_tree
from snowmelt.sql.statements import Delete, Merge, Update

_CLAUSE, _ACT, _RID, _INS = "SNOWMELT_CLAUSE", "SNOWMELT_ACT", "SNOWMELT_RID", "SNOWMELT_INS"
MULTI_JOINED = "number of multi-joined rows updated"


# --- UPDATE ----------------------------------------------------------------------------------------------------------


def plan_update(statement: Update, planner: Planner) -> Plan:
    """The plan of UPDATE ... SET ... [FROM ...] [WHERE ...]."""
    tree = statement.tree.copy()
    table, alias = _target(tree.this, planner)
    pending = planner.pending(table)
    assignments = _assignments(tree.expressions, table, alias, planner)
    places = [table.columns.index(column) for column in assignments]
    strict = bool(planner.parameter("ERROR_ON_NONDETERMINISTIC_UPDATE"))
    counts = update_counts(planner.parameter)
    joined = tree.args.get("from_") is not None
    if pending is None and not joined and _is_settled(tree.args.get("where")):
        direct = _direct_update(tree, table, alias, assignments, planner)
        return dml_plan([table], direct, StatementType.UPDATE, planner, counts, touches=True)
    source = tree.args["from_"].this if joined else None
    old = _imaged(table, pending, {"updated"}, assignments)
    query = _staging(
        table, alias, pending, changes.UPDATED, old, [*assignments.values()], source, tree.args.get("where")
    )
    steps: list[Step] = list(extract_models(query, planner))
    steps.append(
        Stage(
            changes.stage(table, old, places, rewrite(query, planner)),
            changes.COUNTS_AND_TWICE if joined else changes.COUNTS,
            check=changes.ambiguous(table, pending, deletes_agree=False) if joined else None,
            strict=strict,
            single=changes.KEEP_ONE,
            counts_double=True,
        )
    )
    steps += _carry_out(table, pending, {"updated"}, old, list(assignments))
    return dml_plan([table], steps, StatementType.UPDATE, planner, counts, touches=True)


def update_counts(parameter: Callable[[str], Any]) -> tuple[str, ...]:
    """What an UPDATE counts: where several joined rows are an error, there is nothing to say of them."""
    return ("updated",) if parameter("ERROR_ON_NONDETERMINISTIC_UPDATE") else ("updated", MULTI_JOINED)


def _is_settled(where: exp.Expr | None) -> bool:
    """Whether a condition finds the same rows when it is asked twice."""
    return where is None or where.find(*UNSETTLED) is None


def _direct_update(
    tree: exp.Expr, table: Table, alias: str, assignments: dict[TableColumn, exp.Expr], planner: Planner
) -> list[Step]:
    """UPDATE of one table where each statement commits: the rows are read for the log, then changed, with nothing kept
    in between.
    """
    query = exp.Select(
        expressions=[_named(value, f"n{i}") for i, value in enumerate(assignments.values())],
        from_=exp.From(this=row_source(table, alias, tracking.rows(table))),
    )
    query.set("where", tree.args.get("where"))
    done = rewrite_tree(query, planner)
    place = f"{tracking.physical(table)} AS {engine_quote(alias)}"
    where = done.args.get("where")
    condition = "" if where is None else " " + engine_sql(where)
    values = ", ".join(
        f"{engine_quote(column.name)} = {tracking.fitted(column, engine_sql(value.this))}"
        for column, value in zip(assignments, done.expressions, strict=True)
    )
    steps: list[Step] = []
    if tracking.is_tracked(table):
        logged = changes.log_rows(table, engine_quote(alias), tracking.imaged(table, assignments))
        # The order gathers what is found, a few rows in each block of the table, before it is written.
        steps.append(LogImages(f"{logged} FROM {place}{condition} ORDER BY {engine_quote(alias)}._rid"))
    return [*steps, Write(f"UPDATE {place} SET {values}{condition}", "updated")]


def _staging(
    table: Table,
    alias: str,
    pending: Pending | None,
    action: int,
    old: Sequence[int],
    new: Sequence[exp.Expr],
    source: exp.Expr | None,
    where: exp.Expr | None,
) -> exp.Select:
    """The query that stages an UPDATE or DELETE: the row as it is, then the new values."""
    values = [_named(value, f"n{i}") for i, value in enumerate(new)]
    query = exp.Select(
        expressions=[_named(raw(str(action)), _ACT), *_old(table, alias, old), *values],
        from_=exp.From(this=row_source(table, alias, relation(table, pending, hidden=True))),
    )
    if source is not None:
        query.append("joins", exp.Join(this=source.copy()))
    if where is not None:
        query.set("where", where.copy())
    return query


# --- DELETE ----------------------------------------------------------------------------------------------------------


def plan_delete(statement: Delete, planner: Planner) -> Plan:
    """The plan of DELETE FROM ... [USING ...] [WHERE ...]; where each statement commits, one pass moves the rows to
    the log.
    """
    tree = statement.tree.copy()
    table, alias = _target(tree.this, planner)
    pending = planner.pending(table)
    if pending is not None:
        steps = _staged_delete(tree, table, alias, pending, planner)
        return dml_plan([table], steps, StatementType.DELETE, planner, ("deleted",), touches=True)
    target = raw_target(f"{tracking.physical(table)} AS {engine_quote(alias)}", alias, table.columns)
    if alias == table.name:
        goes_by(target, table.full_name)
    tree.set("this", target)
    text = engine_sql(rewrite_tree(tree, planner))
    if tracking.is_tracked(table):
        columns = f"_rid, _ins, {tracking.column_list(table.columns)}"
        text = f"WITH d AS ({text} RETURNING {columns}) {changes.log_head(table, range(len(table.columns)))} * FROM d"
    steps = [Write(text, "deleted")]
    return dml_plan([table], steps, StatementType.DELETE, planner, ("deleted",), touches=True)


def _staged_delete(tree: exp.Expr, table: Table, alias: str, pending: Pending, planner: Planner) -> list[Step]:
    using = tree.args.get("using") or []
    old = range(len(table.columns))
    query = _staging(
        table, alias, pending, changes.DELETED, old, [], using[0] if using else None, tree.args.get("where")
    )
    for other in using[1:]:
        query.append("joins", exp.Join(this=other.copy()))
    stage = Stage(
        changes.stage(table, old, (), rewrite(query, planner)),
        changes.COUNTS_AND_TWICE if using else changes.COUNTS,
        single=changes.KEEP_ONE,
    )
    return [stage, *_carry_out(table, pending, {"deleted"}, old, [])]


# --- MERGE -----------------------------------------------------------------------------------------------------------


def plan_merge(statement: Merge, planner: Planner, *, staged: bool = False) -> Plan:
    """The plan of MERGE: the source joined with the table, and for each pair the first clause that applies.

    Args:
        staged: by way of staged rows in any case, as the source has several rows for one row of the table.
    """
    tree = statement.tree.copy()
    table, alias = _target(tree.this, planner)
    pending = planner.pending(table)
    whens = tree.args["whens"].expressions
    source_alias = _source_alias(tree.args["using"])
    clauses = [_clause(when, table, alias, source_alias, planner) for when in whens]
    names = [action for action, _ in clauses]
    counts = tuple(name for name in ("inserted", "updated", "deleted") if name in names)
    direct = None if staged or pending is not None else direct_merge(tree, table, alias, clauses, planner)
    if direct is not None:
        return dml_plan([table], [direct], StatementType.MERGE, planner, counts, touches=True)
    updated = _given(table, clauses, ("updated",))
    assigned = [table.columns[i] for i in updated]
    old = _imaged(table, pending, names, assigned)
    query = _merge_query(tree, table, alias, clauses, old, pending)
    steps: list[Step] = list(extract_models(query, planner))
    places = _given(table, clauses, changes.ACTIONS)
    text = _merged(rewrite(query, planner), table, clauses, old, places)
    changes_rows = any(name != "inserted" for name in names)
    steps.append(
        Stage(
            changes.stage(table, old, places, text),
            changes.COUNTS_AND_TWICE if changes_rows else changes.COUNTS,
            check=changes.ambiguous(table, pending, deletes_agree=True) if changes_rows else None,
            strict=bool(planner.parameter("ERROR_ON_NONDETERMINISTIC_MERGE")),
            single=changes.KEEP_ONE,
        )
    )
    inserted = [table.columns[i] for i in _given(table, clauses, ("inserted",))]
    steps += _carry_out(table, pending, set(names), old, assigned, inserted)
    return dml_plan([table], steps, StatementType.MERGE, planner, counts, touches=True)


def _given(table: Table, clauses: Sequence[Clause], actions: Collection[str]) -> list[int]:
    """The positions of the columns that some clause with one of `actions` gives a value to."""
    found = {column for action, values in clauses if action in actions for column in values}
    return [i for i, column in enumerate(table.columns) if column in found]


def _merge_query(
    tree: exp.Expr,
    table: Table,
    alias: str,
    clauses: Sequence[Clause],
    old: Sequence[int],
    pending: Pending | None,
) -> exp.Select:
    """The query over the joined pairs: number of the clause, the old row, each clause's new values."""
    found = f"{engine_quote(alias)}._rid IS NOT NULL"
    tests = []
    for number, when in enumerate(tree.args["whens"].expressions):
        test = raw(found) if when.args.get("matched") else raw(f"NOT ({found})")
        condition = when.args.get("condition")
        both = test if condition is None else exp.and_(test, exp.paren(condition.copy()))
        tests.append(exp.If(this=both, true=exp.Literal.number(number)))
    clause = _named(exp.Case(ifs=tests), _CLAUSE)
    new = [
        _named(_where_given(clauses[numbers[0]][1][column], numbers, len(clauses)), name)
        for position, column in enumerate(table.columns)
        for name, numbers in _new_values(position, column, clauses)
    ]
    source: exp.Expr = tree.args["using"].copy()
    query = exp.Select(expressions=[clause, *_old(table, alias, old), *new], from_=exp.From(this=source))
    target = row_source(table, alias, relation(table, pending, hidden=True))
    query.append("joins", exp.Join(this=target, side="LEFT", on=tree.args["on"].copy()))
    query.set("where", exp.Where(this=raw(f"{_CLAUSE} IS NOT NULL")))
    return query


def _new_values(position: int, column: TableColumn, clauses: Sequence[Clause]) -> list[tuple[str, list[int]]]:
    """The values that clauses give to a column, each by the name that it has in `_merge_query`, with the numbers of the
    clauses that give it: an upsert says the same twice, and is to compute it once."""
    found: list[tuple[exp.Expr, list[int]]] = []
    for number, (_, values) in enumerate(clauses):
        if column not in values:
            continue
        same = next((numbers for value, numbers in found if value == values[column]), None)
        if same is None:
            found.append((values[column], [number]))
        else:
            same.append(number)
    return [(f"c{numbers[0]}_{position}", numbers) for _, numbers in found]


def _where_given(value: exp.Expr, numbers: Sequence[int], clauses: int) -> exp.Expr:
    """A value that is computed for the pairs of some clauses only: for those of others it may be an error."""
    if len(numbers) == clauses:
        return value.copy()
    given = raw(" OR ".join(f"{_CLAUSE} = {number}" for number in numbers))
    return exp.Case(ifs=[exp.If(this=given, true=value)])


def _merged(query: str, table: Table, clauses: Sequence[Clause], old: Sequence[int], places: Sequence[int]) -> str:
    """What `_merge_query` finds, as rows to stage; the columns `old` are kept, `places` get values."""

    def case(values: Sequence[str]) -> str:
        parts = " ".join(f"WHEN {number} THEN {value}" for number, value in enumerate(values))
        return f"CASE {_CLAUSE} {parts} END"

    def value(position: int, column: TableColumn) -> str:
        found = {
            number: _as_type(name, column)
            for name, numbers in _new_values(position, column, clauses)
            for number in numbers
        }
        kept = {i: f"o{position}" for i, (action, _) in enumerate(clauses) if action == "updated" and position in old}
        values = kept | found
        if len(set(values.values())) == 1 and len(found) == len(values):
            # It is null for the other clauses as it is.
            return next(iter(values.values()))
        return case([values.get(i, f"CAST(NULL AS {column.type.duckdb})") for i in range(len(clauses))])

    actions = case([str(changes.ACTIONS[action]) for action, _ in clauses])
    new = [value(i, table.columns[i]) for i in places]
    return f"SELECT {', '.join([actions, _RID, _INS, *(f'o{i}' for i in old), *new])} FROM ({query})"


def _as_type(name: str, column: TableColumn) -> str:
    timed = tracking.as_time(column.type, name)
    return f"CAST({name} AS {column.type.duckdb})" if timed == name else timed


def _clause(when: exp.When, table: Table, alias: str, source: str, planner: Planner) -> Clause:
    """What a WHEN clause does.

    Raises:
        SqlError: 000002 for NOT MATCHED BY SOURCE, 001003 for what is no action, 002020 for a wrong number of values.
    """
    if when.args.get("source"):
        raise unsupported("WHEN NOT MATCHED BY SOURCE")
    then, matched = when.args["then"], bool(when.args.get("matched"))
    by_name: dict[TableColumn, exp.Expr] = {}
    for column in table.columns:
        name = exp.to_identifier(column.name, quoted=True)
        value = exp.column(name, table=exp.to_identifier(source, quoted=True))
        by_name[column] = value if column.type.parts is None else as_column(column, value)
    if isinstance(then, exp.Insert) and not matched and (then.this or then.expression):
        if isinstance(then.this, exp.Star):
            return "inserted", by_name
        return "inserted", _inserted(then, table, planner)
    if isinstance(then, exp.Update) and matched:
        if any(isinstance(item, exp.Star) for item in then.expressions):
            return "updated", by_name
        return "updated", _assignments(then.expressions, table, alias, planner)
    if isinstance(then, exp.Var) and then.name.upper() == "DELETE" and matched:
        return "deleted", {}
    raise syntax_error(f"unexpected '{then.sql(dialect='snowflake')}'")


def _inserted(then: exp.Insert, table: Table, planner: Planner) -> dict[TableColumn, exp.Expr]:
    named = then.this.expressions if then.this is not None else []
    columns = target_columns(table, [_column_name(item) for item in named])
    values = then.expression.expressions if then.expression is not None else []
    if len(values) != len(columns):
        raise wrong_width(len(columns), len(values))
    found: dict[TableColumn, exp.Expr] = {}
    for column, value in zip(columns, values, strict=True):
        found[column] = raw(planner.default(table, column) or "NULL") if is_default(value) else as_column(column, value)
    return found | {column: raw(text) for column, text in left_out_columns(table, columns, planner)}


def _source_alias(using: exp.Expr) -> str:
    """The name by which the clauses call the source."""
    alias = using.args.get("alias")
    if alias is not None and alias.this is not None:
        return folded(alias.this)
    return table_name(using).name if isinstance(using, exp.Table) else ""


# --- what the three share --------------------------------------------------------------------------------------------


_REMOVED = frozenset({"updated", "deleted"})


def _carry_out(
    table: Table,
    pending: Pending | None,
    actions: Collection[str],
    old: Sequence[int],
    assigned: Sequence[TableColumn],
    inserted: Sequence[TableColumn] = (),
) -> list[Step]:
    """The steps that keep the images of staged rows and then change them, each only if there are such rows."""
    steps: list[Step] = []
    if any(action != "inserted" for action in actions):
        logged = changes.log_staged(table, old, pending)
        if logged is not None:
            steps.append(LogImages(logged, needs=_REMOVED))
    if "deleted" in actions or (pending is not None and "updated" in actions):
        steps.append(Write(changes.delete_staged(table, pending), needs=_REMOVED))
    if "updated" in actions:
        steps.append(Write(changes.update_staged(table, assigned, pending), needs=frozenset({"updated"})))
    if "inserted" in actions:
        steps.append(Write(changes.insert_staged(table, inserted, pending), needs=frozenset({"inserted"})))
    return steps


def _target(node: exp.Expr, planner: Planner) -> tuple[Table, str]:
    """The table that a statement changes, and the name by which the statement calls it."""
    named = target_table(node)
    name = table_name(named)
    alias = named.args.get("alias")
    return planner.table(name), folded(alias.this) if alias is not None else name.name


def _imaged(
    table: Table, pending: Pending | None, actions: Collection[str], assigned: Collection[TableColumn]
) -> Sequence[int]:
    """The positions of the columns that images of changed rows have to hold. What an explicit transaction has not
    committed is kept as whole rows.
    """
    whole = pending is not None or "updated" not in actions or "deleted" in actions
    return range(len(table.columns)) if whole else tracking.imaged(table, assigned)


def _old(table: Table, alias: str, places: Sequence[int]) -> list[exp.Expr]:
    prefix = engine_quote(alias)
    columns = [_named(raw(f"{prefix}.{engine_quote(table.columns[i].name)}"), f"o{i}") for i in places]
    return [_named(raw(f"{prefix}._rid"), _RID), _named(raw(f"{prefix}._ins"), _INS), *columns]


def _named(value: exp.Expr, name: str) -> exp.Expr:
    # In capitals, for which the engine has no other name; it finds them by small letters too. The alias is around the
    # value: `alias_` would put that of a subquery into it.
    return exp.Alias(this=value.copy(), alias=exp.to_identifier(name.upper(), quoted=True))


def _column_name(node: exp.Expr) -> str:
    return folded(node.this if isinstance(node, exp.Column) else node)


def _is_of(column: exp.Column, table: Table, alias: str) -> bool:
    """Whether what stands before a column's name means the table that a statement changes."""
    prefix = [folded(part) for part in column.parts[:-1]]
    if len(prefix) < 2:
        return prefix in ([], [alias])
    name = table.full_name
    return alias == name.name and [name.database, name.schema, name.name][-len(prefix) :] == prefix


def _assignments(items: Sequence[exp.Expr], table: Table, alias: str, planner: Planner) -> dict[TableColumn, exp.Expr]:
    """The columns that ``SET a = 1, t.b = 2`` names, with their new values.

    Raises:
        SqlError: 000904 for a column that the table has not, or that belongs to another; 002025 for one that is named
            twice.
    """
    found: dict[TableColumn, exp.Expr] = {}
    for item in items:
        if not isinstance(item, exp.EQ):
            raise syntax_error(f"unexpected '{item.sql(dialect='snowflake')}'")
        column = item.this
        if isinstance(column, exp.Column) and not _is_of(column, table, alias):
            raise invalid_identifier(column.sql(dialect="snowflake").upper())
        (known,) = target_columns(table, [_column_name(column)])
        if known in found:
            raise duplicate_column(known.name)
        default = planner.default(table, known) or "NULL" if is_default(item.expression) else None
        found[known] = as_column(known, item.expression) if default is None else raw(default)
    return found
