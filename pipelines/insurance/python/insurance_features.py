"""How rows are standardised and which of them cannot be used, as SQL expressions that training and scoring share."""

from __future__ import annotations

from collections.abc import Iterator

import insurance_spec as spec


def standard_text(name: str) -> str:
    """The text column `name` in capitals, with runs of other characters as ``_``; missing text is ``NONE``."""
    # The text itself is what is computed on, so that a database can do it once for each text that a column has.
    return f"COALESCE(UPPER(REGEXP_REPLACE({name}::VARCHAR, '[^a-zA-Z0-9]+', '_')), 'NONE')"


def standardised() -> list[str]:
    """A select list: all features, text standardised."""
    return [f"{standard_text(name)} AS {name}" if name in spec.CATEGORIES else name for name in spec.FEATURES]


def is_sound() -> str:
    """Can a row with standardised text be scored? Never NULL."""
    return " AND ".join(sound for sound, _ in _checks())


def fault() -> str:
    """Why a row with standardised text cannot be scored, such as ``AGE is missing; REGION is unknown``."""
    reasons = [f"IFF({sound}, '', '{reason}; ')" for sound, reason in _checks()]
    return f"RTRIM(CONCAT({', '.join(reasons)}), '; ')"


def has_label() -> str:
    """Is the row's true value known, and one that a model can learn from? Never NULL."""
    if spec.KIND == "classification":
        return f"COALESCE({spec.LABEL}::VARCHAR IN ({', '.join(map(text, spec.CLASSES))}), FALSE)"
    lowest = "> 0" if spec.ERROR_METRIC == "mean_abs_pct_err" else "> '-inf'::FLOAT"
    return f"COALESCE({spec.LABEL} {lowest} AND {spec.LABEL} < 'inf'::FLOAT, FALSE)"


def _checks() -> Iterator[tuple[str, str]]:
    """Each check as what is true of a row that passes it, and the reason in words when it does not."""
    for name, (low, high, required) in spec.NUMBERS.items():
        if required:
            yield f"{name} IS NOT NULL", f"{name} is missing"
        yield f"COALESCE({name} BETWEEN {low} AND {high}, TRUE)", f"{name} is not between {low} and {high}"
    for name, categories in spec.CATEGORIES.items():
        yield f"{name} IN ({', '.join(map(text, categories))})", f"{name} is unknown"


def text(value: str) -> str:
    """`value` as an SQL text."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
