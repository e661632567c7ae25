"""What runs in a worker process: one procedure call, or one resident function until its channel closes.

User code runs here and nowhere else. This module and what it imports know nothing of the engine; a procedure reaches
data only through a genuine Snowpark session that joins its caller's over loopback.

Source: docs.snowflake.com/en/developer-guide/stored-procedure/python/procedures-python-overview,
.../udf/python/udf-python-batch
"""

from __future__ import annotations

import hashlib
import importlib
import io
import linecache
import os
import pickle
import sys
import traceback
import types
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa

from snowmelt.procs import messages
from snowmelt.procs.messages import ConnectionInfo, Done, Failed, FunctionSpec, HandlerCode, ProcedureCall, Started
from snowmelt.procs.table_functions import table_function
from snowmelt.procs.values import frame_of, is_missing, json_texts, python_values, result_array

INLINE_MODULE = "_udf_code"
"""The name of inline code, as Snowflake's tracebacks show it."""


def serve(channel: int) -> None:
    """Do the work that comes over the socket `channel`, and answer on it."""
    connection: Connection = Connection(channel)
    try:
        work: messages.Work = connection.recv()
        connection.send(Started(os.getpid()))
        if isinstance(work.task, ProcedureCall):
            _procedure(connection, work.task, work.directory)
        else:
            _resident(connection, work.task, work.directory)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The server has gone, or wants no answer any more.
        return


# --- code ------------------------------------------------------------------------------------------------------------


def prepare(code: HandlerCode, directory: Path) -> None:
    """Make the import directory with the files of IMPORTS, and the module `_snowflake`."""
    imports = directory / "imports"
    imports.mkdir(parents=True, exist_ok=True)
    given = [Path(path) for path in code.imports]
    (imports / "__pycache__").symlink_to(_compiled(given, directory.parent))
    for path in given:
        (imports / path.name).symlink_to(path)
        if path.suffix in (".zip", ".whl", ".egg"):
            sys.path.insert(0, str(imports / path.name))
    sys.path.insert(0, str(imports))
    # Handlers find it by this option and append names to it, so it ends with the separator.
    sys._xoptions["snowflake_import_directory"] = f"{imports}{os.sep}"
    os.chdir(directory)
    sys.modules["_snowflake"] = _snowflake_module()


def _compiled(given: Sequence[Path], workers: Path) -> Path:
    """The directory in which Python keeps what it compiles of exactly these files, for workers to come."""
    found = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in given]
    kept = workers / f"compiled-{hashlib.sha256(repr(found).encode()).hexdigest()}"
    kept.mkdir(exist_ok=True)
    return kept


