"""Reads a user's file: CSV with any of the usual separators, or Parquet, its values in types that tables have."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: What separates the columns of a CSV file: the one that its first line has most of.
SEPARATORS = ",;\t|"

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(_DATE.pattern + r"[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?")


class InitError(Exception):
    """A file that no pipeline can be made for; the text says why."""


def read(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file.

    Raises:
        InitError: the file is of another kind, or cannot be read.
    """
    import pandas as pd

    try:
        match path.suffix.lower():
            case ".parquet":
                frame = pd.read_parquet(path)
            case ".csv":
                frame = pd.read_csv(path, sep=_separator(path), encoding="utf-8-sig")
            case other:
                raise InitError(f"{path}: the file must end in .csv or .parquet, not {other or 'nothing'}")
    except UnicodeDecodeError as error:
        raise InitError(f"{path} cannot be read: it is not written in UTF-8") from error
    except (ValueError, OSError) as error:
        raise InitError(f"{path} cannot be read: {str(error).strip()}") from error
    return frame.apply(_plain)


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        first = re.sub(r'"[^"]*"', "", file.readline())
    return max(SEPARATORS, key=first.count)


def _plain(values: pd.Series) -> pd.Series:
    """A column in a type that tables have: decimal numbers as numbers, dates that are written as text as dates."""
    import pandas as pd

    known = values.dropna()
    if values.dtype != object or known.empty:
        return values
    if known.map(lambda value: isinstance(value, Decimal)).all():
        whole = bool((known % 1 == 0).all()) and bool((known.abs() < 2**63).all())
        return values.astype("Int64") if whole else values.astype(float)
    if not is_text(known):
        return values
    try:
        if known.map(_DATE.fullmatch).notna().all():
            return values.map(date.fromisoformat, na_action="ignore")
        if known.map(_MOMENT.fullmatch).notna().all():
            return pd.to_datetime(values, format="ISO8601")
    except ValueError:
        pass  # a month of 13, a year that no clock of pandas knows: it stays a text
    return values


def is_text(known: pd.Series) -> bool:
    """Are all of these values texts?"""
    return bool(known.map(lambda value: isinstance(value, str)).all())
