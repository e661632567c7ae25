"""What a file of rows looks like to the pipeline: names, types, categories, and what kind of label it has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: A label of whole numbers with no more values than this names classes.
MOST_CLASSES = 20
#: Text with more values than this is no category; it is carried along, as an id is.
MOST_CATEGORIES = 50
#: A class with fewer training rows than this cannot be learned.
LEAST_ROWS_OF_CLASS = 20


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that cannot name a column: docs.snowflake.com/en/sql-reference/reserved-keywords
RESERVED = _words(
    """
    ALL ALTER AND ANY AS BETWEEN BY CASE CAST CHECK COLUMN CONNECT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE
    CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DELETE DISTINCT DROP ELSE EXISTS FALSE FOLLOWING FOR FROM FULL
    GRANT GROUP HAVING ILIKE IN INCREMENT INNER INSERT INTERSECT INTO IS JOIN LATERAL LEFT LIKE LOCALTIME
    LOCALTIMESTAMP MINUS NATURAL NOT NULL OF ON OR ORDER QUALIFY REGEXP REVOKE RIGHT RLIKE ROW ROWS SAMPLE
    SELECT SET SOME START TABLE TABLESAMPLE THEN TO TRIGGER TRUE TRY_CAST UNION UNIQUE UPDATE USING VALUES WHEN
    WHENEVER WHERE WITH
    """
)
#: Columns that the pipeline itself adds to the rows.
TAKEN = _words(
    """
    METADATA_UPDATED_AT MODEL_NAME MODEL_VERSION SCORED_AT TRACE_ID REASON QUARANTINED_AT STAYS FAULTY ANSWER
    """
)


class InitError(Exception):
    """A file that no pipeline can be made for; the text says why."""


class Role(StrEnum):
    """What the pipeline does with a column."""

    NUMBER = "number"
    CATEGORY = "category"
    CARRIED = "carried"
    LABEL = "label"


@dataclass(frozen=True)
class Column:
    """A column of the tables.

    Attributes:
        source: its name in the file.
        type: its Snowflake type in the tables that rows come from.
        limits: the sensible range of a number.
        required: the file misses none of the numbers.
        categories: the standardised values of a category.
    """

    name: str
    source: str
    role: Role
    type: str
    limits: tuple[float, float] = (0.0, 0.0)
    required: bool = True
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A file's columns, and how its label is learned.

    Attributes:
        classes: the label's values that can be learned; empty for a regression.
        error_metric: how versions are compared; see `ERROR_METRIC` of the pipeline's spec.
    """

    columns: tuple[Column, ...]
    label: Column
    classes: tuple[str, ...]
    error_metric: str

    @property
    def features(self) -> tuple[Column, ...]:
        """The model's inputs."""
        return tuple(column for column in self.columns if column.role in (Role.NUMBER, Role.CATEGORY))

    @property
    def carried(self) -> tuple[Column, ...]:
        """What the model does not read, and gold keeps."""
        return tuple(column for column in self.columns if column.role is Role.CARRIED)


