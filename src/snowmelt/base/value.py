"""One SQL value with its type: what a variable of a block or an argument of a procedure holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snowmelt.base.datatypes import DataType


@dataclass(frozen=True, slots=True)
class Value:
    """A value in the Python form in which Arrow hands it over (semi-structured ones as JSON text), and its type."""

    value: Any
    type: DataType
