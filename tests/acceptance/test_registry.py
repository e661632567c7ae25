"""The genuine model registry: versions, metrics, and predictions in Python and in SQL."""

from __future__ import annotations

from typing import Any

import pytest
from harness import Sql

pytestmark = pytest.mark.ml

REGISTRY = "https://docs.snowflake.com/en/developer-guide/snowflake-ml/model-registry/overview"
SQL_MODELS = "https://docs.snowflake.com/en/sql-reference/commands-model"
CALLING = "https://docs.snowflake.com/en/sql-reference/functions-model"


@pytest.fixture
def frame() -> Any:
    import pandas as pd

    return pd.DataFrame({"A": [0.0, 1.0, 2.0, 3.0], "B": [1.0, 0.0, 1.0, 0.0]})


@pytest.fixture
def registry(session: Any, frame: Any, database: str) -> Any:
    """A registry where the model PRICES has the versions V1 (twice A plus one) and V2 (three times A)."""
    from sklearn.linear_model import LinearRegression
    from snowflake.ml.registry import Registry

    found = Registry(session, database_name=database, schema_name="PUBLIC")
    for version, target in (("V1", 2 * frame["A"] + 1), ("V2", 3 * frame["A"])):
        found.log_model(
            LinearRegression().fit(frame, target),
            model_name="PRICES",
            version_name=version,
            sample_input_data=frame,
            metrics={"mape": 0.5 if version == "V1" else 0.25, "steps": [1, 2]},
            comment=f"the {version} one",
            options={"relax_version": False},
            target_platforms=["WAREHOUSE"],
        )
    return found


@pytest.fixture
def table(session: Any, frame: Any, registry: Any) -> Any:
    session.write_pandas(frame, "INPUTS", auto_create_table=True)
    return session.table("INPUTS")


def rounded(values: Any) -> list[float]:
    return [round(float(value), 6) for value in values]


V1 = [1.0, 3.0, 5.0, 7.0]
V2 = [0.0, 3.0, 6.0, 9.0]


@pytest.mark.parity("Registry.log_model", "versions, comments and metrics are kept", REGISTRY)
def test_versions(registry: Any) -> None:
    model = registry.get_model("PRICES")
    assert [version.version_name for version in model.versions()] == ["V1", "V2"]
    version = model.version("V2")
    assert (version.get_metric("mape"), version.show_metrics()) == (0.25, {"mape": 0.25, "steps": [1, 2]})
    assert version.comment == "the V2 one"
    version.set_metric("r2", 0.9)
    version.delete_metric("mape")
    assert model.version("V2").show_metrics() == {"steps": [1, 2], "r2": 0.9}
    assert [function["name"] for function in version.show_functions()] == ["PREDICT"]
    shown = registry.show_models()
    assert (shown["name"].tolist(), shown["default_version_name"].tolist()) == (["PRICES"], ["V1"])
    assert model.show_versions()["name"].tolist() == ["V1", "V2"]


@pytest.mark.parity("Registry: default and aliases", "name versions; LAST and FIRST name themselves", REGISTRY)
def test_default_and_aliases(registry: Any) -> None:
    model = registry.get_model("PRICES")
    assert model.default.version_name == "V1"
    model.default = "V2"
    assert registry.get_model("PRICES").default.version_name == "V2"
    model.version("V1").set_alias("champion")
    assert model.version("champion").version_name == "V1"
    assert (model.first().version_name, model.last().version_name) == ("V1", "V2")
    model.version("V1").unset_alias("champion")
    with pytest.raises(ValueError, match=r"(?i)champion"):
        model.version("champion")


@pytest.mark.parity("ModelVersion.run", "on Snowpark and on pandas DataFrames", REGISTRY)
def test_run(registry: Any, table: Any, frame: Any) -> None:
    version = registry.get_model("PRICES").version("V1")
    on_server = version.run(table, function_name="predict").sort("A").to_pandas()
    assert rounded(on_server["output_feature_0"]) == V1
    assert rounded(version.run(frame, function_name="predict")["output_feature_0"]) == V1


@pytest.mark.parity("ModelVersion.load", "gives back the model itself, whose predictions are those of SQL", REGISTRY)
def test_load(registry: Any, table: Any, frame: Any, sql: Sql) -> None:
    loaded = registry.get_model("PRICES").version("V1").load(force=True)
    on_server = sql.column(
        "SELECT A, MODEL(PRICES, V1)!PREDICT(A, B):output_feature_0::FLOAT AS P FROM inputs ORDER BY A", "P"
    )
    assert on_server == loaded.predict(frame).tolist()


@pytest.mark.parity("MODEL(m, v)!method", "calls a version by name or alias, the default one without", CALLING)
def test_predictions_in_sql(registry: Any, table: Any, sql: Sql) -> None:
    registry.get_model("PRICES").version("V2").set_alias("champion")
    for call, wanted in (
        ("PRICES!PREDICT", V1),
        ("MODEL(PRICES)!PREDICT", V1),
        ("MODEL(PRICES, V2)!PREDICT", V2),
        ("MODEL(PRICES, champion)!PREDICT", V2),
        ("MODEL(PRICES, LAST)!PREDICT", V2),
        ("MODEL(PRICES, FIRST)!PREDICT", V1),
    ):
        found = sql.column(f"SELECT A, {call}(A, B):output_feature_0::FLOAT AS P FROM inputs ORDER BY A", "P")
        assert rounded(found) == wanted, call
    sql.fails("SELECT MODEL(PRICES, V9)!PREDICT(A, B) FROM inputs")
    sql.fails("SELECT MODEL(NONE_SUCH, V1)!PREDICT(A, B) FROM inputs", 2003)
    sql.fails("SELECT PRICES!TRANSMOGRIFY(A, B) FROM inputs")