def _snowflake_module() -> types.ModuleType:
    """The module that Snowflake's Python runtime offers to handlers."""
    module = types.ModuleType("_snowflake")

    def vectorized(
        input: type, max_batch_size: int | None = None, flatten_object_input: bool = False
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def mark(function: Callable[..., Any]) -> Callable[..., Any]:
            function._sf_vectorized_input = input  # type: ignore[attr-defined]
            function._sf_max_batch_size = max_batch_size  # type: ignore[attr-defined]
            return function

        return mark

    module.vectorized = vectorized  # type: ignore[attr-defined]
    return module


def load(code: HandlerCode) -> Callable[..., Any]:
    """The handler.

    Raises:
        AttributeError: the code does not define it.
        Exception: whatever the user's module raises when it is loaded.
    """
    if code.source is None:
        module_name, _, name = code.handler.rpartition(".")
        module = importlib.import_module(module_name)
    else:
        name = code.handler.rpartition(".")[2]
        module = types.ModuleType(INLINE_MODULE)
        filename = f"{INLINE_MODULE}.py"
        module.__file__ = filename
        # Tracebacks then show the source lines of inline code too, and looking at the stack is quick, as it is for
        # all code that is in files.
        Path(filename).write_text(code.source, encoding="utf-8")
        linecache.cache[filename] = (len(code.source), None, code.source.splitlines(keepends=True), filename)
        sys.modules[INLINE_MODULE] = module
        # The user's code has its own `from __future__` statements, not those of this module.
        exec(compile(code.source, filename, "exec", dont_inherit=True), module.__dict__)
    handler = getattr(module, name, None)
    if handler is None:
        raise AttributeError(f"Handler '{code.handler}' is not defined in the code.")
    return handler  # type: ignore[no-any-return]


def failure(error: BaseException) -> Failed:
    """What went wrong, with the traceback from the first frame of the user's own code on."""
    here = Path(__file__).parent
    frames = error.__traceback__
    while frames is not None and (
        Path(frames.tb_frame.f_code.co_filename).parent == here or "importlib" in frames.tb_frame.f_code.co_filename
    ):
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return Failed(f"{type(error).__name__}: {error}", text)


# --- procedures ------------------------------------------------------------------------------------------------------


def _procedure(connection: Connection, call: ProcedureCall, directory: Path) -> None:
    from snowmelt.procs.tracing import Instrumented

    def emit(records: list[dict[str, Any]]) -> None:
        connection.send(messages.Telemetry(records))

    answer: Done | Failed
    with Instrumented(emit, call.trace, call.trace_level, call.log_level) as telemetry:
        try:
            prepare(call.code, directory)
            session = join(call.connection)
            handler = load(call.code)
            answer = Done(_value(handler(session, *call.arguments), call))
        except BaseException as error:  # noqa: BLE001  SystemExit and the like are the user's failures too
            telemetry.fail(error)
            answer = failure(error)
    _send(connection, answer)


def _value(value: Any, call: ProcedureCall) -> Any:
    """The result as plain data; a DataFrame is run, and its query's id is the result."""
    if call.returns_table:
        run = getattr(value, "_execute_and_get_query_id", None)
        if run is None:
            raise TypeError(f"{call.name} RETURNS TABLE, so its handler must return a DataFrame, not {value!r}")
        return run()
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    return value


_PORTABLE = sys.stdlib_module_names | {"snowmelt", "numpy", "pandas", "pyarrow"}
"""Packages whose objects the server can load; it has none of the user's own modules."""


class _PlainPickler(pickle.Pickler):
    """Refuses objects of the user's own classes, which the server could not load."""

    def reducer_override(self, value: Any) -> Any:
        kind = value if isinstance(value, type) else type(value)
        if kind.__module__.partition(".")[0] not in _PORTABLE:
            raise TypeError(f"an object of class {kind.__qualname__}")
        return NotImplemented


def _send(connection: Connection, answer: Done | Failed) -> None:
    try:
        buffer = io.BytesIO()
        _PlainPickler(buffer).dump(answer)
        data = buffer.getvalue()
    except Exception as error:  # noqa: BLE001  whatever a user's object raises when it is pickled
        data = pickle.dumps(Failed(f"the handler returned a value that is no plain data: {error}", str(error)))
    connection.send_bytes(data)


def join(info: ConnectionInfo) -> Any:
    """A genuine Snowpark session on the caller's session."""
    from snowflake.snowpark import Session

    from snowmelt.procs.files import ProcedureConnection

    connection = ProcedureConnection(
        session_token=info.session_token,
        master_token=info.master_token,
        host=info.host,
        port=info.port,
        protocol="http",
        paramstyle="qmark",
        account=info.account,
        user=info.user,
        role=info.role,
        warehouse=info.warehouse,
        database=info.database,
        schema=info.schema,
        # Going through all modules for a telemetry that nobody gets takes longer than to connect.
        log_imported_packages_in_telemetry=False,
        # A connection made from tokens has seen no login answer, which would have told it these.
        session_parameters={
            "PYTHON_SNOWPARK_USE_SCOPED_TEMP_OBJECTS": True,
            "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 0,
            "CLIENT_TELEMETRY_ENABLED": False,
        },
    )
    return Session.builder.configs({"connection": connection}).create()


# --- functions -------------------------------------------------------------------------------------------------------


def _resident(connection: Connection, spec: FunctionSpec, directory: Path) -> None:
    """Load the function, then apply it to each Arrow table that comes, until the channel closes."""
    _limit_threads(max(1, (os.cpu_count() or 1) // messages.WIDTH))
    try:
        prepare(spec.code, directory)
        handler = load(spec.code)
        apply = _KINDS[spec.kind](spec, handler)
    except BaseException as error:  # noqa: BLE001  the user's module may raise anything
        _send(connection, failure(error))
        return
    connection.send(Done(None))
    while True:
        table = messages.unpacked(connection.recv())
        try:
            column = apply(table)
        except BaseException as error:  # noqa: BLE001  so may the handler
            _send(connection, failure(error))
            continue
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, pa.schema([pa.field("result", column.type)])) as writer:
            writer.write_table(pa.table({"result": column}))
        connection.send(Done(None))
        connection.send_bytes(sink.getvalue())


def _limit_threads(number: int) -> None:
    """Keep numerical libraries to so many threads: several workers with a thread for each core wait for one another,
    and so do the threads of one worker when the machine is busy."""
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        return
    threadpool_limits(number)


def _function(spec: FunctionSpec, handler: Callable[..., Any]) -> Callable[[pa.Table], pa.Array]:
    """A user-defined function over the rows of a table, or over pandas batches when it is vectorized."""
    if getattr(handler, "_sf_vectorized_input", None) is not None:
        return lambda table: _vectorized(spec, handler, table)

    def apply(table: pa.Table) -> pa.Array:
        given = table.columns[: spec.arguments]
        columns = [python_values(column, i in spec.semi_structured) for i, column in enumerate(given)]
        rows = zip(*columns, strict=True) if columns else ((),) * table.num_rows
        values = [None if spec.strict and None in row else handler(*row) for row in rows]
        return result_array(json_texts(values) if spec.semi_results else values, spec.result)

    return apply


def _vectorized(spec: FunctionSpec, handler: Callable[..., Any], table: pa.Table) -> pa.Array:
    """Give the handler a DataFrame with columns 0, 1, ... of all rows; it returns a Series, an array or a list."""
    import pandas as pd

    surplus = [] if spec.arguments is None else table.column_names[spec.arguments :]
    frame = frame_of(table).drop(columns=surplus)
    frame.columns = pd.RangeIndex(frame.shape[1])
    for i in spec.semi_structured:
        frame[i] = pd.Series(python_values(table.column(i), True), dtype=object)
    result = handler(frame)
    if isinstance(result, pd.DataFrame):
        result = result.iloc[:, 0]
    values = result.tolist() if hasattr(result, "tolist") else list(result)
    if pa.types.is_floating(spec.result):
        return pa.array(pd.Series(values, dtype="float64"), type=spec.result, from_pandas=True)
    values = [None if is_missing(value) else value for value in values]
    return result_array(json_texts(values) if spec.semi_results else values, spec.result)


def _frame_method(spec: FunctionSpec, handler: Callable[..., Any]) -> Callable[[pa.Table], pa.Array]:
    """A model's method: DataFrame in, a struct for each row out.

    The code that snowflake-ml generates for a method turns the model's DataFrame into one dict for each row, which
    costs more than the prediction. Where that code has the usual parts (`runner`, `input_cols`, `dtype_map`), they
    are used without the dicts; any other handler is called as it is.
    """
    from snowmelt.procs import frames

    method = frames.direct(handler) or frames.generated(handler)
    return lambda table: frames.struct_array(method(frame_of(table)), spec.result)


_KINDS: dict[str, Callable[[FunctionSpec, Callable[..., Any]], Callable[[pa.Table], pa.Array]]] = {
    "frame": _frame_method,
    "table": table_function,
    "udf": _function,
}
"""What makes a handler of each kind applicable to Arrow tables."""
