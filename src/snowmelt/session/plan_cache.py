"""Plans, constant results and descriptions kept for a statement's text: clients send most texts several times, often
first to describe, and a task sends the same ones with each run, in a session that is new.

An entry belongs to what its plan was made from: the catalog, the session's temporary objects, what its transaction has
changed, its parameters and where its names are looked for. A session for which all this is the same finds the entry,
and when something of it has changed, it is not found any more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING

from snowmelt.base.request import Request
from snowmelt.base.result import Column, Result
from snowmelt.plan.steps import Plan
from snowmelt.session.parameters import of_statement

if TYPE_CHECKING:
    from snowmelt.session.session import Session

Kept = Plan | Result | tuple[Column, ...]
"""A plan to run again, the rows of a query of constants, or the columns of a description."""

_MAX_ENTRIES = 1_024
_MAX_TEXT = 20_000


class PlanCache:
    """All sessions' plans by what they depend on; those longest not used go first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable | None) -> Kept | None:
        """What is kept under `key`; nothing is under None."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: Hashable | None, kept: Kept) -> None:
        """Keep a plan or a description, unless `key` says that it is not to be kept."""
        if key is None:
            return
        with self._lock:
            self._entries[key] = kept
            if len(self._entries) > _MAX_ENTRIES:
                self._entries.popitem(last=False)


def cache_key(session: Session, request: Request, text: str) -> Hashable | None:
    """What the plan of a statement `text` depends on; None when it is not to be kept: binds and variables may stand for
    anything, even for names.
    """
    return None if request.bindings else _key(session, request, text)


def change_key(session: Session, request: Request, text: str) -> Hashable | None:
    """The same for a statement that changes rows: an explicit transaction keeps apart what each of its own changes, and
    binds may be `told` to a plan.
    """
    key, transaction, binds = _key(session, request, text), session.core.transaction, told(request)
    if key is None or binds is None:
        return None
    lengths = tuple((place, len(value)) for place, value in binds.items())
    return key, lengths, 0 if transaction is None else transaction.statements


def told(request: Request) -> dict[str, str] | None:
    """Bind variables that a plan can be told when it is run; None when some are of another kind than plain texts."""
    found: dict[str, str] = {}
    for place, bind in request.bindings.items():
        if bind.type != "TEXT" or not isinstance(bind.value, str) or not place.isdecimal():
            return None
        found[place] = bind.value
    return found


def _key(session: Session, request: Request, text: str) -> Hashable | None:
    core = session.core
    if request.values or core.variables or len(text) > _MAX_TEXT:
        return None
    return (
        text,
        request.describe_only,
        session.database,
        session.schema,
        session.services.engine.catalog.version,
        (core.id, core.temporary.version) if core.temporary else None,
        None if core.transaction is None else core.transaction.shape,
        tuple(sorted(core.parameters.items())),
        tuple(sorted(of_statement(request.parameters).items())),
        session.services.account.version,
    )
