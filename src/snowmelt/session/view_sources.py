"""Views whose changes are asked for: their queries down to the tables.

Source: docs.snowflake.com/en/user-guide/streams-intro#streams-on-views
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowmelt.base.errors import SqlError, object_missing
from snowmelt.catalog.catalog import Scope
from snowmelt.catalog.objects import Function, Table, View
from snowmelt.sql import tracking, view_trees
from snowmelt.sql.parse import parse_query
from snowmelt.sql.rewrite.names import table_name
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.sql.view_deltas import ViewQuery

if TYPE_CHECKING:
    from snowmelt.session.planner import SessionPlanner
    from snowmelt.session.session import Session

_MAX_DEPTH = 64


def view_query(planner: SessionPlanner, view: View) -> ViewQuery:
    """The query of a view down to its tables.

    Raises:
        SqlError: 091926 when its changes cannot be told.
    """
    leaves: list[Table] = []
    tree = _expanded(planner.session, view, leaves, 0)
    view_trees.check(tree)
    _check_functions(planner.session, tree)
    branches = view_trees.branches(tree)
    view_trees.carry(tree, range(len(leaves)))
    inner = planner.beside(view.query, Scope(view.full_name.database, view.full_name.schema))
    text = rewrite(tree, inner)
    planner.take(inner)
    return ViewQuery(view, text, tuple(leaves), tuple(branches[i] for i in range(len(leaves))))


def base_tables(session: Session, view: View) -> tuple[Table, ...]:
    """The tables below a view whose changes can be told.

    Raises:
        SqlError: 091926.
    """
    leaves: list[Table] = []
    tree = _expanded(session, view, leaves, 0)
    view_trees.check(tree)
    _check_functions(session, tree)
    return tuple({table.id: table for table in leaves}.values())


def _expanded(session: Session, view: View, leaves: list[Table], depth: int) -> exp.Query:
    """The query of a view with the views in it put in; its tables are added to `leaves`."""
    if depth > _MAX_DEPTH:
        raise SqlError(f"SQL compilation error:\nView '{view.name}' is nested too deeply.", 2037, "42601")
    scope = Scope(view.full_name.database, view.full_name.schema)
    holder = exp.Tuple(expressions=[parse_query(view.query)])
    holder.set("expressions", [view_trees.inline(holder.expressions[0])])
    for table in list(holder.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            raise view_trees.untrackable("on stages and table functions")
        if table.args.get("when") or table.args.get("changes"):
            raise view_trees.untrackable("with time travel")
        found = session.relation(scope.full(table_name(table)))
        match found:
            case None:
                raise object_missing("Object", str(table_name(table)))
            case Table() if tracking.is_tracked(found):
                view_trees.put_leaf(table, len(leaves), found)
                leaves.append(found)
            case View():
                query = _expanded(session, found, leaves, depth + 1)
                view_trees.put_query(table, query, found.name, [column.name for column in found.columns])
            case _:
                raise view_trees.untrackable("on streams, temporary tables and event tables")
    tree: exp.Query = holder.expressions[0]
    return tree.pop()


def _check_functions(session: Session, tree: exp.Expr) -> None:
    """Only functions of the system may be used."""
    names = {node.name for node in tree.find_all(exp.Anonymous)}
    own = {item.name for item in session.services.engine.catalog.all(Function)}
    for name in names:
        if name.upper() in own or name in own:
            raise view_trees.untrackable(f"containing the function '{name.upper()}'")
