"""The JSON envelopes of Snowflake's REST protocol: results, errors, "still running"."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from snowmelt.base.datatypes import VARCHAR
from snowmelt.base.errors import SqlError
from snowmelt.base.result import Result, StatementType, rows_result
from snowmelt.server.arrow import wire_schema, wire_table
from snowmelt.server.chunks import Chunk, ChunkStore, arrow_stream, split
from snowmelt.server.host import Executor
from snowmelt.server.nested import sent, told
from snowmelt.server.parameters import as_json as as_text
from snowmelt.server.parameters import merged
from snowmelt.server.rowset import json_rows
from snowmelt.server.rowtype import describe
from snowmelt.server.transfer import transfer_data

IN_PROGRESS = "333333"
"""The statement runs on; ask again at `getResultUrl`."""

IN_PROGRESS_ASYNC = "333334"
"""The statement runs on by itself, as the client wished."""

RESULT_FORMAT = "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT"

_IN_DATA = len('{"data": {')
"""Where an answer's data begin, in its JSON text."""

_WHERE = re.compile(r"line (\d+) at position (\d+)")
_STATS = (
    ("numRowsInserted", "number of rows inserted"),
    ("numRowsUpdated", "number of rows updated"),
    ("numRowsDeleted", "number of rows deleted"),
)


def envelope(data: dict[str, Any]) -> dict[str, Any]:
    """A successful answer."""
    return {"data": data, "message": None, "code": None, "success": True}


def refusal(code: str, message: str, **data: Any) -> dict[str, Any]:
    """An answer that says no; `code` is Snowflake's number as six digits."""
    return {"data": {"errorCode": code, **data}, "message": message, "code": code, "success": False, "headers": None}


def failure(error: SqlError, query_id: str | None = None) -> dict[str, Any]:
    """A statement's error, such that the connector raises it with number, SQLSTATE, query id and message."""
    message = str(error)
    where = _WHERE.search(message)
    return refusal(
        f"{error.code:06d}",
        message,
        sqlState=error.sqlstate,
        queryId=query_id,
        internalError=False,
        type="COMPILATION" if "compilation error" in message else "EXECUTION",
        line=int(where.group(1)) if where else -1,
        pos=int(where.group(2)) if where else -1,
        age=0,
    )


def new_incident() -> str:
    """A short id under which an unexpected exception is logged and reported."""
    return secrets.token_hex(4)


def internal_error(incident: str) -> SqlError:
    """What the user sees of an unexpected exception; the caller logs that under `incident`."""
    return SqlError(
        f"SQL execution internal error:\nProcessing aborted by error 300010:{incident}; incident {incident}.",
        603,
        "XX000",
        "This is a fault of Snowmelt, not of the statement; the server's log has the details under that incident.",
    )


def in_progress(query_id: str, code: str) -> dict[str, Any]:
    """The statement is still running; the client asks for its result by `getResultUrl`."""
    return {
        "data": {
            "queryId": query_id,
            "getResultUrl": f"/queries/{query_id}/result",
            "queryAbortsAfterSecs": 300,
            "progressDesc": None,
        },
        "message": "Query execution in progress. Please provide a monitor URL to check query progress.",
        "code": code,
        "success": True,
    }


