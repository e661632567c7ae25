"""What a client asks a session to execute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snowmelt.base.value import Value


@dataclass(frozen=True)
class Binding:
    """One bind variable as it stands on the wire.

    Attributes:
        type: the wire's type name, such as ``FIXED``, ``TEXT`` or ``TIMESTAMP_NTZ``.
        value: its text, None for NULL, or a list of those for an array bind (one statement per element).
    """

    type: str
    value: str | list[str | None] | None


@dataclass(frozen=True)
class Request:
    """One call of `Session.execute`.

    Attributes:
        text: the SQL text; one statement, or several where MULTI_STATEMENT_COUNT allows it.
        query_id: the id that the result and the history bear.
        bindings: by position (``"1"``, ``"2"``) or by name.
        describe_only: answer the result's columns without running anything.
        parameters: parameters for this statement only (QUERY_TAG, MULTI_STATEMENT_COUNT, ...).
        values: what the variables of a block stand for, by the names of the binds as they are written.
        client_generated: the client's library made the statement, not its user.
        bind_stage: the location of files with the rows of an array bind that was too large for the request.
    """

    text: str
    query_id: str
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    describe_only: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    client_generated: bool = False
    bind_stage: str | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
