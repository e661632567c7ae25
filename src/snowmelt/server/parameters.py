"""Session parameters as clients get them, at login and with every answer.

The connector replaces its whole set with each answer, and a procedure's worker, which joins by token, has no other
source: so every answer carries all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

CLIENT_DEFAULTS: Mapping[str, Any] = {
    "AUTOCOMMIT": True,
    "TIMEZONE": "UTC",
    "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
    "TIME_OUTPUT_FORMAT": "HH24:MI:SS",
    "TIMESTAMP_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": "",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": "",
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    "BINARY_OUTPUT_FORMAT": "HEX",
    "CLIENT_DISABLE_INCIDENTS": True,
    "CLIENT_MEMORY_LIMIT": 1536,
    "CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX": False,
    "CLIENT_PREFETCH_THREADS": 4,
    "CLIENT_RESULT_CHUNK_SIZE": 160,
    "CLIENT_RESULT_COLUMN_CASE_INSENSITIVE": False,
    "CLIENT_SESSION_CLONE": False,
    "CLIENT_SESSION_KEEP_ALIVE": False,
    "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": 3600,
    # From so many values on, array binds go by a stage.
    "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 65_280,
    # Nobody reads client telemetry here, so clients need not send any.
    "CLIENT_TELEMETRY_ENABLED": False,
    "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
    "ENABLE_ASYNC_QUERY_IN_PYTHON_STORED_PROCS": True,
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
    "PYTHON_CONNECTOR_USE_NANOARROW": True,
    "PYTHON_SNOWPARK_USE_AST": False,
    "PYTHON_SNOWPARK_USE_SCOPED_TEMP_OBJECTS": True,
    "PYTHON_SNOWPARK_USE_SQL_SIMPLIFIER": True,
    "PYTHON_SNOWPARK_ENABLE_THREAD_SAFE_SESSION": True,
    "SERVICE_NAME": "",
    "VARCHAR_AND_BINARY_MAX_SIZE_IN_RESULT": 16_777_216,
}


def merged(session: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters by name: what the session says, over what clients need in any case."""
    return {**CLIENT_DEFAULTS, **session}


def as_json(parameters: Mapping[str, Any]) -> str:
    """`listed` as JSON text; most sessions have the same parameters most of the time."""
    return _as_json(tuple(parameters.items()))


@lru_cache(maxsize=64)
def _as_json(parameters: tuple[tuple[str, Any], ...]) -> str:
    return json.dumps(listed(dict(parameters)))


def listed(parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`parameters` as the list of names and values that the wire wants."""
    return [{"name": name, "value": value} for name, value in parameters.items()]