@pytest.mark.parity("MODEL(m, v)!method", "its arguments may be columns of rows that are shown whole", CALLING)
def test_predictions_beside_whole_rows(registry: Any, table: Any, sql: Sql) -> None:
    found = sql("SELECT *, MODEL(PRICES, V1)!PREDICT(A, B):output_feature_0::FLOAT FROM inputs ORDER BY A")
    assert rounded(row[-1] for row in found) == V1
    backwards = sql("WITH x AS (SELECT B, A FROM inputs) SELECT *, PRICES!PREDICT(A, B):output_feature_0::FLOAT FROM x")
    assert sorted((row[1], row[0]) for row in backwards) == sorted(row[:2] for row in found)
    assert sorted(rounded(row[2] for row in backwards)) == sorted(V1)
    sql.fails("SELECT *, PRICES!PREDICT(A, C) FROM inputs", 904)


@pytest.mark.parity("WITH alias AS MODEL m VERSION v", "names a version for one statement", CALLING)
def test_model_alias(registry: Any, table: Any, sql: Sql) -> None:
    found = sql.column(
        "WITH mv AS MODEL PRICES VERSION V2 "
        "SELECT A, mv!PREDICT(A, B):output_feature_0::FLOAT AS P FROM inputs ORDER BY A",
        "P",
    )
    assert rounded(found) == V2


@pytest.mark.parity("MODEL(m, v)!method", "in INSERT and MERGE, reading a stream", CALLING)
def test_predictions_into_a_table(registry: Any, table: Any, sql: Sql) -> None:
    sql("CREATE STREAM arrivals ON TABLE inputs")
    sql("CREATE TABLE gold (a FLOAT, p FLOAT)")
    sql("INSERT INTO inputs VALUES (10, 0)")
    sql(
        """MERGE INTO gold USING (
             SELECT A, MODEL(PRICES, V2)!PREDICT(A, B):output_feature_0::FLOAT AS P FROM arrivals
           ) AS s ON gold.a = s.A
           WHEN MATCHED THEN UPDATE SET p = s.P
           WHEN NOT MATCHED THEN INSERT (a, p) VALUES (s.A, s.P)"""
    )
    assert [rounded(row) for row in sql("SELECT * FROM gold")] == [[10.0, 30.0]]
    assert sql.one("SELECT SYSTEM$STREAM_HAS_DATA('arrivals')") is False


@pytest.mark.parity("SHOW MODELS, VERSIONS IN MODEL, FUNCTIONS IN MODEL", "tell what is registered", SQL_MODELS)
def test_show(registry: Any, sql: Sql) -> None:
    assert sql.column("SHOW MODELS", "name") == ["PRICES"]
    versions = sql.dicts("SHOW VERSIONS IN MODEL PRICES")
    assert [(row["name"], row["is_default_version"]) for row in versions] == [("V1", "true"), ("V2", "false")]
    assert sql.column("SHOW FUNCTIONS IN MODEL PRICES VERSION V1", "name") == ["PREDICT"]


@pytest.mark.parity("ALTER MODEL", "SET DEFAULT_VERSION, DROP VERSION, SET COMMENT", SQL_MODELS)
def test_alter_model(registry: Any, sql: Sql) -> None:
    sql("ALTER MODEL PRICES SET DEFAULT_VERSION = V2")
    sql("ALTER MODEL PRICES SET COMMENT = 'prices of things'")
    sql("ALTER MODEL PRICES DROP VERSION V1")
    assert sql.column("SHOW VERSIONS IN MODEL PRICES", "name") == ["V2"]
    assert sql.column("SHOW MODELS", "comment") == ["prices of things"]
    sql.fails("ALTER MODEL PRICES DROP VERSION V2")
    sql.fails("ALTER MODEL PRICES SET DEFAULT_VERSION = V9")


@pytest.mark.parity("Registry.delete_version, delete_model", "take versions and models away", REGISTRY)
def test_delete(registry: Any, sql: Sql) -> None:
    registry.get_model("PRICES").delete_version("V2")
    assert sql.column("SHOW VERSIONS IN MODEL PRICES", "name") == ["V1"]
    registry.delete_model("PRICES")
    assert sql("SHOW MODELS") == []
    sql("DROP MODEL IF EXISTS PRICES")
    sql.fails("DROP MODEL PRICES", 2003)


@pytest.mark.parity("Registry.log_model", "a version that is there is refused", REGISTRY)
def test_version_exists(registry: Any, frame: Any) -> None:
    from sklearn.linear_model import LinearRegression

    with pytest.raises(ValueError, match="already exist"):
        registry.log_model(
            LinearRegression().fit(frame, frame["A"]), model_name="PRICES", version_name="V1", sample_input_data=frame
        )
