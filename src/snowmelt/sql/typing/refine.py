"""Result columns: what the engine says of them, and what Snowflake's rules say."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from snowmelt.base.datatypes import NUMBER, SEMI_STRUCTURED, DataType, Kind, optional
from snowmelt.base.result import Column


def refined(columns: Sequence[Column], types: Sequence[DataType | None] | None) -> tuple[Column, ...]:
    """`columns` with the types that were inferred for them, where these describe the engine's values, and whether they
    may be null.
    """
    if types is None or len(types) != len(columns):
        types = [None] * len(columns)
    return tuple(
        dataclasses.replace(
            column,
            type=_refined(column.type, None if inferred is None else optional(inferred)),
            nullable=column.nullable if inferred is None else inferred.nullable,
        )
        for column, inferred in zip(columns, types, strict=True)
    )


def _refined(found: DataType, inferred: DataType | None) -> DataType:
    if inferred is None:
        # The engine's widths of integers are its own; Snowflake's integers have 38 digits.
        return NUMBER if found.kind is Kind.FIXED and not found.scale else found
    if found.kind is Kind.FIXED and inferred.kind is Kind.FIXED:
        return inferred if (found.scale or 0) <= (inferred.scale or 0) else found
    if found.kind is inferred.kind or {found.kind, inferred.kind} <= SEMI_STRUCTURED:
        return inferred
    return found
