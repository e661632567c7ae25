"""What handlers return as JSON text, in which a float is a FLOAT: JSON has no word for that, so it is a string with a
mark (see marks.sql of storage), which comes off where the value is shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

_MARK = "\v "


def dumps(value: Any, default: Callable[[Any], Any] = str) -> str:
    """The text of a value; numbers and arrays of NumPy are plain ones.

    Args:
        default: makes something else of what JSON has no form for.
    """
    # The engine's marks are written in capitals.
    return json.dumps(_with_marks(value), default=default, separators=(",", ":")).replace("\\u000b", "\\u000B")


def _with_marks(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return _MARK + _digits(value)
    if isinstance(value, dict):
        # An OBJECT's keys are in alphabetical order.
        return {key: _with_marks(value[key]) for key in sorted(value, key=str)}
    return [_with_marks(item) for item in value] if isinstance(value, (list, tuple)) else value


def _digits(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    short = f"{value:.15e}"
    return short if float(short) == value else f"{value:.16e}"
