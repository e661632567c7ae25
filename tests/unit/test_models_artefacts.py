"""What a version's files say, and what SHOW tells of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from snowmelt.base.errors import SqlError
from snowmelt.catalog import codec
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Model, ModelVersion
from snowmelt.models import artefacts

NOW = datetime(2026, 1, 1, tzinfo=UTC)

MANIFEST: dict[str, Any] = {
    "manifest_version": "1.0",
    "runtimes": {
        "python_runtime": {"language": "PYTHON", "version": "3.11", "imports": ["model/"], "dependencies": {}},
    },
    "methods": [
        {
            "name": "PREDICT",
            "runtime": "python_runtime",
            "type": "FUNCTION",
            "handler": "functions.predict.infer",
            "inputs": [{"name": "AGE", "type": "BIGINT"}, {"name": "Sex", "type": "STRING"}],
            "outputs": [{"type": "OBJECT"}],
            "params": [{"name": "SCALE", "type": "DOUBLE", "default": "1.5"}],
        },
        {
            "name": "explain",
            "runtime": "python_runtime",
            "type": "TABLE_FUNCTION",
            "handler": "functions.explain.infer",
            "inputs": [{"name": "AGE", "type": "BIGINT"}],
            "outputs": [{"name": "AGE_explanation", "type": "DOUBLE"}],
        },
    ],
    "user_data": {"trained": datetime(2026, 1, 1).date(), "rows": [1, 2]},
}

SPEC: dict[str, Any] = {
    "model_type": "xgboost",
    "task": "TABULAR_REGRESSION",
    "env": {"snowpark_ml_version": "2.6.0"},
    "function_properties": {"explain": {"PARTITIONED": True}},
    "signatures": {
        "predict": {
            "inputs": [
                {"type": "INT64", "name": "AGE", "nullable": True},
                {"type": "STRING", "name": "Sex", "nullable": True},
            ],
            "outputs": [
                {"type": "DOUBLE", "name": "output_feature_0", "nullable": True},
                {"type": "INT32", "name": 'say "n"', "nullable": True},
                {"type": "DOUBLE", "name": "vector", "shape": [3], "nullable": True},
                {"name": "group", "specs": [{"type": "DOUBLE", "name": "x"}]},
            ],
        },
    },
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a version's directory; changed parts of the manifest by keyword, None to leave one out."""

    def write(spec: Any = SPEC, **changes: Any) -> Path:
        manifest = {key: value for key, value in {**MANIFEST, **changes}.items() if value is not None}
        (tmp_path / "MANIFEST.yml").write_text(yaml.safe_dump(manifest))
        (tmp_path / "model").mkdir(exist_ok=True)
        if spec is not None:
            (tmp_path / "model" / "model.yaml").write_text(yaml.safe_dump(spec))
        return tmp_path

    return write


def changed(**changes: Any) -> list[dict[str, Any]]:
    """The manifest's methods, the first one changed."""
    return [{**MANIFEST["methods"][0], **changes}, *MANIFEST["methods"][1:]]


def model_of(found: artefacts.Artefacts, name: str = "V1") -> Model:
    version = ModelVersion(
        name, NOW, "1/x", functions=found.functions, user_data=found.user_data, spec=found.spec, comment="c"
    )
    return Model(FullName("DB", "S", "M"), 1, NOW, versions=(version,), default_version=name, comment="about")


def shown(answer: artefacts.Shown) -> list[dict[str, Any]]:
    columns, rows = answer
    return [dict(zip([name for name, _ in columns], row, strict=True)) for row in rows]


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_function_is_described(write: Callable[..., Path]) -> None:
    assert artefacts.read_artefacts(write()).functions[0] == {
        "name": "PREDICT",
        "target": "predict",
        "type": "FUNCTION",
        "partitioned": False,
        "handler": "functions.predict.infer",
        "runtime": "python_runtime",
        "python": "3.11",
        "imports": ("model",),
        "inputs": (("AGE", "BIGINT"), ("Sex", "STRING")),
        "params": (("SCALE", "DOUBLE", "1.5"),),
        "wide": False,
        "features": (("AGE", "INT64"), ("Sex", "STRING")),
        "returns": "OBJECT",
        "outputs": (("output_feature_0", "DOUBLE"), ('say "n"', "INT"), ("vector", "ARRAY"), ("group", "OBJECT")),
    }


def test_a_table_function_is_described_and_refused_as_a_result(write: Callable[..., Path]) -> None:
    function = artefacts.read_artefacts(write()).functions[1]
    assert (function["type"], function["returns"], function["partitioned"]) == ("TABLE_FUNCTION", "TABLE", True)
    assert function["outputs"] == (("AGE_explanation", "DOUBLE"),)
    with pytest.raises(SqlError, match='model method "explain": a partitioned table function'):
        artefacts.output_struct(function)


