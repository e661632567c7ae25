"""CREATE OR ALTER TABLE of a table that is there: the steps of ALTER TABLE that lead to the definition.

Source: docs.snowflake.com/en/sql-reference/sql/create-table#create-or-alter-table
"""

from __future__ import annotations

import dataclasses

from snowmelt.base.errors import unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.objects import Table, TableColumn
from snowmelt.session.alter_table import Alteration, added, carry_out, dropped, tracking_change
from snowmelt.session.column_changes import changed_column
from snowmelt.session.columns import check_names, finished
from snowmelt.session.constraints import with_constraints
from snowmelt.session.session import Session
from snowmelt.sql.statements import AlterTable, CreateTable


def create_or_alter(session: Session, table: Table, statement: CreateTable, request: Request) -> Result:
    """Alter `table` to what the statement defines; rows of columns that stay are kept.

    Raises:
        SqlError: 002108 and others for a change that ALTER TABLE does not allow either; then nothing is changed.
    """
    if statement.durability is not table.durability:
        raise unsupported("CREATE OR ALTER TABLE that makes a table permanent, transient or temporary")
    check_names(statement.columns)
    done = Alteration(dataclasses.replace(table, constraints=()))
    wanted = {column.name: column for column in statement.columns}
    gone = tuple(column.name for column in table.columns if column.name not in wanted)
    present = {column.name for column in table.columns}
    new = tuple(column for column in statement.columns if column.name not in present)
    # Columns come before they go, so that a table whose columns are all others is never without one.
    action = AlterTable(name=statement.name, action="ADD COLUMN", value=new)
    done = _then(done, added(session, done.table, action, new, request))
    done = _then(done, dropped(done.table, gone))
    for column in table.columns:
        if column.name in wanted:
            done = _changed(session, done, column, wanted[column.name], request)
    result = dataclasses.replace(
        done.table,
        comment=statement.comment,
        cluster_by=statement.cluster_by,
        # Left out, it stays: streams switch it on without a word of it in any definition.
        **({} if statement.change_tracking is None else tracking_change(session, table, statement.change_tracking)),
        retention_days=statement.retention_days,
        extension_days=statement.extension_days,
    )
    result = with_constraints(session, result, statement.constraints)
    carry_out(session, table, dataclasses.replace(done, table=result))
    return status_result("Statement executed successfully.")


def _changed(session: Session, done: Alteration, old: TableColumn, new: TableColumn, request: Request) -> Alteration:
    changes: list[tuple[str, object]] = []
    if new.type != old.type:
        changes.append(("SET DATA TYPE", new.type))
    if new.nullable != old.nullable:
        changes.append(("DROP NOT NULL" if new.nullable else "SET NOT NULL", None))
    if new.comment != old.comment:
        changes.append(("COMMENT", new.comment))
    (definition,) = finished(session, (new,), request)
    if (new.identity is None) != (old.identity is None):
        raise unsupported("CREATE OR ALTER TABLE that changes AUTOINCREMENT")
    if definition.default != old.default:
        changes.append(("DROP DEFAULT", None) if definition.default is None else ("SET DEFAULT", definition.default))
    for change, argument in changes:
        step = changed_column(session, done.table, old.name, change, argument, request)
        done = _then(done, Alteration(step.table, step.both, step.rows_only))
    return done


def _then(first: Alteration, second: Alteration) -> Alteration:
    return Alteration(
        second.table,
        (*first.both, *second.both),
        (*first.rows_only, *second.rows_only),
        (*first.before, *second.before),
        (*first.after, *second.after),
    )
