"""The flagship's files, made over for another table: the same pipeline under other names, with other columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from snowmelt.cli.demo_data import pipeline_directory
from snowmelt.cli.init_table import Column, Role, Table, as_text

if TYPE_CHECKING:
    import pandas as pd

#: At most so many rows to train on, and at most this share of the file; the others are the simulated feed.
TRAINING_ROWS, TRAINING_SHARE = 10_000, 0.6
#: The shuffle's seed.
SEED = 42

SOURCE, FEED = "source_of_truth", "incoming_data_source"

LOAD = """-- The file's rows, shuffled: some to train on, the others as the simulated feed. A file is loaded once.

USE SCHEMA <% database %>.<% schema %>;

COPY INTO SOURCE_OF_TRUTH FROM @PIPELINE_DATA/source_of_truth.parquet
    FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE;
COPY INTO INCOMING_DATA_SOURCE FROM @PIPELINE_DATA/incoming_data_source.parquet
    FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE;
"""

LOAD_STEPS = """[[step]]
put = "data/*.parquet"
stage = "@<% database %>.<% schema %>.PIPELINE_DATA"
overwrite = false  # what is there has been loaded

[[step]]
sql = "sql/04_load.sql"

"""


def write_pipeline(directory: Path, name: str, table: Table, frame: pd.DataFrame) -> tuple[int, int]:
    """Write the pipeline `name` for `table` into `directory`, the rows of `frame` included.

    Returns:
        How many rows there are to train on, and how many in the feed.
    """
    flagship = pipeline_directory()
    rename = Renaming(name, table)
    for folder in ("python", "sql", "data"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    for path in sorted(flagship.glob("python/insurance_*.py")):
        if path.stem in ("insurance_data", "insurance_spec"):
            continue
        target = directory / "python" / rename(path.name)
        target.write_text(rename(path.read_text(encoding="utf-8")), encoding="utf-8")
    (directory / "python" / f"{name}_spec.py").write_text(spec(flagship, name, table, rename), encoding="utf-8")
    for path in sorted(flagship.glob("sql/*.sql")):
        text = path.read_text(encoding="utf-8")
        text = rename(text)
        if path.stem == "01_objects":
            text = objects(text, name, table)
        (directory / "sql" / path.name).write_text(text, encoding="utf-8")
    (directory / "sql" / "04_load.sql").write_text(LOAD, encoding="utf-8")
    (directory / "manifest.toml").write_text(manifest(flagship, name, table, rename), encoding="utf-8")
    return write_rows(directory / "data", table, frame)


class Renaming:
    """Puts the pipeline's own names in place of the flagship's."""

    def __init__(self, name: str, table: Table) -> None:
        upper = name.upper()
        self.names = {
            "INSURANCE_CHARGES_PREDICTION": f"{upper}_{table.predicted}_PREDICTION",
            "TRAIN_SAVE_INS_MODEL": f"TRAIN_SAVE_{upper}_MODEL",
            "train_save_ins_model": f"train_save_{name}_model",
            "INSURANCE": upper,
            "insurance": name,
        }
        # At once, the longer ones first: what has been put in place is not looked at again.
        self.pattern = re.compile("|".join(sorted(self.names, key=len, reverse=True)))

    def __call__(self, text: str) -> str:
        return self.pattern.sub(lambda match: self.names[match[0]], text)


# --- the spec


def spec(flagship: Path, name: str, table: Table, rename: Renaming) -> str:
    """The module of what is particular to the pipeline: the flagship's down to its data, then this table's."""
    text = (flagship / "python" / "insurance_spec.py").read_text(encoding="utf-8")
    head = text[: text.index("#: What the model predicts")]
    numbers = [column for column in table.features if column.role is Role.NUMBER]
    categories = [column for column in table.features if column.role is Role.CATEGORY]
    return rename(head) + "\n".join(
        [
            "#: What the model predicts, and the column of the gold table with its predictions.",
            f'LABEL = "{table.label.name}"',
            f'PREDICTION = "{table.prediction}"',
            "",
            "#: `regression`, or `classification` into CLASSES.",
            f'KIND = "{"classification" if table.classes else "regression"}"',
            f"CLASSES: tuple[str, ...] = {_tuple(table.classes)}",
            "",
            "#: How versions are compared: `mean_abs_pct_err` needs labels above zero, `weighted_abs_pct_err`",
            "#: takes any; a classification has `misclassified`.",
            f'ERROR_METRIC = "{table.error_metric}"',
            "",
            "#: Numeric features. The limits are the range of the file, widened by its span: tell what is sensible.",
            *_mapping("NUMBERS: dict[str, Limits]", ((column.name, _limits(column)) for column in numbers)),
            "",
            "#: Text features with their standardised categories.",
            *_mapping(
                "CATEGORIES: dict[str, tuple[str, ...]]",
                ((column.name, _tuple(column.categories)) for column in categories),
            ),
            "",
            "#: The model's inputs in the order of the tables.",
            f"FEATURES: tuple[str, ...] = {_tuple(tuple(column.name for column in table.features))}",
            "",
            "#: Columns that the model does not read and the gold table keeps, such as an id.",
            f"CARRIED: tuple[str, ...] = {_tuple(tuple(column.name for column in table.carried))}",
            "",
        ]
    )


def _tuple(values: tuple[str, ...]) -> str:
    """A tuple as Python writes it, a line for each value when it is long."""
    items = [_quoted(value) for value in values]
    line = f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    return line if len(line) < 80 else "(\n" + "".join(f"    {item},\n" for item in items) + ")"


def _quoted(value: str) -> str:
    """A text as Python writes it; in double quotes, when nothing in it needs a backslash."""
    return f'"{value}"' if value.isprintable() and not set(value) & {'"', "\\"} else repr(value)


def _mapping(head: str, pairs: Iterator[tuple[str, str]]) -> list[str]:
    lines = [f'    "{name}": {text},'.replace("\n", "\n    ") for name, text in pairs]
    return [f"{head} = {{", *lines, "}"] if lines else [f"{head} = {{}}"]


def _limits(column: Column) -> str:
    low, high = (float(f"{bound:.6g}") for bound in column.limits)
    return f"Limits({low:g}, {high:g}{'' if column.required else ', required=False'})"


# --- tables and manifest


def objects(text: str, name: str, table: Table) -> str:
    """The renamed file of tables with this table's columns in place of the flagship's."""
    everything = [f"    {column.name} {column.type}" for column in table.columns]
    inputs = [f"    {column.name} {_standard(column)}" for column in table.columns if column is not table.label]
    label = f"    {table.label.name} {table.label.type if table.classes else 'FLOAT'}"
    prediction = f"    {table.prediction} {'VARCHAR' if table.classes else 'FLOAT'}"
    text = _replaced(text, "SOURCE_OF_TRUTH (", ");", ",\n".join(everything) + "\n")
    text = _replaced(text, f"{name.upper()}_GOLD (", "    METADATA$ROW_ID", ",\n".join(inputs) + ",\n")
    text = _replaced(text, f"{name.upper()}_QUARANTINE (", "    METADATA$ROW_ID", ",\n".join([*inputs, label]) + ",\n")
    text = text.replace("    CHARGES FLOAT,\n    PREDICTED_CHARGES FLOAT", f"{label},\n{prediction}")
    return text.replace(
        "CREATE STAGE IF NOT EXISTS PIPELINE_CODE;",
        "CREATE STAGE IF NOT EXISTS PIPELINE_CODE;\n\n-- The rows that the pipeline starts with.\n"
        "CREATE STAGE IF NOT EXISTS PIPELINE_DATA;",
    )


def _replaced(text: str, start: str, end: str, new: str) -> str:
    """`text` with what stands after the line of `start`, up to `end`, replaced."""
    begin = text.index("\n", text.index(f"TABLE {start}")) + 1
    return text[:begin] + new + text[text.index(end, begin) :]


def _standard(column: Column) -> str:
    """A column's type where text has been standardised."""
    return "VARCHAR" if column.role is Role.CATEGORY else column.type


