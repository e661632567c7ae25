"""Warehouses: names with properties that are kept and shown; the machine's cores do the work.

Every name can be used, whether created or not. COMPUTE_WH and the session's own exist without having been created.

Source: docs.snowflake.com/en/sql-reference/sql/create-warehouse
"""

from __future__ import annotations

import dataclasses
from typing import Any

from snowmelt.base.errors import SqlError, object_exists, object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.catalog import Catalog, Change, Overtaken
from snowmelt.catalog.names import display
from snowmelt.catalog.objects import Warehouse
from snowmelt.session.definitions import apply_change
from snowmelt.session.session import Session
from snowmelt.sql.statements import AlterObject, CreateWarehouse

DEFAULT_NAME = "COMPUTE_WH"

PROPERTIES: dict[str, Any] = {
    "WAREHOUSE_TYPE": "STANDARD",
    "WAREHOUSE_SIZE": "X-Small",
    "RESOURCE_CONSTRAINT": "STANDARD_GEN_1",
    "MIN_CLUSTER_COUNT": 1,
    "MAX_CLUSTER_COUNT": 1,
    "SCALING_POLICY": "STANDARD",
    "AUTO_SUSPEND": 600,
    "AUTO_RESUME": True,
    "INITIALLY_SUSPENDED": False,
    "RESOURCE_MONITOR": "null",
    "ENABLE_QUERY_ACCELERATION": False,
    "QUERY_ACCELERATION_MAX_SCALE_FACTOR": 8,
    "MAX_CONCURRENCY_LEVEL": 8,
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": 0,
    "STATEMENT_TIMEOUT_IN_SECONDS": 172_800,
}
"""Properties and their defaults, as Snowflake documents them."""

_SIZES = {
    "XSMALL": "X-Small",
    "X-SMALL": "X-Small",
    "SMALL": "Small",
    "MEDIUM": "Medium",
    "LARGE": "Large",
    "XLARGE": "X-Large",
    "X-LARGE": "X-Large",
    "XXLARGE": "2X-Large",
    "X2LARGE": "2X-Large",
    "2X-LARGE": "2X-Large",
    "XXXLARGE": "3X-Large",
    "X3LARGE": "3X-Large",
    "3X-LARGE": "3X-Large",
    "X4LARGE": "4X-Large",
    "4X-LARGE": "4X-Large",
    "X5LARGE": "5X-Large",
    "5X-LARGE": "5X-Large",
    "X6LARGE": "6X-Large",
    "6X-LARGE": "6X-Large",
}


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """Properties as they are kept.

    Raises:
        SqlError: 000002 for a property that Snowmelt does not know, 000604 for a size that Snowflake does not have.
    """
    for name in options:
        if name not in PROPERTIES:
            raise unsupported(f"warehouse property {name}")
    kept = dict(options)
    if "WAREHOUSE_SIZE" in kept:
        size = _SIZES.get(str(kept["WAREHOUSE_SIZE"]).upper())
        if size is None:
            raise SqlError(
                f"SQL compilation error:\ninvalid value [{kept['WAREHOUSE_SIZE']}] for parameter 'WAREHOUSE_SIZE'",
                1008,
                "22023",
            )
        kept["WAREHOUSE_SIZE"] = size
    return kept


def warehouse(session: Session, name: str) -> Warehouse:
    """The warehouse of that name.

    Raises:
        SqlError: 002003 when it was never created and is not one that exists anyway.
    """
    found = session.services.engine.catalog.warehouse(name)
    if found is not None:
        return found
    if name in (DEFAULT_NAME, session.warehouse):
        return Warehouse(name, 0, session.services.clock.now())
    raise object_missing("Warehouse", display(name))


def warehouses(session: Session) -> list[Warehouse]:
    """All warehouses by name, with those that exist without having been created."""
    found = {item.name: item for item in session.services.engine.catalog.warehouses()}
    implied = session.warehouse or DEFAULT_NAME
    if implied not in found and (session.warehouse is not None or not found):
        found[implied] = warehouse(session, implied)
    return [found[name] for name in sorted(found)]


def create_warehouse(session: Session, statement: CreateWarehouse, request: Request) -> Result:
    """CREATE WAREHOUSE; it becomes the session's."""
    now = session.services.clock.now()
    options = _checked(statement.options)
    made = Warehouse(
        statement.name,
        session.services.engine.next_id(),
        now,
        owner=session.role or "",
        comment=statement.comment,
        options=options,
        suspended=options.get("INITIALLY_SUSPENDED") is True,
        resumed_on=now,
        updated_on=now,
    )
    known = False

    def build(catalog: Catalog) -> Change:
        nonlocal known
        present = catalog.warehouse(statement.name)
        if present is None:
            return Change(put=(made,))
        if statement.if_not_exists:
            known = True
            return Change()
        if not statement.or_replace:
            raise object_exists(display(statement.name))
        return Change(put=(made,), drop=(present,))

    apply_change(session, build)
    if known:
        return status_result(f"{statement.name} already exists, statement succeeded.")
    session.warehouse = statement.name
    return status_result(f"Warehouse {statement.name} successfully created.")


def alter_warehouse(session: Session, statement: AlterObject) -> None:
    """ALTER WAREHOUSE."""
    old = warehouse(session, statement.name.name)
    now = session.services.clock.now()
    match statement.action:
        case "RENAME":
            new = dataclasses.replace(old, name=statement.value.name)
        case "SUSPEND" if old.suspended:
            raise SqlError(f"Invalid state. Warehouse '{old.name}' cannot be suspended.", 90064, "22000")
        case "SUSPEND":
            new = dataclasses.replace(old, suspended=True)
        case "RESUME" if not old.suspended and not statement.value:
            raise SqlError(
                f"Invalid state. Warehouse '{old.name}' was not suspended, and cannot be resumed.", 90063, "22000"
            )
        case "RESUME":
            new = dataclasses.replace(old, suspended=False, resumed_on=now)
        case "SET":
            given = dict(statement.value)
            comment = str(given.pop("COMMENT", old.comment))
            new = dataclasses.replace(old, comment=comment, options={**old.options, **_checked(given)})
        case _:
            _checked({name: None for name in statement.value if name not in ("COMMENT", "WAREHOUSE_SIZE")})
            kept = {name: value for name, value in old.options.items() if name not in statement.value}
            comment = "" if "COMMENT" in statement.value else old.comment
            new = dataclasses.replace(old, comment=comment, options=kept)
    put_warehouse(session, old, dataclasses.replace(new, updated_on=now))


def put_warehouse(session: Session, old: Warehouse, new: Warehouse) -> None:
    """Exchange a warehouse's definition; one that existed without having been created gets an id now."""
    is_new = old.id == 0
    if is_new:
        new = dataclasses.replace(new, id=session.services.engine.next_id())

    def build(catalog: Catalog) -> Change:
        if not is_new:
            catalog.check_current(old)
        elif catalog.warehouse(old.name) is not None:
            raise Overtaken(old.name)
        if new.name != old.name and catalog.warehouse(new.name) is not None:
            raise object_exists(display(new.name))
        return Change(put=(new,), drop=() if is_new or old.name == new.name else (old,))

    apply_change(session, build)
    if session.warehouse == old.name:
        session.warehouse = new.name


def drop_warehouse(session: Session, name: str) -> None:
    """DROP WAREHOUSE.

    Raises:
        SqlError: 002003 when there is none.
    """
    old = warehouse(session, name)
    if old.id:

        def build(catalog: Catalog) -> Change:
            catalog.check_current(old)
            return Change(drop=(old,))

        apply_change(session, build)
    if session.warehouse == name:
        session.warehouse = None
