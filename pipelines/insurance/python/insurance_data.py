"""A seeded generator of the insurance data set: the same distribution as the public one, in any number of rows.

Run it as a program to write a file::

    python insurance_data.py --rows 1000000 --seed 42 insurance.parquet

Text values are written as in the original file (``Blue collar``, ``High blood pressure``, ``southeast``), and an
absent medical history is a missing value, because that is what pandas makes of the original's text ``None``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

#: Rows of the original data set, and how many of them training reads; the rest is the simulated feed.
FULL_ROWS = 1_000_000
TRAINING_ROWS = 10_000

#: What each category adds to the yearly charges, in dollars. Every category is equally likely.
INCREMENTS: dict[str, dict[str | None, int]] = {
    "GENDER": {"female": 0, "male": 1000},
    "SMOKER": {"no": 0, "yes": 5000},
    "REGION": {"southwest": 200, "northwest": 300, "southeast": 500, "northeast": 1000},
    "MEDICAL_HISTORY": {None: 0, "High blood pressure": 1000, "Diabetes": 2000, "Heart disease": 5000},
    "FAMILY_MEDICAL_HISTORY": {None: 0, "High blood pressure": 1000, "Diabetes": 2000, "Heart disease": 5000},
    "EXERCISE_FREQUENCY": {"Never": 0, "Rarely": 500, "Occasionally": 1000, "Frequently": 2000},
    "OCCUPATION": {"Unemployed": 0, "Student": 500, "Blue collar": 1500, "White collar": 2000},
    "COVERAGE_LEVEL": {"Basic": 0, "Standard": 2000, "Premium": 5000},
}

#: The columns in the order of the original file.
COLUMNS = (
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
    "CHARGES",
)


def generate(rows: int = FULL_ROWS, seed: int = 42) -> pd.DataFrame:
    """Make `rows` insured people with their charges in dollars; the same `seed` gives the same rows.

    The columns are independent and uniform; the charges are a sum of increments and uniform noise of 500 dollars
    either way, so that no model can do better than a mean absolute percentage error of about 1.62 %.
    """
    random = np.random.default_rng(seed)
    age = random.integers(18, 65, size=rows, endpoint=True)
    bmi = random.integers(1800, 5000, size=rows, endpoint=True) / 100
    children = random.integers(0, 5, size=rows, endpoint=True)
    charges = 2000 + 20 * age + 50 * bmi + 200 * children
    data: dict[str, object] = {"AGE": age, "BMI": bmi, "CHILDREN": children}
    for column, increments in INCREMENTS.items():
        codes = random.integers(0, len(increments), size=rows)
        charges += np.array(list(increments.values()))[codes]
        data[column] = np.array(list(increments), dtype=object)[codes]
    data["CHARGES"] = charges + random.uniform(-500, 500, size=rows)
    return pd.DataFrame(data, columns=list(COLUMNS))


def read_original(path: Path) -> pd.DataFrame:
    """Read the public CSV file, whose header is in lower case, as the frame that `generate` gives."""
    frame = pd.read_csv(path, na_values=["None"])
    frame.columns = frame.columns.str.upper()
    return frame[list(COLUMNS)]


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` as Parquet or CSV, by the suffix of `path`.

    Raises:
        ValueError: the suffix is neither ``.parquet`` nor ``.csv``.
    """
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False, na_rep="None")
    else:
        raise ValueError(f"{path}: the suffix must be .parquet or .csv")


def main(arguments: list[str] | None = None) -> None:
    """Write a generated data set to the file that the command line names."""
    parser = argparse.ArgumentParser(description="Generate the insurance data set.")
    parser.add_argument("path", type=Path, help="the file to write; .parquet or .csv")
    parser.add_argument("--rows", type=int, default=FULL_ROWS)
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(arguments)
    write(generate(options.rows, options.seed), options.path)
    print(f"{options.rows:,} rows written to {options.path}")


if __name__ == "__main__":
    main()
