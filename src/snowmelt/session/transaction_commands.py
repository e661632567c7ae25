"""SHOW TRANSACTIONS, SHOW LOCKS, DESCRIBE TRANSACTION, and aborting transactions and sessions.

Source: docs.snowflake.com/en/sql-reference/transactions#managing-transactions-and-locks
"""

from __future__ import annotations

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ
from snowmelt.base.errors import SqlError
from snowmelt.session.session import Session
from snowmelt.session.show_scope import Shown, columns
from snowmelt.sql.statements import Show


def show_transactions(session: Session, statement: Show) -> Shown:
    """SHOW TRANSACTIONS [IN ACCOUNT]: those that run, of the user or of all users."""
    rows = [
        (r.id, r.user, r.session, r.name, r.started_on, r.state, r.scope)
        for r in session.services.engine.transactions.running()
        if statement.scope == "ACCOUNT" or r.user == session.user
    ]
    header = columns(
        "id user session name started_on state scope",
        id=NUMBER,
        session=NUMBER,
        started_on=TIMESTAMP_LTZ,
        scope=NUMBER,
    )
    return header, rows


def show_locks(session: Session, statement: Show) -> Shown:
    """SHOW LOCKS [IN ACCOUNT]: locks held and waited for; in the account also whose session it is."""
    account = statement.scope == "ACCOUNT"
    name_of = session.services.engine.name_of
    rows = [
        (
            name_of(lock.resource),
            "PARTITIONS",
            lock.owner.id,
            lock.owner.started_on,
            "WAITING" if lock.acquired_on is None else "HOLDING",
            lock.acquired_on,
            lock.query_id,
            *((lock.owner.session,) if account else ()),
        )
        for lock in session.services.engine.locks.listing()
        if account or lock.owner.user == session.user
    ]
    names = "resource type transaction transaction_started_on status acquired_on query_id" + " session" * account
    times = {"transaction_started_on": TIMESTAMP_LTZ, "acquired_on": TIMESTAMP_LTZ}
    return columns(names, transaction=NUMBER, **times, **({"session": NUMBER} if account else {})), rows


def describe_transaction(session: Session, identifier: str) -> Shown:
    """DESCRIBE TRANSACTION id: an explicit transaction that runs or has ended since the server started.

    Raises:
        SqlError: 002003 when there is none of that id.
    """
    record = session.services.engine.transactions.find(int(identifier))
    if record is None:
        raise SqlError(f"Transaction '{identifier}' does not exist or not authorized.", 2003, "02000")
    header = columns(
        "id user session name started_on state ended_on",
        id=NUMBER,
        session=NUMBER,
        started_on=TIMESTAMP_LTZ,
        ended_on=TIMESTAMP_LTZ,
    )
    row = (record.id, record.user, record.session, record.name, record.started_on, record.state, record.ended_on)
    return header, [row]


def abort_transaction(session: Session, identifier: str) -> str:
    """SYSTEM$ABORT_TRANSACTION: its locks are free at once; its session can only end it."""
    engine = session.services.engine
    record = engine.transactions.find(int(identifier)) if identifier.lstrip("-").isdigit() else None
    if record is None or not engine.transactions.abort(record, "It was aborted by SYSTEM$ABORT_TRANSACTION."):
        return f"Transaction {identifier} is not running."
    engine.locks.release(record)
    for other in session.services.tokens.executors():
        if other.id == record.session and other.core is not session.core:
            for query_id in tuple(other.core.running):
                other.cancel(query_id)
    return f"Transaction {identifier} aborted."


def abort_session(session: Session, identifier: str) -> str:
    """SYSTEM$ABORT_SESSION: ends a session with whatever it is doing."""
    services = session.services
    found = [other for other in services.tokens.executors() if str(other.id) == identifier]
    if not found:
        return f"session [{identifier}] not found."
    for other in found:
        services.tokens.revoke(other)
        if other.core is session.core:
            other.ends_itself = other.parent is None
        else:
            other.close()
    return f"session [{identifier}] terminated."
