"""A version's files in the registry, and its methods applied to rows; the Python code itself is faked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Model, ModelVersion
from snowmelt.models.inference import Inference

NOW = datetime(2026, 1, 1, tzinfo=UTC)

MANIFEST: dict[str, Any] = {
    "manifest_version": "1.0",
    "runtimes": {
        "python_runtime": {"language": "PYTHON", "version": "3.11", "imports": ["model/"], "dependencies": {}}
    },
    "methods": [
        {
            "name": "PREDICT",
            "runtime": "python_runtime",
            "type": "FUNCTION",
            "handler": "functions.predict.infer",
            "inputs": [{"name": "AGE", "type": "BIGINT"}, {"name": "BMI", "type": "DOUBLE"}],
            "outputs": [{"type": "OBJECT"}],
        },
        {
            "name": "EXPLAIN",
            "runtime": "python_runtime",
            "type": "TABLE_FUNCTION",
            "handler": "functions.explain.infer",
            "inputs": [{"name": "AGE", "type": "BIGINT"}],
            "outputs": [{"name": "AGE_SHARE", "type": "DOUBLE"}],
        },
    ],
}

SPEC: dict[str, Any] = {
    "signatures": {
        "predict": {
            "inputs": [{"name": "AGE", "type": "INT64"}, {"name": "BMI", "type": "DOUBLE"}],
            "outputs": [{"name": "CHARGES", "type": "DOUBLE"}],
        },
    },
}


@dataclass
class FakeMethods:
    """Answers with as many charges as there are rows, and remembers what it was asked."""

    applied: list[tuple[str, list[str], str, pa.StructType, pa.Table]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def apply(
        self, key: str, files: Sequence[Path], handler: str, result: pa.StructType, rows: pa.Table, cancel: Any = None
    ) -> pa.Array:
        """Numbers from zero."""
        self.applied.append((key, [path.name for path in files], handler, result, rows))
        return pa.array([{"CHARGES": float(i)} for i in range(rows.num_rows)], result)

    def forget(self, prefix: str) -> None:
        """Remembered only."""
        self.forgotten.append(prefix)


@pytest.fixture
def methods() -> FakeMethods:
    return FakeMethods()


@pytest.fixture
def inference(tmp_path: Path, methods: FakeMethods) -> Inference:
    return Inference(tmp_path / "stages", methods)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A version's files as they lie on a stage, by their paths in the version."""
    (tmp_path / "staged").mkdir()
    manifest, predict, spec = (tmp_path / "staged" / name for name in "123")
    manifest.write_text(yaml.safe_dump(MANIFEST))
    spec.write_text(yaml.safe_dump(SPEC))
    predict.write_text("def infer(frame): ...\n")
    return {"MANIFEST.yml": manifest, "functions/predict.py": predict, "model/model.yaml": spec}


def model_of(version: ModelVersion) -> Model:
    return Model(FullName("D", "S", "INSURANCE"), 7, NOW, versions=(version,), default_version=version.name)


@pytest.fixture
def version(inference: Inference, files: dict[str, Path]) -> ModelVersion:
    return inference.adopt(7, "V1", files, NOW)


def rows(count: int) -> pa.Table:
    return pa.table({"c3": pa.array(range(count), pa.int64()), "c4": pa.array([0.5] * count)})


# --- files -----------------------------------------------------------------------------------------------------------


def test_adopting_copies_the_files_and_reads_what_they_say(
    inference: Inference, version: ModelVersion, files: dict[str, Path]
) -> None:
    files["functions/predict.py"].unlink()
    directory = inference.directory(version)
    assert (directory / "functions" / "predict.py").read_text() == "def infer(frame): ...\n"
    assert (version.name, version.created_on) == ("V1", NOW)
    assert [function["name"] for function in version.functions] == ["PREDICT", "EXPLAIN"]


def test_every_version_has_a_directory_of_its_own(inference: Inference, files: dict[str, Path]) -> None:
    first, second = (inference.adopt(7, "V1", files, NOW) for _ in range(2))
    assert first.directory != second.directory


@pytest.mark.parametrize("path", ["../escape", "functions/../../escape", "/etc/escape", ""])
def test_a_path_that_leads_out_of_the_version_is_refused(
    inference: Inference, files: dict[str, Path], tmp_path: Path, path: str
) -> None:
    with pytest.raises(SqlError) as caught:
        inference.adopt(7, "V1", {**files, path: files["MANIFEST.yml"]}, NOW)
    assert caught.value.code == 1003
    assert list((tmp_path / "stages").iterdir()) == []


