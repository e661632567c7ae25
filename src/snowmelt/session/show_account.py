"""SHOW of what belongs to the account or the session: warehouses, parameters, variables."""

from __future__ import annotations

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR
from snowmelt.base.errors import object_missing, unsupported
from snowmelt.catalog import retention
from snowmelt.catalog.names import Name
from snowmelt.catalog.objects import Database, Table, Task
from snowmelt.session.definitions import existing
from snowmelt.session.parameters import DEFAULTS, NOT_OF_SESSIONS
from snowmelt.session.session import Session
from snowmelt.session.show_scope import Shown, columns
from snowmelt.session.task_options import task_parameters
from snowmelt.session.warehouses import PROPERTIES, warehouses
from snowmelt.sql.statements import Show


def show_warehouses(session: Session, statement: Show) -> Shown:
    """SHOW WAREHOUSES."""
    rows = []
    for w in warehouses(session):
        o = {**PROPERTIES, **w.options}
        running = 0 if w.suspended else 1
        auto_suspend = o["AUTO_SUSPEND"]
        rows.append(
            (
                w.name,
                "SUSPENDED" if w.suspended else "STARTED",
                o["WAREHOUSE_TYPE"],
                o["WAREHOUSE_SIZE"],
                o["MIN_CLUSTER_COUNT"],
                o["MAX_CLUSTER_COUNT"],
                running,
                0,
                0,
                "N",
                "Y" if w.name == session.warehouse else "N",
                auto_suspend if isinstance(auto_suspend, int) else None,
                _truth(o["AUTO_RESUME"]),
                "" if w.suspended else "100",
                "",
                "",
                "",
                w.created_on,
                w.resumed_on,
                w.updated_on,
                w.owner,
                w.comment,
                _truth(o["ENABLE_QUERY_ACCELERATION"]),
                o["QUERY_ACCELERATION_MAX_SCALE_FACTOR"],
                str(o["RESOURCE_MONITOR"]),
                running,
                0,
                0,
                0,
                str(w.id),
                o["SCALING_POLICY"],
                None,
                "ROLE",
                o["RESOURCE_CONSTRAINT"],
            )
        )
    numbers = (
        *("min_cluster_count", "max_cluster_count", "started_clusters", "running", "queued", "auto_suspend"),
        *("query_acceleration_max_scale_factor", "actives", "pendings", "failed", "suspended"),
    )
    header = columns(
        "name state type size min_cluster_count max_cluster_count started_clusters running queued is_default "
        "is_current auto_suspend auto_resume available provisioning quiescing other created_on resumed_on updated_on "
        "owner comment enable_query_acceleration query_acceleration_max_scale_factor resource_monitor actives pendings "
        "failed suspended uuid scaling_policy budget owner_role_type resource_constraint",
        **dict.fromkeys(numbers, NUMBER),
        resumed_on=TIMESTAMP_LTZ,
        updated_on=TIMESTAMP_LTZ,
    )
    return header, rows


def _truth(value: object) -> str:
    return "true" if value else "false"


def show_parameters(session: Session, statement: Show) -> Shown:
    """SHOW PARAMETERS: the values of the session, the account, or one object, and where each was set."""
    header = [(n, VARCHAR) for n in ("key", "value", "default", "level", "description", "type")]
    account = session.services.account
    if statement.scope == "TASK" and statement.scope_name is not None:
        task = existing(session, Task, session.scope.full(statement.scope_name))
        return header, [_parameter(*found) for found in task_parameters(task, account)]
    own = {} if statement.scope == "ACCOUNT" else session.core.parameters
    names = [name for name in DEFAULTS if statement.scope != "SESSION" or name not in NOT_OF_SESSIONS]
    item = None
    if statement.scope not in ("", "SESSION", "ACCOUNT"):
        item = _holder(session, statement)
        names = [*retention.DEFAULTS, *(["EVENT_TABLE"] if isinstance(item, Database) else [])]
    rows = []
    for name in names:
        value, level = DEFAULTS[name], ""
        if name in account:
            value, level = account[name], "ACCOUNT"
        if name in own:
            value, level = own[name], "SESSION"
        if name == "EVENT_TABLE" and isinstance(item, Database):
            level, value = (level, value) if item.event_table is None else ("DATABASE", str(item.event_table))
        elif item is not None:
            found = retention.set_at(session.services.engine.catalog, name, item)
            level, value = (level, value) if found is None else found
        rows.append(_parameter(name, value, DEFAULTS[name], level))
    return header, rows


_KINDS = {bool: "BOOLEAN", int: "NUMBER", str: "STRING"}


def _parameter(name: str, value: object, default: object, level: str) -> tuple[str, ...]:
    return (name, _shown(value), _shown(default), level, "", _KINDS[type(default)])


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _holder(session: Session, statement: Show) -> retention.Holder:
    """The object whose parameters are shown.

    Raises:
        SqlError: 002003 when there is none, 000002 for kinds that have no parameters here.
    """
    catalog, name = session.services.engine.catalog, statement.scope_name
    match statement.scope:
        case "DATABASE" if name is not None or session.database is not None:
            return catalog.database(name.name if name is not None else str(session.database))
        case "SCHEMA" if name is not None or session.schema is not None:
            database, schema = session.scope.schema_name(name or Name(str(session.schema)))
            return catalog.schema(database, schema)
        case "TABLE" if name is not None:
            found = session.relation(session.scope.full(name))
            if not isinstance(found, Table):
                raise object_missing("Table", str(name))
            return found
    raise unsupported(f"SHOW PARAMETERS IN {statement.scope}")


def show_variables(session: Session, statement: Show) -> Shown:
    """SHOW VARIABLES."""
    rows = [(str(session.id), n, str(v), type(v).__name__) for n, v in sorted(session.core.variables.items())]
    return columns("session_id name value type"), rows


def show_integrations(session: Session, statement: Show) -> Shown:
    """SHOW INTEGRATIONS: there are none, as no CREATE INTEGRATION is taken."""
    return columns("name type category enabled comment created_on"), []
