"""The demo's data: where the flagship pipeline is, its generated rows, and how they get into the tables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from snowflake.connector import SnowflakeConnection

if TYPE_CHECKING:
    import pandas as pd

#: Rows that training reads; the rest is the simulated feed.
TRAINING_ROWS = 10_000
#: Rows uploaded at a time, so that progress can be shown.
UPLOAD_ROWS = 165_000

COLUMNS = (
    "AGE",
    "GENDER",
    "BMI",
    "CHARGES",
    "CHILDREN",
    "SMOKER",
    "REGION",
    "MEDICAL_HISTORY",
    "FAMILY_MEDICAL_HISTORY",
    "EXERCISE_FREQUENCY",
    "OCCUPATION",
    "COVERAGE_LEVEL",
)


def pipeline_directory() -> Path:
    """The insurance pipeline's directory: in an installed package its copy, in a checkout the original.

    Raises:
        FileNotFoundError: neither is there.
    """
    package = Path(str(files("snowmelt")))
    for candidate in (package / "pipelines", package.parents[1] / "pipelines"):
        if (candidate / "insurance" / "manifest.toml").is_file():
            return candidate / "insurance"
    raise FileNotFoundError("the insurance pipeline is neither in the package nor in a checkout around it")


def generated_rows(rows: int, directory: Path, seed: int = 42) -> pd.DataFrame:
    """Make `rows` insured people with the pipeline's generator, by way of a file in `directory`."""
    path = directory / "insurance.parquet"
    generator = pipeline_directory() / "python" / "insurance_data.py"
    command = [sys.executable, str(generator), str(path), "--rows", str(rows), "--seed", str(seed)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    import pandas as pd  # here, because it takes longer to import than most commands to run

    return pd.read_parquet(path)


def load(connection: SnowflakeConnection, frame: pd.DataFrame, progress: Callable[[int], None]) -> None:
    """Put the first rows of `frame` into SOURCE_OF_TRUTH and the others into INCOMING_DATA_SOURCE.

    `progress` hears how many rows each upload has brought.
    """
    from snowflake.connector.pandas_tools import write_pandas

    starts = [0, *range(TRAINING_ROWS, len(frame), UPLOAD_ROWS), len(frame)]
    for start, end in pairwise(starts):
        table = "SOURCE_OF_TRUTH" if start == 0 else "INCOMING_DATA_SOURCE"
        rows = frame.iloc[start:end].reset_index(drop=True)
        write_pandas(connection, rows, table, quote_identifiers=False)
        progress(len(rows))


def land(connection: SnowflakeConnection, rows: int, offset: int) -> int:
    """Insert the next `rows` rows of the feed into the landing table and say how many there were.

    The feed is taken in the order of its charges' cents, which has nothing to do with any other column: every batch
    is a fair sample, and no row lands twice.
    """
    names = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO LANDING_TABLE ({names}) SELECT {names} FROM INCOMING_DATA_SOURCE "
            f"ORDER BY CHARGES - FLOOR(CHARGES), CHARGES LIMIT {rows} OFFSET {offset}"
        )
        return int(cursor.rowcount or 0)
