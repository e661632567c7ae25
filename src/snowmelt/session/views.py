"""CREATE VIEW, and what a view's name means in a query.

A view keeps its query as text and the names of its columns as they were; both are held against each other whenever
the view is used.

Source: docs.snowflake.com/en/user-guide/views-introduction
"""

from __future__ import annotations

import dataclasses

from snowmelt.base.errors import SqlError
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.objects import TableColumn, View
from snowmelt.session.columns import check_names, check_star
from snowmelt.session.definitions import create_object, is_temporary, replace_object
from snowmelt.session.queries import describe_query
from snowmelt.session.session import Session
from snowmelt.sql.statements import CreateView


def create_view(session: Session, statement: CreateView, request: Request) -> Result:
    """CREATE VIEW; CREATE OR ALTER keeps the identity of a view that is there."""
    described = describe_query(session, statement.query, request)
    names = statement.columns or tuple(column.name for column in described)
    if len(names) != len(described):
        raise SqlError("SQL compilation error:\nInvalid column definition list", 2026, "42601")
    comments = statement.column_comments or ("",) * len(names)
    columns = tuple(
        TableColumn(name, column.type, comment=comment)
        for name, column, comment in zip(names, described, comments, strict=True)
    )
    check_names(columns)
    if not statement.columns:
        check_star(statement.query)
    view = View(
        session.scope.full(statement.name),
        session.services.engine.next_id(),
        session.services.clock.now(),
        columns=columns,
        query=statement.source,
        text=statement.text,
        secure=statement.secure,
        change_tracking=statement.change_tracking,
        comment=statement.comment,
        owner=session.role or "",
    )
    if statement.or_alter:
        present = session.relation(view.full_name)
        if isinstance(present, View):
            kept = dataclasses.replace(view, id=present.id, created_on=present.created_on, session=present.session)
            replace_object(session, present, kept)
            return status_result(f"View {view.name} successfully created.")
    return create_object(session, statement, view, temporary=is_temporary(statement.durability))
