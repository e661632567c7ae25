"""SHOW of what belongs to the account or the session: warehouses, parameters, variables."""

from __future__ import annotations

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR
from snowmelt.session.parameters import DEFAULTS
from snowmelt.session.session import Session
from snowmelt.session.show_scope import Shown, columns
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
    """SHOW PARAMETERS: the current values, and where each was set."""
    current = session.parameters()
    kinds = {bool: "BOOLEAN", int: "NUMBER", str: "STRING"}
    rows = []
    for name, default in DEFAULTS.items():
        value = current[name]
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        usual = str(default).lower() if isinstance(default, bool) else str(default)
        level = "SESSION" if name in session.core.parameters else "ACCOUNT" if name in session.services.account else ""
        rows.append((name, shown, usual, level, "", kinds[type(default)]))
    return [(n, VARCHAR) for n in ("key", "value", "default", "level", "description", "type")], rows


def show_variables(session: Session, statement: Show) -> Shown:
    """SHOW VARIABLES."""
    rows = [(str(session.id), n, str(v), type(v).__name__) for n, v in sorted(session.core.variables.items())]
    return columns("session_id name value type"), rows
