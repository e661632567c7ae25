"""Baseline: the same job tuned by hand, with DuckDB and XGBoost and nothing in between.

The cleaning and the one-hot encoding are one query that yields a matrix, the booster predicts on it, and an upsert
by row id ends it. There is no change capture: somebody must know which rows are new, and deletes are not seen.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.job import Scored, feature_names, text_names, trained_pipeline, write_batches


def score(rows: int) -> Scored:
    """Bring `rows` landed rows to gold, 100,000 at a time."""
    model = trained_pipeline()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        batches = write_batches(rows, directory)
        database = duckdb.connect(str(directory / "gold.duckdb"))
        columns = ", ".join(f"{column} {_type(column)}" for column in feature_names())
        database.execute(
            f"CREATE TABLE gold (ROW_ID BIGINT PRIMARY KEY, {columns}, CHARGES DOUBLE, PREDICTED_CHARGES FLOAT, "
            "METADATA_UPDATED_AT TIMESTAMP)"
        )
        started = time.perf_counter()
        for batch in batches:
            _score_batch(database, batch, model)
        seconds = time.perf_counter() - started
        (written,) = database.execute("SELECT COUNT(*) FROM gold").fetchone() or (0,)
        database.close()
    return Scored(written, seconds)


def _type(column: str) -> str:
    return "VARCHAR" if column in text_names() else "DOUBLE"


def _clean(column: str) -> str:
    if column not in text_names():
        return column
    return f"UPPER(REGEXP_REPLACE(COALESCE({column}, 'NONE'), '[^a-zA-Z0-9]+', '_', 'g')) AS {column}"


def _encoded(model: Any) -> list[str]:
    """SQL for the matrix's columns, in the order in which the encoder gives them."""
    encoder = model["encode"].named_transformers_["one_hot"]
    hot = [
        f"({name} = '{category}')::FLOAT"
        for name, categories in zip(text_names(), encoder.categories_, strict=True)
        for category in categories
    ]
    return hot + [f"{name}::FLOAT" for name in feature_names() if name not in text_names()]


def _score_batch(database: duckdb.DuckDBPyConnection, batch: Path, model: Any) -> None:
    cleaned = ", ".join(_clean(name) for name in feature_names())
    database.execute(
        f"CREATE OR REPLACE TEMP TABLE landed AS SELECT ROW_ID, {cleaned}, CHARGES FROM read_parquet('{batch}')"
    )
    names = ", ".join(f"{expression} AS c{i}" for i, expression in enumerate(_encoded(model)))
    fetched = database.execute(f"SELECT ROW_ID, {names} FROM landed").fetchnumpy()
    matrix = np.column_stack([fetched[f"c{i}"] for i in range(len(fetched) - 1)])
    predicted = model["trees"].get_booster().inplace_predict(matrix)
    database.register("predicted", pa.table({"ROW_ID": fetched["ROW_ID"], "PREDICTED_CHARGES": predicted}))
    columns = ", ".join(feature_names())
    database.execute(
        f"INSERT OR REPLACE INTO gold SELECT ROW_ID, {columns}, CHARGES, PREDICTED_CHARGES, LOCALTIMESTAMP "
        "FROM landed JOIN predicted USING (ROW_ID)"
    )
