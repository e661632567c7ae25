"""The pages there are. A new one is an entry here, a function that reads, and a template.

`streams.py` is a short one to copy: it reads by SQL only, and gives the template what there is to show.
"""

from __future__ import annotations

from snowmelt.console import models, overview, queries, streams, tables, tasks, traces, worksheet
from snowmelt.console.page import Page

PAGES: tuple[Page, ...] = (
    Page("/", "Overview", "overview.html", overview.overview, "/"),
    Page("/tasks", "Tasks", "tasks.html", tasks.tasks, "/tasks"),
    Page("/task", "Task", "task.html", tasks.task, "/tasks"),
    Page("/run", "Run", "run.html", tasks.run, "/tasks"),
    Page("/models", "Models", "models.html", models.models, "/models"),
    Page("/model", "Model", "model.html", models.model, "/models"),
    Page("/streams", "Streams", "streams.html", streams.streams, "/streams"),
    Page("/stream", "Stream", "stream.html", streams.stream, "/streams"),
    Page("/tables", "Tables", "tables.html", tables.tables, "/tables"),
    Page("/table", "Table", "table.html", tables.table, "/tables"),
    Page("/traces", "Traces", "traces.html", traces.traces, "/traces"),
    Page("/trace", "Trace", "trace.html", traces.trace, "/traces"),
    Page("/queries", "Queries", "queries.html", queries.queries, "/queries"),
    Page("/query", "Query", "query.html", queries.query, "/queries"),
    Page("/worksheet", "Worksheet", "worksheet.html", worksheet.empty, "/worksheet"),
)
"""The visible list; menu entries in their order."""

MENU = tuple(page for page in PAGES if page.in_menu)
