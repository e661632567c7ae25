"""What is particular to this pipeline: its data and its names. Everything else in this directory works on any table."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """The lowest and the highest sensible value of a number; a row without the number is faulty when `required`."""

    low: float
    high: float
    required: bool = True


MODEL_NAME = "INSURANCE_CHARGES_PREDICTION"
GOLD = "INSURANCE_GOLD"
QUARANTINE = "INSURANCE_QUARANTINE"

#: What the model predicts, and the column of the gold table with its predictions.
LABEL = "CHARGES"
PREDICTION = "PREDICTED_CHARGES"

#: `regression`, or `classification` into CLASSES.
KIND = "regression"
CLASSES: tuple[str, ...] = ()

#: How versions are compared: `mean_abs_pct_err` needs labels above zero, `weighted_abs_pct_err` takes any; a
#: classification has `misclassified`.
ERROR_METRIC = "mean_abs_pct_err"

#: Numeric features.
NUMBERS: dict[str, Limits] = {"AGE": Limits(0, 120), "BMI": Limits(10, 100), "CHILDREN": Limits(0, 20)}

_HISTORIES = ("NONE", "HIGH_BLOOD_PRESSURE", "DIABETES", "HEART_DISEASE")

#: Text features with their standardised categories.
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
FEATURES: tuple[str, ...] = (
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

#: Columns that the model does not read and the gold table keeps, such as an id.
CARRIED: tuple[str, ...] = ()
