"""How long the past of objects is kept: parameters of the account, a database, a schema or a table, whichever is
nearest.

Source: docs.snowflake.com/en/user-guide/data-time-travel, .../sql-reference/parameters#data-retention-time-in-days
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from snowmelt.base.errors import SqlError
from snowmelt.catalog.catalog import Catalog
from snowmelt.catalog.objects import Database, Durability, Schema, SchemaObject, Table

RETENTION = "DATA_RETENTION_TIME_IN_DAYS"
EXTENSION = "MAX_DATA_EXTENSION_TIME_IN_DAYS"

DEFAULTS = {RETENTION: 1, EXTENSION: 14}
_MAX = 90

Holder = Database | Schema | SchemaObject


def checked_days(name: str, value: Any, *, transient: bool = False) -> int:
    """A number of days that one of the two parameters is set to.

    Raises:
        SqlError: 001008 for anything but 0 to 90, or 0 to 1 for the retention of what is transient or temporary.
    """
    most = 1 if transient and name == RETENTION else _MAX
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise SqlError(f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'", 1008, "22023")
    return value


def retention_of(catalog: Catalog, account: Mapping[str, Any], item: Holder) -> timedelta:
    """For how long the past of an object can be asked for, and it be undropped."""
    transient = isinstance(item, Table) and item.durability is not Durability.PERMANENT
    days = _days(catalog, account, RETENTION, item)
    for holder in _holders(catalog, item):
        transient = transient or (isinstance(holder, (Database, Schema)) and holder.transient)
    return timedelta(days=min(days, 1) if transient else days)


def extended_retention_of(catalog: Catalog, account: Mapping[str, Any], item: Holder) -> timedelta:
    """For how long the past of a table is kept for streams that have not read it."""
    extension = timedelta(days=_days(catalog, account, EXTENSION, item))
    return max(retention_of(catalog, account, item), extension)


def set_at(catalog: Catalog, name: str, item: Holder) -> tuple[str, int] | None:
    """Where one of the two parameters is set for an object (``TABLE``, ``SCHEMA`` or ``DATABASE``) and its value; None
    when neither the object nor what holds it says anything.
    """
    for holder in _holders(catalog, item):
        days = holder.retention_days if name == RETENTION else holder.extension_days
        if days is not None:
            return type(holder).__name__.upper(), days
    return None


def _days(catalog: Catalog, account: Mapping[str, Any], name: str, item: Holder) -> int:
    found = set_at(catalog, name, item)
    return found[1] if found is not None else int(account.get(name, DEFAULTS[name]))


def _holders(catalog: Catalog, item: Holder) -> list[Table | Schema | Database]:
    """What may say how long an object is kept, nearest first."""
    found: list[Table | Schema | Database | None] = []
    if isinstance(item, SchemaObject):
        full = item.full_name
        found += [item] if isinstance(item, Table) else []
        found += [catalog.find_schema(full.database, full.schema), catalog.find_database(full.database)]
    elif isinstance(item, Schema):
        found += [item, catalog.find_database(item.database)]
    else:
        found.append(item)
    return [each for each in found if each is not None]