def manifest(flagship: Path, name: str, table: Table, rename: Renaming) -> str:
    """The flagship's manifest with the steps that load the rows."""
    text = (flagship / "manifest.toml").read_text(encoding="utf-8")
    tasks = '[[step]]\nsql = "sql/03_tasks.sql"'
    text = rename(text.replace(tasks, LOAD_STEPS + tasks))
    described = f"description = {json.dumps(f'Predicts {table.label.source}.', ensure_ascii=False)}"
    return re.sub(r"(?m)^description = .*$", lambda _: described, text)


# --- rows


def write_rows(directory: Path, table: Table, frame: pd.DataFrame) -> tuple[int, int]:
    """Write the shuffled rows as two Parquet files; give the number of rows to train on and in the feed."""
    shuffled = frame.sample(frac=1.0, random_state=SEED)
    training = min(TRAINING_ROWS, int(len(frame) * TRAINING_SHARE))
    kept = {column.name: _values(shuffled[column.source], column) for column in table.columns}
    import pandas as pd

    rows = pd.DataFrame(kept)
    rows[:training].to_parquet(directory / f"{SOURCE}.parquet", index=False)
    rows[training:].to_parquet(directory / f"{FEED}.parquet", index=False)
    return training, len(rows) - training


def _values(values: pd.Series, column: Column) -> pd.Series:
    """A column's values as Parquet keeps them: text of mixed columns, and numbers of one kind."""
    match column.type:
        case "VARCHAR":
            return as_text(values)
        case "FLOAT":
            return values.astype(float)
        case "BOOLEAN":
            return values.astype("boolean")
        case _:
            return values
