"""What the model reads: its columns, how text is standardised, and which rows cannot be scored.

Training and scoring share these definitions. They are Snowpark expressions, so that the database does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_

from snowflake.snowpark import Column, DataFrame
from snowflake.snowpark import functions as F

LABEL = "CHARGES"

#: Numeric features with the lowest and the highest value that makes sense.
NUMBERS: dict[str, tuple[float, float]] = {"AGE": (0, 120), "BMI": (10, 100), "CHILDREN": (0, 20)}

_HISTORIES = ("NONE", "HIGH_BLOOD_PRESSURE", "DIABETES", "HEART_DISEASE")

#: Text features with the standardised categories that the model has seen.
CATEGORIES: dict[str, tuple[str, ...]] = {
    "GENDER": ("FEMALE", "MALE"),
    "SMOKER": ("NO", "YES"),
    "REGION": ("SOUTHWEST", "NORTHWEST", "SOUTHEAST", "NORTHEAST"),
    "MEDICAL_HISTORY": _HISTORIES,
    "FAMILY_MEDICAL_HISTORY": _HISTORIES,
    "EXERCISE_FREQUENCY": ("NEVER", "RARELY", "OCCASIONALLY", "FREQUENTLY"),
    "OCCUPATION": ("UNEMPLOYED", "STUDENT", "BLUE_COLLAR", "WHITE_COLLAR"),
    "COVERAGE_LEVEL": ("BASIC", "STANDARD", "PREMIUM"),
}

#: The model's inputs in the order of the tables.
FEATURES = (
    "AGE",
    "GENDER",
    "BMI",
    "CHILDREN",
    "SMOKER",
    "REGION",
    "MEDICAL_HISTORY",
    "FAMILY_MEDICAL_HISTORY",
    "EXERCISE_FREQUENCY",
    "OCCUPATION",
    "COVERAGE_LEVEL",
)


def standard_text(name: str) -> Column:
    """The text column `name` in capitals, with runs of other characters as ``_``; missing text is ``NONE``."""
    return F.upper(F.regexp_replace(F.coalesce(F.col(name), F.lit("NONE")), F.lit("[^a-zA-Z0-9]+"), F.lit("_")))


def standardise(rows: DataFrame) -> DataFrame:
    """`rows` with every text feature standardised."""
    return rows.with_columns(list(CATEGORIES), [standard_text(name) for name in CATEGORIES])


def is_faulty(text: Callable[[str], Column] = standard_text) -> Column:
    """Can the row not be scored? `text` gives a column's standardised text: `F.col` where that is done already."""
    return reduce(or_, (failed for failed, _ in _checks(text)))


def fault(text: Callable[[str], Column] = standard_text) -> Column:
    """Why a row cannot be scored, such as ``AGE is missing; REGION is unknown``; empty when it can be."""
    reasons = [F.iff(failed, F.lit(f"{reason}; "), F.lit("")) for failed, reason in _checks(text)]
    return F.rtrim(F.concat(*reasons), F.lit("; "))


def _checks(text: Callable[[str], Column]) -> Iterator[tuple[Column, str]]:
    """Each check as what is true of a row that fails it, and the reason in words."""
    for name, (low, high) in NUMBERS.items():
        yield F.col(name).is_null(), f"{name} is missing"
        yield ~F.col(name).between(low, high), f"{name} is not between {low} and {high}"
    for name, categories in CATEGORIES.items():
        yield ~text(name).in_(*categories), f"{name} is unknown"
