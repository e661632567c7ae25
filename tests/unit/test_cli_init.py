"""What `snowmelt init` finds out about a file."""

from __future__ import annotations

import ast
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from snowmelt.cli.init_files import write_pipeline
from snowmelt.cli.init_read import InitError, read
from snowmelt.cli.init_table import Role, column_names, describe, label_kind
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
    assert column_names(
        ["sepal length (cm)", "order", "1st", "a", "A", "reason", "%", "top", "Fläche (m²)", "Straße"]
    ) == {
        "sepal length (cm)": "SEPAL_LENGTH_CM",
        "order": "ORDER_",
        "1st": "_1ST",
        "a": "A",
        "A": "A_",
        "reason": "REASON_",
        "%": "COLUMN_",
        "top": "TOP_",
        "Fläche (m²)": "FLACHE_M2",
        "Straße": "STRASSE",
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
        (FRAME[:40], "price", None, "40 row.s. have a price: a model needs 50"),
        (FRAME[:0], "price", None, "the file has no rows"),
    ],
)
def test_what_cannot_be_learned_is_said(frame: pd.DataFrame, label: str, kind: str | None, message: str) -> None:
    with pytest.raises(InitError, match=message):
        describe(frame, label, kind)


def test_a_name_that_differs_in_case_only_is_taken_as_it_is_written() -> None:
    frame = FRAME.assign(Price=FRAME["price"] * 2)
    assert describe(frame, "Price").label.source == "Price"
    assert describe(frame, "price").label.source == "price"
    with pytest.raises(InitError, match="has no column PRICE"):
        describe(frame, "PRICE")


def test_an_infinite_number_is_no_limit() -> None:
    frame = FRAME.assign(rooms=[1.0, float("inf"), 3.0] * 20)
    (rooms,) = (column for column in describe(frame, "price").columns if column.name == "ROOMS")
    assert rooms.limits == (0, 5)
    assert describe(frame.assign(price=[float("-inf"), *FRAME["price"][1:]]), "price").error_metric


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([pd.Timestamp("2026-01-01").date()] * 60, "dates"),
        (["05/01/2026", "06/01/2026"] * 30, "dates"),
        ([f"text {number}" for number in range(60)], "60 different texts"),
        ([None] * 60, "no values"),
        ([1e300, 1.0] * 30, "too large numbers"),
        ([[1, 2]] * 60, "neither numbers nor text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_learned_from_is_carried_along(values: list[Any], why: str) -> None:
    (column,) = describe(FRAME.assign(other=values), "price").columns[-1:]
    assert (column.role, column.why) == (Role.CARRIED, why)


def test_texts_that_become_one_category_are_told() -> None:
    frame = FRAME.assign(colour=["<=50K", ">50K", "50k?"] * 20)
    colour = next(column for column in describe(frame, "price").columns if column.name == "COLOUR")
    assert colour.alike == (("<=50K", ">50K"),)
    assert colour.categories == ("50K_", "_50K")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_csv_file_may_have_any_usual_separator(tmp_path: Path, separator: str) -> None:
    FRAME.rename(columns={"size": "size, in m; or so"}).to_csv(tmp_path / "f.csv", sep=separator, index=False)
    frame = read(tmp_path / "f.csv")
    assert list(frame.columns) == ["Id", "size, in m; or so", *FRAME.columns[2:]]
    assert frame["price"].tolist() == FRAME["price"].tolist()


def test_values_come_in_types_that_tables_have(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "amount": [Decimal("1.50"), None],
            "count": [Decimal(3), Decimal(4)],
            "day": ["2026-01-31", None],
            "moment": ["2026-01-31 10:00:00", "2026-02-01T11:30:00"],
            "no day": ["2026-13-31", None],
        }
    )
    frame.to_parquet(tmp_path / "f.parquet")
    found = read(tmp_path / "f.parquet")
    assert found["amount"].dtype == float and found["count"].tolist() == [3, 4]
    assert found["day"][0] == date(2026, 1, 31)
    assert found["moment"][1] == pd.Timestamp("2026-02-01 11:30")
    assert found["no day"][0] == "2026-13-31"


def written(directory: Path, name: str, frame: pd.DataFrame, label: str) -> dict[str, str]:
    """The texts of the pipeline's files, by name."""
    write_pipeline(directory, name, describe(frame, label), frame)
    return {path.name: path.read_text() for path in directory.rglob("*") if path.suffix in (".py", ".sql", ".toml")}


def test_columns_keep_names_that_the_flagship_has_too(tmp_path: Path) -> None:
    frame = FRAME.rename(columns={"rooms": "insurance_charges", "price": "insurance_charges_prediction"})
    texts = written(tmp_path, "my_insurance", frame, "insurance_charges_prediction")
    assert texts["01_objects.sql"].count("    INSURANCE_CHARGES NUMBER(38,0)") == 3
    assert '"INSURANCE_CHARGES": Limits(' in texts["my_insurance_spec.py"]
    assert 'LABEL = "INSURANCE_CHARGES_PREDICTION"' in texts["my_insurance_spec.py"]
    assert "PROCEDURE TRAIN_SAVE_MY_INSURANCE_MODEL(" in texts["02_procedures.sql"]
    assert "MY_MY" not in "".join(texts.values())


def test_the_manifest_describes_the_pipeline_by_the_labels_own_name(tmp_path: Path) -> None:
    frame = FRAME.rename(columns={"price": 'Preis "netto" \\ m²'})
    manifest = tomllib.loads(written(tmp_path, "houses", frame, 'Preis "netto" \\ m²')["manifest.toml"])
    assert manifest["description"] == 'Predicts Preis "netto" \\ m².'
    assert manifest["variables"]["database"] == "HOUSES"


def test_a_label_called_like_a_word_of_sql_gives_the_model_its_name(tmp_path: Path) -> None:
    frame = FRAME.rename(columns={"sold": "left", "note": "predicted left"})
    texts = written(tmp_path, "churn", frame, "left")
    assert 'LABEL = "LEFT_"' in texts["churn_spec.py"]
    assert 'MODEL_NAME = "CHURN_LEFT_PREDICTION"' in texts["churn_spec.py"]
    # The file has a column of that name itself.
    assert 'PREDICTION = "PREDICTED_LEFT_"' in texts["churn_spec.py"]
    assert "    LEFT_ BOOLEAN,\n    PREDICTED_LEFT_ VARCHAR,\n" in texts["01_objects.sql"]


def test_classes_may_be_any_text(tmp_path: Path) -> None:
    classes = ("a\nb", 'it\'s "so"', "ünï \\")
    spec: dict[str, Any] = {}
    exec(written(tmp_path, "houses", FRAME.assign(sold=classes * 20), "sold")["houses_spec.py"], spec)
    assert spec["CLASSES"] == classes


def test_the_files_are_the_flagships_under_other_names(tmp_path: Path) -> None:
    texts = written(tmp_path, "houses", FRAME, "price")
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
