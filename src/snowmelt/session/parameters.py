"""Session parameters: those that mean something here or that clients ask for, with their defaults.

Source: docs.snowflake.com/en/sql-reference/parameters
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.catalog import retention

DEFAULTS: dict[str, Any] = {
    "ABORT_DETACHED_QUERY": False,
    "AUTOCOMMIT": True,
    "BINARY_INPUT_FORMAT": "HEX",
    "BINARY_OUTPUT_FORMAT": "HEX",
    "CLIENT_SESSION_KEEP_ALIVE": False,
    "CLIENT_TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_LTZ",
    "DATA_RETENTION_TIME_IN_DAYS": 1,
    "DATE_INPUT_FORMAT": "AUTO",
    "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
    "ENABLE_STRUCTURED_TYPES_IN_CLIENT_RESPONSE": False,
    "ENABLE_STRUCTURED_TYPES_IN_FDN_TABLES": True,
    "ENABLE_STRUCTURED_TYPES_NATIVE_ARROW_FORMAT": False,
    "ERROR_ON_NONDETERMINISTIC_MERGE": True,
    "ERROR_ON_NONDETERMINISTIC_UPDATE": False,
    "EVENT_TABLE": "",
    "FORCE_ENABLE_STRUCTURED_TYPES_NATIVE_ARROW_FORMAT": False,
    "IGNORE_CLIENT_VESRION_IN_STRUCTURED_TYPES_RESPONSE": False,
    "LOCK_TIMEOUT": 43_200,
    "LOG_LEVEL": "INFO",
    "MAX_DATA_EXTENSION_TIME_IN_DAYS": 14,
    "METRIC_LEVEL": "NONE",
    "MULTI_STATEMENT_COUNT": 1,
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
    "PYTHON_SNOWPARK_USE_SCOPED_TEMP_OBJECTS": True,
    "QUERY_TAG": "",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
    "STATEMENT_TIMEOUT_IN_SECONDS": 172_800,
    "TIMESTAMP_INPUT_FORMAT": "AUTO",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": "",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3",
    "TIMESTAMP_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": "",
    "TIMEZONE": "UTC",
    "TIME_INPUT_FORMAT": "AUTO",
    "TIME_OUTPUT_FORMAT": "HH24:MI:SS",
    "TRACE_LEVEL": "ALWAYS",
    "TRANSACTION_ABORT_ON_ERROR": False,
    "TWO_DIGIT_CENTURY_START": 1970,
    "USE_CACHED_RESULT": True,
    "WEEK_OF_YEAR_POLICY": 0,
    "WEEK_START": 0,
}
"""Parameters that can be set, and what they are when nobody does. Local defaults differ from an account's where one
machine wants it: TIMEZONE is UTC, LOG_LEVEL and TRACE_LEVEL are on."""

NOT_OF_SESSIONS = frozenset(retention.DEFAULTS)
"""Parameters of the account and of objects, which a session cannot set."""

OF_TASKS = (
    *("USER_TASK_TIMEOUT_MS", "SUSPEND_TASK_AFTER_NUM_FAILURES", "TASK_AUTO_RETRY_ATTEMPTS"),
    *("USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE", "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS"),
    *("SERVERLESS_TASK_MIN_STATEMENT_SIZE", "SERVERLESS_TASK_MAX_STATEMENT_SIZE"),
)
"""Parameters of single tasks; an account could set them for all of its tasks, too."""

_NOT_HERE = frozenset(
    {
        *("ALLOW_CLIENT_MFA_CACHING", "ALLOW_ID_TOKEN", "CATALOG", "CLIENT_ENCRYPTION_KEY_SIZE", "CLIENT_MEMORY_LIMIT"),
        *("CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX", "CLIENT_PREFETCH_THREADS", "CLIENT_RESULT_CHUNK_SIZE"),
        *("CLIENT_RESULT_COLUMN_CASE_INSENSITIVE", "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY"),
        *("CSV_TIMESTAMP_FORMAT", "DEFAULT_DDL_COLLATION", "DEFAULT_NULL_ORDERING", "EXTERNAL_VOLUME"),
        *("ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION", "GEOGRAPHY_OUTPUT_FORMAT", "GEOMETRY_OUTPUT_FORMAT"),
        *("HYBRID_TABLE_LOCK_TIMEOUT", "JDBC_TREAT_DECIMAL_AS_INT", "JDBC_TREAT_TIMESTAMP_NTZ_AS_UTC"),
        *("JDBC_USE_SESSION_TIMEZONE", "JSON_INDENT", "JS_TREAT_INTEGER_AS_BIGINT", "MIN_DATA_RETENTION_TIME_IN_DAYS"),
        *("NETWORK_POLICY", "NOORDER_SEQUENCE_AS_DEFAULT", "ODBC_TREAT_DECIMAL_AS_INT", "PERIODIC_DATA_REKEYING"),
        *("PIPE_EXECUTION_PAUSED", "REPLACE_INVALID_CHARACTERS", "ROWS_PER_RESULTSET", "S3_STAGE_VPCE_DNS_NAME"),
        *("SEARCH_PATH", "SIMULATED_DATA_SHARING_CONSUMER", "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS"),
        *("STORAGE_SERIALIZATION_POLICY", "STRICT_JSON_OUTPUT", "TIMESTAMP_DAY_IS_ALWAYS_24H"),
        "UNSUPPORTED_DDL_ACTION",
    }
)
"""Parameters of an account's that do not exist here."""

