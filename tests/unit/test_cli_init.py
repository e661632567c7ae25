"""What `snowmelt init` finds out about a file."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from snowmelt.cli.init_files import write_pipeline
from snowmelt.cli.init_table import InitError, Role, column_names, describe, label_kind, read
from snowmelt.cli.main import app


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["yes", "no"], "classification"),
        ([True, False], "classification"),
        ([0, 1, 1, 2], "classification"),
        ([0.0, 1.0], "classification"),
        (list(range(21)), "regression"),
        ([0.5, 1.0], "regression"),
    ],
)
def test_a_labels_values_say_what_is_learned(values: list[Any], kind: str) -> None:
    assert label_kind(pd.Series(values)) == kind


def test_columns_get_names_that_sql_takes_without_quotes() -> None:
    assert column_names(["sepal length (cm)", "order", "1st", "a", "A", "reason", "%"]) == {
        "sepal length (cm)": "SEPAL_LENGTH_CM",
        "order": "ORDER_",
        "1st": "_1ST",
        "a": "A",
        "A": "A_",
        "reason": "REASON_",
        "%": "COLUMN_",
    }


FRAME = pd.DataFrame(
    {
        "Id": range(60),
        "size": [1.5, None, 4.0] * 20,
        "rooms": [2, 3, 4] * 20,
        "colour": ["dark red", None, "blue"] * 20,
        "note": [f"text {number}" for number in range(60)],
        "sold": [True, False, True] * 20,
        "price": [100.0 + number for number in range(60)],
    }
)


def test_columns_get_roles() -> None:
    table = describe(FRAME, "price")
    assert {column.name: column.role for column in table.columns} == {
        "ID": Role.CARRIED,
        "SIZE": Role.NUMBER,
        "ROOMS": Role.NUMBER,
        "COLOUR": Role.CATEGORY,
        "NOTE": Role.CARRIED,
        "SOLD": Role.CATEGORY,
        "PRICE": Role.LABEL,
    }
    size, rooms, colour, sold = table.features
    assert (size.limits, size.required, rooms.limits, rooms.required) == ((0, 6.5), False, (0, 6), True)
    assert (colour.categories, sold.categories) == (("BLUE", "DARK_RED", "NONE"), ("FALSE", "TRUE"))
    assert (table.classes, table.error_metric) == ((), "mean_abs_pct_err")


def test_errors_of_labels_near_zero_are_not_compared_by_percentage() -> None:
    assert describe(FRAME.assign(price=FRAME["price"] - 100), "price").error_metric == "weighted_abs_pct_err"


def test_a_class_with_few_rows_is_left_out() -> None:
    frame = FRAME.assign(sold=["a"] * 30 + ["b"] * 29 + ["c"])
    assert describe(frame, "sold").classes == ("a", "b")


@pytest.mark.parametrize(
    ("frame", "label", "kind", "message"),
    [
        (FRAME, "cost", None, "has no column cost; it has Id, size"),
        (FRAME, "colour", "regression", "colour is no number"),
        (FRAME[["price"]], "price", None, "no column to predict from"),
        (FRAME[:10], "sold", None, "fewer than two classes"),
    ],
)
def test_what_cannot_be_learned_is_said(frame: pd.DataFrame, label: str, kind: str | None, message: str) -> None:
    with pytest.raises(InitError, match=message):
        describe(frame, label, kind)


def test_the_files_are_the_flagships_under_other_names(tmp_path: Path) -> None:
    write_pipeline(tmp_path, "houses", describe(FRAME, "price"), FRAME)
    texts = {path.name: path.read_text() for path in tmp_path.rglob("*") if path.suffix in (".py", ".sql", ".toml")}
    assert not [name for name, text in texts.items() if "insurance" in text.lower() or "CHARGES" in text]
    for name, text in texts.items():
        if name.endswith(".py"):
            ast.parse(text)
    assert "    PRICE FLOAT,\n    PREDICTED_PRICE FLOAT,\n" in texts["01_objects.sql"]
    rows = pd.concat(pd.read_parquet(path) for path in tmp_path.glob("data/*.parquet"))
    assert sorted(rows["ID"]) == list(range(60))


def test_a_directory_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "f.csv")
    done = CliRunner().invoke(
        app, ["init", "houses", "--data", str(tmp_path / "f.csv"), "--label", "price", "--into", str(tmp_path)]
    )
    assert done.exit_code == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "f.csv"]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.xlsx").write_text("")
    with pytest.raises(InitError, match=r"must end in \.csv or \.parquet"):
        read(tmp_path / "f.xlsx")
