"""The files that the genuine registry client writes, and its reading of what SHOW answers."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Model, ModelVersion
from snowmelt.models import artefacts, versions

pytestmark = pytest.mark.ml
pytest.importorskip("snowflake.ml.model")
pytest.importorskip("sklearn")

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version's directory as `Registry.log_model` packages it, without a session."""
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from snowflake.ml._internal.platform_capabilities import PlatformCapabilities
    from snowflake.ml.model._model_composer.model_manifest.model_manifest import ModelManifest
    from snowflake.ml.model._packager.model_packager import ModelPackager

    root: Path = tmp_path_factory.mktemp("version")
    features = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0], "children": [0, 1, 2, 3]})
    model = LogisticRegression().fit(features, [0, 1, 0, 1])
    options: Any = {"relax_version": False, "embed_local_ml_library": False}
    with PlatformCapabilities.mock_features(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        packager = ModelPackager(str(root / "model"))
        packager.save(name="M", model=model, sample_input_data=features, options=options)
        ModelManifest(root).save(packager.meta, PurePosixPath("model"), options=options)
    return root


@pytest.fixture
def model(directory: Path) -> Model:
    found = artefacts.read_artefacts(directory)
    made = tuple(
        ModelVersion(name, NOW, name, functions=found.functions, user_data=found.user_data, spec=found.spec)
        for name in ("V1", "V2")
    )
    return versions.set_alias(Model(FullName("DB", "S", "M"), 1, NOW, versions=made, default_version="V1"), "V2", "NEW")


class _Session:
    """Answers SHOW as the server does, to the client's own classes."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._answer: artefacts.Shown = ([], [])

    def sql(self, query: str) -> _Session:
        if query.startswith("SHOW MODELS"):
            self._answer = artefacts.show_models([self._model])
        elif query.startswith("SHOW VERSIONS"):
            columns, rows = artefacts.show_versions(self._model)
            pattern = query.split("LIKE '")[1].split("'")[0] if "LIKE" in query else None
            self._answer = columns, [row for row in rows if pattern in (None, row[1])]
        else:
            assert query == "SHOW FUNCTIONS IN MODEL DB.S.M VERSION V1"
            self._answer = artefacts.show_functions(self._model, self._model.versions[0])
        return self

    def collect(self, **_: Any) -> list[Any]:
        from snowflake.snowpark import Row

        columns, rows = self._answer
        return [Row(**{name: value for (name, _), value in zip(columns, row, strict=True)}) for row in rows]


@pytest.fixture
def operator(model: Model) -> Any:
    from snowflake.ml._internal.utils.sql_identifier import SqlIdentifier
    from snowflake.ml.model._client.ops.model_ops import ModelOperator

    session: Any = _Session(model)
    return ModelOperator(session, database_name=SqlIdentifier("DB"), schema_name=SqlIdentifier("S"))


def where(**names: str) -> dict[str, Any]:
    from snowflake.ml._internal.utils.sql_identifier import SqlIdentifier

    given = {name: SqlIdentifier(value) for name, value in names.items()}
    return {"database_name": None, "schema_name": None, "model_name": SqlIdentifier("M"), **given}


def test_methods_are_read(directory: Path) -> None:
    methods = {function["name"]: function for function in artefacts.read_artefacts(directory).functions}
    assert set(methods) == {"PREDICT", "PREDICT_PROBA", "PREDICT_LOG_PROBA", "DECISION_FUNCTION"}
    predict = methods["PREDICT"]
    assert predict["inputs"] == (("AGE", "DOUBLE"), ("CHILDREN", "BIGINT"))
    assert predict["features"] == (("age", "DOUBLE"), ("children", "INT64"))
    module, function = predict["handler"].rsplit(".", 1)
    assert f"def {function}(" in (directory / f"{module.replace('.', '/')}.py").read_text()
    assert artefacts.output_struct(predict) == 'STRUCT("output_feature_0" DECIMAL(38,0))'
    assert artefacts.output_struct(methods["PREDICT_PROBA"]) == (
        'STRUCT("output_feature_0" DOUBLE, "output_feature_1" DOUBLE)'
    )


def test_the_client_reads_functions_and_signatures(operator: Any) -> None:
    found = {info["name"]: info for info in operator.get_functions(**where(version_name="V1"))}
    predict = found["PREDICT"]
    assert (predict["target_method"], predict["target_method_function_type"]) == ("predict", "FUNCTION")
    assert predict["is_object_output"] is True
    assert [feature.name for feature in predict["signature"].inputs] == ["age", "children"]


def test_the_client_reads_versions(operator: Any) -> None:
    assert [str(name) for name in operator.list_models_or_versions(**where())] == ["V1", "V2"]
    assert str(operator.get_default_version(**where())) == "V1"
    assert operator.validate_existence(**where(version_name="V2"))
    assert not operator.validate_existence(**where(version_name="V3"))
    for alias, version in {"DEFAULT": "V1", "first": "V1", "LAST": "V2", "new": "V2", "V1": None}.items():
        found = operator.get_version_by_alias(**where(alias_name=alias))
        assert (found and str(found)) == version


def test_the_client_reads_metadata_and_kind(operator: Any, model: Model) -> None:
    assert operator.get_model_task(**where(version_name="V1")).value == "TABULAR_BINARY_CLASSIFICATION"
    assert operator._metadata_ops.load(**where(version_name="V1")) == {"metrics": {}}
    assert operator.show_services(**where(version_name="V1")) == []
    metadata = '{"metrics": {"auc": 0.9}, "snowpark_ml_schema_version": "2024-01-01"}'
    operator._metadata_ops._model_client._session = _Session(versions.set_metadata(model, "V1", metadata))
    assert operator._metadata_ops.load(**where(version_name="V1")) == {"metrics": {"auc": 0.9}}
