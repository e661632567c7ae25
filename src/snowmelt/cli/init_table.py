"""What a file of rows looks like to the pipeline: names, types, categories, and what kind of label it has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from snowmelt.cli.init_read import InitError, is_text

if TYPE_CHECKING:
    import pandas as pd

#: A label of whole numbers with no more values than this names classes.
MOST_CLASSES = 20
#: Text with more values than this is no category; it is carried along, as an id is.
MOST_CATEGORIES = 50
#: A class with fewer rows than this cannot be learned, and neither can a label that fewer rows have.
LEAST_ROWS_OF_CLASS, LEAST_ROWS = 20, 50
#: The trees compute with numbers of 32 bits.
LARGEST = 3e38


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
#: Words that open something else where a column could stand.
AWKWARD = _words("FETCH FOREIGN IF MATCH_RECOGNIZE NOTNULL PRIMARY REFERENCES TOP UNCACHE XOR")
#: Columns that the pipeline itself adds to the rows.
TAKEN = _words(
    """
    METADATA_UPDATED_AT MODEL_NAME MODEL_VERSION SCORED_AT TRACE_ID REASON QUARANTINED_AT STAYS FAULTY ANSWER
    """
)


#: A date in one of the orders and notations that people write.
_WRITTEN_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T].*)?")


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
        source: its name in the file, which in Parquet need not be a text.
        type: its Snowflake type in the tables that rows come from.
        limits: the sensible range of a number.
        required: the file misses none of the numbers.
        categories: the standardised values of a category.
        alike: values of a category that differ in the file, and no longer do once they are standardised.
        why: why a column is only carried along.
    """

    name: str
    source: Any
    role: Role
    type: str
    limits: tuple[float, float] = (0.0, 0.0)
    required: bool = True
    categories: tuple[str, ...] = ()
    alike: tuple[tuple[str, ...], ...] = ()
    why: str = ""


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
    def predicted(self) -> str:
        """What the names of the model and of its predictions are made of: the label's, without what only sets it apart
        from words that cannot name a column."""
        return self.label.name.strip("_")

    @property
    def prediction(self) -> str:
        """The column of the gold table with the predictions, unlike all others."""
        name = f"PREDICTED_{self.predicted}"
        while any(column.name == name for column in self.columns):
            name += "_"
        return name

    @property
    def features(self) -> tuple[Column, ...]:
        """The model's inputs."""
        return tuple(column for column in self.columns if column.role in (Role.NUMBER, Role.CATEGORY))

    @property
    def carried(self) -> tuple[Column, ...]:
        """What the model does not read, and gold keeps."""
        return tuple(column for column in self.columns if column.role is Role.CARRIED)


def describe(frame: pd.DataFrame, label: str, kind: str | None = None) -> Table:
    """Find out a table's columns from its rows.

    Args:
        label: the column to predict, by its name in the file in any case.
        kind: `regression` or `classification`; by default what the label's values suggest.

    Raises:
        InitError: there is no such label, nothing to learn it from, or nothing to learn.
    """
    if frame.empty:
        raise InitError("the file has no rows")
    source = _label_column(frame, label)
    names = column_names(map(str, frame.columns))
    values = _known(frame[source])
    chosen = kind or label_kind(values)
    if chosen == "regression" and not _is_number(values):
        raise InitError(f"{label} is no number: it can only be classified")
    columns = tuple(_column(names[str(name)], name, frame[name], is_label=name == source) for name in frame.columns)
    (target,) = (column for column in columns if column.role is Role.LABEL)
    table = Table(columns, target, classes(values) if chosen == "classification" else (), _metric(values, chosen))
    if not table.features:
        raise InitError("the file has no column to predict from")
    if chosen == "classification" and len(table.classes) < 2:
        raise InitError(f"{label} has fewer than two classes with {LEAST_ROWS_OF_CLASS} rows or more")
    if chosen == "regression" and len(values) < LEAST_ROWS:
        raise InitError(f"{len(values)} row(s) have a {label}: a model needs {LEAST_ROWS} or more")
    return table


def _label_column(frame: pd.DataFrame, label: str) -> Any:
    """The column that the user calls `label`: as it is written in the file, or else in any case or as in the tables."""
    names = column_names(map(str, frame.columns))
    for same in (
        [name for name in frame.columns if str(name) == label],
        [name for name in frame.columns if label.upper() in (str(name).upper(), names[str(name)])],
    ):
        if len(same) == 1:
            return same[0]
    raise InitError(f"the file has no column {label}; it has {', '.join(map(str, frame.columns))}")


