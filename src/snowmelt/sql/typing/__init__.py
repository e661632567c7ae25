"""Snowflake's static types of expressions.

`annotate` walks a query once, after its sources are known, and notes at each expression the Snowflake type that the
account would give it; `type_of` reads that note. None means that the type is not known: whoever asks then leaves the
expression as it is. Rules that depend on operands' types (scales of quotients, VARIANT beside text, ...) come after
this pass in `snowmelt.sql.rewrite.rules`.
"""

from snowmelt.sql.typing.annotate import annotate, type_of
from snowmelt.sql.typing.operators import as_number
from snowmelt.sql.typing.refine import refined

__all__ = ["annotate", "as_number", "refined", "type_of"]
