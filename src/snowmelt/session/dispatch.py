"""Which handler runs which statement: the one list to look at, and to extend.

A handler is ``(session, statement, request) -> Result``. To add a statement: a dataclass in `snowmelt.sql.statements`,
a parser in `snowmelt.sql`, a handler, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snowmelt.base.datatypes import NUMBER, VARCHAR, DataType
from snowmelt.base.errors import unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Column, Result, StatementType
from snowmelt.session import (
    alter_objects,
    alter_table,
    clone,
    comments,
    copy_files,
    ddl,
    describe,
    loading,
    model_ddl,
    queries,
    routines,
    scripts,
    settings,
    show,
    staged_scripts,
    streams_tasks,
    tables,
    tasks,
    undrop,
    users,
    views,
    warehouses,
)
from snowmelt.session.session import Session, description
from snowmelt.sql import statements as st
from snowmelt.sql.blocks import RunBlock, RunFile, RunText
from snowmelt.storage.loading import COPY_COLUMNS
from snowmelt.storage.loading_unload import UNLOAD_COLUMNS

Handler = Callable[[Session, Any, Request], Result]

HANDLERS: Mapping[type[st.Statement], Handler] = {
    st.Query: queries.query,
    st.Insert: queries.insert,
    st.MultiInsert: queries.multi_insert,
    st.Update: queries.update,
    st.Delete: queries.delete,
    st.Merge: queries.merge,
    st.Truncate: queries.truncate,
    st.Explain: queries.explain,
    st.Transaction: settings.transaction,
    st.Use: settings.use,
    st.SetVariable: settings.set_variable,
    st.UnsetVariable: settings.unset_variable,
    st.AlterParameters: settings.alter_parameters,
    st.AlterUser: users.alter_user,
    st.CreateDatabase: ddl.create_database,
    st.CreateSchema: ddl.create_schema,
    st.CreateSequence: ddl.create_sequence,
    st.CreateStage: ddl.create_stage,
    st.CreateFileFormat: ddl.create_file_format,
    st.CreateWarehouse: warehouses.create_warehouse,
    st.Drop: ddl.drop,
    st.Undrop: undrop.undrop,
    st.SetComment: comments.set_comment,
    st.CreateTable: tables.create_table,
    st.Clone: clone.clone,
    st.CreateView: views.create_view,
    st.AlterObject: alter_objects.alter_object,
    st.AlterTable: alter_table.alter_table,
    st.CreateStream: streams_tasks.create_stream,
    st.CreateTask: tasks.create_task,
    st.AlterTask: tasks.alter_task,
    st.ExecuteTask: tasks.execute_task,
    st.CreateRoutine: routines.create_routine,
    st.Call: routines.call,
    RunBlock: scripts.run_block,
    RunText: scripts.run_text,
    RunFile: staged_scripts.run_file,
    st.CreateModel: model_ddl.create_model,
    st.AlterModel: model_ddl.alter_model,
    st.Put: loading.put,
    st.Get: loading.get,
    st.ListFiles: loading.list_files,
    st.RemoveFiles: loading.remove_files,
    st.CopyFiles: copy_files.copy_files,
    st.CopyIntoTable: loading.copy_into_table,
    st.CopyIntoLocation: loading.copy_into_location,
    st.Show: show.show,
    st.Describe: describe.describe,
}


DDL = frozenset(
    {
        *(st.CreateDatabase, st.CreateSchema, st.CreateSequence, st.CreateStage, st.CreateFileFormat, st.CreateTable),
        *(
            st.CreateView,
            st.CreateStream,
            st.CreateTask,
            st.CreateRoutine,
            st.CreateModel,
            st.CreateWarehouse,
            st.Clone,
        ),
        *(st.AlterObject, st.AlterTable, st.AlterTask, st.AlterModel, st.AlterUser, st.SetComment, st.Drop, st.Undrop),
    }
)
"""Statements that commit the open transaction, also where they find nothing to do."""

RUNS_OTHERS = frozenset({st.Call, RunBlock, RunText, RunFile})
"""Statements that run others, each of which is run again for itself where that is needed."""

_DESCRIBED_BY_HANDLER = frozenset(
    {
        *(st.Query, st.Insert, st.MultiInsert, st.Update, st.Delete, st.Merge, st.Call, RunBlock, RunText, RunFile),
        *(st.Explain, st.ListFiles, st.Show, st.Describe),
    }
)
"""Statements whose handlers look at `Request.describe_only`, or change nothing."""

_STATUS: list[tuple[str, DataType]] = [("status", VARCHAR)]

_ANSWERS: Mapping[type[st.Statement], list[tuple[str, DataType]]] = {
    st.CopyIntoTable: COPY_COLUMNS,
    st.CopyIntoLocation: UNLOAD_COLUMNS,
    st.CopyFiles: [("file", VARCHAR)],
    st.RemoveFiles: [("name", VARCHAR), ("result", VARCHAR)],
    st.Put: [
        *(("source", VARCHAR), ("target", VARCHAR), ("source_size", NUMBER), ("target_size", NUMBER)),
        *(("source_compression", VARCHAR), ("target_compression", VARCHAR), ("status", VARCHAR), ("message", VARCHAR)),
    ],
    st.Get: [("file", VARCHAR), ("size", NUMBER), ("status", VARCHAR), ("message", VARCHAR)],
}
"""Columns of the answers of other statements, where they are not a status."""


def handler_of(statement: st.Statement, *, describes: bool = False) -> Handler:
    """The handler of a statement.

    Args:
        describes: the client wants to know the answer's columns; nothing may be run.

    Raises:
        SqlError: 000002 for a statement that is understood but has no handler.
    """
    handler = HANDLERS.get(type(statement))
    if handler is None:
        raise unsupported(type(statement).__name__.upper())
    return _described if describes and type(statement) not in _DESCRIBED_BY_HANDLER else handler


def _described(session: Session, statement: st.Statement, request: Request) -> Result:
    """What a statement would answer with, which is not run."""
    columns = _ANSWERS.get(type(statement), _STATUS)
    return description(tuple(Column(name, data_type) for name, data_type in columns), StatementType.DDL)
