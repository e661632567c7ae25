"""The parent of all Python workers: a process that has loaded the heavy libraries once and forks on demand.

A fork is ready in some milliseconds, where a fresh interpreter takes seconds to import Snowpark, pandas and xgboost.
The server itself must not be forked: it has threads and an open database. So the server starts this program, gives it
one end of a socket, and sends over it, for each worker wanted, the file descriptor of that worker's own channel.

Nobody outlives the server: this process ends when its socket closes, and its children when this process ends.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import inspect
import linecache
import os
import signal
import socket
import sys
import threading
import traceback

PRELOADED = (
    "numpy",
    "pandas",
    "pyarrow",
    "snowflake.connector",
    "snowflake.snowpark",
    "snowflake.snowpark.functions",
    "snowflake.snowpark._internal.compiler.plan_compiler",
    "opentelemetry.sdk.trace",
    "opentelemetry.trace.propagation.tracecontext",
    "sklearn.pipeline",
    "xgboost",
    "snowflake.ml.registry",
    "snowflake.ml.model",
    "snowflake.ml.model._packager.model_packager",
    "snowflake.ml.modeling.pipeline",
    "snowmelt.procs.worker",
    "snowmelt.procs.tracing",
    "snowmelt.procs.files",
    "snowmelt.procs.frames",
)
"""Imported once, before the first fork, where installed. The order matters for none of them."""

_TRACED = (
    "contextlib",
    "snowflake.snowpark.dataframe",
    "snowflake.snowpark._internal.open_telemetry",
    "snowflake.snowpark._internal.telemetry",
    "snowflake.snowpark._internal.utils",
    "snowmelt.procs.worker",
)
"""Modules that are on the stack when Snowpark runs a query."""

FORK = b"f"


def preload() -> None:
    """Import what handlers are likely to use. What is not installed is left out; what fails says so on stderr."""
    # Snowpark and snowflake-ml ask for this name once, when imported, to know that they run inside a procedure.
    import snowflake.connector.description

    snowflake.connector.description.PLATFORM = "XP"
    for name in PRELOADED:
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            continue
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        except Exception:  # noqa: BLE001  a broken optional library must not keep others from running
            traceback.print_exc()


def warm_stacks() -> None:
    """Fill the caches of `inspect` and `linecache`.

    Snowpark looks at the whole stack, with source lines, for the span of each query. With cold caches the first look
    goes through all the modules there are, and takes longer than most procedures.
    """
    look_at_modules()
    for name in _TRACED:
        if (module := sys.modules.get(name)) is not None and module.__file__ is not None:
            linecache.getlines(module.__file__)


def look_at_modules() -> None:
    """What looking at the stack does as often as it meets a file that it does not know."""
    # Nothing is found under a name that no file has, after the whole cache has been filled.
    inspect.getmodule(inspect.currentframe(), "no such file")


def main() -> None:
    """Preload, then fork a worker for every descriptor that comes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Children are not waited for: the server learns of their end from their own channels.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    life_read, _life_write = os.pipe()
    preload()
    warm_stacks()
    gc.collect()
    gc.freeze()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        (channel,) = descriptors
        if os.fork() == 0:
            control.close()
            os.close(_life_write)
            _child(channel, life_read)
        os.close(channel)


def _child(channel: int, life: int) -> None:
    """Run a worker to its end; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, args=(life,), daemon=True).start()
    status = 1
    try:
        from snowmelt.procs.worker import serve

        # The memory that looking at all modules writes to is the child's own from then on. To copy it takes time, of
        # which there is more now than when there is work.
        look_at_modules()
        serve(channel)
        status = 0
    except BaseException:  # noqa: BLE001  the last frame of the process: say what happened, then end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _die_with_parent(life: int) -> None:
    """The pipe's other end is open in the zygote only: it reads as closed once that has ended, however it ended."""
    os.read(life, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