def test_files_that_are_no_model_leave_nothing_behind(
    inference: Inference, files: dict[str, Path], tmp_path: Path
) -> None:
    del files["MANIFEST.yml"]
    with pytest.raises(SqlError) as caught:
        inference.adopt(7, "V1", files, NOW)
    assert caught.value.code == 1008
    assert list((tmp_path / "stages").iterdir()) == []


def test_discarding_a_version_removes_its_files_and_unloads_it(
    inference: Inference, methods: FakeMethods, files: dict[str, Path], version: ModelVersion
) -> None:
    other = inference.adopt(7, "V2", files, NOW)
    inference.discard(version)
    assert not inference.directory(version).exists()
    assert inference.directory(other).exists()
    assert methods.forgotten == [version.directory]


def test_forgetting_a_model_leaves_models_whose_numbers_begin_alike(
    inference: Inference, methods: FakeMethods, files: dict[str, Path], version: ModelVersion
) -> None:
    another = inference.adopt(70, "V1", files, NOW)
    inference.forget(model_of(version))
    assert not inference.directory(version).exists()
    assert inference.directory(another).exists()
    (prefix,) = methods.forgotten
    assert version.directory.startswith(prefix)
    assert not another.directory.startswith(prefix)


# --- methods ---------------------------------------------------------------------------------------------------------


def test_a_method_gets_all_rows_at_once_by_position(
    inference: Inference, methods: FakeMethods, version: ModelVersion
) -> None:
    found = inference.apply(model_of(version), version, "PREDICT", rows(3))
    assert found.to_pylist() == [{"CHARGES": 0.0}, {"CHARGES": 1.0}, {"CHARGES": 2.0}]
    ((key, names, handler, result, given),) = methods.applied
    assert key.startswith(version.directory)
    assert names == ["MANIFEST.yml", "functions", "model"]
    assert handler == "functions.predict.infer"
    assert result == pa.struct([("CHARGES", pa.float64())])
    assert given.column_names == ["0", "1"]


def test_versions_and_methods_are_loaded_apart(
    inference: Inference, methods: FakeMethods, files: dict[str, Path], version: ModelVersion
) -> None:
    other = inference.adopt(7, "V2", files, NOW)
    for item in (version, other, version):
        inference.apply(model_of(item), item, "PREDICT", rows(1))
    first, second, third = (applied[0] for applied in methods.applied)
    assert first == third != second


def test_no_rows_need_no_model(inference: Inference, methods: FakeMethods, version: ModelVersion) -> None:
    found = inference.apply(model_of(version), version, "PREDICT", rows(0))
    assert (len(found), found.type) == (0, pa.struct([("CHARGES", pa.float64())]))
    assert methods.applied == []


def test_the_wrong_number_of_arguments_is_refused(
    inference: Inference, methods: FakeMethods, version: ModelVersion
) -> None:
    with pytest.raises(SqlError, match="it takes 2 arguments, 1 were given") as caught:
        inference.apply(model_of(version), version, "PREDICT", rows(2).select([0]))
    assert (caught.value.code, caught.value.sqlstate) == (1044, "42P13")
    assert methods.applied == []


def test_a_missing_method_is_refused(inference: Inference, version: ModelVersion) -> None:
    with pytest.raises(SqlError, match="NO_SUCH"):
        inference.apply(model_of(version), version, "NO_SUCH", rows(1))


def test_a_table_function_is_refused_by_name(inference: Inference, version: ModelVersion) -> None:
    with pytest.raises(SqlError, match="EXPLAIN") as caught:
        inference.apply(model_of(version), version, "EXPLAIN", rows(1).select([0]))
    assert caught.value.code == 2


def test_a_result_without_named_fields_is_refused(
    inference: Inference, methods: FakeMethods, files: dict[str, Path]
) -> None:
    del files["model/model.yaml"]
    unnamed = inference.adopt(7, "V1", files, NOW)
    with pytest.raises(SqlError, match="PREDICT"):
        inference.apply(model_of(unnamed), unnamed, "PREDICT", rows(1))
    assert methods.applied == []


def test_a_method_with_packed_inputs_is_refused_by_name(inference: Inference, version: ModelVersion) -> None:
    packed = replace(version, functions=tuple({**function, "wide": True} for function in version.functions))
    with pytest.raises(SqlError, match="PREDICT"):
        inference.apply(model_of(packed), packed, "PREDICT", rows(1))


def test_the_engine_knows_a_methods_result_as_a_struct(inference: Inference, version: ModelVersion) -> None:
    text = inference.output_type(model_of(version), version, "PREDICT")
    assert "CHARGES" in text
    assert "DOUBLE" in text
