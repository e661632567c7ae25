"""Beside us: the same job in PySpark's local mode, the way its documentation does it.

Spark cleans the rows, mapInPandas predicts, and gold is the old rows without those that landed again, and the new
ones, written as Parquet. There is no change capture. Needs PySpark and Java, which nothing else here does.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.job import Scored, feature_names, text_names, trained_pipeline, write_batches


def missing() -> str | None:
    """What this machine lacks for this contender; None when it has everything."""
    if importlib.util.find_spec("pyspark") is None:
        return "PySpark is not installed"
    return None if shutil.which("java") else "Java is not installed"


def score(rows: int) -> Scored:
    """Bring `rows` landed rows to gold, 100,000 at a time; the start of Spark is not counted."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # its workers need scikit-learn, too
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        batches = write_batches(rows, directory)
        spark = (
            SparkSession.builder.master("local[*]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "4")
            .config("spark.sql.execution.arrow.pyspark.enabled", "true")
            .config("spark.local.dir", name)
            .getOrCreate()
        )
        spark.sparkContext.setLogLevel("ERROR")
        try:
            model = trained_pipeline()
            started = time.perf_counter()
            for number, batch in enumerate(batches):
                _score_batch(spark, batch, directory / f"gold_{number}", directory / f"gold_{number - 1}", model)
            seconds = time.perf_counter() - started
            written = spark.read.parquet(str(directory / f"gold_{len(batches) - 1}")).count()
        finally:
            spark.stop()
    return Scored(written, seconds)


def _score_batch(spark: Any, batch: Path, target: Path, before: Path, model: Any) -> None:
    from pyspark.sql import functions as F
    from pyspark.sql.types import DoubleType, StructField, StructType

    names = feature_names()

    def predict(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            yield frame.assign(PREDICTED_CHARGES=model.predict(frame[names]).astype(float))

    landed = spark.read.parquet(str(batch))
    for name in text_names():
        text = F.coalesce(F.col(name), F.lit("NONE"))
        landed = landed.withColumn(name, F.upper(F.regexp_replace(text, "[^a-zA-Z0-9]+", "_")))
    schema = StructType([*landed.schema.fields, StructField("PREDICTED_CHARGES", DoubleType())])
    scored = landed.mapInPandas(predict, schema)
    scored = scored.withColumn("METADATA_UPDATED_AT", F.current_timestamp())
    if before.exists():
        kept = spark.read.parquet(str(before)).join(scored.select("ROW_ID"), "ROW_ID", "left_anti")
        scored = kept.unionByName(scored)
    scored.write.parquet(str(target))
