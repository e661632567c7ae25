"""The one user: ALTER USER of its public keys, DESCRIBE USER.

Source: docs.snowflake.com/en/sql-reference/sql/alter-user and .../desc-user
"""

from __future__ import annotations

from snowmelt.base.datatypes import VARCHAR
from snowmelt.base.errors import object_missing, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, status_result
from snowmelt.catalog.names import Name
from snowmelt.session.keys import PROPERTIES, fingerprint, public_key
from snowmelt.session.session import Session
from snowmelt.session.show_scope import Rows, Shown
from snowmelt.session.show_users import DEFAULT_ROLE
from snowmelt.sql.statements import AlterUser


def alter_user(session: Session, statement: AlterUser, request: Request) -> Result:
    """ALTER USER name SET or UNSET RSA_PUBLIC_KEY, RSA_PUBLIC_KEY_2.

    Raises:
        SqlError: 002003 for another user, 000002 for another property, 003543 for a key that is none.
    """
    if not _is_user(session, statement.name):
        if statement.if_exists:
            return status_result("Statement executed successfully.")
        raise object_missing("User", str(statement.name))
    for name, value in statement.values.items():
        if name not in PROPERTIES:
            raise unsupported(f"ALTER USER ... {name}")
        if value is not None:
            public_key(str(value))
    connection = session.core.connection
    for name, value in statement.values.items():
        connection.run("DELETE FROM snowmelt.user_keys WHERE property = ?", [name])
        if value is None:
            session.services.user_keys.pop(name, None)
        else:
            connection.run("INSERT INTO snowmelt.user_keys VALUES (?, ?)", [name, str(value)])
            session.services.user_keys[name] = str(value)
    return status_result("Statement executed successfully.")


def describe_user(session: Session, name: Name) -> Shown:
    """DESCRIBE USER: the properties that there are here.

    Raises:
        SqlError: 002003 for another user.
    """
    if not _is_user(session, name):
        raise object_missing("User", str(name))
    user = session.services.settings.user.upper()
    rows: Rows = [
        ("NAME", user, None, "Name"),
        ("LOGIN_NAME", user, None, "Login name of the user"),
        ("PASSWORD", "********", None, "Password of the user"),
        ("DISABLED", "false", "false", "Whether the user is disabled"),
        ("DEFAULT_ROLE", DEFAULT_ROLE, None, "Primary principal of user session will be set to this role"),
    ]
    keys = session.services.user_keys
    for key in PROPERTIES:
        text = keys.get(key)
        rows.append((key, text, None, "RSA public key of the user"))
        shown = None if text is None else fingerprint(public_key(text))
        rows.append((f"{key}_FP", shown, None, "Fingerprint of user's RSA public key."))
    return [(column, VARCHAR) for column in ("property", "value", "default", "description")], rows


def _is_user(session: Session, name: Name) -> bool:
    return name.schema is None and name.name.upper() == session.services.settings.user.upper()
