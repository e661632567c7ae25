"""Plans, constant results and descriptions kept for a statement's text: clients send most texts several times, often
first to describe.

An entry belongs to what its plan was made from: the catalog, the session's temporary objects, what its transaction has
changed, its parameters and where its names are looked for. When one of these has changed since, the entry is not found
any more.
"""

from __future__ import annotations

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

_MAX_ENTRIES = 256
_MAX_TEXT = 20_000


class PlanCache:
    """One session's plans by what they depend on; those longest not used go first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, Kept] = OrderedDict()

    def get(self, key: Hashable) -> Kept | None:
        """What is kept under `key`."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: Hashable | None, kept: Kept) -> None:
        """Keep a plan or a description, unless `key` says that it is not to be kept."""
        if key is None:
            return
        self._entries[key] = kept
        if len(self._entries) > _MAX_ENTRIES:
            self._entries.popitem(last=False)


def cache_key(session: Session, request: Request, text: str) -> Hashable | None:
    """What the plan of a statement `text` depends on; None when it is not to be kept: binds and variables may stand for
    anything, even for names.
    """
    core = session.core
    if request.bindings or request.values or core.variables or len(text) > _MAX_TEXT:
        return None
    return (
        text,
        request.describe_only,
        session.database,
        session.schema,
        session.services.engine.catalog.version,
        core.temporary.version,
        None if core.transaction is None else core.transaction.shape,
        core.parameters.version,
        tuple(sorted(of_statement(request.parameters).items())),
        session.services.account.version,
    )
