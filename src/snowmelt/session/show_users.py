"""SHOW ROLES and SHOW USERS. Roles are names here: nothing is checked by them, and nothing can be granted.

Source: docs.snowflake.com/en/sql-reference/sql/show-roles and .../show-users
"""

from __future__ import annotations

from typing import Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ
from snowmelt.session.keys import PROPERTIES
from snowmelt.session.session import Session
from snowmelt.session.show_scope import Shown, columns
from snowmelt.sql.statements import Show

DEFAULT_ROLE = "ACCOUNTADMIN"

_GRANTED: dict[str, tuple[str, ...]] = {
    "ACCOUNTADMIN": ("SECURITYADMIN", "SYSADMIN"),
    "PUBLIC": (),
    "SECURITYADMIN": ("USERADMIN",),
    "SYSADMIN": (),
    "USERADMIN": (),
}
"""The roles that every account has, with those granted to each; PUBLIC is granted to all without being counted.

Source: docs.snowflake.com/en/user-guide/security-access-control-overview
"""


def show_roles(session: Session, statement: Show) -> Shown:
    """SHOW ROLES: the roles of every account, and the current one."""
    current = session.role or ""
    names = sorted({*_GRANTED, current} - {""})
    inherited = _inherited(current)
    rows = [
        (
            None,
            name,
            _mark(name == DEFAULT_ROLE),
            _mark(name == current),
            _mark(name in inherited),
            int(name == DEFAULT_ROLE),
            sum(name in granted for granted in _GRANTED.values()),
            len(_GRANTED.get(name, ())),
            "",
            "",
        )
        for name in names
    ]
    header = columns(
        "created_on name is_default is_current is_inherited assigned_to_users granted_to_roles granted_roles owner "
        "comment",
        **dict.fromkeys(("assigned_to_users", "granted_to_roles", "granted_roles"), NUMBER),
    )
    return header, rows


def _inherited(role: str) -> set[str]:
    """The roles whose privileges a role has besides its own."""
    found: set[str] = {"PUBLIC"} - {role}
    waiting = list(_GRANTED.get(role, ()))
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += _GRANTED.get(name, ())
    return found


def _mark(flag: bool) -> str:
    return "Y" if flag else "N"


def show_users(session: Session, statement: Show) -> Shown:
    """SHOW USERS: the one user."""
    user = session.services.settings.user.upper()
    has_key = any(session.services.user_keys.get(key) for key in PROPERTIES)
    known: dict[str, Any] = {
        "name": user,
        "login_name": user,
        "display_name": user,
        "comment": "",
        "disabled": "false",
        "must_change_password": "false",
        "snowflake_lock": "false",
        "default_role": DEFAULT_ROLE,
        "default_secondary_roles": '["ALL"]',
        "ext_authn_duo": "false",
        "owner": DEFAULT_ROLE,
        "has_password": "true",
        "has_rsa_public_key": "true" if has_key else "false",
        "has_mfa": "false",
        "has_pat": "false",
        "has_federated_workload_authentication": "false",
    }
    times = ("last_success_login", "expires_at_time", "locked_until_time")
    header = columns(
        "name created_on login_name display_name first_name last_name email mins_to_unlock days_to_expiry comment "
        "disabled must_change_password snowflake_lock default_warehouse default_namespace default_role "
        "default_secondary_roles ext_authn_duo ext_authn_uid mins_to_bypass_mfa owner last_success_login "
        "expires_at_time locked_until_time has_password has_rsa_public_key type has_mfa has_pat "
        "has_federated_workload_authentication",
        **dict.fromkeys(times, TIMESTAMP_LTZ),
    )
    return header, [tuple(known.get(name) for name, _ in header)]