def column_names(sources: Iterable[str]) -> dict[str, str]:
    """Names that SQL takes without quotes, by the names in the file; no two are the same."""
    names: dict[str, str] = {}
    for source in sources:
        # Letters without their accents, and such as a small 2 as what they mean.
        plain = unicodedata.normalize("NFKD", source.upper()).encode("ascii", "ignore").decode()
        name = re.sub(r"[^A-Z0-9]+", "_", plain.upper()).strip("_") or "COLUMN"
        name = f"_{name}" if name[0].isdigit() else name
        while name in names.values() or name in RESERVED | AWKWARD | TAKEN:
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


def _column(name: str, source: Any, values: pd.Series, *, is_label: bool) -> Column:
    known = _known(values)
    column = Column(name, source, Role.LABEL, _type(values))
    if is_label:
        return column
    if why := _only_carried(str(source), known):
        return replace(column, role=Role.CARRIED, why=why)
    if _is_number(values):
        low, high = float(known.min()), float(known.max())
        span = high - low or abs(high) or 1.0
        floor = 0.0 if low >= 0 else max(low - span, -LARGEST)
        limits = (floor, min(high + span, LARGEST))
        return replace(column, role=Role.NUMBER, limits=limits, required=bool(values.notna().all()))
    categories = tuple(sorted(map(str, standardised(values).unique())))
    return replace(column, role=Role.CATEGORY, categories=categories, alike=_alike(known))


def _only_carried(source: str, known: pd.Series) -> str:
    """Why a column is none that a model learns from; empty when it is one."""
    import pandas as pd

    if known.empty:
        return "no values"
    if _is_key(source, known):
        return "names its row"
    if _is_number(known):
        return "" if float(known.abs().max()) <= LARGEST else "too large numbers"
    if pd.api.types.is_datetime64_any_dtype(known) or _is_date(known):
        return "dates"
    if is_text(known) and known.map(_WRITTEN_DATE.fullmatch).notna().all():
        return "dates"
    if not known.map(lambda value: isinstance(value, str | bool | int | float)).all():
        return "neither numbers nor text"
    different = standardised(known).nunique()
    return f"{different:,} different texts" if different > MOST_CATEGORIES else ""


def _known(values: pd.Series) -> pd.Series:
    """The values that are there; infinity is none."""
    known = values.dropna()
    return known[known.abs() < float("inf")] if _is_number(known) else known


def _alike(known: pd.Series) -> tuple[tuple[str, ...], ...]:
    """Groups of texts that only standardising makes equal, apart from their case."""
    groups: dict[str, dict[str, str]] = {}
    texts = as_text(known).unique()
    for text, standard in zip(texts, standardised(known.drop_duplicates()), strict=True):
        groups.setdefault(str(standard), {}).setdefault(str(text).casefold(), str(text))
    return tuple(tuple(sorted(group.values())) for group in groups.values() if len(group) > 1)


def _is_key(source: str, known: pd.Series) -> bool:
    """Does the column only name its row? Such a number tells a model nothing."""
    named = re.search(r"(?i)(^|[^a-z])id$|[a-z]Id$|^(index|unnamed: 0)$", source) is not None
    return named and bool(known.is_unique)


def _is_truth(values: pd.Series) -> bool:
    known = values.dropna()
    return values.dtype == bool or (len(known) > 0 and bool(known.map(lambda value: isinstance(value, bool)).all()))


def _is_date(known: pd.Series) -> bool:
    # A moment is a date, too, for Python.
    return len(known) > 0 and bool(known.map(lambda value: type(value) is date).all())


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
    if _is_date(values.dropna()):
        return "DATE"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "TIMESTAMP_NTZ" if getattr(values.dtype, "tz", None) is None else "TIMESTAMP_LTZ"
    return "VARCHAR"


def _metric(values: pd.Series, kind: str) -> str:
    """A percentage of each value misleads where values come near zero: there the sum of all errors is compared."""
    if kind == "classification":
        return "misclassified"
    numbers: Any = values
    return "mean_abs_pct_err" if float(numbers.min()) > 0.05 * float(numbers.median()) > 0 else "weighted_abs_pct_err"