STATEMENT_COUNT = "MULTI_STATEMENT_COUNT"
STATEMENT_TIMEOUT = "STATEMENT_TIMEOUT_IN_SECONDS"

_LONGEST_TAG = 2_000

_FIXED_HERE = frozenset(
    {
        *("ABORT_DETACHED_QUERY", "BINARY_INPUT_FORMAT", "BINARY_OUTPUT_FORMAT", "METRIC_LEVEL"),
        "QUOTED_IDENTIFIERS_IGNORE_CASE",
        "ENABLE_STRUCTURED_TYPES_IN_FDN_TABLES",
    }
)
"""Parameters whose other values would change results and are not supported yet."""


def _invalid(name: str, value: Any) -> SqlError:
    return SqlError(f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'", 1008, "22023")


def _zone(name: str, value: str) -> str:
    """The name of a time zone in the machine's IANA list, in its own spelling."""
    found = _zones().get(value.lower())
    if found is None:
        raise _invalid(name, value)
    return found


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {zone.lower(): zone for zone in available_timezones()}


def _within(low: int, high: int) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if not low <= value <= high:
            raise _invalid(name, value)
        return value

    return check


def _mapping(name: str, value: str) -> str:
    if value.upper() not in ("TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"):
        raise _invalid(name, value)
    return value.upper()


def _short(name: str, value: str) -> str:
    if len(value) > _LONGEST_TAG:
        raise _invalid(name, f"{value[:20]}...")
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "TIMEZONE": _zone,
    "TIMESTAMP_TYPE_MAPPING": _mapping,
    STATEMENT_TIMEOUT: _within(0, 604_800),
    "LOCK_TIMEOUT": _within(0, 1 << 31),
    "WEEK_START": _within(0, 7),
    "WEEK_OF_YEAR_POLICY": _within(0, 1),
    "QUERY_TAG": _short,
}
"""Parameters whose values are looked at more closely."""


_OF_REQUESTS = frozenset({STATEMENT_COUNT, STATEMENT_TIMEOUT, "QUERY_TAG"})


def of_statement(given: Mapping[str, Any]) -> dict[str, Any]:
    """The session parameters that a request sets for itself. Those that are read from the request itself do not count,
    nor does what is no session parameter: clients send names of their own along.

    Raises:
        SqlError: a value does not fit its parameter.
    """
    return {
        name: checked(name, value) for name, value in given.items() if name in DEFAULTS and name not in _OF_REQUESTS
    }


def check_name(name: str) -> None:
    """Check that there is a parameter of that name.

    Raises:
        SqlError: 001003 when nobody has it, 000002 when an account does.
    """
    if name in OF_TASKS:
        raise unsupported(f"parameter {name} but for a single task")
    if name in _NOT_HERE:
        raise unsupported(f"parameter {name}")
    if name not in DEFAULTS:
        raise SqlError(f"SQL compilation error:\ninvalid parameter '{name}'", 1003, "42000")


def checked(name: str, value: Any) -> Any:
    """`value` in the parameter's own type.

    Raises:
        SqlError: as `check_name`; 001008 for a value of the wrong type or out of bounds, 000002 for one that is not
            supported here.
    """
    check_name(name)
    default = DEFAULTS[name]
    try:
        if isinstance(default, bool):
            text = str(value).lower()
            if text not in ("true", "false"):
                raise ValueError
            value = text == "true"
        elif isinstance(default, int):
            value = int(value)
        else:
            value = str(value)
    except (TypeError, ValueError) as error:
        raise _invalid(name, value) from error
    if name in retention.DEFAULTS:
        retention.checked_days(name, value)
    if name in _CHECKS:
        value = _CHECKS[name](name, value)
    if name in _FIXED_HERE and str(value).upper() != str(default).upper():
        raise unsupported(f"parameter {name} = {value}")
    return value
