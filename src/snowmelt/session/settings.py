"""USE, SET, ALTER SESSION / ACCOUNT, and transactions."""

from __future__ import annotations

import json

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.request import Request
from snowmelt.base.result import Result, StatementType, status_result
from snowmelt.session.containers import event_table
from snowmelt.session.parameters import NOT_OF_SESSIONS, check_name, checked
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.queries import release
from snowmelt.session.session import Session
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.sql.statements import AlterParameters, SetVariable, Transaction, UnsetVariable, Use

_DONE = "Statement executed successfully."
_MAX_VARIABLE = 256


def use(session: Session, statement: Use, request: Request) -> Result:
    """USE [DATABASE | SCHEMA | ROLE | WAREHOUSE] name."""
    catalog = session.services.engine.catalog
    name = statement.name
    match statement.kind:
        case "ROLE":
            session.role = name.name
        case "WAREHOUSE":
            session.warehouse = name.name
        case "SECONDARY ROLES":
            pass  # roles are names here: there is nothing that secondary ones could add
        case "SCHEMA" if name.schema is None and session.database is None:
            session.scope.schema_name(name)
        case "SCHEMA":
            database, schema = session.scope.schema_name(name)
            catalog.check_schema(database, schema)
            session.database, session.schema = database, schema
        case _ if name.schema is not None:
            catalog.check_schema(name.schema, name.name)
            session.database, session.schema = name.schema, name.name
        case _:
            catalog.database(name.name)
            public = ("SCHEMA", name.name, "PUBLIC") in catalog.entities
            session.database, session.schema = name.name, "PUBLIC" if public else None
    return status_result(_DONE, StatementType.USE)


def set_variable(session: Session, statement: SetVariable, request: Request) -> Result:
    """SET name = expression."""
    values = []
    for expression in statement.values:
        planner = SessionPlanner(session, request)
        try:
            text = planner.at_once(f"SELECT {rewrite(expression, planner)}")
            values.append(session.core.connection.scalar(text))
        finally:
            release(session, planner)
    for name, value in zip(statement.names, values, strict=True):
        if isinstance(value, str) and len(value) > _MAX_VARIABLE:
            raise SqlError(
                f"Assignment to '{name}' not done because value exceeds size limit for variables. "
                f"Its size is {len(value)}; the limit is {_MAX_VARIABLE} (internal storage size in bytes).",
                1062,
                "22000",
            )
        session.core.variables[name] = value
    return status_result(_DONE, StatementType.SET)


def unset_variable(session: Session, statement: UnsetVariable, request: Request) -> Result:
    """UNSET name."""
    for name in statement.names:
        session.core.variables.pop(name, None)
    return status_result(_DONE, StatementType.SET)


def alter_parameters(session: Session, statement: AlterParameters, request: Request) -> Result:
    """ALTER SESSION or ACCOUNT SET / UNSET parameters."""
    for name in statement.values:
        check_name(name)
    if statement.scope == "ACCOUNT":
        for name, value in statement.values.items():
            if value is not None and name != "EVENT_TABLE":
                checked(name, value)  # all or none
        for name, value in statement.values.items():
            _alter_account(session, name, value)
        return status_result(_DONE, StatementType.ALTER_SESSION)
    if statement.scope != "SESSION":
        raise unsupported(f"ALTER {statement.scope}")
    for name in NOT_OF_SESSIONS & statement.values.keys():
        raise SqlError(f"SQL compilation error:\ninvalid parameter '{name}'", 1003, "42000")
    values = {name: None if value is None else checked(name, value) for name, value in statement.values.items()}
    if "AUTOCOMMIT" in values:
        if session.core.depth:
            raise SqlError("AUTOCOMMIT cannot be changed inside a stored procedure.", 90234, "25000")
        session.core.commit()
    for name, value in values.items():
        if value is None:
            session.core.parameters.pop(name, None)
        else:
            session.core.parameters[name] = value
    return status_result(_DONE, StatementType.ALTER_SESSION)


def _alter_account(session: Session, name: str, value: object) -> None:
    """Set or unset a parameter of the account; EVENT_TABLE must name an event table."""
    account = session.services.account
    if value is None:
        account.pop(name, None)
    elif name == "EVENT_TABLE":
        account[name] = str(event_table(session, str(value)))
    else:
        account[name] = checked(name, value)
    connection = session.core.connection
    connection.run("DELETE FROM snowmelt.parameters WHERE name = ?", [name])
    if value is not None:
        connection.run("INSERT INTO snowmelt.parameters VALUES (?, ?)", [name, json.dumps(account[name])])


def transaction(session: Session, statement: Transaction, request: Request) -> Result:
    """BEGIN, COMMIT, ROLLBACK."""
    match statement.action:
        case "BEGIN":
            session.core.begin(statement.name)
        case "COMMIT":
            session.core.commit()
        case "ROLLBACK":
            session.core.rollback()
        case _:
            raise unsupported(statement.action)
    return status_result(_DONE, StatementType.TRANSACTION)