def read(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file.

    Raises:
        InitError: the file is of another kind, or cannot be read.
    """
    import pandas as pd

    try:
        match path.suffix.lower():
            case ".parquet":
                return pd.read_parquet(path)
            case ".csv":
                return pd.read_csv(path)
            case other:
                raise InitError(f"{path}: the file must end in .csv or .parquet, not {other or 'nothing'}")
    except (ValueError, OSError) as error:
        raise InitError(f"{path} cannot be read: {error}") from error


def describe(frame: pd.DataFrame, label: str, kind: str | None = None) -> Table:
    """Find out a table's columns from its rows.

    Args:
        label: the column to predict, by its name in the file in any case.
        kind: `regression` or `classification`; by default what the label's values suggest.

    Raises:
        InitError: there is no such label, nothing to learn it from, or nothing to learn.
    """
    names = column_names(map(str, frame.columns))
    found = [name for name in frame.columns if str(name).upper() == label.upper() or names[str(name)] == label.upper()]
    if len(found) != 1:
        raise InitError(f"the file has no column {label}; it has {', '.join(map(str, frame.columns))}")
    source = str(found[0])
    values = frame[found[0]].dropna()
    chosen = kind or label_kind(values)
    if chosen == "regression" and not _is_number(values):
        raise InitError(f"{label} is no number: it can only be classified")
    columns = tuple(
        _column(names[str(name)], str(name), frame[name], is_label=str(name) == source) for name in frame.columns
    )
    (target,) = (column for column in columns if column.role is Role.LABEL)
    table = Table(columns, target, classes(values) if chosen == "classification" else (), _metric(values, chosen))
    if not table.features:
        raise InitError("the file has no column to predict from")
    if chosen == "classification" and len(table.classes) < 2:
        raise InitError(f"{label} has fewer than two classes with {LEAST_ROWS_OF_CLASS} rows or more")
    return table


def column_names(sources: Iterable[str]) -> dict[str, str]:
    """Names that SQL takes without quotes, by the names in the file; no two are the same."""
    names: dict[str, str] = {}
    for source in sources:
        name = re.sub(r"[^A-Z0-9]+", "_", source.upper()).strip("_") or "COLUMN"
        name = f"_{name}" if name[0].isdigit() else name
        while name in names.values() or name in RESERVED or name in TAKEN:
            name += "_"
        names[source] = name
    return names


def label_kind(values: pd.Series) -> str:
    """`regression` for a label of many numbers, `classification` for text, truth values, and few whole numbers."""
    if not _is_number(values):
        return "classification"
    whole = bool((values == values.round()).all())
    return "classification" if whole and values.nunique() <= MOST_CLASSES else "regression"


def classes(values: pd.Series) -> tuple[str, ...]:
    """The label's values as text, without those of which there are too few rows."""
    counts = as_text(values).value_counts()
    return tuple(sorted(str(name) for name, count in counts.items() if count >= LEAST_ROWS_OF_CLASS))


def as_text(values: pd.Series) -> pd.Series:
    """Values as Snowflake writes them as text, missing ones still missing."""
    if _is_truth(values):
        return values.map({True: "true", False: "false"})
    if _is_number(values) and bool((values.dropna() == values.dropna().round()).all()):
        return values.astype("Int64").astype("string")
    return values.astype("string")


def standardised(values: pd.Series) -> pd.Series:
    """Text as the pipeline standardises it."""
    return as_text(values).fillna("NONE").str.replace(r"[^a-zA-Z0-9]+", "_", regex=True).str.upper()


def _column(name: str, source: str, values: pd.Series, *, is_label: bool) -> Column:
    import pandas as pd

    known = values.dropna()
    if is_label:
        return Column(name, source, Role.LABEL, _type(values))
    if pd.api.types.is_datetime64_any_dtype(values) or known.empty or _is_key(source, known):
        return Column(name, source, Role.CARRIED, _type(values))
    if _is_number(values):
        low, high = float(known.min()), float(known.max())
        span = high - low or abs(high) or 1.0
        floor = 0.0 if low >= 0 else low - span
        return Column(name, source, Role.NUMBER, _type(values), (floor, high + span), len(known) == len(values))
    found = standardised(values)
    if found.nunique() > MOST_CATEGORIES:
        return Column(name, source, Role.CARRIED, _type(values))
    return Column(name, source, Role.CATEGORY, _type(values), categories=tuple(sorted(map(str, found.unique()))))


def _is_key(source: str, known: pd.Series) -> bool:
    """Does the column only name its row? Such a number tells a model nothing."""
    named = re.search(r"(?i)(^|[^a-z])id$|[a-z]Id$|^(index|unnamed: 0)$", source) is not None
    return named and bool(known.is_unique)


def _is_truth(values: pd.Series) -> bool:
    known = values.dropna()
    return values.dtype == bool or (len(known) > 0 and bool(known.map(lambda value: isinstance(value, bool)).all()))


def _is_number(values: pd.Series) -> bool:
    import pandas as pd

    return pd.api.types.is_numeric_dtype(values) and not _is_truth(values)


def _type(values: pd.Series) -> str:
    """The Snowflake type that holds a column's values."""
    import pandas as pd

    if _is_truth(values):
        return "BOOLEAN"
    if pd.api.types.is_integer_dtype(values):
        return "NUMBER(38,0)"
    if pd.api.types.is_numeric_dtype(values):
        return "FLOAT"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "TIMESTAMP_NTZ" if getattr(values.dtype, "tz", None) is None else "TIMESTAMP_TZ"
    return "VARCHAR"


def _metric(values: pd.Series, kind: str) -> str:
    """A percentage of each value misleads where values come near zero: there the sum of all errors is compared."""
    if kind == "classification":
        return "misclassified"
    numbers: Any = values
    return "mean_abs_pct_err" if float(numbers.min()) > 0.05 * float(numbers.median()) > 0 else "weighted_abs_pct_err"