def test_descriptions_survive_the_catalog(write: Callable[..., Path]) -> None:
    model = model_of(artefacts.read_artefacts(write()))
    restored = codec.decode(codec.encode(model))
    assert restored.versions[0].functions == model.versions[0].functions
    assert artefacts.show_versions(restored) == artefacts.show_versions(model)


def test_user_data_becomes_json(write: Callable[..., Path]) -> None:
    assert artefacts.read_artefacts(write()).user_data == {"trained": "2026-01-01", "rows": [1, 2]}
    assert artefacts.read_artefacts(write(user_data=None)).user_data == {}


def test_the_specification_is_kept_as_text(write: Callable[..., Path]) -> None:
    directory = write()
    assert artefacts.read_artefacts(directory).spec == (directory / "model" / "model.yaml").read_text()


def test_without_a_specification_nothing_names_the_outputs(write: Callable[..., Path]) -> None:
    found = artefacts.read_artefacts(write(spec=None))
    assert (found.spec, found.functions[0]["outputs"]) == ("", ())
    with pytest.raises(SqlError, match="not an object with named fields"):
        artefacts.output_struct(found.functions[0])


def test_packed_inputs_are_marked(write: Callable[..., Path]) -> None:
    found = artefacts.read_artefacts(write(methods=changed(inputs=[{"name": "INPUT", "type": "OBJECT"}])))
    assert found.functions[0]["wide"] is True


def test_a_model_for_containers_only_has_no_functions(write: Callable[..., Path]) -> None:
    found = artefacts.read_artefacts(write(target_platforms=["SNOWPARK_CONTAINER_SERVICES"]))
    assert found.functions == ()
    assert shown(artefacts.show_versions(model_of(found)))[0]["runnable_in"] == '["SNOWPARK_CONTAINER_SERVICES"]'
    both = artefacts.read_artefacts(write(target_platforms=["WAREHOUSE", "SNOWPARK_CONTAINER_SERVICES"]))
    assert len(both.functions) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"methods": None}, "it has no methods"),
        ({"methods": "PREDICT"}, "methods should be a list, found str"),
        ({"methods": ["PREDICT"]}, "a method should be a mapping, found str"),
        ({"methods": changed(name=None)}, "has no 'name'"),
        ({"methods": changed(inputs=[{"name": "AGE"}])}, "has no 'type'"),
        ({"methods": changed(outputs={"type": "OBJECT"})}, "outputs should be a list, found dict"),
        ({"methods": changed(name="explain")}, "names are not unique"),
        ({"methods": changed(runtime="gpu")}, "runtime 'gpu' of method PREDICT"),
        ({"runtimes": None}, "runtimes should be a mapping, found NoneType"),
        ({"runtimes": {"python_runtime": {"imports": ["../other/"]}}}, "not a path inside the model"),
        ({"runtimes": {"python_runtime": {"imports": ["/etc"]}}}, "not a path inside the model"),
        ({"runtimes": {"python_runtime": {"imports": "model/"}}}, "imports should be a list, found str"),
        ({"user_data": [1]}, "user_data should be a mapping, found list"),
    ],
)
def test_ill_formed_manifests(write: Callable[..., Path], changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SqlError, match=r"Invalid model file MANIFEST\.yml: ") as raised:
        artefacts.read_artefacts(write(**changes))
    assert reason in raised.value.message
    assert (raised.value.code, raised.value.sqlstate) == (1008, "22023")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ([], "the document should be a mapping, found list"),
        ({"signatures": {"predict": {"outputs": [{"name": "x", "type": "COMPLEX"}]}}}, "the unknown type 'COMPLEX'"),
        ({"signatures": ["predict"]}, "signatures should be a mapping, found list"),
    ],
)
def test_ill_formed_specifications(write: Callable[..., Path], spec: Any, reason: str) -> None:
    with pytest.raises(SqlError, match=r"Invalid model file (model/)?model\.yaml: ") as raised:
        artefacts.read_artefacts(write(spec=spec))
    assert reason in raised.value.message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "the file is missing"),
        (b"a: [", "not well-formed YAML"),
        (b"\xff\xfe\xff", "not well-formed YAML"),
        (b"!!python/object/apply:os.getcwd []", "not well-formed YAML"),
        (b"", "the document should be a mapping, found NoneType"),
    ],
)
def test_manifests_that_are_no_yaml(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "MANIFEST.yml").write_bytes(content)
    with pytest.raises(SqlError) as raised:
        artefacts.read_artefacts(tmp_path)
    assert reason in raised.value.message
    # The registry client tries again five times when it reads this.
    assert "Unable to read file MANIFEST.yml" not in raised.value.message


