"""Opening the store: the file, the engine's own tables in it, and the macros that rewritten statements call.

It needs little of Python and much of DuckDB, so a server does it on another thread while this one loads the rest, and
what only statements need once it listens.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import duckdb

from snowmelt.base.errors import SqlError
from snowmelt.storage import python_functions
from snowmelt.storage.errors import translate

_STORE = "store"
"""What DuckDB calls the file."""

USE_STORE = f"USE {_STORE}"
"""Each cursor has to be told which database it is about."""

_ROW_GROUP_ROWS = 40_960
"""Rows of a row group, a third of DuckDB's own default. What a transaction adds to a table is written straight to its
blocks by whole row groups, and what is left over goes through the log and is written again by a checkpoint; and a query
has at most one core for each row group. Batches of 100,000 rows are what pipelines work in.
"""

MACROS = ("macros", "times", "numbers", "marks", "variants", "functions")


class Directory:
    """A data directory; a temporary one when everything is kept in memory."""

    def __init__(self, data: Path | None) -> None:
        self._temporary = data is None
        root = data or Path(tempfile.mkdtemp(prefix="snowmelt-"))
        root.mkdir(parents=True, exist_ok=True)
        # Workers have working directories of their own, so no path may depend on this process's.
        self.root = root.resolve()

    @property
    def file(self) -> Path | None:
        """Where rows and catalog are; None when they are in memory."""
        return None if self._temporary else self.root / "store.duckdb"

    @property
    def stages(self) -> Path:
        return self.root / "stages"

    @property
    def spill(self) -> Path:
        """For what does not fit into memory."""
        return self.root / "spill"

    def leave(self) -> None:
        """Remove what was temporary."""
        if self._temporary:
            shutil.rmtree(self.root, ignore_errors=True)


class Store:
    """An open store.

    Attributes:
        connection: to be left open for as long as there are others.
    """

    def __init__(self, directory: Directory, connection: duckdb.DuckDBPyConnection) -> None:
        self.directory = directory
        self.connection = connection
        self._completing = threading.Lock()
        self._complete: duckdb.DuckDBPyConnection | None = None

    def complete(self) -> None:
        """Make what statements of users call: functions in Python, which cost the import of NumPy, and macros. Whoever
        comes first does it, and the others wait.
        """
        with self._completing:
            if self._complete is None:
                cursor = self.connection.cursor()
                cursor.execute(USE_STORE)
                # Before the macros, some of which call them.
                python_functions.register(cursor)
                _install_macros(cursor)
                # The functions last as long as the connection that made them.
                self._complete = cursor


def open_store(data: Path | None, memory_mb: int) -> Store:
    """Open a data directory's store, or make it, and complete it; None keeps everything in memory.

    Raises:
        SqlError: another process has it open.
    """
    store = begun_store(data, memory_mb)
    try:
        store.complete()
    except BaseException:
        store.connection.close()
        store.directory.leave()
        raise
    return store


def begun_store(data: Path | None, memory_mb: int) -> Store:
    """The same, with all that a server needs before its first session, which is to complete it."""
    directory = Directory(data)
    try:
        connection = _open(directory.file, directory.stages, directory.spill, memory_mb)
        connection.execute(_script("bootstrap"))
    except BaseException:
        directory.leave()
        raise
    return Store(directory, connection)


def opening(data: Path | None, memory_mb: int) -> Future[Store]:
    """`begun_store` on a thread of its own; its errors come out of the future."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="opening")
    future = thread.submit(begun_store, data, memory_mb)
    thread.shutdown(wait=False)
    return future


def _script(name: str) -> str:
    return resources.files("snowmelt.storage").joinpath(f"sql/{name}.sql").read_text()


def _install_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the macros, unless the file has those of this version: there are many, and each is written to the disk."""
    texts = [_script(name) for name in MACROS]
    digest = hashlib.sha256("\n".join((duckdb.__version__, *texts)).encode()).hexdigest()
    if connection.execute("SELECT digest FROM snowmelt.macros").fetchall() == [(digest,)]:
        return
    connection.execute("BEGIN")
    for text in texts:
        connection.execute(text)
    connection.execute("DELETE FROM snowmelt.macros")
    connection.execute("INSERT INTO snowmelt.macros VALUES (?)", [digest])
    connection.execute("COMMIT")


def _open(path: Path | None, files: Path, spill: Path, memory_mb: int) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(
            ":memory:",
            config={
                "default_transaction_invalidation_policy": "SYNTACTIC_ERRORS_DO_NOT_INVALIDATE",
                # In DuckDB 2.0.0 it takes an outer join with nothing for empty: LIMIT is left out, EXISTS is false.
                # Without it queries take about as long, and planning them takes less.
                "disabled_optimizers": "statistics_propagation",
                "autoinstall_known_extensions": False,
                "python_enable_replacements": False,
                "TimeZone": "UTC",
                "memory_limit": f"{memory_mb}MiB",
                "temp_directory": str(spill),
            },
        )
        # Attached, as only then the size of row groups can be given.
        file = str(path or ":memory:").replace("'", "''")
        connection.execute(f"ATTACH '{file}' AS {_STORE} (ROW_GROUP_SIZE {_ROW_GROUP_ROWS})")
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise SqlError(f"The data directory is in use by another Snowmelt process: {path}", 604) from error
        raise
    except duckdb.Error as error:
        raise translate(error) from error
    connection.execute("SET allowed_directories = [?]", [str(files.resolve()) + "/"])
    connection.execute("SET enable_external_access = false")
    # A session's time zone is the one thing that may still be set.
    connection.execute("SET allowed_configs = ['TimeZone']")
    connection.execute("SET lock_configuration = true")
    connection.execute(USE_STORE)
    return connection