@dataclass(frozen=True)
class Encoder:
    """Turns results into answers.

    Attributes:
        chunks: where the pieces that do not fit into an answer wait for the client.
        base_url: scheme, host and port under which this client reaches the server.
    """

    chunks: ChunkStore
    base_url: str

    def answer(self, result: Result, executor: Executor, query_id: str, options: dict[str, Any], binds: int) -> bytes:
        """The whole answer to a statement as JSON text.

        Args:
            options: the statement's own parameters, which come before the session's.
            binds: how many bind variables the statement had.
        """
        parameters = merged(executor.parameters())
        as_json = str(options.get(RESULT_FORMAT, parameters[RESULT_FORMAT])).upper() == "JSON"
        if result.children:
            result = _parent_of(result)
        data: dict[str, Any] = {
            "rowtype": [describe(column) for column in told(result.columns, parameters)],
            **self._rows(_as_sent(result, parameters, as_json), as_json),
            "queryId": query_id,
            "databaseProvider": None,
            "finalDatabaseName": executor.database,
            "finalSchemaName": executor.schema,
            "finalWarehouseName": executor.warehouse,
            "finalRoleName": executor.role,
            "numberOfBinders": binds,
            "arrayBindSupported": result.statement_type == StatementType.INSERT,
            "statementTypeId": int(result.statement_type),
            "version": 1,
            "sqlState": None,
        }
        if result.children:
            data["resultIds"] = ",".join(child.query_id for child in result.children)
            data["resultTypes"] = ",".join(str(int(child.statement_type)) for child in result.children)
        if result.transfer is not None:
            data.update(transfer_data(result.transfer))
        text = json.dumps(envelope(data))
        # All parameters go with every answer, and writing them anew would take longer than all the rest.
        return f'{text[:_IN_DATA]}"parameters": {as_text(parameters)}, {text[_IN_DATA:]}'.encode()

    def _rows(self, result: Result, as_json: bool) -> dict[str, Any]:
        if _is_dml(result.statement_type):
            return _dml_rows(result)
        as_json = as_json or result.transfer is not None
        empty: dict[str, Any] = {"rowset": []} if as_json else {"rowset": None, "rowsetBase64": ""}
        data = {"queryResultFormat": "json" if as_json else "arrow", "total": 0, "returned": 0, **empty}
        if result.table is None or result.row_count == 0 or not result.columns:
            return data
        schema = wire_schema(result.columns, result.table)
        pieces = [Chunk(result.columns, rows, schema, as_json, result.release) for rows in split(result.table)]
        first = wire_table(result.columns, pieces[0].rows, schema)
        data["total"] = data["returned"] = result.row_count
        if as_json:
            data["rowset"] = json_rows(result.columns, first)
        else:
            data["rowsetBase64"] = base64.b64encode(arrow_stream(first)).decode("ascii")
        if result.release is not None:
            result.release()
        if len(pieces) > 1:
            data.update(self._links(tuple(pieces[1:])))
        return data

    def _links(self, pieces: tuple[Chunk, ...]) -> dict[str, Any]:
        links = [
            {
                "url": f"{self.base_url}/chunks/{key}",
                "rowCount": piece.rows.num_rows,
                "uncompressedSize": piece.size,
                "compressedSize": piece.size,
            }
            for key, piece in zip(self.chunks.add(pieces), pieces, strict=True)
        ]
        return {"chunks": links, "qrmk": None, "chunkHeaders": {}}


def _as_sent(result: Result, parameters: Mapping[str, Any], as_json: bool) -> Result:
    """`result` with the columns as their values travel to the client."""
    columns = sent(result.columns, parameters, as_json=as_json)
    return result if columns is result.columns else replace(result, columns=columns)


def _is_dml(statement_type: int) -> bool:
    return StatementType.DML <= statement_type < StatementType.DML + 0x1000


def _dml_rows(result: Result) -> dict[str, Any]:
    """Counts of changed rows, always as JSON; clients add them up for `rowcount`."""
    rows = [] if result.table is None else json_rows(result.columns, wire_table(result.columns, result.table))
    data: dict[str, Any] = {
        "queryResultFormat": "json",
        "rowset": rows,
        "total": len(rows),
        "returned": len(rows),
    }
    if len(rows) == 1:
        counts = dict(zip((column.name for column in result.columns), rows[0], strict=True))
        data["stats"] = {key: int(counts[name] or 0) for key, name in _STATS if name in counts}
    return data


def _parent_of(result: Result) -> Result:
    """The one row that stands for several statements."""
    message = "Multiple statements executed successfully."
    parent = rows_result([("multiple statement execution", VARCHAR)], [(message,)], StatementType.MULTI)
    parent.children = result.children
    return parent
