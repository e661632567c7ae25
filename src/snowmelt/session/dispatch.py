"""Which handler runs which statement: the one list to look at, and to extend.

A handler is ``(session, statement, request) -> Result``. To add a statement: a dataclass in `snowmelt.sql.statements`,
a parser in `snowmelt.sql`, a handler, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snowmelt.base.errors import unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result
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
from snowmelt.session.session import Session
from snowmelt.sql import statements as st
from snowmelt.sql.blocks import RunBlock, RunFile, RunText

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


def handler_of(statement: st.Statement) -> Handler:
    """The handler of a statement.

    Raises:
        SqlError: 000002 for a statement that is understood but has no handler.
    """
    handler = HANDLERS.get(type(statement))
    if handler is None:
        raise unsupported(type(statement).__name__.upper())
    return handler
