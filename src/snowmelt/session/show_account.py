"""SHOW of what belongs to the account or the session: warehouses, parameters, variables."""

from __future__ import annotations

from snowmelt.base.datatypes import NUMBER, VARCHAR
from snowmelt.session.parameters import DEFAULTS
from snowmelt.session.session import Session
from snowmelt.session.show_scope import Shown, columns
from snowmelt.sql.statements import Show


def show_warehouses(session: Session, statement: Show) -> Shown:
    """SHOW WAREHOUSES: the current one."""
    name = session.warehouse or "COMPUTE_WH"
    row = (
        name,
        "STARTED",
        "STANDARD",
        "X-Small",
        1,
        1,
        1,
        0,
        0,
        "N",
        "Y",
        None,
        "ACCOUNTADMIN",
        "one machine",
        "STANDARD_GEN_1",
    )
    return columns(
        "name state type size min_cluster_count max_cluster_count started_clusters running queued is_default "
        "is_current auto_suspend owner comment resource_constraint",
        min_cluster_count=NUMBER,
        max_cluster_count=NUMBER,
        started_clusters=NUMBER,
        running=NUMBER,
        queued=NUMBER,
        auto_suspend=NUMBER,
    ), [row]


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