# --- methods ---------------------------------------------------------------------------------------------------------


def test_output_struct_quotes_names(write: Callable[..., Path]) -> None:
    function = artefacts.read_artefacts(write()).functions[0]
    assert artefacts.output_struct(function) == (
        'STRUCT("output_feature_0" DOUBLE, "say ""n""" DECIMAL(38,0), "vector" JSON, "group" JSON)'
    )


def test_a_native_result_is_refused(write: Callable[..., Path]) -> None:
    found = artefacts.read_artefacts(write(methods=changed(outputs=[{"type": "DOUBLE"}])))
    assert found.functions[0]["returns"] == "DOUBLE"
    with pytest.raises(SqlError, match="not an object with named fields"):
        artefacts.output_struct(found.functions[0])


def test_find_function_is_exact(write: Callable[..., Path]) -> None:
    model = model_of(artefacts.read_artefacts(write()))
    version = model.versions[0]
    assert artefacts.find_function(model, version, "PREDICT")["target"] == "predict"
    assert artefacts.find_function(model, version, "explain")["target"] == "explain"
    with pytest.raises(SqlError, match=r"Unknown function DB\.S\.M!EXPLAIN") as raised:
        artefacts.find_function(model, version, "EXPLAIN")
    assert raised.value.code == 2140


# --- SHOW ------------------------------------------------------------------------------------------------------------


def test_show_models(write: Callable[..., Path]) -> None:
    first = model_of(artefacts.read_artefacts(write())).versions[0]
    model = replace(model_of(artefacts.read_artefacts(write())), versions=(first, replace(first, name="V2")))
    assert shown(artefacts.show_models([model])) == [
        {
            "created_on": NOW,
            "name": "M",
            "model_type": "USER_MODEL",
            "database_name": "DB",
            "schema_name": "S",
            "owner": "ACCOUNTADMIN",
            "comment": "about",
            "versions": '["V1", "V2"]',
            "default_version_name": "V1",
            "aliases": '{"DEFAULT": "V1", "FIRST": "V1", "LAST": "V2"}',
        }
    ]


def test_show_versions(write: Callable[..., Path]) -> None:
    model = model_of(artefacts.read_artefacts(write()))
    best = replace(model.versions[0], name="V2", aliases=("BEST",), metadata='{"metrics": {}}')
    rows = shown(artefacts.show_versions(replace(model, versions=(*model.versions, best))))
    assert [row["is_default_version"] for row in rows] == ["true", "false"]
    assert [json.loads(row["aliases"]) for row in rows] == [["DEFAULT", "FIRST"], ["LAST", "BEST"]]
    assert [row["metadata"] for row in rows] == ["{}", '{"metrics": {}}']
    first = rows[0]
    assert (first["name"], first["comment"], first["model_name"]) == ("V1", "c", "M")
    assert (first["database_name"], first["schema_name"]) == ("DB", "S")
    assert json.loads(first["functions"]) == ["PREDICT", "explain"]
    assert json.loads(first["user_data"])["rows"] == [1, 2]
    assert json.loads(first["model_attributes"]) == {
        "framework": "xgboost",
        "task": "TABULAR_REGRESSION",
        "client": "snowflake-ml-python 2.6.0",
    }
    assert yaml.safe_load(first["model_spec"]) == SPEC
    assert (first["runnable_in"], first["inference_services"]) == ('["WAREHOUSE"]', "[]")


def test_show_functions(write: Callable[..., Path]) -> None:
    model = model_of(artefacts.read_artefacts(write()))
    predict, explain = shown(artefacts.show_functions(model, model.versions[0]))
    assert json.loads(predict.pop("arguments")) == [
        {"name": "AGE", "type": "NUMBER"},
        {"name": "Sex", "type": "VARCHAR"},
        {"name": "SCALE", "type": "FLOAT"},
    ]
    assert predict == {
        "created_on": NOW,
        "name": "PREDICT",
        "version_name": "V1",
        "min_num_arguments": 2,
        "max_num_arguments": 3,
        "return_type": "OBJECT",
        "description": "user-defined function",
        "language": "PYTHON",
    }
    assert explain["return_type"] == 'TABLE ("AGE_explanation" FLOAT)'


def test_types_that_snowmelt_does_not_have_are_shown_as_written(write: Callable[..., Path]) -> None:
    inputs = [{"name": "V", "type": "GEOGRAPHY"}]
    model = model_of(artefacts.read_artefacts(write(methods=changed(inputs=inputs, params=[]))))
    row = shown(artefacts.show_functions(model, model.versions[0]))[0]
    assert json.loads(row["arguments"]) == [{"name": "V", "type": "GEOGRAPHY"}]
